/* SPDX-License-Identifier: MIT
 *
 * Cache-aside as a service uses it: reads through the cache with single flight, writes around it.
 * From tasks. A read that begins after a write was answered sees the write, whatever Redis does
 * (cache_epoch.h says what remains in another process when Redis fails in that very moment).
 */
#ifndef STUDYHALL_IO_CACHE_ASIDE_H
#define STUDYHALL_IO_CACHE_ASIDE_H

#include "common/io/db.h"

struct cache;
struct flight;

/* Reads the truth: bytes in the running task's arena. Not OK: handed to everybody who waits for it.
 */
typedef enum status cache_load_fn(void *arg, const void **bytes, size_t *length);

struct cache_read {
	struct cache *cache;
	struct flight *flight; /* of the process; the key is shared with no other kind of value */
	const char *key;
	unsigned ttl_s;
	cache_load_fn
	    *load; /* runs in this task, or not at all when another is already loading it */
	void *arg;
};
/* The value, in the task's arena; *hit (may be NULL) tells whether it came from Redis. Statuses of
 * `load`, and of the wait. */
enum status cache_read(const struct cache_read *read, const void **bytes, size_t *length,
                       bool *hit);

/* db_transact(): before its commit the keys are locked, after it they are invalidated; if Redis
 * cannot confirm, the epoch is raised, in the same transaction where possible. When `fn` fails, or
 * the database cannot be reached for it, what is cached stays. Not OK after a commit
 * (DEPENDENCY_DOWN): outcome unknown to the caller, as with db_commit. */
enum status cache_transact(struct cache *cache, struct db *db, const char *const *keys,
                           size_t count, db_transact_fn *fn, void *arg);

#endif
