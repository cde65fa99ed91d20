/* SPDX-License-Identifier: MIT
 * The job table: one job, its fenced writes, lists. */
#include "services/planner/jobs/job_store.h"

#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_store_private.h"

#define JOB_RECENT_MS ((int64_t)3600 * 1000) /* unfinished jobs are younger, nearly always */

void
job_store_read(const struct db_rows *rows, size_t i, struct job_row *job)
{
	*job = (struct job_row){
	    .id = db_text(rows, i, 0),
	    .user = db_text(rows, i, 1),
	    .status = (enum job_status)db_int(rows, i, 2),
	    .owner = db_uint(rows, i, 3),
	    .attempt = (uint32_t)db_uint(rows, i, 4),
	    .priority = (enum job_priority)db_int(rows, i, 5),
	    .round = db_uint(rows, i, 6),
	    .run_ms = db_int(rows, i, 7),
	    .created_ms = db_int(rows, i, 8),
	    .started_ms = db_int(rows, i, 9),
	    .finished_ms = db_int(rows, i, 10),
	    .cancel_requested = db_int(rows, i, 11) != 0,
	    .epoch = (uint32_t)db_uint(rows, i, 12),
	    .kept = (uint32_t)db_uint(rows, i, 13),
	    .ai_ms = (uint32_t)db_uint(rows, i, 14),
	    .failure = db_text(rows, i, 15),
	    .detail = db_text(rows, i, 16),
	    .key = db_text(rows, i, 17),
	};
	job->request = db_blob(rows, i, 18, &job->request_length);
}

enum status
job_store_read_ids(const struct db_rows *rows, const char ***ids, size_t *count)
{
	*count = db_count(rows);
	*ids = arena_calloc(task_arena(), *count + 1, sizeof **ids);
	if (*ids == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++)
		(*ids)[i] = db_text(rows, i, 0);
	return STATUS_OK;
}

enum status
job_store_read_all(const struct db_rows *rows, struct job_row **jobs, size_t *count)
{
	*count = db_count(rows);
	*jobs = arena_calloc(task_arena(), *count + 1, sizeof **jobs);
	if (*jobs == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++)
		job_store_read(rows, i, &(*jobs)[i]);
	return STATUS_OK;
}

static struct db_value
job_store_time(int64_t time_ms)
{
	return time_ms != 0 ? DB_INT(time_ms) : DB_NULL;
}

void
job_store_insert_args(const struct job_row *job, struct db_value *args)
{
	*args++ = DB_TEXT(job->id);
	*args++ = DB_TEXT(job->user);
	*args++ = DB_INT(job->status);
	*args++ = DB_UINT(job->owner);
	*args++ = DB_INT(job->attempt);
	*args++ = DB_INT(job->priority);
	*args++ = DB_UINT(job->round);
	*args++ = DB_INT(job->run_ms);
	*args++ = DB_INT(job->created_ms);
	*args++ = job_store_time(job->started_ms);
	*args++ = DB_INT(job->epoch);
	*args++ = DB_TEXT(job->key);
	*args = DB_BLOB(job->request, job->request_length);
}

enum status
job_store_insert(struct db *tx, const struct job_row *job)
{
	struct db_value args[JOB_INSERT_FIELDS];

	job_store_insert_args(job, args);
	return db_many_rows(tx, NULL, JOB_INSERT, args, JOB_INSERT_FIELDS, 1);
}

enum status
job_store_round(struct db *tx, const char *user, int64_t now_ms, uint64_t *round)
{
	struct db_rows *lowest, *own;
	enum status status = DB_QUERY(tx, &lowest,
	                              "SELECT round FROM job FORCE INDEX (ready) WHERE status = 0"
	                              " ORDER BY status, priority, round LIMIT 1");

	if (status == STATUS_OK)
		status = DB_QUERY(tx, &own,
		                  "SELECT MAX(round) FROM job FORCE INDEX (by_user)"
		                  " WHERE user_id = ? AND created_at >= ? AND status <= 1",
		                  DB_TEXT(user), DB_INT(now_ms - JOB_RECENT_MS));
	if (status != STATUS_OK)
		return status;
	*round = db_is_null(own, 0, 0) ? 0 : db_uint(own, 0, 0) + 1;
	if (db_count(lowest) == 1 && db_uint(lowest, 0, 0) > *round)
		*round = db_uint(lowest, 0, 0);
	return STATUS_OK;
}

enum status
job_store_get(struct db *db, const char *user, const char *id, bool lock, struct job_row *job)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows,
	             lock ? "SELECT " JOB_COLUMNS " FROM job WHERE id = ? FOR UPDATE"
	                  : "SELECT " JOB_COLUMNS " FROM job WHERE id = ?",
	             DB_TEXT(id));

	if (status != STATUS_OK)
		return status;
	if (db_count(rows) == 0)
		return STATUS_NOT_FOUND;
	job_store_read(rows, 0, job);
	return user == NULL || strcmp(user, job->user) == 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

#define LIST_JOBS(condition)                                                                       \
	"SELECT " JOB_COLUMNS " FROM job FORCE INDEX (by_user)"                                    \
	" WHERE user_id = ? AND created_at <= ? AND (created_at < ? OR id < ?)" condition          \
	" ORDER BY created_at DESC, id DESC LIMIT ?"

enum status
job_store_list(struct db *db, const char *user, int filter, const struct cursor *after,
               size_t limit, struct job_row **jobs, size_t *count)
{
	struct cursor position = {.key = INT64_MAX};
	struct db_rows *rows;
	enum status status;

	if (after != NULL)
		position = *after;
	if (filter < 0)
		status = DB_QUERY(db, &rows, LIST_JOBS(""), DB_TEXT(user), DB_INT(position.key),
		                  DB_INT(position.key), DB_TEXT(position.id), DB_INT(limit));
	else
		status = DB_QUERY(db, &rows, LIST_JOBS(" AND status = ?"), DB_TEXT(user),
		                  DB_INT(position.key), DB_INT(position.key), DB_TEXT(position.id),
		                  DB_INT(filter), DB_INT(limit));
	return status == STATUS_OK ? job_store_read_all(rows, jobs, count) : status;
}

enum status
job_store_position(struct db *db, const struct job_row *job, uint32_t *position)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(
	    db, &rows,
	    "SELECT COUNT(*) FROM job FORCE INDEX (ready) WHERE status = 0 AND (priority < ? OR"
	    " (priority = ? AND (round < ? OR (round = ? AND (run_at < ? OR"
	    " (run_at = ? AND id <= ?))))))",
	    DB_INT(job->priority), DB_INT(job->priority), DB_UINT(job->round), DB_UINT(job->round),
	    DB_INT(job->run_ms), DB_INT(job->run_ms), DB_TEXT(job->id));

	*position = status == STATUS_OK ? (uint32_t)db_uint(rows, 0, 0) : 0;
	return status;
}

enum status
job_store_walk(struct db *db, const char *after, size_t limit, struct job_row **jobs, size_t *count)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows, "SELECT " JOB_COLUMNS " FROM job WHERE id > ? ORDER BY id LIMIT ?",
	             DB_TEXT(after), DB_INT(limit));

	return status == STATUS_OK ? job_store_read_all(rows, jobs, count) : status;
}

/* --- fenced writes ------------------------------------------------------------------------------
 */

#define FENCED       " WHERE id = ? AND owner = ? AND attempt = ? AND status = 1"
#define FENCE(fence) DB_TEXT((fence)->id), DB_UINT((fence)->owner), DB_UINT((fence)->attempt)

static enum status
job_store_one(enum status status, uint64_t affected)
{
	return status == STATUS_OK && affected == 0 ? STATUS_CONFLICT : status;
}

enum status
job_store_check(struct db *tx, const struct job_fence *fence, bool *cancel)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(
	    tx, &rows, "SELECT cancel_requested FROM job" FENCED " FOR UPDATE", FENCE(fence));

	if (status == STATUS_OK && cancel != NULL && db_count(rows) == 1)
		*cancel = db_int(rows, 0, 0) != 0;
	return status == STATUS_OK ? job_store_one(status, db_count(rows)) : status;
}

enum status
job_store_end(struct db *tx, const struct job_fence *fence, const struct job_ending *ending)
{
	uint64_t affected = 0;
	const char *failure = ending->failure != STATUS_OK ? status_slug(ending->failure) : NULL;
	enum status status =
	    DB_EXEC(tx, &affected,
	            "UPDATE job SET status = ?, finished_at = ?, failure = ?, detail = ?,"
	            " epoch = ?, kept = ?, ai_ms = ?" FENCED,
	            DB_INT(ending->status), DB_INT(ending->finished_ms), DB_TEXT(failure),
	            DB_TEXT(ending->detail), DB_UINT(ending->epoch), DB_UINT(ending->kept),
	            DB_UINT(ending->ai_ms), FENCE(fence));

	return job_store_one(status, affected);
}

enum status
job_store_set_epoch(struct db *tx, const struct job_fence *fence, uint32_t epoch, uint32_t kept)
{
	uint64_t affected = 0;
	enum status status = DB_EXEC(tx, &affected, "UPDATE job SET epoch = ?, kept = ?" FENCED,
	                             DB_UINT(epoch), DB_UINT(kept), FENCE(fence));

	return job_store_one(status, affected);
}

enum status
job_store_requeue(struct db *tx, const struct job_fence *fence, int64_t run_ms)
{
	uint64_t affected = 0;
	enum status status = DB_EXEC(
	    tx, &affected, "UPDATE job SET status = 0, owner = 0, round = 0, run_at = ?" FENCED,
	    DB_INT(run_ms), FENCE(fence));

	return job_store_one(status, affected);
}

enum status
job_store_return(struct db *tx, const struct job_fence *fence, int64_t run_ms)
{
	uint64_t affected = 0;
	enum status status = DB_EXEC(tx, &affected,
	                             "UPDATE job SET status = 0, owner = 0, attempt = attempt - 1,"
	                             " round = 0, run_at = ?" FENCED,
	                             DB_INT(run_ms), FENCE(fence));

	return job_store_one(status, affected);
}

/* --- without a fence ---------------------------------------------------------------------------
 */

enum status
job_store_end_queued(struct db *tx, const char *id, int64_t now_ms)
{
	uint64_t affected = 0;
	enum status status = DB_EXEC(
	    tx, &affected, "UPDATE job SET status = 4, finished_at = ? WHERE id = ? AND status = 0",
	    DB_INT(now_ms), DB_TEXT(id));

	return job_store_one(status, affected);
}

enum status
job_store_request_cancel(struct db *db, const char *id)
{
	return DB_EXEC(db, NULL, "UPDATE job SET cancel_requested = 1 WHERE id = ? AND status <= 1",
	               DB_TEXT(id));
}

enum status
job_store_replay(struct db *tx, const char *id, int64_t now_ms)
{
	uint64_t affected = 0;
	enum status status =
	    DB_EXEC(tx, &affected,
	            "UPDATE job SET status = 0, owner = 0, attempt = 0, priority = 1, round = 0,"
	            " run_at = ?, started_at = NULL, finished_at = NULL, cancel_requested = 0, "
	            "failure = NULL,"
	            " detail = NULL, idempotency_key = NULL WHERE id = ? AND status = 3",
	            DB_INT(now_ms), DB_TEXT(id));

	return job_store_one(status, affected);
}

enum status
job_store_owned(struct db *db, uint64_t owner, size_t limit, const char ***ids, size_t *count)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT id FROM job FORCE INDEX (ready)"
	                              " WHERE status = 1 AND owner = ? LIMIT ?",
	                              DB_UINT(owner), DB_INT(limit));

	return status != STATUS_OK ? status : job_store_read_ids(rows, ids, count);
}

enum status
job_store_delete(struct db *tx, const char *id)
{
	enum status status = DB_EXEC(tx, NULL, "DELETE FROM job_day WHERE job_id = ?", DB_TEXT(id));

	if (status == STATUS_OK)
		status = DB_EXEC(tx, NULL, "DELETE FROM job_call WHERE job_id = ?", DB_TEXT(id));
	if (status == STATUS_OK)
		status = DB_EXEC(tx, NULL, "DELETE FROM job WHERE id = ?", DB_TEXT(id));
	return status;
}

enum status
job_store_erase(struct db *tx, const char *user, bool *more)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(tx, &rows, "SELECT id FROM job WHERE user_id = ? LIMIT 1", DB_TEXT(user));

	*more = status == STATUS_OK && db_count(rows) > 0;
	return *more ? job_store_delete(tx, db_text(rows, 0, 0)) : status;
}
