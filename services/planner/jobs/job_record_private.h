/* SPDX-License-Identifier: MIT
 * What job_record*.c share. */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_RECORD_PRIVATE_H
#define STUDYHALL_PLANNER_JOBS_JOB_RECORD_PRIVATE_H

#include "services/planner/jobs/job_record.h"
#include "services/planner/jobs/job_store_parts.h"
#include "services/planner/quota.h"

#define CALLS_MOST 64 /* of one job, over all attempts: a course makes a handful */

struct job_call {
	struct job_call_row row; /* texts below */
	char provider[32], model[101], why[200];
	bool ended;   /* as far as we know; */
	bool written; /* and so does the database */
};

struct job_calls {
	size_t count, room;
	struct job_call *list;
};

/* A call whose start is to be written. */
struct call_start {
	struct job *job;
	struct job_call *call;
	bool cancel; /* found: the job is to end */
};

struct quota_hold job_record_hold(const struct job *job, const struct job_call *call);
uint32_t job_record_used(const struct job_call *call);
/* Writes a start: a db_transact_fn. */
enum status job_record_call_tx(struct db *tx, void *start);

#endif
