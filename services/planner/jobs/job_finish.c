/* SPDX-License-Identifier: MIT
 * How a job ends: the plan, its items, the event, what the key answers and the job's own end are
 * one transaction, which names owner and attempt. A stale attempt matches no row and writes
 * nothing. */
#include "services/planner/jobs/job_finish_private.h"

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/io/db_batch.h"
#include "common/service/idempotency.h"
#include "common/service/outbox.h"
#include "common/service/subtask.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_owner.h"
#include "services/planner/jobs/job_record.h"
#include "services/planner/plan.h"
#include "services/planner/planner.h"
#include "services/planner/quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINISH_ATTEMPTS  3  /* of a job whose attempts break */
#define FINISH_PAUSE_MIN 50 /* ms between tries to write */
#define FINISH_PAUSE_MAX 1000
#define FINISH_BACKOFF   1000 /* ms, doubled with each attempt of the job */

/* --- deciding ------------------------------------------------------------------------------------
 */

static void
job_finish_failed(struct finish *finish, enum status failure, const char *detail)
{
	finish->ending.status = JOB_FAILED;
	finish->ending.failure = failure;
	finish->ending.detail = detail;
}

struct finish_warning {
	enum status outcome;
	const char *code, *ko, *en;
};

/* Why the built-in planner took the AI's place; the last one, for whatever else it was. */
static const struct finish_warning finish_warnings[] = {
    {STATUS_QUOTA_EXCEEDED, "tokens_spent",
     "오늘 쓸 수 있는 AI 토큰을 모두 써서 기본 플래너가 만들었습니다.",
     "Today's AI tokens are spent, so the built-in planner made this plan."},
    {STATUS_DEADLINE, "providers_late", "AI가 너무 오래 걸려 기본 플래너가 만들었습니다.",
     "The AI took too long, so the built-in planner made this plan."},
    {STATUS_PROVIDERS_FAILED, "providers_failed", "AI가 응답하지 않아 기본 플래너가 만들었습니다.",
     "No AI provider answered, so the built-in planner made this plan."},
};

static enum status
job_finish_builtin(struct finish *finish)
{
	const struct finish_warning *warning = finish_warnings;
	const struct job *job = finish->job;
	bool english = finish->schedule.locale == PLAN_EN;
	enum status status =
	    draft_make(finish->request->plan, &finish->schedule, job->id, &finish->draft);

	if (job->outcome == STATUS_OK || status != STATUS_OK)
		return status;
	while (warning->outcome != job->outcome && warning->outcome != STATUS_PROVIDERS_FAILED)
		warning++;
	return draft_warn(&finish->draft, warning->code, english ? warning->en : warning->ko);
}

/* The items of the days that the AI made. */
static enum status
job_finish_items(struct finish *finish)
{
	struct job *job = finish->job;
	struct draft_source source = {job->provider, job->model, job->prompt_tokens,
	                              job->completion_tokens};
	struct planner_item *items;
	size_t count;
	enum status status = job_record_items(job, &items, &count);

	if (status != STATUS_OK)
		return status;
	return draft_of_items(finish->request->plan, &finish->schedule, job->id, &source, items,
	                      count, &finish->draft);
}

static void
job_finish_broken(struct finish *finish, enum status why)
{
	struct job *job = finish->job;

	if (job->fence.attempt < FINISH_ATTEMPTS) {
		uint32_t pause = FINISH_BACKOFF << job->fence.attempt;

		finish->kind = FINISH_RETRY;
		finish->run_ms = planner_now_ms() + pause / 2 + ids_below(pause);
		return;
	}
	job_finish_failed(finish, why, NULL);
}

static enum status
job_finish_plan(struct finish *finish)
{
	struct job *job = finish->job;
	bool asked = job->provider != NULL;

	finish->ending.status = JOB_SUCCEEDED;
	if (job->outcome == STATUS_OK && asked)
		return job_finish_items(finish);
	if (job->outcome == STATUS_OK || job->helped_out) {
		/* The AI's days are void. */
		finish->ending.epoch += job->day_count > 0;
		finish->ending.kept = 0;
		return job_finish_builtin(finish);
	}
	return job->outcome;
}

/* What will be written. */
static void
job_finish_decide(struct finish *finish, enum job_stop stop)
{
	struct job *job = finish->job;
	enum status status;

	finish->kind = FINISH_END;
	finish->ending = (struct job_ending){.finished_ms = planner_now_ms(),
	                                     .epoch = job->epoch,
	                                     .kept = job->kept,
	                                     .ai_ms = (uint32_t)(job->ai_us / 1000)};
	if (stop == JOB_STOP_CANCELLED) {
		finish->ending.status = JOB_CANCELLED;
		return;
	}
	if (stop == JOB_STOP_HAND_OVER && job->outcome == STATUS_CANCELLED) {
		finish->kind = FINISH_RETURN;
		finish->run_ms = planner_now_ms();
		return;
	}
	if (job->fence.attempt > FINISH_ATTEMPTS) {
		job_finish_failed(finish, STATUS_INTERNAL, "given up after several attempts");
		return;
	}
	status =
	    job_request(job->request, job->request_length, &finish->request, &finish->schedule);
	if (status == STATUS_OK)
		status = job_finish_plan(finish);
	if (status == STATUS_DEADLINE)
		snprintf(job->result.detail, sizeof job->result.detail,
		         "the AI was not done within the %" PRId64 " s that a job may take",
		         planner_settings.timeout_s);
	if (status == STATUS_PROVIDERS_FAILED || status == STATUS_DEADLINE ||
	    status == STATUS_QUOTA_EXCEEDED)
		job_finish_failed(finish, status, job->result.detail);
	else if (status != STATUS_OK)
		job_finish_broken(finish, status);
}

/* The answer to whoever waits, and to the key. */
static enum status
job_finish_pack(struct finish *finish)
{
	struct job_result *result = &finish->job->result;
	const struct zone *zone = zone_find(finish->request->time_zone);
	Planner__PlanAnswer answer = PLANNER__PLAN_ANSWER__INIT;
	Planner__Plan plan;
	int32_t today = zone_day(zone != NULL ? zone : zone_find("UTC"), planner_now_ms() * 1000);

	if (!plan_message(&finish->draft.plan, finish->draft.items, finish->draft.item_count, today,
	                  &plan))
		return STATUS_OVERLOADED;
	answer.plan = &plan;
	result->days_left = plan.days_left;
	result->length = planner__plan_answer__get_packed_size(&answer);
	result->answer = malloc(result->length + 1);
	if (result->answer == NULL)
		return STATUS_OVERLOADED;
	planner__plan_answer__pack(&answer, result->answer);
	return STATUS_OK;
}

/* --- writing ------------------------------------------------------------------------------------
 */

static enum status
job_finish_put_plan(struct db *tx, const struct finish *finish)
{
	const struct job *job = finish->job;
	const struct draft *draft = &finish->draft;
	bool erased = false;
	enum status status = planner_store_insert(tx, job->user, &draft->plan);

	if (status == STATUS_OK)
		status = planner_store_put_items(tx, job->user, draft->items, draft->item_count);
	if (status == STATUS_OK)
		status = plan_record_created(tx, job->user, &draft->plan);
	if (status == STATUS_OK)
		status = planner_store_is_erased(tx, job->user, &erased);
	return status == STATUS_OK && erased ? STATUS_UNAUTHENTICATED : status;
}

/* A failure leaves the key free for another try; a plan is what the key answers from now on. */
static enum status
job_finish_key(struct db *tx, const struct finish *finish)
{
	const struct job *job = finish->job;

	if (job->key == NULL || finish->ending.status == JOB_CANCELLED)
		return STATUS_OK;
	return idempotency_settle(tx, job->user, PLANNER_CREATE_PLAN, job->key, job->result.answer,
	                          job->result.length);
}

enum status
job_finish_tx(struct db *tx, void *arg)
{
	struct finish *finish = arg;
	struct job *job = finish->job;
	enum status status;

	if (finish->kind == FINISH_RETRY)
		status = job_store_requeue(tx, &job->fence, finish->run_ms);
	else if (finish->kind == FINISH_RETURN)
		status = job_store_return(tx, &job->fence, finish->run_ms);
	else
		status = job_store_end(tx, &job->fence, &finish->ending);
	if (status != STATUS_OK)
		return status;
	if (finish->kind == FINISH_END && finish->ending.status == JOB_SUCCEEDED)
		status = job_finish_put_plan(tx, finish);
	if (status == STATUS_OK && finish->kind == FINISH_END)
		status = job_finish_key(tx, finish);
	if (status == STATUS_OK && finish->kind == FINISH_END &&
	    finish->ending.status != JOB_SUCCEEDED)
		status = job_record_return_plan(tx, job);
	if (status == STATUS_OK && finish->kind != FINISH_END)
		status = job_record_put_days(tx, job);
	if (status == STATUS_OK)
		status = job_record_end_calls(tx, job);
	return status;
}

/* The transaction found the job no more ours: was it our own commit, of which we did not hear? */
static enum status
job_finish_look(struct finish *finish)
{
	const struct job *job = finish->job;
	struct job_row row;
	enum status status = job_store_get(job->jobs->db, NULL, job->id, false, &row);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_CONFLICT : status;
	if (finish->kind == FINISH_END && row.owner == job->fence.owner &&
	    row.attempt == job->fence.attempt && row.status == finish->ending.status)
		return STATUS_OK;
	return STATUS_CONFLICT;
}

/* One try. From the second on in a task of its own, so that an outage does not fill the arena. */
static void
job_finish_try(void *arg)
{
	struct finish *finish = arg;

	if (job_finish_is_usual(finish))
		finish->status = db_batch_transact(finish->job->jobs->ends, finish);
	else
		finish->status = db_transact(finish->job->jobs->db, job_finish_tx, finish);
	if (finish->status == STATUS_CONFLICT)
		finish->status = job_finish_look(finish);
}

static bool
job_finish_is_final(enum status status)
{
	return status == STATUS_OK || status == STATUS_CONFLICT || status == STATUS_UNAUTHENTICATED;
}

/* Until it is written, or no more ours. */
static enum status
job_finish_write(struct finish *finish)
{
	struct job *job = finish->job;
	uint32_t pause = FINISH_PAUSE_MIN;
	bool first = true;

	for (;;) {
		if (job_stopped(job) == JOB_STOP_LOST)
			return STATUS_CONFLICT;
		finish->status = STATUS_OVERLOADED;
		if (first)
			job_finish_try(finish);
		else
			(void)subtask_run("job-end", 0, job_finish_try, finish);
		first = false;
		if (job_finish_is_final(finish->status))
			return finish->status;
		LOG_WARN("a job's end cannot be written yet", LOG_TEXT("job", job->id),
		         LOG_TEXT("status", status_slug(finish->status)));
		if (finish->status == STATUS_INTERNAL && finish->ending.status == JOB_SUCCEEDED) {
			finish->kind = FINISH_END;
			job_finish_failed(finish, STATUS_INTERNAL, NULL);
		}
		(void)task_sleep(pause / 2 + ids_below(pause));
		pause = pause * 2 < FINISH_PAUSE_MAX ? pause * 2 : FINISH_PAUSE_MAX;
	}
}

static void
job_finish_result(const struct finish *finish)
{
	struct job_result *result = &finish->job->result;

	result->status = finish->ending.status;
	result->failure = finish->ending.failure;
	result->ai_ms = finish->ending.ai_ms;
	if (finish->ending.status != JOB_SUCCEEDED) {
		free(result->answer);
		result->answer = NULL;
	}
	if (result->failure == STATUS_QUOTA_EXCEEDED && finish->request != NULL)
		result->retry_after_s = quota_seconds_left(finish->request->time_zone);
}

void
job_finish(struct job *job)
{
	struct finish finish = {.job = job};
	enum job_stop stop = job_stopped(job);
	enum status status = STATUS_CONFLICT;

	if (stop != JOB_STOP_LOST) {
		job_finish_decide(&finish, stop);
		if (finish.kind == FINISH_END && finish.ending.status == JOB_SUCCEEDED &&
		    job_finish_pack(&finish) != STATUS_OK)
			job_finish_broken(&finish, STATUS_OVERLOADED);
		status = job_finish_write(&finish);
	}
	if (status != STATUS_OK || finish.kind != FINISH_END) {
		if (finish.kind == FINISH_RETRY || finish.kind == FINISH_RETURN)
			atomic_store(&job->jobs->queued, true);
		job_over(job, JOB_LEFT);
		return;
	}
	if (finish.ending.status == JOB_SUCCEEDED)
		outbox_nudge(job->jobs->outbox, "history");
	job_finish_result(&finish);
	metric_add(job->jobs->ended[finish.ending.status], 1);
	job_over(job, JOB_OVER);
}
