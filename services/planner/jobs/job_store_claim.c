/* SPDX-License-Identifier: MIT
 * Claiming: from the queue to an owner, by primary key, in small batches. */
#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_store_parts.h"
#include "services/planner/jobs/job_store_private.h"

#define CLAIM_LOOK 4 /* rows looked at for each that is claimed, since some are left out */

/* The days of the attempt before are the first of the new epoch. */
static enum status
job_store_keep_days(struct db *tx, const struct job_row *job, uint32_t *kept)
{
	enum status status = DB_EXEC(tx, NULL,
	                             "INSERT INTO job_day (job_id, epoch, number, day)"
	                             " SELECT job_id, epoch + 1, number, day FROM job_day"
	                             " WHERE job_id = ? AND epoch = ?",
	                             DB_TEXT(job->id), DB_UINT(job->epoch));

	return status == STATUS_OK ? job_store_count_days(tx, job->id, job->epoch, kept) : status;
}

static enum status
job_store_claim_one(struct db *tx, uint64_t owner, int64_t now_ms, struct job_row *job)
{
	enum status status = STATUS_OK;

	job->kept = 0;
	if (job->epoch > 0) {
		status = DB_EXEC(tx, NULL,
		                 "UPDATE job_call SET outcome = 4, ended_at = ?"
		                 " WHERE job_id = ? AND outcome = 0",
		                 DB_INT(now_ms), DB_TEXT(job->id));
		if (status == STATUS_OK)
			status = job_store_keep_days(tx, job, &job->kept);
	}
	job->status = JOB_RUNNING;
	job->owner = owner;
	job->attempt++;
	job->epoch++;
	if (job->started_ms == 0)
		job->started_ms = now_ms;
	if (status == STATUS_OK)
		status = DB_EXEC(tx, NULL,
		                 "UPDATE job SET status = 1, owner = ?, attempt = ?, epoch = ?,"
		                 " kept = ?, started_at = ? WHERE id = ?",
		                 DB_UINT(owner), DB_UINT(job->attempt), DB_UINT(job->epoch),
		                 DB_UINT(job->kept), DB_INT(job->started_ms), DB_TEXT(job->id));
	return status;
}

/* Locks and reads one row; *there is false when another replica was faster. */
static enum status
job_store_lock(struct db *tx, const char *id, struct job_row *job, bool *there)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(tx, &rows,
	                              "SELECT " JOB_COLUMNS " FROM job WHERE id = ? AND status = 0"
	                              " FOR UPDATE SKIP LOCKED",
	                              DB_TEXT(id));

	*there = status == STATUS_OK && db_count(rows) == 1;
	if (*there)
		job_store_read(rows, 0, job);
	return status;
}

enum status
job_store_oldest_wait(struct db *db, int64_t now_ms, int64_t *wait_ms)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT MIN(run_at) FROM job FORCE INDEX (ready)"
	                              " WHERE status = 0 AND run_at <= ?",
	                              DB_INT(now_ms));

	*wait_ms = -1;
	if (status == STATUS_OK && db_count(rows) == 1 && !db_is_null(rows, 0, 0))
		*wait_ms = now_ms - db_int(rows, 0, 0);
	return status;
}

enum status
job_store_claim(struct db *tx, uint64_t owner, int64_t now_ms, size_t limit, job_skip_fn *skip,
                void *arg, struct job_row **jobs, size_t *count)
{
	struct db_rows *rows;
	enum status status;
	bool there;

	*count = 0;
	*jobs = arena_calloc(task_arena(), limit + 1, sizeof **jobs);
	if (*jobs == NULL)
		return STATUS_OVERLOADED;
	/* Without locks: replicas look at the same rows, and each row is then one's by its key. */
	status = DB_QUERY(tx, &rows,
	                  "SELECT id, user_id FROM job FORCE INDEX (ready)"
	                  " WHERE status = 0 AND run_at <= ?"
	                  " ORDER BY status, priority, round, run_at, id LIMIT ?",
	                  DB_INT(now_ms), DB_INT(limit * CLAIM_LOOK));
	for (size_t i = 0; status == STATUS_OK && i < db_count(rows) && *count < limit; i++) {
		struct job_row *job = &(*jobs)[*count];

		if (skip != NULL && skip(arg, db_text(rows, i, 1)))
			continue;
		status = job_store_lock(tx, db_text(rows, i, 0), job, &there);
		if (status != STATUS_OK || !there)
			continue;
		status = job_store_claim_one(tx, owner, now_ms, job);
		(*count)++;
	}
	return status;
}
