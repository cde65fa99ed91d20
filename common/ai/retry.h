/* SPDX-License-Identifier: MIT
 *
 * When to try again, and how often: exponential back-off with full jitter, what Retry-After says,
 * and a budget, so that a provider in trouble is not asked ever more. Thread-safe.
 */
#ifndef STUDYHALL_AI_RETRY_H
#define STUDYHALL_AI_RETRY_H

#include <stdatomic.h>
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

/* Each first attempt earns half a retry, RETRY_BUDGET_MOST at most; a retry costs one. */
#define RETRY_BUDGET_MOST 20
struct retry_budget {
	_Atomic int halves;
};

void retry_budget_init(struct retry_budget *budget);
void retry_budget_earn(struct retry_budget *budget);
/* False when there is none left. */
bool retry_budget_spend(struct retry_budget *budget);

#endif
