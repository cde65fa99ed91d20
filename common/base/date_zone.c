/* SPDX-License-Identifier: MIT
 * Time zones: GLib reads the system's IANA files; what we keep of each zone is a sorted table of
 * its offsets, so that a look-up is a binary search without a lock. The one file with GLib in it.
 */
#include "common/base/date.h"

#include <glib.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/obj.h"

#define ZONE_NAME_LIMIT  64
#define ZONE_LIMIT       1024 /* the IANA database has some 600 names */
#define ZONE_BUCKETS     256
#define ZONE_DAY_SECONDS INT64_C(86400)
#define ZONE_DAY_US      (ZONE_DAY_SECONDS * 1000000)
#define ZONE_FAR_OFFSET  (26 * 3600) /* no offset is as great */
/* The table's ends, beyond which the offset stays. GLib's look-up walks the intervals one by one
 * and makes them until 2800: the whole of New York took 150 ms, these 130 years take 3. */
#define ZONE_FIRST_SECOND (-ZONE_DAY_SECONDS * 2)
#define ZONE_LAST_SECOND  INT64_C(4102444800) /* 2100-01-01 */

struct zone_period {
	int64_t start; /* seconds since the epoch; lasts until the next one starts */
	int32_t offset;
};

struct zone {
	struct zone *next; /* in its bucket; never changes once published */
	char name[ZONE_NAME_LIMIT + 1];
	size_t count;
	struct zone_period periods[];
};

/* Zones are published by a release store and never removed, so readers take no lock. */
static _Atomic(struct zone *) zone_buckets[ZONE_BUCKETS];
static pthread_mutex_t zone_lock = PTHREAD_MUTEX_INITIALIZER; /* one adds at a time */
static size_t zone_count;

/* A name of the database, not a path out of it, nor one of GLib's other notations ("+09:00",
 * "KST-9") or of the system's other files ("posix/", "right/", "localtime"). */
static bool
zone_name_allowed(const char *name)
{
	size_t length = strnlen(name, ZONE_NAME_LIMIT + 1);
	if (length == 0 || length > ZONE_NAME_LIMIT || name[0] < 'A' || name[0] > 'Z')
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
	       length;
}

static bool
zone_file_exists(const char *name)
{
	const char *folder = getenv("TZDIR");
	char path[PATH_MAX];
	int length = snprintf(path, sizeof path, "%s/%s",
	                      folder != NULL ? folder : "/usr/share/zoneinfo", name);
	if (length < 0 || (size_t)length >= sizeof path)
		return false;
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	char magic[4];
	bool found = fread(magic, 1, sizeof magic, file) == sizeof magic &&
	             memcmp(magic, "TZif", sizeof magic) == 0;
	fclose(file);
	return found;
}

static int
zone_interval(GTimeZone *source, int64_t second)
{
	return g_time_zone_find_interval(source, G_TIME_TYPE_UNIVERSAL, second);
}

/* The first second of the interval `index`, which is later than `low`: GLib tells the interval of
 * a time, not its bounds. */
static int64_t
zone_interval_start(GTimeZone *source, int index, int64_t low)
{
	int64_t step = ZONE_DAY_SECONDS * 100;
	while (zone_interval(source, low + step) < index) {
		low += step;
		step *= 2;
	}
	int64_t high = low + step;
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;
		if (zone_interval(source, middle) >= index)
			high = middle;
		else
			low = middle;
	}
	return high;
}

static struct zone *
zone_read(const char *name)
{
	struct zone *zone = NULL;
	GTimeZone *source = zone_file_exists(name) ? g_time_zone_new_identifier(name) : NULL;
	if (source == NULL)
		return NULL;
	int first = g_time_zone_find_interval(source, G_TIME_TYPE_UNIVERSAL, ZONE_FIRST_SECOND);
	int last = g_time_zone_find_interval(source, G_TIME_TYPE_UNIVERSAL, ZONE_LAST_SECOND);
	if (first < 0 || last < first)
		goto done;
	size_t most = (size_t)(last - first) + 1;
	zone = malloc(sizeof *zone + most * sizeof zone->periods[0]);
	if (zone == NULL)
		goto done;
	zone->next = NULL;
	snprintf(zone->name, sizeof zone->name, "%s", name);
	zone->periods[0] =
	    (struct zone_period){ZONE_FIRST_SECOND, g_time_zone_get_offset(source, first)};
	zone->count = 1;
	for (int i = first + 1; i <= last; i++) {
		const struct zone_period *before = &zone->periods[zone->count - 1];
		int32_t offset = g_time_zone_get_offset(source, i);
		if (offset == before->offset)
			continue;
		int64_t start = zone_interval_start(source, i, before->start);
		zone->periods[zone->count++] = (struct zone_period){start, offset};
	}
done:
	g_time_zone_unref(source);
	return zone;
}

static struct zone *
zone_look_up(_Atomic(struct zone *) *bucket, const char *name)
{
	struct zone *zone = atomic_load_explicit(bucket, memory_order_acquire);
	while (zone != NULL && strcmp(zone->name, name) != 0)
		zone = zone->next;
	return zone;
}

const struct zone *
zone_find(const char *name)
{
	if (!zone_name_allowed(name))
		return NULL;
	_Atomic(struct zone *) *bucket = &zone_buckets[g_str_hash(name) % ZONE_BUCKETS];
	struct zone *zone = zone_look_up(bucket, name);
	if (zone != NULL)
		return zone;

	pthread_mutex_lock(&zone_lock);
	zone = zone_look_up(bucket, name);
	if (zone == NULL && zone_count < ZONE_LIMIT && (zone = zone_read(name)) != NULL) {
		zone->next = atomic_load_explicit(bucket, memory_order_relaxed);
		atomic_store_explicit(bucket, zone, memory_order_release);
		zone_count++;
	}
	pthread_mutex_unlock(&zone_lock);
	return zone;
}

/* The last period that starts at or before `second`; the first one for anything earlier. */
static size_t
zone_period_at(const struct zone *zone, int64_t second)
{
	size_t low = 0, high = zone->count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (zone->periods[middle].start <= second)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static int64_t
zone_floor(int64_t number, int64_t by)
{
	return number / by - (number % by < 0);
}

int32_t
zone_offset(const struct zone *zone, int64_t instant_us)
{
	return zone->periods[zone_period_at(zone, zone_floor(instant_us, 1000000))].offset;
}

int32_t
zone_day(const struct zone *zone, int64_t instant_us)
{
	int64_t local = zone_floor(instant_us, 1000000) + zone_offset(zone, instant_us);
	return (int32_t)zone_floor(local, ZONE_DAY_SECONDS);
}

int64_t
zone_day_start(const struct zone *zone, int32_t day)
{
	int64_t midnight = day * ZONE_DAY_SECONDS; /* as the zone's clocks show it */
	size_t i = zone_period_at(zone, midnight - ZONE_FAR_OFFSET);
	for (;; i++) {
		const struct zone_period *period = &zone->periods[i];
		int64_t start = midnight - period->offset;
		if (i > 0 && start < period->start)
			start = period->start; /* midnight was skipped */
		if (i + 1 == zone->count || start < period[1].start)
			return start * 1000000;
	}
}
