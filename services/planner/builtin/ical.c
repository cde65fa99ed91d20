/* SPDX-License-Identifier: MIT
 * Writes RFC 5545: content lines are built unfolded, then folded and ended in one place. */
#include "services/planner/builtin/ical.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/base/date.h"

#define ICAL_LINE_OCTETS 75 /* without the line break, RFC 5545 section 3.1 */
#define ICAL_LINE_LIMIT  (64 * 1024)

/* The line in `line` goes to `out` with its breaks; a continuation starts with a space, which
 * counts. */
static void
ical_fold(struct buf *out, struct buf *line)
{
	size_t width = ICAL_LINE_OCTETS;
	size_t at = 0;

	if (buf_failed(line)) {
		out->failed = true;
		return;
	}
	while (line->length - at > width) {
		size_t end = at + width;

		while (((unsigned char)line->bytes[end] & 0xc0) == 0x80)
			end--;
		buf_append(out, line->bytes + at, end - at);
		buf_puts(out, "\r\n ");
		at = end;
		width = ICAL_LINE_OCTETS - 1;
	}
	if (line->length > at)
		buf_append(out, line->bytes + at, line->length - at);
	buf_puts(out, "\r\n");
	buf_clear(line);
}

/* A value of type TEXT, section 3.3.11. */
static void
ical_put_text(struct buf *line, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\\' || c == ';' || c == ',')
			buf_putc(line, '\\');
		if (c == '\n')
			buf_puts(line, "\\n");
		else if ((c >= 0x20 && c != 0x7f) || c == '\t')
			buf_putc(line, (char)c);
	}
}

static void
ical_text(struct buf *out, struct buf *line, const char *property, const char *text)
{
	buf_puts(line, property);
	buf_putc(line, ':');
	ical_put_text(line, text);
	ical_fold(out, line);
}

static void
ical_date(struct buf *out, struct buf *line, const char *property, int32_t day)
{
	char text[DATE_TEXT_SIZE];

	date_format(day, text);
	buf_printf(line, "%s;VALUE=DATE:%.4s%.2s%.2s", property, text, text + 5, text + 8);
	ical_fold(out, line);
}

/* 20260504T093000Z, from 2026-05-04T09:30:00[.250]Z */
static void
ical_instant(struct buf *out, struct buf *line, const char *property, int64_t instant_us)
{
	char text[INSTANT_TEXT_SIZE];

	instant_format(instant_us, text);
	buf_printf(line, "%s:%.4s%.2s%.2sT%.2s%.2s%.2sZ", property, text, text + 5, text + 8,
	           text + 11, text + 14, text + 17);
	ical_fold(out, line);
}

static void
ical_event(struct buf *out, struct buf *line, const struct ical_event *event,
           enum plan_locale locale)
{
	static const char *const kinds[2][3] = {
	    [PLAN_KO] = {"학습", "복습", "평가"},
	    [PLAN_EN] = {"Study", "Review", "Test"},
	};
	bool korean = locale == PLAN_KO;

	buf_puts(out, "BEGIN:VEVENT\r\n");
	buf_printf(line, "UID:%s@studyhall", event->id);
	ical_fold(out, line);
	ical_instant(out, line, "DTSTAMP", event->changed_us);
	buf_printf(line, "SEQUENCE:%d", event->sequence);
	ical_fold(out, line);
	ical_date(out, line, "DTSTART", event->day);
	ical_date(out, line, "DTEND", event->day + 1);
	ical_text(out, line, "SUMMARY", event->title);
	buf_printf(line, korean ? "DESCRIPTION:%d분" : "DESCRIPTION:%d minutes", event->minutes);
	if (event->done)
		ical_put_text(line, korean ? ", 완료" : ", done");
	ical_fold(out, line);
	ical_text(out, line, "CATEGORIES", kinds[korean ? PLAN_KO : PLAN_EN][event->kind]);
	buf_puts(out, "STATUS:CONFIRMED\r\n");
	buf_puts(out, "TRANSP:TRANSPARENT\r\n");
	buf_puts(out, "END:VEVENT\r\n");
}

void
ical_write(struct buf *out, const struct ical_calendar *calendar)
{
	struct buf line;

	buf_init(&line, ICAL_LINE_LIMIT);
	buf_puts(out, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Studyhall//Study plan//");
	buf_puts(out, calendar->locale == PLAN_KO ? "KO\r\n" : "EN\r\n");
	buf_puts(out, "CALSCALE:GREGORIAN\r\n");
	ical_text(out, &line, "X-WR-CALNAME", calendar->name);
	for (size_t i = 0; i < calendar->event_count; i++)
		ical_event(out, &line, &calendar->events[i], calendar->locale);
	if (calendar->event_count == 0)
		buf_puts(out, "BEGIN:VTIMEZONE\r\nTZID:Etc/UTC\r\nBEGIN:STANDARD\r\n"
		              "DTSTART:19700101T000000\r\nTZOFFSETFROM:+0000\r\n"
		              "TZOFFSETTO:+0000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n");
	buf_puts(out, "END:VCALENDAR\r\n");
	buf_fini(&line);
}
