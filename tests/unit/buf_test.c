/* SPDX-License-Identifier: MIT
 * Buffer: growth, limit, sticky failure, JSON escaping at every place of the eight-byte scan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/base/buf.h"

static void
test_appends_grow_and_stay_terminated(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 0);
	assert_null(buf_take(&buf, NULL));
	for (int i = 0; i < 10000; i++) {
		buf_putc(&buf, (char)('a' + i % 26));
		assert_int_equal(buf.bytes[buf.length], '\0');
	}
	buf_puts(&buf, "!");
	buf_printf(&buf, "%0300d", 7);
	assert_int_equal(buf.length, 10301);
	assert_int_equal(strlen(buf.bytes), 10301);
	assert_int_equal(buf.bytes[9999], 'a' + 9999 % 26);
	buf_consume(&buf, 10000);
	assert_int_equal(buf.length, 301);
	assert_int_equal(buf.bytes[0], '!');
	assert_int_equal(buf.bytes[300], '7');
	buf_consume(&buf, 301);
	assert_string_equal(buf.bytes, "");
	buf_fini(&buf);
	assert_null(buf.bytes);
}

static void
test_limit_is_exact_and_failure_sticks(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 10);
	buf_puts(&buf, "0123456789");
	assert_false(buf_failed(&buf));
	buf_putc(&buf, 'x');
	assert_true(buf_failed(&buf));
	buf_clear(&buf);
	assert_false(buf_failed(&buf));
	assert_string_equal(buf.bytes, "");
	buf_printf(&buf, "%s", "01234567890");
	assert_true(buf_failed(&buf));
	assert_int_equal(buf.length, 0);
	buf_puts(&buf, "a");
	assert_int_equal(buf.length, 0);
	size_t length = 99;
	assert_null(buf_take(&buf, &length));
	assert_int_equal(length, 0);
	assert_false(buf_failed(&buf));
	buf_puts(&buf, "again");
	char *taken = buf_take(&buf, &length);
	assert_string_equal(taken, "again");
	assert_int_equal(length, 5);
	free(taken);
	buf_fini(&buf);
}

static void
test_space_never_exceeds_the_limit(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 1000);
	while (!buf_failed(&buf)) {
		buf_puts(&buf, "0123456789abcdef");
		assert_true(buf.space <= 1001);
	}
	assert_int_equal(buf.length, 992);
	buf_fini(&buf);
}

static void
test_sizes_do_not_overflow(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 0);
	buf_puts(&buf, "x");
	assert_null(buf_reserve(&buf, SIZE_MAX));
	assert_true(buf_failed(&buf));
	buf_clear(&buf);
	buf_puts(&buf, "x");
	assert_null(buf_reserve(&buf, SIZE_MAX - 1));
	buf_clear(&buf);
	assert_null(buf_reserve(&buf, PTRDIFF_MAX));
	buf_fini(&buf);
	buf_init(&buf, SIZE_MAX);
	assert_null(buf_reserve(&buf, SIZE_MAX));
	buf_fini(&buf);
}

static void
test_reserve_and_advance(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 0);
	memcpy(buf_reserve(&buf, 300), "abc", 3);
	buf_advance(&buf, 3);
	assert_string_equal(buf.bytes, "abc");
	memcpy(buf_reserve(&buf, 2), "de", 2);
	buf_advance(&buf, 2);
	assert_string_equal(buf.bytes, "abcde");
	buf_fini(&buf);
}

static void
test_json_escapes(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 0);
	buf_put_json_string(&buf, "\"\\/\b\f\n\r\t\x01\x1f\x7f\0한é", 17);
	assert_string_equal(buf.bytes, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000한é\"");
	buf_clear(&buf);
	buf_put_json_string(&buf, NULL, 0);
	assert_string_equal(buf.bytes, "\"\"");
	buf_fini(&buf);
}

/* Each character at each place of a text of each length reads back as it was. */
static void
test_json_reads_back(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 0);
	for (int c = 1; c < 0x80; c++) {
		for (size_t length = 1; length < 20; length++) {
			for (size_t at = 0; at < length; at++) {
				char text[20];
				memset(text, 'a', length);
				text[at] = (char)c;
				buf_clear(&buf);
				buf_put_json_string(&buf, text, length);
				json_t *value =
				    json_loadb(buf.bytes, buf.length, JSON_DECODE_ANY, NULL);
				assert_non_null(value);
				assert_int_equal(json_string_length(value), length);
				assert_memory_equal(json_string_value(value), text, length);
				json_decref(value);
			}
		}
	}
	buf_fini(&buf);
}

static void
test_json_keeps_the_limit(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 100);
	char text[80];
	memset(text, '\n', sizeof text);
	buf_put_json_string(&buf, text, sizeof text);
	assert_true(buf_failed(&buf));
	buf_fini(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_appends_grow_and_stay_terminated),
	    cmocka_unit_test(test_limit_is_exact_and_failure_sticks),
	    cmocka_unit_test(test_space_never_exceeds_the_limit),
	    cmocka_unit_test(test_sizes_do_not_overflow),
	    cmocka_unit_test(test_reserve_and_advance),
	    cmocka_unit_test(test_json_escapes),
	    cmocka_unit_test(test_json_reads_back),
	    cmocka_unit_test(test_json_keeps_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
