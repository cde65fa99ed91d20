/* SPDX-License-Identifier: MIT
 * The process's jobs, as the files of jobs/ share them. */
#ifndef STUDYHALL_PLANNER_JOBS_JOBS_PRIVATE_H
#define STUDYHALL_PLANNER_JOBS_JOBS_PRIVATE_H

#include "services/planner/jobs/job.h"
#include "services/planner/jobs/jobs.h"

#include <pthread.h>
#include <stdatomic.h>

#define JOBS_BUCKETS 4096

struct cancel_soon;
struct db;
struct db_batch;
struct job_owner;
struct periodic;

/* How many jobs of one learner run here. */
struct job_learner {
	struct job_learner *next;
	unsigned running;
	char user[];
};

struct jobs {
	unsigned magic;
	struct service *service;
	struct db *db;
	struct db_batch *admissions, *calls, *ends; /* what many jobs write together */
	struct outbox *outbox;
	struct job_owner *owner;
	struct periodic *claims, *day_writer, *cancels;
	struct metric *ended[JOB_CANCELLED + 1]; /* by how: succeeded and what follows */
	struct metric *oldest_wait;
	const struct job_planner *planner;
	bool builtin;
	struct rpc *peers;
	uint64_t boot_id;
	struct worker *const *workers;
	unsigned worker_count;
	_Atomic unsigned next_worker;
	unsigned slots, learner_slots;
	_Atomic bool waiting;              /* for room: who comes now has to wait, too */
	_Atomic bool queued;               /* something may be in the queue: room is worth a look */
	_Atomic uint64_t suspect_until_ms; /* rows may be ours of which we do not know */
	uint64_t look_at_ms;               /* the claiming task's: when to look for dead replicas */
	bool none_waits;                   /* likewise: the queue was empty at the last look */

	pthread_mutex_t lock;
	unsigned running;
	/* Jobs with days that are not in the database yet: those that somebody watches, and the
	 * others as they are due. */
	struct job_list {
		struct job *head, **tail;
	} hurried, gathering;
	/* Jobs elsewhere that nobody waits for any more: they are about to be cancelled. */
	struct {
		struct cancel_soon *head, **tail;
		unsigned count;
	} deserted;
	struct job *table[JOBS_BUCKETS];
	struct job_learner *learners[JOBS_BUCKETS];
	struct job_watch *watches[JOBS_BUCKETS];
};

unsigned jobs_hash(const char *text);
/* One worker after the other. */
struct worker *jobs_worker(struct jobs *jobs);
/* An outcome of a commit is unknown: a job may be ours in the database only. */
void jobs_suspect(struct jobs *jobs);
/* With the lock held. */
void jobs_wake(struct jobs *jobs, const char *id);
void jobs_wake_days(struct jobs *jobs, const char *id);
/* Does anybody of this process watch the job's days? */
bool jobs_days_watched(const struct jobs *jobs, const char *id);
/* Asks all jobs to end early. */
void jobs_stop_all(struct jobs *jobs, enum job_stop why);

/* job_admit.c, job_record.c, job_finish.c: what is written together. NULL without memory. */
struct db_batch *job_admit_batch(struct db *db);
struct db_batch *job_record_batch(struct db *db);
struct db_batch *job_finish_batch(struct db *db);
/* job_days.c: a packed day; writes those of all jobs. */
enum status job_days_add(struct job *job, const void *bytes, size_t length, bool written);
uint32_t jobs_days_round(void *jobs);
/* Somebody watches from now on: the job's days are written at once. Any thread. */
void jobs_days_hurry(struct job *job);
/* job_claim.c: from the queue, from dead replicas, and what we forgot. */
uint32_t jobs_claim_round(void *jobs);
/* job_cancel.c: the jobs that nobody waits for any more. */
uint32_t jobs_cancel_round(void *jobs);
/* From a task, after the rounds have ended: all that are left, whether due or not, once. */
void jobs_cancel_last(void *jobs);
/* job_purge.c: removes what has been kept long enough. */
uint32_t jobs_purge_round(void *jobs);

#endif
