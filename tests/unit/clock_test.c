/* SPDX-License-Identifier: MIT
 * Clocks: units agree with the kernel's, the monotonic one never goes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "common/base/clock.h"

static void
test_monotonic_clock(void **state)
{
	(void)state;
	uint64_t last = clock_us();
	assert_true(last > 0);
	for (int i = 0; i < 100000; i++) {
		uint64_t now = clock_us();
		assert_true(now >= last);
		last = now;
	}
	assert_true(clock_ms() > 0);
}

static void
test_units(void **state)
{
	(void)state;
	uint64_t us = clock_us(), ms = clock_ms();
	const struct timespec pause = {0, 20000000};
	nanosleep(&pause, NULL);
	uint64_t us_passed = clock_us() - us, ms_passed = clock_ms() - ms;
	assert_in_range(us_passed, 20000, 2000000);
	assert_in_range(ms_passed, 19, 2000);
}

static void
test_wall_clock(void **state)
{
	(void)state;
	int64_t seconds = clock_wall_us() / 1000000;
	assert_in_range(seconds, (int64_t)time(NULL) - 2, (int64_t)time(NULL) + 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_monotonic_clock),
	    cmocka_unit_test(test_units),
	    cmocka_unit_test(test_wall_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
