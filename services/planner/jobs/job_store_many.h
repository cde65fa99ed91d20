/* SPDX-License-Identifier: MIT
 *
 * job_store.h for many jobs at once, as services/planner/store_many.h: what is usual, or CONFLICT.
 * Arrays have `count` elements. All of it goes out with what follows in the transaction
 * (db_later()): what is not usual shows there.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_STORE_MANY_H
#define STUDYHALL_PLANNER_JOBS_JOB_STORE_MANY_H

#include "services/planner/jobs/job_store.h"
#include "services/planner/jobs/job_store_parts.h"

enum status job_store_insert_many(struct db *tx, const struct job_row *const *jobs, size_t count);

/* Adds a first call to each; CONFLICT unless each of the owner's jobs is in its first attempt, and
 * nobody wants it cancelled; locks the rows. */
enum status job_store_start_calls(struct db *tx, uint64_t owner, const char *const *ids,
                                  const struct job_call_row *const *calls, size_t count);

/* Ends jobs that succeeded in their first attempt and epoch; CONFLICT unless each did. */
enum status job_store_succeed_many(struct db *tx, uint64_t owner, const char *const *ids,
                                   const struct job_ending *const *endings, size_t count);
/* Each job's first call was answered. CONFLICT unless each was running. */
enum status job_store_answered_many(struct db *tx, const char *const *ids,
                                    const struct job_call_row *const *calls, size_t count);

#endif
