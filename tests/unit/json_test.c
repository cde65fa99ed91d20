/* SPDX-License-Identifier: MIT
 * JSON: the depth scan sees what the parser would, and no nesting reaches the parser's recursion.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/json.h"
#include "common/base/obj.h"

static size_t
depth(const char *text)
{
	return json_depth(text, strlen(text));
}

static json_t *
parse(const char *text, char *error)
{
	return json_parse(text, strlen(text), error, 200);
}

static void
test_depth(void **state)
{
	(void)state;
	assert_int_equal(depth(""), 0);
	assert_int_equal(depth("17"), 0);
	assert_int_equal(depth("[]"), 1);
	assert_int_equal(depth("[[],[[]],{\"a\":[]}]"), 3);
	assert_int_equal(depth("\"[[[[\""), 0);
	assert_int_equal(depth("[\"\\\"[[[[\"]"), 1);
	assert_int_equal(depth("[\"\\\\\",[]]"), 2);
	assert_int_equal(depth("]]]][["), 2);
	assert_int_equal(depth("\"\\"), 0);
	assert_int_equal(json_depth("[[[", 2), 2);
}

static void
test_values(void **state)
{
	(void)state;
	static const char *const good[] = {"null",
	                                   "17",
	                                   "\"x\"",
	                                   "[]",
	                                   " {\"a\": [1, 2.5, true]} \n",
	                                   "\"\\ud83d\\ude00\"",
	                                   "-0.0",
	                                   "9223372036854775807"};
	char error[200];
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		json_t *value = parse(good[i], error);
		if (value == NULL)
			fail_msg("%s: %s", good[i], error);
		json_decref(value);
	}
}

static void
test_errors_are_one_line(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "",
	    "   ",
	    "{",
	    "[1,]",
	    "{\"a\":1,}",
	    "{'a':1}",
	    "[1] 2",
	    "[1]]",
	    "nul",
	    "NaN",
	    "01",
	    "+1",
	    "\"a\nb\"",
	    "\"\\x\"",
	    "\"\\u0000\"",
	    "\"\\ud800\"",
	    "\"\xff\"",
	    "\"\xed\xa0\x80\"",
	    "{\"a\":1,\"a\":2}",
	    "9223372036854775808",
	    "1e999",
	    "[1 \n\n 2]",
	    "\xef\xbb\xbf{}",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char error[200] = "";
		json_t *value = parse(bad[i], error);
		if (value != NULL)
			fail_msg("%s", bad[i]);
		assert_memory_equal(error, "line ", 5);
		assert_null(strchr(error, '\n'));
	}
	char error[200];
	assert_null(json_parse("[\0]", 3, error, sizeof error));
	assert_null(json_parse("[1]\0", 4, error, sizeof error));
	assert_null(parse("{\n\"a\": x}", error));
	assert_memory_equal(error, "line 2, column ", 15);
}

static json_t *
parse_nested(size_t levels, char *error)
{
	char *text = malloc(levels * 2);
	memset(text, '[', levels);
	memset(text + levels, ']', levels);
	json_t *value = json_parse(text, levels * 2, error, 200);
	free(text);
	return value;
}

static void
test_nesting_is_limited(void **state)
{
	(void)state;
	char error[200];
	json_t *value = parse_nested(JSON_DEPTH_LIMIT, error);
	assert_non_null(value);
	json_decref(value);
	assert_null(parse_nested(JSON_DEPTH_LIMIT + 1, error));
	assert_string_equal(error, "nested deeper than 64 levels");
	assert_null(parse_nested(1000000, error));
	char small[5];
	assert_null(json_parse("[", 1, small, sizeof small));
	assert_string_equal(small, "line");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_errors_are_one_line),
	    cmocka_unit_test(test_nesting_is_limited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
