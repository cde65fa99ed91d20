/* SPDX-License-Identifier: MIT
 * Finds days for missed items, and for what has to give way to them. */
#include "services/planner/builtin/replan_parts.h"

#include <stdlib.h>

#define REPLAN_ROUNDS 12 /* of finding out which reviews and tests have to move */

static int
replan_least(int minutes, int percent)
{
	int least = (minutes * percent + 99) / 100;

	least = (least + PLAN_MIN_MINUTES - 1) / PLAN_MIN_MINUTES * PLAN_MIN_MINUTES;
	if (least < PLAN_MIN_MINUTES)
		least = PLAN_MIN_MINUTES;
	return least < minutes ? least : minutes;
}

static bool
replan_fits(const struct replan_work *work, const struct replan_entry *entry, int place)
{
	const struct replan_day *day = &work->day[place];

	if (!day->open)
		return entry->home == place;
	return day->count < PLAN_MAX_ITEMS &&
	       day->load + entry->least <= work->request->minutes_per_day;
}

static void
replan_put(struct replan_work *work, struct replan_entry *entry, int place)
{
	struct replan_day *day = &work->day[place];

	entry->place = place;
	day->load += entry->least;
	day->count++;
	if (entry->home != place)
		day->touched = true;
}

/* The first day of lower..upper with room, or REPLAN_NOWHERE. */
static int
replan_find(const struct replan_work *work, const struct replan_entry *entry, int lower, int upper)
{
	for (int place = lower; place <= upper; place++)
		if (replan_fits(work, entry, place))
			return place;
	return REPLAN_NOWHERE;
}

static void
replan_begin(struct replan_work *work, int percent)
{
	for (int d = 0; d < work->days.count; d++) {
		work->day[d].load = work->day[d].fixed;
		work->day[d].count = work->day[d].fixed_count;
		work->day[d].touched = false;
	}
	for (size_t i = 0; i < work->count; i++) {
		struct replan_entry *entry = &work->entry[i];

		entry->place = entry->home;
		entry->least = replan_least(entry->item->minutes, percent);
		if (entry->state == REPLAN_RESIDENT && entry->item->kind != PLAN_STUDY &&
		    !entry->loose)
			replan_put(work, entry, entry->home);
	}
}

static void
replan_forget(struct replan_work *work)
{
	const struct replan_mark none = {.place = REPLAN_NOWHERE};

	work->last_study = none;
	for (int t = 0; t < PLAN_MAX_TOPICS; t++)
		work->topic_study[t] = none;
	work->last_test = NULL;
}

/* What comes later in the order may have to follow this. */
static void
replan_mark(struct replan_work *work, const struct replan_entry *entry)
{
	const struct replan_item *item = entry->item;
	struct replan_mark mark = {.day = item->day, .place = entry->place};

	if (entry->state == REPLAN_FIXED)
		return;
	if (item->kind == PLAN_TEST)
		work->last_test = entry;
	if (item->kind != PLAN_STUDY)
		return;
	work->last_study = mark;
	for (int t = 0; t < item->topic_count; t++)
		work->topic_study[item->first_topic + t] = mark;
}

static int
replan_after(const struct replan_mark *mark, const struct replan_item *item, int lower)
{
	int place = mark->place;

	if (place == REPLAN_NOWHERE)
		return lower;
	place += mark->day < item->day;
	return place > lower ? place : lower;
}

/* The first place that rule 3 allows for a review or test. */
static int
replan_lower(const struct replan_work *work, const struct replan_entry *entry)
{
	const struct replan_item *item = entry->item;
	const struct replan_entry *test = work->last_test;
	int lower = 0;

	if (item->topic_count == 0)
		lower = replan_after(&work->last_study, item, lower);
	for (int t = 0; t < item->topic_count; t++)
		lower = replan_after(&work->topic_study[item->first_topic + t], item, lower);
	/* Going over the mistakes follows its test. */
	if (test != NULL && item->kind == PLAN_REVIEW && item->topic_count > 0 &&
	    test->item->day == item->day && test->item->first_topic == item->first_topic &&
	    test->item->topic_count == item->topic_count && test->place > lower)
		lower = test->place;
	return lower < work->days.count ? lower : work->days.count - 1;
}

static bool
replan_place_studies(struct replan_work *work)
{
	int previous = 0;

	for (size_t i = 0; i < work->count; i++) {
		struct replan_entry *entry = &work->entry[i];

		if (entry->state == REPLAN_FIXED || entry->item->kind != PLAN_STUDY)
			continue;
		int lower = entry->home > previous ? entry->home : previous;

		previous = replan_find(work, entry, lower, work->study_limit);
		if (previous == REPLAN_NOWHERE)
			return false;
		replan_put(work, entry, previous);
	}
	return true;
}

/* Reviews and tests in their order. When one that stayed must move, says so in *again and goes on
 * only to find more of them. */
static bool
replan_place_others(struct replan_work *work, bool *again)
{
	replan_forget(work);
	*again = false;
	for (size_t i = 0; i < work->count; i++) {
		struct replan_entry *entry = &work->entry[i];

		if (entry->state != REPLAN_FIXED && entry->item->kind != PLAN_STUDY) {
			int lower = replan_lower(work, entry);
			bool stays = entry->state == REPLAN_RESIDENT && !entry->loose;

			if (stays && lower > entry->home) {
				entry->loose = true;
				*again = true;
			} else if (!stays && !*again) {
				int place = replan_find(work, entry,
				                        lower > entry->home ? lower : entry->home,
				                        work->days.count - 1);

				if (place == REPLAN_NOWHERE)
					return false;
				replan_put(work, entry, place);
			}
		}
		replan_mark(work, entry);
	}
	return true;
}

static bool
replan_place_loosely(struct replan_work *work, int percent, bool loose)
{
	bool again = true;

	for (size_t i = 0; i < work->count; i++)
		work->entry[i].loose = loose;
	for (int round = 0; again; round++) {
		if (round == REPLAN_ROUNDS)
			return false;
		replan_begin(work, percent);
		if (!replan_place_studies(work) || !replan_place_others(work, &again))
			return false;
	}
	return true;
}

bool
replan_place_all(struct replan_work *work, int percent)
{
	return replan_place_loosely(work, percent, false) ||
	       replan_place_loosely(work, percent, true);
}

/* Which missed item is rather left behind: reviews, then tests, then study; the older first. */
static int
replan_leave_compare_cb(const void *one, const void *two)
{
	const struct replan_entry *a = *(struct replan_entry *const *)one;
	const struct replan_entry *b = *(struct replan_entry *const *)two;
	static const int rank[] = {[PLAN_REVIEW] = 0, [PLAN_TEST] = 1, [PLAN_STUDY] = 2};

	if (a->item->kind != b->item->kind)
		return rank[a->item->kind] - rank[b->item->kind];
	return a < b ? -1 : 1;
}

static bool
replan_place_without(struct replan_work *work, size_t left)
{
	for (size_t i = 0; i < work->missed; i++)
		work->leaving[i]->state = i < left ? REPLAN_FIXED : REPLAN_MISSED;
	return replan_place_all(work, 0);
}

void
replan_place_some(struct replan_work *work)
{
	size_t low = 0;
	size_t high = work->missed;
	size_t found = 0;

	for (size_t i = 0; i < work->count; i++)
		if (work->entry[i].state == REPLAN_MISSED)
			work->leaving[found++] = &work->entry[i];
	qsort(work->leaving, found, sizeof(*work->leaving), replan_leave_compare_cb);
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (replan_place_without(work, middle))
			high = middle;
		else
			low = middle;
	}
	if (!replan_place_without(work, high))
		replan_begin(work, 100);
}

static bool
replan_follows(const struct replan_work *work, const struct replan_entry *entry)
{
	const struct replan_item *item = entry->item;

	if ((item->kind == PLAN_STUDY || item->topic_count == 0) &&
	    entry->place < work->last_study.place)
		return false;
	for (int t = 0; item->kind != PLAN_STUDY && t < item->topic_count; t++)
		if (entry->place < work->topic_study[item->first_topic + t].place)
			return false;
	return true;
}

bool
replan_keeps_order(struct replan_work *work, const struct replan_item *outcome)
{
	replan_forget(work);
	for (size_t i = 0; i < work->count; i++) {
		struct replan_entry *entry = &work->entry[i];

		if (outcome[entry->index].day < work->request->from_day)
			entry->state = REPLAN_FIXED;
		if (entry->state == REPLAN_FIXED)
			continue;
		entry->place = study_days_from(&work->days, outcome[entry->index].day);
		if (!replan_follows(work, entry))
			return false;
		replan_mark(work, entry);
	}
	return true;
}
