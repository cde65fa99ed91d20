/* SPDX-License-Identifier: MIT
 * Drafts a plan with the built-in planner. */
#include "services/planner/draft.h"

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/base/ids.h"
#include "common/service/call.h"
#include "common/task/task.h"
#include "services/planner/builtin/goal.h"
#include "services/planner/builtin/schedule.h"
#include "services/planner/plan.h"
#include "services/planner/planner.h"

#include <string.h>

#define DRAFT_DAYS     28 /* of a plan that names no end */
#define DRAFT_MINUTES  60
#define DRAFT_LAST_DAY 2932896 /* 9999-12-31, the last day that can be written */

static const char *const draft_weekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
static const char *const draft_levels[] = {"beginner", "intermediate", "advanced"};

/* The rules have seen to it that these are dates. */
static enum status
draft_dates(struct call *call, const Planner__CreatePlanRequest *request,
            struct schedule_request *schedule)
{
	schedule->start_day = planner_today(call);
	if (request->start_date != NULL && !date_parse(request->start_date, &schedule->start_day))
		return call_invalid(call, "/start_date", "is not a date");
	schedule->end_day = schedule->start_day + DRAFT_DAYS - 1;
	if (request->end_date != NULL && !date_parse(request->end_date, &schedule->end_day))
		return call_invalid(call, "/end_date", "is not a date");
	if (schedule->end_day > DRAFT_LAST_DAY)
		return call_invalid(call, "/end_date", "is after the year 9999");
	if (schedule->end_day < schedule->start_day)
		return call_invalid(call, "/end_date", "is before start_date");
	if (schedule->end_day - schedule->start_day >= PLAN_MAX_DAYS)
		return call_invalid(call, "/end_date", "is more than %d days after start_date",
		                    PLAN_MAX_DAYS - 1);
	schedule->has_exam = request->exam_date != NULL;
	if (schedule->has_exam && !date_parse(request->exam_date, &schedule->exam_day))
		return call_invalid(call, "/exam_date", "is not a date");
	if (schedule->has_exam && schedule->exam_day <= schedule->start_day)
		return call_invalid(call, "/exam_date", "is not after start_date");
	/* A plan that begins in the past was begun then: what was missed is there to be replanned.
	 */
	schedule->today = schedule->start_day;
	return STATUS_OK;
}

static enum plan_locale
draft_locale(struct call *call, const Planner__CreatePlanRequest *request)
{
	if (request->has_locale)
		return request->locale == PLANNER__CREATE_PLAN_REQUEST__LOCALE__en ? PLAN_EN
		                                                                   : PLAN_KO;
	return strcmp(call_locale(call), "en") == 0 ? PLAN_EN : PLAN_KO;
}

static enum status
draft_request(struct call *call, const Planner__CreatePlanRequest *request,
              struct schedule_request *schedule)
{
	enum status status;

	*schedule = (struct schedule_request){
	    .goal = request->goal,
	    .topics = (const char *const *)request->topics,
	    .topic_count = request->n_topics,
	    .minutes_per_day =
	        request->has_minutes_per_day ? (int)request->minutes_per_day : DRAFT_MINUTES,
	    .level = request->has_level ? (enum plan_level)request->level : PLAN_INTERMEDIATE,
	    .locale = draft_locale(call, request),
	};
	for (size_t i = 0; i < request->n_rest_days; i++)
		schedule->rest_days |= PLAN_REST_DAY((unsigned)request->rest_days[i]);
	if (schedule->rest_days == PLAN_ALL_RESTING)
		return call_invalid(call, "/rest_days", "leave no day for study");
	status = draft_dates(call, request, schedule);
	return status;
}

/* --- the result --------------------------------------------------------------------------------
 */

static char *
draft_text(const char *text)
{
	return (char *)(uintptr_t)text;
}

static bool
draft_lists(const struct schedule_request *request, const struct schedule *schedule,
            Planner__Plan *head)
{
	struct arena *arena = task_arena();
	Planner__Warning *warnings =
	    arena_calloc(arena, schedule->warning_count + 1, sizeof *warnings);

	head->topics = (char **)(uintptr_t)schedule->topics;
	head->n_topics = schedule->topic_count;
	head->rest_days = arena_calloc(arena, 8, sizeof *head->rest_days);
	head->warnings = arena_calloc(arena, schedule->warning_count + 1, sizeof *head->warnings);
	if (warnings == NULL || head->rest_days == NULL || head->warnings == NULL)
		return false;
	for (int day = MON; day <= SUN; day++)
		if (request->rest_days & PLAN_REST_DAY(day))
			head->rest_days[head->n_rest_days++] = draft_text(draft_weekdays[day]);
	for (size_t i = 0; i < schedule->warning_count; i++) {
		planner__warning__init(&warnings[i]);
		warnings[i].code = draft_text(schedule->warnings[i].code);
		warnings[i].detail = draft_text(schedule->warnings[i].detail);
		head->warnings[head->n_warnings++] = &warnings[i];
	}
	return true;
}

static bool
draft_head(const Planner__CreatePlanRequest *from, const struct schedule_request *request,
           const struct schedule *schedule, Planner__Plan *head)
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
	head->provider = draft_text("builtin");
	head->model = draft_text("builtin");
	head->usage = usage;
	if (usage == NULL || head->start_date == NULL || head->end_date == NULL)
		return false;
	planner__usage__init(usage);
	usage->has_prompt_tokens = usage->has_completion_tokens = true;
	return draft_lists(request, schedule, head);
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
draft_make(struct call *call, const Planner__CreatePlanRequest *request, struct draft *draft)
{
	struct schedule_request schedule_request;
	struct schedule *schedule;
	char *id = arena_alloc(task_arena(), ID_SIZE);
	Planner__Plan *head = arena_alloc(task_arena(), sizeof *head);
	enum status status = draft_request(call, request, &schedule_request);

	if (status != STATUS_OK)
		return status;
	if (id == NULL || head == NULL)
		return STATUS_OVERLOADED;
	status = schedule_make(task_arena(), &schedule_request, &schedule);
	if (status == STATUS_VALIDATION)
		return call_invalid(call, "/end_date", "no day for study is left before it");
	if (status != STATUS_OK)
		return status;
	ids_new(id);
	draft->plan = (struct planner_plan){.id = id,
	                                    .version = 1,
	                                    .created_ms = planner_now_ms(),
	                                    .start_day = schedule_request.start_day,
	                                    .end_day = schedule_request.end_day,
	                                    .has_exam = schedule_request.has_exam,
	                                    .exam_day = schedule_request.exam_day,
	                                    .head = head};
	if (!draft_head(request, &schedule_request, schedule, head) ||
	    !draft_items(schedule, draft))
		return STATUS_OVERLOADED;
	return STATUS_OK;
}
