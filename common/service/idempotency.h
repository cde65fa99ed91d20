/* SPDX-License-Identifier: MIT
 *
 * Idempotency-Key: the same request, repeated with the same key within 24 hours, finds the first
 * one's answer. Scope: user and route. From tasks; db.h's statuses throughout.
 *
 * Work that is one short transaction keeps key and result in that very transaction; a repeat at the
 * same time waits for the row's lock. In a db_transact() function (both do nothing without a key):
 *
 *	status = idempotency_claim(call, tx, "Record", &key);
 *	if (status != STATUS_OK || key.found) ...
 *	...the work...
 *	status = idempotency_store(call, tx, "Record", packed, length);
 *
 * Work that takes longer takes a lease on the key (renewed in the background while this process
 * lives), so that repeats wait, and one of them takes over when the process dies:
 *
 *	status = idempotency_begin(call, db, "CreateTurn", &key);
 *	if (status != STATUS_OK || key.found) ...
 *	...the work, its outcome in `status`...
 *	status = idempotency_end(call, db, "CreateTurn", &key, status, packed, length);
 */
#ifndef STUDYHALL_SERVICE_IDEMPOTENCY_H
#define STUDYHALL_SERVICE_IDEMPOTENCY_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;
struct db;
struct service;

/* For the first migration of every service that uses it. owner 0: finished. Times in milliseconds
 * since 1970, UTC. */
#define IDEMPOTENCY_SCHEMA                                                                         \
	"CREATE TABLE idempotency ("                                                               \
	" user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"                     \
	" route VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"                       \
	" idempotency_key VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"            \
	" fingerprint VARCHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"                 \
	" created_at BIGINT NOT NULL, owner BIGINT UNSIGNED NOT NULL, alive_until BIGINT NOT "     \
	"NULL,"                                                                                    \
	" failure BLOB NULL, answer MEDIUMBLOB NULL,"                                              \
	" PRIMARY KEY (user_id, route, idempotency_key), KEY age (created_at), KEY owner "         \
	"(owner));\n"

/* A request's hold on its key, on the handler's stack. */
struct idempotency {
	bool found;         /* an earlier request has finished; Idempotency-Replayed is set */
	const void *answer; /* what that one stored, in the task's arena */
	size_t length;
	/* The module's: */
	uint64_t owner;
	bool held;
	struct idempotency *next, *previous;
};

/* OK: go on, or `found`. IDEMPOTENCY_KEY_REUSED: the key belongs to another body. */
enum status idempotency_claim(struct call *call, struct db *tx, const char *route,
                              struct idempotency *key);
enum status idempotency_store(struct call *call, struct db *tx, const char *route,
                              const void *answer, size_t length);
/* Claim and store in one, of many calls, in a batch (common/io/db_batch.h). Calls without a key are
 * left out. CONFLICT: one of the keys is known already, the transaction is to be given up. */
struct idempotency_first {
	struct call *call; /* whose task waits */
	const void *answer;
	size_t length;
};
enum status idempotency_store_many(struct db *tx, const char *route,
                                   const struct idempotency_first *firsts, size_t count);

/* The same for work that is not one transaction. Waits, within the call's deadline, for a request
 * with the same key that is still running. An earlier failure is returned as its status, with its
 * detail set. */
enum status idempotency_begin(struct call *call, struct db *db, const char *route,
                              struct idempotency *key);
/* Must follow a begin that gave OK without `found`, also after failures and cancellation. Keeps
 * STATUS_OK with its answer, and failures that HTTP calls 4xx (but 408 and 429) with their detail;
 * forgets others. `db` may be the transaction of the work itself, which may be run again; if that
 * fails in the end, once more with its failure. Returns `outcome`, or why an
 * STATUS_OK could not be kept. */
enum status idempotency_end(struct call *call, struct db *db, const char *route,
                            struct idempotency *key, enum status outcome, const void *answer,
                            size_t length);

/* For a request that is refused before its work began: an earlier request's word on the key counts
 * (its failure, or IDEMPOTENCY_KEY_REUSED), else the refusal is kept, if its kind is, and returned.
 */
enum status idempotency_refuse(struct call *call, struct db *db, const char *route,
                               enum status refusal);

/* For work that goes on when its request has ended, in its last transaction: the key that
 * idempotency_store() gave an answer has this one from now on; NULL: it is forgotten. */
enum status idempotency_settle(struct db *tx, const char *user, const char *route, const char *key,
                               const void *answer, size_t length);
/* Of many, all with an answer. */
struct idempotency_last {
	const char *user, *key;
	const void *answer;
	size_t length;
};
enum status idempotency_settle_many(struct db *tx, const char *route,
                                    const struct idempotency_last *lasts, size_t count);

/* From the service's start(): renews this process's leases, drops what is older than a day. Returns
 * OVERLOADED without memory. */
enum status idempotency_start(struct service *service);
/* Forgets a user's keys: for Erase. */
enum status idempotency_erase(struct db *tx, const char *user);

#endif
