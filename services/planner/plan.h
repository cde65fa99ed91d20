/* SPDX-License-Identifier: MIT
 *
 * Plans and items as messages, their entity tags, and what history hears of them. From tasks;
 * results are in the task's arena.
 */
#ifndef STUDYHALL_PLANNER_PLAN_H
#define STUDYHALL_PLANNER_PLAN_H

#include "services/planner/store.h"
#include "services/planner/store_many.h"

struct call;

/* False without memory, here and below. */
bool plan_item_message(const struct planner_item *item, Planner__Item *message);
/* The plan with its items, as `today` sees it. The head's lists are shared with plan->head. */
bool plan_message(const struct planner_plan *plan, const struct planner_item *items, size_t count,
                  int32_t today, Planner__Plan *message);
bool plan_summary(const struct planner_plan *plan, const struct planner_counts *counts,
                  int32_t today, Planner__PlanSummary *message);
/* "YYYY-MM-DD" in the arena; NULL without memory. */
char *plan_date(int32_t day);

/* Sets the ETag of the answer. A plan's names its version and, where the answer shows it, today: a
 * plan that nobody touched still counts days down. */
void plan_set_etag(struct call *call, uint32_t version, const struct planner_plan *plan,
                   int32_t today);
/* The same for the answer to who made the plan, as it was then. */
void plan_set_first_etag(struct call *call, const Planner__Plan *answer);
/* PRECONDITION_FAILED unless If-Match is absent, "*", or names the version. */
enum status plan_check_match(struct call *call, uint32_t version);

/* Writes to the outbox, within the transaction of the change. */
enum status plan_record_created(struct db *tx, const char *user, const struct planner_plan *plan);
enum status plan_record_created_many(struct db *tx, const struct planner_new_plan *plans,
                                     size_t count);
/* The item was ticked, unticked, or changed while ticked. */
enum status plan_record_done(struct db *tx, const char *user, const struct planner_plan *plan,
                             const struct planner_item *item);

#endif
