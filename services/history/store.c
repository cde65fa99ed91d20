/* SPDX-License-Identifier: MIT
 * The event table. Which index a list walks is said in the statement: an optimizer that guesses
 * wrong once sorts a million rows. */
#include "services/history/store.h"

#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/task/task.h"

#define STORE_COLUMNS "id, version, type, at_ms, subject, minutes, note, ref"

static void
history_store_event(const struct db_rows *rows, size_t i, struct history_event *event)
{
	event->id = db_text(rows, i, 0);
	event->version = (uint32_t)db_uint(rows, i, 1);
	event->type = (int)db_int(rows, i, 2);
	event->at_ms = db_int(rows, i, 3);
	event->subject = db_text(rows, i, 4);
	event->has_minutes = !db_is_null(rows, i, 5);
	event->minutes = (uint32_t)db_uint(rows, i, 5);
	event->note = db_text(rows, i, 6);
	event->ref = db_text(rows, i, 7);
}

static enum status
history_store_events(const struct db_rows *rows, struct history_event **events, size_t *count)
{
	*count = db_count(rows);
	*events = arena_calloc(task_arena(), *count + 1, sizeof **events);
	if (*events == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++)
		history_store_event(rows, i, &(*events)[i]);
	return STATUS_OK;
}

#define STORE_PAGE(index, condition)                                                               \
	"SELECT " STORE_COLUMNS " FROM event FORCE INDEX (" index ") WHERE user_id = ?" condition  \
	" AND at_ms >= ? AND at_ms <= ? AND (at_ms < ? OR id < ?)"                                 \
	" ORDER BY at_ms DESC, id DESC LIMIT ?"

enum status
history_store_page(struct db *db, const char *user, const struct history_filter *filter,
                   const struct cursor *after, size_t limit, struct history_event **events,
                   size_t *count)
{
	/* Nothing sorts before the empty id: all of end_ms is beyond. */
	struct cursor position = {.key = filter->end_ms};
	struct db_value args[8];
	struct db_rows *rows;
	const char *sql;
	size_t n = 0;
	enum status status;

	if (after != NULL && after->key < filter->end_ms)
		position = *after;
	args[n++] = DB_TEXT(user);
	if (filter->subject != NULL)
		args[n++] = DB_TEXT(filter->subject);
	if (filter->type >= 0)
		args[n++] = DB_INT(filter->type);
	if (filter->subject != NULL)
		sql = filter->type >= 0 ? STORE_PAGE("by_subject", " AND subject = ? AND type = ?")
		                        : STORE_PAGE("by_subject", " AND subject = ?");
	else
		sql = filter->type >= 0 ? STORE_PAGE("by_type", " AND type = ?")
		                        : STORE_PAGE("PRIMARY", "");
	args[n++] = DB_INT(filter->from_ms);
	args[n++] = DB_INT(position.key);
	args[n++] = DB_INT(position.key);
	args[n++] = DB_TEXT(position.id);
	args[n++] = DB_INT(limit);
	status = db_query(db, &rows, sql, args, n);
	return status != STATUS_OK ? status : history_store_events(rows, events, count);
}

enum status
history_store_export(struct db *db, const char *user, const struct cursor *after, size_t limit,
                     struct history_event **events, size_t *count)
{
	int64_t key = after->key > 0 ? after->key : 1;
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows,
	             "SELECT " STORE_COLUMNS " FROM event FORCE INDEX (PRIMARY) WHERE user_id = ?"
	             " AND at_ms >= ? AND (at_ms > ? OR id > ?) ORDER BY at_ms, id LIMIT ?",
	             DB_TEXT(user), DB_INT(key), DB_INT(key), DB_TEXT(after->id), DB_INT(limit));

	return status != STATUS_OK ? status : history_store_events(rows, events, count);
}

enum status
history_store_lock(struct db *tx, const char *user, const char *id, struct history_event *event)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(tx, &rows,
	                              "SELECT " STORE_COLUMNS " FROM event"
	                              " WHERE user_id = ? AND id = ? AND at_ms > 0 FOR UPDATE",
	                              DB_TEXT(user), DB_TEXT(id));

	if (status != STATUS_OK)
		return status;
	if (db_count(rows) == 0)
		return STATUS_NOT_FOUND;
	history_store_event(rows, 0, event);
	return STATUS_OK;
}

static struct db_value
history_store_minutes(const struct history_event *event)
{
	return event->has_minutes ? DB_UINT(event->minutes) : DB_NULL;
}

#define PUT_FIELDS 9

enum status
history_store_put(struct db *tx, const char *const *users, const struct history_event *events,
                  size_t count)
{
	struct db_value *args = arena_calloc(task_arena(), count * PUT_FIELDS + 1, sizeof *args);

	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		const struct history_event *event = &events[i];
		struct db_value *row = args + i * PUT_FIELDS;

		row[0] = DB_TEXT(users[i]);
		row[1] = DB_TEXT(event->id);
		row[2] = DB_UINT(event->version);
		row[3] = DB_INT(event->type);
		row[4] = DB_INT(event->at_ms);
		row[5] = DB_TEXT(event->subject);
		row[6] = history_store_minutes(event);
		row[7] = DB_TEXT(event->note);
		row[8] = DB_TEXT(event->ref);
	}
	/* Assignments are made from left to right: `version` is the old one until the last. */
	return db_many_rows_later(
	    tx,
	    "INSERT INTO event (user_id, id, version, type, at_ms, subject, minutes, note, ref)"
	    " VALUES {(?, ?, ?, ?, ?, ?, ?, ?, ?)|, } ON DUPLICATE KEY UPDATE"
	    " type = IF(VALUES(version) > version, VALUES(type), type),"
	    " at_ms = IF(VALUES(version) > version, VALUES(at_ms), at_ms),"
	    " subject = IF(VALUES(version) > version, VALUES(subject), subject),"
	    " minutes = IF(VALUES(version) > version, VALUES(minutes), minutes),"
	    " note = IF(VALUES(version) > version, VALUES(note), note),"
	    " ref = IF(VALUES(version) > version, VALUES(ref), ref),"
	    " version = GREATEST(version, VALUES(version))",
	    args, PUT_FIELDS, count);
}

enum status
history_store_change(struct db *tx, const char *user, const struct history_event *event)
{
	return DB_EXEC(tx, NULL,
	               "UPDATE event SET at_ms = ?, subject = ?, minutes = ?, note = ?"
	               " WHERE user_id = ? AND id = ?",
	               DB_INT(event->at_ms), DB_TEXT(event->subject), history_store_minutes(event),
	               DB_TEXT(event->note), DB_TEXT(user), DB_TEXT(event->id));
}

enum status
history_store_remove(struct db *tx, const char *user, const char *id)
{
	return DB_EXEC(tx, NULL, "DELETE FROM event WHERE user_id = ? AND id = ?", DB_TEXT(user),
	               DB_TEXT(id));
}

enum status
history_store_mark_erased(struct db *tx, const char *user, int64_t now_ms)
{
	return DB_EXEC(tx, NULL,
	               "INSERT INTO erased_user (user_id, erased_at) VALUES (?, ?)"
	               " ON DUPLICATE KEY UPDATE user_id = user_id",
	               DB_TEXT(user), DB_INT(now_ms));
}

enum status
history_store_erased_of(struct db *tx, const char *const *users, size_t count, const char **erased,
                        size_t *erased_count)
{
	size_t padded = db_many_padded(count);
	struct db_value *args = arena_calloc(task_arena(), padded, sizeof *args);
	struct db_rows *rows;
	enum status status;

	*erased_count = 0;
	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < padded; i++)
		args[i] = DB_TEXT(users[i < count ? i : count - 1]);
	status =
	    db_many_query(tx, &rows, "SELECT user_id FROM erased_user WHERE user_id IN ({?|, })",
	                  padded, args, padded);
	for (size_t i = 0; status == STATUS_OK && i < db_count(rows); i++)
		erased[(*erased_count)++] = db_text(rows, i, 0);
	return status;
}

enum status
history_store_is_erased(struct db *tx, const char *user, bool *erased)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(tx, &rows, "SELECT 1 FROM erased_user WHERE user_id = ?", DB_TEXT(user));

	*erased = status == STATUS_OK && db_count(rows) > 0;
	return status;
}

enum status
history_store_remove_all(struct db *db, const char *user, uint64_t limit, uint64_t *removed)
{
	if (limit == 0)
		return DB_EXEC(db, removed, "DELETE FROM event WHERE user_id = ?", DB_TEXT(user));
	return DB_EXEC(db, removed, "DELETE FROM event WHERE user_id = ? LIMIT ?", DB_TEXT(user),
	               DB_UINT(limit));
}
