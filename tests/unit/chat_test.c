/* SPDX-License-Identifier: MIT
 * chat: what the two dialects write and understand, tokens, and which chats settings give. Nothing
 * is sent here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/ai/chat_private.h"
#include "common/ai/settings.h"
#include "common/ai/tokens.h"
#include "common/base/json.h"

#include <stdlib.h>
#include <string.h>

static const char schema_text[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"b\",\"a\"],"
    "\"properties\":{\"b\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"additionalProperties\":false,\"required\":[\"x\"],\"properties\":{\"x\":{\"type\":"
    "\"string\",\"enum\":[\"p\",\"q\"],\"description\":\"d\"}}}},\"a\":{\"type\":\"integer\"}}}";

static struct chat_schema *schema;
static struct chat gemini, openai;

static int
setup(void **state)
{
	char error[100];

	(void)state;
	schema = chat_schema_new("shape", schema_text, error, sizeof error);
	gemini = (struct chat){.dialect = &chat_gemini, .model = (char *)(uintptr_t) "gem-1"};
	openai = (struct chat){.dialect = &chat_openai, .model = (char *)(uintptr_t) "gpt \"1\""};
	return schema != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	chat_schema_free(&schema);
	return 0;
}

static enum status
no_text(void *arg, const char *text, size_t length)
{
	(void)arg;
	(void)text;
	(void)length;
	return STATUS_OK;
}

/* The body as JSON; to be released. */
static json_t *
body_of(const struct chat *chat, const struct chat_request *request)
{
	char error[200];
	struct buf out;
	json_t *json;

	buf_init(&out, 0);
	chat->dialect->body(chat, request, &out);
	json = json_parse(out.bytes, out.length, error, sizeof error);
	if (json == NULL)
		fail_msg("%s: %s", error, out.bytes);
	buf_fini(&out);
	return json;
}

static void
expect_json(const json_t *json, const char *expected)
{
	char error[100], *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	json_t *wanted = json_parse(expected, strlen(expected), error, sizeof error);

	assert_non_null(wanted);
	if (!json_equal(json, wanted))
		fail_msg("%s\n   instead of %s", text, expected);
	json_decref(wanted);
	free(text);
}

static const struct chat_message talk[] = {
    {CHAT_USER, "What is \"it\"?\n"}, {CHAT_MODEL, "\xea\xb3\xb5"}, {CHAT_USER, "Why?"}};

static void
test_gemini_body(void **state)
{
	struct chat_request request = {
	    .system = "Be \\ brief", .messages = talk, .message_count = 3, .max_tokens = 100};
	char path[100];
	json_t *body;

	(void)state;
	assert_true(chat_gemini.path(&gemini, false, path, sizeof path));
	assert_string_equal(path, "/v1beta/models/gem-1:generateContent");
	assert_true(chat_gemini.path(&gemini, true, path, sizeof path));
	assert_string_equal(path, "/v1beta/models/gem-1:streamGenerateContent?alt=sse");
	assert_false(chat_gemini.path(&gemini, true, path, 20));
	gemini.thinking_tokens = 50;
	body = body_of(&gemini, &request);
	expect_json(body,
	            "{\"systemInstruction\":{\"parts\":[{\"text\":\"Be \\\\ brief\"}]},"
	            "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"What is "
	            "\\\"it\\\"?\\n\"}]},{\"role\":\"model\",\"parts\":[{\"text\":"
	            "\"\xea\xb3\xb5\"}]},{\"role\":\"user\",\"parts\":[{\"text\":\"Why?\"}]}],"
	            "\"generationConfig\":{\"maxOutputTokens\":150}}");
	json_decref(body);
	request.schema = schema;
	gemini.thinking = (char *)(uintptr_t) "0";
	body = body_of(&gemini, &request);
	expect_json(
	    json_object_get(body, "generationConfig"),
	    "{\"maxOutputTokens\":150,\"responseMimeType\":\"application/json\","
	    "\"responseSchema\":{\"type\":\"object\",\"required\":[\"b\",\"a\"],"
	    "\"propertyOrdering\":[\"b\",\"a\"],\"properties\":{\"b\":{\"type\":\"array\","
	    "\"items\":{\"type\":\"object\",\"required\":[\"x\"],\"propertyOrdering\":[\"x\"],"
	    "\"properties\":{\"x\":{\"type\":\"string\",\"enum\":[\"p\",\"q\"],"
	    "\"description\":\"d\"}}}},\"a\":{\"type\":\"integer\"}}},"
	    "\"thinkingConfig\":{\"thinkingBudget\":0}}");
	json_decref(body);
	gemini.thinking = (char *)(uintptr_t) "low";
	body = body_of(&gemini, &request);
	expect_json(json_object_get(json_object_get(body, "generationConfig"), "thinkingConfig"),
	            "{\"thinkingLevel\":\"low\"}");
	json_decref(body);
	gemini.thinking = NULL;
	gemini.thinking_tokens = 0;
}

static void
test_openai_body(void **state)
{
	struct chat_request request = {
	    .system = "Be brief", .messages = talk + 2, .message_count = 1, .max_tokens = 100};
	json_t *body;

	(void)state;
	body = body_of(&openai, &request);
	expect_json(body, "{\"model\":\"gpt \\\"1\\\"\",\"messages\":[{\"role\":\"system\","
	                  "\"content\":\"Be brief\"},{\"role\":\"user\",\"content\":\"Why?\"}],"
	                  "\"max_tokens\":100}");
	json_decref(body);
	request.messages = talk;
	request.message_count = 2;
	request.schema = schema;
	request.text = no_text;
	openai.official = true;
	openai.thinking = (char *)(uintptr_t) "low";
	body = body_of(&openai, &request);
	expect_json(json_array_get(json_object_get(body, "messages"), 2),
	            "{\"role\":\"assistant\",\"content\":\"\xea\xb3\xb5\"}");
	json_object_del(body, "messages");
	json_object_del(json_object_get(json_object_get(body, "response_format"), "json_schema"),
	                "schema");
	expect_json(body, "{\"model\":\"gpt \\\"1\\\"\",\"max_completion_tokens\":100,"
	                  "\"reasoning_effort\":\"low\",\"stream\":true,\"stream_options\":{"
	                  "\"include_usage\":true},\"response_format\":{\"type\":\"json_schema\","
	                  "\"json_schema\":{\"name\":\"shape\",\"strict\":true}}}");
	json_decref(body);
	body = body_of(&openai, &request);
	expect_json(
	    json_object_get(
	        json_object_get(json_object_get(body, "response_format"), "json_schema"), "schema"),
	    schema_text);
	json_decref(body);
	openai.format = CHAT_JSON_OBJECT;
	body = body_of(&openai, &request);
	expect_json(json_object_get(body, "response_format"), "{\"type\":\"json_object\"}");
	json_decref(body);
	openai.format = CHAT_NO_FORMAT;
	body = body_of(&openai, &request);
	assert_null(json_object_get(body, "response_format"));
	json_decref(body);
	openai = (struct chat){.dialect = &chat_openai, .model = openai.model};
}

/* --- reading --------------------------------------------------------------------------------- */

static struct chat_reading reading;

static void
read_documents(const struct chat_dialect *dialect, const char *const *documents)
{
	buf_fini(&reading.text);
	reading = (struct chat_reading){0};
	for (; *documents != NULL; documents++) {
		struct json_outline outline;
		const struct json_node *json =
		    json_outline_read(&outline, *documents, strlen(*documents));

		assert_non_null(json);
		dialect->read(json, &reading);
		json_outline_fini(&outline);
	}
}

#define READ(dialect, ...) read_documents(&(dialect), (const char *const[]){__VA_ARGS__, NULL})

static void
expect_reading(const char *text, enum chat_finish finish, uint32_t prompt, uint32_t completion)
{
	assert_string_equal(reading.text.bytes != NULL ? reading.text.bytes : "", text);
	assert_int_equal(reading.finish, finish);
	assert_int_equal(reading.prompt_tokens, prompt);
	assert_int_equal(reading.completion_tokens, completion);
	assert_int_equal(reading.has_usage, prompt > 0);
}

static void
test_gemini_read(void **state)
{
	(void)state;
	READ(
	    chat_gemini,
	    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hmm\",\"thought\":true},"
	    "{\"text\":\"a\"},{\"text\":\"b\"},{\"inlineData\":{}}],\"role\":\"model\"}}],"
	    "\"usageMetadata\":{\"promptTokenCount\":7,\"totalTokenCount\":7}}",
	    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"c\"}]}}],\"usageMetadata\":{"
	    "\"promptTokenCount\":7,\"candidatesTokenCount\":3,\"thoughtsTokenCount\":4,"
	    "\"totalTokenCount\":14}}",
	    /* The last one may have no content at all. */
	    "{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":"
	    "7,\"candidatesTokenCount\":5,\"thoughtsTokenCount\":4,\"totalTokenCount\":16}}");
	expect_reading("abc", CHAT_STOP, 7, 9);
	READ(chat_gemini, "{\"candidates\":[{\"finishReason\":\"MAX_TOKENS\",\"content\":{}}],"
	                  "\"usageMetadata\":{\"promptTokenCount\":7,\"totalTokenCount\":107}}");
	expect_reading("", CHAT_LENGTH, 7, 100);
	READ(chat_gemini, "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}}");
	expect_reading("", CHAT_BLOCKED, 0, 0);
	READ(chat_gemini, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}",
	     "{\"candidates\":[{\"finishReason\":\"SAFETY\"}]}");
	expect_reading("a", CHAT_BLOCKED, 0, 0);
	READ(chat_gemini, "{}", "{\"candidates\":{}}", "{\"candidates\":[1]}",
	     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":1},2]}}],\"usageMetadata\":3}",
	     "{\"candidates\":[],\"promptFeedback\":{\"safetyRatings\":[]}}");
	expect_reading("", CHAT_NOT_FINISHED, 0, 0);
	READ(chat_gemini, "{\"usageMetadata\":{\"promptTokenCount\":-7,\"totalTokenCount\":1e9,"
	                  "\"candidatesTokenCount\":99999999999}}");
	assert_int_equal(reading.prompt_tokens, 0);
	assert_int_equal(reading.completion_tokens, 0);
}

static void
test_openai_read(void **state)
{
	(void)state;
	READ(chat_openai,
	     "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\","
	     "\"refusal\":null},\"finish_reason\":null}],\"usage\":null}",
	     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ab\"}}]}",
	     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"c\"}}]}",
	     "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}",
	     "{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}");
	expect_reading("abc", CHAT_STOP, 7, 9);
	READ(chat_openai,
	     "{\"choices\":[{\"message\":{\"content\":\"abc\"},\"finish_reason\":\"length\"}],"
	     "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}");
	expect_reading("abc", CHAT_LENGTH, 7, 9);
	READ(chat_openai, "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"no\"},"
	                  "\"finish_reason\":\"stop\"}]}");
	expect_reading("", CHAT_BLOCKED, 0, 0);
	READ(chat_openai, "{\"choices\":[{\"delta\":{\"refusal\":\"I\"}}]}",
	     "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}");
	expect_reading("", CHAT_BLOCKED, 0, 0);
	READ(chat_openai, "{\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}");
	expect_reading("", CHAT_BLOCKED, 0, 0);
	READ(chat_openai, "{}", "{\"choices\":null}", "{\"choices\":[null]}",
	     "{\"choices\":[{\"delta\":{\"content\":[1]}}],\"usage\":[]}");
	expect_reading("", CHAT_NOT_FINISHED, 0, 0);
	buf_fini(&reading.text);
}

/* --- the rest -------------------------------------------------------------------------------- */

static void
test_tokens(void **state)
{
	static const char korean[] = "\xea\xb3\xb5\xeb\xb6\x80\xed\x95\x98\xea\xb8\xb0";
	struct chat_request request = {
	    .system = "word", .messages = talk + 2, .message_count = 1, .max_tokens = 100};
	uint32_t plain = chat_tokens_most(&gemini, &request);

	(void)state;
	assert_int_equal(tokens_most("", 0), 0);
	assert_in_range(tokens_most("2026-05-04", 10), 10, 10);
	assert_in_range(tokens_most(korean, strlen(korean)), 8, 8);
	assert_in_range(tokens_likely(korean, strlen(korean)), 2, 4);
	assert_in_range(tokens_most("study the cell", 14), 7, 14);
	assert_in_range(tokens_likely("study the cell", 14), 3, 4);
	assert_in_range(plain, 100 + 2 + 3, 200);
	request.schema = schema;
	assert_true(chat_tokens_most(&gemini, &request) > plain + 100);
	gemini.thinking_tokens = 1000;
	request.schema = NULL;
	assert_int_equal(chat_tokens_most(&gemini, &request), plain + 1000);
	gemini.thinking_tokens = 0;
}

static void
test_schema_errors(void **state)
{
	char error[100];

	(void)state;
	assert_null(chat_schema_new("x", "{", error, sizeof error));
	assert_null(chat_schema_new("x", "[]", error, sizeof error));
	assert_string_equal(error, "a schema is an object");
}

static struct ai_settings
some_settings(void)
{
	return (struct ai_settings){.providers = "gemini,openai,builtin",
	                            .gemini_url = "https://generativelanguage.googleapis.com",
	                            .gemini_model = "g-1",
	                            .openai_url = "http://127.0.0.1:8000/v1/",
	                            .openai_model = "org/model:7b",
	                            .openai_format = "json_schema",
	                            .gemini_concurrency = 5,
	                            .openai_concurrency = 5,
	                            .attempts = 3};
}

static void
test_list(void **state)
{
	struct ai_settings settings = some_settings();
	struct chat_list list;
	char error[200];

	(void)state;
	assert_true(chat_list_open(&settings, &list, error, sizeof error));
	assert_int_equal(list.count, 0);
	assert_true(list.builtin);
	settings.openai_keys = "o-1,o-2";
	settings.gemini_keys = " ,";
	assert_true(chat_list_open(&settings, &list, error, sizeof error));
	assert_int_equal(list.count, 1);
	assert_string_equal(chat_provider(list.chats[0]), "openai");
	assert_string_equal(chat_model(list.chats[0]), "org/model:7b");
	assert_string_equal(list.chats[0]->url, "http://127.0.0.1:8000");
	assert_false(list.chats[0]->official);
	chat_list_close(&list);
	settings.gemini_keys = "g";
	settings.openai_url = "https://api.openai.com";
	settings.providers = "openai, gemini ,openai";
	assert_true(chat_list_open(&settings, &list, error, sizeof error));
	assert_int_equal(list.count, 2);
	assert_string_equal(chat_provider(list.chats[0]), "openai");
	assert_string_equal(chat_provider(list.chats[1]), "gemini");
	assert_true(list.chats[0]->official);
	assert_false(list.builtin);
	chat_list_close(&list);
}

static void
test_list_errors(void **state)
{
	static const char *const urls[] = {"ftp://x", "x", "https://", "https://user:secret@x",
	                                   "https://x?y=1"};
	struct ai_settings settings = some_settings();
	struct chat_list list;
	char error[200];

	(void)state;
	settings.gemini_keys = "gemini-key";
	settings.providers = "gemini,claude";
	assert_false(chat_list_open(&settings, &list, error, sizeof error));
	assert_string_equal(error, "AI_PROVIDERS: there is no provider of that name: claude");
	settings.providers = "gemini";
	settings.gemini_model = "a b";
	assert_false(chat_list_open(&settings, &list, error, sizeof error));
	assert_non_null(strstr(error, "GEMINI_MODEL"));
	settings.gemini_model = "a";
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		settings.gemini_url = urls[i];
		assert_false(chat_list_open(&settings, &list, error, sizeof error));
		assert_non_null(strstr(error, "GEMINI_BASE_URL"));
		assert_null(strstr(error, "secret"));
	}
	settings.gemini_url = "https://x";
	settings.gemini_keys = "one key";
	assert_false(chat_list_open(&settings, &list, error, sizeof error));
	assert_non_null(strstr(error, "GEMINI_API_KEY"));
	assert_null(strstr(error, "one key"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_gemini_body), cmocka_unit_test(test_openai_body),
	    cmocka_unit_test(test_gemini_read), cmocka_unit_test(test_openai_read),
	    cmocka_unit_test(test_tokens),      cmocka_unit_test(test_schema_errors),
	    cmocka_unit_test(test_list),        cmocka_unit_test(test_list_errors),
	};

	return cmocka_run_group_tests_name("chat", tests, setup, teardown);
}
