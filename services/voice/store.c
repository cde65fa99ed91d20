/* SPDX-License-Identifier: MIT
 * Conversations and their turns. */
#include "services/voice/store.h"

#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/task/task.h"

#define CONVERSATION_COLUMNS "id, title, created_at, updated_at, turns"

static void
voice_store_conversation(const struct db_rows *rows, size_t i,
                         struct voice_conversation *conversation)
{
	*conversation = (struct voice_conversation){.id = db_text(rows, i, 0),
	                                            .title = db_text(rows, i, 1),
	                                            .created_ms = db_int(rows, i, 2),
	                                            .updated_ms = db_int(rows, i, 3),
	                                            .turns = (uint32_t)db_uint(rows, i, 4)};
}

enum status
voice_store_get(struct db *db, const char *user, const char *id, bool lock,
                struct voice_conversation *conversation)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(
	    db, &rows,
	    lock ? "SELECT " CONVERSATION_COLUMNS
	           " FROM conversation WHERE id = ? AND user_id = ? FOR UPDATE"
	         : "SELECT " CONVERSATION_COLUMNS " FROM conversation WHERE id = ? AND user_id = ?",
	    DB_TEXT(id), DB_TEXT(user));

	if (status != STATUS_OK)
		return status;
	if (db_count(rows) == 0)
		return STATUS_NOT_FOUND;
	voice_store_conversation(rows, 0, conversation);
	return STATUS_OK;
}

enum status
voice_store_insert(struct db *tx, const char *user, const struct voice_conversation *conversation)
{
	return DB_LATER(tx, DB_ANY, STATUS_OK,
	                "INSERT INTO conversation (id, user_id, title, created_at, updated_at,"
	                " turns) VALUES (?, ?, ?, ?, ?, 1)",
	                DB_TEXT(conversation->id), DB_TEXT(user), DB_TEXT(conversation->title),
	                DB_INT(conversation->created_ms), DB_INT(conversation->updated_ms));
}

enum status
voice_store_count_turn(struct db *tx, const char *conversation, const struct voice_turn *turn)
{
	return DB_LATER(tx, DB_ANY, STATUS_OK,
	                "UPDATE conversation SET turns = turns + 1, updated_at = ? WHERE id = ?",
	                DB_INT(turn->created_ms), DB_TEXT(conversation));
}

enum status
voice_store_add_turn(struct db *tx, const char *conversation, const struct voice_turn *turn)
{
	return DB_LATER(
	    tx, DB_ANY, STATUS_OK,
	    "INSERT INTO turn (conversation_id, id, transcript, reply, stt, chat, tts, created_at)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	    DB_TEXT(conversation), DB_TEXT(turn->id), DB_TEXT(turn->transcript),
	    DB_TEXT(turn->reply), DB_TEXT(turn->stt), DB_TEXT(turn->chat), DB_TEXT(turn->tts),
	    DB_INT(turn->created_ms));
}

#define TURN_COLUMNS "id, transcript, reply, stt, chat, tts, created_at"

static enum status
voice_store_read_turns(const struct db_rows *rows, bool backwards, struct voice_turn **turns,
                       size_t *count)
{
	*count = db_count(rows);
	*turns = arena_calloc(task_arena(), *count + 1, sizeof **turns);
	if (*turns == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++)
		(*turns)[backwards ? *count - 1 - i : i] =
		    (struct voice_turn){.id = db_text(rows, i, 0),
		                        .transcript = db_text(rows, i, 1),
		                        .reply = db_text(rows, i, 2),
		                        .stt = db_text(rows, i, 3),
		                        .chat = db_text(rows, i, 4),
		                        .tts = db_text(rows, i, 5),
		                        .created_ms = db_int(rows, i, 6)};
	return STATUS_OK;
}

enum status
voice_store_turns(struct db *db, const char *conversation, size_t limit, struct voice_turn **turns,
                  size_t *count)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT " TURN_COLUMNS " FROM turn"
	                              " WHERE conversation_id = ? ORDER BY id LIMIT ?",
	                              DB_TEXT(conversation), DB_INT(limit));

	return status == STATUS_OK ? voice_store_read_turns(rows, false, turns, count) : status;
}

enum status
voice_store_latest(struct db *db, const char *conversation, size_t limit, struct voice_turn **turns,
                   size_t *count)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT " TURN_COLUMNS " FROM turn"
	                              " WHERE conversation_id = ? ORDER BY id DESC LIMIT ?",
	                              DB_TEXT(conversation), DB_INT(limit));

	return status == STATUS_OK ? voice_store_read_turns(rows, true, turns, count) : status;
}

enum status
voice_store_list(struct db *db, const char *user, const struct cursor *after, size_t limit,
                 struct voice_conversation **conversations, size_t *count)
{
	struct cursor position = {.key = INT64_MAX};
	struct db_rows *rows;
	enum status status;

	if (after != NULL)
		position = *after;
	status = DB_QUERY(db, &rows,
	                  "SELECT " CONVERSATION_COLUMNS " FROM conversation FORCE INDEX (by_user)"
	                  " WHERE user_id = ? AND updated_at <= ? AND (updated_at < ? OR id < ?)"
	                  " ORDER BY updated_at DESC, id DESC LIMIT ?",
	                  DB_TEXT(user), DB_INT(position.key), DB_INT(position.key),
	                  DB_TEXT(position.id), DB_INT(limit));
	if (status != STATUS_OK)
		return status;
	*count = db_count(rows);
	*conversations = arena_calloc(task_arena(), *count + 1, sizeof **conversations);
	if (*conversations == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++)
		voice_store_conversation(rows, i, &(*conversations)[i]);
	return STATUS_OK;
}

enum status
voice_store_delete(struct db *tx, const char *id)
{
	enum status status =
	    DB_EXEC(tx, NULL, "DELETE FROM turn WHERE conversation_id = ?", DB_TEXT(id));

	if (status == STATUS_OK)
		status = DB_EXEC(tx, NULL, "DELETE FROM conversation WHERE id = ?", DB_TEXT(id));
	return status;
}

enum status
voice_store_mark_erased(struct db *tx, const char *user, int64_t now_ms)
{
	return DB_EXEC(tx, NULL,
	               "INSERT IGNORE INTO erased_user (user_id, erased_at) VALUES (?, ?)",
	               DB_TEXT(user), DB_INT(now_ms));
}

enum status
voice_store_unless_erased(struct db *tx, const char *user)
{
	return DB_LATER(tx, 0, STATUS_UNAUTHENTICATED,
	                "SELECT 1 FROM erased_user WHERE user_id = ?", DB_TEXT(user));
}
