/* SPDX-License-Identifier: MIT
 *
 * Which days of a span are for studying. Pure and thread-safe.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_STUDY_DAYS_H
#define STUDYHALL_PLANNER_BUILTIN_STUDY_DAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "services/planner/builtin/terms.h"

struct study_span {
	int32_t first_day; /* days since 1970-01-01 */
	int32_t last_day;  /* inclusive */
	bool has_exam;
	int32_t exam_day;   /* nothing is planned on it or later */
	unsigned rest_days; /* PLAN_REST_DAY bits */
};

struct study_days {
	int count;
	int32_t day[PLAN_MAX_DAYS]; /* ascending */
};

/* The days of the span that are before the exam and not resting; at most PLAN_MAX_DAYS. */
void study_days_of(const struct study_span *span, struct study_days *out);
/* Index of the first study day that is `day` or later; `count` if there is none. */
int study_days_from(const struct study_days *days, int32_t day);

#endif
