/* SPDX-License-Identifier: MIT
 *
 * How long something takes: a distribution, in milliseconds. Pure.
 *
 * As JSON: a number (always that long), or an object with "distribution" and its parameters:
 *   {"distribution": "uniform", "min": 100, "max": 900}
 *   {"distribution": "lognormal", "median": 3000, "sigma": 0.5}
 *   {"distribution": "pareto", "min": 1000, "alpha": 1.5}      the heavy tail
 * each with an optional "cap" (default LATENCY_CAP).
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_LATENCY_H
#define STUDYHALL_TESTS_UPSTREAM_LATENCY_H

#include "tests/upstream/random.h"

#include <jansson.h>

#define LATENCY_CAP 600000.0 /* ten minutes */

enum latency_kind {
	LATENCY_FIXED,     /* a */
	LATENCY_UNIFORM,   /* a..b */
	LATENCY_LOGNORMAL, /* median a, sigma b */
	LATENCY_PARETO,    /* least a, shape b */
};

struct latency {
	enum latency_kind kind;
	double a, b;
	double cap;
};

/* Milliseconds. */
uint32_t latency_draw(const struct latency *latency, struct random *random);
/* NULL, or what is wrong. */
const char *latency_parse(const json_t *json, struct latency *latency);
json_t *latency_json(const struct latency *latency);

#endif
