/* SPDX-License-Identifier: MIT
 * iCalendar output: RFC 5545's line rules, escaping, and the properties of an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "services/planner/builtin/ical.h"

#define NINE_THIRTY 1777887000250000 /* 2026-05-04T09:30:00.250Z */

static struct buf
written(const char *name, const struct ical_event *events, size_t count, enum plan_locale locale)
{
	struct ical_calendar calendar = {
	    .name = name, .locale = locale, .events = events, .event_count = count};
	struct buf out;

	buf_init(&out, 0);
	ical_write(&out, &calendar);
	assert_false(buf_failed(&out));
	return out;
}

/* Every line ends in CRLF, has at most 75 octets and whole code points; returns it unfolded. */
static char *
unfold(const struct buf *out)
{
	char *text = calloc(1, out->length + 1);
	size_t length = 0;

	assert_non_null(text);
	for (const char *line = out->bytes; *line != '\0';) {
		const char *end = strstr(line, "\r\n");

		assert_non_null(end);
		assert_true(end - line <= 75);
		assert_null(memchr(line, '\n', (size_t)(end - line)));
		assert_true(text_valid(line, (size_t)(end - line)));
		if (*line == ' ' && length > 0) {
			length -= 1;
			line++;
		}
		memcpy(text + length, line, (size_t)(end - line));
		length += (size_t)(end - line);
		text[length++] = '\n';
		text[length] = '\0';
		line = end + 2;
	}
	return text;
}

static void
an_item_is_an_all_day_event(void **state)
{
	static const struct ical_event event = {.id = "item_1",
	                                        .day = 20577,
	                                        .title = "Study: Chapter 1",
	                                        .minutes = 45,
	                                        .kind = PLAN_STUDY,
	                                        .sequence = 3,
	                                        .changed_us = NINE_THIRTY};
	struct buf out = written("Calculus", &event, 1, PLAN_EN);

	(void)state;
	assert_string_equal(out.bytes, "BEGIN:VCALENDAR\r\n"
	                               "VERSION:2.0\r\n"
	                               "PRODID:-//Studyhall//Study plan//EN\r\n"
	                               "CALSCALE:GREGORIAN\r\n"
	                               "X-WR-CALNAME:Calculus\r\n"
	                               "BEGIN:VEVENT\r\n"
	                               "UID:item_1@studyhall\r\n"
	                               "DTSTAMP:20260504T093000Z\r\n"
	                               "SEQUENCE:3\r\n"
	                               "DTSTART;VALUE=DATE:20260504\r\n"
	                               "DTEND;VALUE=DATE:20260505\r\n"
	                               "SUMMARY:Study: Chapter 1\r\n"
	                               "DESCRIPTION:45 minutes\r\n"
	                               "CATEGORIES:Study\r\n"
	                               "STATUS:CONFIRMED\r\n"
	                               "TRANSP:TRANSPARENT\r\n"
	                               "END:VEVENT\r\n"
	                               "END:VCALENDAR\r\n");
	buf_fini(&out);
}

static void
text_is_escaped_and_loses_its_controls(void **state)
{
	static const struct ical_event event = {.id = "a",
	                                        .title = "a,b;c\\d\ne\rf\x01g\x7f",
	                                        .minutes = 5,
	                                        .kind = PLAN_TEST,
	                                        .done = true};
	struct buf out = written("x", &event, 1, PLAN_KO);
	char *text = unfold(&out);

	(void)state;
	assert_non_null(strstr(text, "\nSUMMARY:a\\,b\\;c\\\\d\\nefg\n"));
	assert_non_null(strstr(text, "\nDESCRIPTION:5분\\, 완료\n"));
	assert_non_null(strstr(text, "\nCATEGORIES:평가\n"));
	free(text);
	buf_fini(&out);
}

static void
long_lines_are_folded_between_code_points(void **state)
{
	char title[2 * 200 * 4 + 1];

	(void)state;
	/* Every offset of a multi-byte sequence against the fold. */
	for (size_t shift = 0; shift < 80; shift++) {
		struct ical_event event = {.id = "a", .title = title, .minutes = 5};
		size_t length = 0;

		memset(title, 'x', shift);
		length = shift;
		for (int i = 0; i < 60; i++) {
			const char *piece = i % 3 == 0 ? "가" : i % 3 == 1 ? "😀" : "é";

			memcpy(title + length, piece, strlen(piece));
			length += strlen(piece);
		}
		title[length] = '\0';
		struct buf out = written(title, &event, 1, PLAN_KO);
		char *text = unfold(&out);

		assert_non_null(strstr(text, title));
		free(text);
		buf_fini(&out);
	}
}

static void
a_plan_without_items_is_still_valid(void **state)
{
	struct buf out = written("x", NULL, 0, PLAN_EN);

	(void)state;
	assert_non_null(strstr(out.bytes, "BEGIN:VTIMEZONE"));
	assert_null(strstr(out.bytes, "VEVENT"));
	buf_fini(&out);
}

static void
a_full_buffer_is_an_error(void **state)
{
	static const struct ical_event event = {.id = "a", .title = "t", .minutes = 5};
	struct ical_calendar calendar = {.name = "n", .events = &event, .event_count = 1};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	ical_write(&out, &calendar);
	assert_true(buf_failed(&out));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_item_is_an_all_day_event),
	    cmocka_unit_test(text_is_escaped_and_loses_its_controls),
	    cmocka_unit_test(long_lines_are_folded_between_code_points),
	    cmocka_unit_test(a_plan_without_items_is_still_valid),
	    cmocka_unit_test(a_full_buffer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
