/* SPDX-License-Identifier: MIT
 * What the planner reads out of goals in people's own words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/text.h"
#include "services/planner/builtin/goal.h"

#define RANDOM_GOALS 20000

/* The topics in one line, joined by '|'. */
static const char *
topics_of(struct arena *arena, const char *goal)
{
	struct goal_topics found;
	const char *line = "";

	assert_int_equal(goal_topics(arena, goal, goal_language(goal), &found), STATUS_OK);
	assert_in_range(found.count, 1, PLAN_MAX_TOPICS);
	for (size_t i = 0; i < found.count; i++)
		line = arena_printf(arena, "%s%s%s", line, i > 0 ? "|" : "", found.topic[i]);
	return line;
}

static void
expect(const char *const (*cases)[2], size_t count)
{
	struct arena *arena = arena_new(0);

	for (size_t i = 0; i < count; i++)
		assert_string_equal(topics_of(arena, cases[i][0]), cases[i][1]);
	arena_free(&arena);
}

#define EXPECT(cases) expect(cases, sizeof(cases) / sizeof(cases[0]))

static void
lists_are_split_at_commas_lines_bullets_and_words(void **state)
{
	static const char *const cases[][2] = {
	    {"algebra, geometry and calculus", "algebra|geometry|calculus"},
	    {"algebra, geometry, and calculus", "algebra|geometry|calculus"},
	    {"대수, 기하, 미적분", "대수|기하|미적분"},
	    {"A와 B", "A|B"},
	    {"A 및 B", "A|B"},
	    {"국어·영어·수학", "국어|영어|수학"},
	    {"Algebra\nGeometry\nCalculus", "Algebra|Geometry|Calculus"},
	    {"algebra; geometry; calculus", "algebra|geometry|calculus"},
	    {"- Algebra\n- Geometry: circles, lines\n- Calculus",
	     "Algebra|Geometry: circles, lines|Calculus"},
	    {"My plan\n1. 함수\n2. 극한\n3. 미분", "함수|극한|미분"},
	    {"• 함수\n• 극한", "함수|극한"},
	    {"SAT math (algebra, geometry; statistics)", "algebra|geometry|statistics"},
	    {"algebra (linear, quadratic), geometry", "algebra (linear, quadratic)|geometry"},
	    {"History: WWI, WWII; Cold War", "WWI|WWII|Cold War"},
	    {"Week 1: algebra\nWeek 2: geometry", "Week 1: algebra|Week 2: geometry"},
	    {"algebra, Algebra, geometry", "algebra|geometry"},
	    /* How long is no topic, in digits or in words. */
	    {"algebra, geometry, 2 hours a day", "algebra|geometry"},
	    {"algebra, geometry, two hours a day", "algebra|geometry"},
	    {"algebra, half an hour every evening, geometry", "algebra|geometry"},
	    {"Seven Years in Tibet, One Hundred Years of Solitude",
	     "Seven Years in Tibet|One Hundred Years of Solitude"},
	};

	(void)state;
	EXPECT(cases);
}

static void
titles_stay_whole(void **state)
{
	static const char *const cases[][2] = {
	    {"Read War and Peace, Hamlet", "Read War and Peace|Hamlet"},
	    {"I want to read Crime and Punishment, then Emma", "read Crime and Punishment|Emma"},
	    {"finish reading Romeo and Juliet; the novel Pride and Prejudice",
	     "reading Romeo and Juliet|novel Pride and Prejudice"},
	    {"\"War and Peace\", \"Romeo and Juliet\"", "War and Peace|Romeo and Juliet"},
	    {"Read \"War and Peace\" and \"The Lion, the Witch and the Wardrobe\" by June",
	     "War and Peace|The Lion, the Witch and the Wardrobe"},
	    {"cell \"walls\" today and \"Step by Step\"", "cell \"walls\" today|Step by Step"},
	    {"“Crime and Punishment” and “Emma”", "Crime and Punishment|Emma"},
	    {"『죄와 벌』, 「전쟁과 평화」", "죄와 벌|전쟁과 평화"},
	    /* Topics are none. */
	    {"Algebra and Geometry", "Algebra|Geometry"},
	    {"algebra and geometry", "algebra|geometry"},
	    {"Study Algebra and Geometry", "Algebra|Geometry"},
	    {"Reading Comprehension and Writing", "Reading Comprehension|Writing"},
	    {"Read about Rome and Greece", "Read about Rome|Greece"},
	    {"Read Biology notes and Chemistry notes", "Read Biology notes|Chemistry notes"},
	    {"Read Chapter 1 and Chapter 2", "Chapter 1|Chapter 2"},
	    {"27\" monitors and 32\" monitors", "27\" monitors|32\" monitors"},
	};

	(void)state;
	EXPECT(cases);
}

static void
particles_split_only_where_they_are_particles(void **state)
{
	static const char *const cases[][2] = {
	    {"수요와 공급, 시장 균형", "수요|공급|시장 균형"},
	    {"사과 재배와 포도 재배", "사과 재배|포도 재배"},
	    {"확률과 기하", "확률|기하"},
	    {"문과 수학, 이과 수학", "문과 수학|이과 수학"},
	};

	(void)state;
	EXPECT(cases);
}

static void
ranges_name_every_number(void **state)
{
	static const char *const cases[][2] = {
	    {"Chapter 3 to 7", "Chapter 3|Chapter 4|Chapter 5|Chapter 6|Chapter 7"},
	    {"chapters 1-3", "Chapter 1|Chapter 2|Chapter 3"},
	    {"units 1–3", "Unit 1|Unit 2|Unit 3"},
	    {"chapter 3 through chapter 4", "Chapter 3|Chapter 4"},
	    {"1~3단원", "1단원|2단원|3단원"},
	    {"1장부터 3장까지", "1장|2장|3장"},
	    {"제1장~제3장", "1장|2장|3장"},
	    {"3과~5과", "3과|4과|5과"},
	    {"챕터 1-2", "챕터 1|챕터 2"},
	    {"Read 3 chapters of the book", "Chapter 1|Chapter 2|Chapter 3"},
	    {"수학 3개 단원 끝내기", "1단원|2단원|3단원"},
	    {"Learn biology chapters 1, 3 and 5-6", "Chapter 1|Chapter 3|Chapter 5|Chapter 6"},
	    {"chapter 5", "Chapter 5"},
	    {"물리학 1단원부터 2단원, 화학 1단원부터 2단원",
	     "물리학 1단원|물리학 2단원|화학 1단원|화학 2단원"},
	    {"RC 파트 5~6, LC 파트 1~2", "RC 파트 5|RC 파트 6|LC 파트 1|LC 파트 2"},
	    {"Biology chapters 1-2 and chemistry chapter 3",
	     "Biology Chapter 1|Biology Chapter 2|chemistry Chapter 3"},
	    {"Biology chapters 1-2 and chapter 4", "Chapter 1|Chapter 2|Chapter 4"},
	    {"pages 1-25", "Pages 1–10|Pages 11–20|Pages 21–25"},
	    {"영어 단어 1~20번", "1~10번|11~20번"},
	};

	(void)state;
	EXPECT(cases);
}

static void
the_spelling_of_a_range_does_not_matter(void **state)
{
	static const char *const cases[][2] = {
	    {"ch. 1-3", "Chapter 1|Chapter 2|Chapter 3"},
	    {"ch 1-3", "Chapter 1|Chapter 2|Chapter 3"},
	    {"ch1~ch3", "Chapter 1|Chapter 2|Chapter 3"},
	    {"Bach 1-3", "Bach 1-3: foundations|Bach 1-3: core concepts|Bach 1-3: practice|"
	                 "Bach 1-3: application"},
	    {"chapters１－３", "Chapter 1|Chapter 2|Chapter 3"},
	    {"１～３단원", "1단원|2단원|3단원"},
	    {"chapters 1‐3", "Chapter 1|Chapter 2|Chapter 3"},
	    {"chapters 1‑3", "Chapter 1|Chapter 2|Chapter 3"},
	    {"chapters 1−3", "Chapter 1|Chapter 2|Chapter 3"},
	    {"chapters 3-1", "Chapter 1|Chapter 2|Chapter 3"},
	    {"3~1단원", "1단원|2단원|3단원"},
	    {"실기 1~3과목", "1과목|2과목|3과목"},
	    {"필기 1~2과목, 실기 1~2과목", "필기 1과목|필기 2과목|실기 1과목|실기 2과목"},
	    {"①②③ 단원", "1단원|2단원|3단원"},
	    {"수학 ①, ②단원", "1단원|2단원"},
	    {"① 세포 ② 유전 ③ 진화", "세포|유전|진화"},
	    {"1. 세포 2. 유전 3. 진화", "세포|유전|진화"},
	    {"Biology 1) cells 2) genes", "cells|genes"},
	    {"Learn 1. FC rules", "1. FC rules: foundations|1. FC rules: core concepts|"
	                          "1. FC rules: practice|1. FC rules: application"},
	};

	(void)state;
	EXPECT(cases);
}

static void
what_is_to_be_left_away_is_no_topic(void **state)
{
	static const char *const cases[][2] = {
	    {"biology chapters 1 - 5 (skip 4)", "Chapter 1|Chapter 2|Chapter 3|Chapter 5"},
	    {"chapters 1-5 except 4", "Chapter 1|Chapter 2|Chapter 3|Chapter 5"},
	    {"chapters 1-5 except chapters 2 and 4", "Chapter 1|Chapter 3|Chapter 5"},
	    {"Chapters 1-6, excluding 2-4", "Chapter 1|Chapter 5|Chapter 6"},
	    {"1~4단원 (3단원 제외)", "1단원|2단원|4단원"},
	    {"수학 1~4단원 중 2, 3단원은 제외하고 공부", "1단원|4단원"},
	    {"1~4단원, 3단원 빼고", "1단원|2단원|4단원"},
	    {"chapter 4 except 4", "Chapter 4"},
	    {"chapters 1-2 without 3D graphics", "Chapter 1|Chapter 2"},
	};

	(void)state;
	EXPECT(cases);
}

static void
ranges_are_bounded_and_complete(void **state)
{
	struct arena *arena = arena_new(0);
	struct goal_topics found;

	(void)state;
	assert_int_equal(goal_topics(arena, "chapters 1-12", PLAN_EN, &found), STATUS_OK);
	assert_int_equal(found.count, 12);
	assert_int_equal(goal_topics(arena, "chapters 1-200", PLAN_EN, &found), STATUS_OK);
	assert_int_equal(found.count, 200);
	assert_string_equal(found.topic[199], "Chapter 200");
	assert_int_equal(goal_topics(arena, "chapters 1-999999999", PLAN_EN, &found), STATUS_OK);
	assert_in_range(found.count, 1, 200);
	assert_non_null(strstr(found.topic[found.count - 1], "999999999"));
	assert_int_equal(goal_topics(arena, "1~99999999999999999999단원", PLAN_KO, &found),
	                 STATUS_OK);
	assert_in_range(found.count, 1, 200);
	arena_free(&arena);
}

static void
the_words_around_are_left_away(void **state)
{
	static const char *const cases[][2] = {
	    {"I want to learn algebra, geometry and calculus by June", "algebra|geometry|calculus"},
	    {"Learn Python, then pandas and NumPy", "Python|pandas|NumPy"},
	    {"대수와 기하와 미적분을 6주 안에 끝내고 싶어요", "대수|기하|미적분"},
	    {"중간고사 대비 수학: 대수, 기하, 미적분", "대수|기하|미적분"},
	    {"매일 2시간, 수학, 영어", "수학|영어"},
	    {"6주 동안 대수, 기하", "대수|기하"},
	};

	(void)state;
	EXPECT(cases);
}

static void
a_goal_without_a_list_gets_phases(void **state)
{
	static const char *const cases[][2] = {
	    {"Pass the TOEIC in 8 weeks",
	     "TOEIC: foundations|TOEIC: core concepts|TOEIC: practice|TOEIC: application"},
	    {"토익 900점", "토익 900점 기초 다지기|토익 900점 핵심 개념|토익 900점 문제 연습|토익 "
	                   "900점 실전 응용"},
	    {"I have an exam in June, and I'm bad at math",
	     "math: foundations|math: core concepts|math: practice|math: application"},
	    {"", "Foundations|Core concepts|Practice|Application"},
	    {"???", "Foundations|Core concepts|Practice|Application"},
	};
	struct arena *arena = arena_new(0);
	struct goal_topics found;

	(void)state;
	EXPECT(cases);
	assert_int_equal(goal_topics(arena, NULL, PLAN_KO, &found), STATUS_OK);
	assert_string_equal(found.topic[0], "기초 다지기");
	arena_free(&arena);
}

static void
the_subject_is_guessed(void **state)
{
	static const char *const cases[][2] = {
	    {"Pass the TOEIC in 8 weeks", "TOEIC"},
	    {"중간고사 대비 수학: 대수, 기하", "수학"},
	    {"master linear algebra", "linear algebra"},
	    {"물리학 1단원", "물리학"},
	    {"watch satellites", "watch satellites"},
	    {"chapters 1-12", ""},
	    {"", ""},
	};
	struct arena *arena = arena_new(0);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(goal_subject(arena, cases[i][0]), cases[i][1]);
	assert_string_equal(goal_subject(arena, NULL), "");
	arena_free(&arena);
}

static void
any_hangul_makes_a_text_korean(void **state)
{
	(void)state;
	assert_int_equal(goal_language("TOEIC 준비"), PLAN_KO);
	assert_int_equal(goal_language("algebra"), PLAN_EN);
	assert_int_equal(goal_language("数学 — 日本語"), PLAN_EN);
	assert_int_equal(goal_language(""), PLAN_EN);
}

/* Whatever people write: 1..200 topics of 1..200 code points of valid UTF-8. */
static void
random_goals_give_valid_topics(void **state)
{
	static const char *const pieces[] = {
	    "chapter", "s ",      "1",          "12",    "-",         "~",       " ",    ", ",
	    "\n",      "- ",      "단원",       "장",    "부터",      "까지",    "과 ",  "와 ",
	    "를 ",     "을 ",     "(",          ")",     ": ",        "algebra", "수학", "제",
	    "개 ",     "and ",    "I want to ", "•",     "999999999", "pages ",  "①",    "😀",
	    "é",       "except ", "②",          " 제외", "１",        "－",      "‐",    ".",
	    "'",       "“",       "동안 ",      " 공부", "to ",       "；"};
	struct arena *arena = arena_new(0);
	uint64_t seed = 42;

	(void)state;
	for (int n = 0; n < RANDOM_GOALS; n++, arena_reset(arena)) {
		char goal[512] = "";
		struct goal_topics found;

		for (int i = 0; i < 24; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			strcat(goal, pieces[(seed >> 33) % (sizeof(pieces) / sizeof(pieces[0]))]);
		}
		assert_int_equal(goal_topics(arena, goal, n % 2, &found), STATUS_OK);
		assert_in_range(found.count, 1, PLAN_MAX_TOPICS);
		for (size_t i = 0; i < found.count; i++) {
			assert_true(text_valid(found.topic[i], strlen(found.topic[i])));
			assert_in_range(text_length(found.topic[i]), 1, PLAN_MAX_TEXT);
		}
		char *subject = goal_subject(arena, goal);

		assert_true(text_valid(subject, strlen(subject)));
		assert_true(text_length(subject) <= 60);
	}
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lists_are_split_at_commas_lines_bullets_and_words),
	    cmocka_unit_test(titles_stay_whole),
	    cmocka_unit_test(particles_split_only_where_they_are_particles),
	    cmocka_unit_test(ranges_name_every_number),
	    cmocka_unit_test(the_spelling_of_a_range_does_not_matter),
	    cmocka_unit_test(what_is_to_be_left_away_is_no_topic),
	    cmocka_unit_test(ranges_are_bounded_and_complete),
	    cmocka_unit_test(the_words_around_are_left_away),
	    cmocka_unit_test(a_goal_without_a_list_gets_phases),
	    cmocka_unit_test(the_subject_is_guessed),
	    cmocka_unit_test(any_hangul_makes_a_text_korean),
	    cmocka_unit_test(random_goals_give_valid_topics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
