/* SPDX-License-Identifier: MIT
 * Replanning: the rules of replan.h, over small cases and random histories of random plans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/date.h"
#include "services/planner/builtin/replan.h"
#include "services/planner/builtin/schedule.h"
#include "services/planner/builtin/study_days.h"
#include "tests/unit/slow_fixture.h"

#define RANDOM_HISTORIES (FIXTURE_SLOW ? 1500 : 6000)
#define MONDAY           20514 /* 2026-03-02 */

static uint64_t seed = 20260302;

static unsigned
draw(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % below;
}

static struct replan_request
week(const struct replan_item *items, size_t count, int days, int from)
{
	return (struct replan_request){
	    .items = items,
	    .item_count = count,
	    .from_day = MONDAY + from,
	    .start_day = MONDAY,
	    .end_day = MONDAY + days - 1,
	    .minutes_per_day = 60,
	};
}

static bool
is_study_day(const struct replan_request *request, int32_t day)
{
	return day >= request->from_day && day >= request->start_day && day <= request->end_day &&
	       (!request->has_exam || day < request->exam_day) &&
	       !(request->rest_days & PLAN_REST_DAY(date_weekday(day)));
}

static bool
precedes(const struct replan_item *items, size_t one, size_t two)
{
	return items[one].day != items[two].day ? items[one].day < items[two].day : one < two;
}

static bool
shares(const struct replan_item *one, const struct replan_item *two)
{
	if (one->topic_count == 0 || two->topic_count == 0)
		return one->topic_count == two->topic_count;
	return one->first_topic < two->first_topic + two->topic_count &&
	       two->first_topic < one->first_topic + one->topic_count;
}

/* Days that took something in: within the minutes, at most 20 items. */
static void
check_load(const struct replan_request *request, const struct replan_outcome *out)
{
	for (int32_t day = request->from_day; day <= request->end_day; day++) {
		int minutes = 0;
		int count = 0;
		bool took = false;

		for (size_t i = 0; i < request->item_count; i++) {
			if (out->day[i] != day || out->left_out[i])
				continue;
			minutes += out->minutes[i];
			count++;
			took = took || request->items[i].day != day;
		}
		if (took) {
			assert_true(minutes <= request->minutes_per_day);
			assert_true(count <= PLAN_MAX_ITEMS);
		}
	}
}

static void
check_items(const struct replan_request *request, const struct replan_outcome *out)
{
	int moved = 0;
	int late = 0;
	int fewer = 0;

	for (size_t i = 0; i < request->item_count; i++) {
		const struct replan_item *item = &request->items[i];
		bool missed = !item->done && item->day < request->from_day;

		if (out->left_out[i]) {
			assert_true(item->kind == PLAN_REVIEW && item->topic_count > 0);
			assert_false(item->done);
			fewer++;
			continue;
		}
		assert_true(out->minutes[i] <= item->minutes);
		assert_true(out->minutes[i] >= PLAN_MIN_MINUTES ||
		            out->minutes[i] == item->minutes);
		if (item->done) {
			assert_int_equal(out->day[i], item->day);
			assert_int_equal(out->minutes[i], item->minutes);
		}
		moved += out->day[i] != item->day;
		late += missed && out->day[i] == item->day;
		if (out->day[i] != item->day) {
			assert_true(is_study_day(request, out->day[i]));
			assert_true(missed || out->day[i] > item->day);
		}
	}
	assert_int_equal(moved, out->moved);
	assert_int_equal(late, out->not_fitting);
	assert_int_equal(fewer, out->fewer);
}

/* Among what is ahead: study in its order, reviews and tests not before their study. */
static void
check_order(const struct replan_request *request, const struct replan_outcome *out)
{
	const struct replan_item *items = request->items;

	for (size_t x = 0; x < request->item_count; x++) {
		if (items[x].done || out->left_out[x] || out->day[x] < request->from_day ||
		    !is_study_day(request, out->day[x]))
			continue;
		for (size_t y = 0; y < request->item_count; y++) {
			if (items[y].kind != PLAN_STUDY || items[y].done ||
			    out->day[y] < request->from_day || !precedes(items, y, x) ||
			    !is_study_day(request, out->day[y]))
				continue;
			if (items[x].kind == PLAN_STUDY || shares(&items[x], &items[y]))
				assert_true(out->day[y] <= out->day[x]);
		}
	}
}

static bool
is_same_review(const struct replan_item *one, const struct replan_item *two)
{
	return one->kind == PLAN_REVIEW && two->kind == PLAN_REVIEW && one->topic_count > 0 &&
	       one->first_topic == two->first_topic && one->topic_count == two->topic_count &&
	       strcmp(one->title, two->title) == 0;
}

/* A review is on a later day than the studies that it came after, if it is about just the same as
 * one of them; and than the same review before it. Left out are the last of the same. */
static void
check_review(const struct replan_request *request, const struct replan_outcome *out, size_t y)
{
	const struct replan_item *items = request->items;
	int32_t studied = INT32_MIN;
	bool unit = false;

	for (size_t x = 0; x < request->item_count; x++) {
		if (x == y || items[x].day >= items[y].day)
			continue;
		if (items[x].kind == PLAN_STUDY && shares(&items[x], &items[y])) {
			unit = unit || (items[x].first_topic == items[y].first_topic &&
			                items[x].topic_count == items[y].topic_count);
			if (out->day[x] > studied && !items[x].done)
				studied = out->day[x];
		}
		if (!is_same_review(&items[x], &items[y]))
			continue;
		if (!items[x].done)
			assert_false(out->left_out[x]);
		assert_int_not_equal(out->day[x], out->day[y]);
		if (!items[x].done)
			assert_true(out->day[x] < out->day[y]);
	}
	if (unit)
		assert_true(out->day[y] > studied);
}

static void
check_reviews(const struct replan_request *request, const struct replan_outcome *out)
{
	for (size_t y = 0; y < request->item_count; y++)
		if (request->items[y].kind == PLAN_REVIEW && request->items[y].topic_count > 0 &&
		    !request->items[y].done && !out->left_out[y])
			check_review(request, out, y);
}

/* Would a study item of the least length find room on this day if the reviews went, and all else
 * were as short as it can be? */
static bool
has_room_but_for_reviews(const struct replan_request *request, const struct replan_outcome *out,
                         int32_t day)
{
	int minutes = 0;
	int full = 0;
	int count = 0;

	for (size_t i = 0; i < request->item_count; i++) {
		const struct replan_item *item = &request->items[i];

		full += item->day == day ? item->minutes : 0;
		if (out->day[i] != day || out->left_out[i] ||
		    (item->kind == PLAN_REVIEW && item->topic_count > 0 && !item->done))
			continue;
		minutes += item->done || item->minutes < PLAN_MIN_MINUTES ? item->minutes
		                                                          : PLAN_MIN_MINUTES;
		count++;
	}
	return full <= request->minutes_per_day && count < PLAN_MAX_ITEMS &&
	       minutes + PLAN_MIN_MINUTES <= request->minutes_per_day;
}

/* New material goes before reviews: none is left behind while they hold its place. */
static void
check_study_first(const struct replan_request *request, const struct replan_outcome *out)
{
	const struct replan_item *items = request->items;
	int32_t until = request->end_day;
	bool behind = false;

	for (size_t i = 0; i < request->item_count; i++) {
		if (items[i].kind != PLAN_STUDY || items[i].done)
			continue;
		if (out->day[i] < request->from_day)
			behind = true;
		else if (is_study_day(request, out->day[i]) && out->day[i] < until)
			until = out->day[i];
	}
	for (int32_t day = request->from_day; behind && day <= until; day++)
		if (is_study_day(request, day))
			assert_false(has_room_but_for_reviews(request, out, day));
}

static void
check_repeat(struct arena *arena, const struct replan_request *request,
             const struct replan_outcome *out)
{
	struct replan_item *items = arena_calloc(arena, request->item_count + 1, sizeof(*items));
	struct replan_request again = *request;
	struct replan_outcome second;

	again.item_count = 0;
	for (size_t i = 0; i < request->item_count; i++) {
		struct replan_item *item = &items[again.item_count];

		*item = request->items[i];
		item->day = out->day[i];
		item->minutes = out->minutes[i];
		again.item_count += !out->left_out[i];
	}
	again.items = items;
	assert_int_equal(replan_make(arena, &again, &second), STATUS_OK);
	assert_int_equal(second.moved, 0);
	assert_int_equal(second.shortened, 0);
	assert_int_equal(second.fewer, 0);
	assert_int_equal(second.not_fitting, out->not_fitting);
	for (size_t i = 0; i < again.item_count; i++)
		assert_int_equal(second.minutes[i], items[i].minutes);
}

static struct replan_outcome
replan(struct arena *arena, const struct replan_request *request)
{
	struct replan_outcome out;

	assert_int_equal(replan_make(arena, request, &out), STATUS_OK);
	check_items(request, &out);
	check_load(request, &out);
	if (request->item_count < 800)
		check_order(request, &out);
	check_repeat(arena, request, &out);
	return out;
}

static void
a_missed_item_goes_to_the_first_day_with_room(void **state)
{
	static const struct replan_item items[] = {
	    {.day = MONDAY, .minutes = 30, .kind = PLAN_STUDY, .first_topic = 0, .topic_count = 1},
	    {.day = MONDAY + 1,
	     .minutes = 30,
	     .kind = PLAN_STUDY,
	     .first_topic = 1,
	     .topic_count = 1},
	    {.day = MONDAY + 2,
	     .minutes = 30,
	     .kind = PLAN_REVIEW,
	     .first_topic = 0,
	     .topic_count = 1},
	};
	struct arena *arena = arena_new(0);
	struct replan_request request = week(items, 3, 7, 1);
	struct replan_outcome out = replan(arena, &request);

	(void)state;
	assert_int_equal(out.moved, 1);
	assert_int_equal(out.day[0], MONDAY + 1);
	assert_int_equal(out.shortened, 0);
	arena_free(&arena);
}

static void
the_order_of_the_material_is_kept_by_moving_what_follows(void **state)
{
	static const struct replan_item items[] = {
	    {.day = MONDAY, .minutes = 60, .kind = PLAN_STUDY, .first_topic = 0, .topic_count = 1},
	    {.day = MONDAY + 1,
	     .minutes = 60,
	     .kind = PLAN_STUDY,
	     .first_topic = 1,
	     .topic_count = 1},
	    {.day = MONDAY + 2,
	     .minutes = 60,
	     .kind = PLAN_TEST,
	     .first_topic = 0,
	     .topic_count = 2},
	    {.day = MONDAY + 4,
	     .minutes = 20,
	     .kind = PLAN_STUDY,
	     .first_topic = 2,
	     .topic_count = 1},
	};
	struct arena *arena = arena_new(0);
	struct replan_request request = week(items, 4, 7, 1);
	struct replan_outcome out = replan(arena, &request);

	(void)state;
	assert_int_equal(out.day[0], MONDAY + 1);
	/* The test makes room: it must follow what it tests. */
	assert_int_equal(out.day[1], MONDAY + 2);
	assert_int_equal(out.day[2], MONDAY + 3);
	assert_int_equal(out.day[3], MONDAY + 4);
	assert_int_equal(out.moved, 3);
	arena_free(&arena);
}

static void
rest_days_and_the_exam_are_left_alone(void **state)
{
	static const struct replan_item items[] = {
	    {.day = MONDAY + 3, .minutes = 60, .kind = PLAN_STUDY},
	    {.day = MONDAY + 4, .minutes = 60, .kind = PLAN_STUDY, .done = true},
	};
	struct arena *arena = arena_new(0);
	struct replan_request request = week(items, 2, 14, 4);

	(void)state;
	request.rest_days = PLAN_REST_DAY(SAT) | PLAN_REST_DAY(SUN);
	struct replan_outcome out = replan(arena, &request);

	assert_int_equal(out.day[0], MONDAY + 7);
	request.has_exam = true;
	request.exam_day = MONDAY + 7;
	out = replan(arena, &request);
	/* Friday is full of what is done already. */
	assert_int_equal(out.not_fitting, 1);
	assert_int_equal(out.day[0], MONDAY + 3);
	assert_false(out.no_day_left);
	request.exam_day = MONDAY + 4;
	assert_true(replan(arena, &request).no_day_left);
	arena_free(&arena);
}

static void
minutes_give_way_when_days_are_full(void **state)
{
	static const struct replan_item items[] = {
	    {.day = MONDAY, .minutes = 40, .kind = PLAN_STUDY, .first_topic = 0, .topic_count = 1},
	    {.day = MONDAY + 1,
	     .minutes = 40,
	     .kind = PLAN_STUDY,
	     .first_topic = 1,
	     .topic_count = 1},
	    {.day = MONDAY + 1,
	     .minutes = 20,
	     .kind = PLAN_REVIEW,
	     .first_topic = 2,
	     .topic_count = 1},
	};
	struct arena *arena = arena_new(0);
	struct replan_request request = week(items, 3, 2, 1);
	struct replan_outcome out = replan(arena, &request);
	const char *code[REPLAN_MAX_WARNINGS];
	const char *detail[REPLAN_MAX_WARNINGS];

	(void)state;
	assert_int_equal(out.moved, 1);
	assert_int_equal(out.shortened, 3);
	assert_true(out.minutes[0] >= 20 && out.minutes[1] >= 20 && out.minutes[2] >= 10);
	assert_int_equal(out.minutes[0] + out.minutes[1] + out.minutes[2], 60);
	assert_int_equal(replan_warnings(arena, &out, PLAN_EN, code, detail), 1);
	assert_string_equal(code[0], "shortened");
	assert_string_equal(detail[0], "3 items were shortened to make room for what was missed.");
	arena_free(&arena);
}

static void
what_does_not_fit_keeps_its_date_and_is_counted(void **state)
{
	struct replan_item items[40];
	struct arena *arena = arena_new(0);
	struct replan_request request = week(items, 40, 2, 1);
	const char *code[REPLAN_MAX_WARNINGS];
	const char *detail[REPLAN_MAX_WARNINGS];

	(void)state;
	for (int i = 0; i < 40; i++)
		items[i] = (struct replan_item){
		    .day = MONDAY, .minutes = 10, .kind = i < 6 ? PLAN_STUDY : PLAN_REVIEW};
	struct replan_outcome out = replan(arena, &request);

	/* Sixty minutes of five: the six studies first. */
	assert_int_equal(out.moved, 12);
	assert_int_equal(out.not_fitting, 28);
	for (int i = 0; i < 6; i++)
		assert_int_equal(out.day[i], MONDAY + 1);
	assert_int_equal(replan_warnings(arena, &out, PLAN_KO, code, detail), 2);
	assert_string_equal(code[0], "does_not_fit");
	request.minutes_per_day = 960;
	assert_int_equal(replan(arena, &request).moved, PLAN_MAX_ITEMS);
	arena_free(&arena);
}

static void
nothing_missed_changes_nothing(void **state)
{
	static const struct replan_item items[] = {
	    {.day = MONDAY, .minutes = 40, .kind = PLAN_STUDY, .done = true},
	    {.day = MONDAY + 5, .minutes = 300, .kind = PLAN_STUDY},
	    {.day = MONDAY + 5, .minutes = 3, .kind = PLAN_TEST},
	};
	struct arena *arena = arena_new(0);
	struct replan_request request = week(items, 3, 7, 3);

	(void)state;
	request.rest_days = PLAN_REST_DAY(SAT);
	struct replan_outcome out = replan(arena, &request);

	assert_int_equal(out.moved, 0);
	assert_int_equal(out.shortened, 0);
	request.item_count = 0;
	assert_int_equal(replan(arena, &request).moved, 0);
	arena_free(&arena);
}

static struct schedule_request
random_plan(struct arena *arena)
{
	static const int minutes[] = {5, 10, 20, 45, 60, 60, 90, 240, 960};
	static const unsigned most_days[] = {3, 10, 28, 42, 60, 120, 366};
	struct schedule_request plan = {
	    .topic_count = 1 + draw(draw(4) == 0 ? 200 : 20),
	    .start_day = MONDAY + (int32_t)draw(30),
	    .minutes_per_day = minutes[draw(9)],
	    .rest_days = draw(2) == 1 ? draw(127) : 0,
	    .has_exam = draw(2) == 1,
	    .level = draw(3),
	    .locale = draw(2),
	};
	const char **topics = arena_calloc(arena, plan.topic_count, sizeof(*topics));

	for (size_t i = 0; i < plan.topic_count; i++)
		topics[i] = arena_printf(arena, "Unit %zu", i + 1);
	plan.topics = topics;
	plan.end_day = plan.start_day + (int32_t)draw(most_days[draw(7)]);
	plan.exam_day = plan.end_day - (int32_t)draw(3);
	plan.today = plan.start_day;
	return plan;
}

/* What became of a plan: some of it done, some of it changed by hand (then true). */
static bool
random_history(const struct schedule_request *plan, struct replan_item *items, size_t count,
               int32_t from_day)
{
	static const unsigned diligence[] = {0, 40, 80, 95};
	unsigned done = diligence[draw(4)];
	bool topics_known = draw(3) > 0;
	bool by_hand = draw(4) == 0;

	for (size_t i = 0; i < count; i++) {
		items[i].done = draw(100) < (items[i].day < from_day ? done : 3);
		if (!topics_known)
			items[i].topic_count = 0;
		if (by_hand && draw(10) == 0)
			items[i].day =
			    plan->start_day +
			    (int32_t)draw((unsigned)(plan->end_day - plan->start_day + 3));
		if (by_hand && draw(10) == 0)
			items[i].minutes = 1 + (int)draw(100);
	}
	return by_hand;
}

static struct replan_request
random_request(struct arena *arena, const struct schedule_request *plan,
               const struct schedule *schedule, bool *by_hand)
{
	unsigned days = (unsigned)(plan->end_day - plan->start_day);
	struct replan_item *items = arena_calloc(arena, schedule->item_count, sizeof(*items));
	struct replan_request request = {
	    .items = items,
	    .item_count = schedule->item_count,
	    .start_day = plan->start_day,
	    .end_day = plan->end_day,
	    .from_day = plan->start_day + (int32_t)draw(days + 2),
	    .has_exam = plan->has_exam,
	    .exam_day = plan->exam_day,
	    .rest_days = plan->rest_days,
	    .minutes_per_day = plan->minutes_per_day,
	};

	for (size_t i = 0; i < schedule->item_count; i++) {
		const struct schedule_item *from = &schedule->items[i];

		items[i] = (struct replan_item){
		    .day = from->day,
		    .minutes = from->minutes,
		    .kind = from->kind,
		    .first_topic = from->first_topic,
		    .topic_count = from->topic_count,
		    .title = from->title,
		};
	}
	*by_hand = random_history(plan, items, schedule->item_count, request.from_day);
	return request;
}

static void
random_histories_keep_every_rule(void **state)
{
	struct arena *arena = arena_new(0);
	int moved = 0;
	int shortened = 0;
	int late = 0;
	int unchanged = 0;
	int fewer = 0;

	(void)state;
	for (int n = 0; n < RANDOM_HISTORIES; n++, arena_reset(arena)) {
		struct schedule_request plan = random_plan(arena);
		struct schedule *schedule;

		if (schedule_make(arena, &plan, &schedule) != STATUS_OK ||
		    schedule->item_count > 1500)
			continue;
		bool by_hand;
		struct replan_request request = random_request(arena, &plan, schedule, &by_hand);
		struct replan_outcome out = replan(arena, &request);

		if (!by_hand && request.item_count < 800)
			check_reviews(&request, &out);
		if (!by_hand && request.items[0].topic_count > 0)
			check_study_first(&request, &out);
		fewer += out.fewer > 0;
		moved += out.moved > 0;
		shortened += out.shortened > 0;
		if (out.not_fitting == 0 || out.no_day_left)
			continue;
		late++;
		unchanged += out.moved == 0;
	}
	/* The histories reach every outcome. */
	assert_true(moved > RANDOM_HISTORIES / 3);
	assert_true(shortened > RANDOM_HISTORIES / 10);
	print_message("moved %d, shortened %d, fewer reviews %d, late %d, unchanged %d\n", moved,
	              shortened, fewer, late, unchanged);
	assert_true(late > RANDOM_HISTORIES / 50);
	assert_true(fewer > RANDOM_HISTORIES / 50);
	/* Leaving everything as it is is the last way out. */
	assert_true(unchanged < late / 2);
	arena_free(&arena);
}

/* The days of the same review from `at` on, in *day; returns how many, 0 if they did not come at
 * growing gaps before, either. */
static int
days_of_review(const struct replan_request *request, const struct replan_outcome *out, size_t at,
               int32_t day[64])
{
	int32_t last = request->items[at].day;
	int32_t gap = 1;
	int done = 0;

	int count = 0;

	for (size_t i = at; i < request->item_count && count < 64; i++) {
		if (!is_same_review(&request->items[at], &request->items[i]))
			continue;
		if (i != at && request->items[i].day - last < gap)
			return 0;
		if (request->items[i].done && count > done)
			return 0; /* done before another that was due before it */
		done += request->items[i].done;
		gap = i != at ? request->items[i].day - last : gap;
		last = request->items[i].day;
		day[count++] = out->day[i];
	}
	return count;
}

static bool
is_first_review(const struct replan_request *request, size_t at)
{
	bool unit = false;

	for (size_t i = 0; i < at; i++) {
		const struct replan_item *item = &request->items[i];

		if (is_same_review(item, &request->items[at]))
			return false;
		unit = unit || (item->kind == PLAN_STUDY &&
		                item->first_topic == request->items[at].first_topic &&
		                item->topic_count == request->items[at].topic_count);
	}
	return unit && request->items[at].kind == PLAN_REVIEW;
}

static void
with_room_the_gaps_between_reviews_never_shrink(void **state)
{
	struct arena *arena = arena_new(0);
	int chains = 0;

	(void)state;
	for (int n = 0; n < RANDOM_HISTORIES / 4; n++, arena_reset(arena)) {
		struct schedule_request plan = random_plan(arena);
		struct schedule *schedule;
		int32_t day[64];
		bool by_hand;

		plan.end_day = plan.start_day + 6 + (int32_t)draw(35);
		plan.has_exam = false;
		if (schedule_make(arena, &plan, &schedule) != STATUS_OK ||
		    schedule->item_count > 600)
			continue;
		struct replan_request request = random_request(arena, &plan, schedule, &by_hand);

		request.end_day = plan.start_day + PLAN_MAX_DAYS - 1;
		request.minutes_per_day += 60;
		struct replan_outcome out = replan(arena, &request);

		assert_int_equal(out.not_fitting, 0);
		assert_int_equal(out.fewer, 0);
		for (size_t i = 0; i < request.item_count && !by_hand; i++) {
			int count = is_first_review(&request, i)
			                ? days_of_review(&request, &out, i, day)
			                : 0;

			chains += count > 2 && out.moved > 0;
			for (int k = 2; k < count; k++)
				if (day[k] > request.from_day)
					assert_true(day[k] - day[k - 1] >= day[k - 1] - day[k - 2]);
		}
	}
	assert_true(chains > RANDOM_HISTORIES / 8);
	arena_free(&arena);
}

static void
numbers_out_of_bounds_are_refused(void **state)
{
	struct replan_item item = {
	    .day = MONDAY, .minutes = 10, .first_topic = 150, .topic_count = 51};
	struct arena *arena = arena_new(0);
	struct replan_request request = week(&item, 1, 7, 1);
	struct replan_outcome out;

	(void)state;
	assert_int_equal(replan_make(arena, &request, &out), STATUS_VALIDATION);
	item.topic_count = 50;
	assert_int_equal(replan_make(arena, &request, &out), STATUS_OK);
	item.minutes = 0;
	assert_int_equal(replan_make(arena, &request, &out), STATUS_VALIDATION);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_missed_item_goes_to_the_first_day_with_room),
	    cmocka_unit_test(the_order_of_the_material_is_kept_by_moving_what_follows),
	    cmocka_unit_test(rest_days_and_the_exam_are_left_alone),
	    cmocka_unit_test(minutes_give_way_when_days_are_full),
	    cmocka_unit_test(what_does_not_fit_keeps_its_date_and_is_counted),
	    cmocka_unit_test(nothing_missed_changes_nothing),
	    cmocka_unit_test(numbers_out_of_bounds_are_refused),
	    cmocka_unit_test(random_histories_keep_every_rule),
	    cmocka_unit_test(with_room_the_gaps_between_reviews_never_shrink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
