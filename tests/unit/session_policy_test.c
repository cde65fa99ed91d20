/* SPDX-License-Identifier: MIT
 * How long sessions last, how guesses are slowed down, and what one address is. */
#include "services/auth/session_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DAY ((int64_t)24 * 3600 * 1000)

static void
session_policy_test_expiry_slides_to_an_end(void **state)
{
	int64_t born = 1763822593123;

	(void)state;
	assert_int_equal(session_expiry(born, born, 30 * DAY), born + 30 * DAY);
	assert_int_equal(session_expiry(born, born + 10 * DAY, 30 * DAY), born + 40 * DAY);
	assert_int_equal(session_expiry(born, born + 60 * DAY, 30 * DAY), born + 90 * DAY);
	assert_int_equal(session_expiry(born, born + 89 * DAY, 30 * DAY), born + 90 * DAY);
}

static void
session_policy_test_touched_once_a_minute(void **state)
{
	(void)state;
	assert_false(session_touch_due(0, 59999, 30 * DAY));
	assert_true(session_touch_due(0, 60000, 30 * DAY));
	/* A session of ten seconds slides, too. */
	assert_false(session_touch_due(0, 999, 10000));
	assert_true(session_touch_due(0, 1000, 10000));
}

static void
session_policy_test_pauses_double_and_end(void **state)
{
	static const uint32_t expected[] = {0, 0, 0, 2, 4, 8, 16, 32, 60, 60};

	(void)state;
	for (int64_t failures = 0; failures < 10; failures++)
		assert_int_equal(throttle_period_s(failures, 3), expected[failures]);
	assert_int_equal(throttle_period_s(INT64_MAX, 3), THROTTLE_SLOWEST_S);
	/* A counter that lost more than it had is no allowance for ever. */
	assert_int_equal(throttle_period_s(-5, 3), 0);
}

static void
session_policy_test_address(const char *address, const char *expected)
{
	char network[ADDRESS_SIZE];

	address_network(address, network);
	assert_string_equal(network, expected);
}

static void
session_policy_test_addresses(void **state)
{
	(void)state;
	session_policy_test_address("192.0.2.7", "192.0.2.7");
	session_policy_test_address("::ffff:192.0.2.7", "192.0.2.7");
	session_policy_test_address("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
	session_policy_test_address("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64");
	session_policy_test_address("::1", "::/64");
	session_policy_test_address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	                            "ffff:ffff:ffff:ffff::/64");
	session_policy_test_address(NULL, "unknown");
	session_policy_test_address("", "unknown");
	session_policy_test_address("x' OR 1", "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(session_policy_test_expiry_slides_to_an_end),
	    cmocka_unit_test(session_policy_test_touched_once_a_minute),
	    cmocka_unit_test(session_policy_test_pauses_double_and_end),
	    cmocka_unit_test(session_policy_test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
