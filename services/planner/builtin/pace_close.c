/* SPDX-License-Identifier: MIT
 * The closing phase: nothing new, every part once more, mock tests and what they showed. */
#include "services/planner/builtin/pace.h"

#include <stdlib.h>

#define PACE_MOCK_EVERY   5  /* days between mock tests */
#define PACE_LONG_MOCK    24 /* quanta: two hours */
#define PACE_LONG_RECAP   12
#define PACE_WHOLE_RECAP  24 /* where a day holds every part, so that there are no more */
#define PACE_LONG_LOOK    8
#define PACE_DAY_RECAPS   8
#define PACE_SHORT_RECAP  6 /* quanta that a recap should have before a day holds two */
#define PACE_CLOSE_REVIEW 3 /* single reviews a day that go on in the closing phase */

static int
pace_within(int value, int low, int high)
{
	return value < low ? low : value > high ? high : value;
}

/* A mock test one day before the last, and every few days before that; on the only day there is
 * if there is one. */
static bool
pace_is_mock_day(const struct pace_walk *walk, int day, int days)
{
	int left = days - 1 - day;

	if (days - walk->finish == 1)
		return true;
	return left % PACE_MOCK_EVERY == 1 && (left == 1 || day > walk->finish);
}

/* With `recap`, there is no other day to go over everything once more. */
static void
pace_mock_day(const struct pace *pace, struct pace_walk *walk, int day, bool recap)
{
	int left = pace->day_quanta;
	int mock = pace_within(left * 2 / 3, 1, PACE_LONG_MOCK);
	int number = ++walk->mocks;

	if (recap && left >= PACE_SHORT_RECAP) {
		left -= pace_put(walk, day, PACE_PART_RECAP, 0, pace->parts,
		                 pace_within(left / 3, 2, PACE_LONG_RECAP));
		mock = pace_within(pace->day_quanta / 2, 1, PACE_LONG_MOCK);
	}
	left -= pace_put(walk, day, PACE_MOCK, 0, pace->parts, mock);
	walk->item[walk->items - 1].number = (int16_t)number;
	if (left > 0) {
		pace_put(walk, day, PACE_MISTAKES, 0, pace->parts,
		         pace_within(left, 1, PACE_LONG_LOOK));
		walk->item[walk->items - 1].number = (int16_t)number;
	}
}

/* Recaps on a day of the closing phase that is neither a mock test's nor the last: of no part
 * twice. The day that still has the test of the last part holds what is left beside it. */
static int
pace_day_recaps(const struct pace *pace, const struct pace_walk *walk, int day)
{
	int quanta = pace->day_quanta;
	bool tests = day == walk->finish && pace->parts > 1;
	bool only = pace->days->count - walk->finish == 3;

	if (tests)
		quanta -= pace->test_quanta + (only ? 0 : quanta * pace->review_share / 100);
	return pace_within(quanta / PACE_SHORT_RECAP, !tests || only,
	                   pace->parts < PACE_DAY_RECAPS ? pace->parts : PACE_DAY_RECAPS);
}

/* The parts in turn: slot `slot` of `slots`, each part at least once. */
static int
pace_recap(const struct pace *pace, struct pace_walk *walk, int day, int slot, int slots,
           int quanta)
{
	if (slots >= pace->parts)
		return pace_put(walk, day, PACE_PART_RECAP, slot % pace->parts, 1, quanta);
	int first = slot * pace->parts / slots;

	return pace_put(walk, day, PACE_PART_RECAP, first, (slot + 1) * pace->parts / slots - first,
	                quanta);
}

static void
pace_recap_day(const struct pace *pace, struct pace_walk *walk, int day, int *slot, int slots)
{
	int left = pace->day_quanta;
	int recaps = pace_day_recaps(pace, walk, day);
	int longest = recaps < pace->parts ? PACE_LONG_RECAP : PACE_WHOLE_RECAP;

	if (walk->parts_tested < pace->parts && pace->parts > 1) {
		int first = walk->parts_tested;

		left -= pace_put(walk, day, PACE_PART_TEST, first, pace->parts - first,
		                 pace_within(pace->test_quanta, 1, left));
		walk->parts_tested = pace->parts;
	}
	left -= pace_reviews(pace, walk, day, left - 2 * recaps, PACE_CLOSE_REVIEW);
	for (int i = 0; i < recaps; i++) {
		int each = pace_within(left / (recaps - i), 0, longest);

		if (each > 0)
			left -= pace_recap(pace, walk, day, *slot, slots, each);
		++*slot;
	}
}

void
pace_close(const struct pace *pace, struct pace_walk *walk, int single_test)
{
	int days = pace->days->count;
	int slots = 0;
	int slot = 0;

	if (walk->finish == days) {
		if (single_test > 0)
			pace_put(walk, days - 1, PACE_MOCK, 0, pace->parts, single_test);
		return;
	}
	for (int day = walk->finish; day < days - 1; day++)
		if (!pace_is_mock_day(walk, day, days))
			slots += pace_day_recaps(pace, walk, day);
	for (int day = walk->finish; day < days; day++) {
		if (pace_is_mock_day(walk, day, days))
			pace_mock_day(pace, walk, day, slots == 0);
		else if (day == days - 1)
			pace_put(walk, day, PACE_LAST_LOOK, 0, pace->parts,
			         pace_within(pace->day_quanta, 1, PACE_LONG_LOOK));
		else
			pace_recap_day(pace, walk, day, &slot, slots);
	}
}
