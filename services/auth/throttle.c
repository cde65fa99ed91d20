/* SPDX-License-Identifier: MIT
 * Reserve, then settle. Windows begin at fixed moments, which are part of a counter's key. */
#include "services/auth/throttle.h"

#include "common/base/clock.h"
#include "common/io/cache.h"
#include "common/service/call.h"
#include "common/task/task.h"
#include "common/service/counter.h"

#include <stdio.h>

#define THROTTLE_ADDRESS_WINDOW_S 60
#define THROTTLE_ACCOUNT_WINDOW_S 900
#define THROTTLE_PAIR_FREE        10
#define THROTTLE_ACCOUNT_FREE     50
#define THROTTLE_WAIT_MS          3000
#define THROTTLE_POLL_MS          40

static int64_t
throttle_now_s(void)
{
	return clock_wall_us() / 1000000;
}

static int64_t
throttle_add(const struct throttle *throttle, const char *key, int64_t by, uint32_t ttl_s)
{
	int64_t sum;

	if (cache_incr(throttle->cache, key, by, ttl_s, &sum) == STATUS_OK)
		return sum;
	return counters_add(throttle->counters, key, by, ttl_s, clock_ms());
}

static void
throttle_keys(struct throttle_attempt *attempt)
{
	long long minute = (long long)(throttle_now_s() / THROTTLE_ADDRESS_WINDOW_S);
	long long quarter = (long long)(throttle_now_s() / THROTTLE_ACCOUNT_WINDOW_S);

	snprintf(attempt->address_key, THROTTLE_KEY_SIZE, "try:%s:%lld", attempt->address, minute);
	snprintf(attempt->pair_key, THROTTLE_KEY_SIZE, "try:%s:%s:%lld", attempt->account,
	         attempt->address, quarter);
	snprintf(attempt->failed_key, THROTTLE_KEY_SIZE, "fail:%s:%s:%lld", attempt->account,
	         attempt->address, quarter);
	snprintf(attempt->account_key, THROTTLE_KEY_SIZE, "fail:%s:%lld", attempt->account,
	         quarter);
}

/* May one more attempt pass where `failures` were made? The one that does closes the door behind it
 * for a while. */
static bool
throttle_slot(const struct throttle *throttle, struct throttle_attempt *attempt, const char *what,
              int64_t failures, int64_t allowance)
{
	uint32_t period = throttle_period_s(failures, allowance);
	char key[THROTTLE_KEY_SIZE + 8];

	if (period == 0)
		return true;
	snprintf(key, sizeof key, "slot:%s", what);
	if (throttle_add(throttle, key, 1, period) == 1)
		return true;
	attempt->retry_after_s = period;
	return false;
}

/* Takes a place among the account's attempts from this address. */
static enum status
throttle_reserve_pair(const struct throttle *throttle, struct throttle_attempt *attempt)
{
	uint64_t give_up_ms = clock_ms() + THROTTLE_WAIT_MS;
	enum status status;
	int64_t failures;

	for (;;) {
		if (throttle_add(throttle, attempt->pair_key, 1, 2 * THROTTLE_ACCOUNT_WINDOW_S) <=
		    THROTTLE_PAIR_FREE)
			return STATUS_OK;
		failures = throttle_add(throttle, attempt->failed_key, 0, 0);
		/* Places that nobody gives back were of attempts that died: they count as failures,
		 * and even so nobody is locked out. */
		if (clock_ms() >= give_up_ms && failures < THROTTLE_PAIR_FREE)
			failures = THROTTLE_PAIR_FREE;
		if (failures >= THROTTLE_PAIR_FREE &&
		    throttle_slot(throttle, attempt, attempt->failed_key, failures,
		                  THROTTLE_PAIR_FREE))
			return STATUS_OK;
		throttle_add(throttle, attempt->pair_key, -1, 2 * THROTTLE_ACCOUNT_WINDOW_S);
		if (failures >= THROTTLE_PAIR_FREE)
			return STATUS_THROTTLED;
		/* The others are still being looked at. */
		status = task_sleep(THROTTLE_POLL_MS);
		if (status != STATUS_OK)
			return status;
	}
}

static enum status
throttle_reserve_account(const struct throttle *throttle, struct throttle_attempt *attempt)
{
	int64_t failures;

	if (attempt->known)
		return STATUS_OK;
	failures = throttle_add(throttle, attempt->account_key, 0, 0);
	return throttle_slot(throttle, attempt, attempt->account_key, failures,
	                     THROTTLE_ACCOUNT_FREE)
	           ? STATUS_OK
	           : STATUS_THROTTLED;
}

static void
throttle_return(const struct throttle *throttle, struct throttle_attempt *attempt)
{
	throttle_add(throttle, attempt->address_key, -1, 2 * THROTTLE_ADDRESS_WINDOW_S);
	attempt->address_left++;
}

enum status
throttle_reserve(const struct throttle *throttle, struct throttle_attempt *attempt)
{
	enum status status;

	throttle_keys(attempt);
	attempt->address_left =
	    throttle->address_limit -
	    throttle_add(throttle, attempt->address_key, 1, 2 * THROTTLE_ADDRESS_WINDOW_S);
	if (throttle->address_limit > 0 && attempt->address_left < 0) {
		throttle_return(throttle, attempt);
		attempt->retry_after_s = (uint32_t)(THROTTLE_ADDRESS_WINDOW_S -
		                                    throttle_now_s() % THROTTLE_ADDRESS_WINDOW_S);
		return STATUS_THROTTLED;
	}
	status = throttle_reserve_pair(throttle, attempt);
	if (status == STATUS_OK) {
		status = throttle_reserve_account(throttle, attempt);
		if (status != STATUS_OK)
			throttle_add(throttle, attempt->pair_key, -1,
			             2 * THROTTLE_ACCOUNT_WINDOW_S);
	}
	if (status != STATUS_OK)
		throttle_return(throttle, attempt);
	attempt->reserved = status == STATUS_OK;
	return status;
}

void
throttle_refund(const struct throttle *throttle, struct throttle_attempt *attempt)
{
	if (!attempt->reserved)
		return;
	attempt->reserved = false;
	throttle_add(throttle, attempt->pair_key, -1, 2 * THROTTLE_ACCOUNT_WINDOW_S);
	throttle_return(throttle, attempt);
}

void
throttle_succeeded(const struct throttle *throttle, struct throttle_attempt *attempt)
{
	int64_t failures;

	if (!attempt->reserved)
		return;
	failures = throttle_add(throttle, attempt->failed_key, 0, 0);
	if (failures > 0) {
		throttle_add(throttle, attempt->failed_key, -failures,
		             2 * THROTTLE_ACCOUNT_WINDOW_S);
		throttle_add(throttle, attempt->pair_key, -failures, 2 * THROTTLE_ACCOUNT_WINDOW_S);
	}
	throttle_refund(throttle, attempt);
}

void
throttle_failed(const struct throttle *throttle, struct throttle_attempt *attempt)
{
	if (!attempt->reserved)
		return;
	attempt->reserved = false;
	throttle_add(throttle, attempt->failed_key, 1, 2 * THROTTLE_ACCOUNT_WINDOW_S);
	if (!attempt->known)
		throttle_add(throttle, attempt->account_key, 1, 2 * THROTTLE_ACCOUNT_WINDOW_S);
}

void
throttle_headers(const struct throttle *throttle, const struct throttle_attempt *attempt,
                 struct call *call)
{
	int64_t left = attempt->address_left > 0 ? attempt->address_left : 0;

	if (throttle->address_limit == 0)
		return;
	call_set_header(call, "ratelimit-policy", "\"address\";q=%lld;w=%d",
	                (long long)throttle->address_limit, THROTTLE_ADDRESS_WINDOW_S);
	call_set_header(
	    call, "ratelimit", "\"address\";r=%lld;t=%lld", (long long)left,
	    (long long)(THROTTLE_ADDRESS_WINDOW_S - throttle_now_s() % THROTTLE_ADDRESS_WINDOW_S));
}
