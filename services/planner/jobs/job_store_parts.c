/* SPDX-License-Identifier: MIT
 * The tables job_call and job_day. */
#include "services/planner/jobs/job_store_parts.h"

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/task/task.h"

#define CALL_COLUMNS                                                                               \
	"number, attempt, provider, model, started_at, ended_at, outcome, why, quota_day,"         \
	" budget_day, reserved, prompt_tokens, completion_tokens"

/* Few distinct statements: 16, 4 and 1 days at a time. */
#define DAY_FIELDS 4
#define DAY_1      "(?, ?, ?, ?)"
#define DAY_4      DAY_1 "," DAY_1 "," DAY_1 "," DAY_1
#define DAY_16     DAY_4 "," DAY_4 "," DAY_4 "," DAY_4
#define ADD_DAYS(rows)                                                                             \
	"INSERT INTO job_day (job_id, epoch, number, day) VALUES " rows                            \
	" ON DUPLICATE KEY UPDATE day = VALUES(day)"

const char *
job_call_outcome_name(enum job_call_outcome outcome)
{
	static const char *const names[] = {"running", "answered", "failed", "cancelled",
	                                    "unknown"};

	return (size_t)outcome < COUNT_OF(names) ? names[outcome] : "unknown";
}

enum status
job_store_add_call(struct db *tx, const char *job, const struct job_call_row *call)
{
	return DB_EXEC(tx, NULL,
	               "INSERT INTO job_call (job_id, " CALL_COLUMNS ")"
	               " VALUES (?, ?, ?, ?, ?, ?, NULL, ?, NULL, ?, ?, ?, 0, 0)",
	               DB_TEXT(job), DB_UINT(call->number), DB_UINT(call->attempt),
	               DB_TEXT(call->provider), DB_TEXT(call->model), DB_INT(call->started_ms),
	               DB_INT(JOB_CALL_RUNNING), DB_INT(call->quota_day), DB_INT(call->budget_day),
	               DB_UINT(call->reserved));
}

enum status
job_store_end_call(struct db *tx, const char *job, const struct job_call_row *call, bool *changed)
{
	uint64_t affected = 0;
	enum status status =
	    DB_EXEC(tx, &affected,
	            "UPDATE job_call SET outcome = ?, ended_at = ?, why = ?, prompt_tokens = ?,"
	            " completion_tokens = ? WHERE job_id = ? AND number = ? AND outcome = 0",
	            DB_INT(call->outcome), DB_INT(call->ended_ms), DB_TEXT(call->why),
	            DB_UINT(call->prompt_tokens), DB_UINT(call->completion_tokens), DB_TEXT(job),
	            DB_UINT(call->number));

	*changed = affected == 1;
	return status;
}

enum status
job_store_calls(struct db *db, const char *job, struct job_call_row **calls, size_t *count)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(
	    db, &rows, "SELECT " CALL_COLUMNS " FROM job_call WHERE job_id = ? ORDER BY number",
	    DB_TEXT(job));

	if (status != STATUS_OK)
		return status;
	*count = db_count(rows);
	*calls = arena_calloc(task_arena(), *count + 1, sizeof **calls);
	if (*calls == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++)
		(*calls)[i] = (struct job_call_row){
		    .number = (uint32_t)db_uint(rows, i, 0),
		    .attempt = (uint32_t)db_uint(rows, i, 1),
		    .provider = db_text(rows, i, 2),
		    .model = db_text(rows, i, 3),
		    .started_ms = db_int(rows, i, 4),
		    .ended_ms = db_int(rows, i, 5),
		    .outcome = (enum job_call_outcome)db_int(rows, i, 6),
		    .why = db_text(rows, i, 7),
		    .quota_day = (int32_t)db_int(rows, i, 8),
		    .budget_day = (int32_t)db_int(rows, i, 9),
		    .reserved = (uint32_t)db_uint(rows, i, 10),
		    .prompt_tokens = (uint32_t)db_uint(rows, i, 11),
		    .completion_tokens = (uint32_t)db_uint(rows, i, 12),
		};
	return STATUS_OK;
}

/* --- days ----------------------------------------------------------------------------------------
 */

enum status
job_store_add_days(struct db *db, const struct job_day_row *days, size_t count)
{
	struct db_value args[16 * DAY_FIELDS];
	enum status status = STATUS_OK;
	size_t rows;

	for (size_t done = 0; done < count && status == STATUS_OK; done += rows) {
		size_t left = count - done;

		rows = left >= 16 ? 16 : left >= 4 ? 4 : 1;
		for (size_t i = 0; i < rows; i++) {
			const struct job_day_row *day = &days[done + i];

			args[i * DAY_FIELDS] = DB_TEXT(day->job);
			args[i * DAY_FIELDS + 1] = DB_UINT(day->epoch);
			args[i * DAY_FIELDS + 2] = DB_UINT(day->number);
			args[i * DAY_FIELDS + 3] = DB_BLOB(day->bytes, day->length);
		}
		status = db_exec(db, NULL,
		                 rows == 16  ? ADD_DAYS(DAY_16)
		                 : rows == 4 ? ADD_DAYS(DAY_4)
		                             : ADD_DAYS(DAY_1),
		                 args, rows * DAY_FIELDS);
	}
	return status;
}

enum status
job_store_days(struct db *db, const char *job, uint32_t epoch, uint32_t after,
               struct job_day_row **days, size_t *count)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT number, day FROM job_day"
	                              " WHERE job_id = ? AND epoch = ? AND number > ?"
	                              " ORDER BY number",
	                              DB_TEXT(job), DB_UINT(epoch), DB_UINT(after));

	if (status != STATUS_OK)
		return status;
	*count = db_count(rows);
	*days = arena_calloc(task_arena(), *count + 1, sizeof **days);
	if (*days == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++) {
		struct job_day_row *day = &(*days)[i];

		*day = (struct job_day_row){
		    .job = job, .epoch = epoch, .number = (uint32_t)db_uint(rows, i, 0)};
		day->bytes = db_blob(rows, i, 1, &day->length);
	}
	return STATUS_OK;
}

enum status
job_store_count_days(struct db *db, const char *job, uint32_t epoch, uint32_t *count)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows, "SELECT COUNT(*) FROM job_day WHERE job_id = ? AND epoch = ?",
	             DB_TEXT(job), DB_UINT(epoch));

	*count = status == STATUS_OK ? (uint32_t)db_uint(rows, 0, 0) : 0;
	return status;
}

enum status
job_store_with_days(struct db *db, const char *after, size_t limit, const char ***ids,
                    size_t *count)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT DISTINCT job_id FROM job_day WHERE job_id > ?"
	                              " ORDER BY job_id LIMIT ?",
	                              DB_TEXT(after), DB_INT(limit));

	if (status != STATUS_OK)
		return status;
	*count = db_count(rows);
	*ids = arena_calloc(task_arena(), *count + 1, sizeof **ids);
	if (*ids == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++)
		(*ids)[i] = db_text(rows, i, 0);
	return STATUS_OK;
}

enum status
job_store_usage(struct db *db, const char *user, uint64_t *prompt_tokens,
                uint64_t *completion_tokens)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows,
	             "SELECT SUM(prompt_tokens), SUM(completion_tokens) FROM job_call"
	             " JOIN job ON job.id = job_call.job_id WHERE user_id = ?",
	             DB_TEXT(user));

	if (status == STATUS_OK) {
		*prompt_tokens = db_uint(rows, 0, 0);
		*completion_tokens = db_uint(rows, 0, 1);
	}
	return status;
}

enum status
job_store_delete_days(struct db *db, const char *job)
{
	return DB_EXEC(db, NULL, "DELETE FROM job_day WHERE job_id = ?", DB_TEXT(job));
}
