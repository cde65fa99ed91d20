/* SPDX-License-Identifier: MIT
 * Length-delimited messages: what was put in comes out, however the bytes were cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/delimited.h"
#include "common/base/obj.h"
#include "planner.pb-c.h"

static void
put(struct buf *out, size_t length)
{
	Planner__Reset message = PLANNER__RESET__INIT;
	char *text = malloc(length + 1);
	assert_non_null(text);
	memset(text, 'r', length);
	text[length] = '\0';
	message.reason = text;
	delimited_put(out, &message.base);
	free(text);
}

static const size_t lengths[] = {0, 1, 124, 125, 126, 127, 300, 16381, 16382, 70000, 3};

/* Feeds all of it in steps and returns how many of the messages came out. */
static size_t
read_back(const struct buf *all, size_t step)
{
	struct delimited reader;
	const void *bytes;
	size_t length, count = 0;
	delimited_init(&reader, 100000);
	for (size_t at = 0; at < all->length; at += step) {
		size_t part = all->length - at < step ? all->length - at : step;
		assert_true(delimited_feed(&reader, all->bytes + at, part));
		int next;
		while ((next = delimited_next(&reader, &bytes, &length)) == 1) {
			Planner__Reset *message = planner__reset__unpack(NULL, length, bytes);
			assert_non_null(message);
			assert_true(count < COUNT_OF(lengths));
			assert_int_equal(strlen(message->reason), lengths[count]);
			planner__reset__free_unpacked(message, NULL);
			count++;
		}
		assert_int_equal(next, 0);
	}
	delimited_fini(&reader);
	return count;
}

static void
messages_come_out_as_they_went_in(void **state)
{
	(void)state;
	static const size_t steps[] = {1, 2, 3, 7, 128, 1000, 32768, 1000000};
	struct buf all;
	buf_init(&all, 0);
	for (size_t i = 0; i < COUNT_OF(lengths); i++)
		put(&all, lengths[i]);
	assert_false(buf_failed(&all));
	for (size_t i = 0; i < COUNT_OF(steps); i++)
		assert_int_equal(read_back(&all, steps[i]), COUNT_OF(lengths));
	buf_fini(&all);
}

static void
an_empty_message_is_one_byte(void **state)
{
	(void)state;
	Planner__Reset message = PLANNER__RESET__INIT;
	struct delimited reader;
	const void *bytes;
	size_t length;
	struct buf out;
	buf_init(&out, 0);
	delimited_put(&out, &message.base);
	assert_int_equal(out.length, 1);
	delimited_init(&reader, 10);
	assert_int_equal(delimited_next(&reader, &bytes, &length), 0);
	assert_true(delimited_feed(&reader, out.bytes, out.length));
	assert_int_equal(delimited_next(&reader, &bytes, &length), 1);
	assert_int_equal(length, 0);
	assert_int_equal(delimited_next(&reader, &bytes, &length), 0);
	delimited_fini(&reader);
	buf_fini(&out);
}

static void
expect_refused(const void *bytes, size_t count)
{
	struct delimited reader;
	const void *message;
	size_t length;
	delimited_init(&reader, 1000);
	assert_true(delimited_feed(&reader, bytes, count));
	assert_int_equal(delimited_next(&reader, &message, &length), -1);
	delimited_fini(&reader);
}

static void
a_length_beyond_the_limit_is_refused_before_its_bytes_come(void **state)
{
	(void)state;
	expect_refused("\xe9\x07", 2); /* 1001 */
	expect_refused("\xff\xff\xff\xff\x0f", 5);
	expect_refused("\xff\xff\xff\xff\xff\x01", 6); /* no length */
	expect_refused("\x80\x80\x80\x80\x80\x80", 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(messages_come_out_as_they_went_in),
	    cmocka_unit_test(an_empty_message_is_one_byte),
	    cmocka_unit_test(a_length_beyond_the_limit_is_refused_before_its_bytes_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
