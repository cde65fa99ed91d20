/* SPDX-License-Identifier: MIT
 * What one password hash costs (argon2id with OWASP's minimum): CPU milliseconds by libsodium
 * alone, and as the auth service makes it, in memory that is kept from one to the next, or that had
 * been given back, as it is after a second without sign-ins. In turns.
 *
 * usage: password_bench [TIMES]   (8 of each) */
#include "services/auth/hash_memory.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PASSES     2
#define MEMORY_KIB 19456

static char hash[crypto_pwhash_STRBYTES];

/* Milliseconds of this thread's CPU. */
static double
verify(void)
{
	static const char password[] = "correct horse battery";
	struct timespec began, ended;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
	if (hash[0] == '\0')
		assert(crypto_pwhash_str_alg(hash, password, strlen(password), PASSES,
		                             (size_t)MEMORY_KIB * 1024,
		                             crypto_pwhash_ALG_ARGON2ID13) == 0);
	else
		assert(crypto_pwhash_str_verify(hash, password, strlen(password)) == 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
	return (double)(ended.tv_sec - began.tv_sec) * 1e3 +
	       (double)(ended.tv_nsec - began.tv_nsec) / 1e6;
}

static double
verify_kept(void)
{
	double took;

	hash_memory_begin();
	took = verify();
	hash_memory_end();
	return took;
}

int
main(int argc, char **argv)
{
	int times = argc > 1 ? atoi(argv[1]) : 8;
	double plain = 0, kept = 0, first = 0;

	if (sodium_init() < 0 || times < 1)
		return 1;
	verify();
	verify_kept();
	for (int i = 0; i < times; i++) {
		plain += verify();
		kept += verify_kept();
		hash_memory_trim(UINT64_MAX / 2);
		first += verify_kept();
	}
	printf("libsodium alone: %.2f ms\nthe auth service's: %.2f ms\n"
	       "the auth service's, the first of many: %.2f ms\nratio: %.2f\n",
	       plain / times, kept / times, first / times, kept / plain);
	return 0;
}
