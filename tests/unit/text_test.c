/* SPDX-License-Identifier: MIT
 * Text: UTF-8 as RFC 3629 has it, NFC, trimming, folding, and no quadratic time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/base/text.h"

static bool
valid(const char *text)
{
	return text_valid(text, strlen(text));
}

static void
test_valid_utf8(void **state)
{
	(void)state;
	static const char *const good[] = {
	    "",
	    "plain",
	    "\x7f",
	    "é",
	    "한국어",
	    "\xef\xbf\xbf",
	    "\xee\x80\x80",
	    "\xed\x9f\xbf",
	    "😀",
	    "\xf0\x90\x80\x80",
	    "\xf4\x8f\xbf\xbf",
	    "eight by eight 한 and on",
	};
	for (size_t i = 0; i < COUNT_OF(good); i++)
		if (!valid(good[i]))
			fail_msg("%zu: %s", i, good[i]);
}

static void
test_invalid_utf8(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "\x80",
	    "\xbf",
	    "\xc0\xaf",
	    "\xc1\xbf",
	    "\xc3",
	    "\xc3(",
	    "\xe0\x80\xaf",
	    "\xe0\x9f\xbf",
	    "\xe1\x80",
	    "\xed\xa0\x80",
	    "\xed\xbf\xbf",
	    "\xf0\x80\x80\xaf",
	    "\xf0\x8f\xbf\xbf",
	    "\xf0\x90\x80",
	    "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80",
	    "\xfe",
	    "\xff",
	    "plain text, then \xff",
	    "12345678\xc3",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (valid(bad[i]))
			fail_msg("%zu", i);
	assert_false(text_valid("a\0b", 3));
	assert_false(text_valid("12345678\0", 9));
	assert_false(text_valid("\xed\x95\x9c", 2)); /* cut by the length */
	assert_true(text_valid("ab\xff", 2));
}

/* A bad byte is found at every place, whatever the words of the scan. */
static void
test_a_bad_byte_anywhere(void **state)
{
	(void)state;
	for (size_t length = 1; length < 30; length++) {
		for (size_t at = 0; at < length; at++) {
			char text[30];
			memset(text, 'a', sizeof text);
			assert_true(text_valid(text, length));
			text[at] = (char)0x80;
			assert_false(text_valid(text, length));
			text[at] = '\0';
			assert_false(text_valid(text, length));
		}
	}
}

static void
test_length_in_code_points(void **state)
{
	(void)state;
	assert_int_equal(text_length(""), 0);
	assert_int_equal(text_length("abc"), 3);
	assert_int_equal(text_length("한국어 é😀"), 6);
}

static void
test_nfc(void **state)
{
	struct arena *arena = *state;
	assert_string_equal(text_nfc(arena, "plain"), "plain");
	assert_string_equal(text_nfc(arena, "e\xcc\x81"), "é");
	assert_string_equal(text_nfc(arena, "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"), "한");
	assert_string_equal(text_nfc(arena, "\xe2\x84\xab"), "Å"); /* ANGSTROM SIGN */
	assert_string_equal(text_nfc(arena, "ﬁ"), "ﬁ");            /* no compatibility mapping */
	assert_string_equal(text_nfc(arena, "a\xcc\x81\xcc\xa3"), "ạ\xcc\x81");
	assert_null(text_nfc(arena, "bad \xff"));
	assert_null(text_nfc(arena, "\xed\xa0\x80"));
}

static void
test_trim(void **state)
{
	struct arena *arena = *state;
	assert_string_equal(text_trim(arena, " \t\r\n a b \v\f"), "a b");
	assert_string_equal(text_trim(arena, "\xe3\x80\x80 한 국\xc2\xa0\xe2\x80\x83"), "한 국");
	assert_string_equal(text_trim(arena, "\xe2\x80\xa8"
	                                     "e\xcc\x81\xe2\x80\xaf"),
	                    "é");
	assert_string_equal(text_trim(arena, ""), "");
	assert_string_equal(text_trim(arena, " \xe3\x80\x80 "), "");
	assert_null(text_trim(arena, " \xff "));
}

static void
test_fold(void **state)
{
	struct arena *arena = *state;
	assert_string_equal(text_fold(arena, "Kim.MinJi@Example.COM"), "kim.minji@example.com");
	assert_string_equal(text_fold(arena, "STRASSE"), text_fold(arena, "Straße"));
	assert_string_equal(text_fold(arena, "ÉCOLE"), "école");
	assert_string_equal(text_fold(arena, "E\xcc\x81"), "é");
	assert_string_equal(text_fold(arena, "ΣΊΣΥΦΟΣ"), text_fold(arena, "σίσυφος"));
	assert_null(text_fold(arena, "\xc3"));
}

static void
test_controls(void **state)
{
	(void)state;
	assert_false(text_has_controls("a\tb\nc 한\xc2\xa0"));
	assert_true(text_has_controls("a\rb"));
	assert_true(text_has_controls("a\x1b[31m"));
	assert_true(text_has_controls("\x7f"));
	assert_true(text_has_controls("\xc2\x85"));
	assert_true(text_has_controls("\xc2\x9f"));
}

static void
test_long_runs_of_marks_are_refused_fast(void **state)
{
	struct arena *arena = *state;
	static const char *const marks[][2] = {
	    {"\xcc\x81", "\xcc\xa3"},         /* above, below: each pair must be swapped */
	    {"\xe0\xbd\xb3", "\xe0\xbd\xb5"}, /* not marks, but decompose to them */
	};
	const size_t count = 200000;
	char *text = malloc(count * 3 + 2);
	for (size_t kind = 0; kind < COUNT_OF(marks); kind++) {
		size_t size = strlen(marks[kind][0]);
		text[0] = 'a';
		for (size_t i = 0; i < count; i++)
			memcpy(text + 1 + i * size, marks[kind][i % 2], size);
		text[1 + count * size] = '\0';
		uint64_t start = clock_us();
		assert_null(text_nfc(arena, text));
		assert_null(text_fold(arena, text));
		assert_true(clock_us() - start < 3000000);
		text[1 + 30 * size] = '\0';
		assert_non_null(text_nfc(arena, text));
		text[1 + 30 * size] = marks[kind][0][0];
		text[1 + 31 * size] = '\0';
		assert_null(text_nfc(arena, text));
	}
	free(text);
}

static void
test_no_memory_is_null(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1);
	assert_null(text_nfc(arena, "a"));
	assert_null(text_nfc(arena, "é"));
	assert_null(text_trim(arena, "a"));
	assert_null(text_fold(arena, "A"));
	arena_free(&arena);
}

static int
open_arena(void **state)
{
	*state = arena_new(0);
	return *state == NULL ? -1 : 0;
}

static int
close_arena(void **state)
{
	struct arena *arena = *state;
	arena_free(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_valid_utf8),
	    cmocka_unit_test(test_invalid_utf8),
	    cmocka_unit_test(test_a_bad_byte_anywhere),
	    cmocka_unit_test(test_length_in_code_points),
	    cmocka_unit_test(test_nfc),
	    cmocka_unit_test(test_trim),
	    cmocka_unit_test(test_fold),
	    cmocka_unit_test(test_controls),
	    cmocka_unit_test(test_long_runs_of_marks_are_refused_fast),
	    cmocka_unit_test(test_no_memory_is_null),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
