/* SPDX-License-Identifier: MIT
 * Moves what was missed to the days left: sorts out who may move, tries ever shorter lengths, and
 * gives each day its minutes back as far as they fit. */
#include "services/planner/builtin/replan.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "services/planner/builtin/replan_parts.h"
#include "services/planner/builtin/wording.h"

static bool
replan_acceptable(const struct replan_request *request)
{
	if (request->item_count > REPLAN_MAX_ITEMS || request->rest_days > PLAN_ALL_RESTING ||
	    request->minutes_per_day < PLAN_MIN_MINUTES || request->end_day < request->start_day ||
	    (int64_t)request->end_day - request->start_day >= PLAN_MAX_DAYS)
		return false;
	for (size_t i = 0; i < request->item_count; i++) {
		const struct replan_item *item = &request->items[i];

		if (item->minutes < 1 || item->topic_count < 0 ||
		    item->topic_count > PLAN_MAX_TOPICS ||
		    (item->topic_count > 0 &&
		     (item->first_topic < 0 ||
		      item->first_topic > PLAN_MAX_TOPICS - item->topic_count)))
			return false;
	}
	return true;
}

static int
replan_compare_cb(const void *one, const void *two)
{
	const struct replan_entry *a = one;
	const struct replan_entry *b = two;

	if (a->item->day != b->item->day)
		return a->item->day < b->item->day ? -1 : 1;
	return a->index < b->index ? -1 : 1;
}

/* Who is missed, who stays, who may give way; and the room that each day has. */
static void
replan_sort_out(struct replan_work *work)
{
	const struct replan_request *request = work->request;
	int full[PLAN_MAX_DAYS] = {0};
	int count[PLAN_MAX_DAYS] = {0};
	int32_t last_study = INT32_MIN;

	for (size_t i = 0; i < work->count; i++) {
		struct replan_entry *entry = &work->entry[i];
		const struct replan_item *item = entry->item;
		int place = study_days_from(&work->days, item->day);

		entry->home = REPLAN_NOWHERE;
		if (entry->state == REPLAN_GONE)
			continue;
		if (place < work->days.count && work->days.day[place] == item->day)
			entry->home = place;
		if (!item->done && item->day < request->from_day)
			entry->state = REPLAN_MISSED;
		else if (item->done || entry->home == REPLAN_NOWHERE)
			entry->state = REPLAN_FIXED;
		else
			entry->state = REPLAN_RESIDENT;
		work->missed += entry->state == REPLAN_MISSED;
		if (item->kind == PLAN_STUDY && item->day > last_study)
			last_study = item->day;
		if (entry->home == REPLAN_NOWHERE)
			continue;
		full[entry->home] += item->minutes;
		count[entry->home]++;
		if (entry->state == REPLAN_FIXED) {
			work->day[entry->home].fixed += item->minutes;
			work->day[entry->home].fixed_count++;
		}
	}
	for (int d = 0; d < work->days.count; d++)
		work->day[d].open =
		    full[d] <= request->minutes_per_day && count[d] <= PLAN_MAX_ITEMS;
	work->study_limit = work->days.count - 1;
	while (work->study_limit >= 0 && work->days.day[work->study_limit] > last_study)
		work->study_limit--;
}

/* Shares the day's room among its items: full length if it can be, else in proportion, never below
 * what they were placed with. */
static void
replan_share_out(struct replan_work *work, int place, struct replan_outcome *out)
{
	int room = work->request->minutes_per_day - work->day[place].load;
	int wanted = 0;

	for (size_t i = 0; i < work->count; i++) {
		const struct replan_entry *entry = &work->entry[i];

		if (entry->state != REPLAN_FIXED && entry->state != REPLAN_GONE &&
		    entry->place == place)
			wanted += entry->item->minutes - entry->least;
	}
	for (size_t i = 0; i < work->count; i++) {
		const struct replan_entry *entry = &work->entry[i];
		int more = entry->item->minutes - entry->least;

		if (entry->state == REPLAN_FIXED || entry->state == REPLAN_GONE ||
		    entry->place != place)
			continue;
		if (wanted > room)
			more = more * room / wanted / PLAN_MIN_MINUTES * PLAN_MIN_MINUTES;
		wanted -= entry->item->minutes - entry->least;
		room -= more;
		out->minutes[entry->index] = entry->least + more;
	}
}

static void
replan_write(struct replan_work *work, struct replan_outcome *out)
{
	for (int d = 0; d < work->days.count; d++)
		if (work->day[d].touched)
			replan_share_out(work, d, out);
	for (size_t i = 0; i < work->count; i++) {
		const struct replan_entry *entry = &work->entry[i];

		if (entry->state == REPLAN_FIXED || entry->state == REPLAN_GONE)
			continue;
		if (entry->left_out)
			out->left_out[entry->index] = true;
		else if (entry->place != REPLAN_NOWHERE)
			out->day[entry->index] = work->days.day[entry->place];
	}
}

/* Leaves out reviews: a tenth of them before much is shortened, half of them before most is. */
static bool
replan_place_thinned(struct replan_work *work)
{
	static const struct {
		int percent;
		size_t most; /* percent of the reviews to be left out */
	} steps[] = {{100, 10}, {75, 10},  {50, 50},  {25, 50},
	             {0, 50},   {50, 100}, {25, 100}, {0, 100}};

	for (size_t i = 0; i < COUNT_OF(steps); i++)
		if (replan_place_all(work, steps[i].percent, REPLAN_THIN) &&
		    work->left_out * 100 <= work->spares * steps[i].most)
			return true;
	return false;
}

static void
replan_place(struct replan_work *work)
{
	static const int percents[] = {100, 75, 50};
	int last = work->days.count - 1;

	if (work->study_limit < 0)
		work->study_limit = last;
	for (size_t i = 0; i < COUNT_OF(percents); i++)
		if (replan_place_all(work, percents[i], REPLAN_KEEP) ||
		    replan_place_all(work, percents[i], REPLAN_LOOSE))
			return;
	work->study_limit = last;
	if (!replan_place_all(work, 50, REPLAN_LOOSE) && !replan_place_thinned(work))
		replan_place_some(work);
}

static void
replan_enter(struct replan_work *work, const struct replan_item *items, const bool *left_out)
{
	memset(work->day, 0, sizeof(work->day));
	work->missed = 0;
	for (size_t i = 0; i < work->count; i++)
		work->entry[i] = (struct replan_entry){
		    .item = &items[i],
		    .index = i,
		    .state = left_out[i] ? REPLAN_GONE : REPLAN_MISSED,
		};
	qsort(work->entry, work->count, sizeof(*work->entry), replan_compare_cb);
	replan_sort_out(work);
	replan_link_reviews(work);
}

/* From the items to the outcome's days and minutes. */
static void
replan_once(struct replan_work *work, const struct replan_item *items, struct replan_outcome *out)
{
	replan_enter(work, items, out->left_out);
	for (size_t i = 0; i < work->count; i++) {
		out->day[i] = items[i].day;
		out->minutes[i] = items[i].minutes;
	}
	out->no_day_left = work->missed > 0 && work->days.count == 0;
	if (work->missed > 0 && !out->no_day_left) {
		replan_place(work);
		replan_write(work, out);
	}
}

static void
replan_count(const struct replan_item *items, size_t count, int32_t from_day,
             struct replan_outcome *out)
{
	out->moved = out->shortened = out->not_fitting = out->fewer = 0;
	for (size_t i = 0; i < count; i++) {
		out->fewer += out->left_out[i];
		if (out->left_out[i])
			continue;
		out->moved += out->day[i] != items[i].day;
		out->shortened += out->minutes[i] != items[i].minutes;
		out->not_fitting += !items[i].done && out->day[i] < from_day;
	}
}

static void
replan_adopt(const struct replan_item *items, size_t count, struct replan_item *outcome,
             const struct replan_outcome *out)
{
	for (size_t i = 0; i < count; i++) {
		outcome[i] = items[i];
		outcome[i].day = out->day[i];
		outcome[i].minutes = out->minutes[i];
	}
}

/* What is left behind has an older date than what it once followed, so a repeated replan sees
 * another order than this one did, and may find more room. So it is repeated here until it changes
 * nothing (it ends: items only move later, get shorter, or are no longer missed). Should that
 * break the order of the plan as it was, nothing is changed at all, which is stable, too. */
static void
replan_settle(struct replan_work *work, const struct replan_item *items,
              struct replan_item *outcome, struct replan_outcome *out)
{
	int32_t from_day = work->request->from_day;
	int fewer;

	do {
		fewer = out->fewer;
		replan_adopt(items, work->count, outcome, out);
		replan_once(work, outcome, out);
		replan_count(outcome, work->count, from_day, out);
	} while (out->moved > 0 || out->shortened > 0 || out->fewer > fewer);
	replan_enter(work, items, out->left_out);
	if (!replan_keeps_order(work, outcome))
		for (size_t i = 0; i < work->count; i++) {
			out->day[i] = items[i].day;
			out->minutes[i] = items[i].minutes;
			out->left_out[i] = false;
		}
	replan_count(items, work->count, from_day, out);
}

enum status
replan_make(struct arena *arena, const struct replan_request *request, struct replan_outcome *out)
{
	size_t count = request->item_count;
	struct replan_work *work = arena_alloc(arena, sizeof(*work));
	struct replan_item *outcome = arena_calloc(arena, count + 1, sizeof(*outcome));
	struct study_span span = {
	    .first_day =
	        request->from_day > request->start_day ? request->from_day : request->start_day,
	    .last_day = request->end_day,
	    .has_exam = request->has_exam,
	    .exam_day = request->exam_day,
	    .rest_days = request->rest_days,
	};

	*out = (struct replan_outcome){0};
	if (!replan_acceptable(request))
		return STATUS_VALIDATION;
	out->day = arena_calloc(arena, count + 1, sizeof(*out->day));
	out->minutes = arena_calloc(arena, count + 1, sizeof(*out->minutes));
	out->left_out = arena_calloc(arena, count + 1, sizeof(*out->left_out));
	if (work == NULL || outcome == NULL || out->day == NULL || out->minutes == NULL ||
	    out->left_out == NULL)
		return STATUS_OVERLOADED;
	work->entry = arena_calloc(arena, count + 1, sizeof(*work->entry));
	work->leaving = arena_calloc(arena, count + 1, sizeof(struct replan_entry *));
	work->review = arena_calloc(arena, count + 1, sizeof(struct replan_entry *));
	if (work->entry == NULL || work->leaving == NULL || work->review == NULL)
		return STATUS_OVERLOADED;
	work->request = request;
	work->count = count;
	study_days_of(&span, &work->days);
	replan_once(work, request->items, out);
	replan_count(request->items, count, request->from_day, out);
	if (out->not_fitting > 0 && (out->moved > 0 || out->fewer > 0))
		replan_settle(work, request->items, outcome, out);
	return STATUS_OK;
}

int
replan_warnings(struct arena *arena, const struct replan_outcome *outcome, enum plan_locale locale,
                const char *code[REPLAN_MAX_WARNINGS], const char *detail[REPLAN_MAX_WARNINGS])
{
	const struct {
		const char *code;
		int value;
	} warnings[REPLAN_MAX_WARNINGS] = {
	    {outcome->no_day_left ? "no_day_left" : "does_not_fit", outcome->not_fitting},
	    {"reviews_left_out", outcome->fewer},
	    {"shortened", outcome->shortened},
	};
	int count = 0;

	for (int i = 0; i < REPLAN_MAX_WARNINGS; i++) {
		if (warnings[i].value == 0)
			continue;
		code[count] = warnings[i].code;
		detail[count] = wording_warning(arena, locale, code[count], warnings[i].value);
		if (detail[count++] == NULL)
			return -1;
	}
	return count;
}
