/* SPDX-License-Identifier: MIT
 *
 * The planner service's only SQL. From tasks; `db` is the pool or a transaction; the statuses are
 * db.h's. Texts in results are in the task's arena. Days are numbers since 1970-01-01, times
 * milliseconds since 1970, UTC.
 */
#ifndef STUDYHALL_PLANNER_STORE_H
#define STUDYHALL_PLANNER_STORE_H

#include "common/base/status.h"
#include "common/service/cursor.h"

#include "planner.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

struct planner_plan {
	const char *id;
	uint32_t version;
	int64_t created_ms;
	int32_t start_day, end_day;
	bool has_exam;
	int32_t exam_day;
	Planner__Plan
	    *head; /* without items; its texts may be replaced before planner_store_put() */
};

struct planner_item {
	const char *plan_id;
	const char *id;
	uint32_t version;
	int32_t day;
	const char *title;
	uint32_t minutes;
	int kind;
	int64_t done_ms; /* 0: not done */
	int64_t changed_ms;
	int first_topic, topic_count; /* topic_count 0: not known */
};

/* --- plans --- */

enum status planner_store_insert(struct db *tx, const char *user, const struct planner_plan *plan);
/* NOT_FOUND: there is none of this user's. With `lock` the row is locked until the transaction's
 * end. */
enum status planner_store_get(struct db *db, const char *user, const char *id, bool lock,
                              struct planner_plan *plan);
/* Writes the head and the next version, which it sets. */
enum status planner_store_put(struct db *tx, struct planner_plan *plan);
/* With its items. */
enum status planner_store_delete(struct db *tx, const char *id);
/* Up to `limit` plans, newest first, beyond `after` (NULL: from the newest on). */
enum status planner_store_list(struct db *db, const char *user, const struct cursor *after,
                               size_t limit, struct planner_plan **plans, size_t *count);

/* The newest that is not over; NOT_FOUND. */
enum status planner_store_current(struct db *db, const char *user, int32_t today,
                                  struct planner_plan *plan);

struct planner_counts {
	uint32_t items, done;
	bool has_next;
	int32_t next_day; /* of the first item that is not done and not before today */
};
enum status planner_store_counts(struct db *db, const char *plan, int32_t today,
                                 struct planner_counts *counts);

/* --- items --- */

/* Adds the items, or replaces those of the same ids. */
enum status planner_store_put_items(struct db *tx, const char *user,
                                    const struct planner_item *items, size_t count);
/* In the order of the plan. */
enum status planner_store_items(struct db *db, const char *plan, struct planner_item **items,
                                size_t *count);
enum status planner_store_item(struct db *db, const char *plan, const char *id,
                               struct planner_item *item);
enum status planner_store_delete_item(struct db *tx, const char *plan, const char *id);
/* Items of the plan on a day, other than `except` (may be NULL). */
enum status planner_store_count_day(struct db *db, const char *plan, int32_t day,
                                    const char *except, size_t *count);

struct planner_item_filter {
	int32_t from_day, to_day; /* both inclusive */
	int done;                 /* -1: any, 0, 1 */
};
/* Up to `limit` items over all plans, by day, beyond `after`. */
enum status planner_store_find_items(struct db *db, const char *user,
                                     const struct planner_item_filter *filter,
                                     const struct cursor *after, size_t limit,
                                     struct planner_item **items, size_t *count);

/* By (day, id), up to `limit` each: today's items, those before that are not done, and those not
 * done of the next day that has any. */
enum status planner_store_items_around(struct db *db, const char *user, int32_t today, size_t limit,
                                       struct planner_item **items, size_t *count);

/* --- quota, erasure --- */

/* Takes one plan of the day, in one atomic step. *granted is false when `limit` plans are taken. */
enum status planner_store_take_plan(struct db *tx, const char *user, int32_t day, uint32_t limit,
                                    bool *granted, uint32_t *used);
enum status planner_store_quota(struct db *db, const char *user, int32_t day, uint32_t *plans,
                                uint32_t *tokens);

/* As in the history service: first the tombstone is committed, then everything is removed; who adds
 * looks for the tombstone after having added. */
enum status planner_store_mark_erased(struct db *tx, const char *user, int64_t now_ms);
enum status planner_store_is_erased(struct db *tx, const char *user, bool *erased);
/* Removes one plan of the user with its items; *more is false when there was none left. */
enum status planner_store_erase_plan(struct db *tx, const char *user, bool *more);
enum status planner_store_erase_quota(struct db *tx, const char *user);

#endif
