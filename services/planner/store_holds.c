/* SPDX-License-Identifier: MIT
 * The token_hold table. */
#include "services/planner/store_holds.h"

#include "common/io/db.h"

#define HOLDS_PURGED 1000 /* at a time */

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
hold_store_add_new(struct db *tx, const char *mark, const struct quota_hold *hold, int64_t now_ms)
{
	return DB_LATER(tx, DB_ANY, STATUS_OK,
	                "INSERT INTO token_hold (user_id, mark, provider, quota_day,"
	                " budget_day, reserved, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
	                DB_TEXT(hold->user), DB_TEXT(mark), DB_TEXT(hold->provider),
	                DB_INT(hold->day), DB_INT(hold->budget_day), DB_UINT(hold->tokens),
	                DB_INT(now_ms));
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
