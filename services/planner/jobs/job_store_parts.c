/* SPDX-License-Identifier: MIT
 * The tables job_call and job_day. */
#include "services/planner/jobs/job_store_parts.h"

#include "common/base/arena.h"
#include "common/base/delimited.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_store_private.h"

#include <string.h>

#define CALL_COLUMNS                                                                               \
	"number, attempt, provider, model, started_at, ended_at, outcome, why, quota_day,"         \
	" budget_day, reserved, prompt_tokens, completion_tokens"

#define DAY_FIELDS 4

const char *
job_call_outcome_name(enum job_call_outcome outcome)
{
	static const char *const names[] = {"running", "answered", "failed", "cancelled",
	                                    "unknown"};

	return (size_t)outcome < COUNT_OF(names) ? names[outcome] : "unknown";
}

void
job_store_call_args(const char *job, const struct job_call_row *call, struct db_value *args)
{
	*args++ = DB_TEXT(job);
	*args++ = DB_UINT(call->number);
	*args++ = DB_UINT(call->attempt);
	*args++ = DB_TEXT(call->provider);
	*args++ = DB_TEXT(call->model);
	*args++ = DB_INT(call->started_ms);
	*args++ = DB_INT(call->quota_day);
	*args++ = DB_INT(call->budget_day);
	*args = DB_UINT(call->reserved);
}

enum status
job_store_add_call(struct db *tx, const char *job, const struct job_call_row *call)
{
	struct db_value args[JOB_ADD_CALL_FIELDS];

	job_store_call_args(job, call, args);
	return db_many_rows(tx, NULL, JOB_ADD_CALL, args, JOB_ADD_CALL_FIELDS, 1);
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
job_store_add_days(struct db *db, const struct job_days_row *rows, size_t count)
{
	struct db_value *args = arena_calloc(task_arena(), count * DAY_FIELDS + 1, sizeof *args);

	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		args[i * DAY_FIELDS] = DB_TEXT(rows[i].job);
		args[i * DAY_FIELDS + 1] = DB_UINT(rows[i].epoch);
		args[i * DAY_FIELDS + 2] = DB_UINT(rows[i].last);
		args[i * DAY_FIELDS + 3] = DB_BLOB(rows[i].bytes, rows[i].length);
	}
	return db_many_rows(db, NULL,
	                    "INSERT INTO job_day (job_id, epoch, number, day)"
	                    " VALUES {(?, ?, ?, ?)|, } ON DUPLICATE KEY UPDATE day = VALUES(day)",
	                    args, DAY_FIELDS, count);
}

/* The days of rows, each once: rows overlap where one was written though that was not known. */
struct days_reader {
	struct job_day_row *days;
	size_t count, room;
	uint32_t seen; /* the last day's number */
};

static enum status
job_store_add_day(struct days_reader *reader, uint32_t number, const void *bytes, size_t length)
{
	void *copy;

	if (number <= reader->seen)
		return STATUS_OK;
	if (reader->count == reader->room) {
		size_t room = reader->room * 2 + 16;
		struct job_day_row *days = arena_calloc(task_arena(), room, sizeof *days);

		if (days == NULL)
			return STATUS_OVERLOADED;
		if (reader->count > 0)
			memcpy(days, reader->days, reader->count * sizeof *days);
		reader->days = days;
		reader->room = room;
	}
	copy = arena_memdup(task_arena(), bytes, length);
	if (copy == NULL)
		return STATUS_OVERLOADED;
	reader->days[reader->count++] = (struct job_day_row){number, copy, length};
	reader->seen = number;
	return STATUS_OK;
}

static enum status
job_store_read_days(struct days_reader *reader, uint32_t last, const void *bytes, size_t length)
{
	struct delimited days;
	const void *day;
	size_t day_length;
	uint32_t count = 0;
	enum status status = STATUS_OK;

	for (int pass = 0; pass < 2 && status == STATUS_OK; pass++) {
		delimited_init(&days, length + 1);
		if (!delimited_feed(&days, bytes, length))
			status = STATUS_OVERLOADED;
		for (uint32_t i = 0;
		     status == STATUS_OK && delimited_next(&days, &day, &day_length) == 1; i++) {
			if (pass == 0)
				count++;
			else
				status = job_store_add_day(reader, last - count + i + 1, day,
				                           day_length);
		}
		delimited_fini(&days);
	}
	return status;
}

enum status
job_store_days(struct db *db, const char *job, uint32_t epoch, uint32_t after,
               struct job_day_row **days, size_t *count)
{
	struct days_reader reader = {.seen = after};
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows,
	                              "SELECT number, day FROM job_day"
	                              " WHERE job_id = ? AND epoch = ? AND number > ?"
	                              " ORDER BY number",
	                              DB_TEXT(job), DB_UINT(epoch), DB_UINT(after));

	for (size_t i = 0; status == STATUS_OK && i < db_count(rows); i++) {
		size_t length;
		const void *bytes = db_blob(rows, i, 1, &length);

		status = job_store_read_days(&reader, (uint32_t)db_uint(rows, i, 0), bytes, length);
	}
	*days = reader.days;
	*count = reader.count;
	return status;
}

enum status
job_store_count_days(struct db *db, const char *job, uint32_t epoch, uint32_t *count)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows,
	             "SELECT COALESCE(MAX(number), 0) FROM job_day WHERE job_id = ? AND epoch = ?",
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

	return status != STATUS_OK ? status : job_store_read_ids(rows, ids, count);
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
