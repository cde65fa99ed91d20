/* SPDX-License-Identifier: MIT
 * The course of a job: what the providers are asked for, and what comes of it. */
#include "services/planner/jobs/job.h"

enum status
job_course(struct job *job, const Planner__JobRequest *request,
           const struct schedule_request *schedule)
{
	(void)request;
	(void)schedule;
	job->provider = NULL;
	return STATUS_OK;
}
