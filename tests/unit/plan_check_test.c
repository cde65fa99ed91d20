/* SPDX-License-Identifier: MIT
 * plan_check: good days pass, careless ones are mended, wrong ones named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/date.h"
#include "common/base/text.h"
#include "services/planner/ai/plan_check.h"

#include <stdio.h>
#include <string.h>

static struct arena *arena;
static struct plan_day day;
static int32_t days[4];
static struct plan_rules rules = {.days = days, .day_count = 4, .minutes_per_day = 60};

/* Single quotes stand for double ones. */
static enum plan_problem
check(const char *text)
{
	char *copy = arena_strdup(arena, text);

	for (char *at = copy; *at != '\0'; at++)
		if (*at == '\'')
			*at = '"';
	return plan_check_day(arena, &rules, copy, strlen(copy), &day);
}

static void
expect(const char *text, enum plan_problem problem)
{
	enum plan_problem found = check(text);

	if (found != problem)
		fail_msg("%s: %s", text, plan_problem_word(found));
}

#define ITEM(title, minutes, kind) "{'title':" title ",'minutes':" minutes ",'kind':" kind "}"
#define DAY(items)                 "{'date':'2026-05-04','items':[" items "]}"

static void
test_good(void **state)
{
	(void)state;
	expect("{'items':[" ITEM("'Cells'", "40", "'study'") "," ITEM(
	           "'Genes'", "20", "'test'") "]"
	                                      ",'date':'2026-05-08','more':[1]}",
	       PLAN_PROBLEM_NONE);
	assert_int_equal(day.day, days[3]);
	assert_int_equal(day.count, 2);
	assert_string_equal(day.items[0].title, "Cells");
	assert_int_equal(day.items[0].minutes, 40);
	assert_int_equal(day.items[0].kind, PLAN_STUDY);
	assert_int_equal(day.items[1].kind, PLAN_TEST);
	expect(DAY(ITEM("'x'", "1", "'review'")), PLAN_PROBLEM_NONE);
	assert_int_equal(day.items[0].minutes, 1);
}

static void
test_mended(void **state)
{
	char text[2000], title[1000] = "";

	(void)state;
	expect(DAY(ITEM("'  \\u1100\\u1161\\n b\\u00a0'", "30.0", "'Review'")), PLAN_PROBLEM_NONE);
	assert_string_equal(day.items[0].title, "\xea\xb0\x80  b"); /* NFC, one line, trimmed */
	assert_int_equal(day.items[0].minutes, 30);
	assert_int_equal(day.items[0].kind, PLAN_REVIEW);
	expect(DAY(ITEM("'a'", "'25'", "'TEST'")), PLAN_PROBLEM_NONE);
	assert_int_equal(day.items[0].minutes, 25);
	for (int i = 0; i < 250; i++)
		strcat(title, "\xea\xb3\xb5");
	snprintf(text, sizeof text, DAY(ITEM("'%s'", "10", "'study'")), title);
	expect(text, PLAN_PROBLEM_NONE);
	assert_int_equal(text_length(day.items[0].title), 200);
	/* A quarter too long is shortened, more is not. */
	expect(DAY(ITEM("'a'", "45", "'study'") "," ITEM("'b'", "30", "'study'")),
	       PLAN_PROBLEM_NONE);
	assert_int_equal(day.items[0].minutes, 35);
	assert_int_equal(day.items[1].minutes, 20);
	expect(DAY(ITEM("'a'", "46", "'study'") "," ITEM("'b'", "30", "'study'")),
	       PLAN_PROBLEM_TOO_LONG);
}

static void
test_dates(void **state)
{
	(void)state;
	expect("{'date':'2026-05-04','items':[]}", PLAN_PROBLEM_NO_ITEMS);
	assert_int_equal(day.day, days[0]);
	expect("{'date':'2026-05-07','items':[]}", PLAN_PROBLEM_NOT_A_STUDY_DAY);
	assert_int_equal(day.day, days[2] + 1);
	expect("{'date':'2026-05-09','items':[]}", PLAN_PROBLEM_NOT_A_STUDY_DAY);
	expect("{'date':'2026-05-03','items':[]}", PLAN_PROBLEM_NOT_A_STUDY_DAY);
	expect("{'date':'2026-02-30','items':[]}", PLAN_PROBLEM_BAD_DATE);
	assert_int_equal(day.day, INT32_MIN);
	expect("{'date':'May 4','items':[]}", PLAN_PROBLEM_BAD_DATE);
	expect("{'date':20260504,'items':[]}", PLAN_PROBLEM_BAD_DATE);
	expect("{'items':[]}", PLAN_PROBLEM_BAD_DATE);
	expect("{}", PLAN_PROBLEM_BAD_DATE);
}

static void
test_items(void **state)
{
	struct buf text;

	(void)state;
	expect("{'date':'2026-05-04'}", PLAN_PROBLEM_NO_ITEMS);
	expect("{'date':'2026-05-04','items':{}}", PLAN_PROBLEM_NO_ITEMS);
	expect(DAY("1"), PLAN_PROBLEM_BAD_TITLE);
	expect(DAY("{'minutes':10,'kind':'study'}"), PLAN_PROBLEM_BAD_TITLE);
	expect(DAY(ITEM("' \\n '", "10", "'study'")), PLAN_PROBLEM_BAD_TITLE);
	expect(DAY(ITEM("'\\u0085'", "10", "'study'")), PLAN_PROBLEM_BAD_TITLE);
	expect(DAY(ITEM("['a']", "10", "'study'")), PLAN_PROBLEM_BAD_TITLE);
	expect(DAY(ITEM("'a'", "0", "'study'")), PLAN_PROBLEM_BAD_MINUTES);
	expect(DAY(ITEM("'a'", "-5", "'study'")), PLAN_PROBLEM_BAD_MINUTES);
	expect(DAY(ITEM("'a'", "7.5", "'study'")), PLAN_PROBLEM_BAD_MINUTES);
	expect(DAY(ITEM("'a'", "1e300", "'study'")), PLAN_PROBLEM_BAD_MINUTES);
	expect(DAY(ITEM("'a'", "'30 min'", "'study'")), PLAN_PROBLEM_BAD_MINUTES);
	expect(DAY(ITEM("'a'", "null", "'study'")), PLAN_PROBLEM_BAD_MINUTES);
	expect(DAY("{'title':'a','kind':'study'}"), PLAN_PROBLEM_BAD_MINUTES);
	expect(DAY(ITEM("'a'", "10", "'lesson'")), PLAN_PROBLEM_BAD_KIND);
	expect(DAY(ITEM("'a'", "10", "null")), PLAN_PROBLEM_BAD_KIND);
	expect(DAY(ITEM("'a'", "90", "'study'")), PLAN_PROBLEM_TOO_LONG);
	buf_init(&text, 0);
	for (int i = 0; i < 21; i++)
		buf_puts(&text, i > 0 ? ",1" : "{'date':'2026-05-04','items':[1");
	buf_puts(&text, "]}");
	expect(text.bytes, PLAN_PROBLEM_TOO_MANY_ITEMS);
	buf_fini(&text);
}

static void
test_no_json(void **state)
{
	char deep[300];

	(void)state;
	expect("{'date':'2026-05-04','items':[", PLAN_PROBLEM_NOT_JSON);
	expect("{'date':'2026-05-04','date':'2026-05-04'}", PLAN_PROBLEM_NOT_JSON);
	expect("", PLAN_PROBLEM_NOT_JSON);
	memset(deep, '[', sizeof deep);
	deep[sizeof deep - 1] = '\0';
	expect(deep, PLAN_PROBLEM_NOT_JSON);
	assert_int_equal(day.day, INT32_MIN);
}

static void
test_index(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(plan_rules_index(&rules, days[i]), i);
	assert_int_equal(plan_rules_index(&rules, days[0] - 1), -1);
	assert_int_equal(plan_rules_index(&rules, days[3] + 1), -1);
	assert_int_equal(plan_rules_index(&rules, days[2] + 1), -1);
}

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(0);
	assert_true(date_parse("2026-05-04", &days[0]));
	days[1] = days[0] + 1;
	days[2] = days[0] + 2;
	days[3] = days[0] + 4;
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
	    cmocka_unit_test(test_good),    cmocka_unit_test(test_mended),
	    cmocka_unit_test(test_dates),   cmocka_unit_test(test_items),
	    cmocka_unit_test(test_no_json), cmocka_unit_test(test_index),
	};

	return cmocka_run_group_tests_name("plan_check", tests, setup, teardown);
}
