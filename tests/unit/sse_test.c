/* SPDX-License-Identifier: MIT
 * Server-sent events: the text is what a browser's parser expects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/obj.h"
#include "gateway/sse.h"

static void
expect_event(const char *id, const char *event, const char *data, const char *expected)
{
	struct buf out;
	buf_init(&out, 0);
	sse_put_event(&out, id, event, data, strlen(data));
	assert_string_equal(out.bytes, expected);
	buf_fini(&out);
}

static void
events_have_id_name_and_data(void **state)
{
	(void)state;
	expect_event("7", "plan", "{}", "id: 7\nevent: plan\ndata: {}\n\n");
	expect_event(NULL, NULL, "x", "data: x\n\n");
	expect_event(NULL, NULL, "", "data: \n\n");
	expect_event(NULL, NULL, " x", "data:  x\n\n");
}

static void
every_line_of_data_is_a_field(void **state)
{
	(void)state;
	expect_event(NULL, NULL, "a\nb", "data: a\ndata: b\n\n");
	expect_event(NULL, NULL, "a\r\nb\rc\n", "data: a\ndata: b\ndata: c\ndata: \n\n");
	expect_event(NULL, NULL, "a\n\nid: 9", "data: a\ndata: \ndata: id: 9\n\n");
}

static void
comments_and_retry_end_with_an_empty_line(void **state)
{
	(void)state;
	struct buf out;
	buf_init(&out, 0);
	sse_put_retry(&out, 2000);
	sse_put_comment(&out);
	assert_string_equal(out.bytes, "retry: 2000\n\n:\n\n");
	buf_fini(&out);
}

static void
ids_are_short_and_visible(void **state)
{
	(void)state;
	char longest[SSE_MAX_ID + 2];
	memset(longest, 'a', sizeof longest);
	longest[SSE_MAX_ID + 1] = '\0';
	assert_false(sse_id_valid(longest));
	longest[SSE_MAX_ID] = '\0';
	assert_true(sse_id_valid(longest));
	assert_true(sse_id_valid("1.42"));
	assert_false(sse_id_valid(NULL));
	assert_false(sse_id_valid(""));
	assert_false(sse_id_valid("a b"));
	assert_false(sse_id_valid("a\n"));
	assert_false(sse_id_valid("\xc3\xa9"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(events_have_id_name_and_data),
	    cmocka_unit_test(every_line_of_data_is_a_field),
	    cmocka_unit_test(comments_and_retry_end_with_an_empty_line),
	    cmocka_unit_test(ids_are_short_and_visible),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
