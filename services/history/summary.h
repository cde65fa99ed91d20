/* SPDX-License-Identifier: MIT
 *
 * Days of a learner's zone as stretches of time, for summaries. Pure.
 */
#ifndef STUDYHALL_HISTORY_SUMMARY_H
#define STUDYHALL_HISTORY_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone;

#define SUMMARY_DEFAULT_DAYS 30
#define SUMMARY_MAX_DAYS     366
#define SUMMARY_SPANS        32

/* A stretch of time within which the zone's offset from UTC is the same, so that a day's number is
 * (at_ms + offset_ms) / 86,400,000. */
struct summary_span {
	int64_t from_ms, end_ms; /* end exclusive */
	int64_t offset_ms;
};

/* The spans that make up the days from..to, inclusive; how many. A zone that changes its clocks
 * more than SUMMARY_SPANS - 1 times a year does not exist; the rest would count with the last
 * offset. */
size_t summary_spans(const struct zone *zone, int32_t from, int32_t to,
                     struct summary_span spans[SUMMARY_SPANS]);

/* Counts a streak of days with activity (which merely signing in is not) backwards from today,
 * which may still be empty. Feed it the days, today first,
 * until it returns false: the streak has ended. */
struct summary_streak {
	uint32_t days;
	uint32_t seen;
};
bool summary_streak_add(struct summary_streak *streak, bool active);

#endif
