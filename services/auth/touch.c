/* SPDX-License-Identifier: MIT
 * Sessions that were used are noted in memory and written once a second: nobody waits for it, and
 * what a crash loses is a minute of last_seen_at. */
#include "services/auth/auth.h"

#include "common/base/obj.h"
#include "common/io/cache.h"
#include "common/io/db_many.h"
#include "common/service/periodic.h"
#include "services/auth/credentials.h"
#include "services/auth/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TOUCHES_MAGIC     0x70c4e500u
#define TOUCHES_LIMIT     2048 /* noted; more are noted again a minute later */
#define TOUCHES_BATCH     DB_MANY_MOST
#define TOUCHES_PERIOD_MS 1000

struct touch {
	struct auth_touch what;
	char digest[44];
};

struct touches {
	unsigned magic;
	struct db *db;
	struct cache *cache;
	pthread_mutex_t lock;
	size_t count;
	struct touch noted[TOUCHES_LIMIT];
};

void
touches_add(struct touches *touches, const char *session, const char *digest, int64_t last_seen,
            int64_t expires)
{
	struct touch touch = {.what = {.last_seen = last_seen, .expires = expires}};

	OBJ_CHECK(touches, TOUCHES_MAGIC);
	strncpy(touch.what.session, session, sizeof touch.what.session - 1);
	strncpy(touch.digest, digest, sizeof touch.digest - 1);
	pthread_mutex_lock(&touches->lock);
	if (touches->count < TOUCHES_LIMIT)
		touches->noted[touches->count++] = touch;
	pthread_mutex_unlock(&touches->lock);
}

static size_t
touches_take(struct touches *touches, struct touch *taken, size_t limit)
{
	size_t count;

	pthread_mutex_lock(&touches->lock);
	count = touches->count < limit ? touches->count : limit;
	touches->count -= count;
	memcpy(taken, touches->noted + touches->count, count * sizeof *taken);
	pthread_mutex_unlock(&touches->lock);
	return count;
}

static uint32_t
touches_round(void *arg)
{
	OBJ_CAST(struct touches, touches, arg, TOUCHES_MAGIC);
	struct touch taken[TOUCHES_BATCH];
	struct auth_touch written[TOUCHES_BATCH];
	char keys[TOUCHES_BATCH][CREDENTIALS_KEY_SIZE];
	const char *list[TOUCHES_BATCH];
	size_t count = touches_take(touches, taken, TOUCHES_BATCH);

	if (count == 0)
		return TOUCHES_PERIOD_MS;
	for (size_t i = 0; i < count; i++) {
		written[i] = taken[i].what;
		credentials_cache_key(taken[i].digest, keys[i]);
		list[i] = keys[i];
	}
	/* What stays cached is only older than it could be, and noted again. */
	if (auth_store_touch_sessions(touches->db, written, count) == STATUS_OK)
		(void)cache_invalidate(touches->cache, list, count);
	return count == TOUCHES_BATCH ? 0 : TOUCHES_PERIOD_MS;
}

struct touches *
touches_start(struct service *service, struct db *db, struct cache *cache)
{
	struct touches *touches = calloc(1, sizeof *touches);
	struct periodic_options options = {.name = "touch-sessions",
	                                   .fn = touches_round,
	                                   .arg = touches,
	                                   .first_ms = TOUCHES_PERIOD_MS};

	if (touches == NULL)
		return NULL;
	OBJ_INIT(touches, TOUCHES_MAGIC);
	touches->db = db;
	touches->cache = cache;
	pthread_mutex_init(&touches->lock, NULL);
	if (periodic_start(service, &options) == NULL) {
		free(touches);
		return NULL;
	}
	return touches;
}
