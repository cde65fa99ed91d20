/* SPDX-License-Identifier: MIT
 *
 * A worker: one OS thread with one libuv loop, on which green tasks run. Everything on a worker
 * happens on its thread; worker_post() is the only way in from elsewhere.
 */
#ifndef STUDYHALL_TASK_WORKER_H
#define STUDYHALL_TASK_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct worker;

/* One message to a worker, embedded in what it is about: no allocation, so posting cannot fail.
 * A node must not be posted again before its function was called. */
struct post {
	void (*fn)(struct post *post); /* called on the worker's thread, in the order of posting */
	struct post *next;             /* the queue's */
};

/* A worker that runs on the calling thread, in worker_run(). `name` must stay valid. NULL when the
 * loop cannot be made. */
struct worker *worker_new(const char *name);
/* A worker on a thread of its own, running. NULL when it cannot be started. */
struct worker *worker_start(const char *name);
/* Runs the loop on the calling thread until worker_stop(). */
void worker_run(struct worker *worker);
/* From any thread: the loop ends when what is posted before has been called. Tasks that are still
 * parked are abandoned: cancel and await them first. */
void worker_stop(struct worker *worker);
/* Waits for a started worker's thread, closes the loop, frees. Any handle that others left open on
 * the loop is a bug and asserts. */
void worker_free(struct worker **worker);

/* From any thread, nng's and the offload pool's included. Never blocks for long. */
void worker_post(struct worker *worker, struct post *post);
/* The worker of the calling thread, or NULL. */
struct worker *worker_current(void);
uv_loop_t *worker_loop(struct worker *worker);
const char *worker_name(const struct worker *worker);
/* Milliseconds since the loop last turned, from any thread: what the watchdog reads. */
uint64_t worker_stalled_ms(const struct worker *worker);
/* Tasks on the worker now, from any thread. */
unsigned worker_tasks(const struct worker *worker);

#endif
