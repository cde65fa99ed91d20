/* SPDX-License-Identifier: MIT
 * breaker: opens on a rate of failures and on a row of them, probes after a while, and forgets what
 * began before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/ai/breaker.h"

#include <stdlib.h>

static const struct breaker_options options = {.window_ms = 12000,
                                               .least = 10,
                                               .percent = 50,
                                               .in_a_row = 6,
                                               .open_ms = 1000,
                                               .open_max_ms = 5000,
                                               .probes = 2};

static struct breaker breaker;
static uint64_t now;

static void
start(void)
{
	breaker_init(&breaker, &options);
	now = 100000;
}

static void
call(enum breaker_report report)
{
	struct breaker_ticket ticket;

	assert_true(breaker_admit(&breaker, now, &ticket));
	breaker_report(&breaker, &ticket, now, report);
}

static bool
admits(void)
{
	struct breaker_ticket ticket;
	bool admitted = breaker_admit(&breaker, now, &ticket);

	if (admitted)
		breaker_report(&breaker, &ticket, now, BREAKER_NOTHING);
	return admitted;
}

static void
calls(int good, int bad)
{
	while (good > 0 || bad > 0) {
		if (good-- > 0)
			call(BREAKER_SUCCESS);
		if (bad-- > 0)
			call(BREAKER_FAILURE);
	}
}

static void
test_rate(void **state)
{
	(void)state;
	start();
	calls(5, 4);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
	call(BREAKER_FAILURE); /* 5 of 10 */
	assert_int_equal(breaker_state(&breaker, now), BREAKER_OPEN);
	assert_false(admits());
	/* Below the least count the rate says nothing. */
	start();
	calls(4, 5);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
	call(BREAKER_NOTHING);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
}

static void
test_window(void **state)
{
	(void)state;
	start();
	calls(4, 5);
	now += options.window_ms; /* all of that is forgotten */
	calls(4, 5);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
	now += options.window_ms / 2; /* that is not */
	call(BREAKER_FAILURE);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_OPEN);
}

static void
test_row(void **state)
{
	(void)state;
	start();
	calls(0, 5);
	call(BREAKER_SUCCESS); /* breaks the row */
	calls(0, 3);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
	start();
	calls(100, 0);
	calls(0, 5);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
	call(BREAKER_NOTHING); /* neither breaks the row nor adds to it */
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
	call(BREAKER_FAILURE);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_OPEN);
}

static void
test_probes(void **state)
{
	struct breaker_ticket one, two, three;

	(void)state;
	start();
	calls(0, 6);
	now += options.open_ms - 1;
	assert_false(admits());
	now += 1;
	assert_int_equal(breaker_state(&breaker, now), BREAKER_HALF_OPEN);
	assert_true(breaker_admit(&breaker, now, &one));
	assert_true(breaker_admit(&breaker, now, &two));
	assert_false(breaker_admit(&breaker, now, &three));
	/* A cancelled probe makes room for another. */
	breaker_report(&breaker, &one, now, BREAKER_NOTHING);
	assert_true(breaker_admit(&breaker, now, &three));
	breaker_report(&breaker, &three, now, BREAKER_SUCCESS);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
	/* The other probe's failure is old news: the window is clean. */
	breaker_report(&breaker, &two, now, BREAKER_FAILURE);
	calls(0, 5);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
	call(BREAKER_FAILURE);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_OPEN);
	now += options.open_ms; /* closing has reset the time */
	assert_true(admits());
}

static void
test_probe_fails(void **state)
{
	static const uint32_t expected[] = {2000, 4000, 5000, 5000};

	(void)state;
	start();
	calls(0, 6);
	now += options.open_ms;
	for (int i = 0; i < 4; i++) {
		call(BREAKER_FAILURE);
		now += expected[i] - 1;
		assert_false(admits());
		now += 1;
	}
	call(BREAKER_SUCCESS);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
}

static void
test_late_reports(void **state)
{
	struct breaker_ticket tickets[20];

	(void)state;
	start();
	for (int i = 0; i < 20; i++)
		assert_true(breaker_admit(&breaker, now, &tickets[i]));
	now += options.window_ms / 2; /* they hang */
	for (int i = 0; i < 6; i++)
		breaker_report(&breaker, &tickets[i], now, BREAKER_FAILURE);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_OPEN);
	/* What was under way when it opened neither closes it nor keeps it open for longer. */
	for (int i = 6; i < 13; i++)
		breaker_report(&breaker, &tickets[i], now, BREAKER_SUCCESS);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_OPEN);
	now += options.open_ms;
	for (int i = 13; i < 20; i++)
		breaker_report(&breaker, &tickets[i], now, BREAKER_FAILURE);
	assert_true(admits());
}

/* Failures come at once and answers late: the failures among many calls that have just begun say
 * little. When most have failed, or the others have hung for a while, it opens. */
static void
test_many_at_once(void **state)
{
	struct breaker_ticket tickets[100];

	(void)state;
	start();
	for (int i = 0; i < 100; i++)
		assert_true(breaker_admit(&breaker, now, &tickets[i]));
	for (int i = 0; i < 49; i++)
		breaker_report(&breaker, &tickets[i], now, BREAKER_FAILURE);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
	breaker_report(&breaker, &tickets[49], now, BREAKER_FAILURE);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_OPEN);
	start();
	for (int i = 0; i < 100; i++)
		assert_true(breaker_admit(&breaker, now, &tickets[i]));
	for (int i = 0; i < 30; i++)
		breaker_report(&breaker, &tickets[i], now, BREAKER_FAILURE);
	now += options.window_ms / 2;
	assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
	breaker_report(&breaker, &tickets[30], now, BREAKER_FAILURE);
	assert_int_equal(breaker_state(&breaker, now), BREAKER_OPEN);
}

/* The same for calls that begin in waves: what ended meanwhile were others. */
static void
test_waves(void **state)
{
	struct breaker_ticket tickets[100];

	(void)state;
	start();
	for (int wave = 0; wave < 10; wave++) {
		for (int i = 0; i < 100; i++)
			assert_true(breaker_admit(&breaker, now, &tickets[i]));
		for (int i = 0; i < 30; i++)
			breaker_report(&breaker, &tickets[i], now, BREAKER_FAILURE);
		now += options.window_ms / 4;
		for (int i = 30; i < 100; i++)
			breaker_report(&breaker, &tickets[i], now, BREAKER_SUCCESS);
		assert_int_equal(breaker_state(&breaker, now), BREAKER_CLOSED);
	}
}

/* With the default options, three failures in ten never open it in a long time. */
static void
test_random_failures(void **state)
{
	unsigned opened = 0;

	(void)state;
	srand(1);
	breaker_init(&breaker, &breaker_defaults);
	now = 1;
	for (int i = 0; i < 100000; i++) {
		struct breaker_ticket ticket;

		now += 10;
		if (!breaker_admit(&breaker, now, &ticket)) {
			opened++;
			continue;
		}
		breaker_report(&breaker, &ticket, now,
		               rand() % 10 < 3 ? BREAKER_FAILURE : BREAKER_SUCCESS);
	}
	assert_int_equal(opened, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_window),
	    cmocka_unit_test(test_row),
	    cmocka_unit_test(test_probes),
	    cmocka_unit_test(test_probe_fails),
	    cmocka_unit_test(test_late_reports),
	    cmocka_unit_test(test_many_at_once),
	    cmocka_unit_test(test_waves),
	    cmocka_unit_test(test_random_failures),
	};

	return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
