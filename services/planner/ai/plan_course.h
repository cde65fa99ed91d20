/* SPDX-License-Identifier: MIT
 *
 * The course of one plan at one provider: asks, takes in days as they come, asks for what is still
 * missing. Private to plan_ai.c and plan_course.c; one task.
 */
#ifndef STUDYHALL_PLANNER_AI_PLAN_COURSE_H
#define STUDYHALL_PLANNER_AI_PLAN_COURSE_H

#include "common/ai/chat.h"
#include "services/planner/ai/plan_reader.h"
#include "services/planner/ai/prompt.h"

#define COURSE_PROBLEMS 24 /* named to the model */

struct course {
	const struct plan_ask *ask;
	const struct plan_ai_sink *sink;
	struct plan_ai_result *result;
	const char *system;
	const struct chat_schema *schema;
	struct plan_rules rules;
	struct plan_day *days; /* as many as study days; count 0: not there yet */
	size_t filled;
	size_t given;         /* the first so many are the sink's */
	bool failed;          /* a provider was asked in vain */
	bool out_of_budget;   /* for a provider's call */
	bool topics_repaired; /* at this provider */
	/* What was wrong with the latest answer: */
	struct prompt_problem problems[COURSE_PROBLEMS];
	size_t problem_count;
	const size_t *missing; /* topics */
	size_t missing_count;
	/* While an answer comes in: */
	struct plan_reader reader;
	enum status stopped; /* what the sink said */
};

/* OVERLOADED without memory. The arena is the task's. */
enum status course_init(struct course *course, const struct plan_ask *ask,
                        const struct plan_ai_sink *sink, struct plan_ai_result *result);
/* Drops all days, and says so. */
enum status course_reset(struct course *course, const char *reason);
/* At the provider that is the place-th (from 0 on) of `count` to be asked. OK: the plan is whole.
 * PROVIDERS_FAILED: not at this provider. Anything else ends the course. */
enum status course_run(struct course *course, struct chat *chat, size_t place, size_t count);
/* Writes the request for the days still missing, sets *until as in struct prompt_plan. */
void course_write(struct course *course, struct buf *out, uint32_t *max_tokens, int *until);

#endif
