/* SPDX-License-Identifier: MIT
 * plan_reader: the same days come out wherever the text is cut into pieces and whatever stands
 * around them, each with its last bracket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "services/planner/ai/plan_reader.h"

#include <stdlib.h>
#include <string.h>

static void
read_all(const char *text, size_t step, struct buf *out)
{
	struct plan_reader reader;
	const char *object;
	size_t length;

	plan_reader_init(&reader);
	buf_clear(out);
	buf_puts(out, "");
	for (size_t at = 0; at < strlen(text); at += step) {
		size_t piece = strlen(text) - at < step ? strlen(text) - at : step;
		char *copy = malloc(piece); /* so that a sanitizer sees a read beyond it */

		assert_non_null(copy);
		memcpy(copy, text + at, piece);
		plan_reader_give(&reader, copy, piece);
		while (plan_reader_next(&reader, &object, &length)) {
			assert_int_equal(strlen(object), length);
			buf_append(out, object, length);
			buf_putc(out, '|');
		}
		free(copy);
	}
	plan_reader_fini(&reader);
}

static void
expect(const char *text, const char *days)
{
	struct buf out;

	buf_init(&out, 0);
	for (size_t step = 1; step <= strlen(text); step++) {
		read_all(text, step, &out);
		if (strcmp(out.bytes, days) != 0)
			fail_msg("%s by %zu: %s", text, step, out.bytes);
	}
	buf_fini(&out);
}

static void
test_plain(void **state)
{
	(void)state;
	expect("{\"days\":[{\"a\":1},{\"b\":[{}]}]}", "{\"a\":1}|{\"b\":[{}]}|");
	expect("{ \"days\" :\n[ {\"a\":1} , {\"b\":2} ] }", "{\"a\":1}|{\"b\":2}|");
	expect("{\"days\":[]}", "");
	expect("{\"note\":\"x\",\"n\":[1,2],\"days\":[{}]}", "{}|");
	expect("{\"plan\":{\"days\":[{\"a\":1}]}}", "{\"a\":1}|");
	expect("[{\"a\":1},{\"b\":2}]", "{\"a\":1}|{\"b\":2}|");
	expect("", "");
}

static void
test_around(void **state)
{
	(void)state;
	expect("```json\n{\"days\":[{\"a\":1}]}\n```\n", "{\"a\":1}|");
	expect("Sure! Here is {your} 5\" plan [1]:\n{\"days\":[{\"a\":1}]} Good luck {x}",
	       "{\"a\":1}|");
	expect("The \"days\" are: {\"days\":[{\"a\":1}]}", "{\"a\":1}|");
	expect("\"\"days\":[{\"a\":1}]", "{\"a\":1}|");
	expect("[Note] [{\"a\":1}]", "{\"a\":1}|");
	/* A second list is no part of it. */
	expect("{\"days\":[{\"a\":1}],\"days\":[{\"b\":2}]}[{\"c\":3}]", "{\"a\":1}|");
	expect("{\"days\":[],\"days\":[{\"b\":2}]}", "{\"b\":2}|");
}

static void
test_what_is_no_day(void **state)
{
	(void)state;
	expect("I cannot do that.", "");
	expect("{\"schedule\":[{\"a\":1}]}", "");
	expect("{\"days\":\"[{}]\"}", "");
	expect("{\"days\":{\"a\":[{}]}}", "");
	expect("{\"title\":\"\\\"days\\\":[{}]\"}", "");
	expect("{\"days\":[1,\"x\",null,{\"a\":1}]}", "{\"a\":1}|");
}

static void
test_strings(void **state)
{
	(void)state;
	expect("{\"days\":[{\"a\":\"}]{[\"},{\"b\":\"\\\"}\\\\\"}]}",
	       "{\"a\":\"}]{[\"}|{\"b\":\"\\\"}\\\\\"}|");
	expect("{\"days\":[{\"a\":\"\xea\xb3\xb5\"}]}", "{\"a\":\"\xea\xb3\xb5\"}|");
}

static void
test_cut(void **state)
{
	(void)state;
	expect("{\"days\":[{\"a\":1},{\"b\":2", "{\"a\":1}|");
	expect("{\"days\":[{\"a\":1},{\"b\":\"2}", "{\"a\":1}|");
	expect("{\"days\":[{\"a\":1},", "{\"a\":1}|");
	expect("{\"days\":", "");
	expect("{\"da", "");
}

static void
test_limit(void **state)
{
	struct plan_reader reader;
	const char *object, begin[] = "{\"days\":[{\"a\":1},{\"b\":\"";
	size_t length;
	char filler[1000];

	(void)state;
	plan_reader_init(&reader);
	plan_reader_give(&reader, begin, strlen(begin));
	assert_true(plan_reader_next(&reader, &object, &length));
	assert_false(plan_reader_next(&reader, &object, &length));
	memset(filler, 'x', sizeof filler);
	for (size_t i = 0; i <= PLAN_READER_LIMIT / sizeof filler; i++) {
		assert_false(reader.overflow);
		plan_reader_give(&reader, filler, sizeof filler);
		assert_false(plan_reader_next(&reader, &object, &length));
	}
	assert_true(reader.overflow);
	plan_reader_give(&reader, "\"},{\"c\":1}]}", 12);
	assert_false(plan_reader_next(&reader, &object, &length));
	plan_reader_fini(&reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_around),
	    cmocka_unit_test(test_what_is_no_day),
	    cmocka_unit_test(test_strings),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests_name("plan_reader", tests, NULL, NULL);
}
