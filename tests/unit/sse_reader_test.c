/* SPDX-License-Identifier: MIT
 * sse_reader: the same events come out wherever the stream is cut into pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/ai/sse_reader.h"

#include <stdlib.h>
#include <string.h>

/* Reads `stream` in pieces of `step` bytes; events as "type=data|type=data|". */
static int
read_all(const char *stream, size_t length, size_t step, size_t limit, struct buf *out)
{
	struct sse_reader reader;
	struct sse_event event;
	int found = 0;

	sse_reader_init(&reader, limit);
	buf_clear(out);
	for (size_t at = 0; at < length && found >= 0; at += step) {
		size_t piece = length - at < step ? length - at : step;
		char *copy = malloc(piece); /* so that a sanitizer sees a read beyond it */

		assert_non_null(copy);
		memcpy(copy, stream + at, piece);
		sse_reader_give(&reader, copy, piece);
		while ((found = sse_reader_next(&reader, &event)) == 1) {
			assert_int_equal(event.data[event.length], 0);
			buf_printf(out, "%s=", event.type);
			buf_append(out, event.data, event.length);
			buf_putc(out, '|');
		}
		free(copy);
	}
	sse_reader_fini(&reader);
	return found;
}

static void
expect_bytes(const char *stream, size_t length, const char *events)
{
	struct buf out;

	buf_init(&out, 0);
	buf_puts(&out, "");
	for (size_t step = 1; step <= length; step++) {
		assert_int_equal(read_all(stream, length, step, 1000, &out), 0);
		assert_string_equal(out.bytes != NULL ? out.bytes : "", events);
	}
	buf_fini(&out);
}

static void
expect(const char *stream, const char *events)
{
	expect_bytes(stream, strlen(stream), events);
}

static void
test_fields(void **state)
{
	(void)state;
	expect("data: a\n\ndata: b\n\n", "message=a|message=b|");
	expect("event: error\ndata: x\n\ndata: y\n\n", "error=x|message=y|");
	expect("data:a\ndata: b\ndata:  c\n\n", "message=a\nb\n c|");
	expect("data\n\n", "message=|");
	expect("data\ndata\n\n", "message=\n|");
	expect("data:\n\n", "message=|");
	expect("dat: a\ndatas: b\nDATA: c\ndata: d\n\n", "message=d|");
	expect("data: a:b: c\n\n", "message=a:b: c|");
	expect("event: first\nevent: second\ndata: x\n\n", "second=x|");
}

static void
test_what_is_no_event(void **state)
{
	(void)state;
	expect("\n\n\n", "");
	expect(": a comment\n\n:\n\n", "");
	expect("event: lonely\n\ndata: x\n\n", "message=x|");
	expect("id: 1\nretry: 10\n\n", "");
	expect(": keep-alive\ndata: x\n: y\ndata: z\n\n", "message=x\nz|");
	/* The end of the stream completes nothing. */
	expect("data: x\n\ndata: y\n", "message=x|");
	expect("data: x\n\ndata: y", "message=x|");
}

static void
test_line_ends(void **state)
{
	(void)state;
	expect("data: a\r\n\r\ndata: b\r\n\r\n", "message=a|message=b|");
	expect("data: a\r\rdata: b\r\r", "message=a|message=b|");
	expect("data: a\ndata: b\r\ndata: c\rdata: d\n\r\n", "message=a\nb\nc\nd|");
	expect("data: a\r\n\n", "message=a|");
	expect("data: a\r\n\n\r\r\ndata: b\n\n", "message=a|message=b|");
}

static void
test_bytes(void **state)
{
	(void)state;
	expect("\xef\xbb\xbf"
	       "data: a\n\n",
	       "message=a|");
	/* Only at the beginning. */
	expect("\n\xef\xbb\xbf"
	       "data: a\n\n",
	       "");
	expect("data: \xea\xb3\xb5\xeb\xb6\x80\n\n", "message=\xea\xb3\xb5\xeb\xb6\x80|");
	expect_bytes("data: a\0b\n\n", 11, "message=a");
}

static void
test_limit(void **state)
{
	static const char *const streams[] = {
	    "data: 0123456789", "data: 0123456789\n\n", "data: 01234\ndata: 56789\n\n",
	    "event: 0123456789\ndata:\n\n", "0123456789:0123456789"};
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
		for (size_t step = 1; step <= strlen(streams[i]); step++)
			if (read_all(streams[i], strlen(streams[i]), step, 9, &out) != -1)
				fail_msg("%s by %zu", streams[i], step);
	/* What fits may come again and again. */
	assert_int_equal(read_all("data:01\n\ndata:23\n\n", 18, 5, 9, &out), 0);
	assert_string_equal(out.bytes, "message=01|message=23|");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),    cmocka_unit_test(test_what_is_no_event),
	    cmocka_unit_test(test_line_ends), cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests_name("sse_reader", tests, NULL, NULL);
}
