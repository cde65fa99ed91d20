/* SPDX-License-Identifier: MIT
 *
 * The study plan that the stand-in's models write: always the same for the same request. Pure.
 *
 * The request is a JSON object in the prompt with
 *   "dates"            the study days, "YYYY-MM-DD", in order
 *   "topics"           what is to be learned, strings
 *   "minutes_per_day"  of study, at most
 *   "days_done"        dates that are planned already (optional): they are left out
 * and the answer {"days":[{"date":"...","items":[{"title":"...","minutes":30,"kind":"study"}]}]}.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_PLAN_TEXT_H
#define STUDYHALL_TESTS_UPSTREAM_PLAN_TEXT_H

#include "common/base/buf.h"
#include "tests/upstream/fault.h"

#include <jansson.h>
#include <stdbool.h>

#define PLAN_TEXT_DAYS  1000
#define PLAN_TEXT_LIMIT ((size_t)4 << 20)

struct plan_text {
	struct buf text;
	size_t *day_ends; /* offset behind each day's last byte; malloc'ed */
	unsigned days;
};

/* Is it such a request, within the bounds? */
bool plan_text_wanted(const json_t *request);
/* Writes the plan; `fault` (of FAULT_TEXT, or NONE) spoils its content where that is what the fault
 * is about. False without memory; fini in every case. */
bool plan_text_write(const json_t *request, enum fault_kind fault, struct plan_text *plan);
void plan_text_fini(struct plan_text *plan);

#endif
