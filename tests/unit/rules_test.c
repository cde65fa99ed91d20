/* SPDX-License-Identifier: MIT
 * Rules: what is refused, with which pointer, and what is normalized. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth.pb-c.h"
#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/base/rules.h"
#include "history.pb-c.h"
#include "planner.pb-c.h"
#include "proto/auth_rules.h"
#include "proto/history_rules.h"
#include "proto/planner_rules.h"
#include "proto/voice_rules.h"
#include "voice.pb-c.h"

static const struct rule_table auth = {auth_rules, AUTH_RULE_COUNT};
static const struct rule_table planner = {planner_rules, PLANNER_RULE_COUNT};
static const struct rule_table history = {history_rules, HISTORY_RULE_COUNT};
static const struct rule_table voice = {voice_rules, VOICE_RULE_COUNT};

static struct arena *arena;
static struct violation *violations;

static int
rules_setup(void **state)
{
	(void)state;
	arena = arena_new(0);
	return arena == NULL ? -1 : 0;
}

static int
rules_teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static enum status
check(const struct rule_table *table, void *message)
{
	return rules_check(table, message, arena, &violations);
}

/* Exactly one violation, there. */
static void
expect_at(const struct rule_table *table, void *message, const char *pointer)
{
	assert_int_equal(check(table, message), STATUS_VALIDATION);
	assert_non_null(violations);
	assert_string_equal(violations->pointer, pointer);
	assert_true(strlen(violations->detail) > 0);
	assert_null(violations->next);
}

static char *
repeated(const char *unit, size_t times)
{
	size_t length = strlen(unit);
	char *text = arena_alloc(arena, length * times + 1);
	for (size_t i = 0; i < times; i++)
		memcpy(text + i * length, unit, length);
	return text;
}

static void
required_fields_are_missed(void **state)
{
	(void)state;
	Auth__SignInRequest request = AUTH__SIGN_IN_REQUEST__INIT;
	assert_int_equal(check(&auth, &request), STATUS_VALIDATION);
	assert_string_equal(violations->pointer, "/email");
	assert_string_equal(violations->next->pointer, "/password");
	request.email = "a@b.c";
	request.password = "";
	assert_int_equal(check(&auth, &request), STATUS_OK);
}

static void
text_is_trimmed_normalized_and_counted_in_code_points(void **state)
{
	(void)state;
	Planner__CreatePlanRequest request = PLANNER__CREATE_PLAN_REQUEST__INIT;
	request.goal = " \xe3\x80\x80 e\xcc\x81tude\n ";
	assert_int_equal(check(&planner, &request), STATUS_OK);
	assert_string_equal(request.goal, "\xc3\xa9tude");
	request.goal = repeated("\xf0\x9f\x98\x80", 500);
	assert_int_equal(check(&planner, &request), STATUS_OK);
	request.goal = repeated("\xf0\x9f\x98\x80", 501);
	expect_at(&planner, &request, "/goal");
	request.goal = " \t\n ";
	expect_at(&planner, &request, "/goal");
	request.goal = "a\x01z";
	expect_at(&planner, &request, "/goal");
	request.goal = "a\x7fz";
	expect_at(&planner, &request, "/goal");
	request.goal = "a\xc3(";
	expect_at(&planner, &request, "/goal");
	char *pile = repeated("\xcc\x81", 100);
	pile[0] = 'e';
	pile[1] = 'e';
	request.goal = pile;
	expect_at(&planner, &request, "/goal");
}

static void
passwords_keep_their_spaces(void **state)
{
	(void)state;
	Auth__SignUpRequest request = AUTH__SIGN_UP_REQUEST__INIT;
	request.email = "learner@example.com";
	request.password = "  12345 ";
	assert_int_equal(check(&auth, &request), STATUS_OK);
	assert_string_equal(request.password, "  12345 ");
	request.password = "1234567";
	expect_at(&auth, &request, "/password");
	request.password = repeated("\xea\xb0\x80", 128);
	assert_int_equal(check(&auth, &request), STATUS_OK);
	request.password = repeated("\xea\xb0\x80", 129);
	expect_at(&auth, &request, "/password");
	request.password = arena_strdup(arena, "\xe1\x84\x80\xe1\x85\xa1 2345678");
	assert_int_equal(check(&auth, &request), STATUS_OK);
	assert_string_equal(request.password, "\xea\xb0\x80 2345678");
}

static void
emails(void **state)
{
	(void)state;
	static const char *const good[] = {"a@b", " a@b.c\n", "a+b@example.co.kr",
	                                   "\xed\x95\x9c@example.com"};
	static const char *const bad[] = {"",      "a",     "@b",      "a@",     "a@b@c",
	                                  "a b@c", "a@b c", "a@.b",    "a@b.",   "a@b..c",
	                                  "a@b,c", "<a@b>", "a@b\x01", "a\"@b.c"};
	Auth__SignUpRequest request = AUTH__SIGN_UP_REQUEST__INIT;
	request.password = "12345678";
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		request.email = (char *)good[i];
		assert_int_equal(check(&auth, &request), STATUS_OK);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		request.email = (char *)bad[i];
		expect_at(&auth, &request, "/email");
	}
	char *longest = repeated("a", 254);
	longest[100] = '@';
	request.email = longest;
	assert_int_equal(check(&auth, &request), STATUS_OK);
	longest = repeated("a", 255);
	longest[100] = '@';
	request.email = longest;
	expect_at(&auth, &request, "/email");
}

static void
dates_times_zones_and_ids(void **state)
{
	(void)state;
	History__SummaryRequest summary = HISTORY__SUMMARY_REQUEST__INIT;
	summary.from = "2026-02-29";
	expect_at(&history, &summary, "/from");
	summary.from = "2028-02-29";
	summary.tz = "Asia/Seoul";
	assert_int_equal(check(&history, &summary), STATUS_OK);
	summary.tz = "Asia/Nowhere";
	expect_at(&history, &summary, "/tz");
	summary.tz = "../../etc/passwd";
	expect_at(&history, &summary, "/tz");

	History__UpdateRequest update = HISTORY__UPDATE_REQUEST__INIT;
	update.id = "a.b";
	expect_at(&history, &update, "/id");
	update.id = repeated("a", 37);
	expect_at(&history, &update, "/id");
	update.id = repeated("a", 36);
	update.at = "2026-05-04T09:30:00+09:00";
	assert_int_equal(check(&history, &update), STATUS_OK);
	update.at = "2026-05-04";
	expect_at(&history, &update, "/at");
}

static void
numbers_have_bounds(void **state)
{
	(void)state;
	Planner__ListPlansRequest request = PLANNER__LIST_PLANS_REQUEST__INIT;
	static const struct {
		uint32_t limit;
		enum status status;
	} cases[] = {{0, STATUS_VALIDATION},
	             {1, STATUS_OK},
	             {100, STATUS_OK},
	             {101, STATUS_VALIDATION},
	             {UINT32_MAX, STATUS_VALIDATION}};
	assert_int_equal(check(&planner, &request), STATUS_OK);
	request.has_limit = true;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		request.limit = cases[i].limit;
		assert_int_equal(check(&planner, &request), cases[i].status);
	}
	assert_string_equal(violations->pointer, "/limit");
}

static void
lists_name_the_item_that_is_wrong(void **state)
{
	(void)state;
	Planner__CreatePlanRequest request = PLANNER__CREATE_PLAN_REQUEST__INIT;
	char *topics[201] = {"sets", "", "maps"};
	request.goal = "algebra";
	request.topics = topics;
	request.n_topics = 3;
	expect_at(&planner, &request, "/topics/1");
	for (int i = 0; i < 201; i++)
		topics[i] = "x";
	request.n_topics = 200;
	assert_int_equal(check(&planner, &request), STATUS_OK);
	request.n_topics = 201;
	expect_at(&planner, &request, "/topics");
	for (int i = 0; i < 100; i++)
		topics[i] = "";
	request.n_topics = 200;
	assert_int_equal(check(&planner, &request), STATUS_VALIDATION);
	size_t count = 0;
	for (struct violation *v = violations; v != NULL; v = v->next)
		count++;
	assert_int_equal(count, 20);
}

static void
rest_days_leave_a_day_and_differ(void **state)
{
	(void)state;
	Planner__CreatePlanRequest request = PLANNER__CREATE_PLAN_REQUEST__INIT;
	Planner__CreatePlanRequest__Weekday days[7] = {0, 1, 2, 3, 4, 5, 6};
	request.goal = "algebra";
	request.rest_days = days;
	request.n_rest_days = 6;
	assert_int_equal(check(&planner, &request), STATUS_OK);
	request.n_rest_days = 7;
	expect_at(&planner, &request, "/rest_days");
	days[1] = 0;
	request.n_rest_days = 2;
	expect_at(&planner, &request, "/rest_days/1");
	days[1] = 7;
	expect_at(&planner, &request, "/rest_days/1");
}

static void
only_nullable_fields_can_be_cleared(void **state)
{
	(void)state;
	Planner__UpdatePlanRequest request = PLANNER__UPDATE_PLAN_REQUEST__INIT;
	char *cleared[] = {"subject", "goal"};
	request.id = "p1";
	request.cleared = cleared;
	request.n_cleared = 1;
	assert_int_equal(check(&planner, &request), STATUS_OK);
	request.n_cleared = 2;
	expect_at(&planner, &request, "/goal");
}

static void
sub_messages_are_checked(void **state)
{
	(void)state;
	Common__Event event = COMMON__EVENT__INIT, *events[] = {&event};
	Common__Events batch = COMMON__EVENTS__INIT;
	expect_at(&history, &batch, "/events");
	batch.events = events;
	batch.n_events = 1;
	event.id = "e1";
	event.user_id = "u 1";
	event.has_type = true;
	event.at = "2026-05-04T09:30:00Z";
	expect_at(&history, &batch, "/events/0/user_id");
	event.user_id = "u1";
	assert_int_equal(check(&history, &batch), STATUS_OK);
	event.type = 77;
	expect_at(&history, &batch, "/events/0/type");
}

static void
bytes_are_bounded(void **state)
{
	(void)state;
	Voice__CreateTurnRequest request = VOICE__CREATE_TURN_REQUEST__INIT;
	request.has_audio = true;
	expect_at(&voice, &request, "/audio");
	request.audio.len = (size_t)10 << 20;
	assert_int_equal(check(&voice, &request), STATUS_OK);
	request.audio.len++;
	expect_at(&voice, &request, "/audio");
}

static void
a_string_without_a_rule_is_bounded_too(void **state)
{
	(void)state;
	const struct rule_table none = {NULL, 0};
	Planner__Plan plan = PLANNER__PLAN__INIT;
	plan.goal = repeated("x", 4096);
	assert_int_equal(check(&none, &plan), STATUS_OK);
	plan.goal = repeated("x", 4097);
	expect_at(&none, &plan, "/goal");
	plan.goal = "\xff";
	expect_at(&none, &plan, "/goal");
}

static void
without_memory_it_is_overloaded(void **state)
{
	(void)state;
	struct arena *small = arena_new(256);
	Planner__CreatePlanRequest request = PLANNER__CREATE_PLAN_REQUEST__INIT;
	request.goal = repeated("g", 300);
	assert_int_equal(rules_check(&planner, &request.base, small, &violations),
	                 STATUS_OVERLOADED);
	arena_free(&small);
}

/* A misspelt row would never apply. */
static void
every_row_names_a_field(void **state)
{
	(void)state;
	const struct rule_table *tables[] = {&auth, &planner, &history, &voice};
	for (size_t t = 0; t < COUNT_OF(tables); t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct rule *rule = &tables[t]->rules[i];
			assert_non_null(rule->message);
			assert_non_null(protobuf_c_message_descriptor_get_field_by_name(
			    rule->message, rule->field));
			assert_ptr_equal(rules_find(tables[t], rule->message, rule->field), rule);
		}
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rules_setup, rules_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(required_fields_are_missed),
	    TEST(text_is_trimmed_normalized_and_counted_in_code_points),
	    TEST(passwords_keep_their_spaces),
	    TEST(emails),
	    TEST(dates_times_zones_and_ids),
	    TEST(numbers_have_bounds),
	    TEST(lists_name_the_item_that_is_wrong),
	    TEST(rest_days_leave_a_day_and_differ),
	    TEST(only_nullable_fields_can_be_cleared),
	    TEST(sub_messages_are_checked),
	    TEST(bytes_are_bounded),
	    TEST(a_string_without_a_rule_is_bounded_too),
	    TEST(without_memory_it_is_overloaded),
	    TEST(every_row_names_a_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
