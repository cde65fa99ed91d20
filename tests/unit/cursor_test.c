/* SPDX-License-Identifier: MIT
 * Cursors come back as they were made, and no other text passes for one. */
#include "common/base/ids.h"
#include "common/service/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const struct cursor sample = {.key = -1234567890123, .id = "01jd8v0000000000000000000z"};

static void
cursor_test_comes_back(void **state)
{
	static const int64_t keys[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1763822593123};
	char text[CURSOR_TEXT_SIZE];
	struct cursor back;

	(void)state;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		struct cursor cursor = {.key = keys[i]};

		memset(cursor.id, 'x', i % 2 == 0 ? CURSOR_ID_SIZE - 1 : 1);
		cursor_format(&cursor, "history.List", "u1", text);
		assert_true(strlen(text) < CURSOR_TEXT_SIZE);
		assert_true(cursor_parse(text, "history.List", "u1", &back));
		assert_int_equal(back.key, cursor.key);
		assert_string_equal(back.id, cursor.id);
	}
}

static void
cursor_test_belongs_to_one_list_and_user(void **state)
{
	char text[CURSOR_TEXT_SIZE];
	struct cursor back;

	(void)state;
	cursor_format(&sample, "history.List", "u1", text);
	assert_false(cursor_parse(text, "history.List", "u2", &back));
	assert_false(cursor_parse(text, "plans", "u1", &back));
}

static void
cursor_test_refuses_every_edit(void **state)
{
	char text[CURSOR_TEXT_SIZE], edited[CURSOR_TEXT_SIZE + 1];
	struct cursor back;
	size_t length;

	(void)state;
	cursor_format(&sample, "history.List", "u1", text);
	length = strlen(text);
	for (size_t i = 0; i < length; i++) {
		memcpy(edited, text, length + 1);
		edited[i] = edited[i] == 'A' ? 'B' : 'A';
		assert_false(cursor_parse(edited, "history.List", "u1", &back));
		memcpy(edited, text, i);
		edited[i] = '\0';
		assert_false(cursor_parse(edited, "history.List", "u1", &back));
	}
	memcpy(edited, text, length);
	memcpy(edited + length, "A", 2);
	assert_false(cursor_parse(edited, "history.List", "u1", &back));
	memcpy(edited + length, "=", 2);
	assert_false(cursor_parse(edited, "history.List", "u1", &back));
}

static void
cursor_test_refuses_rubbish(void **state)
{
	static const char *const rubbish[] = {
	    "", "x", "!!!!", "0", "\xff\xfe", "AAAAAAAAAAAAAAAAAAAAAAAA", "' OR 1=1 --"};
	char giant[600];
	struct cursor back;

	(void)state;
	for (size_t i = 0; i < sizeof rubbish / sizeof rubbish[0]; i++)
		assert_false(cursor_parse(rubbish[i], "history.List", "u1", &back));
	memset(giant, 'A', sizeof giant - 1);
	giant[sizeof giant - 1] = '\0';
	assert_false(cursor_parse(giant, "history.List", "u1", &back));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cursor_test_comes_back),
	    cmocka_unit_test(cursor_test_belongs_to_one_list_and_user),
	    cmocka_unit_test(cursor_test_refuses_every_edit),
	    cmocka_unit_test(cursor_test_refuses_rubbish),
	};

	if (ids_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
