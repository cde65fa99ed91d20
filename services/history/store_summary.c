/* SPDX-License-Identifier: MIT
 * Aggregates over the event table. The minutes of `study` (4) and `item_done` (3) count; all but
 * `signed_up` (0) and `signed_in` (1) are activity. */
#include "services/history/store.h"

#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/task/task.h"

_Static_assert(COMMON__EVENT__TYPE__signed_up == 0 && COMMON__EVENT__TYPE__signed_in == 1 &&
                   COMMON__EVENT__TYPE__item_done == 3 && COMMON__EVENT__TYPE__study == 4,
               "the statements below name them by number");

enum status
history_store_days(struct db *db, const char *user, int64_t from_ms, int64_t end_ms,
                   int64_t offset_ms, struct history_day **days, size_t *count)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows,
	             "SELECT (at_ms + ?) DIV 86400000 AS day,"
	             " COALESCE(SUM(IF(type IN (3, 4), minutes, 0)), 0), COUNT(*),"
	             " MAX(type NOT IN (0, 1))"
	             " FROM event FORCE INDEX (summary)"
	             " WHERE user_id = ? AND at_ms >= ? AND at_ms < ? GROUP BY day ORDER BY day",
	             DB_INT(offset_ms), DB_TEXT(user), DB_INT(from_ms), DB_INT(end_ms));

	if (status != STATUS_OK)
		return status;
	*count = db_count(rows);
	*days = arena_calloc(task_arena(), *count + 1, sizeof **days);
	if (*days == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++) {
		(*days)[i].day = (int32_t)db_int(rows, i, 0);
		(*days)[i].minutes = (uint32_t)db_uint(rows, i, 1);
		(*days)[i].events = (uint32_t)db_uint(rows, i, 2);
		(*days)[i].active = db_int(rows, i, 3) != 0;
	}
	return STATUS_OK;
}

enum status
history_store_subjects(struct db *db, const char *user, int64_t from_ms, int64_t end_ms,
                       struct history_subject **subjects, size_t *count)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(
	    db, &rows,
	    "SELECT subject, SUM(minutes) AS total FROM event FORCE INDEX (summary)"
	    " WHERE user_id = ? AND at_ms >= ? AND at_ms < ? AND type IN (3, 4)"
	    " AND minutes > 0 GROUP BY subject ORDER BY total DESC, subject LIMIT ?",
	    DB_TEXT(user), DB_INT(from_ms), DB_INT(end_ms), DB_INT(HISTORY_SUBJECTS_LIMIT));

	if (status != STATUS_OK)
		return status;
	*count = db_count(rows);
	*subjects = arena_calloc(task_arena(), *count + 1, sizeof **subjects);
	if (*subjects == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++) {
		(*subjects)[i].subject = db_text(rows, i, 0);
		(*subjects)[i].minutes = (uint32_t)db_uint(rows, i, 1);
	}
	return STATUS_OK;
}

/* The first event that counts ends the look at a day. */
#define STORE_ACTIVE                                                                               \
	"EXISTS (SELECT 1 FROM event FORCE INDEX (summary)"                                        \
	" WHERE user_id = ? AND at_ms >= ? AND at_ms < ? AND type NOT IN (0, 1))"
#define STORE_ACTIVE_4 STORE_ACTIVE ", " STORE_ACTIVE ", " STORE_ACTIVE ", " STORE_ACTIVE

enum status
history_store_active(struct db *db, const char *user, const int64_t starts[HISTORY_STREAK_CHUNK],
                     const int64_t ends[HISTORY_STREAK_CHUNK], bool active[HISTORY_STREAK_CHUNK])
{
	static const char sql[] =
	    "SELECT " STORE_ACTIVE_4 ", " STORE_ACTIVE_4 ", " STORE_ACTIVE_4 ", " STORE_ACTIVE_4;
	struct db_value args[HISTORY_STREAK_CHUNK * 3];
	struct db_rows *rows;
	enum status status;
	size_t n = 0;

	for (size_t i = 0; i < HISTORY_STREAK_CHUNK; i++) {
		args[n++] = DB_TEXT(user);
		args[n++] = DB_INT(starts[i]);
		args[n++] = DB_INT(ends[i]);
	}
	status = db_query(db, &rows, sql, args, n);
	for (size_t i = 0; status == STATUS_OK && i < HISTORY_STREAK_CHUNK; i++)
		active[i] = db_int(rows, 0, i) != 0;
	return status;
}
