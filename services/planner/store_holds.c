/* SPDX-License-Identifier: MIT
 * The token_hold table. */
#include "services/planner/store_holds.h"

#include "common/base/arena.h"
#include "common/io/db_many.h"
#include "common/task/task.h"

#include <string.h>

#define HOLDS_PURGED 1000 /* at a time */
#define HOLD_FIELDS  7

enum status
hold_store_add(struct db *tx, const char *mark, const struct quota_hold *hold, int64_t now_ms,
               bool *added)
{
	uint64_t changed = 0;
	enum status status =
	    DB_EXEC(tx, &changed,
	            "INSERT IGNORE INTO token_hold (user_id, mark, provider, quota_day,"
	            " budget_day, reserved, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
	            DB_TEXT(hold->user), DB_TEXT(mark), DB_TEXT(hold->provider), DB_INT(hold->day),
	            DB_INT(hold->budget_day), DB_UINT(hold->tokens), DB_INT(now_ms));

	*added = changed == 1;
	return status;
}

enum status
hold_store_settle(struct db *tx, const char *user, const char *mark, uint32_t prompt_tokens,
                  uint32_t completion_tokens, struct quota_hold *hold, bool *settled)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(tx, &rows,
	             "SELECT provider, quota_day, budget_day, reserved FROM token_hold"
	             " WHERE user_id = ? AND mark = ? AND prompt_tokens IS NULL FOR UPDATE",
	             DB_TEXT(user), DB_TEXT(mark));

	*settled = false;
	if (status != STATUS_OK || db_count(rows) == 0)
		return status;
	*settled = true;
	*hold = (struct quota_hold){.user = user,
	                            .provider = db_text(rows, 0, 0),
	                            .day = (int32_t)db_int(rows, 0, 1),
	                            .budget_day = (int32_t)db_int(rows, 0, 2),
	                            .tokens = (uint32_t)db_uint(rows, 0, 3)};
	return DB_LATER(tx, 1, STATUS_INTERNAL,
	                "UPDATE token_hold SET prompt_tokens = ?, completion_tokens = ?"
	                " WHERE user_id = ? AND mark = ?",
	                DB_UINT(prompt_tokens), DB_UINT(completion_tokens), DB_TEXT(user),
	                DB_TEXT(mark));
}

/* --- many ---------------------------------------------------------------------------------------
 */

enum status
hold_store_add_many(struct db *tx, const char *const *marks, const struct quota_hold *holds,
                    size_t count, int64_t now_ms)
{
	struct db_value *args = arena_calloc(task_arena(), count * HOLD_FIELDS, sizeof *args), *at;

	if (args == NULL)
		return STATUS_OVERLOADED;
	at = args;
	for (size_t i = 0; i < count; i++) {
		*at++ = DB_TEXT(holds[i].user);
		*at++ = DB_TEXT(marks[i]);
		*at++ = DB_TEXT(holds[i].provider);
		*at++ = DB_INT(holds[i].day);
		*at++ = DB_INT(holds[i].budget_day);
		*at++ = DB_UINT(holds[i].tokens);
		*at++ = DB_INT(now_ms);
	}
	return db_many_rows_later(tx,
	                          "INSERT INTO token_hold (user_id, mark, provider, quota_day,"
	                          " budget_day, reserved, created_at)"
	                          " VALUES {(?, ?, ?, ?, ?, ?, ?)|, }",
	                          args, HOLD_FIELDS, count);
}

#define HOLD_IS_ONE "({(user_id = ? AND mark = ?)| OR })"

static enum status
hold_store_note_many(struct db *tx, const struct hold_use *uses, size_t count)
{
	struct db_value args[8 * HOLD_USES_MOST];
	size_t padded = db_many_padded(count);

	for (size_t i = 0; i < padded; i++) {
		const struct hold_use *use = &uses[i < count ? i : count - 1];
		struct db_value user = DB_TEXT(use->user), mark = DB_TEXT(use->mark);

		args[3 * i] = args[3 * (padded + i)] = args[6 * padded + 2 * i] = user;
		args[3 * i + 1] = args[3 * (padded + i) + 1] = args[6 * padded + 2 * i + 1] = mark;
		args[3 * i + 2] = DB_UINT(use->prompt_tokens);
		args[3 * (padded + i) + 2] = DB_UINT(use->completion_tokens);
	}
	return db_many_later(
	    tx, count, STATUS_CONFLICT,
	    "UPDATE token_hold SET prompt_tokens = CASE"
	    " {WHEN user_id = ? AND mark = ? THEN ?| } END,"
	    " completion_tokens = CASE {WHEN user_id = ? AND mark = ? THEN ?| } END"
	    " WHERE " HOLD_IS_ONE,
	    padded, args, 8 * padded);
}

static const struct hold_use *
hold_store_use(const struct hold_use *uses, size_t count, const char *user, const char *mark)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(uses[i].mark, mark) == 0 && strcmp(uses[i].user, user) == 0)
			return &uses[i];
	return NULL;
}

enum status
hold_store_settle_many(struct db *tx, const struct hold_use *uses, size_t count,
                       struct quota_hold *holds, uint32_t *used)
{
	struct db_value args[2 * HOLD_USES_MOST];
	size_t padded = db_many_padded(count);
	struct db_rows *rows;
	enum status status;

	if (count == 0)
		return STATUS_OK;
	for (size_t i = 0; i < padded; i++) {
		args[2 * i] = DB_TEXT(uses[i < count ? i : count - 1].user);
		args[2 * i + 1] = DB_TEXT(uses[i < count ? i : count - 1].mark);
	}
	status = db_many_query(tx, &rows,
	                       "SELECT user_id, mark, provider, quota_day, budget_day, reserved"
	                       " FROM token_hold WHERE prompt_tokens IS NULL AND " HOLD_IS_ONE
	                       " FOR UPDATE",
	                       padded, args, 2 * padded);
	if (status != STATUS_OK)
		return status;
	if (db_count(rows) != count)
		return STATUS_CONFLICT;
	for (size_t i = 0; i < count; i++) {
		const struct hold_use *use =
		    hold_store_use(uses, count, db_text(rows, i, 0), db_text(rows, i, 1));

		if (use == NULL)
			return STATUS_CONFLICT;
		holds[i] = (struct quota_hold){.user = use->user,
		                               .provider = db_text(rows, i, 2),
		                               .day = (int32_t)db_int(rows, i, 3),
		                               .budget_day = (int32_t)db_int(rows, i, 4),
		                               .tokens = (uint32_t)db_uint(rows, i, 5)};
		used[i] = use->prompt_tokens + use->completion_tokens;
	}
	return hold_store_note_many(tx, uses, count);
}

enum status
hold_store_usage(struct db *db, const char *user, uint64_t *prompt_tokens,
                 uint64_t *completion_tokens)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT SUM(prompt_tokens), SUM(completion_tokens)"
	                              " FROM token_hold WHERE user_id = ?",
	                              DB_TEXT(user));

	if (status == STATUS_OK) {
		*prompt_tokens = db_uint(rows, 0, 0);
		*completion_tokens = db_uint(rows, 0, 1);
	}
	return status;
}

enum status
hold_store_erase(struct db *tx, const char *user)
{
	return DB_EXEC(tx, NULL, "DELETE FROM token_hold WHERE user_id = ?", DB_TEXT(user));
}

enum status
hold_store_purge(struct db *db, int64_t before_ms, bool *more)
{
	uint64_t changed = 0;
	enum status status = DB_EXEC(
	    db, &changed, "DELETE FROM token_hold WHERE created_at < ? ORDER BY created_at LIMIT ?",
	    DB_INT(before_ms), DB_INT(HOLDS_PURGED));

	*more = changed == HOLDS_PURGED;
	return status;
}
