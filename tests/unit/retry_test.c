/* SPDX-License-Identifier: MIT
 * retry: waits stay in their bounds and use all of them, Retry-After is read in all its forms, and
 * the budget lets half as many retries through as there are requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/ai/retry.h"
#include "common/base/ids.h"

#define NOW 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

static void
test_backoff(void **state)
{
	uint64_t sums[8] = {0};

	(void)state;
	for (unsigned attempt = 0; attempt < 8; attempt++) {
		uint32_t most = attempt < 5 ? 100u << attempt : 2000;
		uint32_t low = UINT32_MAX, high = 0;

		for (int i = 0; i < 2000; i++) {
			uint32_t wait = retry_backoff_ms(attempt, 100, 2000);

			assert_in_range(wait, 0, most);
			low = wait < low ? wait : low;
			high = wait > high ? wait : high;
			sums[attempt] += wait;
		}
		/* Full jitter: from nothing to the most. */
		assert_in_range(low, 0, most / 20);
		assert_in_range(high, most - most / 20, most);
		assert_in_range(sums[attempt] / 2000, most * 4 / 10, most * 6 / 10);
	}
	assert_in_range(retry_backoff_ms(1000, 100, 2000), 0, 2000);
	assert_int_equal(retry_backoff_ms(3, 0, 2000), 0);
}

static void
test_spread(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_in_range(retry_spread_ms(1000), 1000, 1250);
		assert_in_range(retry_spread_ms(0), 0, 50);
	}
}

static void
expect_wait(const char *text, uint32_t expected)
{
	uint32_t wait = 12345;

	if (!retry_after_parse(text, NOW, &wait))
		fail_msg("not read: %s", text);
	assert_int_equal(wait, expected);
}

static void
test_retry_after(void **state)
{
	static const char *const bad[] = {"",
	                                  "soon",
	                                  "-1",
	                                  "1x",
	                                  "1.5x",
	                                  " 1",
	                                  "1 s",
	                                  "s",
	                                  ".5",
	                                  "1e3",
	                                  "0x10",
	                                  "1ss",
	                                  "Sun, 06 Nov 1994 08:49:37",
	                                  "37m"};
	uint32_t wait;

	(void)state;
	expect_wait("0", 0);
	expect_wait("7", 7000);
	expect_wait("1.25", 1250);
	expect_wait("37s", 37000);
	expect_wait("0.0005s", 1);
	expect_wait("37.82626638s", 37827);
	expect_wait("99999999999999999999", 86400000);
	expect_wait("Sun, 06 Nov 1994 08:49:47 GMT", 10000);
	expect_wait("Sunday, 06-Nov-94 08:50:37 GMT", 60000);
	expect_wait("Sun Nov  6 08:49:38 1994", 1000);
	expect_wait("Sun, 06 Nov 1994 08:49:30 GMT", 0); /* passed */
	expect_wait("Sun, 06 Nov 2094 08:49:37 GMT", 86400000);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (retry_after_parse(bad[i], NOW, &wait))
			fail_msg("read: '%s'", bad[i]);
	assert_false(retry_after_parse(NULL, NOW, &wait));
}

static int
spend_all(struct retry_budget *budget, uint64_t now)
{
	int spent = 0;

	while (retry_budget_spend(budget, now))
		spent++;
	return spent;
}

static void
test_budget(void **state)
{
	struct retry_budget budget = {0};
	uint64_t now = 1000000;
	int spent = 0;

	(void)state;
	assert_int_equal(spend_all(&budget, now), RETRY_BUDGET_FREE);
	/* Every request failing: one retry for two. */
	for (int i = 0; i < 1000; i++) {
		retry_budget_first(&budget, now);
		spent += retry_budget_spend(&budget, now);
	}
	assert_int_equal(spent, 500);
	/* A thousand at once have half as many retries. */
	now += 100000;
	for (int i = 0; i < 1000; i++)
		retry_budget_first(&budget, now);
	assert_int_equal(spend_all(&budget, now), 500 + RETRY_BUDGET_FREE);
	assert_int_equal(spend_all(&budget, now + 10000), 0); /* not forgotten so soon */
	assert_int_equal(spend_all(&budget, now + 20000), RETRY_BUDGET_FREE);
	assert_int_equal(spend_all(&budget, now + 29999), 0);
	assert_int_equal(spend_all(&budget, now + 1000000), RETRY_BUDGET_FREE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_backoff),
	    cmocka_unit_test(test_spread),
	    cmocka_unit_test(test_retry_after),
	    cmocka_unit_test(test_budget),
	};

	if (ids_init() != 0)
		return 1;
	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
