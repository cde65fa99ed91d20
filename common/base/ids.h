/* SPDX-License-Identifier: MIT
 *
 * Identifiers and secrets, from libsodium's random numbers. Thread-safe after sodium_init(), which
 * ids_init() calls.
 */
#ifndef STUDYHALL_BASE_IDS_H
#define STUDYHALL_BASE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_SIZE    27 /* a ULID and NUL */
#define TOKEN_SIZE 44 /* 32 random bytes in base64url, and NUL */
#define TRACE_SIZE 33 /* 16 bytes in hex, and NUL */
#define SPAN_SIZE  17 /* 8 bytes in hex, and NUL */

/* Must be called once before the others. Returns -1 when there is no source of randomness. */
int ids_init(void);
/* A ULID: 48 bits of milliseconds, 80 random bits, in Crockford's base32, lower case. Ids made
 * later sort later (to the millisecond), so rows land at the end of their index. */
void ids_new(char out[ID_SIZE]);
/* [A-Za-z0-9_-]{1,36}, as the HTTP contract says? */
bool ids_valid(const char *text);
/* A bearer secret. */
void ids_token(char out[TOKEN_SIZE]);
/* A W3C trace id / span id: random, not all zero. */
void ids_trace(char out[TRACE_SIZE]);
void ids_span(char out[SPAN_SIZE]);
/* A random number, never 0: boot ids. */
uint64_t ids_boot(void);
/* Uniform in 0..bound-1. Not for secrets only: jitter, picking a replica. */
uint32_t ids_below(uint32_t bound);
/* SHA-256 of `text` in base64url without padding: what is stored of a token. */
void ids_digest(const char *text, size_t length, char out[TOKEN_SIZE]);

#endif
