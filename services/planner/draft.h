/* SPDX-License-Identifier: MIT
 *
 * From what a learner asks for to a plan that is ready to be stored: defaults, checks across
 * fields, the built-in planner. From a task; results in its arena.
 */
#ifndef STUDYHALL_PLANNER_DRAFT_H
#define STUDYHALL_PLANNER_DRAFT_H

#include "services/planner/builtin/schedule.h"
#include "services/planner/store.h"

struct draft {
	struct planner_plan plan;
	struct planner_item *items; /* with ids, in the order of the plan */
	size_t item_count;
};

/* What is wrong with a request: the field's pointer, and a sentence's end. Static texts. */
struct draft_flaw {
	const char *pointer, *detail;
};

/* The request with its defaults, as of `today`; `locale` is the learner's. VALIDATION with a flaw:
 * the fields do not go together. Pure; borrows the request's texts. */
enum status draft_read(const Planner__CreatePlanRequest *request, int32_t today, const char *locale,
                       struct schedule_request *schedule, struct draft_flaw *flaw);
/* The plan `id` by the built-in planner, of a request that draft_read() took. OVERLOADED without
 * memory. */
enum status draft_make(const Planner__CreatePlanRequest *request,
                       const struct schedule_request *schedule, const char *id,
                       struct draft *draft);
/* The plan `id` of items that somebody else made; they have day, title, minutes, kind and id. */
struct draft_source {
	const char *provider, *model;
	uint32_t prompt_tokens, completion_tokens;
};
enum status draft_of_items(const Planner__CreatePlanRequest *request,
                           const struct schedule_request *schedule, const char *id,
                           const struct draft_source *source, struct planner_item *items,
                           size_t count, struct draft *draft);
/* Adds a warning. `detail` must stay valid. */
enum status draft_warn(struct draft *draft, const char *code, const char *detail);

#endif
