/* SPDX-License-Identifier: MIT
 * Walks the learning days one by one: tests that are due, then reviews, then new material. */
#include "services/planner/builtin/pace.h"

#include <stddef.h>
#include <string.h>

#define PACE_DAY_REVIEWS  6 /* at most so many a day: more would be a day of crumbs */
#define PACE_DAY_STUDIES  (PLAN_MAX_ITEMS - 1) /* a test may come at the end of the only day */
#define PACE_LONG_SESSION 12                   /* an hour */

/* Days after the first study at which a unit comes back. The gaps grow. */
static const int16_t pace_ladder[][10] = {
    [PLAN_BEGINNER] = {1, 3, 6, 11, 19, 33, 60, 120, 240, 0},
    [PLAN_INTERMEDIATE] = {1, 3, 7, 14, 30, 60, 120, 240, 0},
    [PLAN_ADVANCED] = {1, 5, 14, 30, 75, 180, 0},
};

static int
pace_min(int a, int b)
{
	return a < b ? a : b;
}

static int
pace_max(int a, int b)
{
	return a > b ? a : b;
}

int
pace_put(struct pace_walk *walk, int day, enum pace_role role, int first, int count, int quanta)
{
	walk->item[walk->items++] = (struct pace_item){
	    .day = (int16_t)day,
	    .first = (int16_t)first,
	    .count = (int16_t)count,
	    .quanta = (int16_t)quanta,
	    .number = 1,
	    .role = (uint8_t)role,
	};
	return quanta;
}

int
pace_review_quanta(const struct pace *pace)
{
	int per_unit = pace->study_quanta / pace->units;

	return pace_min(pace_max((per_unit + 9) / 12, 1), 4);
}

/* The unit has just been seen on `day`: when next? Gaps never shrink, also when a rest day or a
 * full day has stretched one. A unit at the top of its ladder is due no more. */
static void
pace_reschedule(const struct pace *pace, struct pace_unit *unit, int32_t day)
{
	const int16_t *ladder = pace_ladder[pace->level];
	int nominal;

	if (unit->first_day == 0) {
		unit->first_day = day;
		nominal = ladder[0];
	} else {
		nominal = ladder[unit->rung + 1] - ladder[unit->rung];
		unit->gap = (int)(day - unit->last_day);
		unit->rung++;
	}
	unit->last_day = day;
	unit->due = ladder[unit->rung] == 0 ? INT32_MAX : day + pace_max(nominal, unit->gap);
}

/* The units due on `day`, the most pressing first: fresh material forgets fastest, so a review
 * after a long gap may wait longer. */
static int
pace_due(const struct pace *pace, const struct pace_walk *walk, int32_t day,
         int16_t found[PACE_DAY_REVIEWS])
{
	int32_t deadline[PACE_DAY_REVIEWS];
	int count = 0;
	int started = pace_min(walk->unit_now + 1, pace->units);

	for (int u = 0; u < started; u++) {
		const struct pace_unit *unit = &walk->unit[u];

		if (unit->first_day == 0 || unit->due > day)
			continue;
		int32_t until = unit->due + (unit->due - unit->last_day) / 4;
		int at = count;

		while (at > 0 && deadline[at - 1] > until)
			at--;
		if (at == PACE_DAY_REVIEWS)
			continue;
		count = pace_min(count + 1, PACE_DAY_REVIEWS);
		for (int i = count - 1; i > at; i--) {
			deadline[i] = deadline[i - 1];
			found[i] = found[i - 1];
		}
		deadline[at] = until;
		found[at] = (int16_t)u;
	}
	return count;
}

int
pace_reviews(const struct pace *pace, struct pace_walk *walk, int day, int quanta, int places)
{
	int16_t unit[PACE_DAY_REVIEWS];
	int32_t today = pace->days->day[day];
	int each = pace_review_quanta(pace);
	int share = pace->review_share * pace->day_quanta;
	int used = 0;

	walk->credit = pace_min(walk->credit + share, pace_max(2 * share, 100 * each));
	int count = pace_min(pace_due(pace, walk, today, unit), places);

	for (int i = 0; i < count; i++) {
		if (walk->credit < 100 * each || used + each > quanta)
			break;
		walk->credit -= 100 * each;
		used += pace_put(walk, day, PACE_REVIEW, unit[i], 1, each);
		pace_reschedule(pace, &walk->unit[unit[i]], today);
	}
	return used;
}

/* The length of the next session, at most `quanta`; 0 when it is better begun another day. A
 * session is no crumb and leaves none behind. */
static int
pace_session(const struct pace *pace, const struct pace_walk *walk, int quanta, bool idle)
{
	int shortest = pace_min(pace_max(pace->day_quanta / 4, 1), 3);
	int longest = pace_max(PACE_LONG_SESSION, pace->day_quanta / 10);
	int left = walk->unit_left;
	int now = pace_min(pace_min(left, quanta), longest);

	if (left > now && left - now < shortest) {
		if (left <= pace_min(quanta, longest + 2))
			now = left;
		else if (left - shortest >= shortest)
			now = left - shortest;
	}
	if (now < pace_min(shortest, left) && !idle)
		return 0;
	return now;
}

static void
pace_begin_unit(const struct pace *pace, struct pace_walk *walk)
{
	if (walk->parts_done < pace->parts && walk->unit_now == pace->part_end[walk->parts_done])
		walk->parts_done++;
	walk->unit_left = walk->unit_now < pace->units ? walk->unit[walk->unit_now].quanta : 0;
}

static int
pace_study(const struct pace *pace, struct pace_walk *walk, int day, int quanta, int places)
{
	bool idle = places == PACE_DAY_STUDIES;
	int used = 0;
	int sessions = 0;

	while (walk->unit_now < pace->units && used < quanta && sessions < places) {
		struct pace_unit *unit = &walk->unit[walk->unit_now];
		int now = pace_session(pace, walk, quanta - used, idle && used == 0);

		if (now <= 0)
			break;
		used += pace_put(walk, day, PACE_STUDY, walk->unit_now, 1, now);
		walk->item[walk->items - 1].number = (int16_t)++unit->sessions;
		if (unit->first_day == 0)
			pace_reschedule(pace, unit, pace->days->day[day]);
		sessions++;
		walk->unit_left -= now;
		if (walk->unit_left == 0) {
			walk->unit_now++;
			pace_begin_unit(pace, walk);
		}
	}
	return used;
}

static void
pace_learning_day(const struct pace *pace, struct pace_walk *walk, int day)
{
	int left = pace->day_quanta;
	int places = PACE_DAY_REVIEWS;
	int before = walk->items;

	if (walk->parts_tested < walk->parts_done) {
		int first = walk->parts_tested;

		left -= pace_put(walk, day, PACE_PART_TEST, first, walk->parts_done - first,
		                 pace_min(pace->test_quanta, left));
		walk->parts_tested = walk->parts_done;
	}
	left -= pace_reviews(pace, walk, day, left, places);
	left -= pace_study(pace, walk, day, pace_min(left, pace->study_cap),
	                   PACE_DAY_STUDIES - (walk->items - before));
	(void)left;
}

bool
pace_walk(const struct pace *pace, struct pace_walk *walk)
{
	int64_t total = pace->study_quanta;

	memset(walk, 0, offsetof(struct pace_walk, item));
	memset(&walk->items, 0, sizeof(*walk) - offsetof(struct pace_walk, items));
	for (int u = 0; u < pace->units; u++)
		walk->unit[u].quanta =
		    (int)((u + 1) * total / pace->units - u * total / pace->units);
	pace_begin_unit(pace, walk);
	while (walk->unit_now < pace->units) {
		if (walk->finish == pace->learning_days)
			return false;
		pace_learning_day(pace, walk, walk->finish++);
	}
	return true;
}

int
pace_reviews_wanted(const struct pace *pace, const struct pace_walk *walk)
{
	const int16_t *ladder = pace_ladder[pace->level];
	int32_t last = pace->days->day[walk->finish - 1];
	int wanted = 0;

	for (int u = 0; u < pace->units; u++)
		for (int i = 0; ladder[i] != 0 && walk->unit[u].first_day + ladder[i] <= last; i++)
			wanted++;
	return wanted;
}
