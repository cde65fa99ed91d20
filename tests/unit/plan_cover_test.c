/* SPDX-License-Identifier: MIT
 * plan_cover: names in titles are found as people would find them, and not where they are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/base/arena.h"
#include "services/planner/ai/plan_cover.h"

static struct arena *arena;

static void
expect(const char *title, const char *topic, bool covered)
{
	if (plan_covers(arena, title, topic) != covered)
		fail_msg("'%s' %s '%s'", title, covered ? "does not cover" : "covers", topic);
}

static void
test_names(void **state)
{
	(void)state;
	expect("Cells", "Cells", true);
	expect("Study: CELLS and tissue", "cells", true);
	expect("Cell biology: practice", "Cell biology", true);
	expect("Cells: overview", "Cell", true);
	expect("Excellent work", "Cell", false);
	expect("Photosynthesis (light reactions)", "Photosynthesis - light reactions", true);
	expect("The light reactions of photosynthesis", "Photosynthesis: light reactions", true);
	expect("Light reactions", "Photosynthesis: light reactions", false);
	expect("Genes", "Cells", false);
	expect("", "Cells", false);
	expect("Intro to C", "C", true);
	expect("Cells", "C", false);
	expect("Learn Go now", "Go", true);
	expect("Good morning", "Go", false);
	expect("C++ templates", "C++", true);
	expect("\xc3\x89tudes", "\xc3\xa9tudes", true);
	expect("anything", "???", true);
}

static void
test_korean(void **state)
{
	(void)state;
	expect("광합성을 복습하기", "광합성", true);
	expect("광합성의 원리: 명반응", "광합성의 원리", true);
	expect("세포 호흡", "광합성", false);
	expect("1~3단원 정리", "2단원", true);
	expect("1~3단원 정리", "4단원", false);
	expect("12단원", "2단원", false);
	expect("12단원", "1단원", false);
	expect("제3장 세포", "제3장", true);
}

static void
test_numbers(void **state)
{
	(void)state;
	expect("Chapter 1", "Chapter 1", true);
	expect("Chapter 12", "Chapter 1", false);
	expect("Chapters 3-5: summary", "Chapter 4", true);
	expect("Chapters 3\xe2\x80\x93"
	       "5",
	       "Chapter 5", true);
	expect("Chapters 3, 4 and 9", "Chapter 9", true);
	expect("Chapters 3, 4 and 9", "Chapter 5", false);
	expect("Unit 4", "Chapter 4", false);
	expect("Chapters", "Chapter 4", false);
	expect("3 exercises", "4", false);
	expect("Chapters 1-99999999999999999999", "Chapter 7", true);
}

static void
test_plan(void **state)
{
	static const char *const topics[] = {"Cells", "Genes", "Chapter 3"};
	struct plan_cover *cover = plan_cover_new(arena, topics, 3);

	(void)state;
	assert_non_null(cover);
	assert_int_equal(plan_cover_missing(cover), 3);
	assert_true(plan_cover_add(cover, "Genes, and more"));
	assert_true(plan_cover_add(cover, "Genes again"));
	assert_int_equal(plan_cover_missing(cover), 2);
	assert_false(plan_cover_has(cover, 0));
	assert_true(plan_cover_has(cover, 1));
	assert_true(plan_cover_add(cover, "Chapters 2-4 / cells"));
	assert_int_equal(plan_cover_missing(cover), 0);
	assert_int_equal(plan_cover_missing(plan_cover_new(arena, NULL, 0)), 0);
}

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(0);
	return arena != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_korean),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_plan),
	};

	return cmocka_run_group_tests_name("plan_cover", tests, setup, teardown);
}
