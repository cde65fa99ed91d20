/* SPDX-License-Identifier: MIT
 * Finds days for missed items, and for what has to give way to them: study first, then tests;
 * reviews have a file of their own. */
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

bool
replan_fits(const struct replan_work *work, const struct replan_entry *entry, int place)
{
	const struct replan_day *day = &work->day[place];

	if (!day->open)
		return entry->home == place;
	return day->count < PLAN_MAX_ITEMS &&
	       day->load + entry->least <= work->request->minutes_per_day;
}

void
replan_put(struct replan_work *work, struct replan_entry *entry, int place)
{
	struct replan_day *day = &work->day[place];

	entry->place = place;
	day->load += entry->least;
	day->count++;
	if (entry->home != place)
		day->touched = true;
}

void
replan_assign(struct replan_work *work, struct replan_entry *entry, int place, bool *again)
{
	if (entry->state == REPLAN_RESIDENT && !entry->loose)
		entry->loose = *again = true;
	if (*again)
		entry->place = place;
	else
		replan_put(work, entry, place);
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
	work->left_out = 0;
	for (size_t i = 0; i < work->count; i++) {
		struct replan_entry *entry = &work->entry[i];

		entry->left_out = false;
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
	const struct replan_mark none = {.place = REPLAN_NOWHERE, .now = INT32_MIN / 2};

	work->last_study = none;
	for (int t = 0; t < PLAN_MAX_TOPICS; t++) {
		work->topic_study[t] = none;
		work->topic_test[t] = NULL;
	}
	work->last_test = NULL;
}

static void
replan_mark_study(const struct replan_work *work, const struct replan_entry *entry,
                  struct replan_mark *mark)
{
	if (entry->state == REPLAN_FIXED) {
		mark->now = entry->item->day;
		return;
	}
	mark->day = entry->item->day;
	mark->place = entry->place;
	mark->now = work->days.day[entry->place];
}

/* What comes later in the order may have to follow this. */
static void
replan_mark(struct replan_work *work, const struct replan_entry *entry)
{
	const struct replan_item *item = entry->item;

	if (item->kind == PLAN_TEST && entry->state != REPLAN_FIXED) {
		work->last_test = entry;
		if (item->topic_count > 0)
			work->topic_test[item->first_topic] = entry;
	}
	if (item->kind != PLAN_STUDY)
		return;
	replan_mark_study(work, entry, &work->last_study);
	for (int t = 0; t < item->topic_count; t++)
		replan_mark_study(work, entry, &work->topic_study[item->first_topic + t]);
}

static int
replan_after(int32_t day, int place, const struct replan_item *item, int lower)
{
	if (place == REPLAN_NOWHERE)
		return lower;
	place += day < item->day;
	return place > lower ? place : lower;
}

static bool
replan_same_topics(const struct replan_item *one, const struct replan_item *two)
{
	return one->topic_count > 0 && one->first_topic == two->first_topic &&
	       one->topic_count == two->topic_count;
}

/* What goes before a review or test in the order says where it may be. On the last day, and about
 * more than one study item, it may share the day of what it follows. */
static void
replan_bind(const struct replan_work *work, struct replan_entry *entry)
{
	const struct replan_item *item = entry->item;
	const struct replan_mark *mark = &work->last_study;
	const struct replan_entry *test = work->last_test;
	int last = work->days.count - 1;
	int lower = 0;

	entry->studied = item->topic_count == 0 ? mark->now : INT32_MIN / 2;
	if (item->topic_count == 0)
		lower = replan_after(mark->day, mark->place, item, lower);
	for (int t = 0; t < item->topic_count; t++) {
		mark = &work->topic_study[item->first_topic + t];
		lower = replan_after(mark->day, mark->place, item, lower);
		if (mark->now > entry->studied)
			entry->studied = mark->now;
	}
	/* Going over the mistakes follows its test. */
	entry->test = NULL;
	if (test != NULL && item->kind == PLAN_REVIEW && test->item->day == item->day &&
	    replan_same_topics(test->item, item))
		entry->test = test;
	test = item->topic_count > 0 ? work->topic_test[item->first_topic] : NULL;
	if (test != NULL && item->kind == PLAN_TEST && replan_same_topics(test->item, item))
		lower = replan_after(test->item->day, test->place, item, lower);
	if (lower > last && !entry->unit)
		lower = last;
	entry->bound = lower;
}

static bool
replan_place_studies(struct replan_work *work)
{
	int previous = 0;

	for (size_t i = 0; i < work->count; i++) {
		struct replan_entry *entry = &work->entry[i];

		if (entry->state == REPLAN_FIXED || entry->state == REPLAN_GONE ||
		    entry->item->kind != PLAN_STUDY)
			continue;
		int lower = entry->home > previous ? entry->home : previous;

		previous = replan_find(work, entry, lower, work->study_limit);
		if (previous == REPLAN_NOWHERE)
			return false;
		replan_put(work, entry, previous);
	}
	return true;
}

/* True if the test has a place. One that stayed and has to move becomes loose and sets *again. */
static bool
replan_place_test(struct replan_work *work, struct replan_entry *entry, bool *again)
{
	bool stays = entry->state == REPLAN_RESIDENT && !entry->loose;

	if (stays && entry->bound <= entry->home)
		return true;
	int lower = entry->bound > entry->home ? entry->bound : entry->home;
	int place = replan_find(work, entry, lower, work->days.count - 1);

	if (place == REPLAN_NOWHERE)
		return false;
	replan_assign(work, entry, place, again);
	return true;
}

static bool
replan_place_others(struct replan_work *work, enum replan_mode mode, bool *again)
{
	replan_forget(work);
	*again = false;
	for (size_t i = 0; i < work->count; i++) {
		struct replan_entry *entry = &work->entry[i];

		if (entry->state == REPLAN_GONE)
			continue;
		if (entry->state != REPLAN_FIXED && entry->item->kind != PLAN_STUDY) {
			replan_bind(work, entry);
			if (entry->item->kind == PLAN_TEST &&
			    !replan_place_test(work, entry, again))
				return false;
		}
		replan_mark(work, entry);
	}
	return replan_place_reviews(work, mode, again);
}

bool
replan_place_all(struct replan_work *work, int percent, enum replan_mode mode)
{
	bool again = true;

	for (size_t i = 0; i < work->count; i++)
		work->entry[i].loose = mode != REPLAN_KEEP;
	for (int round = 0; again; round++) {
		if (round == REPLAN_ROUNDS)
			return false;
		replan_begin(work, percent);
		if (!replan_place_studies(work) || !replan_place_others(work, mode, &again))
			return false;
	}
	return true;
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
replan_place_without(struct replan_work *work, size_t left, size_t leaving)
{
	for (size_t i = 0; i < leaving; i++)
		work->leaving[i]->state = i < left ? REPLAN_FIXED : REPLAN_MISSED;
	return replan_place_all(work, 0, REPLAN_THIN);
}

void
replan_place_some(struct replan_work *work)
{
	size_t found = 0;
	size_t low = 0;

	for (size_t i = 0; i < work->count; i++)
		if (work->entry[i].state == REPLAN_MISSED && !replan_is_spare(&work->entry[i]))
			work->leaving[found++] = &work->entry[i];
	size_t high = found;

	qsort(work->leaving, found, sizeof(*work->leaving), replan_leave_compare_cb);
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (replan_place_without(work, middle, found))
			high = middle;
		else
			low = middle;
	}
	/* When none can be taken in, nothing else gives way either. */
	if (high == found || !replan_place_without(work, high, found))
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
		if (entry->state == REPLAN_FIXED || entry->state == REPLAN_GONE)
			continue;
		entry->place = study_days_from(&work->days, outcome[entry->index].day);
		if (!replan_follows(work, entry))
			return false;
		replan_mark(work, entry);
	}
	return true;
}
