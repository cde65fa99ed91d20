/* SPDX-License-Identifier: MIT
 * Days of a zone, across changes of the clock, and streaks. */
#include "common/base/date.h"
#include "services/history/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HOUR_MS ((int64_t)3600000)

static int32_t
summary_test_day(const char *text)
{
	int32_t day;

	assert_true(date_parse(text, &day));
	return day;
}

/* Every quarter of an hour falls into exactly one span, and on the day that the zone says. */
static void
summary_test_agrees_with_zone(const char *name, const char *first, const char *last, size_t spans)
{
	const struct zone *zone = zone_find(name);
	int32_t from = summary_test_day(first), to = summary_test_day(last);
	struct summary_span found[SUMMARY_SPANS];
	size_t count, at = 0;
	int64_t end_ms;

	assert_non_null(zone);
	count = summary_spans(zone, from, to, found);
	assert_int_equal(count, spans);
	assert_int_equal(found[0].from_ms, zone_day_start(zone, from) / 1000);
	end_ms = zone_day_start(zone, to + 1) / 1000;
	assert_int_equal(found[count - 1].end_ms, end_ms);
	for (size_t i = 1; i < count; i++)
		assert_int_equal(found[i].from_ms, found[i - 1].end_ms);
	for (int64_t ms = found[0].from_ms; ms < end_ms; ms += HOUR_MS / 4) {
		while (ms >= found[at].end_ms)
			at++;
		assert_int_equal((ms + found[at].offset_ms) / 86400000, zone_day(zone, ms * 1000));
	}
}

static void
summary_test_spans(void **state)
{
	(void)state;
	summary_test_agrees_with_zone("Asia/Seoul", "2026-01-01", "2026-12-31", 1);
	summary_test_agrees_with_zone("UTC", "2026-05-04", "2026-05-04", 1);
	/* Both changes of a year; one change on the first, on the last day. */
	summary_test_agrees_with_zone("Europe/Berlin", "2026-01-01", "2026-12-31", 3);
	summary_test_agrees_with_zone("America/New_York", "2026-03-08", "2026-03-20", 2);
	summary_test_agrees_with_zone("America/New_York", "2026-10-20", "2026-11-01", 2);
	/* A change at midnight exactly: the day begins at one, and ends the range before it. */
	summary_test_agrees_with_zone("America/Santiago", "2025-09-01", "2025-09-30", 2);
	summary_test_agrees_with_zone("America/Santiago", "2025-09-01", "2025-09-06", 1);
	/* Half an hour; quarters; four changes a year. */
	summary_test_agrees_with_zone("Australia/Lord_Howe", "2026-01-01", "2026-12-31", 3);
	summary_test_agrees_with_zone("Asia/Kathmandu", "2026-01-01", "2026-02-01", 1);
	summary_test_agrees_with_zone("Africa/Casablanca", "2025-01-01", "2025-12-31", 3);
}

static unsigned
summary_test_streak(const char *days)
{
	struct summary_streak streak = {0};

	while (*days != '\0' && summary_streak_add(&streak, *days == 'x'))
		days++;
	return streak.days;
}

static void
summary_test_streaks(void **state)
{
	(void)state;
	assert_int_equal(summary_test_streak("...."), 0);
	assert_int_equal(summary_test_streak("x..."), 1);
	assert_int_equal(summary_test_streak("xxx."), 3);
	/* Today may still come. */
	assert_int_equal(summary_test_streak(".xx."), 2);
	/* The day before yesterday is too long ago. */
	assert_int_equal(summary_test_streak("..xx"), 0);
	/* A gap ends it. */
	assert_int_equal(summary_test_streak("x.xx"), 1);
	assert_int_equal(summary_test_streak(".x.x"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(summary_test_spans),
	    cmocka_unit_test(summary_test_streaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
