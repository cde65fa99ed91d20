/* SPDX-License-Identifier: MIT
 * Reads through the cache and writes around it. */
#include "common/io/cache_aside.h"

#include "common/io/cache.h"
#include "common/io/cache_epoch.h"
#include "common/task/flight.h"

#include <stdio.h>

/* --- reading -------------------------------------------------------------------------------- */

struct cache_loading {
	const struct cache_read *read;
	const struct cache_entry *miss;
};

static enum status
cache_load_and_fill(void *arg, const void **bytes, size_t *length)
{
	const struct cache_loading *loading = arg;
	const struct cache_read *read = loading->read;
	enum status status = read->load(read->arg, bytes, length);

	if (status == STATUS_OK)
		cache_fill(read->cache, read->key, loading->miss, *bytes, *length, read->ttl_s);
	return status;
}

enum status
cache_read(const struct cache_read *read, const void **bytes, size_t *length, bool *hit)
{
	char key[CACHE_KEY_SIZE + CACHE_MARK_SIZE];
	struct cache_entry entry;
	struct cache_loading loading = {read, &entry};
	bool found = cache_get(read->cache, read->key, &entry);
	int key_length;

	if (hit != NULL)
		*hit = found;
	if (found) {
		*bytes = entry.value;
		*length = entry.length;
		return STATUS_OK;
	}
	/* Without a mark nobody can tell whether a load under way began before the last write. */
	if (entry.mark[0] == '\0')
		return read->load(read->arg, bytes, length);
	key_length = snprintf(key, sizeof key, "%s\n%s", read->key, entry.mark);
	return flight_join(read->flight, key, (size_t)key_length, cache_load_and_fill, &loading,
	                   bytes, length);
}

/* --- writing -------------------------------------------------------------------------------- */

struct cache_writing {
	struct cache *cache;
	const char *const *keys;
	size_t count;
	bool begun;  /* the keys may hold marks */
	bool locked; /* they do */
	db_transact_fn *fn;
	void *arg;
};

/* The lock comes last, so that what the database refuses leaves the cached values as they are. What
 * cannot be locked is made worthless in the same transaction. */
static enum status
cache_write_in_tx(struct db *tx, void *arg)
{
	struct cache_writing *writing = arg;
	enum status status = writing->fn(tx, writing->arg);

	if (status != STATUS_OK)
		return status;
	writing->begun = true;
	writing->locked = cache_lock(writing->cache, writing->keys, writing->count) == STATUS_OK;
	return writing->locked ? STATUS_OK : cache_epoch_raise(writing->cache, tx);
}

enum status
cache_transact(struct cache *cache, struct db *db, const char *const *keys, size_t count,
               db_transact_fn *fn, void *arg)
{
	struct cache_writing writing = {
	    .cache = cache, .keys = keys, .count = count, .fn = fn, .arg = arg};
	uint64_t generation = cache_generation(cache);
	enum status status = db_transact(db, cache_write_in_tx, &writing);

	/* An epoch raised within the transaction counts from its commit on. */
	if (cache_generation(cache) != generation)
		cache_distrust(cache);
	if (!writing.begun || cache_invalidate(cache, keys, count) == STATUS_OK || !writing.locked)
		return status;
	/* The locks are still there, unless Redis comes back without them. */
	if (status != STATUS_OK && status != STATUS_DEPENDENCY_DOWN)
		return status;
	if (cache_epoch_raise(cache, db) != STATUS_OK)
		return STATUS_DEPENDENCY_DOWN;
	return status;
}
