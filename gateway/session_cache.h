/* SPDX-License-Identifier: MIT
 *
 * Whom a token belongs to, remembered for a second: a bounded table, keyed by a keyed digest of the
 * token (the token itself is not kept). Thread-safe, never waits.
 *
 * Forgetting raises the generation. What was asked of auth before that may not be stored after: a
 * token that was signed out here is never let in here again.
 */
#ifndef STUDYHALL_GATEWAY_SESSION_CACHE_H
#define STUDYHALL_GATEWAY_SESSION_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session_cache;

#define SESSION_CACHE_TTL_MS 1000
#define SESSION_DIGEST_SIZE  16

/* Fixed sizes, so that it can be copied in and out. */
struct session_identity {
	char user[40];
	char session[40];
	char locale[12];
	char time_zone[68];
};

/* `entries` is rounded up to a power of two. NULL without memory. */
struct session_cache *session_cache_new(size_t entries);
void session_cache_free(struct session_cache **cache);

void session_cache_digest(const struct session_cache *cache, const char *token,
                          uint8_t digest[SESSION_DIGEST_SIZE]);
/* True, with *identity, if the token was verified less than a second ago. Else *generation is what
 * session_cache_put() wants. */
bool session_cache_get(struct session_cache *cache, const uint8_t digest[SESSION_DIGEST_SIZE],
                       uint64_t now_ms, struct session_identity *identity, uint64_t *generation);
/* `asked_ms` is when auth was asked. Does nothing if anything was forgotten since the get. */
void session_cache_put(struct session_cache *cache, const uint8_t digest[SESSION_DIGEST_SIZE],
                       uint64_t asked_ms, const struct session_identity *identity,
                       uint64_t generation);
/* Forgets every session of the user. */
void session_cache_forget(struct session_cache *cache, const char *user);

#endif
