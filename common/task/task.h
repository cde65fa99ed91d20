/* SPDX-License-Identifier: MIT
 *
 * Green tasks: straight-line code on a small stack of its own, which yields at I/O.
 *
 * A task belongs to the worker that spawned it and never moves. It runs until it waits; then others
 * run. Between two waits nobody else touches the worker's state, so tasks of one worker need no
 * locks among each other. A task has a deadline and can be cancelled: the wait in progress then
 * returns STATUS_DEADLINE or STATUS_CANCELLED, and so does every later one, until the task has
 * unwound through its normal error path. (lwan's coroutines, QEMU's block layer.)
 *
 * Stacks are 256 KB reserved with a guard page, pooled; only touched pages cost memory.
 */
#ifndef STUDYHALL_TASK_TASK_H
#define STUDYHALL_TASK_TASK_H

#include "common/base/arena.h"
#include "common/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct task;
struct worker;

typedef void task_fn(void *arg);

#define TASK_NAME_SIZE          48
#define TASK_TRACEPARENT_LENGTH 55 /* "00-", 32 digits, "-", 16 digits, "-01" */

struct task_options {
	const char *name;        /* for logs and the debugger; copied */
	uint64_t deadline_ms;    /* clock_ms() at which waits end with STATUS_DEADLINE; 0: none */
	const char *traceparent; /* W3C; NULL: a new trace. Copied */
	size_t arena_budget;     /* bytes; 0: TASK_ARENA_BUDGET */
};
#define TASK_ARENA_BUDGET ((size_t)32 << 20)

/* Starts `fn(arg)` as a task of the calling thread's worker, from the loop or a task; it runs at
 * the worker's next turn. Returns STATUS_OVERLOADED when there is no memory for a stack. */
enum status task_spawn(const struct task_options *options, task_fn *fn, void *arg);

/* The running task; NULL on the loop. */
struct task *task_self(void);
/* Asks a task of this worker to end: its wait returns STATUS_CANCELLED. Idempotent. The caller
 * knows that the task still exists. */
void task_cancel(struct task *task);

/* Of the running task: */
bool task_cancelled(void);
/* clock_ms() of the deadline; UINT64_MAX: none. */
uint64_t task_deadline(void);
/* Milliseconds left: 0 when past, UINT32_MAX without deadline. */
uint32_t task_time_left(void);
/* Brings the deadline forward (never back). */
void task_limit(uint64_t deadline_ms);
/* Gives the task another name and, unless NULL, continues another trace: for who learns both only
 * after the task has started. */
void task_describe(const char *name, const char *traceparent);
/* Freed when the task ends. */
struct arena *task_arena(void);
/* From now on another one, for what is not needed as long as the task; gives back the one before,
 * which has to be its arena again before it ends. */
struct arena *task_swap_arena(struct arena *arena);
/* "00-TRACE-SPAN-01", and the trace id alone; "" on the loop. */
const char *task_traceparent(void);
const char *task_trace(void);

/* Yields for that long. STATUS_OK, or STATUS_DEADLINE / STATUS_CANCELLED. */
enum status task_sleep(uint32_t milliseconds);
/* Lets the loop and other tasks run once. Same statuses. */
enum status task_yield(void);

/*
 * Waiting for one thing. A wait lives on the waiting task's stack or inside the operation it is
 * for; somebody on the same worker calls wait_done() exactly once, before or after the task waits.
 * When wait_for() fails, the thing may still come: the operation must make sure that nobody touches
 * a wait that is gone (an operation object of its own, or wait_uninterrupted()).
 */
struct wait {
	struct task *task; /* who is parked here, or NULL */
	bool done;
};

void wait_init(struct wait *wait);
/* The thing has happened. On the worker's thread; from the loop or another task. */
void wait_done(struct wait *wait);
/* Parks the running task until wait_done(), its deadline or its cancellation. */
enum status wait_for(struct wait *wait);
/* The same with one more limit, clock_ms(); STATUS_DEADLINE then too (task_time_left() tells). */
enum status wait_until(struct wait *wait, uint64_t deadline_ms);
/* Parks until wait_done() whatever happens: for what is sure to end soon. */
void wait_uninterrupted(struct wait *wait);

#endif
