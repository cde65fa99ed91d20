/* SPDX-License-Identifier: MIT
 * Log lines are put together on the stack, within PIPE_BUF, and leave by a single write(2): atomic
 * on a pipe. Nothing here allocates. */
#include "common/base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include <utf8proc.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/obj.h"
#include "common/base/text.h"

#define LOG_LINE_LIMIT 4096
#define LOG_TEXT_LIMIT 2048 /* of one text, before escaping */
#define LOG_TAIL       ",\"cut\":true}\n"

static_assert(LOG_LINE_LIMIT <= PIPE_BUF, "a line is one atomic write");

static const char *const log_level_names[] = {"debug", "info", "warn", "error"};

static const char *_Atomic log_actor = "studyhall";
static _Atomic int log_level = LOG_LEVEL_INFO;
static const char *(*_Atomic log_trace_hook)(void);

void
log_init(const char *actor, enum log_level level)
{
	log_actor = actor;
	log_level = (int)level;
}

bool
log_level_parse(const char *text, enum log_level *level)
{
	for (size_t i = 0; i < COUNT_OF(log_level_names); i++) {
		if (strcmp(text, log_level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

void
log_set_trace_hook(const char *(*hook)(void))
{
	log_trace_hook = hook;
}

bool
log_enabled(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/* Makes valid UTF-8 of `length` bytes: what is not becomes U+FFFD. Returns how many were put into
 * `out`, and how many were read, fewer when the space is used up. */
static size_t
log_clean(const char *text, size_t length, char *out, size_t space, size_t *read)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t put = 0, at = 0;
	while (at < length) {
		utf8proc_int32_t point;
		utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
		                                         (utf8proc_ssize_t)(length - at), &point);
		const char *from = used > 0 ? text + at : replacement;
		size_t count = used > 0 ? (size_t)used : sizeof replacement - 1;
		if (count > space - put)
			break;
		memcpy(out + put, from, count);
		put += count;
		at += used > 0 ? (size_t)used : 1;
	}
	*read = at;
	return put;
}

/* Cuts valid UTF-8 between two code points. */
static size_t
log_cut(const char *text, size_t length, size_t most)
{
	if (length <= most)
		return length;
	while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
		most--;
	return most;
}

/* Puts `,"name":"text"`; a text that does not fit is cut until it does. False if it was cut. */
static bool
log_put_text(struct buf *line, const char *name, const char *text)
{
	char cleaned[LOG_TEXT_LIMIT];
	size_t whole = strnlen(text, LOG_LINE_LIMIT), read = whole, length;
	if (text_valid(text, whole)) {
		length = read = log_cut(text, whole, LOG_TEXT_LIMIT);
	} else {
		length = log_clean(text, whole, cleaned, sizeof cleaned, &read);
		text = cleaned;
	}
	bool complete = read == whole;
	size_t before = line->length;
	for (;;) {
		buf_printf(line, ",\"%s\":", name);
		buf_put_json_string(line, text, length);
		if (!buf_failed(line))
			return complete;
		line->length = before;
		line->failed = false;
		complete = false;
		if (length == 0)
			return false;
		length = log_cut(text, length, length / 2);
	}
}

static bool
log_put_number(struct buf *line, const char *name, int64_t number)
{
	size_t before = line->length;
	buf_printf(line, ",\"%s\":%lld", name, (long long)number);
	if (!buf_failed(line))
		return true;
	line->length = before;
	line->failed = false;
	return false;
}

void
log_write(enum log_level level, const char *message, const struct log_field *fields, size_t count)
{
	int saved_errno = errno;
	assert((size_t)level < COUNT_OF(log_level_names));
	/* A buffer over the stack: its space is its limit and a NUL, so it never reallocates. At
	 * first without the room that the tail needs. */
	char bytes[LOG_LINE_LIMIT + 1];
	const size_t room = LOG_LINE_LIMIT - (sizeof LOG_TAIL - 1);
	struct buf line = {.bytes = bytes, .space = room + 1, .limit = room};
	char now[INSTANT_TEXT_SIZE];
	instant_format(clock_wall_us(), now);
	/* Always with milliseconds, so that lines sort by their text. */
	buf_printf(&line, "{\"time\":\"%.19s%s\",\"level\":\"%s\"", now,
	           now[19] == '.' ? now + 19 : ".000Z", log_level_names[level]);
	bool complete = log_put_text(&line, "actor", log_actor);
	const char *(*hook)(void) = log_trace_hook;
	const char *trace = hook != NULL ? hook() : NULL;
	if (trace != NULL)
		complete &= log_put_text(&line, "trace", trace);
	complete &= log_put_text(&line, "message", message);
	for (size_t i = 0; i < count; i++) {
		if (fields[i].text != NULL)
			complete &= log_put_text(&line, fields[i].name, fields[i].text);
		else
			complete &= log_put_number(&line, fields[i].name, fields[i].number);
	}
	line.limit = LOG_LINE_LIMIT;
	line.space = sizeof bytes;
	buf_puts(&line, complete ? "}\n" : LOG_TAIL);
	assert(!buf_failed(&line));
	while (write(STDERR_FILENO, bytes, line.length) < 0 && errno == EINTR)
		;
	errno = saved_errno;
}
