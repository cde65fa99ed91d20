/* SPDX-License-Identifier: MIT
 * The stand-in's latencies: distributions as they are named, reproducible by seed and number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tests/upstream/latency.h"

#define DRAWS 20000

static struct latency
parsed(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	struct latency latency;

	assert_non_null(json);
	assert_null(latency_parse(json, &latency));
	json_decref(json);
	return latency;
}

static int
compare(const void *a, const void *b)
{
	const uint32_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

/* DRAWS values of as many calls, sorted. */
static uint32_t *
drawn(const char *text, uint64_t seed)
{
	static uint32_t values[DRAWS];
	struct latency latency = parsed(text);

	for (uint64_t number = 0; number < DRAWS; number++) {
		struct random random;

		random_init(&random, seed, number);
		values[number] = latency_draw(&latency, &random);
	}
	qsort(values, DRAWS, sizeof values[0], compare);
	return values;
}

static void
test_fixed_is_always_the_same(void **state)
{
	(void)state;
	uint32_t *values = drawn("3000", 1);

	assert_int_equal(values[0], 3000);
	assert_int_equal(values[DRAWS - 1], 3000);
}

static void
test_uniform_fills_its_range(void **state)
{
	(void)state;
	uint32_t *values =
	    drawn("{\"distribution\": \"uniform\", \"min\": 1000, \"max\": 9000}", 1);

	assert_in_range(values[0], 1000, 1010);
	assert_in_range(values[DRAWS / 2], 4850, 5150);
	assert_in_range(values[DRAWS - 1], 8990, 9000);
}

static void
test_lognormal_has_its_median_and_spread(void **state)
{
	(void)state;
	uint32_t *values =
	    drawn("{\"distribution\": \"lognormal\", \"median\": 3000, \"sigma\": 0.5}", 1);

	assert_in_range(values[DRAWS / 2], 2900, 3100);
	/* One sigma either way: 3000 * exp(-0.5), 3000 * exp(0.5). */
	assert_in_range(values[(size_t)(DRAWS * 0.1587)], 1760, 1880);
	assert_in_range(values[(size_t)(DRAWS * 0.8413)], 4800, 5100);
}

static void
test_pareto_has_a_heavy_tail_and_a_cap(void **state)
{
	(void)state;
	uint32_t *values = drawn("{\"distribution\": \"pareto\", \"min\": 1000, \"alpha\": 1.5,"
	                         " \"cap\": 100000}",
	                         1);

	assert_in_range(values[0], 1000, 1002);
	assert_in_range(values[DRAWS / 2], 1540, 1640);                /* 1000 * 2^(1/1.5) = 1587 */
	assert_in_range(values[(size_t)(DRAWS * 0.99)], 18500, 25500); /* 21544 */
	assert_int_equal(values[DRAWS - 1], 100000);
}

static void
test_seed_and_number_decide(void **state)
{
	struct random same[2], other_seed, other_number;

	(void)state;
	random_init(&same[0], 5, 9);
	random_init(&same[1], 5, 9);
	random_init(&other_seed, 6, 9);
	random_init(&other_number, 5, 10);
	for (int i = 0; i < 100; i++) {
		uint64_t value = random_next(&same[0]);

		assert_true(value == random_next(&same[1]));
		assert_true(value != random_next(&other_seed));
		assert_true(value != random_next(&other_number));
	}
}

static void
test_what_is_no_latency_is_refused(void **state)
{
	static const char *const wrong[] = {
	    "-1",
	    "\"fast\"",
	    "{}",
	    "{\"distribution\": \"normal\"}",
	    "{\"distribution\": \"uniform\", \"min\": 1}",
	    "{\"distribution\": \"uniform\", \"min\": 2, \"max\": 1}",
	    "{\"distribution\": \"pareto\", \"min\": 2, \"alpha\": 0}",
	    "{\"distribution\": \"fixed\", \"ms\": 1, \"what\": 2}",
	    "{\"distribution\": \"fixed\", \"ms\": 1, \"cap\": 1e12}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		json_t *json = json_loads(wrong[i], JSON_DECODE_ANY, NULL);
		struct latency latency;

		assert_non_null(json);
		assert_non_null(latency_parse(json, &latency));
		json_decref(json);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fixed_is_always_the_same),
	    cmocka_unit_test(test_uniform_fills_its_range),
	    cmocka_unit_test(test_lognormal_has_its_median_and_spread),
	    cmocka_unit_test(test_pareto_has_a_heavy_tail_and_a_cap),
	    cmocka_unit_test(test_seed_and_number_decide),
	    cmocka_unit_test(test_what_is_no_latency_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
