/* SPDX-License-Identifier: MIT
 * The plan table, the quota and the tombstones. */
#include "services/planner/store.h"

#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/task/task.h"
#include "services/planner/store_private.h"

#define PLAN_COLUMNS "id, version, created_at, start_day, end_day, exam_day, head"

static enum status
planner_store_pack(const Planner__Plan *head, const void **bytes, size_t *length)
{
	uint8_t *packed;

	*length = planner__plan__get_packed_size(head);
	packed = arena_alloc(task_arena(), *length + 1);
	if (packed == NULL)
		return STATUS_OVERLOADED;
	planner__plan__pack(head, packed);
	*bytes = packed;
	return STATUS_OK;
}

static enum status
planner_store_plan(const struct db_rows *rows, size_t i, struct planner_plan *plan)
{
	size_t length;
	const void *head = db_blob(rows, i, 6, &length);

	plan->id = db_text(rows, i, 0);
	plan->version = (uint32_t)db_uint(rows, i, 1);
	plan->created_ms = db_int(rows, i, 2);
	plan->start_day = (int32_t)db_int(rows, i, 3);
	plan->end_day = (int32_t)db_int(rows, i, 4);
	plan->has_exam = !db_is_null(rows, i, 5);
	plan->exam_day = (int32_t)db_int(rows, i, 5);
	plan->head = planner__plan__unpack(arena_allocator(task_arena()), length, head);
	return plan->head != NULL ? STATUS_OK : STATUS_INTERNAL;
}

enum status
planner_store_plan_args(const char *user, const struct planner_plan *plan, struct db_value *args)
{
	const void *head;
	size_t length;
	enum status status = planner_store_pack(plan->head, &head, &length);

	if (status != STATUS_OK)
		return status;
	*args++ = DB_TEXT(plan->id);
	*args++ = DB_TEXT(user);
	*args++ = DB_INT(plan->version);
	*args++ = DB_INT(plan->created_ms);
	*args++ = DB_INT(plan->start_day);
	*args++ = DB_INT(plan->end_day);
	*args++ = plan->has_exam ? DB_INT(plan->exam_day) : DB_NULL;
	*args = DB_BLOB(head, length);
	return STATUS_OK;
}

enum status
planner_store_insert(struct db *tx, const char *user, const struct planner_plan *plan)
{
	struct db_value args[PLANNER_PLAN_FIELDS];
	enum status status = planner_store_plan_args(user, plan, args);

	if (status != STATUS_OK)
		return status;
	return db_many_rows(tx, NULL, PLANNER_INSERT_PLANS, args, PLANNER_PLAN_FIELDS, 1);
}

enum status
planner_store_get(struct db *db, const char *user, const char *id, bool lock,
                  struct planner_plan *plan)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(
	    db, &rows,
	    lock ? "SELECT " PLAN_COLUMNS " FROM plan WHERE id = ? AND user_id = ? FOR UPDATE"
	         : "SELECT " PLAN_COLUMNS " FROM plan WHERE id = ? AND user_id = ?",
	    DB_TEXT(id), DB_TEXT(user));

	if (status != STATUS_OK)
		return status;
	return db_count(rows) == 1 ? planner_store_plan(rows, 0, plan) : STATUS_NOT_FOUND;
}

enum status
planner_store_put(struct db *tx, struct planner_plan *plan)
{
	const void *head;
	size_t length;
	enum status status = planner_store_pack(plan->head, &head, &length);

	if (status != STATUS_OK)
		return status;
	plan->version++;
	return DB_EXEC(tx, NULL, "UPDATE plan SET version = ?, head = ? WHERE id = ?",
	               DB_INT(plan->version), DB_BLOB(head, length), DB_TEXT(plan->id));
}

enum status
planner_store_delete(struct db *tx, const char *id)
{
	enum status status = DB_EXEC(tx, NULL, "DELETE FROM item WHERE plan_id = ?", DB_TEXT(id));

	if (status == STATUS_OK)
		status = DB_EXEC(tx, NULL, "DELETE FROM plan WHERE id = ?", DB_TEXT(id));
	return status;
}

enum status
planner_store_list(struct db *db, const char *user, const struct cursor *after, size_t limit,
                   struct planner_plan **plans, size_t *count)
{
	struct cursor position = {.key = INT64_MAX};
	struct db_rows *rows;
	enum status status;

	if (after != NULL)
		position = *after;
	status = DB_QUERY(db, &rows,
	                  "SELECT " PLAN_COLUMNS " FROM plan FORCE INDEX (by_user)"
	                  " WHERE user_id = ? AND created_at <= ? AND (created_at < ? OR id < ?)"
	                  " ORDER BY created_at DESC, id DESC LIMIT ?",
	                  DB_TEXT(user), DB_INT(position.key), DB_INT(position.key),
	                  DB_TEXT(position.id), DB_INT(limit));
	if (status != STATUS_OK)
		return status;
	*count = db_count(rows);
	*plans = arena_calloc(task_arena(), *count + 1, sizeof **plans);
	if (*plans == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count && status == STATUS_OK; i++)
		status = planner_store_plan(rows, i, &(*plans)[i]);
	return status;
}

enum status
planner_store_current(struct db *db, const char *user, int32_t today, struct planner_plan *plan)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT " PLAN_COLUMNS " FROM plan FORCE INDEX (by_user)"
	                              " WHERE user_id = ? AND end_day >= ?"
	                              " ORDER BY created_at DESC, id DESC LIMIT 1",
	                              DB_TEXT(user), DB_INT(today));

	if (status != STATUS_OK)
		return status;
	return db_count(rows) == 1 ? planner_store_plan(rows, 0, plan) : STATUS_NOT_FOUND;
}

enum status
planner_store_counts(struct db *db, const char *plan, int32_t today, struct planner_counts *counts)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT COUNT(*), COUNT(done_at),"
	                              " MIN(CASE WHEN done_at IS NULL AND day >= ? THEN day END)"
	                              " FROM item WHERE plan_id = ?",
	                              DB_INT(today), DB_TEXT(plan));

	if (status != STATUS_OK)
		return status;
	*counts = (struct planner_counts){.items = (uint32_t)db_uint(rows, 0, 0),
	                                  .done = (uint32_t)db_uint(rows, 0, 1),
	                                  .has_next = !db_is_null(rows, 0, 2),
	                                  .next_day = (int32_t)db_int(rows, 0, 2)};
	return STATUS_OK;
}

/* --- quota ---------------------------------------------------------------------------------------
 */

enum status
planner_store_quota(struct db *db, const char *user, int32_t day, uint32_t *plans, uint32_t *tokens)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows, "SELECT plans, tokens FROM quota WHERE user_id = ? AND day = ?",
	             DB_TEXT(user), DB_INT(day));

	*plans = *tokens = 0;
	if (status == STATUS_OK && db_count(rows) == 1) {
		*plans = (uint32_t)db_uint(rows, 0, 0);
		*tokens = (uint32_t)db_uint(rows, 0, 1);
	}
	return status;
}

enum status
planner_store_take_plan(struct db *tx, const char *user, int32_t day, uint32_t limit, bool *granted,
                        uint32_t *used)
{
	uint64_t changed = 0;
	uint32_t tokens;
	enum status status = STATUS_OK;

	for (int round = 0; round < 2 && status == STATUS_OK && changed == 0; round++) {
		if (round == 1)
			status = DB_EXEC(tx, NULL,
			                 "INSERT IGNORE INTO quota (user_id, day, plans, tokens)"
			                 " VALUES (?, ?, 0, 0)",
			                 DB_TEXT(user), DB_INT(day));
		if (status == STATUS_OK)
			status = DB_EXEC(tx, &changed,
			                 "UPDATE quota SET plans = plans + 1"
			                 " WHERE user_id = ? AND day = ? AND plans < ?",
			                 DB_TEXT(user), DB_INT(day), DB_UINT(limit));
	}
	*granted = changed == 1;
	if (status == STATUS_OK)
		status = planner_store_quota(tx, user, day, used, &tokens);
	return status;
}

/* --- erasure -------------------------------------------------------------------------------------
 */

enum status
planner_store_mark_erased(struct db *tx, const char *user, int64_t now_ms)
{
	return DB_EXEC(tx, NULL,
	               "INSERT IGNORE INTO erased_user (user_id, erased_at) VALUES (?, ?)",
	               DB_TEXT(user), DB_INT(now_ms));
}

enum status
planner_store_is_erased(struct db *tx, const char *user, bool *erased)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(tx, &rows, "SELECT 1 FROM erased_user WHERE user_id = ?", DB_TEXT(user));

	*erased = status == STATUS_OK && db_count(rows) > 0;
	return status;
}

enum status
planner_store_erase_plan(struct db *tx, const char *user, bool *more)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(tx, &rows, "SELECT id FROM plan WHERE user_id = ? LIMIT 1", DB_TEXT(user));

	*more = status == STATUS_OK && db_count(rows) > 0;
	return *more ? planner_store_delete(tx, db_text(rows, 0, 0)) : status;
}

enum status
planner_store_erase_quota(struct db *tx, const char *user)
{
	return DB_EXEC(tx, NULL, "DELETE FROM quota WHERE user_id = ?", DB_TEXT(user));
}
