/* SPDX-License-Identifier: MIT
 * json_outline: it takes and refuses what the parser of trees does, and says the same of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/json.h"
#include "common/base/json_outline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {
    "[\"longer than the blocks that are looked at, 사 too\"]",
    "{}",
    "[]",
    " [ 1 , 2 ] ",
    "\"\"",
    "0",
    "-0",
    "-1.5e+3",
    "1E2",
    "true",
    "null",
    "{\"a\":{\"b\":[1,{\"c\":null}],\"d\":\"x\"},\"e\":[[],{}]}",
    "\"a\\n\\\"\\\\\\/\\u00e9\\ud83d\\ude00\"",
    "\"\xea\xb3\xb5\xf0\x9f\x98\x80\"",
    "{\"\\u0061\":1}",
    /* refused */
    "",
    " ",
    "{",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1,\"a\":2}",
    "{1:2}",
    "]",
    "}",
    "[}",
    "{]",
    "1 2",
    "01",
    "-",
    "1.",
    ".5",
    "1e",
    "1e+",
    "+1",
    "tru",
    "truest",
    "True",
    "\"",
    "\"a",
    "\"\\",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u0000\"",
    "\"\\ud83d\"",
    "\"\\ud83dx\"",
    "\"\\ud83d\\u0041\"",
    "\"\\ude00\"",
    "\"a\nb\"",
    "\"\xff\"",
    "\"\xc0\x80\"",
    "\"\xed\xa0\x80\"",
    "\xef\xbb\xbf{}",
    "/**/{}",
};

/* Both say the same, all the way down. */
static void
compare(const struct json_node *node, const json_t *json)
{
	struct buf text;
	const char *name;
	json_t *value;
	size_t index;

	assert_non_null(node);
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		assert_int_equal(node->kind, JSON_KIND_OBJECT);
		assert_int_equal(node->count, json_object_size(json));
		json_object_foreach((json_t *)(uintptr_t)json, name, value)
		    compare(json_node_get(node, name), value);
		assert_null(json_node_get(node, "missing"));
		break;
	case JSON_ARRAY:
		assert_int_equal(node->kind, JSON_KIND_ARRAY);
		assert_int_equal(node->count, json_array_size(json));
		node = json_node_first(node);
		json_array_foreach(json, index, value)
		{
			compare(node, value);
			node = json_node_next(node);
		}
		break;
	case JSON_STRING:
		buf_init(&text, 0);
		json_node_put(node, &text);
		assert_int_equal(text.length, json_string_length(json));
		if (text.length > 0)
			assert_memory_equal(text.bytes, json_string_value(json), text.length);
		assert_true(json_node_equals(node, json_string_value(json)));
		buf_fini(&text);
		break;
	case JSON_INTEGER:
		assert_int_equal(json_node_integer(node), json_integer_value(json));
		assert_true(json_node_number(node) == json_number_value(json));
		break;
	case JSON_REAL:
		assert_true(json_node_number(node) == json_real_value(json));
		assert_int_equal(json_node_integer(node), 0);
		break;
	case JSON_TRUE: assert_true(json_node_is_word(node, "true")); break;
	case JSON_FALSE: assert_true(json_node_is_word(node, "false")); break;
	default: assert_true(json_node_is_word(node, "null")); break;
	}
}

/* In memory of its own, so that a step beyond it is seen. */
static void
expect_same(const char *text, size_t length)
{
	char error[100], *copy = malloc(length + 1);
	struct json_outline outline;
	const struct json_node *node;
	json_t *json = json_parse(text, length, error, sizeof error);

	assert_non_null(copy);
	copy = realloc(copy, length > 0 ? length : 1);
	memcpy(copy, text, length);
	node = json_outline_read(&outline, copy, length);
	if ((node == NULL) != (json == NULL))
		fail_msg("%.*s: %s", (int)length, text, json == NULL ? error : "refused");
	if (json != NULL)
		compare(node, json);
	json_outline_fini(&outline);
	json_decref(json);
	free(copy);
}

static void
test_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		for (size_t length = 0; length <= strlen(texts[i]); length++)
			expect_same(texts[i], length);
}

/* Each text with each of its bytes replaced by some others. */
static void
test_changed(void **state)
{
	static const char others[] = "\"\\{}[],:0 e-\x80\x01u";
	char text[100];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		size_t length = strlen(texts[i]);

		for (size_t at = 0; at < length; at++) {
			for (size_t other = 0; other < strlen(others); other++) {
				memcpy(text, texts[i], length);
				text[at] = others[other];
				expect_same(text, length);
			}
		}
	}
}

static void
test_depth(void **state)
{
	char text[2 * JSON_DEPTH_LIMIT + 2];

	(void)state;
	memset(text, '[', JSON_DEPTH_LIMIT + 1);
	memset(text + JSON_DEPTH_LIMIT + 1, ']', JSON_DEPTH_LIMIT + 1);
	expect_same(text, sizeof text);
	expect_same(text + 1, sizeof text - 2);
}

static void
test_members(void **state)
{
	struct json_outline outline;
	struct buf text;

	(void)state;
	for (int count = JSON_OUTLINE_MEMBERS; count <= JSON_OUTLINE_MEMBERS + 1; count++) {
		buf_init(&text, 0);
		for (int i = 0; i < count; i++)
			buf_printf(&text, "%s\"%d\":%d", i == 0 ? "{" : ",", i, i);
		buf_puts(&text, "}");
		assert_true((json_outline_read(&outline, text.bytes, text.length) != NULL) ==
		            (count == JSON_OUTLINE_MEMBERS));
		json_outline_fini(&outline);
		buf_fini(&text);
	}
}

static void
test_values(void **state)
{
	static const char text[] = "{\"text\":\"a\\u0062\",\"great\":1e999,\"many\":123456789"
	                           "0123456789,\"long\":0.000000000000000000000000000000000000"
	                           "00000000000000000000000000001}";
	struct arena *arena = arena_new(0);
	struct json_outline outline;
	const struct json_node *json = json_outline_read(&outline, text, strlen(text));

	(void)state;
	assert_non_null(arena);
	assert_string_equal(json_node_string(json_node_get(json, "text"), arena), "ab");
	assert_null(json_node_string(json, arena));
	assert_null(json_node_string(NULL, arena));
	assert_true(json_node_equals(json_node_get(json, "text"), "ab"));
	assert_false(json_node_equals(json_node_get(json, "text"), "abc"));
	assert_true(isinf(json_node_number(json_node_get(json, "great"))));
	assert_true(isinf(json_node_number(json_node_get(json, "long"))));
	assert_int_equal(json_node_integer(json_node_get(json, "many")), 0);
	assert_int_equal(json_node_integer(json_node_get(json, "text")), 0);
	assert_null(json_node_get(json_node_get(json, "text"), "text"));
	assert_null(json_node_first(json));
	json_outline_fini(&outline);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same),   cmocka_unit_test(test_changed),
	    cmocka_unit_test(test_depth),  cmocka_unit_test(test_members),
	    cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
