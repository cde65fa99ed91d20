/* SPDX-License-Identifier: MIT
 *
 * The epoch of a service's cache: a number in its database, part of every cached value. Raising it
 * makes all older values count as misses, everywhere within CACHE_EPOCH_PERIOD_MS (at once in this
 * process). It is raised when an invalidation could not be confirmed by Redis, and when Redis turns
 * out to have restarted (it may have come back with an old snapshot). MariaDB down: the last known
 * epoch counts. The service's first migration holds CACHE_EPOCH_SCHEMA's statements.
 */
#ifndef STUDYHALL_IO_CACHE_EPOCH_H
#define STUDYHALL_IO_CACHE_EPOCH_H

#include "common/base/status.h"

struct cache;
struct db;

#define CACHE_EPOCH_PERIOD_MS 500
#define CACHE_EPOCH_SCHEMA                                                                         \
	"CREATE TABLE cache_epoch (id TINYINT NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL,"        \
	" redis_run_id VARCHAR(63) NOT NULL);\n"                                                   \
	"INSERT INTO cache_epoch (id, epoch, redis_run_id) VALUES (1, 1, '');\n"

struct cache_epoch {
	struct cache *cache;
	struct db *db;
};

/* A task_fn: spawn it on one worker of the process, with a struct cache_epoch that outlives it.
 * Reads the epoch every period, sooner after trouble; ends when the task is cancelled. Until it has
 * read the epoch once, nothing is a hit. */
void cache_epoch_run(void *epoch);
/* From a task: raises the epoch, within the transaction if `db` is one. OK, or db.h's statuses.
 * Even if it fails, this process trusts nothing before it has read the epoch again. */
enum status cache_epoch_raise(struct cache *cache, struct db *db);

#endif
