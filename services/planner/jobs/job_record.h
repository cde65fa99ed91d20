/* SPDX-License-Identifier: MIT
 *
 * What a job's course leaves behind: the record of its calls, with the tokens that they hold, and
 * the days. On the job's worker, from its tasks.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_RECORD_H
#define STUDYHALL_PLANNER_JOBS_JOB_RECORD_H

#include "services/planner/jobs/job.h"
#include "services/planner/store.h"

struct db;

/* The items of all days, in order, in the task's arena. */
enum status job_record_items(struct job *job, struct planner_item **items, size_t *count);

/* In the transaction that ends the job: the outcomes of calls that are not written yet, with what
 * they did not use given back. */
enum status job_record_end_calls(struct db *tx, struct job *job);
/* The plan that was taken from the day is given back. */
enum status job_record_return_plan(struct db *tx, struct job *job);

#endif
