/* SPDX-License-Identifier: MIT
 * One job in memory: made, held, stopped. */
#include "services/planner/jobs/job_record.h"
#include "services/planner/jobs/jobs_private.h"

#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/task/task.h"

#include <stdlib.h>
#include <string.h>

#define JOB_MAGIC 0x10b0001u

static void
job_free(struct job *job)
{
	job_record_free(job);
	for (size_t i = 0; i < job->day_count; i++)
		free(job->days[i].bytes);
	free(job->days);
	free(job->result.answer);
	free(job->request);
	free(job->user);
	free(job->key);
	OBJ_FINI(job);
	free(job);
}

/* On the job's worker. */
static void
job_stop_fn(struct post *post)
{
	struct job *job = OBJ_CONTAINER(post, struct job, stop_post);

	OBJ_CHECK(job, JOB_MAGIC);
	if (job->course != NULL)
		task_cancel(job->course);
	job_release(&job);
}

/* What is needed of the request before the course reads it. */
static bool
job_read_request(struct job *job)
{
	Planner__JobRequest *request =
	    planner__job_request__unpack(NULL, job->request_length, job->request);
	const Planner__CreatePlanRequest *plan = request != NULL ? request->plan : NULL;

	if (plan == NULL) {
		planner__job_request__free_unpacked(request, NULL);
		return false;
	}
	job->helped_out = job->jobs->builtin && (!plan->has_fallback || plan->fallback);
	if (request->traceparent != NULL)
		strncpy(job->traceparent, request->traceparent, sizeof job->traceparent - 1);
	planner__job_request__free_unpacked(request, NULL);
	return true;
}

struct job *
job_new(struct jobs *jobs, const struct job_row *row)
{
	struct job *job = calloc(1, sizeof *job);

	if (job == NULL)
		return NULL;
	OBJ_INIT(job, JOB_MAGIC);
	atomic_init(&job->references, 1);
	job->jobs = jobs;
	job->user = strdup(row->user);
	job->key = row->key != NULL ? strdup(row->key) : NULL;
	job->request = malloc(row->request_length + 1);
	if (job->user == NULL || job->request == NULL || (row->key != NULL && job->key == NULL)) {
		job_free(job);
		return NULL;
	}
	memcpy(job->request, row->request, row->request_length);
	job->request_length = row->request_length;
	if (!job_read_request(job)) {
		job_free(job);
		return NULL;
	}
	strncpy(job->id, row->id, sizeof job->id - 1);
	job->fence = (struct job_fence){job->id, row->owner, row->attempt};
	job->priority = row->priority;
	job->created_ms = row->created_ms;
	job->started_ms = row->started_ms;
	job->started_us = clock_us();
	job->epoch = row->epoch;
	job->kept = row->kept;
	job->stop = row->cancel_requested ? JOB_STOP_CANCELLED : JOB_GO_ON;
	job->stop_post.fn = job_stop_fn;
	return job;
}

struct job *
job_hold(struct job *job)
{
	atomic_fetch_add(&job->references, 1);
	return job;
}

void
job_release(struct job **jobp)
{
	struct job *job = *jobp;

	if (job == NULL)
		return;
	OBJ_CHECK(job, JOB_MAGIC);
	*jobp = NULL;
	if (atomic_fetch_sub(&job->references, 1) == 1)
		job_free(job);
}

void
job_stop_locked(struct job *job, enum job_stop why)
{
	if (job->phase != JOB_ACTIVE || why <= job->stop)
		return;
	job->stop = why;
	if (job->stop_posted || job->worker == NULL)
		return;
	job->stop_posted = true;
	job_hold(job);
	worker_post(job->worker, &job->stop_post);
}

void
job_stop(struct job *job, enum job_stop why)
{
	pthread_mutex_lock(&job->jobs->lock);
	job_stop_locked(job, why);
	pthread_mutex_unlock(&job->jobs->lock);
}

enum job_stop
job_stopped(struct job *job)
{
	enum job_stop why;

	pthread_mutex_lock(&job->jobs->lock);
	why = job->stop;
	pthread_mutex_unlock(&job->jobs->lock);
	return why;
}

void
job_over(struct job *job, enum job_phase phase)
{
	struct jobs *jobs = job->jobs;

	pthread_mutex_lock(&jobs->lock);
	job->phase = phase;
	jobs_wake(jobs, job->id);
	pthread_mutex_unlock(&jobs->lock);
	jobs_remove(jobs, job);
}
