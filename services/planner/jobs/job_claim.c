/* SPDX-License-Identifier: MIT
 * Where jobs come from that no request of this process began: the queue, replicas that died, and
 * rows that are ours though we do not know (a commit whose outcome we never heard of). */
#include "services/planner/jobs/jobs_private.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/service/service.h"
#include "common/service/subtask.h"
#include "services/planner/jobs/job_owner.h"
#include "services/planner/planner.h"

#include <string.h>

#define CLAIM_BATCH     8
#define CLAIM_PAUSE_MS  1000
#define CLAIM_FORGOTTEN 200 /* rows looked at in one round */

/* --- replicas that died, rows that we do not know ----------------------------------------------
 */

struct claim_forgotten {
	const char *id;
	uint64_t owner;
};

/* Only what is still ours; nobody else writes it while our lease lasts. */
static enum status
job_claim_requeue_tx(struct db *tx, void *arg)
{
	const struct claim_forgotten *forgotten = arg;
	struct job_row row;
	enum status status = job_store_get(tx, NULL, forgotten->id, true, &row);
	struct job_fence fence = {forgotten->id, forgotten->owner, row.attempt};

	if (status == STATUS_OK && row.owner == forgotten->owner)
		status = job_store_requeue(tx, &fence, planner_now_ms());
	return status == STATUS_CONFLICT || status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status
job_claim_forgotten(struct jobs *jobs)
{
	struct claim_forgotten forgotten = {.owner = job_owner_number(jobs->owner)};
	const char **ids;
	size_t count;
	enum status status;

	if (forgotten.owner == 0 || clock_ms() > atomic_load(&jobs->suspect_until_ms))
		return STATUS_OK;
	status = job_store_owned(jobs->db, forgotten.owner, CLAIM_FORGOTTEN, &ids, &count);
	for (size_t i = 0; status == STATUS_OK && i < count; i++) {
		struct job *job = jobs_find(jobs, ids[i]);

		if (job == NULL) {
			forgotten.id = ids[i];
			LOG_INFO("a job is ours that we did not know of", LOG_TEXT("job", ids[i]));
			status = db_transact(jobs->db, job_claim_requeue_tx, &forgotten);
		}
		job_release(&job);
	}
	if (status != STATUS_OK)
		jobs_suspect(jobs);
	return status;
}

static void
job_claim_look(void *arg)
{
	struct jobs *jobs = arg;
	size_t taken = 0;
	enum status status = job_owner_take_over(jobs->db, &taken);

	if (taken > 0) {
		LOG_WARN("jobs of a replica that died go on", LOG_INT("jobs", taken));
		atomic_store(&jobs->queued, true);
	}
	if (status == STATUS_OK)
		status = job_claim_forgotten(jobs);
	if (status != STATUS_OK)
		LOG_DEBUG("looking for jobs", LOG_TEXT("status", status_slug(status)));
}

/* --- the queue ----------------------------------------------------------------------------------
 */

struct claim_batch {
	struct jobs *jobs;
	uint64_t owner;
	size_t limit;
	struct job_row *rows;
	size_t count;
	const char *users[CLAIM_BATCH]; /* of those that were not left out */
	size_t user_count;
	bool skipped; /* somebody's jobs were left out: they have their share */
	enum status status;
};

static bool
job_claim_skip(void *arg, const char *user)
{
	struct claim_batch *batch = arg;
	unsigned others = 0;

	for (size_t i = 0; i < batch->user_count; i++)
		others += strcmp(batch->users[i], user) == 0;
	if (batch->user_count == CLAIM_BATCH || !jobs_has_room(batch->jobs, user, others)) {
		batch->skipped = true;
		return true;
	}
	batch->users[batch->user_count++] = user;
	return false;
}

static enum status
job_claim_tx(struct db *tx, void *arg)
{
	struct claim_batch *batch = arg;

	batch->skipped = false;
	batch->user_count = 0;
	return job_store_claim(tx, batch->owner, planner_now_ms(), batch->limit, job_claim_skip,
	                       batch, &batch->rows, &batch->count);
}

/* Claimed, and no room after all, for a request took it meanwhile: back again. */
static void
job_claim_return(struct jobs *jobs, const struct job_row *row)
{
	struct job_fence fence = {row->id, row->owner, row->attempt};

	if (job_store_return(jobs->db, &fence, planner_now_ms()) != STATUS_OK)
		jobs_suspect(jobs);
}

/* A task of its own for each batch: its rows are freed with it. */
static void
job_claim_batch(void *arg)
{
	struct claim_batch *batch = arg;

	batch->status = db_transact(batch->jobs->db, job_claim_tx, batch);
	if (batch->status != STATUS_OK) {
		jobs_suspect(batch->jobs);
		return;
	}
	for (size_t i = 0; i < batch->count; i++) {
		struct job *job = jobs_add(batch->jobs, &batch->rows[i], true);

		if (job != NULL)
			job_begin(job, jobs_worker(batch->jobs));
		else
			job_claim_return(batch->jobs, &batch->rows[i]);
	}
}

static size_t
job_claim_room(struct jobs *jobs)
{
	size_t room;

	pthread_mutex_lock(&jobs->lock);
	room = jobs->slots - jobs->running;
	pthread_mutex_unlock(&jobs->lock);
	return room < CLAIM_BATCH ? room : CLAIM_BATCH;
}

/* Takes from the queue as long as there is room and something in it. */
static void
job_claim_all(struct jobs *jobs)
{
	struct claim_batch batch = {.jobs = jobs};

	do {
		batch.owner = job_owner_number(jobs->owner);
		batch.limit = job_claim_room(jobs);
		if (batch.owner == 0 || batch.limit == 0 || service_draining(jobs->service))
			return;
		if (subtask_run("claim", 0, job_claim_batch, &batch) != STATUS_OK ||
		    batch.status != STATUS_OK)
			return;
	} while (batch.count == batch.limit);
	/* Whoever is left has a share of the room already: others need not wait behind them. */
	atomic_store(&jobs->waiting, false);
	atomic_store(&jobs->queued, batch.skipped);
}

/* Of all replicas' queue; what it was stays when the database does not say. */
static void
job_claim_measure(void *arg)
{
	struct jobs *jobs = arg;
	int64_t wait_ms;

	jobs->none_waits = false;
	if (job_store_oldest_wait(jobs->db, planner_now_ms(), &wait_ms) != STATUS_OK)
		return;
	jobs->none_waits = wait_ms < 0;
	metric_set(jobs->oldest_wait, jobs->none_waits ? 0 : wait_ms * 1000);
}

uint32_t
jobs_claim_round(void *arg)
{
	struct jobs *jobs = arg;
	bool look = clock_ms() >= jobs->look_at_ms;

	if (look) {
		jobs->look_at_ms = clock_ms() + CLAIM_PAUSE_MS;
		(void)subtask_run("look-for-jobs", 0, job_claim_look, jobs);
		(void)subtask_run("measure-jobs", 0, job_claim_measure, jobs);
		if (jobs->none_waits && !atomic_load(&jobs->waiting) && !atomic_load(&jobs->queued))
			return CLAIM_PAUSE_MS;
	}
	job_claim_all(jobs);
	if (look)
		(void)subtask_run("measure-jobs", 0, job_claim_measure, jobs);
	return CLAIM_PAUSE_MS;
}
