/* SPDX-License-Identifier: MIT
 * Running pieces of a test as green tasks: cmocka's assertions jump out of a function, so they may
 * stand in the main thread only; tasks and posts use assert(). */
#ifndef STUDYHALL_TESTS_TASK_FIXTURE_H
#define STUDYHALL_TESTS_TASK_FIXTURE_H

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "common/task/worker.h"
#include "tests/unit/slow_fixture.h"

#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

struct fixture_run {
	struct post post;
	task_fn *fn;
	void *arg;
	uint64_t deadline_ms;
	sem_t done;
};

static inline void
fixture_task(void *arg)
{
	struct fixture_run *run = arg;

	run->fn(run->arg);
	sem_post(&run->done);
}

static inline void
fixture_run_fn(struct post *post)
{
	struct fixture_run *run = OBJ_CONTAINER(post, struct fixture_run, post);
	struct task_options options = {.name = "test", .deadline_ms = run->deadline_ms};

	assert(task_spawn(&options, fixture_task, run) == STATUS_OK);
}

/* From a thread that is no worker: runs fn(arg) as a task of `worker` and waits for its end. */
static inline void
run_task_until(struct worker *worker, uint64_t deadline_ms, task_fn *fn, void *arg)
{
	struct fixture_run run = {
	    .post.fn = fixture_run_fn, .fn = fn, .arg = arg, .deadline_ms = deadline_ms};

	sem_init(&run.done, 0, 0);
	worker_post(worker, &run.post);
	while (sem_wait(&run.done) != 0)
		;
	sem_destroy(&run.done);
}

static inline void
run_task(struct worker *worker, task_fn *fn, void *arg)
{
	run_task_until(worker, 0, fn, arg);
}

/* From a task or the loop. */
static inline void
spawn(const char *name, task_fn *fn, void *arg)
{
	struct task_options options = {.name = name};

	assert(task_spawn(&options, fn, arg) == STATUS_OK);
}

/* A worker of its own for one test. */
static inline struct worker *
fixture_worker(const char *name)
{
	struct worker *worker;

	assert(ids_init() == 0);
	worker = worker_start(name);
	assert(worker != NULL);
	return worker;
}

static inline void
fixture_end(struct worker *worker)
{
	worker_stop(worker);
	worker_free(&worker);
}

static inline void
pause_ms(unsigned milliseconds)
{
	struct timespec time = {.tv_sec = milliseconds / 1000,
	                        .tv_nsec = (long)(milliseconds % 1000) * 1000000};

	while (nanosleep(&time, &time) != 0)
		;
}

#endif
