/* SPDX-License-Identifier: MIT
 * Hashes fill the same memory again, and nothing else of the process notices. */
#include "services/auth/hash_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "common/base/clock.h"

#define MEMORY  ((size_t)8 << 20)
#define PAGES   ((long)(MEMORY / 4096))
#define THREADS (HASH_MEMORY_KEPT + 4)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KEEPS false
#else
#define KEEPS true
#endif

static long
faults(void)
{
	struct rusage use;

	assert_int_equal(getrusage(RUSAGE_THREAD, &use), 0);
	return use.ru_minflt;
}

static void
derive(const char *password, unsigned char key[32])
{
	static const unsigned char salt[crypto_pwhash_SALTBYTES] = "sixteen bytes...";

	assert_int_equal(crypto_pwhash(key, 32, password, strlen(password), salt, 1, MEMORY,
	                               crypto_pwhash_ALG_ARGON2ID13),
	                 0);
}

/* A hash in kept memory; returns what it cost in page faults. */
static long
derive_kept(const char *password, unsigned char key[32], bool *first)
{
	long before = faults();

	hash_memory_begin();
	derive(password, key);
	*first = hash_memory_end();
	return faults() - before;
}

static void
hash_memory_test_is_used_again(void **state)
{
	unsigned char plain[32], kept[32];
	bool first;

	(void)state;
	assert_false(hash_memory_trim(UINT64_MAX / 2));
	derive("one", plain);
	derive_kept("one", kept, &first);
	assert_int_equal(first, KEEPS);
	assert_memory_equal(plain, kept, sizeof kept);
	for (int i = 0; i < 3; i++) { /* what an earlier one left behind is without effect */
		char password[2] = {(char)('a' + i), '\0'};

		derive(password, plain);
		if (KEEPS)
			assert_in_range(derive_kept(password, kept, &first), 0, PAGES / 8);
		else
			derive_kept(password, kept, &first);
		assert_false(first);
		assert_memory_equal(plain, kept, sizeof kept);
	}
}

static void
hash_memory_test_is_given_back(void **state)
{
	unsigned char key[32];
	bool first;

	(void)state;
	assert_false(hash_memory_trim(UINT64_MAX / 2));
	derive_kept("one", key, &first);
	assert_int_equal(hash_memory_trim(clock_us()), KEEPS);
	assert_false(hash_memory_trim(clock_us() + HASH_MEMORY_IDLE_US));
	derive_kept("one", key, &first);
	assert_int_equal(first, KEEPS);
	hash_memory_begin();
	assert_true(hash_memory_trim(UINT64_MAX / 2)); /* in use */
	hash_memory_end();
}

static void
hash_memory_test_other_parameters(void **state)
{
	unsigned char key[32], again[32];
	static const unsigned char salt[crypto_pwhash_SALTBYTES] = "sixteen bytes...";

	(void)state;
	for (size_t memory = MEMORY / 2; memory <= 2 * MEMORY; memory *= 2) {
		assert_int_equal(crypto_pwhash(again, 32, "one", 3, salt, 1, memory,
		                               crypto_pwhash_ALG_ARGON2ID13),
		                 0);
		hash_memory_begin();
		assert_int_equal(
		    crypto_pwhash(key, 32, "one", 3, salt, 1, memory, crypto_pwhash_ALG_ARGON2ID13),
		    0);
		hash_memory_end();
		assert_memory_equal(key, again, sizeof key);
	}
}

/* Between begin and end, too, what is not a hash's memory is mapped and unmapped as ever. */
static void
hash_memory_test_other_mappings(void **state)
{
	unsigned char key[32];
	bool first;
	char *small, *shared;

	(void)state;
	derive_kept("one", key, &first);
	hash_memory_begin();
	small = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(small, MAP_FAILED);
	assert_ptr_not_equal(shared, MAP_FAILED);
	assert_int_equal(shared[MEMORY - 1], 0);
	small[0] = 'x';
	assert_int_equal(munmap(small, 4096), 0);
	assert_int_equal(munmap(shared, MEMORY), 0);
	assert_ptr_equal(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), MAP_FAILED);
	hash_memory_end();
}

static void *
thread_main(void *arg)
{
	pthread_barrier_t *all = arg;
	unsigned char plain[32], kept[32];
	bool first;

	derive("one", plain);
	for (int i = 0; i < 3; i++) {
		pthread_barrier_wait(all);
		derive_kept("one", kept, &first);
		assert_memory_equal(plain, kept, sizeof kept);
	}
	return NULL;
}

static void
hash_memory_test_more_than_regions(void **state)
{
	pthread_t threads[THREADS];
	pthread_barrier_t all;

	(void)state;
	pthread_barrier_init(&all, NULL, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &all), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&all);
	assert_false(hash_memory_trim(UINT64_MAX / 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hash_memory_test_is_used_again),
	    cmocka_unit_test(hash_memory_test_is_given_back),
	    cmocka_unit_test(hash_memory_test_other_parameters),
	    cmocka_unit_test(hash_memory_test_other_mappings),
	    cmocka_unit_test(hash_memory_test_more_than_regions),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
