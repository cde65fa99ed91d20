/* SPDX-License-Identifier: MIT
 * Plans of many jobs in one transaction: each was made by one call in the job's first attempt, as
 * nearly all are. */
#include "services/planner/jobs/job_finish_private.h"

#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/io/db_batch.h"
#include "common/service/idempotency.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_record.h"
#include "services/planner/jobs/job_store_many.h"
#include "services/planner/plan.h"
#include "services/planner/planner.h"
#include "services/planner/store_many.h"

bool
job_finish_is_usual(const struct finish *finish)
{
	const struct job *job = finish->job;

	return finish->kind == FINISH_END && finish->ending.status == JOB_SUCCEEDED &&
	       job->fence.attempt == 1 && finish->ending.epoch == 1 && finish->ending.kept == 0 &&
	       job_record_is_usual(job);
}

struct finish_many {
	size_t count;
	struct job **jobs;
	const char **ids;
	const struct job_ending **endings;
	struct planner_new_plan *plans;
	struct idempotency_last *keys;
	size_t key_count;
};

static bool
job_finish_many_new(struct finish_many *many, size_t count)
{
	struct arena *arena = task_arena();

	many->count = count;
	many->jobs = arena_calloc(arena, count, sizeof *many->jobs);
	many->ids = arena_calloc(arena, count, sizeof *many->ids);
	many->endings = arena_calloc(arena, count, sizeof *many->endings);
	many->plans = arena_calloc(arena, count, sizeof *many->plans);
	many->keys = arena_calloc(arena, count, sizeof *many->keys);
	many->key_count = 0;
	return many->jobs != NULL && many->ids != NULL && many->endings != NULL &&
	       many->plans != NULL && many->keys != NULL;
}

static void
job_finish_many_put(struct finish_many *many, size_t i, const struct finish *finish)
{
	struct job *job = finish->job;

	many->jobs[i] = job;
	many->ids[i] = job->id;
	many->endings[i] = &finish->ending;
	many->plans[i] = (struct planner_new_plan){job->user, &finish->draft.plan,
	                                           finish->draft.items, finish->draft.item_count};
	if (job->key != NULL)
		many->keys[many->key_count++] = (struct idempotency_last){
		    job->user, job->key, job->result.answer, job->result.length};
}

/* The same steps as job_finish_tx()'s, in the same order; whether a user is erased is seen behind
 * them, where the calls are settled. */
static enum status
job_finish_many_write(struct db *tx, const struct finish_many *many, uint64_t owner)
{
	size_t count = many->count;
	enum status status = job_store_succeed_many(tx, owner, many->ids, many->endings, count);

	if (status == STATUS_OK)
		status = planner_store_insert_many(tx, many->plans, count);
	if (status == STATUS_OK)
		status = plan_record_created_many(tx, many->plans, count);
	if (status == STATUS_OK)
		status =
		    idempotency_settle_many(tx, PLANNER_CREATE_PLAN, many->keys, many->key_count);
	if (status == STATUS_OK)
		status = job_record_end_many(tx, many->jobs, count);
	return status;
}

static enum status
job_finish_many(struct db *tx, void *const *units, size_t count)
{
	struct finish_many many;
	uint64_t owner = 0;

	if (!job_finish_many_new(&many, count))
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		const struct finish *finish = units[i];

		if (i > 0 && finish->job->fence.owner != owner)
			return STATUS_CONFLICT;
		owner = finish->job->fence.owner;
		job_finish_many_put(&many, i, finish);
	}
	return job_finish_many_write(tx, &many, owner);
}

struct db_batch *
job_finish_batch(struct db *db)
{
	return db_batch_new(db, "jobs-end", job_finish_many, job_finish_tx);
}
