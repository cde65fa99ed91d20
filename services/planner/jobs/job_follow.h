/* SPDX-License-Identifier: MIT
 *
 * The events of a job, as a stream of planner.JobEvent: `job`, each `day`, `reset` when the days so
 * far are void, and at the end the `job` again with its `plan` or `problem`. An event's id says
 * where to go on: "EPOCH-N", N days of that epoch have been seen; "EPOCH-end". So any replica
 * can go on with what another began.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_FOLLOW_H
#define STUDYHALL_PLANNER_JOBS_JOB_FOLLOW_H

#include "common/base/status.h"

#include <stdbool.h>

struct call;
struct jobs;

struct job_follow_options {
	const char *user, *id;
	const char *last_event_id; /* NULL or not understood: from the beginning */
	bool relayed;              /* for another planner: only as long as the job runs here, */
	bool only_end;             /* and nothing but the end of the stream */
};

/* From the handler's task: streams to the call until the job's end, which is OK. *nothing: there is
 * nothing behind the last event, and nothing was streamed. NOT_FOUND; db.h's; the call's own. */
enum status job_follow(struct call *call, struct jobs *jobs,
                       const struct job_follow_options *options, bool *nothing);

#endif
