/* SPDX-License-Identifier: MIT
 *
 * Tokens held for other services' calls of providers. From tasks; `db` is the pool or a
 * transaction; the statuses are db.h's.
 */
#ifndef STUDYHALL_PLANNER_STORE_HOLDS_H
#define STUDYHALL_PLANNER_STORE_HOLDS_H

#include "services/planner/quota.h"

#include <stdint.h>

/* *added is false when the user has one of this mark already, which stays as it is. */
enum status hold_store_add(struct db *tx, const char *mark, const struct quota_hold *hold,
                           int64_t now_ms, bool *added);
/* Notes what a call has used. *settled is false, and nothing is changed, when it has been noted
 * before or there is no such hold; otherwise *hold is what was reserved, its texts in the arena. */
enum status hold_store_settle(struct db *tx, const char *user, const char *mark,
                              uint32_t prompt_tokens, uint32_t completion_tokens,
                              struct quota_hold *hold, bool *settled);
/* For batches (common/io/db_batch.h). CONFLICT, later (db_later()): one of them was there already.
 */
enum status hold_store_add_many(struct db *tx, const char *const *marks,
                                const struct quota_hold *holds, size_t count, int64_t now_ms);
#define HOLD_USES_MOST 32
struct hold_use {
	const char *user, *mark;
	uint32_t prompt_tokens, completion_tokens;
};
/* Up to HOLD_USES_MOST; `holds` and `used` are filled in any order. CONFLICT: one of them is
 * unknown, was settled before, or is there twice. */
enum status hold_store_settle_many(struct db *tx, const struct hold_use *uses, size_t count,
                                   struct quota_hold *holds, uint32_t *used);
/* What a user's settled calls have used. */
enum status hold_store_usage(struct db *db, const char *user, uint64_t *prompt_tokens,
                             uint64_t *completion_tokens);
enum status hold_store_erase(struct db *tx, const char *user);
/* Removes up to a thousand that are older; *more: there may be others. */
enum status hold_store_purge(struct db *db, int64_t before_ms, bool *more);

#endif
