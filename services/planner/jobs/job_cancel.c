/* SPDX-License-Identifier: MIT
 * A job that runs here is told; one that waits is ended in the table. */
#include "services/planner/jobs/job_cancel.h"

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/io/db.h"
#include "common/service/periodic.h"
#include "common/service/subtask.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_record.h"
#include "services/planner/jobs/job_remote.h"
#include "services/planner/jobs/jobs_private.h"
#include "services/planner/planner.h"
#include "services/planner/quota.h"

#include <stdlib.h>
#include <string.h>

#define CANCEL_PAUSE_MS 1000
#define CANCEL_IDLE_MS  60000
#define CANCEL_LOOKS    3     /* for a job that is not there */
#define CANCEL_TRIES    60    /* while the database is away */
#define CANCEL_ROUNDS   5     /* a job may move from the queue to a replica while we look */
#define CANCEL_BATCH    256   /* of those that nobody waits for any more, at a time */
#define CANCEL_MOST     16384 /* of them that wait to be cancelled */

struct cancellation {
	struct jobs *jobs;
	const char *user, *id;
	struct job_row row;
};

static enum status
job_cancel_queued_tx(struct db *tx, void *arg)
{
	struct cancellation *cancellation = arg;
	struct schedule_request schedule;
	Planner__JobRequest *request;
	enum status status =
	    job_store_get(tx, cancellation->user, cancellation->id, true, &cancellation->row);

	if (status != STATUS_OK || cancellation->row.status != JOB_QUEUED)
		return status;
	status = job_store_end_queued(tx, cancellation->id, planner_now_ms());
	if (status == STATUS_OK)
		status = job_request(cancellation->row.request, cancellation->row.request_length,
		                     &request, &schedule);
	if (status == STATUS_OK)
		status = quota_return_plan(tx, cancellation->user, request->today);
	return status;
}

/* Also in its row: should its replica die just now, the next one reads it there. */
static enum status
job_cancel_there(struct cancellation *cancellation)
{
	struct jobs *jobs = cancellation->jobs;
	enum status status = job_store_request_cancel(jobs->db, cancellation->id);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status; /* it has just finished */
	status = job_remote_cancel(jobs, &cancellation->row);
	if (status == STATUS_NOT_FOUND || status == STATUS_DEPENDENCY_DOWN ||
	    status == STATUS_DEADLINE)
		return STATUS_OK;
	return status;
}

enum status
job_cancel(struct jobs *jobs, const char *user, const char *id)
{
	struct cancellation cancellation = {.jobs = jobs, .user = user, .id = id};
	enum status status = job_store_get(jobs->db, user, id, false, &cancellation.row);
	struct job *job = NULL;

	for (int i = 0; i < CANCEL_ROUNDS && status == STATUS_OK; i++) {
		if (cancellation.row.finished_ms != 0)
			return STATUS_CONFLICT;
		job = jobs_find(jobs, id);
		if (job != NULL)
			break;
		status = db_transact(jobs->db, job_cancel_queued_tx, &cancellation);
		if (status == STATUS_OK && cancellation.row.status == JOB_QUEUED) {
			jobs_notify(jobs, id);
			return STATUS_OK;
		}
		if (status == STATUS_OK && cancellation.row.status == JOB_RUNNING)
			return job_cancel_there(&cancellation);
	}
	if (job != NULL)
		job_stop(job, JOB_STOP_CANCELLED);
	job_release(&job);
	return status;
}

/* --- by somebody who has gone ------------------------------------------------------------------
 */

struct cancel_soon {
	struct cancel_soon *next;
	struct jobs *jobs;
	char user[37], id[37];
	unsigned tries;
	uint64_t due_ms;
	enum status status; /* of the last try */
};

/* Of what is put into the list once more there is room for any number. */
static bool
job_cancel_put(struct jobs *jobs, struct cancel_soon *soon)
{
	bool room;

	soon->next = NULL;
	pthread_mutex_lock(&jobs->lock);
	room = soon->tries > 0 || jobs->deserted.count < CANCEL_MOST;
	if (room) {
		*jobs->deserted.tail = soon;
		jobs->deserted.tail = &soon->next;
		jobs->deserted.count++;
	}
	pthread_mutex_unlock(&jobs->lock);
	return room;
}

/* Takes those that are due, at most CANCEL_BATCH; returns how many. *wait_ms: until the next is. */
static size_t
job_cancel_take(struct jobs *jobs, struct cancel_soon **batch, uint32_t *wait_ms)
{
	uint64_t now = clock_ms(), next = now + CANCEL_IDLE_MS;
	struct cancel_soon **at = &jobs->deserted.head, *soon;
	size_t count = 0;

	pthread_mutex_lock(&jobs->lock);
	while ((soon = *at) != NULL && count < CANCEL_BATCH) {
		if (soon->due_ms > now) {
			next = soon->due_ms < next ? soon->due_ms : next;
			at = &soon->next;
			continue;
		}
		*at = soon->next;
		if (jobs->deserted.tail == &soon->next)
			jobs->deserted.tail = at;
		jobs->deserted.count--;
		batch[count++] = soon;
	}
	*wait_ms = soon != NULL ? 0 : (uint32_t)(next - now);
	pthread_mutex_unlock(&jobs->lock);
	return count;
}

static void
job_cancel_one(void *arg)
{
	struct cancel_soon *soon = *(struct cancel_soon **)arg;

	soon->status = job_cancel(soon->jobs, soon->user, soon->id);
}

/* NOT_FOUND: it may be in a transaction that is just being committed. */
static bool
job_cancel_again(const struct cancel_soon *soon)
{
	if (soon->status == STATUS_OK || soon->status == STATUS_CONFLICT)
		return false;
	return soon->tries < (soon->status == STATUS_NOT_FOUND ? CANCEL_LOOKS : CANCEL_TRIES);
}

uint32_t
jobs_cancel_round(void *arg)
{
	struct jobs *jobs = arg;
	struct cancel_soon *batch[CANCEL_BATCH];
	uint32_t wait_ms, pause_ms = CANCEL_PAUSE_MS / 2 + ids_below(CANCEL_PAUSE_MS);
	size_t count = job_cancel_take(jobs, batch, &wait_ms);

	for (size_t i = 0; i < count; i++)
		batch[i]->status = STATUS_OVERLOADED; /* should there be no memory for its task */
	(void)subtask_each("cancel", job_cancel_one, batch, sizeof *batch, count);
	for (size_t i = 0; i < count; i++) {
		struct cancel_soon *soon = batch[i];

		soon->tries++;
		if (job_cancel_again(soon)) {
			soon->due_ms = clock_ms() + pause_ms;
			(void)job_cancel_put(jobs, soon);
			wait_ms = pause_ms < wait_ms ? pause_ms : wait_ms;
			continue;
		}
		if (soon->status != STATUS_OK && soon->status != STATUS_CONFLICT &&
		    soon->status != STATUS_NOT_FOUND)
			LOG_WARN("a job that nobody waits for goes on", LOG_TEXT("job", soon->id),
			         LOG_TEXT("status", status_slug(soon->status)));
		free(soon);
	}
	return wait_ms;
}

void
jobs_cancel_last(void *arg)
{
	struct jobs *jobs = arg;

	pthread_mutex_lock(&jobs->lock);
	for (struct cancel_soon *soon = jobs->deserted.head; soon != NULL; soon = soon->next)
		soon->due_ms = 0;
	pthread_mutex_unlock(&jobs->lock);
	while (jobs_cancel_round(jobs) == 0) /* what fails is due later: this ends */
		;
}

void
job_cancel_soon(struct jobs *jobs, const char *user, const char *id)
{
	struct job *job = jobs_find(jobs, id);
	struct cancel_soon *soon;

	if (job != NULL) {
		job_stop(job, JOB_STOP_CANCELLED);
		job_release(&job);
		return;
	}
	soon = calloc(1, sizeof *soon);
	if (soon == NULL)
		return;
	soon->jobs = jobs;
	strncpy(soon->user, user, sizeof soon->user - 1);
	strncpy(soon->id, id, sizeof soon->id - 1);
	if (!job_cancel_put(jobs, soon)) {
		LOG_WARN("a job that nobody waits for goes on", LOG_TEXT("job", id),
		         LOG_TEXT("status", status_slug(STATUS_OVERLOADED)));
		free(soon);
		return;
	}
	periodic_nudge(jobs->cancels);
}
