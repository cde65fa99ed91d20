/* SPDX-License-Identifier: MIT
 *
 * What the models are told: a system text from a file that a person may edit
 * (prompts/LOCALE/plan.txt), and the learner's request as one JSON object, which is data only.
 */
#ifndef STUDYHALL_PLANNER_AI_PROMPT_H
#define STUDYHALL_PLANNER_AI_PROMPT_H

#include "services/planner/ai/plan_check.h"

struct buf;
struct prompts;

/* Reads the files of `dir`; NULL: "prompts" beside the program, else where a build has them in the
 * source tree. NULL with one line in `error` that names the file. */
struct prompts *prompts_new(const char *dir, char *error, size_t error_size);
void prompts_free(struct prompts **prompts);
/* The system text for plans. */
const char *prompts_plan(const struct prompts *prompts, enum plan_locale locale);

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
