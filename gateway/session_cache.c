/* SPDX-License-Identifier: MIT
 * The table of verified tokens: small sets, the oldest of a set makes room. */
#include "gateway/session_cache.h"

#include "common/base/obj.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SESSION_CACHE_MAGIC 0x5e5510cau
#define SESSION_CACHE_WAYS  4

struct session_entry {
	uint8_t digest[SESSION_DIGEST_SIZE];
	uint64_t until_ms; /* 0: empty */
	struct session_identity identity;
};

struct session_cache {
	unsigned magic;
	uint8_t key[crypto_generichash_KEYBYTES];
	pthread_mutex_t lock;
	uint64_t generation;
	size_t sets; /* a power of two */
	struct session_entry entries[];
};

struct session_cache *
session_cache_new(size_t entries)
{
	size_t sets = 1;
	while (sets * SESSION_CACHE_WAYS < entries)
		sets *= 2;
	struct session_cache *cache =
	    calloc(1, sizeof *cache + sets * SESSION_CACHE_WAYS * sizeof cache->entries[0]);
	if (cache == NULL)
		return NULL;
	OBJ_INIT(cache, SESSION_CACHE_MAGIC);
	randombytes_buf(cache->key, sizeof cache->key);
	pthread_mutex_init(&cache->lock, NULL);
	cache->sets = sets;
	return cache;
}

void
session_cache_free(struct session_cache **cache)
{
	if (*cache == NULL)
		return;
	OBJ_CHECK(*cache, SESSION_CACHE_MAGIC);
	pthread_mutex_destroy(&(*cache)->lock);
	OBJ_FINI(*cache);
	free(*cache);
	*cache = NULL;
}

void
session_cache_digest(const struct session_cache *cache, const char *token,
                     uint8_t digest[SESSION_DIGEST_SIZE])
{
	crypto_generichash(digest, SESSION_DIGEST_SIZE, (const uint8_t *)token, strlen(token),
	                   cache->key, sizeof cache->key);
}

static struct session_entry *
session_cache_set(struct session_cache *cache, const uint8_t digest[SESSION_DIGEST_SIZE])
{
	uint64_t hash;
	memcpy(&hash, digest, sizeof hash);
	return &cache->entries[(hash & (cache->sets - 1)) * SESSION_CACHE_WAYS];
}

bool
session_cache_get(struct session_cache *cache, const uint8_t digest[SESSION_DIGEST_SIZE],
                  uint64_t now_ms, struct session_identity *identity, uint64_t *generation)
{
	OBJ_CHECK(cache, SESSION_CACHE_MAGIC);
	const struct session_entry *set = session_cache_set(cache, digest);
	bool found = false;
	pthread_mutex_lock(&cache->lock);
	*generation = cache->generation;
	for (int i = 0; i < SESSION_CACHE_WAYS && !found; i++) {
		found = set[i].until_ms > now_ms &&
		        memcmp(set[i].digest, digest, SESSION_DIGEST_SIZE) == 0;
		if (found)
			*identity = set[i].identity;
	}
	pthread_mutex_unlock(&cache->lock);
	return found;
}

void
session_cache_put(struct session_cache *cache, const uint8_t digest[SESSION_DIGEST_SIZE],
                  uint64_t asked_ms, const struct session_identity *identity, uint64_t generation)
{
	OBJ_CHECK(cache, SESSION_CACHE_MAGIC);
	struct session_entry *set = session_cache_set(cache, digest), *entry = set;
	pthread_mutex_lock(&cache->lock);
	for (int i = 0; i < SESSION_CACHE_WAYS; i++) {
		if (memcmp(set[i].digest, digest, SESSION_DIGEST_SIZE) == 0) {
			entry = &set[i];
			break;
		}
		if (set[i].until_ms < entry->until_ms)
			entry = &set[i];
	}
	if (generation == cache->generation) {
		memcpy(entry->digest, digest, SESSION_DIGEST_SIZE);
		entry->until_ms = asked_ms + SESSION_CACHE_TTL_MS;
		entry->identity = *identity;
	}
	pthread_mutex_unlock(&cache->lock);
}

void
session_cache_forget(struct session_cache *cache, const char *user)
{
	OBJ_CHECK(cache, SESSION_CACHE_MAGIC);
	pthread_mutex_lock(&cache->lock);
	cache->generation++;
	for (size_t i = 0; i < cache->sets * SESSION_CACHE_WAYS; i++)
		if (cache->entries[i].until_ms != 0 &&
		    strcmp(cache->entries[i].identity.user, user) == 0)
			cache->entries[i].until_ms = 0;
	pthread_mutex_unlock(&cache->lock);
}
