/* SPDX-License-Identifier: MIT
 *
 * The SQL of jobs. As services/planner/store.h: from tasks; `db` is the pool or a transaction;
 * db.h's statuses; texts in results are in the task's arena; milliseconds since 1970, UTC.
 *
 * A write of a running job is fenced: it names owner and attempt, and CONFLICT says that the job is
 * not this attempt's any more.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_STORE_H
#define STUDYHALL_PLANNER_JOBS_JOB_STORE_H

#include "common/base/status.h"
#include "common/service/cursor.h"

#include "planner.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

enum job_status {
	JOB_QUEUED = PLANNER__JOB__STATUS__queued,
	JOB_RUNNING = PLANNER__JOB__STATUS__running,
	JOB_SUCCEEDED = PLANNER__JOB__STATUS__succeeded,
	JOB_FAILED = PLANNER__JOB__STATUS__failed,
	JOB_CANCELLED = PLANNER__JOB__STATUS__cancelled
};

enum job_priority {
	JOB_WAITED_FOR, /* by somebody in front of a screen */
	JOB_BACKGROUND
};

struct job_row {
	const char *id, *user;
	enum job_status status;
	uint64_t owner; /* 0: nobody's */
	uint32_t attempt;
	enum job_priority priority;
	uint64_t round;
	int64_t run_ms, created_ms, started_ms, finished_ms; /* 0: not yet */
	bool cancel_requested;
	uint32_t epoch, kept, ai_ms;
	const char *failure, *detail, *key; /* or NULL */
	const void *request;
	size_t request_length;
};

/* Which attempt writes. */
struct job_fence {
	const char *id;
	uint64_t owner;
	uint32_t attempt;
};

enum status job_store_insert(struct db *tx, const struct job_row *job);
/* The place of a new queued job among all learners' (start-time fair queuing): no earlier than
 * what waits, and behind the learner's own. */
enum status job_store_round(struct db *tx, const char *user, int64_t now_ms, uint64_t *round);
/* `user` NULL: anybody's. NOT_FOUND. With `lock` the row is locked until the transaction's end. */
enum status job_store_get(struct db *db, const char *user, const char *id, bool lock,
                          struct job_row *job);
/* Newest first, beyond `after` (may be NULL); `status` -1: any. */
enum status job_store_list(struct db *db, const char *user, int status, const struct cursor *after,
                           size_t limit, struct job_row **jobs, size_t *count);
/* How many jobs are to run before this queued one, and itself. */
enum status job_store_position(struct db *db, const struct job_row *job, uint32_t *position);

/* Claims up to `limit` waiting jobs in order, leaving out those of which `skip` says so: their rows
 * as they are now, running, owned, of the next attempt and epoch. Calls of the attempt before
 * become unknown; its days are kept. In a transaction. */
typedef bool job_skip_fn(void *arg, const char *user);
enum status job_store_claim(struct db *tx, uint64_t owner, int64_t now_ms, size_t limit,
                            job_skip_fn *skip, void *arg, struct job_row **jobs, size_t *count);

/* CONFLICT unless the attempt still has the job; locks the row. *cancel may be NULL. */
enum status job_store_check(struct db *tx, const struct job_fence *fence, bool *cancel);
/* Ends the job. `failure` and `detail` may be NULL. */
struct job_ending {
	enum job_status status;
	enum status failure;
	const char *detail;
	uint32_t epoch, kept, ai_ms;
	int64_t finished_ms;
};
enum status job_store_end(struct db *tx, const struct job_fence *fence,
                          const struct job_ending *ending);
/* A queued job's end, by cancelling. CONFLICT: it is not queued any more. */
enum status job_store_end_queued(struct db *tx, const char *id, int64_t now_ms);
enum status job_store_set_epoch(struct db *tx, const struct job_fence *fence, uint32_t epoch,
                                uint32_t kept);
/* Back to the queue, in front, for whoever has room: after a failed attempt, or (return) as if
 * there had been none. */
enum status job_store_requeue(struct db *tx, const struct job_fence *fence, int64_t run_ms);
enum status job_store_return(struct db *tx, const struct job_fence *fence, int64_t run_ms);
enum status job_store_request_cancel(struct db *db, const char *id);
/* A dead letter runs again, with its attempts counted anew. CONFLICT: it has not failed. */
enum status job_store_replay(struct db *tx, const char *id, int64_t now_ms);

/* Ids of jobs that this owner runs, as the database sees it; at most `limit`. */
enum status job_store_owned(struct db *db, uint64_t owner, size_t limit, const char ***ids,
                            size_t *count);

/* For how many milliseconds the job has waited that waits longest for room; -1: none waits. A job
 * that is put off (after a failed attempt) waits from the time on that it was put off to. */
enum status job_store_oldest_wait(struct db *db, int64_t now_ms, int64_t *wait_ms);

/* Removes one job of the user with what belongs to it; *more is false when there was none left. */
enum status job_store_erase(struct db *tx, const char *user, bool *more);
enum status job_store_delete(struct db *tx, const char *id);
/* Up to `limit` jobs beyond `after` (an id; "": from the oldest on), oldest first: id, status,
 * created_ms, finished_ms, failure. */
enum status job_store_walk(struct db *db, const char *after, size_t limit, struct job_row **jobs,
                           size_t *count);

#endif
