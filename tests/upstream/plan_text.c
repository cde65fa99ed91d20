/* SPDX-License-Identifier: MIT
 * Spreads topics over days: several topics a day where there are more of them, several days a topic
 * where there are fewer, then with reviews. A day is the same whichever days are asked for. */
#include "tests/upstream/plan_text.h"

#include "common/base/date.h"

#include <stdlib.h>
#include <string.h>

#define PLAN_TEXT_ITEMS  20 /* a day */
#define PLAN_TEXT_TITLE  200
#define PLAN_TEXT_REVIEW 30 /* minutes a day from which on there are reviews */

struct plan_writer {
	struct buf *out;
	enum fault_kind fault;
	const json_t *topics;
	size_t day_count, topic_count; /* of the whole request */
	size_t minutes;                /* a day */
	bool first_item;
};

static const char *
plan_text_string(const json_t *array, size_t i)
{
	return json_string_value(json_array_get(array, i));
}

static bool
plan_text_strings(const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (!json_is_string(json_array_get(array, i)))
			return false;
	}
	return json_is_array(array);
}

bool
plan_text_wanted(const json_t *request)
{
	const json_t *dates = json_object_get(request, "dates");
	const json_t *topics = json_object_get(request, "topics");
	json_int_t minutes = json_integer_value(json_object_get(request, "minutes_per_day"));

	return plan_text_strings(dates) && plan_text_strings(topics) &&
	       json_array_size(dates) > 0 && json_array_size(dates) <= PLAN_TEXT_DAYS &&
	       json_array_size(topics) > 0 && minutes > 0 && minutes <= 1440;
}

/* --- one day ------------------------------------------------------------------------------- */

static void
plan_text_item(struct plan_writer *writer, const char *title, size_t minutes, const char *kind)
{
	struct buf *out = writer->out;

	buf_puts(out, writer->first_item ? "" : ",");
	buf_puts(out, "{\"title\":");
	buf_put_json_string(out, title, strlen(title));
	buf_printf(out, ",\"minutes\":%zu,\"kind\":\"%s\"}", minutes > 0 ? minutes : 1, kind);
	writer->first_item = false;
}

/* The topics `from`..`to`-1 as one item's title, as many as its length allows. */
static void
plan_text_joined(struct plan_writer *writer, size_t from, size_t to, size_t minutes)
{
	struct buf title;

	buf_init(&title, 0);
	for (size_t i = from; i < to; i++) {
		const char *topic = plan_text_string(writer->topics, i);

		if (writer->fault == FAULT_MISSING_TOPICS && i % 2 == 1)
			topic = "-";
		if (i > from && title.length + strlen(topic) + 3 > PLAN_TEXT_TITLE)
			break;
		buf_puts(&title, i > from ? " / " : "");
		buf_puts(&title, topic);
	}
	if (!buf_failed(&title))
		plan_text_item(writer, title.bytes, minutes, "study");
	buf_fini(&title);
}

/* More topics than days, or as many: all that fall on this day, grouped if they are too many. */
static void
plan_text_many(struct plan_writer *writer, size_t day)
{
	size_t from = day * writer->topic_count / writer->day_count;
	size_t to = (day + 1) * writer->topic_count / writer->day_count;
	size_t count = to - from, items = count;

	if (items > PLAN_TEXT_ITEMS)
		items = PLAN_TEXT_ITEMS;
	if (items > writer->minutes)
		items = writer->minutes;
	for (size_t i = 0; i < items; i++)
		plan_text_joined(writer, from + i * count / items, from + (i + 1) * count / items,
		                 writer->minutes / items);
}

/* Fewer topics than days: a topic has several days in a row; the last one ends with a review. */
static void
plan_text_few(struct plan_writer *writer, size_t day)
{
	size_t topic = day * writer->topic_count / writer->day_count;
	size_t next = (day + 1) * writer->topic_count / writer->day_count;
	bool review = next != topic && day > 0 && writer->minutes >= PLAN_TEXT_REVIEW;
	const char *title = plan_text_string(writer->topics, topic);

	if (writer->fault == FAULT_MISSING_TOPICS && (topic % 2 == 1 || writer->topic_count == 1))
		title = "-";
	plan_text_item(writer, title, review ? writer->minutes - 10 : writer->minutes, "study");
	if (review)
		plan_text_item(writer, title, 10, day + 1 == writer->day_count ? "test" : "review");
}

static void
plan_text_day(struct plan_writer *writer, const char *date, size_t day)
{
	buf_printf(writer->out, "{\"date\":\"%s\",\"items\":[", date);
	writer->first_item = true;
	if (writer->topic_count >= writer->day_count)
		plan_text_many(writer, day);
	else
		plan_text_few(writer, day);
	if (writer->fault == FAULT_WRONG_MINUTES && day % 2 == 0)
		plan_text_item(writer, "Extra practice", writer->minutes + 60, "study");
	buf_puts(writer->out, "]}");
}

/* --- days ---------------------------------------------------------------------------------- */

static bool
plan_text_has(const json_t *dates, const char *date)
{
	for (size_t i = 0; i < json_array_size(dates); i++) {
		const char *one = plan_text_string(dates, i);

		if (one != NULL && strcmp(one, date) == 0)
			return true;
	}
	return false;
}

/* The date written for the i-th study day: its own, unless the fault is that it is another. */
static void
plan_text_date(const json_t *dates, size_t i, enum fault_kind fault, char out[DATE_TEXT_SIZE])
{
	const char *date = plan_text_string(dates, i);
	int32_t day;

	if (!date_parse(date, &day)) {
		out[0] = '\0';
		return;
	}
	date_format(day, out);
	if (fault == FAULT_WRONG_DATES && i % 2 == 0) {
		date_format(day - 3660, out);
	} else if (fault == FAULT_WRONG_REST && i == 0) {
		/* the first day behind it that nobody studies on */
		do
			date_format(++day, out);
		while (plan_text_has(dates, out));
	}
}

static void
plan_text_days(const json_t *request, struct plan_writer *writer, struct plan_text *plan)
{
	const json_t *dates = json_object_get(request, "dates");
	const json_t *done = json_object_get(request, "days_done");
	char date[DATE_TEXT_SIZE];

	for (size_t i = 0; i < writer->day_count; i++) {
		if (plan_text_has(done, plan_text_string(dates, i)))
			continue;
		plan_text_date(dates, i, writer->fault, date);
		if (date[0] == '\0')
			continue;
		buf_puts(&plan->text, plan->days > 0 ? "," : "");
		plan_text_day(writer, date, i);
		plan->day_ends[plan->days++] = plan->text.length;
	}
}

bool
plan_text_write(const json_t *request, enum fault_kind fault, struct plan_text *plan)
{
	const json_t *topics = json_object_get(request, "topics");
	struct plan_writer writer = {
	    .out = &plan->text,
	    .fault = fault,
	    .topics = topics,
	    .day_count = json_array_size(json_object_get(request, "dates")),
	    .topic_count = json_array_size(topics),
	    .minutes = (size_t)json_integer_value(json_object_get(request, "minutes_per_day")),
	};

	*plan = (struct plan_text){.days = 0};
	buf_init(&plan->text, PLAN_TEXT_LIMIT);
	plan->day_ends = calloc(writer.day_count, sizeof *plan->day_ends);
	if (plan->day_ends == NULL)
		return false;
	buf_puts(&plan->text, fault == FAULT_WRONG_SCHEMA ? "{\"schedule\":[" : "{\"days\":[");
	plan_text_days(request, &writer, plan);
	buf_puts(&plan->text, "]}");
	return !buf_failed(&plan->text);
}

void
plan_text_fini(struct plan_text *plan)
{
	buf_fini(&plan->text);
	free(plan->day_ends);
	plan->day_ends = NULL;
}
