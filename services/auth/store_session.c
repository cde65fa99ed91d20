/* SPDX-License-Identifier: MIT
 * Sessions, and what removes old things. */
#include "services/auth/store.h"

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/task/task.h"

#define STORE_KNOWN_ADDRESS_MS ((int64_t)180 * 24 * 3600 * 1000)
#define STORE_SESSION                                                                              \
	"s.id, s.user_id, s.token_digest, s.created_at, s.last_seen_at, s.expires_at, "            \
	"s.user_agent"

static void
auth_store_read_session(const struct db_rows *rows, size_t i, struct session *session)
{
	*session = (struct session){.id = db_text(rows, i, 0),
	                            .user = db_text(rows, i, 1),
	                            .digest = db_text(rows, i, 2),
	                            .created_at = db_int(rows, i, 3),
	                            .last_seen_at = db_int(rows, i, 4),
	                            .expires_at = db_int(rows, i, 5),
	                            .user_agent = db_text(rows, i, 6)};
}

enum status
auth_store_add_session(struct db *tx, const struct session *session)
{
	return DB_LATER(tx, DB_ANY, STATUS_OK,
	                "INSERT INTO session (id, user_id, token_digest, created_at, last_seen_at,"
	                " expires_at, user_agent) VALUES (?, ?, ?, ?, ?, ?, ?)",
	                DB_TEXT(session->id), DB_TEXT(session->user), DB_TEXT(session->digest),
	                DB_INT(session->created_at), DB_INT(session->last_seen_at),
	                DB_INT(session->expires_at), DB_TEXT(session->user_agent));
}

enum status
auth_store_find_session(struct db *db, const char *digest, int64_t now, struct session *session)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows,
	             "SELECT " STORE_SESSION ", a.locale, a.time_zone FROM session s"
	             " JOIN account a ON a.id = s.user_id"
	             " WHERE s.token_digest = ? AND s.expires_at > ? AND a.disabled_at IS NULL",
	             DB_TEXT(digest), DB_INT(now));

	if (status != STATUS_OK)
		return status;
	if (db_count(rows) == 0)
		return STATUS_NOT_FOUND;
	auth_store_read_session(rows, 0, session);
	session->locale = db_text(rows, 0, 7);
	session->time_zone = db_text(rows, 0, 8);
	return STATUS_OK;
}

enum status
auth_store_session(struct db *db, const char *user, const char *id, int64_t now,
                   struct session *session)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT " STORE_SESSION " FROM session s"
	                              " WHERE s.id = ? AND s.user_id = ? AND s.expires_at > ?",
	                              DB_TEXT(id), DB_TEXT(user), DB_INT(now));

	if (status != STATUS_OK)
		return status;
	if (db_count(rows) == 0)
		return STATUS_NOT_FOUND;
	auth_store_read_session(rows, 0, session);
	return STATUS_OK;
}

enum status
auth_store_list_sessions(struct db *db, const char *user, int64_t now, const struct cursor *after,
                         size_t limit, struct session **sessions, size_t *count)
{
	/* Nothing is as old as the end of time: without a cursor, all come after it. */
	struct cursor position = {.key = INT64_MAX};
	struct db_rows *rows;
	enum status status;

	if (after != NULL)
		position = *after;
	status = DB_QUERY(db, &rows,
	                  "SELECT " STORE_SESSION " FROM session s FORCE INDEX (by_user)"
	                  " WHERE s.user_id = ? AND s.created_at <= ?"
	                  " AND (s.created_at < ? OR s.id < ?) AND s.expires_at > ?"
	                  " ORDER BY s.created_at DESC, s.id DESC LIMIT ?",
	                  DB_TEXT(user), DB_INT(position.key), DB_INT(position.key),
	                  DB_TEXT(position.id), DB_INT(now), DB_INT(limit));
	if (status != STATUS_OK)
		return status;
	*count = db_count(rows);
	*sessions = arena_calloc(task_arena(), *count + 1, sizeof **sessions);
	if (*sessions == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++)
		auth_store_read_session(rows, i, &(*sessions)[i]);
	return STATUS_OK;
}

enum status
auth_store_digests(struct db *db, const char *user, const char ***digests, size_t *count)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows, "SELECT token_digest FROM session WHERE user_id = ? LIMIT ?",
	             DB_TEXT(user), DB_INT(AUTH_DIGESTS_LIMIT));

	if (status != STATUS_OK)
		return status;
	*count = db_count(rows);
	*digests = arena_calloc(task_arena(), *count + 1, sizeof **digests);
	if (*digests == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++)
		(*digests)[i] = db_text(rows, i, 0);
	return STATUS_OK;
}

enum status
auth_store_touch_sessions(struct db *db, const struct auth_touch *touches, size_t count)
{
	size_t padded = db_many_padded(count), n = 0;
	struct db_value args[DB_MANY_MOST * 6];

	assert(count > 0 && count <= DB_MANY_MOST);
	for (size_t i = 0; i < padded; i++) {
		const struct auth_touch *touch = &touches[i < count ? i : count - 1];

		args[n++] = DB_TEXT(touch->session);
		args[n++] = DB_INT(touch->last_seen);
		args[n++] = DB_INT(touch->expires);
	}
	for (size_t i = 0; i < padded; i++) {
		args[n++] = args[3 * i];
		args[n++] = args[3 * i + 1];
	}
	for (size_t i = 0; i < padded; i++)
		args[n++] = args[3 * i];
	/* Assignments are made from left to right: last_seen_at is the old one until the last. */
	return db_many_exec(db, NULL,
	                    "UPDATE session FORCE INDEX (PRIMARY) SET expires_at ="
	                    " CASE id {WHEN ? THEN IF(last_seen_at < ?, ?, expires_at)| } END,"
	                    " last_seen_at = GREATEST(last_seen_at, CASE id {WHEN ? THEN ?| } END)"
	                    " WHERE id IN ({?|, })",
	                    padded, args, n);
}

enum status
auth_store_remove_session(struct db *tx, const char *user, const char *id)
{
	return DB_EXEC(tx, NULL, "DELETE FROM session WHERE id = ? AND user_id = ?", DB_TEXT(id),
	               DB_TEXT(user));
}

enum status
auth_store_remove_sessions(struct db *tx, const char *user, const char *but)
{
	return DB_EXEC(tx, NULL, "DELETE FROM session WHERE user_id = ? AND id <> ?", DB_TEXT(user),
	               DB_TEXT(but != NULL ? but : ""));
}

enum status
auth_store_purge(struct db *db, int64_t now, size_t limit, bool *more)
{
	static const char *const statements[] = {
	    "DELETE FROM session WHERE expires_at <= ? LIMIT ?",
	    "DELETE FROM password_reset WHERE expires_at <= ? LIMIT ?",
	    "DELETE FROM known_address WHERE last_at <= ? LIMIT ?",
	};
	const int64_t until[] = {now, now, now - STORE_KNOWN_ADDRESS_MS};
	enum status status = STATUS_OK;
	uint64_t removed;

	*more = false;
	for (size_t i = 0; i < COUNT_OF(until) && status == STATUS_OK; i++) {
		status = DB_EXEC(db, &removed, statements[i], DB_INT(until[i]), DB_INT(limit));
		*more |= status == STATUS_OK && removed >= limit;
	}
	return status;
}
