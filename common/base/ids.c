/* SPDX-License-Identifier: MIT
 * ULIDs (github.com/ulid/spec), tokens and trace ids over libsodium's random numbers. */
#include "common/base/ids.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/obj.h"

#define IDS_STEP_BACK_MS 10000 /* a wall clock set back by less keeps the order of ids */

static_assert(TOKEN_SIZE == sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
              "a token is 32 bytes");

/* What the last ULID was made of, so that the next one of the same millisecond sorts after it. */
static struct {
	pthread_mutex_t lock;
	uint64_t ms;
	uint64_t high; /* upper 40 of the 80 random bits */
	uint64_t low;  /* lower 40 */
} ids_last = {.lock = PTHREAD_MUTEX_INITIALIZER};

int
ids_init(void)
{
	return sodium_init() < 0 ? -1 : 0;
}

/* Five bits a character, 8 characters from 40 bits. */
static void
ids_base32(uint64_t bits, int count, char *out)
{
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
	for (int i = count - 1; i >= 0; i--) {
		out[i] = alphabet[bits & 31];
		bits >>= 5;
	}
}

void
ids_new(char out[ID_SIZE])
{
	const uint64_t mask = (UINT64_C(1) << 40) - 1;
	uint64_t random[2];
	randombytes_buf(random, sizeof random);
	uint64_t now = (uint64_t)clock_wall_us() / 1000u;

	pthread_mutex_lock(&ids_last.lock);
	if (now <= ids_last.ms && ids_last.ms - now < IDS_STEP_BACK_MS) {
		/* A random step, so that one id does not tell its neighbours. */
		uint64_t low = ids_last.low + (random[0] & UINT32_MAX) + 1;
		ids_last.low = low & mask;
		ids_last.high += low >> 40;
	} else {
		ids_last.ms = now;
		ids_last.low = random[0] & mask;
		ids_last.high = random[1] & (mask >> 1); /* room for 2^47 steps in a millisecond */
	}
	uint64_t ms = ids_last.ms, high = ids_last.high, low = ids_last.low;
	pthread_mutex_unlock(&ids_last.lock);

	ids_base32(ms, 10, out);
	ids_base32(high, 8, out + 10);
	ids_base32(low, 8, out + 18);
	out[ID_SIZE - 1] = '\0';
}

bool
ids_valid(const char *text)
{
	size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                             "0123456789_-");
	return length >= 1 && length <= 36 && text[length] == '\0';
}

void
ids_token(char out[TOKEN_SIZE])
{
	unsigned char secret[32];
	randombytes_buf(secret, sizeof secret);
	sodium_bin2base64(out, TOKEN_SIZE, secret, sizeof secret,
	                  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(secret, sizeof secret);
}

/* Trace and span ids are no secrets: one system call fetches bytes for many of them. */
static void
ids_draw(unsigned char *bytes, size_t count)
{
	static _Thread_local unsigned char pool[512];
	static _Thread_local size_t left;
	assert(count <= sizeof pool);
	if (left < count) {
		randombytes_buf(pool, sizeof pool);
		left = sizeof pool;
	}
	left -= count;
	memcpy(bytes, pool + left, count);
}

static void
ids_hex(unsigned char *bytes, size_t count, char *out)
{
	do
		ids_draw(bytes, count);
	while (sodium_is_zero(bytes, count));
	sodium_bin2hex(out, count * 2 + 1, bytes, count);
}

void
ids_trace(char out[TRACE_SIZE])
{
	unsigned char bytes[16];
	ids_hex(bytes, sizeof bytes, out);
}

void
ids_span(char out[SPAN_SIZE])
{
	unsigned char bytes[8];
	ids_hex(bytes, sizeof bytes, out);
}

uint64_t
ids_boot(void)
{
	uint64_t id;
	do
		randombytes_buf(&id, sizeof id);
	while (id == 0);
	return id;
}

uint32_t
ids_below(uint32_t bound)
{
	assert(bound > 0);
	return randombytes_uniform(bound);
}

void
ids_digest(const char *text, size_t length, char out[TOKEN_SIZE])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(hash, (const unsigned char *)text, length);
	sodium_bin2base64(out, TOKEN_SIZE, hash, sizeof hash,
	                  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}
