/* SPDX-License-Identifier: MIT
 *
 * The learner's request as the models get it: one JSON object, which is data only. What they are
 * told to do with it stands in prompts/LOCALE/plan.txt (common/ai/prompts.h).
 */
#ifndef STUDYHALL_PLANNER_AI_PROMPT_H
#define STUDYHALL_PLANNER_AI_PROMPT_H

#include "services/planner/ai/plan_check.h"

struct buf;

struct prompt_problem {
	int32_t day; /* INT32_MIN: no date */
	enum plan_problem problem;
};

/* The state of a plan that is asked for, or for the rest of it. */
struct prompt_plan {
	const struct plan_ask *ask;
	const struct plan_rules *rules;
	const struct plan_day *days; /* as many as study days; count 0: not there yet */
	int until;                   /* index of the last day wanted; below 0: all */
	const struct prompt_problem *problems;
	size_t problem_count;
	const size_t *missing; /* topics that were left out */
	size_t missing_count;
};

/* Writes the object. */
void prompt_write_plan(struct buf *out, const struct prompt_plan *plan);

#endif
