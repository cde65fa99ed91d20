/* SPDX-License-Identifier: MIT
 * Spawn, wait, and pass cancellation on. */
#include "common/service/subtask.h"

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

enum status
subtask_run(const char *name, uint32_t limit_ms, task_fn *fn, void *arg)
{
	struct subtask subtask = {.magic = SUBTASK_MAGIC, .fn = fn, .arg = arg};
	struct task_options options = {.name = name, .traceparent = task_traceparent()};
	enum status status;

	if (task_deadline() != UINT64_MAX)
		options.deadline_ms = task_deadline();
	if (limit_ms != 0 && clock_ms() + limit_ms < task_deadline())
		options.deadline_ms = clock_ms() + limit_ms;
	wait_init(&subtask.ended);
	status = task_spawn(&options, subtask_main, &subtask);
	if (status != STATUS_OK)
		return status;
	status = wait_for(&subtask.ended);
	if (status == STATUS_OK)
		return STATUS_OK;
	subtask.called_off = true;
	if (subtask.task != NULL)
		task_cancel(subtask.task);
	if (!subtask.ended.done)
		wait_uninterrupted(&subtask.ended);
	return status;
}

enum status
subtask_finish(const char *name, uint32_t limit_ms, task_fn *fn, void *arg)
{
	struct subtask subtask = {.magic = SUBTASK_MAGIC, .fn = fn, .arg = arg};
	const struct task_options options = {
	    .name = name, .traceparent = task_traceparent(), .deadline_ms = clock_ms() + limit_ms};
	enum status status;

	wait_init(&subtask.ended);
	status = task_spawn(&options, subtask_main, &subtask);
	if (status == STATUS_OK)
		wait_uninterrupted(&subtask.ended);
	return status;
}
