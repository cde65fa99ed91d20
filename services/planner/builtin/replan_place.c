/* SPDX-License-Identifier: MIT
 * Finds days for missed items, and for what has to give way to them. */
#include "services/planner/builtin/replan_parts.h"

#include <assert.h>
#include <string.h>

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

bool
replan_place_all(struct replan_work *work, int percent)
{
	bool again = true;

	for (size_t i = 0; i < work->count; i++)
		work->entry[i].loose = false;
	for (int round = 0; again; round++) {
		replan_begin(work, percent);
		if (!replan_place_studies(work) || !replan_place_others(work, &again))
			return false;
		if (!again || round < REPLAN_ROUNDS)
			continue;
		for (size_t i = 0; i < work->count; i++)
			work->entry[i].loose = true;
	}
	return true;
}

static bool
replan_shares_topics(const struct replan_item *one, const struct replan_item *two)
{
	if (one->topic_count == 0 || two->topic_count == 0)
		return two->topic_count == 0;
	return one->first_topic < two->first_topic + two->topic_count &&
	       two->first_topic < one->first_topic + one->topic_count;
}

/* The last place that does not bring a missed study item behind what follows it. */
static int
replan_upper(const struct replan_work *work, size_t at)
{
	const struct replan_item *study = work->entry[at].item;
	int upper = work->days.count - 1;

	for (size_t i = at + 1; i < work->count; i++) {
		const struct replan_entry *next = &work->entry[i];
		const struct replan_item *item = next->item;
		int bound = next->home;

		if (next->state != REPLAN_RESIDENT)
			continue;
		if (item->kind != PLAN_STUDY && !replan_shares_topics(study, item))
			continue;
		if (item->kind != PLAN_STUDY && bound > 0)
			bound--;
		if (bound < upper)
			upper = bound;
		if (item->kind == PLAN_STUDY)
			break;
	}
	return upper;
}

static void
replan_settle(struct replan_work *work, struct replan_entry *entry, int lower, int upper)
{
	int place = replan_find(work, entry, lower, upper);

	if (place != REPLAN_NOWHERE)
		replan_put(work, entry, place);
}

/* Of a review or test whose study stays behind, nothing moves. */
static bool
replan_waits(const struct replan_work *work, size_t at)
{
	const struct replan_item *item = work->entry[at].item;

	for (size_t i = 0; i < at; i++) {
		const struct replan_entry *before = &work->entry[i];
		bool study = before->item->kind == PLAN_STUDY;

		if (before->state != REPLAN_MISSED || before->place != REPLAN_NOWHERE)
			continue;
		if ((study && replan_shares_topics(before->item, item)) ||
		    (before->item->kind == PLAN_TEST && before->item->day == item->day))
			return true;
	}
	return false;
}

static void
replan_settle_kind(struct replan_work *work, enum plan_kind kind)
{
	replan_forget(work);
	for (size_t i = 0; i < work->count; i++) {
		struct replan_entry *entry = &work->entry[i];

		if (entry->state == REPLAN_MISSED && entry->item->kind == kind &&
		    !replan_waits(work, i))
			replan_settle(work, entry, replan_lower(work, entry), work->days.count - 1);
		replan_mark(work, entry);
	}
}

void
replan_place_some(struct replan_work *work)
{
	int previous = 0;

	for (size_t i = 0; i < work->count; i++)
		work->entry[i].loose = false;
	replan_begin(work, 0);
	for (size_t i = 0; i < work->count; i++)
		if (work->entry[i].state == REPLAN_RESIDENT &&
		    work->entry[i].item->kind == PLAN_STUDY)
			replan_put(work, &work->entry[i], work->entry[i].home);
	for (size_t i = 0; i < work->count; i++) {
		struct replan_entry *entry = &work->entry[i];

		if (entry->state != REPLAN_MISSED || entry->item->kind != PLAN_STUDY)
			continue;
		replan_settle(work, entry, previous, replan_upper(work, i));
		if (entry->place > previous)
			previous = entry->place;
	}
	replan_settle_kind(work, PLAN_TEST);
	replan_settle_kind(work, PLAN_REVIEW);
}
