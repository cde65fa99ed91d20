/* SPDX-License-Identifier: MIT
 * Watches a job that runs here, or the row of one that does not. */
#include "services/planner/jobs/job_wait.h"

#include "common/actor/rpc.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_remote.h"
#include "services/planner/jobs/jobs_private.h"

#define WAIT_LOOK_MS 1000 /* between two looks at a row */

static void
job_wait_release(void *thing)
{
	struct job *job = thing;

	job_release(&job);
}

/* The result belongs to the job, which the task holds until it ends. */
static enum status
job_wait_result(struct job *job, struct job_end *end)
{
	const struct job_result *result = &job->result;

	*end = (struct job_end){
	    .ended = true,
	    .status = result->status,
	    .failure = result->failure,
	    .detail = result->detail[0] != '\0' ? result->detail : NULL,
	    .retry_after_s = result->retry_after_s,
	    .answer = result->answer,
	    .length = result->length,
	    .days_left = result->days_left,
	    .ai_ms = result->ai_ms,
	};
	if (arena_adopt(task_arena(), job_hold(job), job_wait_release) != 0)
		return STATUS_OVERLOADED;
	return STATUS_OK;
}

static enum job_phase
job_wait_phase(struct job *job)
{
	enum job_phase phase;

	pthread_mutex_lock(&job->jobs->lock);
	phase = job->phase;
	pthread_mutex_unlock(&job->jobs->lock);
	return phase;
}

/* As long as the job runs here. */
static enum status
job_wait_here(struct job_watch *watch, struct job *job, uint64_t until_ms, struct job_end *end)
{
	enum job_phase phase;
	enum status status;

	while ((phase = job_wait_phase(job)) == JOB_ACTIVE) {
		status = job_watch_wait(watch, until_ms);
		if (status != STATUS_OK)
			return status;
	}
	return phase == JOB_OVER ? job_wait_result(job, end) : STATUS_OK;
}

/* Until the other replica's stream ends, which it does with the job. */
static enum status
job_wait_there(struct jobs *jobs, const struct job_row *row, uint64_t until_ms, bool *followed)
{
	struct rpc_stream *stream = NULL;
	const void *bytes;
	size_t length = 1;
	enum status status = job_remote_follow(jobs, row, NULL, true, &stream);

	*followed = status == STATUS_OK;
	while (status == STATUS_OK && length > 0)
		status = rpc_stream_read(stream, until_ms, &bytes, &length);
	rpc_stream_close(&stream);
	if (task_cancelled())
		return STATUS_CANCELLED;
	return clock_ms() >= until_ms ? STATUS_DEADLINE : STATUS_OK;
}

static enum status
job_wait_row(struct jobs *jobs, const char *user, const char *id, uint64_t until_ms, bool *followed,
             struct job_end *end)
{
	struct job_row row;
	enum status status = job_store_get(jobs->db, user, id, false, &row);

	if (status == STATUS_OK && row.status == JOB_RUNNING)
		return job_wait_there(jobs, &row, until_ms, followed);
	if (status != STATUS_OK || row.finished_ms == 0)
		return status;
	*end = (struct job_end){
	    .ended = true, .status = row.status, .detail = row.detail, .ai_ms = row.ai_ms};
	if (row.failure != NULL)
		end->failure = status_from_wire(row.failure, -1);
	return STATUS_OK;
}

static enum status
job_wait_watched(struct job_watch *watch, const char *user, uint64_t until_ms, struct job_end *end)
{
	struct jobs *jobs = watch->jobs;
	enum status status = STATUS_OK;
	bool followed = false;

	while (status == STATUS_OK && !end->ended) {
		uint64_t look_ms = clock_ms() + WAIT_LOOK_MS / 2 + ids_below(WAIT_LOOK_MS);
		struct job *job = jobs_find(jobs, watch->id);

		if (job != NULL) {
			status = job_wait_here(watch, job, until_ms, end);
			job_release(&job);
			continue;
		}
		status = job_wait_row(jobs, user, watch->id, until_ms, &followed, end);
		if (status != STATUS_OK || end->ended)
			break;
		if (followed) {
			followed = false;
			continue;
		}
		status = job_watch_wait(watch, look_ms < until_ms ? look_ms : until_ms);
		if (status == STATUS_DEADLINE && clock_ms() < until_ms && task_time_left() > 0)
			status = STATUS_OK;
	}
	return status;
}

enum status
job_wait(struct jobs *jobs, const char *user, const char *id, uint64_t until_ms,
         struct job_end *end)
{
	struct job_watch watch;
	enum status status;

	*end = (struct job_end){0};
	job_watch_begin(&watch, jobs, id, false);
	status = job_wait_watched(&watch, user, until_ms, end);
	job_watch_end(&watch);
	/* The caller's time is up, not the task's: no failure. */
	if (status == STATUS_DEADLINE && task_time_left() > 0)
		return STATUS_OK;
	return status;
}
