/* SPDX-License-Identifier: MIT
 *
 * Removing jobs that have been kept long enough.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_PURGE_H
#define STUDYHALL_PLANNER_JOBS_JOB_PURGE_H

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

struct db;

/* Removes jobs that finished before `before_ms`, with what belongs to them; *count tells how many.
 * From a task; db.h's statuses. */
enum status job_purge(struct db *db, int64_t before_ms, size_t *count);
/* Removes the streamed days of jobs that finished before that. */
enum status job_purge_days(struct db *db, int64_t before_ms);

#endif
