/* SPDX-License-Identifier: MIT
 * A table of sets of a few entries each; a key lives in the set that its hash says. Two keys with
 * the same 64-bit hash under a random key share a counter, which does no harm. */
#include "common/service/counter.h"

#include "common/base/obj.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define COUNTERS_MAGIC 0xc0047e45u
#define COUNTERS_SETS  2048
#define COUNTERS_WAYS  8

struct counter {
	uint64_t hash;
	uint64_t ends_ms; /* 0: free */
	int64_t sum;
};

struct counters {
	unsigned magic;
	pthread_mutex_t lock;
	unsigned char secret[crypto_shorthash_KEYBYTES];
	struct counter entries[COUNTERS_SETS][COUNTERS_WAYS];
};

struct counters *
counters_new(void)
{
	struct counters *counters = calloc(1, sizeof *counters);

	if (counters == NULL)
		return NULL;
	OBJ_INIT(counters, COUNTERS_MAGIC);
	pthread_mutex_init(&counters->lock, NULL);
	crypto_shorthash_keygen(counters->secret);
	return counters;
}

void
counters_free(struct counters **counters)
{
	struct counters *gone = *counters;

	*counters = NULL;
	if (gone == NULL)
		return;
	OBJ_CHECK(gone, COUNTERS_MAGIC);
	pthread_mutex_destroy(&gone->lock);
	OBJ_FINI(gone);
	free(gone);
}

static struct counter *
counters_find(struct counter *set, uint64_t hash, uint64_t now_ms)
{
	for (unsigned i = 0; i < COUNTERS_WAYS; i++) {
		if (set[i].hash == hash && set[i].ends_ms > now_ms)
			return &set[i];
	}
	return NULL;
}

static struct counter *
counters_room(struct counter *set)
{
	struct counter *first = &set[0];

	for (unsigned i = 1; i < COUNTERS_WAYS; i++) {
		if (set[i].ends_ms < first->ends_ms)
			first = &set[i];
	}
	return first;
}

int64_t
counters_add(struct counters *counters, const char *key, int64_t by, uint32_t ttl_s,
             uint64_t now_ms)
{
	struct counter *set, *counter;
	uint64_t hash;
	int64_t sum = 0;

	OBJ_CHECK(counters, COUNTERS_MAGIC);
	_Static_assert(crypto_shorthash_BYTES == sizeof hash, "SipHash-2-4");
	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key, strlen(key),
	                 counters->secret);
	set = counters->entries[hash % COUNTERS_SETS];
	pthread_mutex_lock(&counters->lock);
	counter = counters_find(set, hash, now_ms);
	if (counter == NULL && by != 0) {
		counter = counters_room(set);
		*counter = (struct counter){hash, now_ms + (uint64_t)ttl_s * 1000, 0};
	}
	if (counter != NULL)
		sum = counter->sum += by;
	pthread_mutex_unlock(&counters->lock);
	return sum;
}
