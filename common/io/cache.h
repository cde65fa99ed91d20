/* SPDX-License-Identifier: MIT
 *
 * Redis for tasks: one connection per worker, commands pipelined. Only ever a cache: every call may
 * fail, quickly: a Redis that owes replies and gives none for `timeout_ms` is taken for gone, and
 * while it is gone calls take no time at all.
 *
 * How it never lies after a write:
 * - A miss leaves a mark with a random number at the key, and a fill writes only if that mark is
 *   still there. An invalidation puts another mark (a tombstone) there, so a fill that read before
 * it is refused; so it is when Redis lost or evicted the key meanwhile.
 * - cache_lock() before a commit puts a mark that nobody may fill, so that a process that dies
 *   between its commit and its invalidation leaves nothing stale behind.
 * - Each value carries the epoch (cache_epoch.h) that was known when it was read. A write whose
 *   invalidation Redis did not confirm raises the epoch, and older values no longer count. After
 * any trouble with the connection nothing is a hit until the epoch has been read again. Services
 * use cache_aside.h, which puts these pieces together.
 */
#ifndef STUDYHALL_IO_CACHE_H
#define STUDYHALL_IO_CACHE_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;

#define CACHE_KEY_SIZE    200 /* greatest key with NUL, without the prefix */
#define CACHE_MARK_SIZE   24
#define CACHE_VALUE_LIMIT ((size_t)1 << 20)

struct cache_options {
	const char
	    *url; /* redis://[user:password@]host[:port][/db], unix:///path[?password=P&db=N];
	             NULL or empty: no cache, every get is a miss */
	const char *prefix;  /* of all keys: the service's name */
	uint32_t timeout_ms; /* of silence; 0: 100 */
	bool no_epoch;       /* values that may be a little stale: epochs are not used */
};

/* NULL with one line in `error` when the URL cannot be parsed. Connects to nothing yet. */
struct cache *cache_open(const struct cache_options *options, char *error, size_t error_size);
/* After every worker has detached. */
void cache_close(struct cache **cache);
/* On each worker, on its loop or in a task: makes this worker's connection, and ends it (the loop
 * has to turn once more before worker_free). Calls of a worker that is not attached fail as if
 * down. */
enum status cache_attach(struct cache *cache);
void cache_detach(struct cache *cache);
/* Connected on every attached worker? Any thread. */
bool cache_healthy(const struct cache *cache);

/* What a get found; then what its fill needs. */
struct cache_entry {
	const void *value; /* hit: in the task's arena, NUL behind it; NULL: miss */
	size_t length;
	char mark[CACHE_MARK_SIZE]; /* miss: "" if it cannot be filled */
	uint64_t epoch;
};

/* The following are called from tasks. True: a hit. Trouble of any kind is a miss that cannot be
 * filled. The entry is always set. */
bool cache_get(struct cache *cache, const char *key, struct cache_entry *entry);
/* After a miss: stores what was read since, for ttl_s seconds, unless the key changed meanwhile.
 * Awaits Redis, whose failure is no matter. */
void cache_fill(struct cache *cache, const char *key, const struct cache_entry *miss,
                const void *value, size_t length, unsigned ttl_s);

/* Before a transaction / after it. OK: Redis confirmed, for all keys. Any other status: it is not
 * known; the caller raises the epoch. They wait for that even while the task is
 * cancelled or late. Locks end by themselves after 30 s. At most 64 keys. */
enum status cache_lock(struct cache *cache, const char *const *keys, size_t count);
enum status cache_invalidate(struct cache *cache, const char *const *keys, size_t count);

/* A counter that vanishes ttl_s after its first increment: adds `by` and gives the sum; by 0 reads
 * only. DEPENDENCY_DOWN when Redis cannot tell. */
enum status cache_incr(struct cache *cache, const char *key, int64_t by, unsigned ttl_s,
                       int64_t *sum);
/* Deletes a counter. */
enum status cache_forget(struct cache *cache, const char *key);

/* Nothing is a hit until the epoch has been read again. Any thread. */
void cache_distrust(struct cache *cache);

/* For cache_epoch.c. */
uint64_t cache_generation(const struct cache *cache);
const char *cache_run_id(struct cache *cache, char out[64]);
void cache_set_epoch(struct cache *cache, uint64_t epoch, uint64_t generation);
bool cache_trusted(const struct cache *cache);

#endif
