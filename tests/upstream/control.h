/* SPDX-License-Identifier: MIT
 *
 * The control API under /_upstream/: config, ledger, counts, stats, release. README.md describes
 * it.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_CONTROL_H
#define STUDYHALL_TESTS_UPSTREAM_CONTROL_H

#include "tests/upstream/call.h"

/* Is the request for the control API? */
bool control_match(const struct http_request *request);
/* Answers it; in its task. */
void control_run(struct upstream *upstream, struct http_request *request);

/* Resident memory of the process now, in KB. */
long control_rss_kb(void);

#endif
