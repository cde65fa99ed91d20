/* SPDX-License-Identifier: MIT
 *
 * A plan as an iCalendar object (RFC 5545): one all-day event per item. Pure and thread-safe.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_ICAL_H
#define STUDYHALL_PLANNER_BUILTIN_ICAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/planner/builtin/terms.h"

struct buf;

struct ical_event {
	const char *id; /* of the item: [A-Za-z0-9_-]{1,36}; the UID is id@studyhall */
	int32_t day;    /* days since 1970-01-01 */
	const char *title;
	int minutes;
	enum plan_kind kind;
	bool done;
	int sequence;       /* 0, and one more after each change of the item */
	int64_t changed_us; /* instant of the latest change: DTSTAMP */
};

struct ical_calendar {
	const char *name; /* shown by calendar programs: the plan's goal */
	enum plan_locale locale;
	const struct ical_event *events;
	size_t event_count;
};

/* Appends the text/calendar document, UTF-8, CRLF, folded at 75 octets between code points. Texts
 * are valid UTF-8; control characters in them are left out. A plan without items still gives a
 * valid object (a time zone is its only component). Errors: buf_failed(out). */
void ical_write(struct buf *out, const struct ical_calendar *calendar);

#endif
