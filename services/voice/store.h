/* SPDX-License-Identifier: MIT
 *
 * The voice service's only SQL. From tasks; `db` is the pool or a transaction; the statuses are
 * db.h's. Texts in results are in the task's arena. Times are milliseconds since 1970, UTC.
 */
#ifndef STUDYHALL_VOICE_STORE_H
#define STUDYHALL_VOICE_STORE_H

#include "common/base/status.h"
#include "common/service/cursor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

struct voice_conversation {
	const char *id;
	const char *title;
	int64_t created_ms, updated_ms;
	uint32_t turns;
};

struct voice_turn {
	const char *id;
	const char *transcript;
	const char *reply;
	const char *stt, *chat, *tts; /* stt, tts: NULL where there was none */
	int64_t created_ms;
};

struct voice_new_turn {
	const char *user;
	bool is_new; /* it opens its conversation */
	const struct voice_conversation *conversation;
	const struct voice_turn *turn;
};

/* NOT_FOUND: there is none of this user's. */
enum status voice_store_get(struct db *db, const char *user, const char *id, bool lock,
                            struct voice_conversation *conversation);
/* A turn's transaction, which hears of all these together (db_later()): a new conversation, which
 * counts its first turn, or one more turn of another; the turn itself; and, behind what was added,
 * UNAUTHENTICATED for a user who is erased. */
enum status voice_store_insert(struct db *tx, const char *user,
                               const struct voice_conversation *conversation);
enum status voice_store_count_turn(struct db *tx, const char *conversation,
                                   const struct voice_turn *turn);
enum status voice_store_add_turn(struct db *tx, const char *conversation,
                                 const struct voice_turn *turn);
enum status voice_store_unless_erased(struct db *tx, const char *user);
/* store_many.c: the same for a batch (common/io/db_batch.h), up to DB_MANY_MOST turns. CONFLICT, at
 * the latest when the transaction is committed: a conversation is gone or has two of the turns, or
 * a user was erased. */
enum status voice_store_add_many(struct db *tx, const struct voice_new_turn *turns, size_t count);
enum status voice_store_none_erased(struct db *tx, const struct voice_new_turn *turns,
                                    size_t count);
/* Up to `limit` turns, oldest first. */
enum status voice_store_turns(struct db *db, const char *conversation, size_t limit,
                              struct voice_turn **turns, size_t *count);
/* The latest ones, up to `limit`, the oldest of them first. */
enum status voice_store_latest(struct db *db, const char *conversation, size_t limit,
                               struct voice_turn **turns, size_t *count);
/* Up to `limit` conversations, the most recent first, beyond `after` (NULL: from the first on). */
enum status voice_store_list(struct db *db, const char *user, const struct cursor *after,
                             size_t limit, struct voice_conversation **conversations,
                             size_t *count);
enum status voice_store_delete(struct db *tx, const char *id);

/* As in the history service: first the tombstone is committed, then everything is removed; who adds
 * looks for the tombstone after having added. */
enum status voice_store_mark_erased(struct db *tx, const char *user, int64_t now_ms);

#endif
