/* SPDX-License-Identifier: MIT
 * Dates against the C library's calendar; zones against it too, and at the places where clocks
 * jump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/date.h"
#include "common/base/obj.h"

#define HOUR_US (INT64_C(3600) * 1000000)
#define DAY_US  (24 * HOUR_US)

static int64_t
instant(const char *text)
{
	int64_t us;
	if (!instant_parse(text, &us))
		fail_msg("%s", text);
	return us;
}

static int32_t
day(const char *text)
{
	int32_t number;
	if (!date_parse(text, &number))
		fail_msg("%s", text);
	return number;
}

static const struct zone *
zone(const char *name)
{
	const struct zone *found = zone_find(name);
	if (found == NULL)
		fail_msg("%s", name);
	return found;
}

static void
check_start(const char *name, const char *date, const char *start)
{
	char text[INSTANT_TEXT_SIZE];
	instant_format(zone_day_start(zone(name), day(date)), text);
	assert_string_equal(text, start);
}

static void
test_every_day_agrees_with_the_c_library(void **state)
{
	(void)state;
	int32_t last = day("9999-12-31");
	assert_int_equal(last, 2932896);
	for (int32_t number = 0; number <= last; number++) {
		time_t seconds = (time_t)number * 86400;
		struct tm tm;
		gmtime_r(&seconds, &tm);
		char expected[DATE_TEXT_SIZE + 40], text[DATE_TEXT_SIZE];
		snprintf(expected, sizeof expected, "%04d-%02d-%02d", tm.tm_year + 1900,
		         tm.tm_mon + 1, tm.tm_mday);
		date_format(number, text);
		if (strcmp(text, expected) != 0 || day(text) != number ||
		    date_weekday(number) != (enum weekday)((tm.tm_wday + 6) % 7))
			fail_msg("%d: %s, not %s", number, text, expected);
	}
}

static void
test_malformed_dates(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "",           "2026",       "2026-1-01",   "2026-13-01",           "2026-00-10",
	    "2026-02-29", "2100-02-29", "2026-04-31",  "2026-01-00",           "2026-01-32",
	    "1969-12-31", "0000-01-01", "2026-01-01 ", " 2026-01-01",          "2026/01/01",
	    "2026-01-0a", "+026-01-01", "20260101",    "2026-01-01T00:00:00Z",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		int32_t number;
		if (date_parse(bad[i], &number))
			fail_msg("%s", bad[i]);
	}
	assert_int_equal(day("2024-02-29") + 1, day("2024-03-01"));
	assert_int_equal(day("2000-02-29"), 11016);
	assert_int_equal(day("1970-01-01"), 0);
}

static void
test_days_out_of_range_fit_the_text(void **state)
{
	(void)state;
	char text[INSTANT_TEXT_SIZE];
	date_format(INT32_MAX, text);
	assert_string_equal(text, "9999-12-31");
	date_format(INT32_MIN, text);
	assert_string_equal(text, "0000-01-01");
	date_format(-1, text);
	assert_string_equal(text, "1969-12-31");
	assert_int_equal(date_weekday(-1), WED);
	assert_int_equal(date_weekday(-7), THU);
	instant_format(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	instant_format(INT64_MIN, text);
	assert_string_equal(text, "0000-01-01T00:00:00Z");
	instant_format(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void
test_instants(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t us;
	} good[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"1970-01-01t00:00:01z", 1000000},
	    {"1970-01-01T00:00:00.5Z", 500000},
	    {"1970-01-01T00:00:00.1234567890123Z", 123456},
	    {"1970-01-01T09:00:00+09:00", 0},
	    {"1969-12-31T21:00:00-03:00", 0},
	    {"1970-01-01T05:45:00.000001+05:45", 1},
	    {"2026-05-04T09:30:00Z", INT64_C(1777887000000000)},
	    {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
	};
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_int_equal(instant(good[i].text), good[i].us);
	static const char *const bad[] = {
	    "",
	    "2026-05-04",
	    "2026-05-04T09:30Z",
	    "2026-05-04 09:30:00Z",
	    "2026-05-04T09:30:00",
	    "2026-05-04T24:00:00Z",
	    "2026-05-04T23:60:00Z",
	    "2016-12-31T23:59:60Z",
	    "2026-05-04T09:30:00.Z",
	    "2026-05-04T09:30:00,5Z",
	    "2026-05-04T09:30:00Z ",
	    "2026-05-04T09:30:00+24:00",
	    "2026-05-04T09:30:00+09:60",
	    "2026-05-04T09:30:00+0900",
	    "2026-05-04T09:30:00+09",
	    "2026-02-30T09:30:00Z",
	    "1969-12-31T23:59:59Z",
	    "1970-01-01T00:00:00+00:01",
	    "9999-12-31T23:59:59-00:01",
	    "2026-05-04T-1:30:00Z",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		int64_t us;
		if (instant_parse(bad[i], &us))
			fail_msg("%s", bad[i]);
	}
}

static void
test_instants_are_written_with_milliseconds_if_any(void **state)
{
	(void)state;
	char text[INSTANT_TEXT_SIZE];
	instant_format(instant("2026-05-04T18:30:00+09:00"), text);
	assert_string_equal(text, "2026-05-04T09:30:00Z");
	instant_format(instant("2026-05-04T09:30:00.250999Z"), text);
	assert_string_equal(text, "2026-05-04T09:30:00.250Z");
	instant_format(instant("2026-05-04T09:30:00.000999Z"), text);
	assert_string_equal(text, "2026-05-04T09:30:00Z");
}

static void
test_unknown_zones(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "",
	    "Asia",
	    "Asia/",
	    "Asia/Nowhere",
	    "asia/seoul",
	    "/etc/passwd",
	    "../etc/passwd",
	    "Asia/../UTC",
	    "KST-9",
	    "+09:00",
	    "Z",
	    "EST5EDT4",
	    "right/Asia/Seoul",
	    "posix/Asia/Seoul",
	    "localtime",
	    "tzdata.zi",
	    "Asia/Seoul ",
	    "Asia/Seoulaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (zone_find(bad[i]) != NULL)
			fail_msg("%s", bad[i]);
	assert_ptr_equal(zone("Asia/Seoul"), zone("Asia/Seoul"));
	assert_non_null(zone("America/Argentina/ComodRivadavia"));
	assert_int_equal(zone_offset(zone("UTC"), 0), 0);
	assert_int_equal(zone_offset(zone("Etc/GMT+5"), 0), -5 * 3600);
}

static void
test_seoul(void **state)
{
	(void)state;
	const struct zone *seoul = zone("Asia/Seoul");
	assert_int_equal(zone_day(seoul, instant("2026-05-04T14:59:59.999999Z")),
	                 day("2026-05-04"));
	assert_int_equal(zone_day(seoul, instant("2026-05-04T15:00:00Z")), day("2026-05-05"));
	check_start("Asia/Seoul", "2026-05-05", "2026-05-04T15:00:00Z");
	/* Summer time of 1987 and 1988, for the Olympic games. */
	assert_int_equal(zone_offset(seoul, instant("1987-05-09T16:59:59Z")), 9 * 3600);
	assert_int_equal(zone_offset(seoul, instant("1987-05-09T17:00:00Z")), 10 * 3600);
	assert_int_equal(zone_offset(seoul, instant("1988-07-01T00:00:00Z")), 10 * 3600);
	assert_int_equal(zone_offset(seoul, instant("1988-10-08T16:59:59.999999Z")),
	                 9 * 3600 + 3600);
	assert_int_equal(zone_offset(seoul, instant("1988-10-08T17:00:00Z")), 9 * 3600);
	check_start("Asia/Seoul", "1988-07-01", "1988-06-30T14:00:00Z");
}

static void
test_day_starts_where_clocks_jump(void **state)
{
	(void)state;
	check_start("America/New_York", "2026-03-08", "2026-03-08T05:00:00Z");
	check_start("America/New_York", "2026-03-09", "2026-03-09T04:00:00Z");
	check_start("America/New_York", "2026-11-01", "2026-11-01T04:00:00Z");
	check_start("America/New_York", "2026-11-02", "2026-11-02T05:00:00Z");
	/* Midnight skipped: the day starts at 01:00. */
	check_start("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z");
	check_start("Asia/Beirut", "2022-03-27", "2022-03-26T22:00:00Z");
	/* Midnight twice: the first one counts. 00:01 became 23:01. */
	check_start("America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z");
	/* 24:00 became 23:00: midnight once. */
	check_start("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z");
	/* A day that Samoa never had starts where the next one does. */
	check_start("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z");
	check_start("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z");
	check_start("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z");
	check_start("Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00:00Z");
	check_start("Asia/Kathmandu", "1986-01-01", "1985-12-31T18:30:00Z");
}

/* Every day of 1970 to 2036 in zones of all kinds: the start is on the day, the microsecond before
 * is not, and the offset is the C library's. */
static void
test_zones_agree_with_the_c_library(void **state)
{
	(void)state;
	static const char *const names[] = {
	    "Asia/Seoul",          "America/New_York",  "Europe/London",
	    "Africa/Casablanca",   "America/Sao_Paulo", "Asia/Tehran",
	    "Australia/Lord_Howe", "Pacific/Chatham",   "UTC"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		const struct zone *found = zone(names[i]);
		setenv("TZ", names[i], 1);
		tzset();
		for (int32_t number = 1; number < day("2037-01-01"); number++) {
			int64_t start = zone_day_start(found, number);
			assert_int_equal(zone_day(found, start), number);
			assert_int_equal(zone_day(found, start - 1), number - 1);
			for (int hour = 0; hour < 24; hour += 5) {
				time_t seconds =
				    (time_t)((number * DAY_US + hour * HOUR_US) / 1000000);
				struct tm tm;
				localtime_r(&seconds, &tm);
				if (tm.tm_gmtoff != zone_offset(found, seconds * INT64_C(1000000)))
					fail_msg("%s at %lld", names[i], (long long)seconds);
			}
		}
	}
}

static void
test_far_instants_are_defined(void **state)
{
	(void)state;
	const struct zone *found = zone("America/New_York");
	assert_int_equal(zone_offset(found, INT64_MIN), -5 * 3600);
	assert_int_equal(zone_offset(found, INT64_MAX), -5 * 3600);
	assert_int_equal(zone_day(found, instant("9999-12-31T12:00:00Z")), day("9999-12-31"));
	check_start("America/New_York", "9999-12-31", "9999-12-31T05:00:00Z");
	/* Summer time goes on after the file's last transition. */
	assert_int_equal(zone_offset(found, instant("2060-07-01T00:00:00Z")), -4 * 3600);
}

static void *
find_zones(void *arg)
{
	static const char *const names[] = {"Europe/Paris", "Europe/Berlin", "Europe/Madrid",
	                                    "Europe/Rome",  "Europe/Oslo",   "Europe/Vienna"};
	const struct zone **found = arg;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		found[i] = zone_find(names[i]);
	return NULL;
}

static void
test_threads_get_one_zone(void **state)
{
	(void)state;
	pthread_t threads[4];
	const struct zone *found[4][6];
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, find_zones, found[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 4; i++) {
		assert_non_null(found[i][0]);
		assert_memory_equal(found[i], found[0], sizeof found[0]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_day_agrees_with_the_c_library),
	    cmocka_unit_test(test_malformed_dates),
	    cmocka_unit_test(test_days_out_of_range_fit_the_text),
	    cmocka_unit_test(test_instants),
	    cmocka_unit_test(test_instants_are_written_with_milliseconds_if_any),
	    cmocka_unit_test(test_unknown_zones),
	    cmocka_unit_test(test_seoul),
	    cmocka_unit_test(test_day_starts_where_clocks_jump),
	    cmocka_unit_test(test_zones_agree_with_the_c_library),
	    cmocka_unit_test(test_far_instants_are_defined),
	    cmocka_unit_test(test_threads_get_one_zone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
