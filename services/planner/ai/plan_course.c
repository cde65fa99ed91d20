/* SPDX-License-Identifier: MIT
 * One plan at one provider. Days are held in a table by study day; the sink gets them in order, so
 * what comes behind a gap is held until the gap is filled. */
#include "services/planner/ai/plan_course.h"

#include "common/base/arena.h"
#include "common/task/task.h"
#include "services/planner/ai/plan_cover.h"
#include "services/planner/builtin/study_days.h"

#include <stdio.h>
#include <string.h>

/* Calls for the rest of an answer, and those of them that mend it. The last of several providers
 * has more of both: nobody else would do better. */
#define COURSE_FURTHER      2
#define COURSE_REPAIRS      1
#define COURSE_FURTHER_LAST 4
#define COURSE_ANSWER_LIMIT ((size_t)2 << 20)
#define COURSE_CALL_TOKENS  16000 /* what one answer is asked for, at most */
#define COURSE_FRAME_TOKENS 200
#define COURSE_DAY_TOKENS   40
#define COURSE_ITEM_TOKENS  45
#define COURSE_ITEM_MINUTES 30 /* of a typical item */
#define COURSE_DAY_ITEMS    6  /* as the prompt says */
#define COURSE_LEAST_DAYS   7  /* of one call */

enum status
course_init(struct course *course, const struct plan_ask *ask, const struct plan_ai_sink *sink,
            struct plan_ai_result *result)
{
	const struct schedule_request *request = ask->request;
	const struct study_span span = {
	    .first_day = request->today > request->start_day ? request->today : request->start_day,
	    .last_day = request->end_day,
	    .has_exam = request->has_exam,
	    .exam_day = request->exam_day,
	    .rest_days = request->rest_days};
	struct study_days days;
	struct arena *arena = task_arena();

	*course = (struct course){.ask = ask, .sink = sink, .result = result};
	study_days_of(&span, &days);
	course->rules.day_count = (size_t)days.count;
	course->rules.minutes_per_day = request->minutes_per_day;
	course->rules.days =
	    arena_memdup(arena, days.day, sizeof days.day[0] * (size_t)(days.count + 1));
	course->days = arena_calloc(arena, (size_t)days.count + 1, sizeof *course->days);
	if (course->rules.days == NULL || course->days == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < ask->had_count; i++) {
		int at = plan_rules_index(&course->rules, ask->had[i].day);

		if (at >= 0 && course->days[at].count == 0 && ask->had[i].count > 0) {
			course->days[at] = ask->had[i];
			course->filled++;
		}
	}
	while (course->given < course->rules.day_count && course->days[course->given].count > 0)
		course->given++;
	return STATUS_OK;
}

enum status
course_reset(struct course *course, const char *reason)
{
	bool shown = course->given > 0;

	memset(course->days, 0, course->rules.day_count * sizeof *course->days);
	course->filled = course->given = course->problem_count = course->missing_count = 0;
	return shown ? course->sink->reset(course->sink->arg, reason) : STATUS_OK;
}

/* --- what comes in --------------------------------------------------------------------------- */

static void
course_note(struct course *course, int32_t day, enum plan_problem problem)
{
	if (course->problem_count < COURSE_PROBLEMS)
		course->problems[course->problem_count++] = (struct prompt_problem){day, problem};
}

static enum status
course_give(struct course *course)
{
	enum status status = STATUS_OK;

	while (status == STATUS_OK && course->given < course->rules.day_count &&
	       course->days[course->given].count > 0)
		status = course->sink->day(course->sink->arg, &course->days[course->given++]);
	return status;
}

static enum status
course_keep_day(struct course *course, const struct plan_day *day)
{
	struct arena *arena = task_arena();
	struct plan_day *kept = &course->days[plan_rules_index(&course->rules, day->day)];
	struct plan_day_item *items;

	if (kept->count > 0)
		return STATUS_OK; /* the first one counts */
	items = arena_memdup(arena, day->items, sizeof *items * day->count);
	if (items == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < day->count; i++) {
		items[i].title = arena_strdup(arena, items[i].title);
		if (items[i].title == NULL)
			return STATUS_OVERLOADED;
	}
	*kept = (struct plan_day){.day = day->day, .items = items, .count = day->count};
	course->filled++;
	return course_give(course);
}

/* What checking leaves behind does not stay with the task, which waits for the next day. */
static enum status
course_take_day(struct course *course, const char *object, size_t length)
{
	struct arena *arena = arena_new(0);
	struct plan_day day = {.day = INT32_MIN};
	enum plan_problem problem = PLAN_PROBLEM_MEMORY;
	enum status status = STATUS_OK;

	if (arena != NULL)
		problem = plan_check_day(arena, &course->rules, object, length, &day);
	if (problem == PLAN_PROBLEM_MEMORY)
		status = STATUS_OVERLOADED;
	else if (problem != PLAN_PROBLEM_NONE)
		course_note(course, day.day, problem);
	else
		status = course_keep_day(course, &day);
	arena_free(&arena);
	return status;
}

static enum status
course_text(void *arg, const char *text, size_t length)
{
	struct course *course = arg;
	const char *object;
	size_t object_length;

	plan_reader_give(&course->reader, text, length);
	while (course->stopped == STATUS_OK &&
	       plan_reader_next(&course->reader, &object, &object_length))
		course->stopped = course_take_day(course, object, object_length);
	return course->stopped;
}

/* --- asking ---------------------------------------------------------------------------------- */

static uint32_t
course_day_tokens(const struct course *course)
{
	int items = 1 + course->rules.minutes_per_day / COURSE_ITEM_MINUTES;

	if (items > COURSE_DAY_ITEMS)
		items = COURSE_DAY_ITEMS;
	return (uint32_t)(COURSE_DAY_TOKENS + items * COURSE_ITEM_TOKENS);
}

/* Names of topics stand in several titles each. */
static uint32_t
course_topic_tokens(const struct course *course)
{
	size_t bytes = 0;

	for (size_t i = 0; i < course->ask->topic_count; i++)
		bytes += strlen(course->ask->topics[i]);
	return bytes < COURSE_CALL_TOKENS ? (uint32_t)bytes : COURSE_CALL_TOKENS;
}

void
course_write(struct course *course, struct buf *out, uint32_t *max_tokens, int *until)
{
	uint32_t each = course_day_tokens(course), topics = course_topic_tokens(course);
	size_t wanted = course->rules.day_count - course->filled, most = COURSE_LEAST_DAYS;
	struct prompt_plan plan = {.ask = course->ask,
	                           .rules = &course->rules,
	                           .days = course->days,
	                           .until = -1,
	                           .problems = course->problems,
	                           .problem_count = course->problem_count,
	                           .missing = course->missing,
	                           .missing_count = course->missing_count};

	if (topics + COURSE_FRAME_TOKENS < COURSE_CALL_TOKENS)
		most = (COURSE_CALL_TOKENS - topics - COURSE_FRAME_TOKENS) / each;
	if (most < COURSE_LEAST_DAYS)
		most = COURSE_LEAST_DAYS;
	if (wanted > most) {
		wanted = most;
		for (plan.until = -1; most > 0; most -= course->days[plan.until].count == 0)
			plan.until++;
	}
	*max_tokens = COURSE_FRAME_TOKENS + topics + (uint32_t)wanted * each;
	*until = plan.until;
	prompt_write_plan(out, &plan);
}

static enum status
course_starts(void *arg, const char *provider, const char *model, uint32_t tokens_at_most,
              unsigned *number)
{
	struct course *course = arg;
	enum status status =
	    course->sink->call_starts(course->sink->arg, provider, model, tokens_at_most, number);

	if (status == STATUS_OK)
		course->result->calls++;
	else
		course->stopped = status;
	return status;
}

static void
course_ended(void *arg, unsigned number, enum ai_outcome outcome, uint32_t prompt_tokens,
             uint32_t completion_tokens, const char *why)
{
	struct course *course = arg;

	course->result->prompt_tokens += prompt_tokens;
	course->result->completion_tokens += completion_tokens;
	course->sink->call_ended(course->sink->arg, number, outcome, prompt_tokens,
	                         completion_tokens, why);
}

/* Has every day come that was asked for? The others' absence is noted. */
static bool
course_note_missing(struct course *course, int until)
{
	size_t count = until >= 0 ? (size_t)until + 1 : course->rules.day_count;
	bool spotless = course->problem_count == 0, all = true;

	for (size_t i = 0; i < count; i++) {
		if (course->days[i].count > 0)
			continue;
		all = false;
		if (spotless)
			course_note(course, course->rules.days[i], PLAN_PROBLEM_MISSING);
	}
	return all;
}

/* One question with all its attempts. *whole: it was answered to the end, and every day that was
 * asked for has come. */
static enum status
course_ask(struct course *course, struct chat *chat, bool last, struct chat_answer *answer,
           bool *whole)
{
	const struct provider_watch watch = {course, course_starts, course_ended};
	struct chat_message message = {.role = CHAT_USER};
	struct chat_request request = {.system = course->system,
	                               .messages = &message,
	                               .message_count = 1,
	                               .schema = course->schema,
	                               .answer_limit = COURSE_ANSWER_LIMIT,
	                               .mark = course->ask->mark,
	                               .give_up_ms = course->ask->give_up_ms,
	                               .last = last,
	                               .watch = &watch,
	                               .text = course_text,
	                               .arg = course};
	enum status status = STATUS_OVERLOADED;
	struct buf text;
	int until;

	buf_init(&text, 0);
	course_write(course, &text, &request.max_tokens, &until);
	course->problem_count = course->missing_count = 0;
	course->stopped = STATUS_OK;
	*answer = (struct chat_answer){0};
	message.text = text.bytes;
	plan_reader_init(&course->reader);
	if (!buf_failed(&text))
		status = chat_ask(chat, &request, answer);
	if (status == STATUS_OK && course->reader.found == 0)
		course_note(course, INT32_MIN, PLAN_PROBLEM_NO_DAYS);
	if (course->reader.overflow)
		course_note(course, INT32_MIN, PLAN_PROBLEM_NOT_JSON);
	plan_reader_fini(&course->reader);
	buf_fini(&text);
	*whole = status == STATUS_OK && answer->finish == CHAT_STOP &&
	         course_note_missing(course, until);
	return status;
}

/* --- what to do about it --------------------------------------------------------------------- */

/* Are all topics there? If not, which. */
static enum status
course_cover(struct course *course)
{
	const struct plan_ask *ask = course->ask;
	struct plan_cover *cover = plan_cover_new(task_arena(), ask->topics, ask->topic_count);
	bool good = cover != NULL;
	size_t *missing;

	for (size_t i = 0; i < course->rules.day_count && good; i++)
		for (size_t j = 0; j < course->days[i].count && good; j++)
			good = plan_cover_add(cover, course->days[i].items[j].title);
	if (!good)
		return STATUS_OVERLOADED;
	if (plan_cover_missing(cover) == 0)
		return STATUS_OK;
	missing = arena_calloc(task_arena(), plan_cover_missing(cover), sizeof *missing);
	if (missing == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < ask->topic_count; i++)
		if (!plan_cover_has(cover, i))
			missing[course->missing_count++] = i;
	course->missing = missing;
	return STATUS_VALIDATION;
}

/* Calls that a provider may still be asked for. */
struct course_allowance {
	unsigned further;
	unsigned repairs; /* of them, for answers that were wrong */
};

static bool
course_may_repair(struct course_allowance *allowance)
{
	if (allowance->further == 0 || allowance->repairs == 0)
		return false;
	allowance->further--;
	allowance->repairs--;
	return true;
}

/* The plan is there. Topics that were left out can only be brought in by starting over, once. */
static enum status
course_complete(struct course *course, struct course_allowance *allowance)
{
	enum status status = course_cover(course);
	size_t missing = course->missing_count;

	if (status != STATUS_VALIDATION)
		return status;
	snprintf(course->result->why, sizeof course->result->why, "%zu topics were left out",
	         missing);
	if (course->topics_repaired || !course_may_repair(allowance)) {
		course->missing_count = 0;
		return STATUS_PROVIDERS_FAILED;
	}
	course->topics_repaired = true;
	status = course_reset(course, "topics were left out");
	course->missing_count = missing;
	return status == STATUS_OK ? STATUS_VALIDATION : status;
}

/* Is it worth asking the same provider again: for the rest of what was cut off, or to mend what was
 * wrong? */
static bool
course_goes_on(const struct course *course, enum status status, const struct chat_answer *answer,
               bool gained, struct course_allowance *allowance)
{
	bool wrong =
	    course->problem_count > 0 && course->problems[0].problem != PLAN_PROBLEM_MISSING;

	if (status == STATUS_OK && answer->finish == CHAT_STOP && (wrong || !gained))
		return course_may_repair(allowance);
	/* It has said something before it broke off; else its attempts are used up already. */
	if (status != STATUS_OK && !gained &&
	    (answer->length == 0 || answer->fault == AI_FAULT_TIMED_OUT ||
	     answer->fault == AI_FAULT_BLOCKED))
		return false;
	if (allowance->further == 0)
		return false;
	allowance->further--;
	return true;
}

static enum status
course_give_up(struct course *course, enum status status, const struct chat_answer *answer)
{
	char *why = course->result->why;
	size_t size = sizeof course->result->why;

	course->failed |= status == STATUS_OK || status == STATUS_DEPENDENCY_DOWN;
	if (course->stopped == STATUS_QUOTA_EXCEEDED)
		snprintf(why, size, "no budget for a call");
	else if (status != STATUS_OK)
		snprintf(why, size, "%s", answer->why);
	else if (course->problem_count > 0)
		snprintf(why, size, "days break the rules: %s",
		         plan_problem_word(course->problems[0].problem));
	else
		snprintf(why, size, "days are missing");
	return STATUS_PROVIDERS_FAILED;
}

/* Failures that only this provider has: the next one may do better. */
static bool
course_passes(const struct course *course, enum status status)
{
	if (course->stopped != STATUS_OK)
		return course->stopped == STATUS_QUOTA_EXCEEDED;
	return status == STATUS_OK || status == STATUS_DEPENDENCY_DOWN ||
	       status == STATUS_OVERLOADED;
}

enum status
course_run(struct course *course, struct chat *chat, size_t place, size_t count)
{
	bool last = place + 1 == count;
	struct course_allowance allowance = {
	    .further = last && place > 0 ? COURSE_FURTHER_LAST : COURSE_FURTHER,
	    .repairs = last && place > 0 ? COURSE_FURTHER_LAST : COURSE_REPAIRS};
	struct chat_answer answer = {0};
	enum status status = STATUS_OK;

	course->topics_repaired = false;
	for (;;) {
		size_t before = course->filled;
		bool whole = false;

		if (course->filled < course->rules.day_count) {
			status = course_ask(course, chat, last, &answer, &whole);
			course->out_of_budget |= course->stopped == STATUS_QUOTA_EXCEEDED;
			if (!course_passes(course, status))
				return status;
		}
		if (course->filled == course->rules.day_count) {
			status = course_complete(course, &allowance);
			if (status != STATUS_VALIDATION) {
				course->failed |= status == STATUS_PROVIDERS_FAILED;
				return status;
			}
			continue;
		}
		if (course->stopped != STATUS_OK || status == STATUS_OVERLOADED)
			return course_give_up(course, status, &answer);
		if (!whole &&
		    !course_goes_on(course, status, &answer, course->filled > before, &allowance))
			return course_give_up(course, status, &answer);
	}
}
