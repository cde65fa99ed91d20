/* SPDX-License-Identifier: MIT
 *
 * The SQL of what belongs to a job: its calls of providers, and the days that have streamed in. As
 * job_store.h.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_STORE_PARTS_H
#define STUDYHALL_PLANNER_JOBS_JOB_STORE_PARTS_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

enum job_call_outcome {
	JOB_CALL_RUNNING,
	JOB_CALL_ANSWERED,
	JOB_CALL_FAILED,
	JOB_CALL_CANCELLED,
	JOB_CALL_UNKNOWN
};

struct job_call_row {
	uint32_t number; /* from 1 within the job */
	uint32_t attempt;
	const char *provider, *model;
	int64_t started_ms, ended_ms; /* 0: not yet */
	enum job_call_outcome outcome;
	const char *why; /* or NULL */
	int32_t quota_day, budget_day;
	uint32_t reserved, prompt_tokens, completion_tokens;
};

/* "answered", ... as the contract names them. */
const char *job_call_outcome_name(enum job_call_outcome outcome);

enum status job_store_add_call(struct db *tx, const char *job, const struct job_call_row *call);
/* Writes outcome, ended_ms, why and the tokens of a running call; *changed is false when there is
 * none of this number. */
enum status job_store_end_call(struct db *tx, const char *job, const struct job_call_row *call,
                               bool *changed);
/* In the order of their numbers. */
enum status job_store_calls(struct db *db, const char *job, struct job_call_row **calls,
                            size_t *count);

/* Days of one job that are written together, and are one row: delimited planner.PlanDays
 * (common/base/delimited.h), the last of which has number `last`. */
struct job_days_row {
	const char *job;
	uint32_t epoch, last;
	const void *bytes;
	size_t length;
};
/* Of one or many jobs. Repeating it changes nothing, nor does it if more days were added. */
enum status job_store_add_days(struct db *db, const struct job_days_row *rows, size_t count);

/* A packed planner.PlanDay. */
struct job_day_row {
	uint32_t number;
	const void *bytes;
	size_t length;
};
/* Those of an epoch whose number is above `after`, in order. */
enum status job_store_days(struct db *db, const char *job, uint32_t epoch, uint32_t after,
                           struct job_day_row **days, size_t *count);
enum status job_store_count_days(struct db *db, const char *job, uint32_t epoch, uint32_t *count);
/* Up to `limit` ids of jobs that have days here, beyond `after`, in order. */
enum status job_store_with_days(struct db *db, const char *after, size_t limit, const char ***ids,
                                size_t *count);
/* Tokens of all calls of the learner's jobs. */
enum status job_store_usage(struct db *db, const char *user, uint64_t *prompt_tokens,
                            uint64_t *completion_tokens);
enum status job_store_delete_days(struct db *db, const char *job);

#endif
