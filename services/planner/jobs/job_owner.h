/* SPDX-License-Identifier: MIT
 *
 * This replica's lease: one row, renewed once a second by the database's clock, for all of its
 * jobs. When the lease has ended and another replica took the jobs, the row says so, and this one
 * abandons them unwritten and begins anew under another number.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_OWNER_H
#define STUDYHALL_PLANNER_JOBS_JOB_OWNER_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct job_owner;

/* `lost(arg)` is called, in a task, when others have taken this replica's jobs. NULL without
 * memory. Lives as long as the process. */
struct job_owner *job_owner_new(struct db *db, uint64_t boot_id, void (*lost)(void *arg),
                                void *arg);
/* One renewal, or the registration. From a task; once a second. */
enum status job_owner_renew(struct job_owner *owner);
/* The number under which jobs may be taken now; 0: none, for the lease is not sure to last two
 * more seconds. Any thread. */
uint64_t job_owner_number(struct job_owner *owner);
/* Is this number still the one, as far as we know? Any thread. */
bool job_owner_is(struct job_owner *owner, uint64_t number);
/* Gives the row up: whatever is still ours is for others at once. From a task. */
enum status job_owner_resign(struct job_owner *owner);

/* The boot id of a replica that is alive; NOT_FOUND. */
enum status job_owner_boot(struct db *db, uint64_t number, uint64_t *boot_id);
/* Puts all jobs of replicas whose lease has ended back into the queue; *count tells how many. */
enum status job_owner_take_over(struct db *db, size_t *count);

#endif
