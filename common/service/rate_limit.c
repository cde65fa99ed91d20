/* SPDX-License-Identifier: MIT
 * Counts calls in fixed windows. */
#include "common/service/rate_limit.h"

#include "common/base/clock.h"
#include "common/io/cache.h"
#include "common/service/call.h"
#include "common/service/counter.h"

#include <stdio.h>

#define SECOND_US 1000000

enum status
rate_limit_take(const struct rate_limit *limit, struct call *call)
{
	int64_t now_s = clock_wall_us() / SECOND_US;
	int64_t window = now_s / limit->window_s;
	uint32_t left_s = (uint32_t)((window + 1) * limit->window_s - now_s);
	char key[CACHE_KEY_SIZE];
	int64_t used;

	if (limit->limit == 0)
		return STATUS_OK;
	snprintf(key, sizeof key, "%s:%s:%lld", limit->name, call_user(call), (long long)window);
	if (limit->cache == NULL ||
	    cache_incr(limit->cache, key, 1, 2 * limit->window_s, &used) != STATUS_OK)
		used = counters_add(limit->counters, key, 1, 2 * limit->window_s, clock_ms());
	call_set_header(call, "ratelimit-policy", "\"%s\";q=%lld;w=%u", limit->name,
	                (long long)limit->limit, limit->window_s);
	call_set_header(call, "ratelimit", "\"%s\";r=%lld;t=%u", limit->name,
	                (long long)(used < limit->limit ? limit->limit - used : 0), left_s);
	if (used <= limit->limit)
		return STATUS_OK;
	call_set_retry_after(call, left_s);
	return call_fail(call, STATUS_THROTTLED, "too many in the last %u seconds",
	                 limit->window_s);
}
