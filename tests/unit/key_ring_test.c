/* SPDX-License-Identifier: MIT
 * key_ring: keys are used in turn as they are throttled or refused, and never show in a text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/ai/key_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
test_lists(void **state)
{
	char many[1000] = "";
	struct key_ring ring;

	(void)state;
	assert_null(key_ring_init(&ring, NULL));
	assert_int_equal(ring.count, 0);
	key_ring_fini(&ring);
	assert_null(key_ring_init(&ring, " , ,, \n"));
	assert_int_equal(ring.count, 0);
	key_ring_fini(&ring);
	assert_null(key_ring_init(&ring, " one,two ,\tthree\n,one"));
	assert_int_equal(ring.count, 3);
	assert_string_equal(ring.keys[0].text, "one");
	assert_string_equal(ring.keys[1].text, "two");
	assert_string_equal(ring.keys[2].text, "three");
	key_ring_fini(&ring);
	assert_non_null(key_ring_init(&ring, "good,b\xc3\xa4"
	                                     "d"));
	assert_non_null(key_ring_init(&ring, "a b"));
	assert_non_null(key_ring_init(&ring, "a\r\nX-Other: b"));
	for (int i = 0; i < KEY_RING_MOST + 1; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), "key%d,", i);
	assert_non_null(key_ring_init(&ring, many));
	assert_int_equal(ring.count, 0);
}

static void
test_rotation(void **state)
{
	struct key_ring ring;
	uint64_t wait;

	(void)state;
	assert_null(key_ring_init(&ring, "a,b,c"));
	assert_int_equal(key_ring_pick(&ring, 1000, &wait), 0);
	assert_int_equal(key_ring_pick(&ring, 1000, &wait), 0); /* until it is throttled */
	key_ring_rest(&ring, 0, 3000);
	assert_int_equal(key_ring_pick(&ring, 1000, &wait), 1);
	/* Many calls of one key are throttled at once: the next one is used all the same. */
	key_ring_rest(&ring, 0, 2000);
	assert_int_equal(key_ring_pick(&ring, 1000, &wait), 1);
	key_ring_rest(&ring, 1, 5000);
	key_ring_rest(&ring, 2, 4000);
	assert_int_equal(key_ring_pick(&ring, 1000, &wait), -1);
	assert_int_equal(wait, 2000); /* the longer rest of the first counts */
	assert_int_equal(key_ring_pick(&ring, 2999, &wait), -1);
	assert_int_equal(wait, 1);
	assert_int_equal(key_ring_pick(&ring, 3000, &wait), 0);
	assert_int_equal(wait, 0);
	key_ring_fini(&ring);
}

static void
expect_scrubbed(const struct key_ring *ring, const char *text, const char *expected)
{
	char *copy = strdup(text);

	key_ring_scrub(ring, copy);
	assert_string_equal(copy, expected);
	free(copy);
}

static void
test_scrub(void **state)
{
	struct key_ring ring;

	(void)state;
	assert_null(key_ring_init(&ring, "sk-secret-0123456789,xyz"));
	expect_scrubbed(&ring, "", "");
	expect_scrubbed(&ring, "nothing here", "nothing here");
	expect_scrubbed(&ring, "sk-secret-0123456789", "********************");
	expect_scrubbed(&ring, "key 'sk-secret-0123456789'!", "key '********************'!");
	/* Pieces of one, from its beginning, middle and end. */
	expect_scrubbed(&ring, "key sk-sec... is", "key ******... is");
	expect_scrubbed(&ring, "...ret-012...", "...*******...");
	expect_scrubbed(&ring, "456789", "******");
	expect_scrubbed(&ring, "sk-se", "sk-se");
	expect_scrubbed(&ring, "sk-secret-sk-secret-", "********************");
	/* A short key is hidden whole. */
	expect_scrubbed(&ring, "wxyz xy xyz", "w*** xy ***");
	key_ring_fini(&ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_rotation),
	    cmocka_unit_test(test_scrub),
	};

	return cmocka_run_group_tests_name("key_ring", tests, NULL, NULL);
}
