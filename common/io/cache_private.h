/* SPDX-License-Identifier: MIT
 * What cache.c and cache_open.c share. */
#ifndef STUDYHALL_IO_CACHE_PRIVATE_H
#define STUDYHALL_IO_CACHE_PRIVATE_H

#include "common/base/metrics.h"
#include "common/io/cache_conn.h"

#define CACHE_MAGIC       0xcac4e000u
#define CACHE_PREFIX_SIZE 32

struct cache {
	unsigned magic;
	bool off;
	bool no_epoch;
	char prefix[CACHE_PREFIX_SIZE];
	struct cache_shared shared;
	_Atomic uint64_t epoch;
	_Atomic uint64_t trusted; /* the generation in which the epoch was read */
};

/* This worker's connection if it is usable, or NULL. */
struct cache_conn *cache_here(const struct cache *cache);

extern struct metric cache_metric_hits, cache_metric_misses, cache_metric_blind,
    cache_metric_refused, cache_metric_unconfirmed;

#endif
