/* SPDX-License-Identifier: MIT
 *
 * What a job's course leaves behind: the record of its calls, with the tokens that they hold, and
 * the days. On the job's worker, from its tasks; statuses are db.h's unless said otherwise.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_RECORD_H
#define STUDYHALL_PLANNER_JOBS_JOB_RECORD_H

#include "services/planner/ai/plan_ai.h"
#include "services/planner/jobs/job.h"
#include "services/planner/store.h"

struct db;

/* Reads what former attempts left: calls and days. *unknown: calls whose replica died meanwhile. */
enum status job_record_load(struct job *job, unsigned *unknown);
void job_record_free(struct job *job);

/* --- calls --- */

/* Reserves the call's tokens and writes its start. QUOTA_EXCEEDED: the budget is spent. CANCELLED:
 * the job is to end. Anything but OK: nothing was written, or (an outcome nobody heard of) it is
 * given back when the job ends. */
enum status job_record_call(struct job *job, const char *time_zone, const char *provider,
                            const char *model, uint32_t tokens, unsigned *number);
/* In memory only; written by the next of the functions here that writes. */
void job_record_call_ended(struct job *job, unsigned number, enum ai_outcome outcome,
                           uint32_t prompt_tokens, uint32_t completion_tokens, const char *why);
/* In the transaction that ends the job: the outcomes of calls that are not written yet, with what
 * they did not use given back. */
enum status job_record_end_calls(struct db *tx, struct job *job);
/* Did the job make one call, which was answered? Then the same, of many such jobs in a batch, may
 * be asked for. CONFLICT: not all is as it should be. */
bool job_record_is_usual(const struct job *job);
enum status job_record_end_many(struct db *tx, struct job *const *jobs, size_t count);
/* That has been committed. */
void job_record_calls_written(struct job *job);
/* Of all calls. `provider` and `model`, of the last that answered, NULL if none did, live as long
 * as the job. */
void job_record_usage(const struct job *job, uint32_t *prompt_tokens, uint32_t *completion_tokens,
                      const char **provider, const char **model);

/* Whom the last call was of; NULL: there was none. As long as the job. */
const char *job_record_last_provider(const struct job *job);

/* --- days --- */

/* A new day: in memory, and soon in the database; then whoever follows sees it. OVERLOADED without
 * memory. */
enum status job_record_day(struct job *job, const struct plan_day *day);
/* All days are void: the next epoch. */
enum status job_record_reset(struct job *job);
/* The days so far, in the arena, as who goes on with them wants them. OVERLOADED. */
enum status job_record_had(struct job *job, struct plan_day **days, size_t *count);
/* The items of all days, in order, in the task's arena. */
enum status job_record_items(struct job *job, struct planner_item **items, size_t *count);
/* Days that are not in the database yet, for the attempt that comes after. */
enum status job_record_put_days(struct db *tx, struct job *job);

/* --- the plan that was taken from the learner's day --- */

enum status job_record_return_plan(struct db *tx, struct job *job);

#endif
