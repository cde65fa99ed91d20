/* SPDX-License-Identifier: MIT
 * What job_finish*.c share: how a job is to end. */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_FINISH_PRIVATE_H
#define STUDYHALL_PLANNER_JOBS_JOB_FINISH_PRIVATE_H

#include "services/planner/draft.h"
#include "services/planner/jobs/jobs_private.h"

struct db;

enum finish_kind {
	FINISH_END,    /* one way or the other */
	FINISH_RETRY,  /* a later attempt may do better */
	FINISH_RETURN, /* another replica goes on */
	FINISH_NOTHING
};

struct finish {
	struct job *job;
	enum finish_kind kind;
	Planner__JobRequest *request;
	struct schedule_request schedule;
	struct draft draft; /* of a plan that was made */
	struct job_ending ending;
	int64_t run_ms;
	enum status status;
};

/* Writes an end: a db_transact_fn. */
enum status job_finish_tx(struct db *tx, void *finish);
/* May it be written together with others'? */
bool job_finish_is_usual(const struct finish *finish);

#endif
