/* SPDX-License-Identifier: MIT
 * The load generator's histogram: shares of what was added, at most 0.8 % too great. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/bench/openload/histogram.h"

static void
test_empty_histogram_says_zero(void **state)
{
	static struct histogram histogram;

	(void)state;
	assert_int_equal(histogram_at(&histogram, .5), 0);
	assert_int_equal(histogram_at(&histogram, 1), 0);
}

static void
test_small_durations_are_exact(void **state)
{
	static struct histogram histogram;

	(void)state;
	for (uint64_t us = 1; us <= 100; us++)
		histogram_add(&histogram, us);
	assert_int_equal(histogram.count, 100);
	assert_int_equal(histogram.sum_us, 5050);
	assert_int_equal(histogram_at(&histogram, .5), 50);
	assert_int_equal(histogram_at(&histogram, .99), 99);
	assert_int_equal(histogram_at(&histogram, 1), 100);
}

/* Of 1 us to 12 days: never below, at most one part in 128 above. */
static void
test_great_durations_are_close(void **state)
{
	(void)state;
	for (uint64_t us = 1; us < (uint64_t)1 << 40; us = us * 9 / 8 + 1) {
		struct histogram histogram = {0};
		uint64_t at;

		histogram_add(&histogram, us);
		histogram_add(&histogram, (uint64_t)1 << 40);
		at = histogram_at(&histogram, .5);
		assert_true(at >= us);
		assert_true(at <= us + us / 128);
	}
}

static void
test_a_share_never_exceeds_the_greatest(void **state)
{
	static struct histogram histogram;

	(void)state;
	histogram_add(&histogram, 1000001);
	assert_int_equal(histogram_at(&histogram, .5), 1000001);
	assert_int_equal(histogram.max_us, 1000001);
}

static void
test_what_is_beyond_is_counted_as_the_limit(void **state)
{
	static struct histogram histogram;

	(void)state;
	histogram_add(&histogram, UINT64_MAX);
	assert_int_equal(histogram_at(&histogram, 1), ((uint64_t)1 << 40) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty_histogram_says_zero),
	    cmocka_unit_test(test_small_durations_are_exact),
	    cmocka_unit_test(test_great_durations_are_close),
	    cmocka_unit_test(test_a_share_never_exceeds_the_greatest),
	    cmocka_unit_test(test_what_is_beyond_is_counted_as_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
