/* SPDX-License-Identifier: MIT
 * The facts of a turn as JSON, and a model's prose as speech. */
#include "services/voice/tutor_prompt.h"

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/base/text.h"

#include <string.h>

#define PROMPT_ITEMS_MOST 12
#define PROMPT_TITLE_MOST 120 /* code points */
#define PROMPT_SAID_MOST  1000
#define PROMPT_PAST_MOST  300

/* --- the question ---------------------------------------------------------------------------- */

/* The bytes of the first `points` code points. */
static size_t
tutor_cut(const char *text, size_t points)
{
	const char *at = text;

	for (size_t seen = 0; *at != '\0'; at++)
		if ((*at & 0xc0) != 0x80 && seen++ == points)
			break;
	return (size_t)(at - text);
}

static void
tutor_put_text(struct buf *out, const char *name, const char *text, size_t points)
{
	if (text == NULL || *text == '\0')
		return;
	buf_printf(out, "\"%s\":", name);
	buf_put_json_string(out, text, tutor_cut(text, points));
	buf_puts(out, ",");
}

static void
tutor_put_items(struct buf *out, const char *name, const struct tutor_items *list)
{
	buf_printf(out, "\"%s\":[", name);
	for (size_t i = 0; i < list->count && i < PROMPT_ITEMS_MOST; i++) {
		const struct tutor_item *item = &list->items[i];

		buf_puts(out, i > 0 ? ",{" : "{");
		tutor_put_text(out, "title", item->title, PROMPT_TITLE_MOST);
		tutor_put_text(out, "kind", item->kind, PROMPT_TITLE_MOST);
		buf_printf(out, "\"minutes\":%u,\"done\":%s}", item->minutes,
		           item->done ? "true" : "false");
	}
	buf_puts(out, "],");
	if (list->count > PROMPT_ITEMS_MOST)
		buf_printf(out, "\"%s_more\":%zu,", name, list->count - PROMPT_ITEMS_MOST);
}

static void
tutor_put_dates(struct buf *out, const struct tutor_context *context)
{
	static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
	                                       "Friday", "Saturday", "Sunday"};
	int32_t today, exam;

	tutor_put_text(out, "today", context->today, DATE_TEXT_SIZE);
	if (context->today == NULL || !date_parse(context->today, &today))
		return;
	tutor_put_text(out, "weekday", weekdays[date_weekday(today)], DATE_TEXT_SIZE);
	tutor_put_text(out, "exam_date", context->exam_date, DATE_TEXT_SIZE);
	if (context->exam_date != NULL && date_parse(context->exam_date, &exam))
		buf_printf(out, "\"days_to_exam\":%d,", exam - today);
}

static void
tutor_put_past(struct buf *out, const struct tutor_question *question)
{
	if (question->past_count == 0)
		return;
	buf_puts(out, "\"conversation\":[");
	for (size_t i = 0; i < question->past_count; i++) {
		const struct tutor_exchange *exchange = &question->past[i];

		buf_puts(out, i > 0 ? ",{" : "{");
		tutor_put_text(out, "learner", exchange->learner, PROMPT_PAST_MOST);
		buf_puts(out, "\"tutor\":");
		buf_put_json_string(out, exchange->tutor,
		                    tutor_cut(exchange->tutor, PROMPT_PAST_MOST));
		buf_puts(out, "}");
	}
	buf_puts(out, "],");
}

void
tutor_write_question(struct buf *out, const struct tutor_question *question)
{
	const struct tutor_context *context = question->context;

	buf_puts(out, "{");
	tutor_put_dates(out, context);
	tutor_put_text(out, "goal", context->goal, PROMPT_PAST_MOST);
	tutor_put_items(out, "due", &context->due);
	tutor_put_items(out, "late", &context->late);
	tutor_put_text(out, "next_date", context->next_date, DATE_TEXT_SIZE);
	tutor_put_items(out, "next", &context->next);
	buf_printf(out, "\"minutes_this_week\":%u,\"streak_days\":%u,", context->minutes_this_week,
	           context->streak_days);
	tutor_put_past(out, question);
	buf_puts(out, "\"said\":");
	buf_put_json_string(out, question->said, tutor_cut(question->said, PROMPT_SAID_MOST));
	buf_puts(out, "}");
}

/* --- the reply ------------------------------------------------------------------------------- */

/* Models write for the eye: emphasis, headings, code fences, lists, lines. */
static void
tutor_strip_marks(char *text)
{
	char *to = text;
	bool begins = true; /* of a line */

	for (const char *at = text; *at != '\0'; at++) {
		bool line = *at == '\n' || *at == '\r';
		bool blank = line || (unsigned char)*at <= 0x20 || *at == 0x7f;
		bool dash = begins && (*at == '-' || *at == '>') && at[1] == ' ';

		begins = line || (begins && (blank || dash));
		if (strchr("*`#", *at) != NULL || dash)
			continue;
		if (!blank)
			*to++ = *at;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	}
	*to = '\0';
}

/* Behind the last sentence that ends within `length` bytes; 0: none does. */
static size_t
tutor_sentence_end(const char *text, size_t length)
{
	while (length > 0 && strchr(".!?", text[length - 1]) == NULL)
		length--;
	return length;
}

/* The language's name behind an opening fence is no part of what is said. */
static const char *
tutor_skip_fence(const char *text)
{
	const char *end = strchr(text, '\n');

	return strncmp(text, "```", 3) == 0 && end != NULL ? end + 1 : text;
}

const char *
tutor_clean_reply(struct arena *arena, const char *text, size_t length, bool whole)
{
	char *copy = text_valid(text, length) ? arena_strndup(arena, text, length) : NULL;
	char *clean = copy != NULL ? text_trim(arena, copy) : NULL;
	size_t end;

	if (clean == NULL)
		return NULL;
	clean = arena_strdup(arena, tutor_skip_fence(clean));
	if (clean == NULL || *clean == '{' || *clean == '[')
		return NULL; /* that is not said by anybody */
	tutor_strip_marks(clean);
	clean = text_trim(arena, clean);
	if (clean == NULL || *clean == '\0')
		return NULL;
	length = strlen(clean);
	if (whole && length <= TUTOR_REPLY_MAX)
		return clean;
	if (length > TUTOR_REPLY_MAX)
		length = TUTOR_REPLY_MAX;
	end = tutor_sentence_end(clean, length);
	if (end == 0 && !whole)
		return NULL; /* not a sentence came through */
	while (end == 0 && (clean[length] & 0xc0) == 0x80)
		length--;
	clean[end > 0 ? end : length] = '\0';
	return clean;
}
