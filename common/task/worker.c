/* SPDX-License-Identifier: MIT
 * A thread with a libuv loop, its inbox, and the turn that runs posts and tasks before each poll.
 *
 * It is woken by an eventfd of its own, and only when it polls. uv_async_send() writes each time,
 * and whoever it wakes spins until it has returned: on few cores, where the sender is often
 * suspended right behind its write, for tens of microseconds. */
#include "common/task/task_private.h"

#include "common/base/clock.h"
#include "common/base/obj.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WORKER_TICK_MS 250 /* the turn notes the time, at least so often */

static _Thread_local struct worker *worker_of_thread;

/* Every worker of the process: for the watchdog and the debugger. */
struct worker *worker_all;
static pthread_mutex_t worker_all_lock = PTHREAD_MUTEX_INITIALIZER;

static void
worker_run_posts(struct post *post)
{
	while (post != NULL) {
		struct post *next = post->next;

		post->fn(post);
		post = next;
	}
}

/* What other threads posted, in their order: the inbox is a stack, so it is turned around. */
static void
worker_drain_inbox(struct worker *worker)
{
	struct post *post = atomic_exchange_explicit(&worker->inbox, NULL, memory_order_acquire);
	struct post *ordered = NULL;

	while (post != NULL) {
		struct post *next = post->next;

		post->next = ordered;
		ordered = post;
		post = next;
	}
	worker_run_posts(ordered);
}

static void
worker_no_block_cb(uv_idle_t *idle)
{
	(void)idle;
}

/* Before the poll: true if it must not block. A post is either seen here, or sees that we sleep. */
static bool
worker_must_turn(struct worker *worker)
{
	if (worker->local_head != NULL || scheduler_has_ready(worker))
		return true;
	atomic_store(&worker->asleep, true);
	if (atomic_load(&worker->inbox) == NULL)
		return false;
	atomic_store(&worker->asleep, false);
	return true;
}

static void
worker_turn_cb(uv_prepare_t *prepare)
{
	OBJ_CAST(struct worker, worker, prepare->data, WORKER_MAGIC);
	struct post *local;

	atomic_store(&worker->asleep, false);
	atomic_store_explicit(&worker->turned_ms, clock_ms(), memory_order_relaxed);
	worker_drain_inbox(worker);
	local = worker->local_head;
	worker->local_head = worker->local_tail = NULL;
	worker_run_posts(local);
	scheduler_run(worker);
	if (worker_must_turn(worker))
		uv_idle_start(&worker->no_block, worker_no_block_cb);
	else if (uv_is_active((uv_handle_t *)&worker->no_block))
		uv_idle_stop(&worker->no_block);
	if (worker->stopping)
		uv_stop(&worker->loop);
}

/* The turn drains the inbox. */
static void
worker_wakeup_cb(uv_poll_t *poll, int status, int events)
{
	const struct worker *worker = poll->data;
	uint64_t count;

	(void)status;
	(void)events;
	(void)!read(worker->wakeup_fd, &count, sizeof count);
}

static int
worker_watch_wakeup(struct worker *worker)
{
	worker->wakeup_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (worker->wakeup_fd < 0)
		return -1;
	if (uv_poll_init(&worker->loop, &worker->wakeup, worker->wakeup_fd) != 0) {
		close(worker->wakeup_fd);
		return -1;
	}
	worker->wakeup.data = worker;
	return uv_poll_start(&worker->wakeup, UV_READABLE, worker_wakeup_cb);
}

static void
worker_tick_cb(uv_timer_t *timer)
{
	scheduler_trim(timer->data);
}

struct worker *
worker_new(const char *name)
{
	struct worker *worker = calloc(1, sizeof *worker);

	if (worker == NULL)
		return NULL;
	OBJ_INIT(worker, WORKER_MAGIC);
	worker->name = name;
	worker->turned_ms = clock_ms();
	if (uv_loop_init(&worker->loop) != 0)
		goto fail;
	if (worker_watch_wakeup(worker) != 0) {
		uv_loop_close(&worker->loop);
		goto fail;
	}
	uv_prepare_init(&worker->loop, &worker->before_poll);
	uv_idle_init(&worker->loop, &worker->no_block);
	uv_timer_init(&worker->loop, &worker->tick);
	worker->before_poll.data = worker->tick.data = worker;
	uv_prepare_start(&worker->before_poll, worker_turn_cb);
	uv_timer_start(&worker->tick, worker_tick_cb, WORKER_TICK_MS, WORKER_TICK_MS);
	pthread_mutex_lock(&worker_all_lock);
	worker->next = worker_all;
	worker_all = worker;
	pthread_mutex_unlock(&worker_all_lock);
	return worker;
fail:
	free(worker);
	return NULL;
}

void
worker_run(struct worker *worker)
{
	OBJ_CHECK(worker, WORKER_MAGIC);
	assert(worker_of_thread == NULL);
	worker_of_thread = worker;
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	scheduler_fini(worker);
	uv_close((uv_handle_t *)&worker->wakeup, NULL);
	uv_close((uv_handle_t *)&worker->before_poll, NULL);
	uv_close((uv_handle_t *)&worker->no_block, NULL);
	uv_close((uv_handle_t *)&worker->tick, NULL);
	/* Two rounds without waiting: one for what is closing already, one for what its callbacks
	 * close. A handle that somebody left open must not keep the thread. */
	uv_run(&worker->loop, UV_RUN_NOWAIT);
	uv_run(&worker->loop, UV_RUN_NOWAIT);
	worker_of_thread = NULL;
}

static void *
worker_thread_main(void *arg)
{
	worker_run(arg);
	return NULL;
}

struct worker *
worker_start(const char *name)
{
	struct worker *worker = worker_new(name);
	sigset_t all, before;
	int error;

	if (worker == NULL)
		return NULL;
	/* Signals are for the main thread alone. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&worker->thread, NULL, worker_thread_main, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		worker->stopping = true;
		worker_run(worker);
		worker_free(&worker);
		return NULL;
	}
	worker->has_thread = true;
	pthread_setname_np(worker->thread, name);
	return worker;
}

struct worker_stop_post {
	struct post post;
	struct worker *worker;
};

static void
worker_stop_fn(struct post *post)
{
	struct worker_stop_post *stop = OBJ_CONTAINER(post, struct worker_stop_post, post);

	stop->worker->stopping = true;
	free(stop);
}

void
worker_stop(struct worker *worker)
{
	struct worker_stop_post *stop = malloc(sizeof *stop);

	if (stop == NULL)
		abort(); /* cannot even end in order */
	stop->post.fn = worker_stop_fn;
	stop->worker = worker;
	worker_post(worker, &stop->post);
}

void
worker_free(struct worker **workerp)
{
	struct worker *worker = *workerp;

	if (worker == NULL)
		return;
	OBJ_CHECK(worker, WORKER_MAGIC);
	*workerp = NULL;
	if (worker->has_thread)
		pthread_join(worker->thread, NULL);
	pthread_mutex_lock(&worker_all_lock);
	for (struct worker **at = &worker_all; *at != NULL; at = &(*at)->next) {
		if (*at == worker) {
			*at = worker->next;
			break;
		}
	}
	pthread_mutex_unlock(&worker_all_lock);
	if (uv_loop_close(&worker->loop) != 0)
		abort(); /* somebody left a handle open */
	close(worker->wakeup_fd);
	OBJ_FINI(worker);
	free(worker);
}

/* Its counter is never full: it is read before the next poll that nobody has ended. */
static void
worker_wake(const struct worker *worker)
{
	const uint64_t one = 1;

	if (write(worker->wakeup_fd, &one, sizeof one) != sizeof one)
		abort();
}

void
worker_post(struct worker *worker, struct post *post)
{
	struct post *head;

	OBJ_CHECK(worker, WORKER_MAGIC);
	if (worker == worker_of_thread) {
		post->next = NULL;
		if (worker->local_tail != NULL)
			worker->local_tail->next = post;
		else
			worker->local_head = post;
		worker->local_tail = post;
		if (!uv_is_active((uv_handle_t *)&worker->no_block))
			uv_idle_start(&worker->no_block, worker_no_block_cb);
		return;
	}
	head = atomic_load_explicit(&worker->inbox, memory_order_relaxed);
	do {
		post->next = head;
	} while (!atomic_compare_exchange_weak(&worker->inbox, &head, post));
	if (atomic_load(&worker->asleep) && atomic_exchange(&worker->asleep, false))
		worker_wake(worker);
}

struct worker *
worker_current(void)
{
	return worker_of_thread;
}

uv_loop_t *
worker_loop(struct worker *worker)
{
	return &worker->loop;
}

const char *
worker_name(const struct worker *worker)
{
	return worker->name;
}

uint64_t
worker_stalled_ms(const struct worker *worker)
{
	uint64_t turned = atomic_load_explicit(&worker->turned_ms, memory_order_relaxed);
	uint64_t now = clock_ms();

	return now > turned ? now - turned : 0;
}

unsigned
worker_tasks(const struct worker *worker)
{
	return atomic_load_explicit(&worker->tasks, memory_order_relaxed);
}
