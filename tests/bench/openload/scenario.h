/* SPDX-License-Identifier: MIT
 *
 * What openload is told to do, as JSON:
 *
 *   {"port": 8080, "warm_s": 2, "seconds": 10, "grace_s": 30, "seed": 1,
 *    "flows": [{"name": "history", "rate": 500, "connections": 1000, "tokens": ["..."],
 *               "steps": [{"name": "history", "method": "GET", "path": "/v1/history"}]},
 *              {"name": "plans", "users": 1000, "ramp_s": 5, "think_s": [10, 30], "tokens": [...],
 *               "steps": [{"name": "plan", "method": "POST", "path": "/v1/plans", "type":
 *                          "application/json", "body": "{...}"}, ...]}]}
 *
 * A flow with a `rate` is requests that come at random moments (a Poisson process), so many a
 * second, whatever has been answered; each takes a connection that is free, or a new one, up to
 * `connections`. A flow with `users` is so many people, each with a connection: they begin within
 * `ramp_s`, take the steps in turn and think between an answer and the next step. Without steps
 * they only connect. A step has a `body` or a `body_file`, and may have `paths`, one for each user
 * in turn. Tokens are given out in turn, too.
 */
#ifndef STUDYHALL_TESTS_OPENLOAD_SCENARIO_H
#define STUDYHALL_TESTS_OPENLOAD_SCENARIO_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct step {
	const char *name, *method, *path, *type, *headers;
	const json_t *paths, *bodies;
	const char *body;
	size_t body_length;
};

struct flow_plan {
	const char *name;
	double rate;  /* a second; or */
	size_t users; /* this many */
	uint64_t ramp_us;
	uint64_t think_least_us, think_most_us;
	size_t connections; /* at most, of a rate */
	const json_t *tokens;
	struct step *steps;
	size_t step_count;
};

struct scenario {
	json_t *document; /* what all texts above belong to */
	int port;
	uint64_t warm_us, run_us, grace_us, seed;
	struct flow_plan *flows;
	size_t flow_count;
};

/* Reads and checks it. NULL, and one line in `error`, if it cannot be used. Never freed: the
 * program ends with it. */
struct scenario *scenario_read(const char *path, char *error, size_t error_size);
/* What the n-th request of that step asks, and its body; NULL if it has none. */
const char *scenario_path(const struct step *step, size_t number);
const char *scenario_body(const struct step *step, size_t number, size_t *length);
/* The n-th token, or NULL if the flow has none. */
const char *scenario_token(const struct flow_plan *flow, size_t number);

#endif
