/* SPDX-License-Identifier: MIT
 * What store.c does for one turn, for many in a few statements. */
#include "services/voice/store.h"

#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/task/task.h"

#define CONVERSATION_FIELDS 5
#define TURN_FIELDS         8

static enum status
voice_store_insert_many(struct db *tx, const struct voice_new_turn *turns, size_t count)
{
	struct db_value *args =
	    arena_calloc(task_arena(), count * CONVERSATION_FIELDS, sizeof *args);
	size_t used = 0;

	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		const struct voice_conversation *conversation = turns[i].conversation;

		if (!turns[i].is_new)
			continue;
		args[used++] = DB_TEXT(conversation->id);
		args[used++] = DB_TEXT(turns[i].user);
		args[used++] = DB_TEXT(conversation->title);
		args[used++] = DB_INT(conversation->created_ms);
		args[used++] = DB_INT(conversation->updated_ms);
	}
	return db_many_rows_later(
	    tx,
	    "INSERT INTO conversation (id, user_id, title, created_at, updated_at,"
	    " turns) VALUES {(?, ?, ?, ?, ?, 1)|, }",
	    args, CONVERSATION_FIELDS, used / CONVERSATION_FIELDS);
}

/* Conversations that go on. */
static enum status
voice_store_touch_many(struct db *tx, const struct voice_new_turn *turns, size_t count)
{
	const struct voice_new_turn *old[DB_MANY_MOST];
	struct db_value args[3 * DB_MANY_MOST];
	size_t found = 0, padded;

	for (size_t i = 0; i < count; i++)
		if (!turns[i].is_new)
			old[found++] = &turns[i];
	if (found == 0)
		return STATUS_OK;
	padded = db_many_padded(found);
	for (size_t i = 0; i < padded; i++) {
		const struct voice_new_turn *turn = old[i < found ? i : found - 1];

		args[2 * i] = args[2 * padded + i] = DB_TEXT(turn->conversation->id);
		args[2 * i + 1] = DB_INT(turn->turn->created_ms);
	}
	return db_many_later(tx, found, STATUS_CONFLICT,
	                     "UPDATE conversation SET turns = turns + 1,"
	                     " updated_at = CASE id {WHEN ? THEN ?| } END WHERE id IN ({?|, })",
	                     padded, args, 3 * padded);
}

enum status
voice_store_add_many(struct db *tx, const struct voice_new_turn *turns, size_t count)
{
	struct db_value *args = arena_calloc(task_arena(), count * TURN_FIELDS, sizeof *args), *at;
	enum status status;

	if (args == NULL || count > DB_MANY_MOST)
		return STATUS_OVERLOADED;
	at = args;
	for (size_t i = 0; i < count; i++) {
		const struct voice_turn *turn = turns[i].turn;

		*at++ = DB_TEXT(turns[i].conversation->id);
		*at++ = DB_TEXT(turn->id);
		*at++ = DB_TEXT(turn->transcript);
		*at++ = DB_TEXT(turn->reply);
		*at++ = DB_TEXT(turn->stt);
		*at++ = DB_TEXT(turn->chat);
		*at++ = DB_TEXT(turn->tts);
		*at++ = DB_INT(turn->created_ms);
	}
	status = voice_store_insert_many(tx, turns, count);
	if (status == STATUS_OK)
		status = voice_store_touch_many(tx, turns, count);
	if (status == STATUS_OK)
		status =
		    db_many_rows_later(tx,
		                       "INSERT INTO turn (conversation_id, id, transcript, reply,"
		                       " stt, chat, tts, created_at)"
		                       " VALUES {(?, ?, ?, ?, ?, ?, ?, ?)|, }",
		                       args, TURN_FIELDS, count);
	return status;
}

enum status
voice_store_none_erased(struct db *tx, const struct voice_new_turn *turns, size_t count)
{
	struct db_value args[DB_MANY_MOST];
	size_t padded = db_many_padded(count);

	for (size_t i = 0; i < padded; i++)
		args[i] = DB_TEXT(turns[i < count ? i : count - 1].user);
	return db_many_later(tx, 0, STATUS_CONFLICT,
	                     "SELECT 1 FROM erased_user WHERE user_id IN ({?|, })", padded, args,
	                     padded);
}
