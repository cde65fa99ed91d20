/* SPDX-License-Identifier: MIT
 * Spawn, wait, and pass cancellation on. */
#include "common/service/subtask.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/obj.h"

#define SUBTASK_MAGIC 0x5b7a54e1u

struct subtask {
	unsigned magic;
	task_fn *fn;
	void *arg;
	struct task *task; /* while fn runs */
	bool called_off;   /* before it began */
	struct wait ended;
};

static void
subtask_main(void *arg)
{
	OBJ_CAST(struct subtask, subtask, arg, SUBTASK_MAGIC);

	if (!subtask->called_off) {
		subtask->task = task_self();
		subtask->fn(subtask->arg);
		subtask->task = NULL;
	}
	wait_done(&subtask->ended);
}

static struct task_options
subtask_options(const char *name, uint32_t limit_ms)
{
	struct task_options options = {.name = name, .traceparent = task_traceparent()};

	if (task_deadline() != UINT64_MAX)
		options.deadline_ms = task_deadline();
	if (limit_ms != 0 && clock_ms() + limit_ms < task_deadline())
		options.deadline_ms = clock_ms() + limit_ms;
	return options;
}

static enum status
subtask_spawn(const struct task_options *options, struct subtask *subtask, task_fn *fn, void *arg)
{
	*subtask = (struct subtask){.magic = SUBTASK_MAGIC, .fn = fn, .arg = arg};
	wait_init(&subtask->ended);
	return task_spawn(options, subtask_main, subtask);
}

static void
subtask_call_off(struct subtask *subtask)
{
	subtask->called_off = true;
	if (subtask->task != NULL)
		task_cancel(subtask->task);
}

/* Those that have not ended by then are told when the caller is late or cancelled, and awaited all
 * the same. */
static enum status
subtask_await(struct subtask *subtasks, size_t count, enum status status)
{
	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = wait_for(&subtasks[i].ended);
	for (size_t i = 0; i < count && status != STATUS_OK; i++)
		subtask_call_off(&subtasks[i]);
	for (size_t i = 0; i < count; i++)
		if (!subtasks[i].ended.done)
			wait_uninterrupted(&subtasks[i].ended);
	return status;
}

enum status
subtask_run(const char *name, uint32_t limit_ms, task_fn *fn, void *arg)
{
	const struct task_options options = subtask_options(name, limit_ms);
	struct subtask subtask;
	enum status status = subtask_spawn(&options, &subtask, fn, arg);

	return status == STATUS_OK ? subtask_await(&subtask, 1, status) : status;
}

enum status
subtask_each(const char *name, task_fn *fn, void *args, size_t size, size_t count)
{
	const struct task_options options = subtask_options(name, 0);
	struct subtask *subtasks = arena_calloc(task_arena(), count, sizeof *subtasks);
	size_t spawned = 0;
	enum status status = subtasks != NULL ? STATUS_OK : STATUS_OVERLOADED;

	while (status == STATUS_OK && spawned < count) {
		status =
		    subtask_spawn(&options, &subtasks[spawned], fn, (char *)args + spawned * size);
		spawned += status == STATUS_OK;
	}
	return subtask_await(subtasks, spawned, status);
}

enum status
subtask_finish(const char *name, uint32_t limit_ms, task_fn *fn, void *arg)
{
	const struct task_options options = {
	    .name = name, .traceparent = task_traceparent(), .deadline_ms = clock_ms() + limit_ms};
	struct subtask subtask;
	enum status status = subtask_spawn(&options, &subtask, fn, arg);

	if (status == STATUS_OK)
		wait_uninterrupted(&subtask.ended);
	return status;
}
