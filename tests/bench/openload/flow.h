/* SPDX-License-Identifier: MIT
 *
 * Flows of requests while they run, and what came of them. A latency counts from the moment at
 * which the request was due, not from when it could be sent: what waits behind a slow answer is not
 * left out (no "coordinated omission"). Loop thread only.
 */
#ifndef STUDYHALL_TESTS_OPENLOAD_FLOW_H
#define STUDYHALL_TESTS_OPENLOAD_FLOW_H

#include <stdbool.h>

#include "tests/bench/openload/agenda.h"
#include "tests/bench/openload/histogram.h"
#include "tests/bench/openload/scenario.h"
#include "tests/upstream/random.h"

struct flow;

struct run {
	uv_loop_t *loop;
	struct agenda agenda;
	struct random random;
	int port;
	uint64_t begin_us, warm_us, end_us; /* what is due from warm to end is counted */
	bool over;                          /* nothing is sent any more */
};

struct flow *flow_new(struct run *run, const struct flow_plan *plan);
/* Requests that are counted and not answered. */
size_t flow_open(const struct flow *flow);
/* What it measured so far; what is open counts as not answered. */
json_t *flow_report(const struct flow *flow);

#endif
