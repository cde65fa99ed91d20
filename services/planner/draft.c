/* SPDX-License-Identifier: MIT
 * Drafts a plan with the built-in planner. */
#include "services/planner/draft.h"

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/base/ids.h"
#include "common/task/task.h"
#include "services/planner/builtin/goal.h"
#include "services/planner/builtin/schedule.h"
#include "services/planner/builtin/study_days.h"
#include "services/planner/plan.h"
#include "services/planner/planner.h"

#include <string.h>

#define DRAFT_DAYS     28 /* of a plan that names no end */
#define DRAFT_MINUTES  60
#define DRAFT_LAST_DAY 2932896 /* 9999-12-31, the last day that can be written */

static const char *const draft_weekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
static const char *const draft_levels[] = {"beginner", "intermediate", "advanced"};

/* Sets the flaw and returns VALIDATION. */
static enum status
draft_refuse(struct draft_flaw *flaw, const char *pointer, const char *detail)
{
	*flaw = (struct draft_flaw){pointer, detail};
	return STATUS_VALIDATION;
}

/* The rules have seen to it that these are dates. */
static enum status
draft_dates(const Planner__CreatePlanRequest *request, int32_t today,
            struct schedule_request *schedule, struct draft_flaw *flaw)
{
	schedule->start_day = today;
	if (request->start_date != NULL && !date_parse(request->start_date, &schedule->start_day))
		return draft_refuse(flaw, "/start_date", "is not a date");
	schedule->end_day = schedule->start_day + DRAFT_DAYS - 1;
	if (request->end_date != NULL && !date_parse(request->end_date, &schedule->end_day))
		return draft_refuse(flaw, "/end_date", "is not a date");
	if (schedule->end_day > DRAFT_LAST_DAY)
		return draft_refuse(flaw, "/end_date", "is after the year 9999");
	if (schedule->end_day < schedule->start_day)
		return draft_refuse(flaw, "/end_date", "is before start_date");
	if (schedule->end_day - schedule->start_day >= PLAN_MAX_DAYS)
		return draft_refuse(flaw, "/end_date", "is more than 365 days after start_date");
	schedule->has_exam = request->exam_date != NULL;
	if (schedule->has_exam && !date_parse(request->exam_date, &schedule->exam_day))
		return draft_refuse(flaw, "/exam_date", "is not a date");
	if (schedule->has_exam && schedule->exam_day <= schedule->start_day)
		return draft_refuse(flaw, "/exam_date", "is not after start_date");
	/* A plan that begins in the past was begun then: what was missed is there to be replanned.
	 */
	schedule->today = schedule->start_day;
	return STATUS_OK;
}

static bool
draft_has_days(const struct schedule_request *schedule)
{
	struct study_span span = {.first_day = schedule->start_day,
	                          .last_day = schedule->end_day,
	                          .has_exam = schedule->has_exam,
	                          .exam_day = schedule->exam_day,
	                          .rest_days = schedule->rest_days};
	struct study_days days;

	study_days_of(&span, &days);
	return days.count > 0;
}

static enum plan_locale
draft_locale(const Planner__CreatePlanRequest *request, const char *locale)
{
	if (request->has_locale)
		return request->locale == PLANNER__CREATE_PLAN_REQUEST__LOCALE__en ? PLAN_EN
		                                                                   : PLAN_KO;
	return locale != NULL && strcmp(locale, "en") == 0 ? PLAN_EN : PLAN_KO;
}

enum status
draft_read(const Planner__CreatePlanRequest *request, int32_t today, const char *locale,
           struct schedule_request *schedule, struct draft_flaw *flaw)
{
	enum status status;

	*schedule = (struct schedule_request){
	    .goal = request->goal,
	    .topics = (const char *const *)request->topics,
	    .topic_count = request->n_topics,
	    .minutes_per_day =
	        request->has_minutes_per_day ? (int)request->minutes_per_day : DRAFT_MINUTES,
	    .level = request->has_level ? (enum plan_level)request->level : PLAN_INTERMEDIATE,
	    .locale = draft_locale(request, locale),
	};
	for (size_t i = 0; i < request->n_rest_days; i++)
		schedule->rest_days |= PLAN_REST_DAY((unsigned)request->rest_days[i]);
	if (schedule->rest_days == PLAN_ALL_RESTING)
		return draft_refuse(flaw, "/rest_days", "leave no day for study");
	status = draft_dates(request, today, schedule, flaw);
	if (status == STATUS_OK && !draft_has_days(schedule))
		return draft_refuse(flaw, "/end_date", "no day for study is left before it");
	return status;
}

/* --- the result --------------------------------------------------------------------------------
 */

static char *
draft_text(const char *text)
{
	return (char *)(uintptr_t)text;
}

enum status
draft_warn(struct draft *draft, const char *code, const char *detail)
{
	Planner__Plan *head = draft->plan.head;
	Planner__Warning **list =
	    arena_calloc(task_arena(), head->n_warnings + 1, sizeof *head->warnings);
	Planner__Warning *warning = arena_alloc(task_arena(), sizeof *warning);

	if (list == NULL || warning == NULL)
		return STATUS_OVERLOADED;
	if (head->n_warnings > 0)
		memcpy(list, head->warnings, head->n_warnings * sizeof *list);
	planner__warning__init(warning);
	warning->code = draft_text(code);
	warning->detail = draft_text(detail);
	list[head->n_warnings++] = warning;
	head->warnings = list;
	return STATUS_OK;
}

static bool
draft_head(const Planner__CreatePlanRequest *from, const struct schedule_request *request,
           const struct draft_source *source, Planner__Plan *head)
{
	Planner__Usage *usage = arena_alloc(task_arena(), sizeof *usage);

	planner__plan__init(head);
	head->goal = from->goal;
	head->subject = from->subject;
	if (head->subject == NULL || *head->subject == '\0')
		head->subject = goal_subject(task_arena(), from->goal);
	head->locale = draft_text(request->locale == PLAN_EN ? "en" : "ko");
	head->level = draft_text(draft_levels[request->level]);
	head->start_date = plan_date(request->start_day);
	head->end_date = plan_date(request->end_day);
	if (request->has_exam)
		head->exam_date = plan_date(request->exam_day);
	head->has_minutes_per_day = true;
	head->minutes_per_day = (uint32_t)request->minutes_per_day;
	head->provider = draft_text(source->provider);
	head->model = draft_text(source->model);
	head->usage = usage;
	head->rest_days = arena_calloc(task_arena(), 8, sizeof *head->rest_days);
	if (usage == NULL || head->start_date == NULL || head->end_date == NULL ||
	    head->rest_days == NULL)
		return false;
	for (int day = MON; day <= SUN; day++)
		if (request->rest_days & PLAN_REST_DAY(day))
			head->rest_days[head->n_rest_days++] = draft_text(draft_weekdays[day]);
	planner__usage__init(usage);
	usage->has_prompt_tokens = usage->has_completion_tokens = true;
	usage->prompt_tokens = source->prompt_tokens;
	usage->completion_tokens = source->completion_tokens;
	return true;
}

/* All of the plan but its items, topics and warnings. */
static enum status
draft_begin(const Planner__CreatePlanRequest *request, const struct schedule_request *schedule,
            const char *id, const struct draft_source *source, struct draft *draft)
{
	Planner__Plan *head = arena_alloc(task_arena(), sizeof *head);

	if (head == NULL)
		return STATUS_OVERLOADED;
	*draft = (struct draft){.plan = {.id = id,
	                                 .version = 1,
	                                 .created_ms = planner_now_ms(),
	                                 .start_day = schedule->start_day,
	                                 .end_day = schedule->end_day,
	                                 .has_exam = schedule->has_exam,
	                                 .exam_day = schedule->exam_day,
	                                 .head = head}};
	return draft_head(request, schedule, source, head) ? STATUS_OK : STATUS_OVERLOADED;
}

static bool
draft_items(const struct schedule *schedule, struct draft *draft)
{
	struct arena *arena = task_arena();

	draft->item_count = schedule->item_count;
	draft->items = arena_calloc(arena, schedule->item_count + 1, sizeof *draft->items);
	if (draft->items == NULL)
		return false;
	for (size_t i = 0; i < schedule->item_count; i++) {
		const struct schedule_item *from = &schedule->items[i];
		char *id = arena_alloc(arena, ID_SIZE);

		if (id == NULL)
			return false;
		ids_new(id);
		draft->items[i] = (struct planner_item){.plan_id = draft->plan.id,
		                                        .id = id,
		                                        .version = 1,
		                                        .day = from->day,
		                                        .title = from->title,
		                                        .minutes = (uint32_t)from->minutes,
		                                        .kind = (int)from->kind,
		                                        .changed_ms = draft->plan.created_ms,
		                                        .first_topic = from->first_topic,
		                                        .topic_count = from->topic_count};
	}
	return true;
}

enum status
draft_make(const Planner__CreatePlanRequest *request,
           const struct schedule_request *schedule_request, const char *id, struct draft *draft)
{
	static const struct draft_source source = {.provider = "builtin", .model = "builtin"};
	struct schedule *schedule;
	enum status status = draft_begin(request, schedule_request, id, &source, draft);

	if (status == STATUS_OK)
		status = schedule_make(task_arena(), schedule_request, &schedule);
	if (status != STATUS_OK)
		return status;
	draft->plan.head->topics = (char **)(uintptr_t)schedule->topics;
	draft->plan.head->n_topics = schedule->topic_count;
	for (size_t i = 0; i < schedule->warning_count && status == STATUS_OK; i++)
		status =
		    draft_warn(draft, schedule->warnings[i].code, schedule->warnings[i].detail);
	if (status == STATUS_OK && !draft_items(schedule, draft))
		status = STATUS_OVERLOADED;
	return status;
}

enum status
draft_of_items(const Planner__CreatePlanRequest *request, const struct schedule_request *schedule,
               const char *id, const struct draft_source *source, struct planner_item *items,
               size_t count, struct draft *draft)
{
	struct goal_topics topics = {.topic = schedule->topics, .count = schedule->topic_count};
	enum status status = draft_begin(request, schedule, id, source, draft);

	if (status == STATUS_OK && topics.count == 0)
		status = goal_topics(task_arena(), request->goal, schedule->locale, &topics);
	if (status != STATUS_OK)
		return status;
	draft->plan.head->topics = (char **)(uintptr_t)topics.topic;
	draft->plan.head->n_topics = topics.count;
	draft->items = items;
	draft->item_count = count;
	for (size_t i = 0; i < count; i++) {
		items[i].plan_id = id;
		items[i].version = 1;
		items[i].changed_ms = draft->plan.created_ms;
	}
	return STATUS_OK;
}
