/* SPDX-License-Identifier: MIT
 *
 * Jobs: what Celery is for others. A request for a plan is a row in `job` before anybody hears of
 * it, and the replica that accepts it runs it at once when it has room; else it waits in the table
 * until a replica has. This is the process's part: which jobs it runs, how much room there is, who
 * waits for what. Thread-safe unless said otherwise.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOBS_H
#define STUDYHALL_PLANNER_JOBS_JOBS_H

#include "common/base/status.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job;
struct job_row;
struct db;
struct jobs;
struct outbox;
struct plan_ai_result;
struct plan_ai_sink;
struct plan_ask;
struct rpc;
struct service;

/* Who makes plans, beside the built-in planner; see plan_ai_make(). */
struct job_planner {
	enum status (*make)(void *arg, const struct plan_ask *ask, const struct plan_ai_sink *sink,
	                    struct plan_ai_result *result);
	void *arg;
};

struct jobs_options {
	struct db *db;
	struct outbox *outbox;
	struct worker *const *workers;
	unsigned worker_count;
	unsigned connections;              /* jobs at a time on each worker */
	uint64_t boot_id;                  /* of this process */
	struct rpc *peers;                 /* the planners; NULL: there are no others */
	const struct job_planner *planner; /* NULL: only the built-in one */
	bool builtin;                      /* it may take the place of the other */
};

/* From the service's start(). All stays valid. NULL without memory. */
struct jobs *jobs_start(struct service *service, const struct jobs_options *options);
/* From the service's stop(): gives jobs that run a while to end, then hands them to other replicas.
 */
void jobs_stop(struct jobs *jobs);

/* The job of this id if this process runs it, held for the caller; or NULL. */
struct job *jobs_find(struct jobs *jobs, const char *id);

/* Makes a job of the row and takes room for it: NULL when there is none, for others or for this
 * learner, of whom no more than a quarter of the room may be. `claimed`: it was in the queue.
 * Held for the caller. */
struct job *jobs_add(struct jobs *jobs, const struct job_row *row, bool claimed);
void jobs_remove(struct jobs *jobs, struct job *job);
/* Could `others` and one more of this user's jobs be added now? */
bool jobs_has_room(struct jobs *jobs, const char *user, unsigned others);
/* This user is erased: what runs for them ends, and nothing is written of it. */
void jobs_forget(struct jobs *jobs, const char *user);
/* A job was put into the queue: it is looked for now, and as soon as there is room. */
void jobs_queued(struct jobs *jobs);

/* --- waiting for a job, whoever runs it --- */

/* On the waiting task's stack. Woken when something happens to the job here: it starts, it ends,
 * and for who watches days, too, they come. */
struct job_watch {
	struct jobs *jobs;
	char id[37];
	struct worker *worker;
	struct post post;
	struct wait *parked;
	bool days;
	bool posted, woken; /* lock */
	struct job_watch *next, *previous;
};

/* From a task. Must be followed by an end by the same task. */
void job_watch_begin(struct job_watch *watch, struct jobs *jobs, const char *id, bool days);
void job_watch_end(struct job_watch *watch);
/* OK: something has happened since the last call; else as wait_until(). */
enum status job_watch_wait(struct job_watch *watch, uint64_t until_ms);
/* Wakes who watches. */
void jobs_notify(struct jobs *jobs, const char *id);

#endif
