/* SPDX-License-Identifier: MIT
 *
 * Asking the replica that runs a job. From tasks; without that replica DEPENDENCY_DOWN or
 * NOT_FOUND, and the database is what is left to look at.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_REMOTE_H
#define STUDYHALL_PLANNER_JOBS_JOB_REMOTE_H

#include "common/base/status.h"
#include "services/planner/jobs/job_store.h"

struct jobs;
struct rpc_stream;

/* Its events behind `last_event_id` (may be NULL), until the job ends or that replica does;
 * `only_end`: no events, only the end of the stream. */
enum status job_remote_follow(struct jobs *jobs, const struct job_row *row,
                              const char *last_event_id, bool only_end, struct rpc_stream **stream);
enum status job_remote_cancel(struct jobs *jobs, const struct job_row *row);

#endif
