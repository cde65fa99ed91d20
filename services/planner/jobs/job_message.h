/* SPDX-License-Identifier: MIT
 *
 * Jobs as messages. From tasks; results are in the task's arena; db.h's statuses, OVERLOADED
 * without memory.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_MESSAGE_H
#define STUDYHALL_PLANNER_JOBS_JOB_MESSAGE_H

#include "services/planner/jobs/job_store.h"

struct jobs;

/* With its calls, its place in the queue, and how far it is. */
enum status job_message(struct jobs *jobs, const struct job_row *row, Planner__Job *message);
/* Study days of what the row asks for; 0 when it cannot be read. */
uint32_t job_days_total(const struct job_row *row);

#endif
