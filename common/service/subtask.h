/* SPDX-License-Identifier: MIT
 *
 * A piece of a long task's work as a task of its own: what it allocates from its arena is freed
 * when it ends. For work in many steps (an export, background rounds), whose own arena would grow
 * with every step.
 */
#ifndef STUDYHALL_SERVICE_SUBTASK_H
#define STUDYHALL_SERVICE_SUBTASK_H

#include "common/base/status.h"
#include "common/task/task.h"

/* From a task: runs fn(arg) as a task and waits until it has ended. Its deadline is the caller's,
 * or `limit_ms` from now (0: no own limit), whichever is sooner. When the caller is cancelled or
 * late, so is fn, which is awaited all the same: `arg` may lie on the caller's stack. OK; the
 * caller's own CANCELLED or DEADLINE; OVERLOADED without memory, fn not called. */
enum status subtask_run(const char *name, uint32_t limit_ms, task_fn *fn, void *arg);

/* From a task: fn of each of the `count` args (an array of elements of `size` bytes) at the same
 * time, each as by subtask_run(). Returns when all have ended: OK, the caller's own CANCELLED or
 * DEADLINE, or OVERLOADED without memory: then some were called off, or not called at all. */
enum status subtask_each(const char *name, task_fn *fn, void *args, size_t size, size_t count);

/* From a task: subtask_run() for what must be done though the caller is late or cancelled: fn has
 * `limit_ms` from now, whatever the caller has left, and is awaited. OK, or OVERLOADED without
 * memory, fn not called. */
enum status subtask_finish(const char *name, uint32_t limit_ms, task_fn *fn, void *arg);

#endif
