/* SPDX-License-Identifier: MIT
 * A bounded queue in front of a few threads of low priority; a task parks until its call has run.
 */
#include "common/task/offload.h"

#include "common/base/obj.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define POOL_MAGIC 0x9001f00du
#define POOL_NICE  10

/* One call; lives on the stack of the task that waits for it. */
struct offload_call {
	struct post post;
	struct worker *worker;
	struct wait wait;
	offload_fn *fn;
	void *arg;
	_Atomic bool stop;
	bool dropped; /* the pool ended before the call ran */
	struct offload_call *next, *prev;
	bool queued;
};

struct pool {
	unsigned magic;
	_Atomic unsigned references; /* the owner; each task in offload(): it may look last */
	const char *name;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct offload_call *head, *tail;
	_Atomic size_t queued;
	_Atomic size_t running;
	size_t queue_limit;
	bool ending;
	unsigned threads;
	pthread_t thread[];
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

static void *
pool_thread_main(void *arg)
{
	OBJ_CAST(struct pool, pool, arg, POOL_MAGIC);

	(void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), POOL_NICE);
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct offload_call *call = pool->head;

		if (call == NULL && pool->ending)
			break;
		if (call == NULL) {
			pthread_cond_wait(&pool->work, &pool->lock);
			continue;
		}
		pool_unlink(pool, call);
		call->dropped = pool->ending;
		atomic_fetch_add(&pool->running, 1);
		pthread_mutex_unlock(&pool->lock);
		if (!call->dropped)
			call->fn(call->arg, &call->stop);
		atomic_fetch_sub(&pool->running, 1);
		worker_post(call->worker, &call->post); /* the call is gone after this */
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct pool *
pool_new(const char *name, unsigned threads, size_t queue_limit)
{
	struct pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->thread[0]);
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
	for (; pool->threads < threads; pool->threads++) {
		if (pthread_create(&pool->thread[pool->threads], NULL, pool_thread_main, pool) != 0)
			break;
		pthread_setname_np(pool->thread[pool->threads], name);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pool->threads < threads)
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
	for (unsigned i = 0; i < pool->threads; i++)
		pthread_join(pool->thread[i], NULL);
	pool_release(pool);
}

static bool
pool_put(struct pool *pool, struct offload_call *call)
{
	bool room;

	pthread_mutex_lock(&pool->lock);
	room = !pool->ending && atomic_load(&pool->queued) < pool->queue_limit;
	if (room) {
		call->prev = pool->tail;
		if (pool->tail != NULL)
			pool->tail->next = call;
		else
			pool->head = call;
		pool->tail = call;
		call->queued = true;
		atomic_fetch_add(&pool->queued, 1);
		pthread_cond_signal(&pool->work);
	}
	pthread_mutex_unlock(&pool->lock);
	return room;
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
offload(struct pool *pool, offload_fn *fn, void *arg)
{
	struct offload_call call = {
	    .post.fn = pool_call_done_fn,
	    .worker = worker_current(),
	    .fn = fn,
	    .arg = arg,
	};
	enum status status = STATUS_OVERLOADED;

	OBJ_CHECK(pool, POOL_MAGIC);
	atomic_fetch_add(&pool->references, 1);
	wait_init(&call.wait);
	if (pool_put(pool, &call)) {
		status = wait_for(&call.wait);
		if (status != STATUS_OK)
			pool_withdraw(pool, &call);
		else if (call.dropped)
			status = STATUS_DEPENDENCY_DOWN;
	}
	pool_release(pool);
	return status;
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
