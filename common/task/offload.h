/* SPDX-License-Identifier: MIT
 *
 * A bounded pool of threads for work that would stop a loop: password hashes, speech engines,
 * getaddrinfo. A call that finds the pool free, or waits with no more others than lanes, runs at
 * the priority of the process's loops, for somebody waits for it; the calls of a crowd, of which
 * more wait than there are lanes, at a lower one (5 nicer) until nothing waits any more.
 */
#ifndef STUDYHALL_TASK_OFFLOAD_H
#define STUDYHALL_TASK_OFFLOAD_H

#include "common/base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct pool;

/* Runs on a pool thread. `stop` becomes true when the caller no longer wants the result. */
typedef void offload_fn(void *arg, const _Atomic bool *stop);

/* `lanes` calls at a time and at most `queue_limit` that wait. NULL when threads cannot be made. */
struct pool *pool_new(const char *name, unsigned lanes, size_t queue_limit);
/* Ends the threads after the calls in progress; what waits is not run (its caller gets
 * STATUS_DEPENDENCY_DOWN). Nulls the pointer. From any thread that is not a task. */
void pool_free(struct pool **pool);

/* From a task: runs fn(arg) on the pool and yields until it has ended; fn may use the task's stack
 * and arena meanwhile. STATUS_OVERLOADED at once when the queue is full. When the task is cancelled
 * or its deadline passes while the call is queued, it is taken back and that status returned; while
 * it runs, `stop` is raised and the call is awaited. */
enum status offload(struct pool *pool, offload_fn *fn, void *arg);
/* The same, fair between those it is done for: they take turns (start-time fair queuing), and none
 * has more than a quarter of the queue. THROTTLED: `who`, a text that stays until then, has that.
 */
enum status offload_for(struct pool *pool, const char *who, offload_fn *fn, void *arg);

/* Calls queued and running now; any thread. */
size_t pool_queued(const struct pool *pool);
size_t pool_running(const struct pool *pool);

#endif
