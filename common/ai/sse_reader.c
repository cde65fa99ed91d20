/* SPDX-License-Identifier: MIT
 * Server-sent events: cuts the stream into lines wherever its pieces end, and gathers the fields.
 */
#include "common/ai/sse_reader.h"

#include <string.h>

void
sse_reader_init(struct sse_reader *reader, size_t limit)
{
	*reader = (struct sse_reader){.limit = limit};
	buf_init(&reader->line, limit);
	buf_init(&reader->type, limit);
	buf_init(&reader->data, limit);
}

void
sse_reader_fini(struct sse_reader *reader)
{
	buf_fini(&reader->line);
	buf_fini(&reader->type);
	buf_fini(&reader->data);
}

void
sse_reader_give(struct sse_reader *reader, const char *bytes, size_t length)
{
	reader->bytes = bytes;
	reader->length = length;
}

static bool
sse_reader_is(const char *name, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(name, word, length) == 0;
}

static void
sse_reader_field(struct sse_reader *reader, const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);
	size_t name_length = colon != NULL ? (size_t)(colon - line) : length;
	const char *value = colon != NULL ? colon + 1 : line + length;
	size_t value_length = length - (size_t)(value - line);

	if (value_length > 0 && *value == ' ') {
		value++;
		value_length--;
	}
	if (sse_reader_is(line, name_length, "event")) {
		buf_clear(&reader->type);
		buf_append(&reader->type, value, value_length);
	} else if (sse_reader_is(line, name_length, "data")) {
		buf_append(&reader->data, value, value_length);
		buf_putc(&reader->data, '\n');
	}
}

/* The empty line: is there an event? The line end behind its last line of data is not part of it.
 */
static bool
sse_reader_dispatch(struct sse_reader *reader, struct sse_event *event)
{
	reader->gave = true;
	if (reader->data.length == 0)
		return false;
	reader->data.bytes[--reader->data.length] = '\0';
	event->type = reader->type.length > 0 ? reader->type.bytes : "message";
	event->data = reader->data.bytes;
	event->length = reader->data.length;
	return true;
}

/* True when the line, which is whole, completes an event. */
static bool
sse_reader_line(struct sse_reader *reader, const char *line, size_t length, struct sse_event *event)
{
	if (!reader->begun && length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		length -= 3;
	}
	reader->begun = true;
	if (reader->gave) {
		buf_clear(&reader->type);
		buf_clear(&reader->data);
		reader->gave = false;
	}
	if (length == 0)
		return sse_reader_dispatch(reader, event);
	sse_reader_field(reader, line, length);
	return false;
}

/* Takes the next line, or what has come of it. 1: it is whole, and *line is it. */
static int
sse_reader_take_line(struct sse_reader *reader, const char **line, size_t *length)
{
	size_t end = 0;

	if (reader->length == 0)
		return 0;
	if (reader->after_cr && *reader->bytes == '\n') {
		reader->bytes++;
		reader->length--;
	}
	reader->after_cr = false;
	while (end < reader->length && reader->bytes[end] != '\n' && reader->bytes[end] != '\r')
		end++;
	if (end > reader->limit)
		return -1;
	*line = reader->bytes;
	*length = end;
	if (end == reader->length || reader->line.length > 0) {
		buf_append(&reader->line, reader->bytes, end);
		if (buf_failed(&reader->line))
			return -1;
		*line = reader->line.bytes;
		*length = reader->line.length;
	}
	reader->bytes += end;
	reader->length -= end;
	if (reader->length == 0)
		return 0;
	reader->after_cr = *reader->bytes == '\r';
	reader->bytes++;
	reader->length--;
	return 1;
}

/* Many readers wait long for more: without memory for what has been read. */
static void
sse_reader_rest(struct sse_reader *reader)
{
	if (reader->line.length == 0)
		buf_fini(&reader->line);
	if (!reader->gave)
		return;
	buf_fini(&reader->type);
	buf_fini(&reader->data);
	reader->gave = false;
}

int
sse_reader_next(struct sse_reader *reader, struct sse_event *event)
{
	const char *line;
	size_t length;
	int taken;

	while ((taken = sse_reader_take_line(reader, &line, &length)) == 1) {
		bool complete = sse_reader_line(reader, line, length, event);

		buf_clear(&reader->line);
		if (buf_failed(&reader->data) || buf_failed(&reader->type))
			return -1;
		if (complete)
			return 1;
	}
	if (taken == 0)
		sse_reader_rest(reader);
	return taken;
}
