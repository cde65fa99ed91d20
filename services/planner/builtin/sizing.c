/* SPDX-License-Identifier: MIT
 * Looks for the richest pace that fits: bisection over the time for new material, and a ladder of
 * concessions when the comfortable amount is out of reach. */
#include "services/planner/builtin/sizing.h"

#include <assert.h>
#include <string.h>

#include "common/base/obj.h"

#define SIZING_STAGE     24 /* quanta of a stage: two hours */
#define SIZING_MAX_UNITS 160
#define SIZING_PART_DAYS 6   /* about a test a week */
#define SIZING_EXACT     200 /* the time is found to a two-hundredth */
#define SIZING_DEPTH     2   /* quanta: no topic of its own gets less */

/* In quanta: what a topic should get at least, what it gets at most however long the plan, and
 * what a day may hold of new material however few topics there are. */
static const struct sizing_level {
	int comfort;
	int plenty;
	int busy_day;
	int review_share; /* percent */
	int pace_percent; /* of the material's time, compared with a beginner's */
} sizing_levels[] = {
    [PLAN_BEGINNER] = {9, 480, 30, 40, 100},
    [PLAN_INTERMEDIATE] = {6, 360, 24, 35, 92},
    [PLAN_ADVANCED] = {4, 240, 18, 30, 75},
};

static int
sizing_within(int value, int low, int high)
{
	return value < low ? low : value > high ? high : value;
}

/* Days of the closing phase at least; `tight`: time is short. */
static int
sizing_closing_days(int days, bool has_exam, bool tight)
{
	if (days == 1)
		return 0;
	if (days < (has_exam && !tight ? 6 : 8))
		return 1;
	if (tight || days < 20)
		return 2;
	return sizing_within(days * 8 / 100, 2, 10);
}

/* Parts end where topics end when a topic has stages and there are not many more parts than
 * topics; otherwise parts are even. */
static void
sizing_set_parts(struct sizing *sizing)
{
	struct pace *pace = &sizing->pace;
	int units = pace->units;
	int parts = sizing_within(pace->learning_days / SIZING_PART_DAYS, 1, units);
	int blocks = units;

	if (units > 1 && parts > units / 2)
		parts = units / 2;
	if (sizing->stages > 1) {
		int topics = sizing->topics;

		if (parts >= topics)
			parts = topics * sizing_within(parts / topics, 1, sizing->stages);
		else
			blocks = topics;
	}
	pace->parts = parts;
	for (int p = 0; p < parts; p++)
		pace->part_end[p] = (p + 1) * blocks / parts * (units / blocks);
	assert(pace->part_end[parts - 1] == units);
}

static void
sizing_set(struct sizing *sizing, int units, int closing_days, bool tight)
{
	struct pace *pace = &sizing->pace;

	pace->units = units;
	pace->learning_days = pace->days->count - closing_days;
	pace->test_quanta =
	    sizing_within(pace->day_quanta / (tight ? 3 : 2), 1, tight ? 6 : PACE_MINUTES + 7);
	sizing_set_parts(sizing);
}

/* The most time for new material that fits (nearly), or 0 if not even `least` does. Leaves the pace
 * set to it, not the walk. */
static int
sizing_most(struct sizing *sizing, struct pace_walk *walk, int least)
{
	struct pace *pace = &sizing->pace;
	int low = least;
	int high = pace->learning_days * pace->study_cap + 1;

	pace->study_quanta = least;
	if (high <= least || !pace_walk(pace, walk))
		return 0;
	while (high - low > 1 + low / SIZING_EXACT) {
		int middle = low + (high - low) / 2;

		pace->study_quanta = middle;
		if (pace_walk(pace, walk))
			low = middle;
		else
			high = middle;
	}
	pace->study_quanta = low;
	return low;
}

/* Stages of a topic from a rough count of the time there is. */
static int
sizing_stages(const struct sizing *sizing)
{
	const struct pace *pace = &sizing->pace;
	int time =
	    pace->learning_days * sizing_within(pace->day_quanta * 65 / 100, 1, pace->study_cap);
	int stages = (time / sizing->topics + SIZING_STAGE / 3) / SIZING_STAGE;

	return sizing_within(stages, 1, sizing_within(SIZING_MAX_UNITS / sizing->topics, 1, 200));
}

/* Levels compared: the time a beginner would take sets the measure for the others. */
static void
sizing_set_level(struct sizing *sizing, struct pace_walk *walk, int most)
{
	struct pace *pace = &sizing->pace;
	const struct sizing_level *level = &sizing_levels[pace->level];
	int comfort = level->comfort * sizing->topics;
	enum plan_level own = pace->level;

	if (own != PLAN_BEGINNER) {
		pace->level = PLAN_BEGINNER;
		pace->review_share = sizing_levels[PLAN_BEGINNER].review_share;
		int beginner = sizing_most(sizing, walk, pace->units);

		pace->level = own;
		pace->review_share = level->review_share;
		int measured = beginner * level->pace_percent / 100;

		if (measured < comfort)
			measured = comfort;
		if (beginner > 0 && most > measured)
			most = measured;
	}
	pace->study_quanta = most;
}

/* Several topics share a unit: as many units as fit. */
static void
sizing_group(struct sizing *sizing, struct pace_walk *walk, int closing_days, int depth)
{
	int low = 1;
	int high = sizing->topics;

	while (high - low > 1) {
		int middle = (low + high) / 2;

		sizing_set(sizing, middle, closing_days, true);
		sizing->pace.study_quanta = middle * depth;
		if (pace_walk(&sizing->pace, walk))
			low = middle;
		else
			high = middle;
	}
	for (; low > 1; low--) {
		sizing_set(sizing, low, closing_days, true);
		if (sizing_most(sizing, walk, low) > 0)
			return;
	}
	sizing_set(sizing, 1, closing_days, true);
	sizing_most(sizing, walk, 1);
}

/* Too little time for the comfortable amount: reviews give way first, then the time per topic,
 * then topics share units. */
static void
sizing_thin(struct sizing *sizing, struct pace_walk *walk, bool has_exam)
{
	static const int shares[] = {28, 22, 16, 10};
	struct pace *pace = &sizing->pace;
	int comfort = sizing_levels[pace->level].comfort * sizing->topics;
	int closing_days = sizing_closing_days(pace->days->count, has_exam, true);
	int depth = pace->day_quanta < SIZING_DEPTH ? pace->day_quanta : SIZING_DEPTH;
	int most = 0;

	sizing->stages = 1;
	sizing_set(sizing, sizing->topics, closing_days, true);
	for (size_t i = 0; i < COUNT_OF(shares) && most == 0; i++) {
		pace->review_share = shares[i];
		most = sizing_most(sizing, walk, comfort);
	}
	if (most > 0)
		return;
	sizing->shallow = true;
	if (sizing_most(sizing, walk, depth * sizing->topics) == 0)
		sizing_group(sizing, walk, closing_days, depth);
}

void
sizing_choose(struct sizing *sizing, struct pace_walk *walk, const struct study_days *days,
              int topics, int minutes_per_day, enum plan_level level, bool has_exam)
{
	const struct sizing_level *limits = &sizing_levels[level];
	struct pace *pace = &sizing->pace;
	int closing_days = sizing_closing_days(days->count, has_exam, false);

	memset(sizing, 0, sizeof(*sizing));
	sizing->topics = topics;
	pace->days = days;
	pace->level = level;
	pace->review_share = limits->review_share;
	pace->day_quanta = minutes_per_day / PACE_MINUTES;
	if (days->count == 1 && pace->day_quanta > 1) {
		sizing->single_test = sizing_within(pace->day_quanta / 4, 1, PACE_MINUTES + 7);
		pace->day_quanta -= sizing->single_test;
	}
	pace->learning_days = days->count - closing_days;
	pace->study_cap = sizing_within(limits->plenty * topics / pace->learning_days,
	                                limits->busy_day, pace->day_quanta);
	sizing->stages = sizing_stages(sizing);
	sizing_set(sizing, topics * sizing->stages, closing_days, false);
	int comfort = limits->comfort * topics;
	int most = sizing_most(sizing, walk, comfort > pace->units ? comfort : pace->units);

	if (most > 0)
		sizing_set_level(sizing, walk, most);
	else
		sizing_thin(sizing, walk, has_exam);
	bool fits = pace_walk(pace, walk);

	assert(fits);
	pace_close(pace, walk, sizing->single_test);
}

int
sizing_first_topic(const struct sizing *sizing, int unit)
{
	if (sizing->stages > 1)
		return unit / sizing->stages;
	return unit * sizing->topics / sizing->pace.units;
}

int
sizing_end_topic(const struct sizing *sizing, int unit)
{
	if (sizing->stages > 1)
		return unit / sizing->stages + 1;
	return (unit + 1) * sizing->topics / sizing->pace.units;
}
