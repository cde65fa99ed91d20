/* SPDX-License-Identifier: MIT
 *
 * What a learner, a provider and the whole installation may use of a day: reserved before it is
 * used, settled when it is known, by conditional updates in the caller's transaction, so no number
 * of replicas oversteps a limit. A limit of 0 is none. db.h's statuses.
 *
 * Rows are locked in one order (learner, provider, installation), the installation's, which all
 * share, last: call these at a transaction's end.
 */
#ifndef STUDYHALL_PLANNER_QUOTA_H
#define STUDYHALL_PLANNER_QUOTA_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

/* Tokens held for one call of a provider. */
struct quota_hold {
	const char *user;
	const char *provider;
	int32_t day;        /* the learner's */
	int32_t budget_day; /* UTC */
	uint32_t tokens;
};

/* The days that a reservation made now belongs to; `zone` may be unknown or NULL: UTC. */
void quota_today(const char *zone, struct quota_hold *hold);
/* Seconds until the learner's next day begins. */
uint32_t quota_seconds_left(const char *zone);

/* QUOTA_EXCEEDED: not enough is left, and the transaction is to be rolled back. */
enum status quota_reserve(struct db *tx, const struct quota_hold *hold);
/* Of what was reserved `used` tokens are spent, the others free again. */
enum status quota_settle(struct db *tx, const struct quota_hold *hold, uint32_t used);

/* The same for many in a batch (common/io/db_batch.h): CONFLICT or QUOTA_EXCEEDED when one of them
 * is out of the ordinary, and the transaction is to be rolled back. `unless_erased`: CONFLICT for
 * users who are erased, too, which the second always says; so it comes behind what was added. */
enum status quota_reserve_many(struct db *tx, const struct quota_hold *holds, size_t count,
                               bool unless_erased);
enum status quota_settle_many(struct db *tx, const struct quota_hold *holds, const uint32_t *used,
                              size_t count);

/* A plan that will not be made is given back. */
enum status quota_return_plan(struct db *tx, const char *user, int32_t day);

#endif
