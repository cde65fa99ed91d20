/* SPDX-License-Identifier: MIT
 * A failure comes back from its bytes as it was; other bytes are no failure. */
#include "common/actor/failure.h"

#include "common/base/arena.h"
#include "common/base/obj.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct arena *arena;

static int
failure_test_set_up(void **state)
{
	(void)state;
	arena = arena_new(1 << 20);
	return arena != NULL ? 0 : -1;
}

static int
failure_test_tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void
failure_test_comes_back_as_it_was(void **state)
{
	struct violation second = {.pointer = "limit", .detail = "must be 1 to 100"};
	struct violation first = {.pointer = "/goal", .detail = "is required", .next = &second};
	struct reply cases[] = {
	    {.status = STATUS_VALIDATION, .violations = &first},
	    {.status = STATUS_INVALID_JSON, .detail = "line 1, column 2: that's no JSON"},
	    {.status = STATUS_CONFLICT, .detail = ""},
	    {.status = STATUS_EMAIL_TAKEN},
	};
	struct reply back;
	const void *bytes;
	size_t length;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		bytes = failure_pack(&cases[i], arena, &length);
		assert_non_null(bytes);
		assert_int_equal(failure_unpack(bytes, length, arena, &back), STATUS_OK);
		assert_int_equal(back.status, cases[i].status);
		assert_int_equal(back.detail != NULL, cases[i].detail != NULL);
		if (back.detail != NULL)
			assert_string_equal(back.detail, cases[i].detail);
		if (i > 0)
			assert_null(back.violations);
	}
	bytes = failure_pack(&cases[0], arena, &length);
	assert_int_equal(failure_unpack(bytes, length, arena, &back), STATUS_OK);
	assert_string_equal(back.violations->pointer, "/goal");
	assert_string_equal(back.violations->detail, "is required");
	assert_string_equal(back.violations->next->pointer, "limit");
	assert_string_equal(back.violations->next->detail, "must be 1 to 100");
	assert_null(back.violations->next->next);
}

static void
failure_test_other_bytes_are_none(void **state)
{
	static const char *const bad[] = {"", "\xff\xff\xff\xff", "x", "\x08"};
	struct reply well = {.status = STATUS_OK}, back;
	const void *bytes;
	size_t length;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(failure_unpack(bad[i], strlen(bad[i]), arena, &back),
		                 STATUS_INTERNAL);
	bytes = failure_pack(&well, arena, &length);
	assert_int_equal(failure_unpack(bytes, length, arena, &back), STATUS_INTERNAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(failure_test_comes_back_as_it_was),
	    cmocka_unit_test(failure_test_other_bytes_are_none),
	};

	return cmocka_run_group_tests_name("failure", tests, failure_test_set_up,
	                                   failure_test_tear_down);
}
