/* SPDX-License-Identifier: MIT
 * The built-in planner's schedules: every rule of schedule.h, over fixed and random requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/base/text.h"
#include "services/planner/builtin/schedule.h"
#include "services/planner/builtin/study_days.h"
#include "tests/unit/slow_fixture.h"

#define RANDOM_REQUESTS (FIXTURE_SLOW ? 1500 : 6000)

static uint64_t seed = 20260504;

static unsigned
draw(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % below;
}

static const char **
names(struct arena *arena, const char *format, size_t count)
{
	const char **topics = arena_calloc(arena, count + 1, sizeof(*topics));

	for (size_t i = 0; i < count; i++) {
		char *at = arena_strdup(arena, format);
		char *number = strstr(at, "%d");

		topics[i] = number == NULL ? arena_printf(arena, "%s", at)
		                           : arena_printf(arena, "%.*s%zu%s", (int)(number - at),
		                                          at, i + 1, number + 2);
	}
	return topics;
}

static int32_t
day_of(const char *text)
{
	int32_t day;

	assert_true(date_parse(text, &day));
	return day;
}

static struct schedule_request
typical(struct arena *arena, size_t topics, int days, int minutes)
{
	struct schedule_request request = {
	    .topics = names(arena, "Chapter %d", topics),
	    .topic_count = topics,
	    .start_day = day_of("2026-03-02"),
	    .minutes_per_day = minutes,
	    .level = PLAN_INTERMEDIATE,
	    .locale = PLAN_EN,
	};

	request.end_day = request.start_day + days - 1;
	request.today = request.start_day;
	return request;
}

static struct schedule *
make(struct arena *arena, const struct schedule_request *request)
{
	struct schedule *schedule;

	assert_int_equal(schedule_make(arena, request, &schedule), STATUS_OK);
	assert_non_null(schedule);
	return schedule;
}

static bool
warns(const struct schedule *schedule, const char *code)
{
	for (size_t i = 0; i < schedule->warning_count; i++)
		if (strcmp(schedule->warnings[i].code, code) == 0)
			return true;
	return false;
}

static void
days_of(const struct schedule_request *request, struct study_days *days)
{
	struct study_span span = {
	    .first_day = request->today > request->start_day ? request->today : request->start_day,
	    .last_day = request->end_day,
	    .has_exam = request->has_exam,
	    .exam_day = request->exam_day,
	    .rest_days = request->rest_days,
	};

	study_days_of(&span, days);
}

/* Days: in the span, before the exam, not resting; never over minutes or 20 items; none empty. */
static void
check_days(const struct schedule_request *request, const struct schedule *schedule,
           const struct study_days *days)
{
	size_t at = 0;

	for (int d = 0; d < days->count; d++) {
		int minutes = 0;
		int count = 0;

		for (; at < schedule->item_count && schedule->items[at].day == days->day[d]; at++) {
			assert_true(schedule->items[at].minutes >= PLAN_MIN_MINUTES);
			minutes += schedule->items[at].minutes;
			count++;
		}
		assert_in_range(count, 1, PLAN_MAX_ITEMS);
		assert_true(minutes <= request->minutes_per_day);
	}
	assert_int_equal(at, schedule->item_count);
}

/* New material in order, every topic covered, nothing new on the last day or in the closing. */
static void
check_material(const struct schedule *schedule, const struct study_days *days)
{
	int next = 0;
	bool closing = false;

	for (size_t i = 0; i < schedule->item_count; i++) {
		const struct schedule_item *item = &schedule->items[i];

		assert_in_range(item->topic_count, 1, schedule->topic_count);
		assert_true(item->first_topic >= 0);
		assert_true(item->first_topic + item->topic_count <= (int)schedule->topic_count);
		closing = closing || item->closing;
		if (item->kind != PLAN_STUDY) {
			assert_true(item->first_topic < next);
			assert_true(item->first_topic + item->topic_count <= next);
			continue;
		}
		assert_false(closing);
		if (days->count > 1)
			assert_true(item->day < days->day[days->count - 1]);
		assert_true(item->first_topic == next ||
		            item->first_topic + item->topic_count == next);
		next = item->first_topic + item->topic_count;
	}
	assert_int_equal(next, schedule->topic_count);
}

/* Every topic is tested after its last study, and everything once more at the end. */
static void
check_tests(const struct schedule *schedule)
{
	const struct schedule_item *last = NULL;
	bool tested[PLAN_MAX_TOPICS] = {false};

	for (size_t i = 0; i < schedule->item_count; i++) {
		const struct schedule_item *item = &schedule->items[i];

		if (item->kind == PLAN_TEST)
			last = item;
		for (int t = 0; t < item->topic_count; t++)
			if (item->kind != PLAN_REVIEW)
				tested[item->first_topic + t] = item->kind == PLAN_TEST;
	}
	if (warns(schedule, "no_test"))
		return;
	assert_non_null(last);
	assert_int_equal(last->topic_count, schedule->topic_count);
	for (size_t t = 0; t < schedule->topic_count; t++)
		assert_true(tested[t]);
}

/* Reviews of the same thing come at gaps that never shrink, the first a day or more after it was
 * first studied. */
static void
check_reviews(const struct schedule *schedule)
{
	for (size_t i = 0; i < schedule->item_count; i++) {
		const struct schedule_item *item = &schedule->items[i];
		int32_t last = 0;
		int32_t gap = 0;

		if (item->kind != PLAN_REVIEW || item->closing)
			continue;
		for (size_t k = 0; k < i; k++) {
			const struct schedule_item *before = &schedule->items[k];

			if (last == 0 && before->kind == PLAN_STUDY &&
			    before->first_topic == item->first_topic)
				last = before->day;
			if (before->kind != PLAN_REVIEW || before->closing ||
			    before->first_topic != item->first_topic ||
			    strcmp(before->title, item->title) != 0)
				continue;
			gap = before->day - last;
			last = before->day;
		}
		assert_true(last != 0);
		assert_true(item->day - last >= 1);
		if (strstr(item->title, " – ") == NULL && strstr(item->title, " (") == NULL)
			assert_true(item->day - last >= gap);
	}
}

/* Nobody goes over the same things twice in a day. */
static void
check_closing(const struct schedule *schedule)
{
	for (size_t i = 0; i < schedule->item_count; i++) {
		const struct schedule_item *item = &schedule->items[i];

		for (size_t k = i; item->closing && k-- > 0;) {
			const struct schedule_item *before = &schedule->items[k];

			if (before->day != item->day)
				break;
			assert_false(before->closing && before->kind == item->kind &&
			             strcmp(before->title, item->title) == 0);
		}
	}
}

static void
check_words(const struct schedule *schedule)
{
	bool combined = false;

	for (size_t i = 0; i < schedule->item_count; i++) {
		const struct schedule_item *item = &schedule->items[i];

		assert_true(text_valid(item->title, strlen(item->title)));
		assert_in_range(text_length(item->title), 1, PLAN_MAX_TEXT);
		combined = combined || (item->kind == PLAN_STUDY && item->topic_count > 1);
	}
	assert_int_equal(combined, warns(schedule, "topics_combined"));
	for (size_t i = 0; i < schedule->warning_count; i++) {
		assert_true(strlen(schedule->warnings[i].detail) > 0);
		assert_null(strstr(schedule->warnings[i].detail, "%"));
	}
}

static void
check(const struct schedule_request *request, const struct schedule *schedule)
{
	struct study_days days;

	days_of(request, &days);
	check_days(request, schedule, &days);
	check_material(schedule, &days);
	check_tests(schedule);
	if (schedule->item_count < 1500)
		check_reviews(schedule);
	check_closing(schedule);
	check_words(schedule);
}

static struct schedule_request
random_request(struct arena *arena)
{
	static const char *const formats[] = {"Chapter %d",
	                                      "%d단원",
	                                      "Topic no. %d of the book",
	                                      "제%d장 아주 긴 이름의 주제",
	                                      "%d",
	                                      "같은 이름",
	                                      "미적분 %d-2"};
	static const int minutes[] = {5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 240, 480, 960};
	static const unsigned most_topics[] = {1, 5, 12, 40, 200};
	static const unsigned most_days[] = {1, 3, 8, 28, 60, 180, 366};
	struct schedule_request request = typical(arena, 1, 1, 60);

	request.topic_count = 1 + draw(most_topics[draw(5)]);
	request.topics = names(arena, formats[draw(7)], request.topic_count);
	request.start_day += (int32_t)draw(700);
	request.today = request.start_day - 3 + (int32_t)draw(6);
	request.end_day = request.start_day + (int32_t)draw(most_days[draw(7)]);
	request.has_exam = draw(2) == 1;
	request.exam_day = request.end_day + 3 - (int32_t)draw(12);
	request.minutes_per_day = draw(3) > 0 ? minutes[draw(13)] : 5 + (int)draw(956);
	request.rest_days = draw(2) == 1 ? draw(127) : 0;
	request.level = draw(3);
	request.locale = draw(2);
	return request;
}

static void
assert_same(const struct schedule *one, const struct schedule *two)
{
	assert_int_equal(one->item_count, two->item_count);
	assert_int_equal(one->warning_count, two->warning_count);
	for (size_t i = 0; i < one->item_count; i++) {
		assert_int_equal(one->items[i].day, two->items[i].day);
		assert_int_equal(one->items[i].minutes, two->items[i].minutes);
		assert_string_equal(one->items[i].title, two->items[i].title);
	}
}

static void
random_requests_keep_every_rule(void **state)
{
	struct arena *arena = arena_new(0);
	int refused = 0;

	(void)state;
	for (int i = 0; i < RANDOM_REQUESTS; i++) {
		struct schedule_request request = random_request(arena);
		struct schedule *schedule = NULL;
		struct study_days days;

		days_of(&request, &days);
		if (days.count == 0) {
			assert_int_equal(schedule_make(arena, &request, &schedule),
			                 STATUS_VALIDATION);
			assert_null(schedule);
			refused++;
		} else {
			schedule = make(arena, &request);
			check(&request, schedule);
			if (i % 16 == 0)
				assert_same(schedule, make(arena, &request));
		}
		arena_reset(arena);
	}
	assert_in_range(refused, 1, RANDOM_REQUESTS / 4);
	arena_free(&arena);
}

static void
six_weeks_with_two_rest_days_read_like_a_teachers(void **state)
{
	static const int32_t ladder[] = {1, 3, 7, 14};
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 12, 42, 60);
	int tests = 0;

	(void)state;
	request.rest_days = PLAN_REST_DAY(SAT) | PLAN_REST_DAY(SUN);
	request.has_exam = true;
	request.exam_day = request.end_day;
	struct schedule *schedule = make(arena, &request);

	check(&request, schedule);
	assert_int_equal(schedule->warning_count, 0);
	assert_string_equal(schedule->items[0].title, "Study: Chapter 1 (1/2)");
	/* The reviews of the first chapter: at most two days off, which are a weekend. */
	int32_t found[8];
	int count = 0;

	for (size_t i = 0; i < schedule->item_count; i++) {
		const struct schedule_item *item = &schedule->items[i];

		if (strcmp(item->title, "Review: Chapter 1") == 0 && count < 8)
			found[count++] = item->day - request.start_day;
		tests += item->kind == PLAN_TEST && !item->closing;
	}
	assert_true(count >= 4);
	for (int i = 0; i < 4; i++)
		assert_in_range(found[i], ladder[i], ladder[i] + 2);
	assert_in_range(tests, 4, 6);
	arena_free(&arena);
}

static void
korean_titles_are_natural(void **state)
{
	static const char *const wanted[] = {"1단원 학습 (1/2)",    "복습: 1단원",
	                                     "단원 평가: 1~3단원",  "모의고사 (전 범위)",
	                                     "오답 정리: 모의고사", "시험 전 최종 점검"};
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 12, 42, 60);

	(void)state;
	request.topics = names(arena, "%d단원", 12);
	request.locale = PLAN_KO;
	request.rest_days = PLAN_REST_DAY(SAT) | PLAN_REST_DAY(SUN);
	request.has_exam = true;
	request.exam_day = request.end_day;
	struct schedule *schedule = make(arena, &request);

	for (size_t w = 0; w < 6; w++) {
		bool found = false;

		for (size_t i = 0; i < schedule->item_count; i++)
			found = found || strcmp(schedule->items[i].title, wanted[w]) == 0;
		if (!found)
			print_error("missing: %s\n", wanted[w]);
		assert_true(found);
	}
	arena_free(&arena);
}

static void
a_whole_topic_is_not_reviewed_up_to_somewhere(void **state)
{
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 4, 28, 60);
	bool found = false;

	(void)state;
	struct schedule *schedule = make(arena, &request);

	for (size_t i = 0; i < schedule->item_count; i++)
		found = found || strcmp(schedule->items[i].title, "Final review: Chapter 4") == 0;
	assert_true(found);
	arena_free(&arena);
}

/* Eight stages: two of concepts and of application, one of the others. */
static void
only_stages_of_the_same_name_are_numbered(void **state)
{
	static const char *const wanted[] = {"Review: Chapter 1 – concepts 2",
	                                     "Review: Chapter 1 – examples"};
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 4, 28, 240);
	int found = 0;

	(void)state;
	struct schedule *schedule = make(arena, &request);

	for (size_t i = 0; i < schedule->item_count; i++)
		for (size_t w = 0; w < 2; w++)
			found |= strcmp(schedule->items[i].title, wanted[w]) == 0 ? 1 << w : 0;
	assert_int_equal(found, 3);
	arena_free(&arena);
}

static int
study_minutes(const struct schedule *schedule, int *reviews)
{
	int minutes = 0;

	*reviews = 0;
	for (size_t i = 0; i < schedule->item_count; i++) {
		if (schedule->items[i].kind == PLAN_STUDY)
			minutes += schedule->items[i].minutes;
		*reviews += schedule->items[i].kind == PLAN_REVIEW && !schedule->items[i].closing;
	}
	return minutes;
}

static void
a_beginner_gets_more_time_and_more_reviews(void **state)
{
	static const int topics[] = {1, 4, 12, 20};
	static const int days[] = {28, 42, 90, 366};
	struct arena *arena = arena_new(0);

	(void)state;
	for (int i = 0; i < 16; i++) {
		struct schedule_request request =
		    typical(arena, (size_t)topics[i % 4], days[i / 4], 60);
		int minutes[3];
		int reviews[3];

		for (int level = 0; level < 3; level++) {
			request.level = (enum plan_level)level;
			minutes[level] = study_minutes(make(arena, &request), &reviews[level]);
		}
		assert_true(minutes[PLAN_BEGINNER] > minutes[PLAN_INTERMEDIATE]);
		assert_true(minutes[PLAN_INTERMEDIATE] > minutes[PLAN_ADVANCED]);
		assert_true(reviews[PLAN_BEGINNER] > reviews[PLAN_INTERMEDIATE]);
		assert_true(reviews[PLAN_INTERMEDIATE] > reviews[PLAN_ADVANCED]);
	}
	arena_free(&arena);
}

static void
too_much_for_the_time_is_thinned_and_said(void **state)
{
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 200, 1, 5);
	struct schedule *schedule = make(arena, &request);

	(void)state;
	check(&request, schedule);
	assert_int_equal(schedule->item_count, 1);
	assert_string_equal(schedule->items[0].title, "Study: Chapters 1–200");
	assert_true(warns(schedule, "reduced_depth"));
	assert_true(warns(schedule, "topics_combined"));
	assert_true(warns(schedule, "no_test"));

	request = typical(arena, 60, 28, 60);
	schedule = make(arena, &request);
	check(&request, schedule);
	assert_true(warns(schedule, "reduced_depth") || warns(schedule, "fewer_reviews"));
	assert_false(warns(schedule, "topics_combined"));

	request = typical(arena, 10, 28, 60);
	assert_int_equal(make(arena, &request)->warning_count, 0);
	arena_free(&arena);
}

static void
one_topic_fills_a_year(void **state)
{
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 1, 366, 60);
	struct schedule *schedule = make(arena, &request);
	int minutes = 0;
	int32_t last_review = request.start_day;

	(void)state;
	check(&request, schedule);
	for (size_t i = 0; i < schedule->item_count; i++) {
		minutes += schedule->items[i].minutes;
		if (schedule->items[i].kind == PLAN_REVIEW) {
			assert_true(schedule->items[i].day - last_review <= 14);
			last_review = schedule->items[i].day;
		}
	}
	assert_true(minutes > 366 * 60 * 8 / 10);
	assert_int_equal(schedule->warning_count, 0);
	arena_free(&arena);
}

static void
long_names_are_cut_between_code_points(void **state)
{
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 3, 14, 30);
	char *name = arena_alloc(arena, 601);
	const char *topics[3] = {name, "짧은 이름", name};

	(void)state;
	for (int i = 0; i < 200; i++)
		memcpy(name + 3 * i, "가", 3);
	request.topics = topics;
	check(&request, make(arena, &request));
	request.locale = PLAN_KO;
	check(&request, make(arena, &request));
	arena_free(&arena);
}

static void
only_a_plan_without_study_days_is_refused(void **state)
{
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 3, 2, 30);
	struct schedule *schedule;

	(void)state;
	request.rest_days = PLAN_REST_DAY(MON) | PLAN_REST_DAY(TUE);
	assert_int_equal(schedule_make(arena, &request, &schedule), STATUS_VALIDATION);
	request.rest_days = PLAN_REST_DAY(MON);
	check(&request, make(arena, &request));
	request.has_exam = true;
	request.exam_day = request.start_day + 1;
	assert_int_equal(schedule_make(arena, &request, &schedule), STATUS_VALIDATION);
	request.rest_days = 0;
	check(&request, make(arena, &request));
	request.exam_day = request.start_day;
	assert_int_equal(schedule_make(arena, &request, &schedule), STATUS_VALIDATION);
	request.has_exam = false;
	request.today = request.end_day + 1;
	assert_int_equal(schedule_make(arena, &request, &schedule), STATUS_VALIDATION);
	request.today = request.end_day;
	assert_int_equal(make(arena, &request)->items[0].day, request.end_day);
	request.minutes_per_day = 4;
	assert_int_equal(schedule_make(arena, &request, &schedule), STATUS_VALIDATION);
	arena_free(&arena);
}

static void
topics_come_from_the_goal_when_none_are_given(void **state)
{
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 0, 28, 60);

	(void)state;
	request.goal = "대수, 기하, 미적분";
	request.locale = PLAN_KO;
	struct schedule *schedule = make(arena, &request);

	assert_int_equal(schedule->topic_count, 3);
	assert_string_equal(schedule->topics[1], "기하");
	check(&request, schedule);
	request.goal = NULL;
	assert_true(make(arena, &request)->topic_count >= 1);
	arena_free(&arena);
}

/* Combined topics: every item slot of the day is used, and a title tells which topics it is about,
 * by their names, shortened ones, or the first and the last. */
static void
titles_of_combined_topics_tell_which(void **state)
{
	static const char *const words[] = {"photosynthesis", "linear maps", "entropy",
	                                    "supply and demand", "recursion"};
	const char *topics[200];
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 200, 1, 960);

	(void)state;
	for (int i = 0; i < 200; i++)
		topics[i] = arena_printf(arena, "%s, %s %c%c", words[i % 5], words[i / 5 % 5],
		                         'a' + i % 26, 'a' + i / 26);
	request.topics = topics;
	struct schedule *schedule = make(arena, &request);

	check(&request, schedule);
	assert_int_equal(schedule->item_count, PLAN_MAX_ITEMS);
	for (size_t i = 0; i + 1 < schedule->item_count; i++) {
		const struct schedule_item *item = &schedule->items[i];
		const char *last = topics[item->first_topic + item->topic_count - 1];

		assert_int_equal(item->kind, PLAN_STUDY);
		assert_non_null(
		    strstr(item->title, arena_strndup(arena, topics[item->first_topic], 11)));
		assert_non_null(strstr(item->title, arena_strndup(arena, last, 11)));
		assert_true(text_length(item->title) > 150);
	}
	/* Cut short, these would all look the same. */
	for (int i = 0; i < 200; i++)
		topics[i] = arena_printf(arena, "Introduction to chemistry, chapter %c%c",
		                         'a' + i % 26, 'a' + i / 26);
	schedule = make(arena, &request);
	assert_non_null(strstr(schedule->items[0].title, topics[0]));
	assert_non_null(strstr(schedule->items[0].title, topics[9]));
	assert_non_null(strstr(schedule->items[0].title, " (10 topics)"));
	request.minutes_per_day = 5;
	schedule = make(arena, &request);
	check(&request, schedule);
	assert_int_equal(schedule->item_count, 1);
	for (int i = 0; i < 3; i++)
		assert_non_null(strstr(schedule->items[0].title, topics[i]));
	assert_non_null(strstr(schedule->items[0].title, topics[199]));
	assert_non_null(strstr(schedule->items[0].title, " (200 topics)"));
	arena_free(&arena);
}

static bool
has_title(const struct schedule *schedule, const char *part)
{
	for (size_t i = 0; i < schedule->item_count; i++)
		if (strstr(schedule->items[i].title, part) != NULL)
			return true;
	return false;
}

static void
days_before_a_far_exam_are_said_to_be_unused(void **state)
{
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 12, 28, 60);

	(void)state;
	request.has_exam = true;
	request.exam_day = request.end_day + 34;
	struct schedule *schedule = make(arena, &request);

	check(&request, schedule);
	assert_int_equal(schedule->warning_count, 1);
	assert_string_equal(schedule->warnings[0].code, "unused_days");
	assert_non_null(strstr(schedule->warnings[0].detail, "33 days"));
	assert_false(has_title(schedule, "exam"));
	for (int days = -5; days <= 7; days++) {
		request.exam_day = request.end_day + days;
		schedule = make(arena, &request);
		check(&request, schedule);
		assert_false(warns(schedule, "unused_days"));
		assert_true(has_title(schedule, "Last check before the exam"));
	}
	arena_free(&arena);
}

static void
a_topic_given_twice_is_one(void **state)
{
	static const char *const topics[] = {"a", "a", "A", " a ", "Été", "été", "b\n", " "};
	struct arena *arena = arena_new(0);
	struct schedule_request request = typical(arena, 0, 14, 60);

	(void)state;
	request.topics = topics;
	request.topic_count = 8;
	struct schedule *schedule = make(arena, &request);

	assert_int_equal(schedule->topic_count, 3);
	assert_string_equal(schedule->topics[0], "a");
	assert_string_equal(schedule->topics[1], "Été");
	assert_string_equal(schedule->topics[2], "b");
	arena_free(&arena);
}

/* Making a plan does not yield. CPU time, the best of five, against several times what it takes
 * (8 ms at most on two slow cores); sanitizers take as long as they like. */
static void
the_largest_plans_do_not_stall_a_loop(void **state)
{
	static const int minutes[] = {5, 60, 960};
	const double limit_ms = FIXTURE_SLOW ? 1e9 : 50;
	struct arena *arena = arena_new(0);
	double worst = 0;

	(void)state;
	for (int i = 0; i < 18; i++) {
		double best = 1e9;

		for (int attempt = 0; attempt < 5; attempt++) {
			struct schedule_request request =
			    typical(arena, i % 2 ? 200 : 20, 366, minutes[i / 2 % 3]);
			clock_t start = clock();

			request.level = (enum plan_level)(i / 6);
			make(arena, &request);
			double ms = (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC;

			best = ms < best ? ms : best;
			arena_reset(arena);
		}
		worst = best > worst ? best : worst;
	}
	print_message("the largest plan took %.1f ms\n", worst);
	assert_true(worst < limit_ms);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(six_weeks_with_two_rest_days_read_like_a_teachers),
	    cmocka_unit_test(korean_titles_are_natural),
	    cmocka_unit_test(only_stages_of_the_same_name_are_numbered),
	    cmocka_unit_test(a_whole_topic_is_not_reviewed_up_to_somewhere),
	    cmocka_unit_test(a_beginner_gets_more_time_and_more_reviews),
	    cmocka_unit_test(too_much_for_the_time_is_thinned_and_said),
	    cmocka_unit_test(one_topic_fills_a_year),
	    cmocka_unit_test(long_names_are_cut_between_code_points),
	    cmocka_unit_test(only_a_plan_without_study_days_is_refused),
	    cmocka_unit_test(topics_come_from_the_goal_when_none_are_given),
	    cmocka_unit_test(days_before_a_far_exam_are_said_to_be_unused),
	    cmocka_unit_test(titles_of_combined_topics_tell_which),
	    cmocka_unit_test(a_topic_given_twice_is_one),
	    cmocka_unit_test(random_requests_keep_every_rule),
	    cmocka_unit_test(the_largest_plans_do_not_stall_a_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
