/* SPDX-License-Identifier: MIT
 * What the tutor answers names the learner's own items, minutes and days, in both languages. */
#include "services/voice/tutor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/obj.h"
#include "common/base/text.h"

static const struct tutor_item tutor_due[] = {
    {"Chapter 4: Waves", 30, "study", false},
    {"Chapter 5: Optics", 45, "review", false},
    {"Chapter 3", 20, "test", true},
};
static const struct tutor_item tutor_late_items[] = {{"Chapter 2", 25, "study", false}};
static const struct tutor_item tutor_next_items[] = {{"Chapter 6", 1, NULL, false}};

static struct tutor_context
tutor_context_of(const char *locale)
{
	return (struct tutor_context){
	    .locale = locale,
	    .name = "Mina",
	    .today = "2026-05-04",
	    .due = {tutor_due, COUNT_OF(tutor_due)},
	    .late = {tutor_late_items, COUNT_OF(tutor_late_items)},
	    .next = {tutor_next_items, COUNT_OF(tutor_next_items)},
	    .next_date = "2026-05-07",
	    .exam_date = "2026-06-01",
	    .minutes_this_week = 135,
	    .streak_days = 6,
	};
}

/* The reply to `text`; to be freed. */
static char *
tutor_ask(const struct tutor_context *context, const char *text)
{
	struct phrase_match match;
	struct buf out;

	buf_init(&out, 0);
	phrases_match(text, &match);
	tutor_reply(context, &match, &out);
	assert_false(buf_failed(&out));
	return buf_take(&out, NULL);
}

static void
tutor_expect(const struct tutor_context *context, const char *text, const char *reply)
{
	char *said = tutor_ask(context, text);

	assert_non_null(said);
	assert_string_equal(said, reply);
	free(said);
}

static void
test_english_replies(void **state)
{
	struct tutor_context context = tutor_context_of("en");
	(void)state;

	tutor_expect(
	    &context, "what should I study today",
	    "Today: Chapter 4: Waves for 30 minutes and Chapter 5: Optics as a review for 45 "
	    "minutes. That is 1 hour and 15 minutes in all. 1 item from before is still "
	    "waiting.");
	tutor_expect(&context, "what is late",
	             "Still waiting from before: Chapter 2 for 25 minutes. You can do one of them "
	             "today, or move them with replan.");
	tutor_expect(&context, "what is next", "Next, on Thursday, comes Chapter 6 for 1 minute.");
	tutor_expect(&context, "how am I doing",
	             "This week you have studied 2 hours and 15 minutes. You have kept at it for 6 "
	             "days in a "
	             "row. Today 1 of 3 are done. 1 item from before is still waiting.");
	tutor_expect(&context, "how long until the exam",
	             "Your exam is in 28 days. 1 item from before is still waiting.");
	tutor_expect(&context, "I am tired",
	             "That is all right. Take a short break. You have kept at it for 6 days in a "
	             "row. Then try just Chapter 4: Waves for 30 minutes. Small steps count too.");
}

static void
test_korean_replies(void **state)
{
	struct tutor_context context = tutor_context_of("ko");
	(void)state;

	tutor_expect(&context, "오늘 뭐 공부해야 해?",
	             "오늘은 Chapter 4: Waves 30분, Chapter 5: Optics 복습 45분입니다. 모두 1시간 "
	             "15분이에요. 밀린 항목도 1개 있어요.");
	tutor_expect(&context, "다음은 뭐야?", "다음은 목요일에 Chapter 6 1분입니다.");
	tutor_expect(&context, "시험까지 며칠 남았어?",
	             "시험까지 28일 남았어요. 밀린 항목도 1개 있어요.");
	tutor_expect(&context, "5단원 끝냈어",
	             "잘했어요! Chapter 5: Optics 항목을 말씀하시는 것 같아요. 계획에서 완료로 "
	             "표시해 주세요.");
}

static void
test_finished_items_are_found(void **state)
{
	struct tutor_context context = tutor_context_of("en");
	(void)state;

	tutor_expect(
	    &context, "I finished chapter five",
	    "Well done! I take it you mean Chapter 5: Optics. Tick it off in your plan so that "
	    "it counts.");
	tutor_expect(
	    &context, "I finished waves",
	    "Well done! I take it you mean Chapter 4: Waves. Tick it off in your plan so that "
	    "it counts.");
	tutor_expect(&context, "chapter three is done",
	             "Well done! Chapter 3 is already ticked off.");
	tutor_expect(&context, "I finished chapter two",
	             "Well done! I take it you mean Chapter 2. Tick it off in your plan so that it "
	             "counts.");
	tutor_expect(
	    &context, "I finished chapter nine",
	    "Well done! I don't find number 9 in your plan for these days. If it is planned, "
	    "tick it off there.");
}

static void
test_nothing_planned_and_all_done(void **state)
{
	struct tutor_item done[] = {{"Chapter 1", 10, "study", true}};
	struct tutor_context context = {.locale = "en", .today = "2026-05-04"};
	(void)state;

	tutor_expect(
	    &context, "what should I study today",
	    "Nothing is planned for today, so rest or catch up. Nothing more is planned after "
	    "today.");
	tutor_expect(&context, "what is late", "Nothing is late. You are on schedule.");
	tutor_expect(&context, "when is my exam", "Your plan has no exam date.");
	context.due = (struct tutor_items){done, 1};
	context.next = (struct tutor_items){tutor_next_items, 1};
	context.next_date = "2026-05-05";
	tutor_expect(
	    &context, "what should I study today",
	    "You have done everything for today. Well done! Next, tomorrow, comes Chapter 6 for "
	    "1 minute.");
}

static void
test_exam_days(void **state)
{
	static const char *const cases[][2] = {
	    {"2026-05-04", "Your exam is today. Good luck!"},
	    {"2026-05-05", "Your exam is in 1 day."},
	    {"2026-05-03", "Your exam is over. I hope it went well!"},
	    {"2026-02-30", "Your plan has no exam date."}};
	struct tutor_context context = {.locale = "en", .today = "2026-05-04"};
	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		context.exam_date = cases[i][0];
		tutor_expect(&context, "when is my exam", cases[i][1]);
	}
}

static void
test_unknown_turns_get_a_hint_and_repeats_the_last_reply(void **state)
{
	struct tutor_context context = tutor_context_of("ko");
	char *said = tutor_ask(&context, "음악 틀어줘");
	(void)state;

	assert_non_null(strstr(said, "오늘 뭐 공부해야 해?"));
	free(said);
	context.last_reply = "밀린 공부가 없어요.";
	tutor_expect(&context, "다시 말해줘", "밀린 공부가 없어요.");
	said = tutor_ask(&context, "안녕");
	assert_int_equal(strncmp(said, "안녕하세요, Mina 님! 오늘은", 32), 0);
	free(said);
}

/* Many items with endless titles: counted, not read out, and never cut inside a character. */
static void
test_replies_stay_short(void **state)
{
	static char title[4000];
	struct tutor_item items[20];
	struct tutor_context context = {.locale = "ko", .today = "2026-05-04"};
	(void)state;

	for (size_t i = 0; i + 4 < sizeof(title); i += 3)
		memcpy(title + i, "가", 4);
	for (size_t i = 0; i < COUNT_OF(items); i++)
		items[i] = (struct tutor_item){title, 90, "study", false};
	context.due = (struct tutor_items){items, COUNT_OF(items)};
	context.last_reply = title;
	char *said = tutor_ask(&context, "오늘 뭐 해야 해");
	assert_non_null(strstr(said, "외 16개"));
	assert_true(strlen(said) <= TUTOR_REPLY_MAX);
	free(said);
	said = tutor_ask(&context, "다시 말해줘");
	assert_true(strlen(said) <= TUTOR_REPLY_MAX && strlen(said) > TUTOR_REPLY_MAX - 4);
	assert_true(text_valid(said, strlen(said)));
	free(said);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_english_replies),
	    cmocka_unit_test(test_korean_replies),
	    cmocka_unit_test(test_finished_items_are_found),
	    cmocka_unit_test(test_nothing_planned_and_all_done),
	    cmocka_unit_test(test_exam_days),
	    cmocka_unit_test(test_unknown_turns_get_a_hint_and_repeats_the_last_reply),
	    cmocka_unit_test(test_replies_stay_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
