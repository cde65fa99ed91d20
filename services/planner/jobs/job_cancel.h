/* SPDX-License-Identifier: MIT
 *
 * Cancelling a job, whoever runs it: its provider's transfer is aborted, and what it did not use is
 * given back.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_CANCEL_H
#define STUDYHALL_PLANNER_JOBS_JOB_CANCEL_H

#include "common/base/status.h"

struct jobs;

/* From a task. OK: it is being cancelled, or is. CONFLICT: it has finished. NOT_FOUND: there is
 * none of this user's. db.h's. */
enum status job_cancel(struct jobs *jobs, const char *user, const char *id);
/* The same for a task that cannot wait any more, because it was itself cancelled: at once if the
 * job runs here, else in the background, tried again for a while. */
void job_cancel_soon(struct jobs *jobs, const char *user, const char *id);

#endif
