/* SPDX-License-Identifier: MIT
 * Many learners' rows in few statements. Counters are taken in the order of their keys, so that two
 * batches never wait for each other in a circle. */
#include "services/planner/store_many.h"

#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/task/task.h"
#include "services/planner/store_private.h"

#include <stdlib.h>
#include <string.h>

/* --- the day's plans ----------------------------------------------------------------------------
 */

/* A learner's day, and what the batch takes of it. */
struct take_sum {
	const char *user;
	int32_t day;
	uint32_t taken, before;
};

static int
take_sum_compare(const void *a, const void *b)
{
	const struct take_sum *one = a, *other = b;
	int order = strcmp(one->user, other->user);

	return order != 0 ? order : (one->day > other->day) - (one->day < other->day);
}

static struct take_sum *
take_sum_find(struct take_sum *sums, size_t count, const char *user, int32_t day)
{
	for (size_t i = 0; i < count; i++)
		if (sums[i].day == day && strcmp(sums[i].user, user) == 0)
			return &sums[i];
	return NULL;
}

static size_t
take_sum_up(struct take_sum *sums, const struct planner_take *takes, size_t count)
{
	size_t distinct = 0;

	for (size_t i = 0; i < count; i++) {
		struct take_sum *sum = take_sum_find(sums, distinct, takes[i].user, takes[i].day);

		if (sum == NULL) {
			sum = &sums[distinct++];
			*sum = (struct take_sum){.user = takes[i].user, .day = takes[i].day};
		}
		sum->taken++;
	}
	qsort(sums, distinct, sizeof *sums, take_sum_compare);
	return distinct;
}

static enum status
take_sum_add(struct db *tx, const struct take_sum *sums, size_t count, struct db_value *args)
{
	for (size_t i = 0; i < count; i++) {
		args[i * 3] = DB_TEXT(sums[i].user);
		args[i * 3 + 1] = DB_INT(sums[i].day);
		args[i * 3 + 2] = DB_UINT(sums[i].taken);
	}
	return db_many_rows_later(tx,
	                          "INSERT INTO quota (user_id, day, plans, tokens)"
	                          " VALUES {(?, ?, ?, 0)|, }"
	                          " ON DUPLICATE KEY UPDATE plans = plans + VALUES(plans)",
	                          args, 3, count);
}

/* The rows are ours by now. */
static enum status
take_sum_check(struct db *tx, struct take_sum *sums, size_t count, uint32_t limit,
               struct db_value *args)
{
	size_t padded = db_many_padded(count);
	struct db_rows *rows;
	enum status status;

	for (size_t i = 0; i < padded; i++) {
		const struct take_sum *sum = &sums[i < count ? i : count - 1];

		args[i * 2] = DB_TEXT(sum->user);
		args[i * 2 + 1] = DB_INT(sum->day);
	}
	status = db_many_query(tx, &rows,
	                       "SELECT user_id, day, plans FROM quota FORCE INDEX (PRIMARY)"
	                       " WHERE {(user_id = ? AND day = ?)| OR }",
	                       padded, args, padded * 2);
	for (size_t i = 0; status == STATUS_OK && i < db_count(rows); i++) {
		struct take_sum *sum =
		    take_sum_find(sums, count, db_text(rows, i, 0), (int32_t)db_int(rows, i, 1));
		uint32_t plans = (uint32_t)db_uint(rows, i, 2);

		if (sum == NULL || plans > limit)
			return STATUS_CONFLICT;
		sum->before = plans - sum->taken;
	}
	return status;
}

enum status
planner_store_take_plans(struct db *tx, struct planner_take *takes, size_t count, uint32_t limit)
{
	struct arena *arena = task_arena();
	struct take_sum *sums = arena_calloc(arena, count, sizeof *sums);
	struct db_value *args = arena_calloc(arena, db_many_padded(count) * 3, sizeof *args);
	size_t distinct;
	enum status status;

	if (sums == NULL || args == NULL)
		return STATUS_OVERLOADED;
	distinct = take_sum_up(sums, takes, count);
	status = take_sum_add(tx, sums, distinct, args);
	if (status == STATUS_OK && limit != UINT32_MAX)
		status = take_sum_check(tx, sums, distinct, limit, args);
	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		takes[i].used =
		    ++take_sum_find(sums, distinct, takes[i].user, takes[i].day)->before;
	return status;
}

/* --- plans ---------------------------------------------------------------------------------------
 */

static enum status
planner_store_insert_items(struct db *tx, const struct planner_new_plan *plans, size_t count)
{
	size_t total = 0, done = 0;
	struct db_value *args;

	for (size_t i = 0; i < count; i++)
		total += plans[i].item_count;
	args = arena_calloc(task_arena(), total * PLANNER_ITEM_FIELDS + 1, sizeof *args);
	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < plans[i].item_count; j++)
			planner_store_item_args(plans[i].user, &plans[i].items[j],
			                        args + done++ * PLANNER_ITEM_FIELDS);
	return db_many_rows_later(tx, PLANNER_INSERT_ITEMS, args, PLANNER_ITEM_FIELDS, total);
}

enum status
planner_store_insert_many(struct db *tx, const struct planner_new_plan *plans, size_t count)
{
	struct db_value *args =
	    arena_calloc(task_arena(), count * PLANNER_PLAN_FIELDS, sizeof *args);
	enum status status = args != NULL ? STATUS_OK : STATUS_OVERLOADED;

	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = planner_store_plan_args(plans[i].user, plans[i].plan,
		                                 args + i * PLANNER_PLAN_FIELDS);
	if (status == STATUS_OK)
		status =
		    db_many_rows_later(tx, PLANNER_INSERT_PLANS, args, PLANNER_PLAN_FIELDS, count);
	return status == STATUS_OK ? planner_store_insert_items(tx, plans, count) : status;
}

/* --- erasure -------------------------------------------------------------------------------------
 */

enum status
planner_store_none_erased(struct db *tx, const char *const *users, size_t count)
{
	size_t padded = db_many_padded(count);
	struct db_value *args = arena_calloc(task_arena(), padded, sizeof *args);

	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < padded; i++)
		args[i] = DB_TEXT(users[i < count ? i : count - 1]);
	return db_many_later(tx, 0, STATUS_CONFLICT,
	                     "SELECT 1 FROM erased_user WHERE user_id IN ({?|, }) LIMIT 1", padded,
	                     args, padded);
}
