/* SPDX-License-Identifier: MIT
 *
 * When to try again, and how often: exponential back-off with full jitter, what Retry-After says,
 * and a budget, so that a provider in trouble is not asked ever more. Thread-safe, but for the
 * budget.
 */
#ifndef STUDYHALL_AI_RETRY_H
#define STUDYHALL_AI_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* Uniform in 0..min(cap_ms, base_ms * 2^attempt), attempt from 0. */
uint32_t retry_backoff_ms(unsigned attempt, uint32_t base_ms, uint32_t cap_ms);
/* The same wait for all who were told the same time would bring them back together: up to a
 * quarter, but at least 50 ms, more. */
uint32_t retry_spread_ms(uint32_t wait_ms);

/* Retry-After (RFC 9110, 10.2.3): seconds, a fraction allowed, or a date in one of HTTP's three
 * forms; also a duration of google.rpc.RetryInfo ("37.8s"). `now_s` is the wall clock. The time is
 * cut at a day; one that has passed is 0. False if it is nothing of these. */
bool retry_after_parse(const char *text, int64_t now_s, uint32_t *wait_ms);

/* Of the calls of the last while (ten to twenty seconds) so many may be repetitions: half as many
 * as first attempts, and RETRY_BUDGET_FREE. In proportion to what is asked, for a thousand calls
 * that begin at once fail at once. */
#define RETRY_BUDGET_FREE 20
struct retry_budget {
	uint64_t period; /* of the current half of the while */
	unsigned firsts[2], retries[2];
};

/* `now_ms` is clock_ms(). Pure; where threads share it, the caller brings the lock. */
void retry_budget_first(struct retry_budget *budget, uint64_t now_ms);
/* False when there is none left. */
bool retry_budget_spend(struct retry_budget *budget, uint64_t now_ms);

#endif
