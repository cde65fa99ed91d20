/* SPDX-License-Identifier: MIT
 * Reads the epoch from the database twice a second, and raises it. */
#include "common/io/cache_epoch.h"

#include "common/base/arena.h"
#include "common/base/log.h"
#include "common/io/cache.h"
#include "common/io/db.h"
#include "common/task/task.h"

#include <string.h>

#define CACHE_EPOCH_ANXIOUS_MS 50

static enum status
cache_epoch_select(struct db *db, struct db_rows **rows)
{
	enum status status =
	    DB_QUERY(db, rows, "SELECT epoch, redis_run_id FROM cache_epoch WHERE id = 1");

	return status == STATUS_OK && db_count(*rows) != 1 ? STATUS_INTERNAL : status;
}

/* Another Redis than the one that all values were written to, as far as we know, may hold anything.
 */
static enum status
cache_epoch_read(const struct cache_epoch *epoch)
{
	uint64_t generation = cache_generation(epoch->cache);
	char run_id[64];
	struct db_rows *rows;
	enum status status = cache_epoch_select(epoch->db, &rows);

	if (status != STATUS_OK)
		return status;
	cache_run_id(epoch->cache, run_id);
	if (run_id[0] != '\0' && strcmp(run_id, db_text(rows, 0, 1)) != 0) {
		status = DB_EXEC(epoch->db, NULL,
		                 "UPDATE cache_epoch SET epoch = epoch + 1, redis_run_id = ? "
		                 "WHERE id = 1 AND redis_run_id <> ?",
		                 DB_TEXT(run_id), DB_TEXT(run_id));
		if (status == STATUS_OK)
			status = cache_epoch_select(epoch->db, &rows);
		if (status != STATUS_OK)
			return status;
	}
	cache_set_epoch(epoch->cache, db_uint(rows, 0, 0), generation);
	return STATUS_OK;
}

/* In small steps, so that trouble in between is answered soon. */
static enum status
cache_epoch_pause(const struct cache *cache)
{
	enum status status = STATUS_OK;

	for (unsigned slept = 0; slept < CACHE_EPOCH_PERIOD_MS && status == STATUS_OK;) {
		status = task_sleep(CACHE_EPOCH_ANXIOUS_MS);
		slept += CACHE_EPOCH_ANXIOUS_MS;
		if (!cache_trusted(cache))
			break;
	}
	return status;
}

void
cache_epoch_run(void *arg)
{
	const struct cache_epoch *epoch = arg;
	bool missing = false;

	do {
		enum status status = cache_epoch_read(epoch);

		if (status == STATUS_INTERNAL && !missing) {
			LOG_ERROR("the cache's epoch cannot be read: has `migrate` been run?");
			missing = true;
		}
		arena_reset(task_arena());
	} while (cache_epoch_pause(epoch->cache) == STATUS_OK);
}

enum status
cache_epoch_raise(struct cache *cache, struct db *db)
{
	enum status status =
	    DB_EXEC(db, NULL, "UPDATE cache_epoch SET epoch = epoch + 1 WHERE id = 1");

	cache_distrust(cache);
	return status;
}
