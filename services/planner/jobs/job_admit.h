/* SPDX-License-Identifier: MIT
 *
 * From a request to a job: checked, counted, and committed before anybody hears of it.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_ADMIT_H
#define STUDYHALL_PLANNER_JOBS_JOB_ADMIT_H

#include "services/planner/jobs/job_store.h"

struct call;
struct jobs;

struct job_admission {
	char id[37];        /* of the job */
	bool replayed;      /* an earlier request with the same key made it */
	const void *answer; /* and it has been answered so: a packed planner.PlanAnswer */
	size_t length;      /* of it; or NULL */
	bool has_used;      /* of the learner's plans of today */
	uint32_t used;
};

/* From the handler's task. OK: the job is in the database, and runs or waits. VALIDATION with its
 * violations on the call; QUOTA_EXCEEDED: the plans of the day are spent; IDEMPOTENCY_KEY_REUSED;
 * db.h's. */
enum status job_admit(struct call *call, struct jobs *jobs,
                      const Planner__CreatePlanRequest *request, enum job_priority priority,
                      struct job_admission *admission);

#endif
