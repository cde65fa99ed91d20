/* SPDX-License-Identifier: MIT
 * Calendar arithmetic by Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms"
 * (howardhinnant.github.io/date_algorithms.html), and the two text formats. */
#include "common/base/date.h"

#include <stddef.h>
#include <string.h>

#define DATE_SECOND_US INT64_C(1000000)
#define DATE_DAY_US    (INT64_C(86400) * DATE_SECOND_US)
#define DATE_LEAST     (-719528) /* 0000-01-01 */
#define DATE_GREATEST  2932896   /* 9999-12-31 */

struct date_civil {
	int year, month, day;
};

/* days_from_civil, for years 0 and later */
static int32_t
date_from_civil(struct date_civil civil)
{
	int year = civil.year - (civil.month <= 2);
	int era = (year >= 0 ? year : year - 399) / 400;
	int year_of_era = year - era * 400;
	int day_of_year =
	    (153 * (civil.month + (civil.month > 2 ? -3 : 9)) + 2) / 5 + civil.day - 1;
	int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

/* civil_from_days */
static struct date_civil
date_to_civil(int32_t day)
{
	int shifted = day + 719468;
	int era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int day_of_era = shifted - era * 146097;
	int year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int month_from_march = (5 * day_of_year + 2) / 153;
	struct date_civil civil = {
	    .year = year_of_era + era * 400,
	    .month = month_from_march + (month_from_march < 10 ? 3 : -9),
	    .day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
	};
	civil.year += civil.month <= 2;
	return civil;
}

/* `count` digits as a number, or -1. Stops at the first other character, so at a NUL. */
static int
date_digits(const char *text, int count)
{
	int number = 0;
	for (int i = 0; i < count; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = number * 10 + (text[i] - '0');
	}
	return number;
}

/* The ten characters of a date at `text`, of any year of 0..9999. */
static bool
date_scan(const char *text, int32_t *day)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = date_digits(text, 4);
	if (year < 0 || text[4] != '-')
		return false;
	int month = date_digits(text + 5, 2);
	if (month < 1 || month > 12 || text[7] != '-')
		return false;
	int in_month = date_digits(text + 8, 2);
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (in_month < 1 || in_month > lengths[month - 1] + (month == 2 && leap))
		return false;
	*day = date_from_civil((struct date_civil){year, month, in_month});
	return true;
}

bool
date_parse(const char *text, int32_t *day)
{
	int32_t scanned;
	if (!date_scan(text, &scanned) || text[10] != '\0' || scanned < 0)
		return false;
	*day = scanned;
	return true;
}

static void
date_put_digits(int number, int count, char *out)
{
	for (int i = count - 1; i >= 0; i--) {
		out[i] = (char)('0' + number % 10);
		number /= 10;
	}
}

void
date_format(int32_t day, char out[DATE_TEXT_SIZE])
{
	day = day < DATE_LEAST ? DATE_LEAST : day > DATE_GREATEST ? DATE_GREATEST : day;
	struct date_civil civil = date_to_civil(day);
	date_put_digits(civil.year, 4, out);
	out[4] = '-';
	date_put_digits(civil.month, 2, out + 5);
	out[7] = '-';
	date_put_digits(civil.day, 2, out + 8);
	out[10] = '\0';
}

enum weekday
date_weekday(int32_t day)
{
	int from_thursday = day % 7; /* 1970-01-01 was one */
	return (enum weekday)((from_thursday + 7 + THU) % 7);
}

/* .5, .250, .123456789: microseconds, and how many characters they took; -1 if malformed. */
static int
date_scan_fraction(const char *text, size_t *length)
{
	*length = 0;
	if (text[0] != '.')
		return 0;
	int us = 0;
	size_t digits = 0;
	for (; text[1 + digits] >= '0' && text[1 + digits] <= '9'; digits++)
		if (digits < 6)
			us = us * 10 + (text[1 + digits] - '0');
	if (digits == 0)
		return -1;
	for (size_t i = digits; i < 6; i++)
		us *= 10;
	*length = 1 + digits;
	return us;
}

/* Z, z, +09:00, -03:30 up to the end of the text: seconds east of UTC. */
static bool
date_scan_offset(const char *text, int *offset)
{
	*offset = 0;
	if (text[0] == 'Z' || text[0] == 'z')
		return text[1] == '\0';
	if (text[0] != '+' && text[0] != '-')
		return false;
	int hours = date_digits(text + 1, 2);
	if (hours < 0 || hours > 23 || text[3] != ':')
		return false;
	int minutes = date_digits(text + 4, 2);
	if (minutes < 0 || minutes > 59 || text[6] != '\0')
		return false;
	*offset = (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

bool
instant_parse(const char *text, int64_t *instant_us)
{
	int32_t day;
	if (!date_scan(text, &day) || (text[10] != 'T' && text[10] != 't'))
		return false;
	int hour = date_digits(text + 11, 2);
	if (hour < 0 || hour > 23 || text[13] != ':')
		return false;
	int minute = date_digits(text + 14, 2);
	if (minute < 0 || minute > 59 || text[16] != ':')
		return false;
	int second = date_digits(text + 17, 2);
	if (second < 0 || second > 59)
		return false;
	size_t length;
	int offset;
	int us = date_scan_fraction(text + 19, &length);
	if (us < 0 || !date_scan_offset(text + 19 + length, &offset))
		return false;
	int64_t seconds = day * INT64_C(86400) + hour * 3600 + minute * 60 + second - offset;
	if (seconds < 0 || seconds >= (DATE_GREATEST + INT64_C(1)) * 86400)
		return false;
	*instant_us = seconds * DATE_SECOND_US + us;
	return true;
}

void
instant_format(int64_t instant_us, char out[INSTANT_TEXT_SIZE])
{
	const int64_t least = DATE_LEAST * DATE_DAY_US;
	const int64_t greatest = (DATE_GREATEST + INT64_C(1)) * DATE_DAY_US - 1;
	instant_us = instant_us < least ? least : instant_us > greatest ? greatest : instant_us;
	int64_t day = instant_us / DATE_DAY_US - (instant_us % DATE_DAY_US < 0);
	int64_t us = instant_us - day * DATE_DAY_US;
	int second = (int)(us / DATE_SECOND_US);
	int ms = (int)(us % DATE_SECOND_US / 1000);

	date_format((int32_t)day, out);
	memcpy(out + 10, "T00:00:00Z", sizeof "T00:00:00Z");
	date_put_digits(second / 3600, 2, out + 11);
	date_put_digits(second / 60 % 60, 2, out + 14);
	date_put_digits(second % 60, 2, out + 17);
	if (ms != 0) {
		memcpy(out + 19, ".000Z", sizeof ".000Z");
		date_put_digits(ms, 3, out + 20);
	}
}
