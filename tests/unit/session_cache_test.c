/* SPDX-License-Identifier: MIT
 * Verified tokens: remembered for a second, never after they were forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/ids.h"
#include "common/base/obj.h"
#include "gateway/session_cache.h"

static struct session_cache *cache;
static struct session_identity found;
static uint64_t generation;

static bool
get(const char *token, uint64_t now_ms)
{
	uint8_t digest[SESSION_DIGEST_SIZE];
	session_cache_digest(cache, token, digest);
	return session_cache_get(cache, digest, now_ms, &found, &generation);
}

static void
put(const char *token, const char *user, uint64_t asked_ms, uint64_t since)
{
	uint8_t digest[SESSION_DIGEST_SIZE];
	struct session_identity identity = {.session = "s"};
	snprintf(identity.user, sizeof identity.user, "%s", user);
	session_cache_digest(cache, token, digest);
	session_cache_put(cache, digest, asked_ms, &identity, since);
}

static int
cache_setup(void **state)
{
	(void)state;
	cache = ids_init() == 0 ? session_cache_new(64) : NULL;
	return cache == NULL ? -1 : 0;
}

static int
cache_teardown(void **state)
{
	(void)state;
	session_cache_free(&cache);
	return 0;
}

static void
a_token_is_remembered_for_a_second(void **state)
{
	(void)state;
	assert_false(get("t1", 5000));
	put("t1", "u1", 5000, generation);
	assert_true(get("t1", 5000));
	assert_string_equal(found.user, "u1");
	assert_true(get("t1", 5999));
	assert_false(get("t1", 6000));
	assert_false(get("t2", 5000));
	assert_false(get("", 5000));
}

static void
forgetting_a_user_forgets_all_its_tokens(void **state)
{
	(void)state;
	(void)get("t1", 5000);
	put("t1", "u1", 5000, generation);
	put("t2", "u1", 5000, generation);
	put("t3", "u2", 5000, generation);
	session_cache_forget(cache, "u1");
	assert_false(get("t1", 5001));
	assert_false(get("t2", 5001));
	assert_true(get("t3", 5001));
}

static void
an_answer_from_before_the_sign_out_is_not_stored_after_it(void **state)
{
	(void)state;
	assert_false(get("t1", 5000));
	uint64_t asked = generation;
	session_cache_forget(cache, "u1");
	put("t1", "u1", 5000, asked);
	assert_false(get("t1", 5001));
	put("t1", "u1", 5001, generation);
	assert_true(get("t1", 5002));
}

static void
the_table_is_bounded_and_the_newest_stay(void **state)
{
	(void)state;
	char token[16];
	(void)get("t", 5000);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(token, sizeof token, "t%u", i);
		put(token, token, 5000 + i, generation);
		assert_true(get(token, 5000 + i));
		assert_string_equal(found.user, token);
	}
	unsigned held = 0;
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(token, sizeof token, "t%u", i);
		held += get(token, 5000);
	}
	assert_in_range(held, 32, 64);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cache_setup, cache_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_token_is_remembered_for_a_second),
	    TEST(forgetting_a_user_forgets_all_its_tokens),
	    TEST(an_answer_from_before_the_sign_out_is_not_stored_after_it),
	    TEST(the_table_is_bounded_and_the_newest_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
