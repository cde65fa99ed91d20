/* SPDX-License-Identifier: MIT
 * Identifiers: form, order, uniqueness over threads; digests against a published vector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/ids.h"

#define IDS_PER_THREAD 20000
#define THREADS        4

static char made[THREADS][IDS_PER_THREAD][ID_SIZE];

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void *
make_ids(void *arg)
{
	char(*ids)[ID_SIZE] = arg;
	for (int i = 0; i < IDS_PER_THREAD; i++)
		ids_new(ids[i]);
	return NULL;
}

static void
test_ids_ascend_and_are_unique_over_threads(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_ids, made[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < THREADS; i++)
		for (int j = 1; j < IDS_PER_THREAD; j++)
			assert_true(strcmp(made[i][j - 1], made[i][j]) < 0);
	char *all = made[0][0];
	size_t count = (size_t)THREADS * IDS_PER_THREAD;
	qsort(all, count, ID_SIZE, compare_ids);
	for (size_t i = 1; i < count; i++)
		assert_true(strcmp(all + (i - 1) * ID_SIZE, all + i * ID_SIZE) < 0);
}

static void
test_an_id_tells_its_millisecond(void **state)
{
	(void)state;
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
	char id[ID_SIZE];
	int64_t before = clock_wall_us() / 1000;
	ids_new(id);
	int64_t after = clock_wall_us() / 1000, ms = 0;
	assert_int_equal(strlen(id), 26);
	assert_int_equal(strspn(id, alphabet), 26);
	assert_true(ids_valid(id));
	for (int i = 0; i < 10; i++)
		ms = ms * 32 + (strchr(alphabet, id[i]) - alphabet);
	assert_in_range(ms, before, after);
}

static void
test_valid_ids(void **state)
{
	(void)state;
	assert_true(ids_valid("a"));
	assert_true(ids_valid("AZaz09_-"));
	assert_true(ids_valid("123456789012345678901234567890123456"));
	assert_false(ids_valid("1234567890123456789012345678901234567"));
	assert_false(ids_valid(""));
	assert_false(ids_valid("a b"));
	assert_false(ids_valid("../x"));
	assert_false(ids_valid("한"));
}

static void
test_tokens_and_traces(void **state)
{
	(void)state;
	char token[TOKEN_SIZE], other[TOKEN_SIZE], trace[TRACE_SIZE], span[SPAN_SIZE];
	ids_token(token);
	ids_token(other);
	assert_int_equal(strlen(token), 43);
	assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                               "0123456789_-"),
	                 43);
	assert_string_not_equal(token, other);
	ids_trace(trace);
	ids_span(span);
	assert_int_equal(strspn(trace, "0123456789abcdef"), 32);
	assert_int_equal(strlen(trace), 32);
	assert_int_equal(strspn(span, "0123456789abcdef"), 16);
	assert_int_equal(strlen(span), 16);
	assert_true(ids_boot() != ids_boot());
}

static void
test_below_is_bounded_and_reaches_everything(void **state)
{
	(void)state;
	unsigned seen = 0;
	for (int i = 0; i < 1000; i++) {
		uint32_t number = ids_below(5);
		assert_true(number < 5);
		seen |= 1u << number;
	}
	assert_int_equal(seen, 31);
	assert_int_equal(ids_below(1), 0);
}

/* FIPS 180-2, appendix B.1: ba7816bf 8f01cfea ... in base64url */
static void
test_digest_vector(void **state)
{
	(void)state;
	char digest[TOKEN_SIZE];
	ids_digest("abc", 3, digest);
	assert_string_equal(digest, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
}

static int
init_ids(void **state)
{
	(void)state;
	return ids_init();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ids_ascend_and_are_unique_over_threads),
	    cmocka_unit_test(test_an_id_tells_its_millisecond),
	    cmocka_unit_test(test_valid_ids),
	    cmocka_unit_test(test_tokens_and_traces),
	    cmocka_unit_test(test_below_is_bounded_and_reaches_everything),
	    cmocka_unit_test(test_digest_vector),
	};
	return cmocka_run_group_tests(tests, init_ids, NULL);
}
