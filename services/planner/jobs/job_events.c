/* SPDX-License-Identifier: MIT
 * Events of a job as delimited messages. */
#include "services/planner/jobs/job_events.h"

#include "common/base/arena.h"
#include "common/base/delimited.h"
#include "common/service/call.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_message.h"
#include "services/planner/jobs/jobs_private.h"
#include "services/planner/plan.h"
#include "services/planner/planner.h"
#include "services/planner/quota.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- positions -----------------------------------------------------------------------------------
 */

void
job_position_format(const struct job_position *position, char out[JOB_POSITION_SIZE])
{
	if (position->ended)
		snprintf(out, JOB_POSITION_SIZE, "%u-end", position->epoch);
	else
		snprintf(out, JOB_POSITION_SIZE, "%u-%u", position->epoch, position->days);
}

bool
job_position_parse(const char *text, struct job_position *position)
{
	char again[JOB_POSITION_SIZE];
	char *end;

	*position = (struct job_position){0};
	if (text == NULL)
		return false;
	position->epoch = (uint32_t)strtoul(text, &end, 10);
	if (strcmp(end, "-end") == 0)
		position->ended = true;
	else if (*end == '-')
		position->days = (uint32_t)strtoul(end + 1, NULL, 10);
	job_position_format(position, again);
	if (strcmp(text, again) == 0)
		return true;
	*position = (struct job_position){0};
	return false;
}

/* --- writing -------------------------------------------------------------------------------------
 */

void
job_events_fini(struct job_events *events)
{
	buf_fini(&events->out);
}

static enum status
job_events_put(struct job_events *events, Planner__JobEvent *event)
{
	char id[JOB_POSITION_SIZE];
	enum status status;

	job_position_format(&events->seen, id);
	event->id = id;
	buf_clear(&events->out);
	delimited_put(&events->out, &event->base);
	if (buf_failed(&events->out))
		return STATUS_OVERLOADED;
	status = call_stream_write(events->call, events->out.bytes, events->out.length);
	buf_fini(&events->out); /* the next event may take long, and many wait */
	return status;
}

static enum status
job_events_job(struct job_events *events, const struct job_row *row)
{
	Planner__JobEvent event = PLANNER__JOB_EVENT__INIT;
	Planner__Job job;
	enum status status = job_message(events->jobs, row, &job);

	if (status != STATUS_OK)
		return status;
	event.event_case = PLANNER__JOB_EVENT__EVENT_JOB;
	event.job = &job;
	return job_events_put(events, &event);
}

enum status
job_events_begin(struct job_events *events, const struct job_row *row)
{
	if (events->begun)
		return STATUS_OK;
	events->begun = true;
	return job_events_job(events, row);
}

enum status
job_events_epoch(struct job_events *events, uint32_t epoch, uint32_t kept)
{
	Planner__JobEvent event = PLANNER__JOB_EVENT__INIT;
	Planner__Reset reset = PLANNER__RESET__INIT;
	bool goes_on = events->seen.epoch + 1 == epoch && events->seen.days <= kept;

	if (events->seen.epoch == epoch)
		return STATUS_OK;
	events->seen.epoch = epoch;
	if (events->seen.days == 0 || goes_on)
		return STATUS_OK;
	events->seen.days = 0;
	reset.reason = (char *)(uintptr_t) "another planner starts over";
	event.event_case = PLANNER__JOB_EVENT__EVENT_RESET;
	event.reset = &reset;
	return job_events_put(events, &event);
}

static enum status
job_events_put_day(struct job_events *events, Planner__PlanDay *day)
{
	Planner__JobEvent event = PLANNER__JOB_EVENT__INIT;

	event.event_case = PLANNER__JOB_EVENT__EVENT_DAY;
	event.day = day;
	events->seen.days++;
	return job_events_put(events, &event);
}

enum status
job_events_day(struct job_events *events, const void *bytes, size_t length)
{
	Planner__PlanDay *day = planner__plan_day__unpack(NULL, length, bytes);
	enum status status;

	if (day == NULL)
		return STATUS_OVERLOADED;
	status = job_events_put_day(events, day);
	planner__plan_day__free_unpacked(day, NULL);
	return status;
}

enum status
job_events_pass(struct job_events *events, const void *bytes, size_t length)
{
	Planner__JobEvent *event = planner__job_event__unpack(NULL, length, bytes);
	enum status status = STATUS_INTERNAL;
	char *id;

	if (event == NULL)
		return STATUS_INTERNAL;
	id = event->id; /* job_events_put() sets its own */
	if (job_position_parse(id, &events->seen)) {
		events->begun = true;
		status = job_events_put(events, event);
	}
	event->id = id;
	planner__job_event__free_unpacked(event, NULL);
	return status;
}

/* --- the end -------------------------------------------------------------------------------------
 */

static Planner__Plan *
job_events_plan_of(const struct job_result *result)
{
	Planner__PlanAnswer *answer = planner__plan_answer__unpack(arena_allocator(task_arena()),
	                                                           result->length, result->answer);

	return answer != NULL ? answer->plan : NULL;
}

/* As it is now: its learner may have changed it meanwhile, or deleted it. */
static enum status
job_events_read_plan(struct job_events *events, const struct job_row *row, Planner__Plan **out)
{
	Planner__Plan *message = arena_alloc(task_arena(), sizeof *message);
	struct db *db = events->jobs->db;
	struct planner_plan plan;
	struct planner_item *items;
	size_t count;
	enum status status = planner_store_get(db, row->user, row->id, false, &plan);

	if (status == STATUS_OK)
		status = planner_store_items(db, row->id, &items, &count);
	if (status != STATUS_OK)
		return status;
	if (message == NULL ||
	    !plan_message(&plan, items, count, planner_today(events->call), message))
		return STATUS_OVERLOADED;
	*out = message;
	return STATUS_OK;
}

/* Days that have not been seen, from the plan itself: its items are in their order. */
static enum status
job_events_rest(struct job_events *events, const Planner__Plan *plan)
{
	uint32_t number = 0;
	enum status status = STATUS_OK;

	for (size_t i = 0, next; i < plan->n_items && status == STATUS_OK; i = next) {
		Planner__PlanDay day = PLANNER__PLAN_DAY__INIT;

		for (next = i + 1; next < plan->n_items; next++)
			if (strcmp(plan->items[next]->date, plan->items[i]->date) != 0)
				break;
		if (number++ < events->seen.days)
			continue;
		day.date = plan->items[i]->date;
		day.items = plan->items + i;
		day.n_items = next - i;
		status = job_events_put_day(events, &day);
	}
	return status;
}

/* The stream's last event, so that nobody comes back for more. */
static enum status
job_events_put_problem(struct job_events *events, Planner__Problem *problem)
{
	Planner__JobEvent event = PLANNER__JOB_EVENT__INIT;

	events->seen.ended = true;
	event.event_case = PLANNER__JOB_EVENT__EVENT_PROBLEM;
	event.problem = problem;
	return job_events_put(events, &event);
}

static enum status
job_events_no_plan(struct job_events *events, const struct job_row *row)
{
	Planner__Problem problem = PLANNER__PROBLEM__INIT;
	enum status status = job_events_job(events, row);

	if (status != STATUS_OK)
		return status;
	problem.code = (char *)(uintptr_t)status_slug(STATUS_NOT_FOUND);
	problem.detail = (char *)(uintptr_t) "the plan has been deleted";
	return job_events_put_problem(events, &problem);
}

static enum status
job_events_plan(struct job_events *events, const struct job_row *row,
                const struct job_result *result)
{
	Planner__JobEvent event = PLANNER__JOB_EVENT__INIT;
	Planner__Plan *plan = NULL;
	enum status status = STATUS_OK;

	if (result != NULL && result->answer != NULL)
		plan = job_events_plan_of(result);
	if (plan == NULL)
		status = job_events_read_plan(events, row, &plan);
	if (status == STATUS_NOT_FOUND)
		return job_events_no_plan(events, row);
	if (status == STATUS_OK)
		status = job_events_rest(events, plan);
	if (status == STATUS_OK)
		status = job_events_job(events, row);
	if (status != STATUS_OK)
		return status;
	events->seen.ended = true;
	event.event_case = PLANNER__JOB_EVENT__EVENT_PLAN;
	event.plan = plan;
	return job_events_put(events, &event);
}

static enum status
job_events_problem(struct job_events *events, const struct job_row *row)
{
	Planner__Problem problem = PLANNER__PROBLEM__INIT;
	enum status status = job_events_job(events, row);

	if (status != STATUS_OK)
		return status;
	problem.code = (char *)(uintptr_t)row->failure;
	/* As who waits for the job is answered. */
	if (row->failure != NULL && strcmp(row->failure, status_slug(STATUS_DEADLINE)) == 0)
		problem.code = (char *)(uintptr_t)status_slug(STATUS_PROVIDERS_FAILED);
	problem.detail = (char *)(uintptr_t)row->detail;
	if (row->failure != NULL && strcmp(row->failure, status_slug(STATUS_QUOTA_EXCEEDED)) == 0) {
		problem.has_retry_after_s = true;
		problem.retry_after_s = quota_seconds_left(call_time_zone(events->call));
	}
	return job_events_put_problem(events, &problem);
}

enum status
job_events_end(struct job_events *events, const struct job_row *row,
               const struct job_result *result)
{
	enum status status;

	/* A learner's plan that is there from the first look on is told of in full. */
	status = job_events_begin(events, row);
	if (status == STATUS_OK)
		status = job_events_epoch(events, row->epoch, row->kept);
	if (status != STATUS_OK)
		return status;
	if (row->status == JOB_SUCCEEDED)
		return job_events_plan(events, row, result);
	if (row->status == JOB_FAILED)
		return job_events_problem(events, row);
	events->seen.ended = true;
	return job_events_job(events, row);
}
