/* SPDX-License-Identifier: MIT
 * Metrics: Prometheus' text format to the letter, bucket bounds, families, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/metrics.h"

static char *
scrape(void)
{
	struct buf out;
	buf_init(&out, 0);
	metrics_write(&out);
	return buf_take(&out, NULL);
}

/* Is this whole line, or these lines, in the text? */
static void
assert_lines(const char *lines)
{
	char *text = scrape();
	const char *at = strstr(text, lines);
	if (at == NULL || (at != text && at[-1] != '\n'))
		fail_msg("%s\nis not in\n%s", lines, text);
	free(text);
}

static int64_t
read_answer(void *arg)
{
	return *(int *)arg;
}

static void
test_families_stand_together(void **state)
{
	(void)state;
	static int answer = 42;
	static struct metric a = {.name = "test_calls_total",
	                          .labels = "method=\"A\"",
	                          .help = "Calls.",
	                          .type = METRIC_COUNTER};
	static struct metric depth = {.name = "test_depth",
	                              .help = "Depth.",
	                              .type = METRIC_GAUGE,
	                              .read = read_answer,
	                              .arg = &answer};
	static struct metric b = {.name = "test_calls_total",
	                          .labels = "method=\"B\"",
	                          .help = "Calls.",
	                          .type = METRIC_COUNTER};
	metric_register(&a);
	metric_register(&depth);
	metric_register(&b);
	metric_add(&a, 3);
	metric_add(&b, 4);
	metric_add(&b, 1);
	assert_lines("# HELP test_calls_total Calls.\n"
	             "# TYPE test_calls_total counter\n"
	             "test_calls_total{method=\"A\"} 3\n"
	             "test_calls_total{method=\"B\"} 5\n"
	             "# HELP test_depth Depth.\n"
	             "# TYPE test_depth gauge\n"
	             "test_depth 42\n");
	metric_set(&depth, 1);
	answer = -1;
	assert_lines("test_depth -1\n");
}

static void
test_new_metrics_and_the_same_again(void **state)
{
	(void)state;
	char name[] = "test_new", label[] = "10.0.0.1";
	struct metric *metric = metric_new(METRIC_GAUGE, name, "New.", "replica=\"%s\"", label);
	struct metric *other = metric_new(METRIC_GAUGE, name, "New.", "replica=\"%s\"", "10.0.0.2");
	metric_set(metric, 7);
	assert_ptr_equal(metric_new(METRIC_GAUGE, name, "New.", "replica=\"%s\"", label), metric);
	assert_ptr_not_equal(metric, other);
	memset(name, 'x', 4);
	memset(label, 'x', 4);
	assert_lines("test_new{replica=\"10.0.0.1\"} 7\ntest_new{replica=\"10.0.0.2\"} 0\n");
	metric_set(metric_new(METRIC_GAUGE, "test_bare", "Bare.", NULL), -5);
	assert_lines("# TYPE test_bare gauge\ntest_bare -5\n");
}

static void
test_histogram(void **state)
{
	(void)state;
	struct metric *metric =
	    metric_new(METRIC_HISTOGRAM, "test_seconds", "Time.", "route=\"%s\"", "/v1");
	static const uint64_t times[] = {0, 64, 65, 128, 129, 33554432, 33554433, UINT32_MAX};
	uint64_t sum = 0;
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		metric_observe_us(metric, times[i]);
		sum += times[i];
	}
	assert_lines("# TYPE test_seconds histogram\n"
	             "test_seconds_bucket{route=\"/v1\",le=\"0.000064\"} 2\n"
	             "test_seconds_bucket{route=\"/v1\",le=\"0.000128\"} 4\n"
	             "test_seconds_bucket{route=\"/v1\",le=\"0.000256\"} 5\n");
	char expected[400];
	snprintf(expected, sizeof expected,
	         "test_seconds_bucket{route=\"/v1\",le=\"16.777216\"} 5\n"
	         "test_seconds_bucket{route=\"/v1\",le=\"33.554432\"} 6\n"
	         "test_seconds_bucket{route=\"/v1\",le=\"+Inf\"} 8\n"
	         "test_seconds_sum{route=\"/v1\"} %llu.%06llu\n"
	         "test_seconds_count{route=\"/v1\"} 8\n",
	         (unsigned long long)sum / 1000000, (unsigned long long)sum % 1000000);
	assert_lines(expected);
	struct metric *bare = metric_new(METRIC_HISTOGRAM, "test_bare_seconds", "Time.", "%s", "");
	metric_observe_us(bare, 1500000);
	assert_lines("test_bare_seconds_bucket{le=\"2.097152\"} 1\n");
	assert_lines("test_bare_seconds_sum 1.500000\ntest_bare_seconds_count 1\n");
}

/* Each bound belongs to its bucket, the next microsecond to the one above. */
static void
test_bucket_bounds(void **state)
{
	(void)state;
	struct metric *metric = metric_new(METRIC_HISTOGRAM, "test_bounds_seconds", "B.", "%s", "");
	for (int i = 0; i < METRIC_BUCKETS; i++) {
		metric_observe_us(metric, UINT64_C(64) << i);
		assert_int_equal(atomic_load(&metric->buckets[i]), i == 0 ? 1 : 2);
		metric_observe_us(metric, (UINT64_C(64) << i) + 1);
		if (i + 1 < METRIC_BUCKETS)
			assert_int_equal(atomic_load(&metric->buckets[i + 1]), 1);
	}
	metric_observe_us(metric, UINT64_MAX);
	assert_int_equal(atomic_load(&metric->count), 2 * METRIC_BUCKETS + 1);
}

static void *
count_on_a_thread(void *arg)
{
	struct metric *shared = arg;
	for (int i = 0; i < 10000; i++) {
		metric_add(shared, 1);
		if (i % 1000 == 0)
			metric_add(metric_new(METRIC_COUNTER, "test_replicas_total", "Replicas.",
			                      "number=\"%d\"", i),
			           1);
	}
	return NULL;
}

static void
test_threads(void **state)
{
	(void)state;
	struct metric *shared =
	    metric_new(METRIC_COUNTER, "test_shared_total", "Shared.", "%s", "");
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_on_a_thread, shared), 0);
	for (int i = 0; i < 20; i++)
		free(scrape());
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_lines("test_shared_total 40000\n");
	assert_lines("test_replicas_total{number=\"9000\"} 4\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_families_stand_together),
	    cmocka_unit_test(test_new_metrics_and_the_same_again),
	    cmocka_unit_test(test_histogram),
	    cmocka_unit_test(test_bucket_bounds),
	    cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
