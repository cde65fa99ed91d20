/* SPDX-License-Identifier: MIT
 *
 * Calendar days and time zones. A day is a number of days since 1970-01-01 in the proleptic
 * Gregorian calendar, with no zone; an instant is microseconds since the epoch, UTC. Pure (but
 * zone_find) and thread-safe. Formats are those of the HTTP contract: YYYY-MM-DD, and RFC 3339 in
 * UTC.
 */
#ifndef STUDYHALL_BASE_DATE_H
#define STUDYHALL_BASE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#define DATE_TEXT_SIZE    11 /* YYYY-MM-DD and NUL */
#define INSTANT_TEXT_SIZE 28 /* YYYY-MM-DDTHH:MM:SS.ffffffZ and NUL */

enum weekday {
	MON,
	TUE,
	WED,
	THU,
	FRI,
	SAT,
	SUN
};

/* False unless exactly YYYY-MM-DD, a day that exists, and a year of 1970..9999. */
bool date_parse(const char *text, int32_t *day);
/* A day outside of the years 0..9999 is written as the nearest one inside; instants alike. */
void date_format(int32_t day, char out[DATE_TEXT_SIZE]);
enum weekday date_weekday(int32_t day);

/* RFC 3339 with any offset, upper or lower case T and Z, fractions to microseconds (more digits
 * are cut). False if malformed, with a leap second, or outside of 1970..9999. */
bool instant_parse(const char *text, int64_t *instant_us);
/* RFC 3339 in UTC, milliseconds when not zero: 2026-05-04T09:30:00Z, 2026-05-04T09:30:00.250Z. */
void instant_format(int64_t instant_us, char out[INSTANT_TEXT_SIZE]);

struct zone;
/* A zone of the IANA database ("Asia/Seoul", spelled so); NULL if there is none of that name. Read
 * from a file the first time (a millisecond), then cached for the life of the process. */
const struct zone *zone_find(const char *name);
/* The day that `instant_us` falls on in the zone. */
int32_t zone_day(const struct zone *zone, int64_t instant_us);
/* The first instant of `day` in the zone (the first that exists, where midnight is skipped). */
int64_t zone_day_start(const struct zone *zone, int32_t day);
/* Seconds east of UTC at `instant_us`. */
int32_t zone_offset(const struct zone *zone, int64_t instant_us);

#endif
