/* SPDX-License-Identifier: MIT
 * Finds the moments at which a zone changes its clocks; counts streaks. */
#include "services/history/summary.h"

#include "common/base/date.h"

#define SUMMARY_SECOND ((int64_t)1000000)

/* The first second in (from, until] at which the offset is not that of `from`. The offsets at both
 * ends differ, and there is one change between them (days apart they always are). */
static int64_t
summary_change(const struct zone *zone, int64_t from, int64_t until)
{
	int32_t offset = zone_offset(zone, from);

	while (until - from > SUMMARY_SECOND) {
		int64_t middle = from + (until - from) / 2 / SUMMARY_SECOND * SUMMARY_SECOND;

		if (zone_offset(zone, middle) == offset)
			from = middle;
		else
			until = middle;
	}
	return until;
}

size_t
summary_spans(const struct zone *zone, int32_t from, int32_t to,
              struct summary_span spans[SUMMARY_SPANS])
{
	int64_t start = zone_day_start(zone, from), end = zone_day_start(zone, to + 1);
	int64_t known = start; /* the offset is `offset` from start to here */
	int32_t offset = zone_offset(zone, start);
	size_t count = 0;

	for (int32_t day = from + 1; day <= to + 1; day++) {
		int64_t next = zone_day_start(zone, day);

		while (zone_offset(zone, next) != offset && count < SUMMARY_SPANS - 1) {
			int64_t change = summary_change(zone, known, next);

			if (change >= end)
				break;
			spans[count++] = (struct summary_span){start / 1000, change / 1000,
			                                       (int64_t)offset * 1000};
			start = known = change;
			offset = zone_offset(zone, change);
		}
		known = next;
	}
	spans[count++] = (struct summary_span){start / 1000, end / 1000, (int64_t)offset * 1000};
	return count;
}

bool
summary_streak_add(struct summary_streak *streak, bool active)
{
	bool today = streak->seen++ == 0;

	if (active)
		streak->days++;
	return active || today;
}
