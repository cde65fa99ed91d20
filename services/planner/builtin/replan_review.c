/* SPDX-License-Identifier: MIT
 * Finds days for reviews: each after its study and after the same review before it, at gaps that
 * grow as far as there is room; when there is none, the later reviews of a topic are left out. */
#include "services/planner/builtin/replan_parts.h"

#include <stdlib.h>
#include <string.h>

#define REPLAN_LEVELS 6 /* of insisting on the gaps, see replan_review_step */

bool
replan_is_spare(const struct replan_entry *entry)
{
	return entry->item->kind == PLAN_REVIEW && entry->item->topic_count > 0;
}

static const char *
replan_title(const struct replan_item *item)
{
	return item->title == NULL ? "" : item->title;
}

/* The same reviews together, in the order of the plan. */
static int
replan_same_compare_cb(const void *one, const void *two)
{
	const struct replan_entry *a = *(struct replan_entry *const *)one;
	const struct replan_entry *b = *(struct replan_entry *const *)two;

	if (a->item->first_topic != b->item->first_topic)
		return a->item->first_topic < b->item->first_topic ? -1 : 1;
	if (a->item->topic_count != b->item->topic_count)
		return a->item->topic_count < b->item->topic_count ? -1 : 1;
	int order = strcmp(replan_title(a->item), replan_title(b->item));

	return order != 0 ? order : a < b ? -1 : 1;
}

static bool
replan_is_same(const struct replan_item *one, const struct replan_item *two)
{
	if (one->topic_count == 0 && one->title == NULL)
		return false;
	return one->first_topic == two->first_topic && one->topic_count == two->topic_count &&
	       strcmp(replan_title(one), replan_title(two)) == 0;
}

/* First those that cannot be left out, then the first reviews of everything, the second ... */
static int
replan_turn_compare_cb(const void *one, const void *two)
{
	const struct replan_entry *a = *(struct replan_entry *const *)one;
	const struct replan_entry *b = *(struct replan_entry *const *)two;

	if (replan_is_spare(a) != replan_is_spare(b))
		return replan_is_spare(a) ? 1 : -1;
	if (a->ordinal != b->ordinal)
		return a->ordinal < b->ordinal ? -1 : 1;
	return a < b ? -1 : 1;
}

/* How long after its study a review was planned, and whether a study item is about just the same.
 * Before the reviews are linked. */
static void
replan_note_studies(struct replan_work *work)
{
	int32_t studied[PLAN_MAX_TOPICS];
	int width[PLAN_MAX_TOPICS] = {0}; /* of the latest study that begins with the topic */

	for (int t = 0; t < PLAN_MAX_TOPICS; t++)
		studied[t] = INT32_MIN;
	for (size_t i = 0; i < work->count; i++) {
		struct replan_entry *entry = &work->entry[i];
		const struct replan_item *item = entry->item;
		int32_t latest = INT32_MIN;

		for (int t = item->first_topic; t < item->first_topic + item->topic_count; t++) {
			if (studied[t] > latest)
				latest = studied[t];
			if (item->kind == PLAN_STUDY)
				studied[t] = item->day;
		}
		if (item->topic_count > 0 && item->kind == PLAN_STUDY)
			width[item->first_topic] = item->topic_count;
		entry->unit =
		    replan_is_spare(entry) && width[item->first_topic] == item->topic_count;
		entry->wanted = latest == INT32_MIN || latest == item->day ? 1 : item->day - latest;
	}
}

void
replan_link_reviews(struct replan_work *work)
{
	struct replan_entry **review = work->review;

	replan_note_studies(work);
	work->reviews = work->spares = 0;
	for (size_t i = 0; i < work->count; i++)
		if (work->entry[i].item->kind == PLAN_REVIEW && work->entry[i].state != REPLAN_GONE)
			review[work->reviews++] = &work->entry[i];
	qsort(review, work->reviews, sizeof(struct replan_entry *), replan_same_compare_cb);
	for (size_t i = 0; i < work->reviews; i++) {
		struct replan_entry *entry = review[i];

		work->spares += replan_is_spare(entry) && entry->state != REPLAN_FIXED;
		if (i == 0 || !replan_is_same(review[i - 1]->item, entry->item))
			continue;
		entry->before = review[i - 1];
		entry->before->next = entry;
		entry->ordinal = entry->before->ordinal + 1;
		entry->wanted = entry->item->day - entry->before->item->day;
	}
	qsort(review, work->reviews, sizeof(struct replan_entry *), replan_turn_compare_cb);
}

/* An earlier one of the same has found no room. */
static bool
replan_review_is_cut(const struct replan_entry *entry)
{
	for (entry = entry->before; entry != NULL; entry = entry->before)
		if (entry->left_out)
			return true;
	return false;
}

static int32_t
replan_review_day(const struct replan_work *work, const struct replan_entry *entry)
{
	return entry->state == REPLAN_FIXED ? entry->item->day : work->days.day[entry->place];
}

/* Of the same reviews before this one that take place at all, the last: one that was done early
 * may be behind those that followed it. */
static const struct replan_entry *
replan_review_before(const struct replan_work *work, const struct replan_entry *entry)
{
	const struct replan_entry *last = NULL;

	for (entry = entry->before; entry != NULL; entry = entry->before) {
		bool missed = entry->state == REPLAN_FIXED && !entry->item->done &&
		              entry->item->day < work->request->from_day;

		if (!entry->left_out && !missed &&
		    (last == NULL ||
		     replan_review_day(work, entry) > replan_review_day(work, last)))
			last = entry;
	}
	return last;
}

/* Days to the next review. The levels: gaps as planned, half of them, any; and the same again
 * without regard to the gap before (levels from REPLAN_LEVELS / 2 on), which may be long because
 * a review was missed. A resident makes do with half the gap. */
static int
replan_review_step(const struct replan_entry *entry, int level, int gap)
{
	int step = entry->wanted;

	if (entry->state == REPLAN_RESIDENT)
		step = (step + 1) / 2;
	if (level % (REPLAN_LEVELS / 2) == 1)
		step = (step + 1) / 2;
	if (level % (REPLAN_LEVELS / 2) == 2 || step < 1)
		step = 1;
	return step > gap ? step : gap;
}

/* With the review on `day`, is there time for the later ones of the same at growing gaps? */
static bool
replan_leaves_time(const struct replan_work *work, const struct replan_entry *entry, int level,
                   int32_t day, int gap)
{
	for (entry = entry->next; entry != NULL; entry = entry->next) {
		if (entry->state == REPLAN_FIXED)
			continue;
		gap = replan_review_step(entry, level, gap);
		int place = study_days_from(&work->days, day + gap);

		if (place < entry->home)
			place = entry->home;
		if (place == work->days.count)
			return false;
		gap = work->days.day[place] - day;
		day = work->days.day[place];
	}
	return true;
}

static bool
replan_is_taken(const struct replan_entry *entry, int place)
{
	const struct replan_entry *other;

	for (other = entry->before; other != NULL; other = other->before)
		if (other->state == REPLAN_FIXED && other->home == place)
			return true;
	for (other = entry->next; other != NULL; other = other->next)
		if (other->state == REPLAN_FIXED && other->home == place)
			return true;
	return false;
}

static int
replan_review_find(const struct replan_work *work, const struct replan_entry *entry, int lower)
{
	bool stays = entry->state == REPLAN_RESIDENT && !entry->loose;

	for (int place = lower; place < work->days.count; place++)
		if (((stays && place == entry->home) || replan_fits(work, entry, place)) &&
		    !replan_is_taken(entry, place))
			return place;
	return REPLAN_NOWHERE;
}

/* The place for a review, or REPLAN_NOWHERE; sets its gap. */
static int
replan_review_seek(const struct replan_work *work, struct replan_entry *entry)
{
	const struct replan_entry *before = replan_review_before(work, entry);
	int32_t from = before == NULL ? entry->studied : replan_review_day(work, before);
	int lower = entry->bound > entry->home ? entry->bound : entry->home;

	if (entry->test != NULL && entry->test->place > lower)
		lower = entry->test->place;
	for (int level = 0; level < REPLAN_LEVELS; level++) {
		bool growing = before != NULL && level < REPLAN_LEVELS / 2;
		int step = replan_review_step(entry, level, growing ? before->gap : 0);
		bool any = level == REPLAN_LEVELS - 1 && before == NULL && !entry->unit;
		int first = any ? lower : study_days_from(&work->days, from + step);
		int place = replan_review_find(work, entry, first > lower ? first : lower);

		if (place == REPLAN_NOWHERE)
			continue;
		entry->gap = growing ? work->days.day[place] - from : step;
		if (level == REPLAN_LEVELS - 1 ||
		    replan_leaves_time(work, entry, level, work->days.day[place], entry->gap))
			return place;
	}
	if (replan_is_spare(entry))
		return REPLAN_NOWHERE;
	/* What cannot be left out shares a day rather than having none. */
	if (before != NULL && before->state != REPLAN_FIXED && before->place > lower)
		lower = before->place;
	for (int place = lower; place < work->days.count; place++)
		if (replan_fits(work, entry, place))
			return place;
	return REPLAN_NOWHERE;
}

/* A resident that nothing it follows disturbs stays. */
static bool
replan_review_stays(const struct replan_work *work, struct replan_entry *entry)
{
	const struct replan_entry *before = replan_review_before(work, entry);

	if (entry->state != REPLAN_RESIDENT || entry->loose || entry->bound > entry->home ||
	    (entry->test != NULL && entry->test->place > entry->home) ||
	    (before != NULL && before->state != REPLAN_FIXED && before->place != before->home))
		return false;
	entry->gap = before == NULL ? entry->wanted
	                            : work->days.day[entry->home] - replan_review_day(work, before);
	return true;
}

bool
replan_place_reviews(struct replan_work *work, enum replan_mode mode, bool *again)
{
	for (size_t i = 0; i < work->reviews; i++) {
		struct replan_entry *entry = work->review[i];

		if (entry->state == REPLAN_FIXED) {
			entry->gap = entry->wanted;
			continue;
		}
		if (replan_review_stays(work, entry))
			continue;
		int place =
		    replan_review_is_cut(entry) ? REPLAN_NOWHERE : replan_review_seek(work, entry);

		if (place == REPLAN_NOWHERE) {
			if (mode != REPLAN_THIN || !replan_is_spare(entry))
				return false;
			entry->left_out = true;
			entry->place = REPLAN_NOWHERE;
			work->left_out++;
			continue;
		}
		if (entry->state == REPLAN_RESIDENT && !entry->loose && place == entry->home)
			continue;
		replan_assign(work, entry, place, again);
	}
	return true;
}
