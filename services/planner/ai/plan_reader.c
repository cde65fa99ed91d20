/* SPDX-License-Identifier: MIT
 * A state machine over characters; strings matter only within a day, for prose has stray quotes. */
#include "services/planner/ai/plan_reader.h"

#include <string.h>

#define PLAN_READER_DAYS "\"days\""

void
plan_reader_init(struct plan_reader *reader)
{
	*reader = (struct plan_reader){.state = PLAN_READER_SEARCH};
	buf_init(&reader->object, PLAN_READER_LIMIT);
}

void
plan_reader_fini(struct plan_reader *reader)
{
	buf_fini(&reader->object);
}

void
plan_reader_give(struct plan_reader *reader, const char *text, size_t length)
{
	reader->text = text;
	reader->length = length;
}

static bool
plan_reader_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
plan_reader_search(struct plan_reader *reader, char c)
{
	reader->state = PLAN_READER_SEARCH;
	if (c != PLAN_READER_DAYS[reader->matched])
		reader->matched = 0;
	if (c == PLAN_READER_DAYS[reader->matched])
		reader->matched++;
	if (reader->matched == strlen(PLAN_READER_DAYS)) {
		reader->matched = 0;
		reader->state = PLAN_READER_KEY;
	} else if (c == '[' && !reader->braced) {
		reader->state = PLAN_READER_BARE;
	}
	reader->braced |= c == '{';
}

static void
plan_reader_begin_object(struct plan_reader *reader)
{
	buf_clear(&reader->object);
	buf_putc(&reader->object, '{');
	reader->depth = 1;
	reader->quoted = reader->escaped = false;
	reader->braced = true;
	reader->state = PLAN_READER_OBJECT;
}

/* True when the character completes the object. */
static bool
plan_reader_object(struct plan_reader *reader, char c)
{
	buf_putc(&reader->object, c);
	if (buf_failed(&reader->object)) {
		reader->overflow = true;
		reader->state = PLAN_READER_END;
		return false;
	}
	if (reader->quoted) {
		if (reader->escaped)
			reader->escaped = false;
		else if (c == '\\')
			reader->escaped = true;
		else if (c == '"')
			reader->quoted = false;
		return false;
	}
	if (c == '"')
		reader->quoted = true;
	else if (c == '{' || c == '[')
		reader->depth++;
	else if ((c == '}' || c == ']') && --reader->depth == 0)
		reader->state = PLAN_READER_LIST;
	return reader->state == PLAN_READER_LIST;
}

static void
plan_reader_list(struct plan_reader *reader, char c)
{
	if (c == '{')
		plan_reader_begin_object(reader);
	else if (c == ']')
		reader->state = reader->found > 0 ? PLAN_READER_END : PLAN_READER_SEARCH;
}

/* True when the character completes an object. */
static bool
plan_reader_step(struct plan_reader *reader, char c)
{
	switch (reader->state) {
	case PLAN_READER_OBJECT: return plan_reader_object(reader, c);
	case PLAN_READER_LIST: plan_reader_list(reader, c); return false;
	case PLAN_READER_SEARCH: plan_reader_search(reader, c); return false;
	case PLAN_READER_END: return false;
	default: break;
	}
	if (plan_reader_blank(c))
		return false;
	if (reader->state == PLAN_READER_KEY && c == ':')
		reader->state = PLAN_READER_COLON;
	else if (reader->state == PLAN_READER_COLON && c == '[')
		reader->state = PLAN_READER_LIST;
	else if (reader->state == PLAN_READER_BARE && c == '{')
		plan_reader_begin_object(reader);
	else
		plan_reader_search(reader, c);
	return false;
}

bool
plan_reader_next(struct plan_reader *reader, const char **object, size_t *length)
{
	while (reader->length > 0) {
		char c = *reader->text++;

		reader->length--;
		if (!plan_reader_step(reader, c))
			continue;
		reader->found++;
		*object = reader->object.bytes;
		*length = reader->object.length;
		return true;
	}
	return false;
}
