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
/* The same, when there is none: CONFLICT otherwise, later (db_later()). */
enum status hold_store_add_new(struct db *tx, const char *mark, const struct quota_hold *hold,
                               int64_t now_ms);
/* Notes what a call has used. *settled is false, and nothing is changed, when it has been noted
 * before or there is no such hold; otherwise *hold is what was reserved, its texts in the arena. */
enum status hold_store_settle(struct db *tx, const char *user, const char *mark,
                              uint32_t prompt_tokens, uint32_t completion_tokens,
                              struct quota_hold *hold, bool *settled);
/* What a user's settled calls have used. */
enum status hold_store_usage(struct db *db, const char *user, uint64_t *prompt_tokens,
                             uint64_t *completion_tokens);
enum status hold_store_erase(struct db *tx, const char *user);
/* Removes up to a thousand that are older; *more: there may be others. */
enum status hold_store_purge(struct db *db, int64_t before_ms, bool *more);

#endif
