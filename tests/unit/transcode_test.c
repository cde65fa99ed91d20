/* SPDX-License-Identifier: MIT
 * Transcoding: JSON to protobuf and back, what is refused and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth.pb-c.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/obj.h"
#include "gateway/transcode.h"
#include "history.pb-c.h"
#include "planner.pb-c.h"
#include "voice.pb-c.h"

static struct arena *arena;
static struct transcode in;
static struct buf out;

static int
transcode_setup(void **state)
{
	(void)state;
	arena = arena_new(0);
	buf_init(&out, 0);
	return arena == NULL ? -1 : 0;
}

static int
transcode_teardown(void **state)
{
	(void)state;
	buf_fini(&out);
	arena_free(&arena);
	return 0;
}

static enum status
read_as(const ProtobufCMessageDescriptor *type, const char *elsewhere, const char *json)
{
	assert_int_equal(transcode_init(&in, type, elsewhere, arena), 0);
	return transcode_json(&in, json, strlen(json));
}

static void
expect_at(const ProtobufCMessageDescriptor *type, const char *json, const char *pointer)
{
	assert_int_equal(read_as(type, "id", json), STATUS_VALIDATION);
	assert_string_equal(in.violations->pointer, pointer);
	assert_true(strlen(in.violations->detail) > 0);
	assert_null(in.violations->next);
}

static const char *
written(const ProtobufCMessage *message)
{
	buf_clear(&out);
	transcode_write(&out, message);
	assert_false(buf_failed(&out));
	return out.bytes;
}

static void
every_kind_of_field_is_read(void **state)
{
	(void)state;
	assert_int_equal(
	    read_as(&planner__create_plan_request__descriptor, NULL,
	            "{\"goal\":\"\xec\x88\x98\xed\x95\x99\",\"topics\":[\"a\",\"b\\n\"],"
	            "\"minutes_per_day\":45,\"rest_days\":[\"sat\",\"sun\"],\"level\":\"advanced\","
	            "\"fallback\":false,\"locale\":null}"),
	    STATUS_OK);
	Planner__CreatePlanRequest *plan = (Planner__CreatePlanRequest *)in.message;
	assert_string_equal(plan->goal, "\xec\x88\x98\xed\x95\x99");
	assert_int_equal(plan->n_topics, 2);
	assert_string_equal(plan->topics[1], "b\n");
	assert_true(plan->has_minutes_per_day);
	assert_int_equal(plan->minutes_per_day, 45);
	assert_int_equal(plan->n_rest_days, 2);
	assert_int_equal(plan->rest_days[1], PLANNER__CREATE_PLAN_REQUEST__WEEKDAY__sun);
	assert_int_equal(plan->level, PLANNER__CREATE_PLAN_REQUEST__LEVEL__advanced);
	assert_true(plan->has_fallback);
	assert_false(plan->fallback);
	assert_false(plan->has_locale);
	assert_null(plan->subject);
}

static void
sub_messages_and_bytes_are_read(void **state)
{
	(void)state;
	assert_int_equal(read_as(&voice__turn__descriptor, NULL,
	                         "{\"audio\":{\"content_type\":\"audio/wav\",\"data\":\"AAH/\"},"
	                         "\"provider\":{}}"),
	                 STATUS_OK);
	Voice__Turn *turn = (Voice__Turn *)in.message;
	assert_true(turn->audio->has_data);
	assert_int_equal(turn->audio->data.len, 3);
	assert_memory_equal(turn->audio->data.data, "\x00\x01\xff", 3);
	assert_non_null(turn->provider);
	expect_at(&voice__turn__descriptor, "{\"audio\":{\"data\":\"A\"}}", "/audio/data");
	expect_at(&voice__turn__descriptor, "{\"audio\":{\"data\":7}}", "/audio/data");
	expect_at(&voice__turn__descriptor, "{\"audio\":[]}", "/audio");
	expect_at(&voice__turn__descriptor, "{\"audio\":{\"x\":1}}", "/audio/x");
}

static void
wrong_types_are_refused_where_they_are(void **state)
{
	(void)state;
	const ProtobufCMessageDescriptor *type = &planner__create_plan_request__descriptor;
	expect_at(type, "{\"goal\":7}", "/goal");
	expect_at(type, "{\"goal\":\"a\\u0000b\"}", "/goal");
	expect_at(type, "{\"topics\":\"a\"}", "/topics");
	expect_at(type, "{\"topics\":[\"a\",null]}", "/topics/1");
	expect_at(type, "{\"topics\":[[]]}", "/topics/0");
	expect_at(type, "{\"fallback\":\"true\"}", "/fallback");
	expect_at(type, "{\"fallback\":1}", "/fallback");
	expect_at(type, "{\"level\":\"ADVANCED\"}", "/level");
	expect_at(type, "{\"level\":2}", "/level");
	expect_at(type, "{\"rest_days\":[\"mon\",\"Monday\"]}", "/rest_days/1");
	expect_at(type, "{\"minutes_per_day\":\"45\"}", "/minutes_per_day");
	expect_at(type, "{\"minutes_per_day\":true}", "/minutes_per_day");
	expect_at(type, "{\"Goal\":\"a\"}", "/Goal");
	expect_at(type, "{\"id\":\"a\"}", "/id");
	expect_at(type, "{\"a/b~c\":1}", "/a~1b~0c");
	expect_at(type, "[]", "");
	expect_at(type, "\"goal\"", "");
	expect_at(type, "null", "");
}

static void
fields_of_path_and_query_are_refused_in_the_body(void **state)
{
	(void)state;
	expect_at(&planner__update_plan_request__descriptor, "{\"id\":\"p1\"}", "/id");
	expect_at(&planner__update_plan_request__descriptor, "{\"cleared\":[\"goal\"]}",
	          "/cleared");
	assert_true(transcode_listed("id item_id", "id"));
	assert_true(transcode_listed("item_id id", "id"));
	assert_false(transcode_listed("item_id", "id"));
	assert_false(transcode_listed("id", "i"));
	assert_false(transcode_listed("ids", "id"));
	assert_false(transcode_listed(NULL, "id"));
	assert_false(transcode_listed("", ""));
}

static void
numbers_are_exact_at_their_bounds(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool ok;
		uint32_t value;
	} cases[] = {{"0", true, 0},
	             {"4294967295", true, UINT32_MAX},
	             {"4294967296", false, 0},
	             {"4294967295.5", false, 0},
	             {"-1", false, 0},
	             {"-0", true, 0},
	             {"1.0", true, 1},
	             {"1e2", true, 100},
	             {"1E+2", true, 100},
	             {"100e-1", true, 10},
	             {"1.5", false, 0},
	             {"1e-1", false, 0},
	             {"18446744073709551617", false, 0},
	             {"123456789012345678901234567890", false, 0},
	             {"1e308", false, 0},
	             {"1e309", false, 0},
	             {"-1e99999", false, 0}};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		char json[100];
		snprintf(json, sizeof json, "{\"note\":\"1e999\",\"minutes\":%s }", cases[i].text);
		enum status status = read_as(&history__record_request__descriptor, NULL, json);
		History__RecordRequest *request = (History__RecordRequest *)in.message;
		assert_int_equal(status, cases[i].ok ? STATUS_OK : STATUS_VALIDATION);
		if (cases[i].ok)
			assert_int_equal(request->minutes, cases[i].value);
		else
			assert_string_equal(in.violations->pointer, "/minutes");
		assert_string_equal(request->note, "1e999");
	}
	assert_int_equal(read_as(&planner__plan__descriptor, NULL, "{\"days_left\":-2147483648}"),
	                 STATUS_OK);
	assert_int_equal(((Planner__Plan *)in.message)->days_left, INT32_MIN);
	expect_at(&planner__plan__descriptor, "{\"days_left\":-2147483649}", "/days_left");
	expect_at(&planner__plan__descriptor, "{\"days_left\":2147483648}", "/days_left");
}

static void
a_number_is_refused_in_the_words_of_its_rule(void **state)
{
	(void)state;
	static const struct rule rules[] = {
	    RULE(planner__list_items_request, limit, NUMBER, .min = 1, .max = 100)};
	static const struct rule_table table = {rules, COUNT_OF(rules)};
	static const char *const wrong[] = {"-1", "4294967296", "-99999999999999999999"};
	static const char json[] = "{\"limit\":-1}";
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		assert_int_equal(
		    transcode_init(&in, &planner__list_items_request__descriptor, NULL, arena), 0);
		in.rules = &table;
		transcode_parameter(&in, "limit", wrong[i]);
		assert_string_equal(in.violations->detail, "must be 1 to 100");
	}
	assert_int_equal(transcode_init(&in, &planner__list_items_request__descriptor, NULL, arena),
	                 0);
	in.rules = &table;
	assert_int_equal(transcode_json(&in, json, strlen(json)), STATUS_VALIDATION);
	assert_string_equal(in.violations->detail, "must be 1 to 100");
	assert_int_equal(transcode_init(&in, &planner__list_items_request__descriptor, NULL, arena),
	                 0);
	assert_int_equal(transcode_json(&in, json, strlen(json)), STATUS_VALIDATION);
	assert_string_equal(in.violations->detail, "must be 0 to 4294967295");
}

static void
what_is_not_json_says_where(void **state)
{
	(void)state;
	static const char *const cases[] = {"",
	                                    " ",
	                                    "{",
	                                    "{\"a\":1,}",
	                                    "{'a':1}",
	                                    "{\"goal\":01}",
	                                    "{} {}",
	                                    "{\"goal\":}",
	                                    "\xef\xbb\xbf{}",
	                                    "{\"goal\":\"\xff\"}",
	                                    "{\"goal\":\"a",
	                                    "{\"goal\":\"a\",\"goal\":\"b\"}",
	                                    "{\"goal\":\"\\ud800\"}",
	                                    "{\"goal\":+1}",
	                                    "{\"goal\":\"a\nb\"}",
	                                    "nul",
	                                    "{\"goal\":NaN}"};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(read_as(&planner__create_plan_request__descriptor, NULL, cases[i]),
		                 STATUS_INVALID_JSON);
		assert_true(strlen(in.detail) > 0);
	}
	size_t depth = 10000;
	char *deep = arena_alloc(arena, depth + 1);
	memset(deep, '[', depth);
	assert_int_equal(read_as(&planner__create_plan_request__descriptor, NULL, deep),
	                 STATUS_INVALID_JSON);
}

static void
null_is_remembered_in_a_patch(void **state)
{
	(void)state;
	assert_int_equal(read_as(&planner__update_plan_request__descriptor, "id",
	                         "{\"subject\":null,\"goal\":null}"),
	                 STATUS_OK);
	Planner__UpdatePlanRequest *patch = (Planner__UpdatePlanRequest *)in.message;
	assert_int_equal(patch->n_cleared, 2);
	assert_string_equal(patch->cleared[0], "subject");
	assert_string_equal(patch->cleared[1], "goal");
	assert_int_equal(
	    read_as(&planner__update_plan_request__descriptor, "id", "{\"goal\":\"x\"}"),
	    STATUS_OK);
	assert_int_equal(((Planner__UpdatePlanRequest *)in.message)->n_cleared, 0);
}

static void
at_most_twenty_violations_are_listed(void **state)
{
	(void)state;
	struct buf json;
	buf_init(&json, 0);
	buf_puts(&json, "{\"topics\":[0");
	for (int i = 1; i < 500; i++)
		buf_printf(&json, ",%d", i);
	buf_puts(&json, "]}");
	assert_int_equal(read_as(&planner__create_plan_request__descriptor, NULL, json.bytes),
	                 STATUS_VALIDATION);
	assert_int_equal(in.count, 20);
	buf_fini(&json);

	char *name = arena_alloc(arena, 60010);
	memset(name, 'x', 60000);
	memcpy(name, "{\"", 2);
	memcpy(name + 60000, "\":1}", 5);
	expect_at(&planner__create_plan_request__descriptor, name, "");
}

static void
parameters_are_typed(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value;
		bool ok;
	} cases[] = {{"limit", "20", true},          {"limit", "", false},
	             {"limit", "abc", false},        {"limit", "-1", false},
	             {"limit", "1.0", false},        {"limit", "+1", false},
	             {"limit", "4294967296", false}, {"limit", "0x10", false},
	             {"limit", " 1", false},         {"limit", "99999999999999999999", false},
	             {"done", "true", true},         {"done", "false", true},
	             {"done", "1", false},           {"done", "TRUE", false},
	             {"cursor", "", true},           {"nothing", "x", true},
	             {"cursor", NULL, false},        {"limit", NULL, false},
	             {"nothing", NULL, true},        {"limit", "-", false}};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(
		    transcode_init(&in, &planner__list_items_request__descriptor, NULL, arena), 0);
		transcode_parameter(&in, cases[i].name, cases[i].value);
		assert_int_equal(transcode_status(&in),
		                 cases[i].ok ? STATUS_OK : STATUS_VALIDATION);
		if (!cases[i].ok)
			assert_string_equal(in.violations->pointer, cases[i].name);
	}
	assert_int_equal(transcode_init(&in, &history__list_request__descriptor, NULL, arena), 0);
	transcode_parameter(&in, "type", "item_done");
	transcode_parameter(&in, "limit", "7");
	History__ListRequest *request = (History__ListRequest *)in.message;
	assert_int_equal(request->type, COMMON__EVENT__TYPE__item_done);
	assert_int_equal(request->limit, 7);
	assert_int_equal(transcode_status(&in), STATUS_OK);
	transcode_parameter(&in, "limit", "7");
	assert_int_equal(transcode_status(&in), STATUS_VALIDATION);
	assert_string_equal(in.violations->pointer, "limit");
}

static void
text_and_bytes_are_set_by_name(void **state)
{
	(void)state;
	assert_int_equal(transcode_init(&in, &voice__create_turn_request__descriptor, NULL, arena),
	                 0);
	assert_true(transcode_set_text(&in, "content_type", "audio/wav"));
	assert_true(transcode_set_bytes(&in, "audio", "abc", 3));
	assert_false(transcode_set_text(&in, "audio", "abc"));
	assert_false(transcode_set_bytes(&in, "text", "abc", 3));
	assert_false(transcode_set_text(&in, "nothing", "abc"));
	Voice__CreateTurnRequest *turn = (Voice__CreateTurnRequest *)in.message;
	assert_string_equal(turn->content_type, "audio/wav");
	assert_true(turn->has_audio);
	assert_int_equal(turn->audio.len, 3);
}

static void
answers_have_every_field(void **state)
{
	(void)state;
	Planner__Quota quota = PLANNER__QUOTA__INIT;
	Planner__Allowance plans = PLANNER__ALLOWANCE__INIT;
	assert_string_equal(written(&quota.base),
	                    "{\"plans\":null,\"tokens\":null,\"resets_at\":null}");
	plans.has_used = true;
	plans.used = UINT32_MAX;
	quota.plans = &plans;
	quota.resets_at = "x";
	assert_string_equal(
	    written(&quota.base),
	    "{\"plans\":{\"limit\":null,\"used\":4294967295},\"tokens\":null,\"resets_at\":\"x\"}");
	History__EventPage page = HISTORY__EVENT_PAGE__INIT;
	assert_string_equal(written(&page.base), "{\"items\":[],\"next_cursor\":null}");
	Common__Empty empty = COMMON__EMPTY__INIT;
	assert_string_equal(written(&empty.base), "{}");
}

static void
values_are_written_as_json(void **state)
{
	(void)state;
	Planner__Item item = PLANNER__ITEM__INIT;
	item.id = "i1";
	item.title = "\"\\\n\x01\xea\xb0\x80</script>";
	item.has_kind = true;
	item.kind = PLANNER__ITEM__KIND__review;
	item.has_done = true;
	item.has_minutes = true;
	assert_string_equal(written(&item.base),
	                    "{\"id\":\"i1\",\"plan_id\":null,\"date\":null,"
	                    "\"title\":\"\\\"\\\\\\n\\u0001\xea\xb0\x80</script>\",\"minutes\":0,"
	                    "\"kind\":\"review\",\"done\":false,\"done_at\":null}");
	item.kind = 99; /* a newer service's */
	assert_non_null(strstr(written(&item.base), "\"kind\":99,"));
	Planner__Plan plan = PLANNER__PLAN__INIT;
	char *topics[] = {"a", "b"};
	plan.topics = topics;
	plan.n_topics = 2;
	plan.has_days_left = true;
	plan.days_left = INT32_MIN;
	assert_non_null(strstr(written(&plan.base), "\"topics\":[\"a\",\"b\"],"));
	assert_non_null(strstr(out.bytes, "\"days_left\":-2147483648,"));
	Voice__Audio audio = VOICE__AUDIO__INIT;
	audio.has_data = true;
	audio.data = (ProtobufCBinaryData){.len = 4, .data = (uint8_t *)"\xfb\xff\x00\x01"};
	assert_string_equal(written(&audio.base), "{\"content_type\":null,\"data\":\"+/8AAQ==\"}");
	audio.data.len = 0;
	assert_string_equal(written(&audio.base), "{\"content_type\":null,\"data\":\"\"}");
}

/* An export with everything, packed. */
static uint8_t *
pack_export(size_t *length)
{
	static Auth__User user = AUTH__USER__INIT;
	static Planner__Plan plans[2] = {PLANNER__PLAN__INIT, PLANNER__PLAN__INIT};
	static Planner__Plan *plan_list[] = {&plans[0], &plans[1]};
	static History__Event event = HISTORY__EVENT__INIT, *events[] = {&event};
	static Planner__Usage usage = PLANNER__USAGE__INIT;
	Auth__Export export = AUTH__EXPORT__INIT;
	export.format = "studyhall-1";
	export.exported_at = "2026-05-04T00:00:00Z";
	user.email = "a@b.c";
	export.user = &user;
	plans[0].goal = "one";
	plans[1].goal = "two";
	export.plans = plan_list;
	export.n_plans = 2;
	event.subject = "sets";
	export.history = events;
	export.n_history = 1;
	usage.has_prompt_tokens = true;
	usage.prompt_tokens = 5;
	export.usage = &usage;
	*length = protobuf_c_message_get_packed_size(&export.base);
	uint8_t *packed = malloc(*length);
	assert_non_null(packed);
	protobuf_c_message_pack(&export.base, packed);
	return packed;
}

static int
stream_in_pieces(const uint8_t *packed, size_t length, size_t piece)
{
	struct transcode_stream *stream = transcode_stream_new(&auth__export__descriptor);
	int result = 0;
	buf_clear(&out);
	for (size_t at = 0; at < length && result == 0; at += piece)
		result = transcode_stream_feed(stream, packed + at,
		                               piece < length - at ? piece : length - at, &out);
	if (result == 0)
		result = transcode_stream_end(stream, &out);
	transcode_stream_free(&stream);
	assert_null(stream);
	return result;
}

static void
a_stream_is_the_same_document_in_any_pieces(void **state)
{
	(void)state;
	size_t length;
	uint8_t *packed = pack_export(&length);
	ProtobufCMessage *whole =
	    protobuf_c_message_unpack(&auth__export__descriptor, NULL, length, packed);
	char *expected = arena_strdup(arena, written(whole));
	protobuf_c_message_free_unpacked(whole, NULL);
	for (size_t piece = 1; piece <= length; piece++) {
		assert_int_equal(stream_in_pieces(packed, length, piece), 0);
		assert_string_equal(out.bytes, expected);
	}
	free(packed);
}

static void
a_stream_takes_single_fields_early_but_lists_in_order(void **state)
{
	(void)state;
	/* usage {prompt_tokens: 5}, then history {subject "s"}, then conversations {title "t"} */
	static const uint8_t early[] = "\x4a\x02\x08\x05\x3a\x03\x22\x01s\x42\x03\x12\x01t";
	assert_int_equal(stream_in_pieces(early, sizeof early - 1, 3), 0);
	assert_non_null(strstr(out.bytes, "\"history\":[{\"id\":null,"));
	assert_non_null(strstr(out.bytes, "\"title\":\"t\""));
	assert_non_null(
	    strstr(out.bytes, "],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":null}}"));
	/* history, then plans */
	static const uint8_t backwards[] = "\x3a\x03\x22\x01s\x2a\x03\x12\x01g";
	assert_int_equal(stream_in_pieces(backwards, sizeof backwards - 1, 100), -1);
	/* history, then user: too late for it */
	static const uint8_t late[] = "\x3a\x03\x22\x01s\x1a\x00";
	assert_int_equal(stream_in_pieces(late, sizeof late - 1, 100), -1);
}

static void
an_empty_stream_is_a_document_too(void **state)
{
	(void)state;
	Auth__Export empty = AUTH__EXPORT__INIT;
	char *expected = arena_strdup(arena, written(&empty.base));
	assert_int_equal(stream_in_pieces(NULL, 0, 1), 0);
	assert_string_equal(out.bytes, expected);
	assert_non_null(strstr(expected, "\"sessions\":[],\"plans\":[],"));
	assert_non_null(strstr(expected, "\"usage\":null}"));
}

static void
a_broken_stream_is_noticed(void **state)
{
	(void)state;
	static const uint8_t truncated[] = "\x3a\x05\x22\x01s", huge[] = "\x3a\xff\xff\xff\xff\x7f",
	                     group[] = "\x3b", zero[] = "\x00\x00",
	                     overlong[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	                     garbage[] = "\x3a\x03\x22\x09s";
	assert_int_equal(stream_in_pieces(truncated, sizeof truncated - 1, 1), -1);
	assert_int_equal(stream_in_pieces(huge, sizeof huge - 1, 1), -1);
	assert_int_equal(stream_in_pieces(group, sizeof group - 1, 1), -1);
	assert_int_equal(stream_in_pieces(zero, sizeof zero - 1, 1), -1);
	assert_int_equal(stream_in_pieces(overlong, sizeof overlong - 1, 1), -1);
	assert_int_equal(stream_in_pieces(garbage, sizeof garbage - 1, 1), -1);
	/* a field of a newer version, number 100, is passed over */
	static const uint8_t newer[] = "\xa2\x06\x01x\xa0\x06\x01\xa5\x06....\xa1\x06........";
	assert_int_equal(stream_in_pieces(newer, sizeof newer - 1, 2), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, transcode_setup, transcode_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(every_kind_of_field_is_read),
	    TEST(sub_messages_and_bytes_are_read),
	    TEST(wrong_types_are_refused_where_they_are),
	    TEST(fields_of_path_and_query_are_refused_in_the_body),
	    TEST(a_number_is_refused_in_the_words_of_its_rule),
	    TEST(numbers_are_exact_at_their_bounds),
	    TEST(what_is_not_json_says_where),
	    TEST(null_is_remembered_in_a_patch),
	    TEST(at_most_twenty_violations_are_listed),
	    TEST(parameters_are_typed),
	    TEST(text_and_bytes_are_set_by_name),
	    TEST(answers_have_every_field),
	    TEST(values_are_written_as_json),
	    TEST(a_stream_is_the_same_document_in_any_pieces),
	    TEST(a_stream_takes_single_fields_early_but_lists_in_order),
	    TEST(an_empty_stream_is_a_document_too),
	    TEST(a_broken_stream_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
