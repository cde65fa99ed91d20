/* SPDX-License-Identifier: MIT
 *
 * Slows down guessing of passwords, per account and address, per account, and per address. Counters
 * are in Redis, so that replicas share them; in this process while Redis is away.
 *
 * An attempt reserves its place before the password is looked at, so that a burst of guesses gets
 * no further than one after the other; a right password gives the place back. While others of the
 * same account and address are being looked at, an attempt beyond the allowance waits for them.
 *
 *	account and address   10 failures in 15 minutes are free, then one attempt in 2, 4, ... 60 s
 *	account               50 failures from addresses where nobody signed in to it before are
 *free, then the same; an address that is known to the account is exempt address
 *SIGNIN_ADDRESS_LIMIT failures a minute over all accounts
 */
#ifndef STUDYHALL_AUTH_THROTTLE_H
#define STUDYHALL_AUTH_THROTTLE_H

#include "common/base/status.h"
#include "services/auth/session_policy.h"

struct cache;
struct call;
struct counters;

struct throttle {
	struct cache *cache;
	struct counters *counters;
	int64_t address_limit; /* 0: none */
};

#define THROTTLE_KEY_SIZE 160

struct throttle_attempt {
	const char
	    *account; /* of the account or of who might be one: no secret, at most 64 bytes */
	const char *address;    /* address_network()'s */
	bool known;             /* signed in from there before */
	uint32_t retry_after_s; /* set with THROTTLED */
	/* The module's: */
	bool reserved;
	int64_t address_left;
	char address_key[THROTTLE_KEY_SIZE], pair_key[THROTTLE_KEY_SIZE];
	char failed_key[THROTTLE_KEY_SIZE], account_key[THROTTLE_KEY_SIZE];
};

/* From a task; may wait. OK: go on, and end with one of the three below. THROTTLED; DEADLINE and
 * CANCELLED of the task. */
enum status throttle_reserve(const struct throttle *throttle, struct throttle_attempt *attempt);
/* The password was right: earlier failures of this address are forgotten. */
void throttle_succeeded(const struct throttle *throttle, struct throttle_attempt *attempt);
void throttle_failed(const struct throttle *throttle, struct throttle_attempt *attempt);
/* The password was never looked at. */
void throttle_refund(const struct throttle *throttle, struct throttle_attempt *attempt);

/* RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers) of the address. */
void throttle_headers(const struct throttle *throttle, const struct throttle_attempt *attempt,
                      struct call *call);

#endif
