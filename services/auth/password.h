/* SPDX-License-Identifier: MIT
 *
 * Password hashes: argon2id (RFC 9106) by libsodium, on the CPU pool. From tasks; they yield.
 * Statuses: OK; OVERLOADED at once when the pool's queue is full or would take longer than
 * PASSWORD_WAIT_MS, or when memory is exhausted; DEADLINE, CANCELLED. Passwords are in NFC already.
 */
#ifndef STUDYHALL_AUTH_PASSWORD_H
#define STUDYHALL_AUTH_PASSWORD_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct periodic;
struct pool;

#define PASSWORD_HASH_SIZE 128
#define PASSWORD_WAIT_MS   2000

struct password_policy {
	struct pool *pool;
	int64_t memory_kib;
	int64_t passes;
	struct periodic
	    *trim; /* runs password_trim(); NULL: memory is kept until the process ends */
};

enum status password_hash(const struct password_policy *policy, const char *password,
                          char out[PASSWORD_HASH_SIZE]);
enum status password_verify(const struct password_policy *policy, const char *hash,
                            const char *password, bool *match);
/* Was the hash made with other parameters? */
bool password_outdated(const struct password_policy *policy, const char *hash);
/* A periodic_fn: gives back what hashes have filled, when none was made for a second. */
uint32_t password_trim(void *unused);

#endif
