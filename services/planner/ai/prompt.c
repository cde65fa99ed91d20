/* SPDX-License-Identifier: MIT
 * The request as JSON. */
#include "services/planner/ai/prompt.h"

#include "common/base/buf.h"
#include "common/base/date.h"

#include <string.h>

#define PROMPT_PLANNED_DAYS                                                                        \
	5 /* whose titles are repeated, so that the model goes on from there                       \
	   */

static void
prompt_put_text(struct buf *out, const char *name, const char *text)
{
	if (text == NULL || *text == '\0')
		return;
	buf_printf(out, "\"%s\":", name);
	buf_put_json_string(out, text, strlen(text));
	buf_puts(out, ",");
}

static void
prompt_put_date(struct buf *out, const char *before, int32_t day)
{
	char text[DATE_TEXT_SIZE];

	date_format(day, text);
	buf_printf(out, "%s\"%s\"", before, text);
}

static void
prompt_put_topics(struct buf *out, const struct prompt_plan *plan)
{
	const struct plan_ask *ask = plan->ask;

	buf_puts(out, "\"topics\":[");
	for (size_t i = 0; i < ask->topic_count; i++) {
		buf_puts(out, i > 0 ? "," : "");
		buf_put_json_string(out, ask->topics[i], strlen(ask->topics[i]));
	}
	buf_puts(out, "],");
	for (size_t i = 0; i < plan->missing_count; i++) {
		const char *topic = ask->topics[plan->missing[i]];

		buf_puts(out, i > 0 ? "," : "\"topics_missing\":[");
		buf_put_json_string(out, topic, strlen(topic));
	}
	buf_puts(out, plan->missing_count > 0 ? "]," : "");
}

static void
prompt_put_dates(struct buf *out, const struct prompt_plan *plan)
{
	size_t done = 0;

	buf_puts(out, "\"dates\":[");
	for (size_t i = 0; i < plan->rules->day_count; i++)
		prompt_put_date(out, i > 0 ? "," : "", plan->rules->days[i]);
	buf_puts(out, "],");
	for (size_t i = 0; i < plan->rules->day_count; i++)
		if (plan->days[i].count > 0)
			prompt_put_date(out, done++ > 0 ? "," : "\"days_done\":[",
			                plan->rules->days[i]);
	buf_puts(out, done > 0 ? "]," : "");
	if (plan->until >= 0) {
		prompt_put_date(out, "\"until\":", plan->rules->days[plan->until]);
		buf_puts(out, ",");
	}
}

static void
prompt_put_day(struct buf *out, const struct plan_day *day)
{
	prompt_put_date(out, "{\"date\":", day->day);
	for (size_t i = 0; i < day->count; i++) {
		buf_puts(out, i > 0 ? "," : ",\"titles\":[");
		buf_put_json_string(out, day->items[i].title, strlen(day->items[i].title));
	}
	buf_puts(out, "]}");
}

static void
prompt_put_planned(struct buf *out, const struct prompt_plan *plan)
{
	size_t first = plan->rules->day_count, seen = 0, put = 0;

	while (first > 0 && seen < PROMPT_PLANNED_DAYS)
		seen += plan->days[--first].count > 0;
	for (size_t i = first; i < plan->rules->day_count; i++) {
		if (plan->days[i].count == 0)
			continue;
		buf_puts(out, put++ > 0 ? "," : "\"planned\":[");
		prompt_put_day(out, &plan->days[i]);
	}
	buf_puts(out, put > 0 ? "]," : "");
}

static void
prompt_put_problems(struct buf *out, const struct prompt_plan *plan)
{
	for (size_t i = 0; i < plan->problem_count; i++) {
		const struct prompt_problem *problem = &plan->problems[i];

		buf_puts(out, i > 0 ? ",{" : "\"problems\":[{");
		if (problem->day != INT32_MIN) {
			prompt_put_date(out, "\"date\":", problem->day);
			buf_puts(out, ",");
		}
		buf_printf(out, "\"problem\":\"%s\"}", plan_problem_word(problem->problem));
	}
	buf_puts(out, plan->problem_count > 0 ? "]," : "");
}

void
prompt_write_plan(struct buf *out, const struct prompt_plan *plan)
{
	static const char *const levels[] = {"beginner", "intermediate", "advanced"};
	const struct schedule_request *request = plan->ask->request;

	buf_puts(out, "{");
	prompt_put_text(out, "goal", request->goal);
	prompt_put_text(out, "subject", plan->ask->subject);
	prompt_put_topics(out, plan);
	prompt_put_dates(out, plan);
	if (request->has_exam) {
		prompt_put_date(out, "\"exam_date\":", request->exam_day);
		buf_puts(out, ",");
	}
	prompt_put_planned(out, plan);
	prompt_put_problems(out, plan);
	buf_printf(out, "\"level\":\"%s\",\"minutes_per_day\":%d}", levels[request->level],
	           request->minutes_per_day);
}
