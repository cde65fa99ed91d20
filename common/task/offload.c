/* SPDX-License-Identifier: MIT
 * A bounded queue in front of a few lanes, each of which runs a call at a time; a task parks until
 * its call has run. A lane is two threads that take turns, because a thread without rights can make
 * itself nicer but never go back: the prompt one runs what finds the lane free or waits with few
 * others, the patient one a crowd's calls, until nothing waits any more.
 */
#include "common/task/offload.h"

#include "common/base/obj.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define POOL_MAGIC 0x9001f00du
#define POOL_NICE  5 /* of the patient threads, beyond the thread that made the pool */
#define POOL_SHARE 4 /* of the queue, the part that is for one: a quarter */

/* One call; lives on the stack of the task that waits for it. */
struct offload_call {
	struct post post;
	struct worker *worker;
	struct wait wait;
	const char *who; /* NULL: nobody in particular */
	uint64_t round;
	offload_fn *fn;
	void *arg;
	_Atomic bool stop;
	bool dropped; /* the pool ended before the call ran */
	struct offload_call *next, *prev;
	bool queued;
};

struct pool_lane {
	struct pool *pool;
	pthread_t prompt, patient;
	pthread_cond_t turn;       /* has changed hands */
	bool is_patients;          /* the turn */
	struct offload_call *call; /* in progress; NULL: none */
};

struct pool {
	unsigned magic;
	_Atomic unsigned references; /* the owner; each task in offload(): it may look last */
	const char *name;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct offload_call *head, *tail; /* by round, within it as they came */
	uint64_t round;                   /* of the last one that was started */
	_Atomic size_t queued;
	_Atomic size_t running;
	size_t queue_limit;
	bool ending;
	unsigned lanes;
	struct pool_lane lane[];
};

static void
pool_release(struct pool *pool)
{
	if (atomic_fetch_sub(&pool->references, 1) != 1)
		return;
	pthread_mutex_destroy(&pool->lock);
	pthread_cond_destroy(&pool->work);
	OBJ_FINI(pool);
	free(pool);
}

static void
pool_unlink(struct pool *pool, struct offload_call *call)
{
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		pool->head = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
	else
		pool->tail = call->prev;
	call->queued = false;
	atomic_fetch_sub(&pool->queued, 1);
}

static void
pool_call_done_fn(struct post *post)
{
	struct offload_call *call = OBJ_CONTAINER(post, struct offload_call, post);

	wait_done(&call->wait);
}

/* Runs the first call that waits. Under the lock, which it lets go meanwhile. */
static void
lane_run(struct pool_lane *lane)
{
	struct pool *pool = lane->pool;
	struct offload_call *call = pool->head;

	pool_unlink(pool, call);
	lane->call = call;
	pool->round = call->round;
	call->dropped = pool->ending;
	atomic_fetch_add(&pool->running, 1);
	pthread_mutex_unlock(&pool->lock);
	if (!call->dropped)
		call->fn(call->arg, &call->stop);
	atomic_fetch_sub(&pool->running, 1);
	pthread_mutex_lock(&pool->lock);
	lane->call = NULL;
	worker_post(call->worker, &call->post); /* the call is gone after this */
}

static void
lane_hand_over(struct pool_lane *lane)
{
	lane->is_patients = !lane->is_patients;
	pthread_cond_signal(&lane->turn);
}

static void *
lane_prompt_main(void *arg)
{
	struct pool_lane *lane = arg;
	OBJ_CAST(struct pool, pool, lane->pool, POOL_MAGIC);

	pthread_mutex_lock(&pool->lock);
	while (pool->head != NULL || !pool->ending) {
		if (lane->is_patients) {
			pthread_cond_wait(&lane->turn, &pool->lock);
		} else if (pool->head == NULL) {
			pthread_cond_wait(&pool->work, &pool->lock);
		} else {
			lane_run(lane);
			if (atomic_load(&pool->queued) > pool->lanes)
				lane_hand_over(lane);
		}
	}
	pthread_cond_signal(&lane->turn); /* the end */
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void *
lane_patient_main(void *arg)
{
	struct pool_lane *lane = arg;
	OBJ_CAST(struct pool, pool, lane->pool, POOL_MAGIC);

	/* Of this thread alone on Linux: "C library/kernel differences" in setpriority(2). */
	(void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + POOL_NICE);
	pthread_mutex_lock(&pool->lock);
	while (pool->head != NULL || !pool->ending) {
		if (!lane->is_patients)
			pthread_cond_wait(&lane->turn, &pool->lock);
		else if (pool->head == NULL)
			lane_hand_over(lane);
		else
			lane_run(lane);
	}
	pthread_cond_signal(&lane->turn); /* the end */
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* A lane with both its threads; 0 or -1. */
static int
lane_start(struct pool *pool, struct pool_lane *lane)
{
	char name[16]; /* as long as the kernel takes */

	lane->pool = pool;
	pthread_cond_init(&lane->turn, NULL);
	if (pthread_create(&lane->prompt, NULL, lane_prompt_main, lane) != 0)
		goto fail;
	if (pthread_create(&lane->patient, NULL, lane_patient_main, lane) != 0) {
		pthread_mutex_lock(&pool->lock);
		pool->ending = true;
		pthread_cond_broadcast(&pool->work);
		pthread_mutex_unlock(&pool->lock);
		pthread_join(lane->prompt, NULL);
		goto fail;
	}
	pthread_setname_np(lane->prompt, pool->name);
	snprintf(name, sizeof name, "%s-nice", pool->name);
	pthread_setname_np(lane->patient, name);
	return 0;
fail:
	pthread_cond_destroy(&lane->turn);
	return -1;
}

struct pool *
pool_new(const char *name, unsigned lanes, size_t queue_limit)
{
	struct pool *pool = calloc(1, sizeof *pool + lanes * sizeof pool->lane[0]);
	sigset_t all, before;

	if (pool == NULL)
		return NULL;
	OBJ_INIT(pool, POOL_MAGIC);
	pool->references = 1;
	pool->name = name;
	pool->queue_limit = queue_limit;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (pool->lanes < lanes && lane_start(pool, &pool->lane[pool->lanes]) == 0)
		pool->lanes++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pool->lanes < lanes)
		pool_free(&pool);
	return pool;
}

void
pool_free(struct pool **poolp)
{
	struct pool *pool = *poolp;

	if (pool == NULL)
		return;
	OBJ_CHECK(pool, POOL_MAGIC);
	*poolp = NULL;
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->lanes; i++) {
		pthread_join(pool->lane[i].prompt, NULL);
		pthread_join(pool->lane[i].patient, NULL);
		pthread_cond_destroy(&pool->lane[i].turn);
	}
	pool_release(pool);
}

/* Behind all of its round. */
static void
pool_link(struct pool *pool, struct offload_call *call)
{
	struct offload_call *before = pool->tail;

	while (before != NULL && before->round > call->round)
		before = before->prev;
	call->prev = before;
	call->next = before != NULL ? before->next : pool->head;
	if (before != NULL)
		before->next = call;
	else
		pool->head = call;
	if (call->next != NULL)
		call->next->prev = call;
	else
		pool->tail = call;
	call->queued = true;
	atomic_fetch_add(&pool->queued, 1);
}

static bool
pool_same(const struct offload_call *a, const struct offload_call *b)
{
	return a != NULL && a->who != NULL && b->who != NULL && strcmp(a->who, b->who) == 0;
}

/* One round behind the last call for the same. Returns how many of theirs wait. */
static size_t
pool_set_round(const struct pool *pool, struct offload_call *call)
{
	size_t count = 0;

	call->round = pool->round;
	for (unsigned i = 0; i < pool->lanes; i++)
		if (pool_same(pool->lane[i].call, call))
			call->round = pool->round + 1;
	for (const struct offload_call *at = pool->head; at != NULL; at = at->next)
		if (pool_same(at, call)) {
			call->round = at->round + 1;
			count++;
		}
	return count;
}

static enum status
pool_put(struct pool *pool, struct offload_call *call)
{
	enum status status = STATUS_OVERLOADED;
	size_t own;

	pthread_mutex_lock(&pool->lock);
	own = pool_set_round(pool, call);
	if (own > 0 && own >= pool->queue_limit / POOL_SHARE) {
		status = STATUS_THROTTLED;
	} else if (!pool->ending && atomic_load(&pool->queued) < pool->queue_limit) {
		pool_link(pool, call);
		pthread_cond_signal(&pool->work);
		status = STATUS_OK;
	}
	pthread_mutex_unlock(&pool->lock);
	return status;
}

/* The wait was interrupted: takes the call back if it still waits, else sees it through. */
static void
pool_withdraw(struct pool *pool, struct offload_call *call)
{
	bool taken_back;

	pthread_mutex_lock(&pool->lock);
	taken_back = call->queued;
	if (taken_back)
		pool_unlink(pool, call);
	pthread_mutex_unlock(&pool->lock);
	if (taken_back)
		return;
	atomic_store(&call->stop, true);
	wait_uninterrupted(&call->wait);
}

enum status
offload_for(struct pool *pool, const char *who, offload_fn *fn, void *arg)
{
	struct offload_call call = {
	    .post.fn = pool_call_done_fn,
	    .worker = worker_current(),
	    .who = who,
	    .fn = fn,
	    .arg = arg,
	};
	enum status status;

	OBJ_CHECK(pool, POOL_MAGIC);
	atomic_fetch_add(&pool->references, 1);
	wait_init(&call.wait);
	status = pool_put(pool, &call);
	if (status == STATUS_OK) {
		status = wait_for(&call.wait);
		if (status != STATUS_OK)
			pool_withdraw(pool, &call);
		else if (call.dropped)
			status = STATUS_DEPENDENCY_DOWN;
	}
	pool_release(pool);
	return status;
}

enum status
offload(struct pool *pool, offload_fn *fn, void *arg)
{
	return offload_for(pool, NULL, fn, arg);
}

size_t
pool_queued(const struct pool *pool)
{
	return atomic_load(&pool->queued);
}

size_t
pool_running(const struct pool *pool)
{
	return atomic_load(&pool->running);
}
