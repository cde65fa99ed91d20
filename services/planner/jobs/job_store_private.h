/* SPDX-License-Identifier: MIT
 * What job_store*.c share. */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_STORE_PRIVATE_H
#define STUDYHALL_PLANNER_JOBS_JOB_STORE_PRIVATE_H

#include "services/planner/jobs/job_store.h"

#include <string.h>

struct db_rows;
struct db_value;
struct job_call_row;

#define JOB_COLUMNS                                                                                \
	"id, user_id, status, owner, attempt, priority, round, run_at, created_at, started_at,"    \
	" finished_at, cancel_requested, epoch, kept, ai_ms, failure, detail, idempotency_key,"    \
	" request"

/* Patterns as db_many.h has them, and the arguments of a row. */
#define JOB_INSERT_FIELDS 13
#define JOB_INSERT                                                                                 \
	"INSERT INTO job (id, user_id, status, owner, attempt, priority, round, run_at,"           \
	" created_at, started_at, epoch, idempotency_key, request)"                                \
	" VALUES {(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)|, }"
void job_store_insert_args(const struct job_row *job, struct db_value *args);

#define JOB_ADD_CALL_FIELDS 9
#define JOB_ADD_CALL                                                                               \
	"INSERT INTO job_call (job_id, number, attempt, provider, model, started_at, outcome,"     \
	" quota_day, budget_day, reserved, prompt_tokens, completion_tokens)"                      \
	" VALUES {(?, ?, ?, ?, ?, ?, 0, ?, ?, ?, 0, 0)|, }"
void job_store_call_args(const char *job, const struct job_call_row *call, struct db_value *args);

/* A row of JOB_COLUMNS. */
void job_store_read(const struct db_rows *rows, size_t i, struct job_row *job);
/* Rows of one id, into the task's arena. */
enum status job_store_read_ids(const struct db_rows *rows, const char ***ids, size_t *count);
enum status job_store_read_all(const struct db_rows *rows, struct job_row **jobs, size_t *count);

#endif
