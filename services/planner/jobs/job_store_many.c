/* SPDX-License-Identifier: MIT
 * Many jobs' rows in few statements. */
#include "services/planner/jobs/job_store_many.h"

#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_store_private.h"

static struct db_value *
job_store_values(size_t count)
{
	return arena_calloc(task_arena(), count + 1, sizeof(struct db_value));
}

enum status
job_store_insert_many(struct db *tx, const struct job_row *const *jobs, size_t count)
{
	struct db_value *args = job_store_values(count * JOB_INSERT_FIELDS);

	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++)
		job_store_insert_args(jobs[i], args + i * JOB_INSERT_FIELDS);
	return db_many_rows_later(tx, JOB_INSERT, args, JOB_INSERT_FIELDS, count);
}

static enum status
job_store_check_many(struct db *tx, uint64_t owner, const char *const *ids, size_t count)
{
	struct db_value *args = job_store_values(count + 1);

	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++)
		args[i] = DB_TEXT(ids[i]);
	args[count] = DB_UINT(owner);
	return db_many_later(tx, count, STATUS_CONFLICT,
	                     "SELECT id FROM job FORCE INDEX (PRIMARY) WHERE id IN ({?|, })"
	                     " AND owner = ? AND attempt = 1 AND status = 1"
	                     " AND cancel_requested = 0 FOR UPDATE",
	                     count, args, count + 1);
}

static enum status
job_store_add_calls(struct db *tx, const char *const *ids, const struct job_call_row *const *calls,
                    size_t count)
{
	struct db_value *args = job_store_values(count * JOB_ADD_CALL_FIELDS);

	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++)
		job_store_call_args(ids[i], calls[i], args + i * JOB_ADD_CALL_FIELDS);
	return db_many_rows_later(tx, JOB_ADD_CALL, args, JOB_ADD_CALL_FIELDS, count);
}

/* Both in one statement. */
static enum status
job_store_start_call(struct db *tx, uint64_t owner, const char *id, const struct job_call_row *call)
{
	return DB_LATER(tx, 1, STATUS_CONFLICT,
	                "INSERT INTO job_call (job_id, number, attempt, provider, model,"
	                " started_at, outcome, quota_day, budget_day, reserved, prompt_tokens,"
	                " completion_tokens)"
	                " SELECT id, ?, attempt, ?, ?, ?, 0, ?, ?, ?, 0, 0 FROM job"
	                " WHERE id = ? AND owner = ? AND attempt = 1 AND status = 1"
	                " AND cancel_requested = 0 FOR UPDATE",
	                DB_UINT(call->number), DB_TEXT(call->provider), DB_TEXT(call->model),
	                DB_INT(call->started_ms), DB_INT(call->quota_day), DB_INT(call->budget_day),
	                DB_UINT(call->reserved), DB_TEXT(id), DB_UINT(owner));
}

enum status
job_store_start_calls(struct db *tx, uint64_t owner, const char *const *ids,
                      const struct job_call_row *const *calls, size_t count)
{
	enum status status;

	if (count == 1)
		return job_store_start_call(tx, owner, ids[0], calls[0]);
	status = job_store_check_many(tx, owner, ids, count);
	return status == STATUS_OK ? job_store_add_calls(tx, ids, calls, count) : status;
}

enum status
job_store_succeed_many(struct db *tx, uint64_t owner, const char *const *ids,
                       const struct job_ending *const *endings, size_t count)
{
	struct db_value *args = job_store_values(3 * count + 2), *at = args;

	if (args == NULL)
		return STATUS_OVERLOADED;
	*at++ = DB_INT(endings[count - 1]->finished_ms);
	for (size_t i = 0; i < count; i++) {
		*at++ = DB_TEXT(ids[i]);
		*at++ = DB_UINT(endings[i]->ai_ms);
	}
	for (size_t i = 0; i < count; i++)
		*at++ = DB_TEXT(ids[i]);
	*at++ = DB_UINT(owner);
	return db_many_later(tx, count, STATUS_CONFLICT,
	                     "UPDATE job FORCE INDEX (PRIMARY) SET status = 2, finished_at = ?,"
	                     " ai_ms = CASE id {WHEN ? THEN ?| } END WHERE id IN ({?|, })"
	                     " AND owner = ? AND attempt = 1 AND epoch = 1 AND kept = 0"
	                     " AND status = 1",
	                     count, args, (size_t)(at - args));
}

/* `CASE job_id WHEN id THEN number` for each. */
static struct db_value *
job_store_cases(struct db_value *at, const char *const *ids, const int64_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		*at++ = DB_TEXT(ids[i]);
		*at++ = DB_INT(numbers[i]);
	}
	return at;
}

enum status
job_store_answered_many(struct db *tx, const char *const *ids,
                        const struct job_call_row *const *calls, size_t count)
{
	struct db_value *args = job_store_values(7 * count), *at = args;
	int64_t *numbers = arena_calloc(task_arena(), 3 * count, sizeof *numbers);

	if (args == NULL || numbers == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		numbers[i] = calls[i]->ended_ms;
		numbers[count + i] = calls[i]->prompt_tokens;
		numbers[2 * count + i] = calls[i]->completion_tokens;
	}
	for (size_t i = 0; i < 3; i++)
		at = job_store_cases(at, ids, numbers + i * count, count);
	for (size_t i = 0; i < count; i++)
		*at++ = DB_TEXT(ids[i]);
	return db_many_later(tx, count, STATUS_CONFLICT,
	                     "UPDATE job_call FORCE INDEX (PRIMARY) SET outcome = 1,"
	                     " ended_at = CASE job_id {WHEN ? THEN ?| } END,"
	                     " prompt_tokens = CASE job_id {WHEN ? THEN ?| } END,"
	                     " completion_tokens = CASE job_id {WHEN ? THEN ?| } END"
	                     " WHERE job_id IN ({?|, }) AND number = 1 AND outcome = 0",
	                     count, args, (size_t)(at - args));
}
