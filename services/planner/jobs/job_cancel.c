/* SPDX-License-Identifier: MIT
 * A job that runs here is told; one that waits is ended in the table. */
#include "services/planner/jobs/job_cancel.h"

#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/io/db.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_record.h"
#include "services/planner/jobs/job_remote.h"
#include "services/planner/jobs/jobs_private.h"
#include "services/planner/planner.h"
#include "services/planner/quota.h"

#include <stdlib.h>
#include <string.h>

#define CANCEL_PAUSE_MS 1000
#define CANCEL_LOOKS    3  /* for a job that is not there */
#define CANCEL_TRIES    60 /* while the database is away */
#define CANCEL_ROUNDS   5  /* a job may move from the queue to a replica while we look */

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

	if (status == STATUS_OK)
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
	struct jobs *jobs;
	char user[37], id[37];
};

/* NOT_FOUND: it may be in a transaction that is just being committed. */
static bool
job_cancel_again(enum status status, unsigned tries)
{
	if (status == STATUS_OK || status == STATUS_CONFLICT)
		return false;
	return tries < (status == STATUS_NOT_FOUND ? CANCEL_LOOKS : CANCEL_TRIES) &&
	       task_sleep(CANCEL_PAUSE_MS / 2 + ids_below(CANCEL_PAUSE_MS)) == STATUS_OK;
}

static void
job_cancel_task(void *arg)
{
	struct cancel_soon *soon = arg;
	unsigned tries = 0;
	enum status status;

	do
		status = job_cancel(soon->jobs, soon->user, soon->id);
	while (job_cancel_again(status, ++tries));
	if (status != STATUS_OK && status != STATUS_CONFLICT && status != STATUS_NOT_FOUND)
		LOG_WARN("a job that nobody waits for goes on", LOG_TEXT("job", soon->id),
		         LOG_TEXT("status", status_slug(status)));
	free(soon);
}

void
job_cancel_soon(struct jobs *jobs, const char *user, const char *id)
{
	struct task_options options = {.name = "cancel", .deadline_ms = 0};
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
	if (task_spawn(&options, job_cancel_task, soon) != STATUS_OK)
		free(soon);
}
