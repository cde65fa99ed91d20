/* SPDX-License-Identifier: MIT
 *
 * So many calls of a user in a window of time, over all replicas: counted in Redis, in this
 * process's memory while Redis is away. Windows are fixed: they begin at multiples of their length.
 */
#ifndef STUDYHALL_SERVICE_RATE_LIMIT_H
#define STUDYHALL_SERVICE_RATE_LIMIT_H

#include "common/base/status.h"

#include <stdint.h>

struct cache;
struct call;
struct counters;

struct rate_limit {
	struct cache *cache;       /* may be NULL */
	struct counters *counters; /* for when the cache is away */
	const char *name;          /* "turns": part of the key, and shown in the header fields */
	int64_t limit;             /* 0: none */
	uint32_t window_s;
};

/* From a task: counts one call of the user and sets RateLimit-Policy and RateLimit (IETF
 * draft-ietf-httpapi-ratelimit-headers). THROTTLED, with Retry-After, beyond the limit. */
enum status rate_limit_take(const struct rate_limit *limit, struct call *call);

#endif
