/* SPDX-License-Identifier: MIT
 * Counters count, vanish in time, and never take more room. */
#include "common/base/ids.h"
#include "common/service/counter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <pthread.h>

static void
counter_test_counts_and_vanishes(void **state)
{
	struct counters *counters = counters_new();

	(void)state;
	assert_non_null(counters);
	assert_int_equal(counters_add(counters, "a", 0, 0, 1000), 0);
	assert_int_equal(counters_add(counters, "a", 1, 10, 1000), 1);
	assert_int_equal(counters_add(counters, "a", 2, 10, 6000), 3);
	assert_int_equal(counters_add(counters, "b", 1, 10, 6000), 1);
	assert_int_equal(counters_add(counters, "a", 0, 0, 10999), 3);
	/* Ten seconds after it began, not after it was used last. */
	assert_int_equal(counters_add(counters, "a", 0, 0, 11000), 0);
	assert_int_equal(counters_add(counters, "a", 1, 10, 11000), 1);
	assert_int_equal(counters_add(counters, "a", -1, 10, 11001), 0);
	counters_free(&counters);
	assert_null(counters);
}

static void
counter_test_flood_keeps_the_newest(void **state)
{
	struct counters *counters = counters_new();
	char key[32];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		snprintf(key, sizeof key, "flood:%d", i);
		assert_int_equal(counters_add(counters, key, 1, 60, 1000 + (uint64_t)i), 1);
		assert_int_equal(counters_add(counters, key, 1, 60, 1000 + (uint64_t)i), 2);
	}
	counters_free(&counters);
}

static void *
counter_test_thread(void *arg)
{
	for (int i = 0; i < 50000; i++)
		counters_add(arg, "shared", 1, 3600, 1000);
	return NULL;
}

static void
counter_test_threads_lose_nothing(void **state)
{
	struct counters *counters = counters_new();
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, counter_test_thread, counters);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(counters_add(counters, "shared", 0, 0, 1000), 200000);
	counters_free(&counters);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counter_test_counts_and_vanishes),
	    cmocka_unit_test(counter_test_flood_keeps_the_newest),
	    cmocka_unit_test(counter_test_threads_lose_nothing),
	};

	if (ids_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
