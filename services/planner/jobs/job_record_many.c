/* SPDX-License-Identifier: MIT
 * The first calls of many jobs: their starts in one transaction, and their ends in that of the
 * jobs.
 */
#include "services/planner/jobs/job_record_private.h"

#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/io/db_batch.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_store_many.h"
#include "services/planner/jobs/jobs_private.h"

/* Jobs, and the first call of each. */
struct record_many {
	const char **ids;
	const struct job_call_row **rows;
	struct quota_hold *holds;
	uint32_t *used;
};

static bool
job_record_many_new(struct record_many *many, size_t count)
{
	struct arena *arena = task_arena();

	many->ids = arena_calloc(arena, count, sizeof *many->ids);
	many->rows = arena_calloc(arena, count, sizeof *many->rows);
	many->holds = arena_calloc(arena, count, sizeof *many->holds);
	many->used = arena_calloc(arena, count, sizeof *many->used);
	return many->ids != NULL && many->rows != NULL && many->holds != NULL && many->used != NULL;
}

static void
job_record_many_put(struct record_many *many, size_t i, const struct job *job,
                    struct job_call *call)
{
	call->row.provider = call->provider;
	call->row.model = call->model;
	many->ids[i] = job->id;
	many->rows[i] = &call->row;
	many->holds[i] = job_record_hold(job, call);
	many->used[i] = job_record_used(call);
}

static enum status
job_record_start_many(struct db *tx, void *const *units, size_t count)
{
	struct record_many many;
	uint64_t owner = 0;
	enum status status;

	if (!job_record_many_new(&many, count))
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		const struct call_start *start = units[i];

		job_record_many_put(&many, i, start->job, start->call);
		if (i > 0 && start->job->fence.owner != owner)
			return STATUS_CONFLICT; /* some were ours before the lease was lost */
		owner = start->job->fence.owner;
	}
	status = job_store_start_calls(tx, owner, many.ids, many.rows, count);
	if (status == STATUS_OK)
		status = quota_reserve_many(tx, many.holds, count, false);
	return status;
}

struct db_batch *
job_record_batch(struct db *db)
{
	return db_batch_new(db, "jobs-calls", job_record_start_many, job_record_call_tx);
}

/* --- the ends -----------------------------------------------------------------------------------
 */

bool
job_record_is_usual(const struct job *job)
{
	const struct job_call *call;

	if (job->calls == NULL || job->calls->count != 1)
		return false;
	call = &job->calls->list[0];
	return call->ended && !call->written && call->why[0] == '\0' &&
	       call->row.outcome == JOB_CALL_ANSWERED;
}

enum status
job_record_end_many(struct db *tx, struct job *const *jobs, size_t count)
{
	struct record_many many;
	enum status status;

	if (!job_record_many_new(&many, count))
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++)
		job_record_many_put(&many, i, jobs[i], &jobs[i]->calls->list[0]);
	status = job_store_answered_many(tx, many.ids, many.rows, count);
	if (status == STATUS_OK)
		status = quota_settle_many(tx, many.holds, many.used, count);
	return status;
}
