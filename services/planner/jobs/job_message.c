/* SPDX-License-Identifier: MIT
 * From rows to what the contract calls a job. */
#include "services/planner/jobs/job_message.h"

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/task/task.h"
#include "services/planner/builtin/study_days.h"
#include "services/planner/jobs/job_store_parts.h"
#include "services/planner/jobs/jobs_private.h"

static char *
job_text(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* NULL for "not yet", and without memory. */
static char *
job_instant(int64_t time_ms)
{
	char *text = time_ms != 0 ? arena_alloc(task_arena(), INSTANT_TEXT_SIZE) : NULL;

	if (text != NULL)
		instant_format(time_ms * 1000, text);
	return text;
}

uint32_t
job_days_total(const struct job_row *row)
{
	struct schedule_request schedule;
	Planner__JobRequest *request;
	struct study_span span;
	struct study_days days;

	if (job_request(row->request, row->request_length, &request, &schedule) != STATUS_OK)
		return 0;
	span = (struct study_span){schedule.start_day, schedule.end_day, schedule.has_exam,
	                           schedule.exam_day, schedule.rest_days};
	study_days_of(&span, &days);
	return (uint32_t)days.count;
}

static enum status
job_message_progress(struct jobs *jobs, const struct job_row *row, Planner__Job *message)
{
	struct job *job = row->status == JOB_RUNNING ? jobs_find(jobs, row->id) : NULL;
	Planner__Job__Progress *progress = arena_alloc(task_arena(), sizeof *progress);
	enum status status = STATUS_OK;

	if (progress == NULL) {
		job_release(&job);
		return STATUS_OVERLOADED;
	}
	planner__job__progress__init(progress);
	progress->has_days_total = progress->has_days_done = true;
	progress->days_total = job_days_total(row);
	if (job != NULL) {
		pthread_mutex_lock(&jobs->lock);
		progress->days_done = (uint32_t)job->day_count;
		pthread_mutex_unlock(&jobs->lock);
	} else if (row->status == JOB_SUCCEEDED) {
		progress->days_done = progress->days_total;
	} else if (row->status != JOB_QUEUED) {
		status = job_store_count_days(jobs->db, row->id, row->epoch, &progress->days_done);
	}
	message->progress = progress;
	job_release(&job);
	return status;
}

static enum status
job_message_calls(struct jobs *jobs, const struct job_row *row, Planner__Job *message)
{
	struct arena *arena = task_arena();
	struct job_call_row *rows;
	Planner__Job__Call *calls;
	size_t count;
	enum status status = job_store_calls(jobs->db, row->id, &rows, &count);

	if (status != STATUS_OK)
		return status;
	calls = arena_calloc(arena, count + 1, sizeof *calls);
	message->calls = arena_calloc(arena, count + 1, sizeof *message->calls);
	if (calls == NULL || message->calls == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		planner__job__call__init(&calls[i]);
		calls[i].provider = job_text(rows[i].provider);
		calls[i].model = job_text(rows[i].model);
		calls[i].started_at = job_instant(rows[i].started_ms);
		calls[i].ended_at = job_instant(rows[i].ended_ms);
		calls[i].outcome = job_text(job_call_outcome_name(rows[i].outcome));
		message->calls[message->n_calls++] = &calls[i];
	}
	return STATUS_OK;
}

static bool
job_message_error(const struct job_row *row, Planner__Job *message)
{
	const char *sentence = row->detail;

	if (row->failure == NULL)
		return true;
	if (sentence == NULL)
		sentence = status_title(status_from_wire(row->failure, -1));
	message->error = arena_printf(task_arena(), "%s: %s", row->failure, sentence);
	return message->error != NULL;
}

static uint32_t
job_between(int64_t from_ms, int64_t to_ms)
{
	return from_ms != 0 && to_ms > from_ms ? (uint32_t)(to_ms - from_ms) : 0;
}

static bool
job_message_timing(const struct job_row *row, Planner__Job *message)
{
	Planner__Job__Timing *timing = arena_alloc(task_arena(), sizeof *timing);

	if (timing == NULL)
		return false;
	planner__job__timing__init(timing);
	timing->has_ai_ms = timing->has_queue_ms = timing->has_total_ms = true;
	timing->ai_ms = row->ai_ms;
	timing->queue_ms = job_between(row->created_ms, row->started_ms);
	timing->total_ms = job_between(row->created_ms, row->finished_ms);
	message->timing = timing;
	return true;
}

enum status
job_message(struct jobs *jobs, const struct job_row *row, Planner__Job *message)
{
	enum status status;

	planner__job__init(message);
	message->id = job_text(row->id);
	message->kind = job_text("plan");
	message->has_status = message->has_attempts = true;
	message->status = (Planner__Job__Status)row->status;
	message->attempts = row->attempt;
	message->created_at = job_instant(row->created_ms);
	message->run_at = job_instant(row->run_ms);
	message->started_at = job_instant(row->started_ms);
	message->finished_at = job_instant(row->finished_ms);
	if (row->status == JOB_SUCCEEDED)
		message->plan_id = job_text(row->id);
	if (message->created_at == NULL || !job_message_error(row, message))
		return STATUS_OVERLOADED;
	if (row->finished_ms != 0 && !job_message_timing(row, message))
		return STATUS_OVERLOADED;
	status = job_message_progress(jobs, row, message);
	if (status == STATUS_OK)
		status = job_message_calls(jobs, row, message);
	if (status == STATUS_OK && row->status == JOB_QUEUED) {
		message->has_position = true;
		status = job_store_position(jobs->db, row, &message->position);
	}
	return status;
}
