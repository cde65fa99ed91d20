/* SPDX-License-Identifier: MIT
 *
 * Waiting for the end of a job, whichever replica runs it. Who waits here is woken at once by a job
 * that runs here; looking into the database is the safety net.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_WAIT_H
#define STUDYHALL_PLANNER_JOBS_JOB_WAIT_H

#include "services/planner/jobs/job_store.h"

struct jobs;

/* How a job has ended. What it points to lives as long as the task. */
struct job_end {
	bool ended; /* false: not yet */
	enum job_status status;
	enum status failure; /* of a failed one, */
	const char *detail;  /* or NULL */
	uint32_t retry_after_s;
	const void *answer; /* a packed planner.PlanAnswer; NULL: to be read from the plan */
	size_t length;
	int32_t days_left;
	uint32_t ai_ms;
};

/* From a task: waits until clock_ms() is `until_ms` for the job of the user to end. OK, with *end;
 * NOT_FOUND; the task's own CANCELLED and DEADLINE; db.h's. */
enum status job_wait(struct jobs *jobs, const char *user, const char *id, uint64_t until_ms,
                     struct job_end *end);

#endif
