/* SPDX-License-Identifier: MIT
 * Typed and spoken turns mean what they say, in Korean and English; what is nothing of ours stays
 * unknown; the grammar speaks only phrases that the matcher understands. */
#include "services/voice/phrases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/obj.h"

struct phrases_case {
	const char *text;
	enum phrase_intent intent;
	int number;
};

static void
phrases_check(const struct phrases_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct phrase_match match;
		phrases_match(cases[i].text, &match);
		if (match.intent != cases[i].intent || match.number != cases[i].number)
			fail_msg("\"%s\": %s %d, not %s %d", cases[i].text,
			         phrases_intent_name(match.intent), match.number,
			         phrases_intent_name(cases[i].intent), cases[i].number);
	}
}

static void
test_english_turns(void **state)
{
	static const struct phrases_case cases[] = {
	    {"What should I study today?", PHRASE_TODAY, 0},
	    {"WHAT SHOULD I STUDY TODAY", PHRASE_TODAY, 0},
	    {"what shoud i stduy tody", PHRASE_TODAY, 0},
	    {"Please show me today's plan.", PHRASE_TODAY, 0},
	    {"what's late?", PHRASE_LATE, 0},
	    {"Did I miss anything", PHRASE_LATE, 0},
	    {"what\u2019s next", PHRASE_NEXT, 0},
	    {"what do I study tomorrow?", PHRASE_NEXT, 0},
	    {"I finished chapter five", PHRASE_DONE, 5},
	    {"I've finished the 12th chapter!", PHRASE_DONE, 12},
	    {"mark unit twenty one as done", PHRASE_DONE, 21},
	    {"chapter 7 is done", PHRASE_DONE, 7},
	    {"I am done with photosynthesis", PHRASE_DONE, 0},
	    {"I am done with world history", PHRASE_DONE, 0},
	    {"how am I doing", PHRASE_PROGRESS, 0},
	    {"How long until the exam?", PHRASE_EXAM, 0},
	    {"when is my test", PHRASE_EXAM, 0},
	    {"I'm so tired...", PHRASE_TIRED, 0},
	    {"I don't want to study", PHRASE_TIRED, 0},
	    {"say that again please", PHRASE_REPEAT, 0},
	    {"help", PHRASE_HELP, 0},
	    {"Thanks!", PHRASE_THANKS, 0},
	    {"hi", PHRASE_GREETING, 0},
	    {"Good morning", PHRASE_GREETING, 0},
	};
	(void)state;
	phrases_check(cases, COUNT_OF(cases));
}

static void
test_korean_turns(void **state)
{
	static const struct phrases_case cases[] = {
	    {"오늘 뭐 공부해야 해?", PHRASE_TODAY, 0},
	    {"오늘뭐공부해", PHRASE_TODAY, 0},
	    {"오늘 할 일 알려줘", PHRASE_TODAY, 0},
	    {"밀린 거 있어?", PHRASE_LATE, 0},
	    {"어제 못한 공부 알려줘", PHRASE_LATE, 0},
	    {"다음은 뭐야?", PHRASE_NEXT, 0},
	    {"내일 일정 알려줘", PHRASE_NEXT, 0},
	    {"5단원 끝냈어", PHRASE_DONE, 5},
	    {"제 3 장 다 했어요", PHRASE_DONE, 3},
	    {"십이단원 마쳤습니다", PHRASE_DONE, 12},
	    {"다섯 번째 단원 완료", PHRASE_DONE, 5},
	    {"챕터 7 다 읽었어", PHRASE_DONE, 7},
	    {"광합성 공부 끝났어", PHRASE_DONE, 0},
	    {"나 잘하고 있어?", PHRASE_PROGRESS, 0},
	    {"시험까지 며칠 남았어?", PHRASE_EXAM, 0},
	    {"시험 언제야", PHRASE_EXAM, 0},
	    {"나 너무 힘들어", PHRASE_TIRED, 0},
	    {"공부하기 싫다...", PHRASE_TIRED, 0},
	    {"다시 말해줘", PHRASE_REPEAT, 0},
	    {"뭘 물어볼 수 있어?", PHRASE_HELP, 0},
	    {"고마워!", PHRASE_THANKS, 0},
	    {"안녕하세요", PHRASE_GREETING, 0},
	};
	(void)state;
	phrases_check(cases, COUNT_OF(cases));
}

static void
test_other_talk_is_unknown(void **state)
{
	static const struct phrases_case cases[] = {
	    {"", PHRASE_UNKNOWN, 0},
	    {"...!?", PHRASE_UNKNOWN, 0},
	    {"What is the weather today?", PHRASE_UNKNOWN, 0},
	    {"how do I cook rice", PHRASE_UNKNOWN, 0},
	    {"turn off the lights in the kitchen", PHRASE_UNKNOWN, 0},
	    {"I did not finish", PHRASE_LATE, 0},
	    {"the capital of france is paris", PHRASE_UNKNOWN, 0},
	    {"오늘 점심 뭐 먹지", PHRASE_UNKNOWN, 0},
	    {"오늘 날씨 어때", PHRASE_UNKNOWN, 0},
	    {"음악 틀어줘", PHRASE_UNKNOWN, 0},
	};
	(void)state;
	phrases_check(cases, COUNT_OF(cases));
}

static void
test_numbers(void **state)
{
	static const struct phrases_case cases[] = {
	    {"chapter ninety nine", 0, 99},
	    {"chapter 0", 0, 0},
	    {"chapter 200", 0, 0},
	    {"chapter 99999999999", 0, 0},
	    {"the first unit", 0, 1},
	    {"이십삼단원", 0, 23},
	    {"오늘 일과", 0, 0},
	    {"이 장은 어려워", 0, 0},
	    {"십단원", 0, 10},
	    {"제오장", 0, 5},
	    {"세 번째 챕터", 0, 3},
	    {"lesson 5b", 0, 5},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char said[PHRASE_SAID_MAX];
		phrases_normalize(cases[i].text, said);
		if (phrases_number(said) != cases[i].number)
			fail_msg("\"%s\": %d", cases[i].text, phrases_number(said));
	}
}

static void
test_titles_that_were_meant(void **state)
{
	static const struct {
		const char *text, *title;
		bool named;
	} cases[] = {
	    {"I finished chapter five", "Chapter 5: Waves", true},
	    {"I finished chapter five", "Chapter 15: Optics", false},
	    {"I finished chapter five", "5단원 복습", true},
	    {"I finished waves", "Review: Waves", true},
	    {"I finished waves", "Wave functions", false},
	    {"I finished cell biology", "Cell biology", true},
	    {"I finished the test", "Review: test", false},
	    {"5단원 끝냈어", "Chapter 5", true},
	    {"광합성 다 했어", "광합성", true},
	    {"광합성다했어", "광합성 복습", true},
	    {"광합성 다 했어", "세포 호흡", false},
	    {"끝냈어", "1단원", false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct phrase_match match;
		phrases_match(cases[i].text, &match);
		if (phrases_names(&match, cases[i].title) != cases[i].named)
			fail_msg("\"%s\" and \"%s\"", cases[i].text, cases[i].title);
	}
}

/* Input of any length and any bytes ends in a terminated text; the bytes need not be UTF-8. */
static void
test_any_bytes_are_taken(void **state)
{
	static char text[4096];
	uint32_t random = 3;
	(void)state;

	for (int round = 0; round < 2000; round++) {
		struct phrase_match match;
		for (size_t i = 0; i + 1 < sizeof(text); i++) {
			random = random * 1664525u + 1013904223u;
			text[i] = "ab' 5\x9e\xea\xb3"[random >> 29];
			if (round % 2 == 0)
				text[i] = (char)((random >> 24) | 1);
		}
		phrases_match(text, &match);
		assert_true(strlen(match.said) < PHRASE_SAID_MAX);
		phrases_names(&match, text + random % 4000);
	}
}

static bool
phrases_knows_cb(void *context, const char *word, size_t length)
{
	const char *unknown = context;

	return strlen(unknown) != length || memcmp(unknown, word, length) != 0;
}

/* A random sentence of a rule's right-hand side; returns where it stopped. */
static const char *phrases_speak(const char *at, const char *grammar, struct buf *out, bool aloud);

static void
phrases_speak_rule(const char *name, size_t length, const char *grammar, struct buf *out)
{
	char start[64];

	assert_true(length + 6 < sizeof(start));
	memcpy(start, "\n", 1);
	memcpy(start + 1, name, length);
	memcpy(start + 1 + length, " = ", 4);
	const char *rule = strstr(grammar, start);
	assert_non_null(rule);
	phrases_speak(rule + length + 4, grammar, out, true);
}

static const char *
phrases_skip(const char *at)
{
	for (int depth = 0; depth > 0 || strchr("|)];", *at) == NULL; at++)
		depth += (*at == '(' || *at == '[') - (*at == ')' || *at == ']');
	return at;
}

static unsigned
phrases_count(const char *at)
{
	unsigned count = 1;

	for (at = phrases_skip(at); *at == '|'; at = phrases_skip(at + 1))
		count++;
	return count;
}

static const char *
phrases_speak(const char *at, const char *grammar, struct buf *out, bool aloud)
{
	unsigned chosen = (unsigned)rand() % phrases_count(at);

	for (unsigned i = 0;; i++) {
		while (strchr("|)];", *at) == NULL) {
			bool now = aloud && i == chosen;
			size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz'");
			if (*at == '(' || *at == '[') {
				at = phrases_speak(at + 1, grammar, out,
				                   now && (*at == '(' || rand() % 2)) +
				     1;
			} else if (*at == '<') {
				length = strcspn(at, ">") + 1;
				if (now)
					phrases_speak_rule(at, length, grammar, out);
				at += length;
			} else if (length > 0) {
				if (now) {
					buf_append(out, at, length);
					buf_putc(out, ' ');
				}
				at += length;
			} else {
				at++;
			}
		}
		if (*at != '|')
			return at;
		at++;
	}
}

static void
test_whatever_the_grammar_says_is_understood(void **state)
{
	static const char *const topics[] = {"Chapter 5: Photosynthesis", "세포",
	                                     "Kinematics & waves", "World history"};
	struct buf grammar, sentence;
	char unknown[] = "kinematics";
	unsigned seen[PHRASE_INTENT_COUNT] = {0};
	(void)state;

	buf_init(&grammar, 0);
	buf_init(&sentence, 0);
	phrases_jsgf(&grammar, topics, COUNT_OF(topics), phrases_knows_cb, unknown);
	assert_false(buf_failed(&grammar));
	assert_null(strstr(grammar.bytes, unknown));
	assert_non_null(strstr(grammar.bytes, "<topic> = photosynthesis | waves | world history;"));
	for (int i = 0; i < 20000; i++) {
		struct phrase_match match;
		buf_clear(&sentence);
		phrases_speak_rule("<phrase>", 8, grammar.bytes, &sentence);
		phrases_match(sentence.bytes, &match);
		if (match.intent == PHRASE_UNKNOWN)
			fail_msg("%s", sentence.bytes);
		seen[match.intent]++;
	}
	for (int i = PHRASE_TODAY; i < PHRASE_INTENT_COUNT; i++)
		assert_true(seen[i] > 0);
	buf_fini(&grammar);
	buf_fini(&sentence);
}

static void
test_a_grammar_without_topics_has_no_topic_rule(void **state)
{
	static const char *const topics[] = {"", "; <evil> = x", "3", "<x> | [y] {z}"};
	struct buf grammar;
	char none[] = "";
	(void)state;

	buf_init(&grammar, 0);
	phrases_jsgf(&grammar, NULL, 0, phrases_knows_cb, none);
	assert_null(strstr(grammar.bytes, "topic"));
	buf_clear(&grammar);
	phrases_jsgf(&grammar, topics, COUNT_OF(topics), phrases_knows_cb, none);
	assert_non_null(strstr(grammar.bytes, "<topic> = evil x;"));
	assert_null(strstr(grammar.bytes, "<evil>"));
	assert_null(strchr(grammar.bytes, '{'));
	buf_fini(&grammar);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_english_turns),
	    cmocka_unit_test(test_korean_turns),
	    cmocka_unit_test(test_other_talk_is_unknown),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_titles_that_were_meant),
	    cmocka_unit_test(test_any_bytes_are_taken),
	    cmocka_unit_test(test_whatever_the_grammar_says_is_understood),
	    cmocka_unit_test(test_a_grammar_without_topics_has_no_topic_rule),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
