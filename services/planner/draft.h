/* SPDX-License-Identifier: MIT
 *
 * From what a learner asks for to a plan that is ready to be stored: defaults, checks across
 * fields, the built-in planner. From a task; results in its arena.
 */
#ifndef STUDYHALL_PLANNER_DRAFT_H
#define STUDYHALL_PLANNER_DRAFT_H

#include "services/planner/store.h"

struct call;

struct draft {
	struct planner_plan plan;
	struct planner_item *items; /* with ids, in the order of the plan */
	size_t item_count;
};

/* VALIDATION with violations set on the call; OVERLOADED without memory. */
enum status draft_make(struct call *call, const Planner__CreatePlanRequest *request,
                       struct draft *draft);

#endif
