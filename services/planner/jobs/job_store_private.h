/* SPDX-License-Identifier: MIT
 * What job_store*.c share. */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_STORE_PRIVATE_H
#define STUDYHALL_PLANNER_JOBS_JOB_STORE_PRIVATE_H

#include "services/planner/jobs/job_store.h"

#include <string.h>

struct db_rows;

#define JOB_COLUMNS                                                                                \
	"id, user_id, status, owner, attempt, priority, round, run_at, created_at, started_at,"    \
	" finished_at, cancel_requested, epoch, kept, ai_ms, failure, detail, idempotency_key,"    \
	" request"

/* A row of JOB_COLUMNS. */
void job_store_read(const struct db_rows *rows, size_t i, struct job_row *job);
enum status job_store_read_all(const struct db_rows *rows, struct job_row **jobs, size_t *count);

#endif
