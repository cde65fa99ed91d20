/* SPDX-License-Identifier: MIT
 * The table of jobs that run here, their room, and who watches. */
#include "services/planner/jobs/jobs_private.h"

#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/service/periodic.h"

#include <stdlib.h>
#include <string.h>

#define JOBS_SUSPECT_MS 10000

/* FNV-1a. */
unsigned
jobs_hash(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash % JOBS_BUCKETS;
}

void
jobs_suspect(struct jobs *jobs)
{
	atomic_store(&jobs->suspect_until_ms, clock_ms() + JOBS_SUSPECT_MS);
}

/* --- the table -----------------------------------------------------------------------------------
 */

struct job *
jobs_find(struct jobs *jobs, const char *id)
{
	struct job *job;

	pthread_mutex_lock(&jobs->lock);
	for (job = jobs->table[jobs_hash(id)]; job != NULL; job = job->next)
		if (strcmp(job->id, id) == 0)
			break;
	if (job != NULL)
		job_hold(job);
	pthread_mutex_unlock(&jobs->lock);
	return job;
}

static struct job_learner *
jobs_learner(struct jobs *jobs, const char *user)
{
	struct job_learner *learner = jobs->learners[jobs_hash(user)];

	while (learner != NULL && strcmp(learner->user, user) != 0)
		learner = learner->next;
	return learner;
}

static struct job_learner *
jobs_make_learner(struct jobs *jobs, const char *user)
{
	struct job_learner **bucket = &jobs->learners[jobs_hash(user)];
	struct job_learner *learner = calloc(1, sizeof *learner + strlen(user) + 1);

	if (learner == NULL)
		return NULL;
	memcpy(learner->user, user, strlen(user) + 1);
	learner->next = *bucket;
	*bucket = learner;
	return learner;
}

/* With the lock held. */
static bool
jobs_room_for(struct jobs *jobs, const char *user, unsigned others)
{
	const struct job_learner *learner = jobs_learner(jobs, user);
	unsigned own = learner != NULL ? learner->running : 0;

	return jobs->running + others < jobs->slots && own + others < jobs->learner_slots;
}

bool
jobs_has_room(struct jobs *jobs, const char *user, unsigned others)
{
	bool room;

	pthread_mutex_lock(&jobs->lock);
	room = jobs_room_for(jobs, user, others);
	pthread_mutex_unlock(&jobs->lock);
	return room;
}

/* With the lock held. */
static bool
jobs_insert(struct jobs *jobs, struct job *job)
{
	struct job **bucket = &jobs->table[jobs_hash(job->id)];
	struct job_learner *learner;

	if (!jobs_room_for(jobs, job->user, 0))
		return false;
	learner = jobs_learner(jobs, job->user);
	if (learner == NULL)
		learner = jobs_make_learner(jobs, job->user);
	if (learner == NULL)
		return false;
	learner->running++;
	job->learner = learner;
	jobs->running++;
	job->next = *bucket;
	*bucket = job_hold(job);
	return true;
}

struct job *
jobs_add(struct jobs *jobs, const struct job_row *row, bool claimed)
{
	struct job *job;
	bool added;

	if (!claimed && atomic_load(&jobs->waiting))
		return NULL;
	job = job_new(jobs, row);
	if (job == NULL)
		return NULL;
	pthread_mutex_lock(&jobs->lock);
	added = jobs_insert(jobs, job);
	if (added && claimed)
		jobs_wake(jobs, job->id);
	pthread_mutex_unlock(&jobs->lock);
	if (!added)
		job_release(&job);
	return job;
}

static void
jobs_drop_learner(struct jobs *jobs, struct job_learner *learner)
{
	struct job_learner **at = &jobs->learners[jobs_hash(learner->user)];

	if (--learner->running > 0)
		return;
	while (*at != learner)
		at = &(*at)->next;
	*at = learner->next;
	free(learner);
}

void
jobs_remove(struct jobs *jobs, struct job *job)
{
	struct job **at, *held = NULL;

	pthread_mutex_lock(&jobs->lock);
	at = &jobs->table[jobs_hash(job->id)];
	while (*at != NULL && *at != job)
		at = &(*at)->next;
	if (*at != NULL) {
		held = *at;
		*at = job->next;
		jobs->running--;
		jobs_drop_learner(jobs, job->learner);
		job->learner = NULL;
	}
	pthread_mutex_unlock(&jobs->lock);
	if (held != NULL && atomic_load(&jobs->queued))
		periodic_nudge(jobs->claims);
	job_release(&held);
}

void
jobs_queued(struct jobs *jobs)
{
	bool full;

	pthread_mutex_lock(&jobs->lock);
	full = jobs->running >= jobs->slots;
	pthread_mutex_unlock(&jobs->lock);
	if (full)
		atomic_store(&jobs->waiting, true);
	atomic_store(&jobs->queued, true);
	if (!full)
		periodic_nudge(jobs->claims);
}

void
jobs_stop_all(struct jobs *jobs, enum job_stop why)
{
	pthread_mutex_lock(&jobs->lock);
	for (unsigned i = 0; i < JOBS_BUCKETS; i++)
		for (struct job *job = jobs->table[i]; job != NULL; job = job->next)
			job_stop_locked(job, why);
	pthread_mutex_unlock(&jobs->lock);
}

void
jobs_forget(struct jobs *jobs, const char *user)
{
	pthread_mutex_lock(&jobs->lock);
	for (unsigned i = 0; jobs_learner(jobs, user) != NULL && i < JOBS_BUCKETS; i++)
		for (struct job *job = jobs->table[i]; job != NULL; job = job->next)
			if (strcmp(job->user, user) == 0)
				job_stop_locked(job, JOB_STOP_LOST);
	pthread_mutex_unlock(&jobs->lock);
}

/* --- watching -----------------------------------------------------------------------------------
 */

/* On the watching task's worker. */
static void
job_watch_woken(struct post *post)
{
	struct job_watch *watch = OBJ_CONTAINER(post, struct job_watch, post);

	pthread_mutex_lock(&watch->jobs->lock);
	watch->posted = false;
	pthread_mutex_unlock(&watch->jobs->lock);
	if (watch->parked != NULL && !watch->parked->done)
		wait_done(watch->parked);
}

static void
jobs_wake_some(struct jobs *jobs, const char *id, bool only_days)
{
	struct job_watch *watch = jobs->watches[jobs_hash(id)];

	for (; watch != NULL; watch = watch->next) {
		if ((only_days && !watch->days) || strcmp(watch->id, id) != 0)
			continue;
		watch->woken = true;
		if (watch->posted)
			continue;
		watch->posted = true;
		worker_post(watch->worker, &watch->post);
	}
}

void
jobs_wake(struct jobs *jobs, const char *id)
{
	jobs_wake_some(jobs, id, false);
}

void
jobs_wake_days(struct jobs *jobs, const char *id)
{
	jobs_wake_some(jobs, id, true);
}

void
jobs_notify(struct jobs *jobs, const char *id)
{
	pthread_mutex_lock(&jobs->lock);
	jobs_wake(jobs, id);
	pthread_mutex_unlock(&jobs->lock);
}

bool
jobs_days_watched(const struct jobs *jobs, const char *id)
{
	const struct job_watch *watch = jobs->watches[jobs_hash(id)];

	while (watch != NULL && (!watch->days || strcmp(watch->id, id) != 0))
		watch = watch->next;
	return watch != NULL;
}

void
job_watch_begin(struct job_watch *watch, struct jobs *jobs, const char *id, bool days)
{
	struct job_watch **bucket = &jobs->watches[jobs_hash(id)];

	*watch = (struct job_watch){
	    .jobs = jobs, .worker = worker_current(), .days = days, .post.fn = job_watch_woken};
	strncpy(watch->id, id, sizeof watch->id - 1);
	pthread_mutex_lock(&jobs->lock);
	watch->next = *bucket;
	if (watch->next != NULL)
		watch->next->previous = watch;
	*bucket = watch;
	pthread_mutex_unlock(&jobs->lock);
}

void
job_watch_end(struct job_watch *watch)
{
	struct jobs *jobs = watch->jobs;
	struct wait delivered;
	bool posted;

	pthread_mutex_lock(&jobs->lock);
	if (watch->previous != NULL)
		watch->previous->next = watch->next;
	else
		jobs->watches[jobs_hash(watch->id)] = watch->next;
	if (watch->next != NULL)
		watch->next->previous = watch->previous;
	posted = watch->posted;
	pthread_mutex_unlock(&jobs->lock);
	if (!posted)
		return;
	/* The post is in our worker's queue and lies on our stack. */
	wait_init(&delivered);
	watch->parked = &delivered; /* cppcheck-suppress autoVariables */
	wait_uninterrupted(&delivered);
}

static bool
job_watch_take(struct job_watch *watch)
{
	bool woken;

	pthread_mutex_lock(&watch->jobs->lock);
	woken = watch->woken;
	watch->woken = false;
	pthread_mutex_unlock(&watch->jobs->lock);
	return woken;
}

enum status
job_watch_wait(struct job_watch *watch, uint64_t until_ms)
{
	struct wait wait;
	enum status status;

	if (job_watch_take(watch))
		return STATUS_OK;
	wait_init(&wait);
	watch->parked = &wait;
	status = wait_until(&wait, until_ms);
	watch->parked = NULL;
	if (status == STATUS_OK)
		(void)job_watch_take(watch);
	return status;
}
