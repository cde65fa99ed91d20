/* SPDX-License-Identifier: MIT
 * The record of a job's calls: written before they go out, settled with how they ended. */
#include "services/planner/jobs/job_record_private.h"

#include "common/base/arena.h"
#include "common/base/ids.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/io/db_batch.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_owner.h"
#include "services/planner/jobs/job_store_parts.h"
#include "services/planner/jobs/jobs_private.h"
#include "services/planner/planner.h"
#include "services/planner/quota.h"

#include <stdlib.h>
#include <string.h>

#define CALL_RETRIES       4 /* of a start that the database was too busy for */
#define CALL_LEASE_LOOK_MS 50

/* --- in memory ----------------------------------------------------------------------------------
 */

static struct job_call *
job_record_add(struct job *job, const struct job_call_row *row)
{
	struct job_calls *calls = job->calls;
	struct job_call *call;

	if (calls == NULL)
		calls = job->calls = calloc(1, sizeof *calls);
	if (calls == NULL || calls->count == CALLS_MOST)
		return NULL;
	if (calls->count == calls->room) {
		size_t room = calls->room * 2 + 1;
		struct job_call *list = realloc(calls->list, room * sizeof *list);

		if (list == NULL)
			return NULL;
		calls->list = list;
		calls->room = room;
	}
	call = &calls->list[calls->count++];
	*call = (struct job_call){.row = *row};
	strncpy(call->provider, row->provider, sizeof call->provider - 1);
	strncpy(call->model, row->model, sizeof call->model - 1);
	call->row.why = NULL;
	return call;
}

void
job_record_free(struct job *job)
{
	if (job->calls != NULL)
		free(job->calls->list);
	free(job->calls);
	job->calls = NULL;
}

void
job_record_call_ended(struct job *job, unsigned number, enum ai_outcome outcome,
                      uint32_t prompt_tokens, uint32_t completion_tokens, const char *why)
{
	static const enum job_call_outcome outcomes[] = {
	    [AI_ANSWERED] = JOB_CALL_ANSWERED,
	    [AI_FAILED] = JOB_CALL_FAILED,
	    [AI_CANCELLED] = JOB_CALL_CANCELLED,
	};
	struct job_call *call;

	assert(number >= 1 && job->calls != NULL && number <= job->calls->count);
	call = &job->calls->list[number - 1];
	call->row.outcome = outcomes[outcome];
	call->row.ended_ms = planner_now_ms();
	call->row.prompt_tokens = prompt_tokens;
	call->row.completion_tokens = completion_tokens;
	if (why != NULL)
		strncpy(call->why, why, sizeof call->why - 1);
	call->ended = true;
}

void
job_record_usage(const struct job *job, uint32_t *prompt_tokens, uint32_t *completion_tokens,
                 const char **provider, const char **model)
{
	*prompt_tokens = *completion_tokens = 0;
	*provider = *model = NULL;
	for (size_t i = 0; job->calls != NULL && i < job->calls->count; i++) {
		const struct job_call *call = &job->calls->list[i];

		*prompt_tokens += call->row.prompt_tokens;
		*completion_tokens += call->row.completion_tokens;
		if (call->row.outcome == JOB_CALL_ANSWERED) {
			*provider = call->provider;
			*model = call->model;
		}
	}
}

const char *
job_record_last_provider(const struct job *job)
{
	const struct job_calls *calls = job->calls;

	return calls != NULL && calls->count > 0 ? calls->list[calls->count - 1].provider : NULL;
}

/* --- in the database ---------------------------------------------------------------------------
 */

struct quota_hold
job_record_hold(const struct job *job, const struct job_call *call)
{
	return (struct quota_hold){.user = job->user,
	                           .provider = call->provider,
	                           .day = call->row.quota_day,
	                           .budget_day = call->row.budget_day,
	                           .tokens = call->row.reserved};
}

uint32_t
job_record_used(const struct job_call *call)
{
	return call->row.prompt_tokens + call->row.completion_tokens;
}

/* A provider's budget has been told of: rows first, then the counters that others wait for. */
enum status
job_record_end_calls(struct db *tx, struct job *job)
{
	struct quota_hold holds[CALLS_MOST];
	uint32_t used[CALLS_MOST];
	size_t count = 0;
	enum status status = STATUS_OK;

	for (size_t i = 0; job->calls != NULL && i < job->calls->count; i++) {
		struct job_call *call = &job->calls->list[i];
		bool changed = false;

		if (!call->ended || call->written || status != STATUS_OK)
			continue;
		call->row.why = call->why[0] != '\0' ? call->why : NULL;
		status = job_store_end_call(tx, job->id, &call->row, &changed);
		if (!changed)
			continue; /* its start was never written */
		used[count] = job_record_used(call);
		holds[count++] = job_record_hold(job, call);
	}
	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = quota_settle(tx, &holds[i], used[i]);
	return status;
}

void
job_record_calls_written(struct job *job)
{
	for (size_t i = 0; job->calls != NULL && i < job->calls->count; i++)
		job->calls->list[i].written = job->calls->list[i].ended;
}

enum status
job_record_call_tx(struct db *tx, void *arg)
{
	struct call_start *start = arg;
	struct job *job = start->job;
	struct job_call *call = start->call;
	struct quota_hold hold = job_record_hold(job, call);
	enum status status = job_store_check(tx, &job->fence, &start->cancel);

	if (status == STATUS_OK && start->cancel)
		return STATUS_CANCELLED;
	call->row.provider = call->provider;
	call->row.model = call->model;
	if (status == STATUS_OK)
		status = job_store_add_call(tx, job->id, &call->row);
	if (status == STATUS_OK)
		status = job_record_end_calls(tx, job);
	if (status == STATUS_OK)
		status = quota_reserve(tx, &hold);
	return status;
}

static enum status
job_record_call_write(struct call_start *start)
{
	struct job *job = start->job;
	enum status status;

	for (int i = 0;; i++) {
		if (job->fence.attempt == 1 && job->calls->count == 1)
			status = db_batch_transact(job->jobs->calls, start);
		else
			status = db_transact(job->jobs->db, job_record_call_tx, start);
		if (status != STATUS_OVERLOADED || i == CALL_RETRIES)
			return status;
		if (task_sleep(20 + ids_below(100u << i)) != STATUS_OK)
			return status;
	}
}

/* Until the lease is sure to last. One that could be renewed was nobody else's meanwhile. */
static enum status
job_record_await_lease(const struct job *job)
{
	struct job_owner *owner = job->jobs->owner;
	enum status status = STATUS_OK;

	while (status == STATUS_OK && job_owner_number(owner) != job->fence.owner)
		status = job_owner_is(owner, job->fence.owner) ? task_sleep(CALL_LEASE_LOOK_MS)
		                                               : STATUS_DEPENDENCY_DOWN;
	return status;
}

enum status
job_record_call(struct job *job, const char *time_zone, const char *provider, const char *model,
                uint32_t tokens, unsigned *number)
{
	struct job_call_row row = {
	    .number = job->calls != NULL ? (uint32_t)job->calls->count + 1 : 1,
	    .attempt = job->fence.attempt,
	    .provider = provider,
	    .model = model,
	    .started_ms = planner_now_ms(),
	    .reserved = tokens,
	};
	struct call_start start = {.job = job};
	struct quota_hold today;
	enum status status;

	quota_today(time_zone, &today);
	row.quota_day = today.day;
	row.budget_day = today.budget_day;
	start.call = job_record_add(job, &row);
	if (start.call == NULL)
		return STATUS_OVERLOADED;
	status = job_record_call_write(&start);
	if (status == STATUS_OK) {
		job_record_calls_written(job);
		*number = row.number;
		/* The lease may have ended meanwhile: then another may be asking just this. */
		status = job_record_await_lease(job);
		if (status != STATUS_OK)
			job_record_call_ended(job, row.number, AI_CANCELLED, 0, 0, "no lease");
		return status;
	}
	if (status == STATUS_QUOTA_EXCEEDED || status == STATUS_OVERLOADED)
		job->calls->count--; /* certainly not written */
	else
		job_record_call_ended(job, row.number, AI_CANCELLED, 0, 0, "never sent");
	if (status == STATUS_CONFLICT)
		job_stop(job, JOB_STOP_LOST);
	else if (start.cancel)
		job_stop(job, JOB_STOP_CANCELLED);
	return status == STATUS_CONFLICT ? STATUS_CANCELLED : status;
}

enum status
job_record_load(struct job *job, unsigned *unknown)
{
	struct job_call_row *rows;
	struct job_day_row *days;
	size_t count;
	enum status status;

	*unknown = 0;
	if (job->epoch <= 1)
		return STATUS_OK;
	status = job_store_calls(job->jobs->db, job->id, &rows, &count);
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		struct job_call *call = job_record_add(job, &rows[i]);

		if (call == NULL)
			return STATUS_OVERLOADED;
		call->ended = call->written = true;
		/* Those before an operator let the job run again are the operator's risk. */
		*unknown +=
		    rows[i].outcome == JOB_CALL_UNKNOWN && rows[i].started_ms >= job->started_ms;
	}
	if (status == STATUS_OK)
		status = job_store_days(job->jobs->db, job->id, job->epoch, 0, &days, &count);
	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = job_days_add(job, days[i].bytes, days[i].length, true);
	return status;
}

enum status
job_record_return_plan(struct db *tx, struct job *job)
{
	Planner__JobRequest *request = planner__job_request__unpack(
	    arena_allocator(task_arena()), job->request_length, job->request);

	return request != NULL ? quota_return_plan(tx, job->user, request->today)
	                       : STATUS_OVERLOADED;
}
