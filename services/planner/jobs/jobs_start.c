/* SPDX-License-Identifier: MIT
 * The beginning and the end of the process's jobs. */
#include "services/planner/jobs/jobs_private.h"

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "common/service/periodic.h"
#include "common/service/service.h"
#include "common/service/subtask.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_owner.h"

#include <stdlib.h>

#define JOBS_MAGIC       0x10b50001u
#define JOBS_RENEW_MS    1000
#define JOBS_RENEW_LIMIT 4000 /* of one renewal: the lease lasts five seconds */
#define JOBS_HAND_MS     4000 /* the last of the drain's grace: jobs that run are handed over */
#define JOBS_CANCEL_MS   1000 /* then for the callers whom the drain sent away */
#define JOBS_END_POLL_MS 20
#define JOBS_PURGE_MS    30000 /* after the start, so that not all replicas do it at once */
#define JOBS_SHARE       4     /* no learner has more than a quarter of the room */

/* This replica was taken for dead. */
static void
jobs_lost(void *arg)
{
	struct jobs *jobs = arg;

	jobs_stop_all(jobs, JOB_STOP_LOST);
}

static uint32_t
jobs_renew_round(void *arg)
{
	struct jobs *jobs = arg;
	bool had = job_owner_number(jobs->owner) != 0;
	enum status status = job_owner_renew(jobs->owner);

	if (status != STATUS_OK)
		LOG_WARN("the lease on this replica's jobs cannot be renewed",
		         LOG_TEXT("status", status_slug(status)));
	else if (!had)
		periodic_nudge(jobs->claims); /* what came meanwhile is in the queue */
	return JOBS_RENEW_MS;
}

static int64_t
jobs_read_running(void *arg)
{
	struct jobs *jobs = arg;
	int64_t running;

	pthread_mutex_lock(&jobs->lock);
	running = jobs->running;
	pthread_mutex_unlock(&jobs->lock);
	return running;
}

static bool
jobs_make_metrics(struct jobs *jobs)
{
	static const char *const names[] = {
	    [JOB_SUCCEEDED] = "succeeded", [JOB_FAILED] = "failed", [JOB_CANCELLED] = "cancelled"};
	struct metric *running = metric_new(METRIC_GAUGE, "studyhall_jobs_running",
	                                    "Jobs that this replica runs now", NULL);

	jobs->oldest_wait =
	    metric_new(METRIC_GAUGE, "studyhall_jobs_oldest_wait_microseconds",
	               "How long the job that waits longest has waited for any replica", NULL);
	if (running == NULL || jobs->oldest_wait == NULL)
		return false;
	running->arg = jobs;
	running->read = jobs_read_running;
	for (int i = JOB_SUCCEEDED; i <= JOB_CANCELLED; i++) {
		jobs->ended[i] =
		    metric_new(METRIC_COUNTER, "studyhall_jobs_ended_total",
		               "Jobs that this replica ended", "status=\"%s\"", names[i]);
		if (jobs->ended[i] == NULL)
			return false;
	}
	return true;
}

static bool
jobs_start_rounds(struct jobs *jobs, struct service *service)
{
	struct periodic_options renew = {.name = "jobs-lease",
	                                 .fn = jobs_renew_round,
	                                 .arg = jobs,
	                                 .deadline_ms = JOBS_RENEW_LIMIT};
	struct periodic_options claim = {
	    .name = "jobs-claim", .fn = jobs_claim_round, .arg = jobs, .first_ms = JOBS_RENEW_MS};
	struct periodic_options cancel = {
	    .name = "jobs-cancel", .fn = jobs_cancel_round, .arg = jobs};
	struct periodic_options days = {.name = "jobs-days", .fn = jobs_days_round, .arg = jobs};
	struct periodic_options purge = {.name = "jobs-purge",
	                                 .fn = jobs_purge_round,
	                                 .arg = jobs,
	                                 .first_ms = JOBS_PURGE_MS + ids_below(JOBS_PURGE_MS),
	                                 .deadline_ms = 10 * JOBS_PURGE_MS};

	jobs->claims = periodic_start(service, &claim);
	jobs->day_writer = periodic_start(service, &days);
	jobs->cancels = periodic_start(service, &cancel);
	if (periodic_start(service, &purge) == NULL)
		return false;
	return jobs->claims != NULL && jobs->day_writer != NULL && jobs->cancels != NULL &&
	       periodic_start(service, &renew) != NULL;
}

struct jobs *
jobs_start(struct service *service, const struct jobs_options *options)
{
	struct jobs *jobs = calloc(1, sizeof *jobs);

	if (jobs == NULL)
		return NULL;
	OBJ_INIT(jobs, JOBS_MAGIC);
	pthread_mutex_init(&jobs->lock, NULL);
	jobs->hurried.tail = &jobs->hurried.head;
	jobs->gathering.tail = &jobs->gathering.head;
	jobs->deserted.tail = &jobs->deserted.head;
	jobs->service = service;
	jobs->db = options->db;
	jobs->admissions = job_admit_batch(jobs->db);
	jobs->calls = job_record_batch(jobs->db);
	jobs->ends = job_finish_batch(jobs->db);
	if (jobs->admissions == NULL || jobs->calls == NULL || jobs->ends == NULL)
		return NULL;
	jobs->outbox = options->outbox;
	jobs->planner = options->planner;
	jobs->builtin = options->builtin;
	jobs->peers = options->peers;
	jobs->boot_id = options->boot_id;
	jobs->workers = options->workers;
	jobs->worker_count = options->worker_count;
	jobs->slots = options->connections * options->worker_count;
	jobs->learner_slots = jobs->slots >= JOBS_SHARE ? jobs->slots / JOBS_SHARE : 1;
	atomic_init(&jobs->queued, true);
	jobs->owner = job_owner_new(jobs->db, options->boot_id, jobs_lost, jobs);
	/* Else the process ends. */
	return jobs->owner != NULL && jobs_make_metrics(jobs) && jobs_start_rounds(jobs, service)
	           ? jobs
	           : NULL;
}

/* Until none runs, or the time is up; the rounds have ended, so the lease is renewed here. */
static bool
jobs_await(struct jobs *jobs, uint64_t limit_ms)
{
	uint64_t until = clock_ms() + limit_ms, renew = clock_ms();

	while (jobs_read_running(jobs) > 0) {
		if (clock_ms() >= until)
			return false;
		if (clock_ms() >= renew) {
			(void)job_owner_renew(jobs->owner);
			renew = clock_ms() + JOBS_RENEW_MS;
		}
		(void)task_sleep(JOBS_END_POLL_MS);
	}
	return true;
}

void
jobs_stop(struct jobs *jobs)
{
	uint64_t left;

	/* Its rounds have ended, but the last calls have been broken off just now. */
	(void)subtask_finish("jobs-cancel", JOBS_CANCEL_MS, jobs_cancel_last, jobs);
	left = service_grace_left(jobs->service);
	if (!jobs_await(jobs, left > JOBS_HAND_MS ? left - JOBS_HAND_MS : 0)) {
		LOG_INFO("jobs that run are handed over");
		jobs_stop_all(jobs, JOB_STOP_HAND_OVER);
		if (!jobs_await(jobs, JOBS_HAND_MS)) {
			/* The database is away: the lease will end, and others take them. */
			jobs_stop_all(jobs, JOB_STOP_LOST);
			(void)jobs_await(jobs, JOBS_HAND_MS);
		}
	}
	(void)job_owner_resign(jobs->owner);
}
