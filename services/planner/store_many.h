/* SPDX-License-Identifier: MIT
 *
 * What store.h does for one learner, for many at once: the statements of db_batch.h's batches. In a
 * transaction. They know only what is usual; CONFLICT says that something is not, and that the
 * transaction is to be given up; mostly only the next statement with a result or the commit says so
 * (db_later()).
 */
#ifndef STUDYHALL_PLANNER_STORE_MANY_H
#define STUDYHALL_PLANNER_STORE_MANY_H

#include "services/planner/store.h"

/* One more plan of the day for each; CONFLICT if one of them has no more. `used` counts in order;
 * without a limit (UINT32_MAX) nobody looks how many there were. */
struct planner_take {
	const char *user;
	int32_t day;
	uint32_t used;
};
enum status planner_store_take_plans(struct db *tx, struct planner_take *takes, size_t count,
                                     uint32_t limit);

struct planner_new_plan {
	const char *user;
	const struct planner_plan *plan;
	const struct planner_item *items;
	size_t item_count;
};
/* Plans with their items. */
enum status planner_store_insert_many(struct db *tx, const struct planner_new_plan *plans,
                                      size_t count);

/* CONFLICT if one of these users is erased. */
enum status planner_store_none_erased(struct db *tx, const char *const *users, size_t count);

#endif
