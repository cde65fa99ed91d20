/* SPDX-License-Identifier: MIT
 * Workers, signals, drain and watchdog of a process. */
#include "common/service/process.h"

#include "common/actor/socket.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "common/service/admin.h"
#include "common/service/heap.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROCESS_MAGIC        0x940ce550u
#define PROCESS_MAX_WORKERS  64
#define PROCESS_STALL_TICKS  10 /* seconds without a turn of the loop */
#define PROCESS_EXIT_LIMIT_S 10 /* for stop(), before the watchdog exits for us */

struct process {
	unsigned magic;
	const struct process_spec *spec;
	const struct process_settings *settings;
	struct worker *workers[PROCESS_MAX_WORKERS];
	unsigned worker_count;
	struct admin *admin;
	uv_signal_t terminate, interrupt;
	_Atomic bool draining, stopping, ended;
	uint64_t grace_until_ms;
	struct task *drain_task;
	/* The start, while it has not ended; worker 0's. */
	bool starting, started;
	struct task *start_task;
	struct wait start_over;
	pthread_t watchdog;
	bool watched;
	int exit_status;
};

/* --- the watchdog -------------------------------------------------------------------------------
 */

static unsigned
process_tasks(const struct process *process)
{
	unsigned count = 0;

	for (unsigned i = 0; i < process->worker_count; i++)
		count += worker_tasks(process->workers[i]);
	return count;
}

/* Counts its own seconds, not the clock's: a process that was stopped (SIGSTOP, a suspended
 * machine) has not hung. */
static void *
process_watchdog_main(void *arg)
{
	OBJ_CAST(struct process, process, arg, PROCESS_MAGIC);
	unsigned stalled[PROCESS_MAX_WORKERS] = {0}, stopping = 0;
	struct heap_crowd crowd = {0};

	while (!atomic_load(&process->ended)) {
		struct timespec second = {.tv_sec = 1};

		(void)nanosleep(&second, NULL);
		if (atomic_load(&process->stopping)) {
			if (++stopping > PROCESS_EXIT_LIMIT_S)
				_exit(process->exit_status);
			continue;
		}
		if (socket_hangs()) {
			LOG_ERROR("nng hangs, the process ends itself");
			abort();
		}
		for (unsigned i = 0; i < process->worker_count; i++) {
			stalled[i] =
			    worker_stalled_ms(process->workers[i]) > 2000 ? stalled[i] + 1 : 0;
			if (stalled[i] < PROCESS_STALL_TICKS)
				continue;
			LOG_ERROR("a worker hangs, the process ends itself",
			          LOG_TEXT("worker", worker_name(process->workers[i])));
			abort();
		}
		(void)heap_trim(&crowd, process_tasks(process));
	}
	return NULL;
}

static void
process_watch(struct process *process)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	process->watched =
	    pthread_create(&process->watchdog, NULL, process_watchdog_main, process) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (process->watched)
		pthread_setname_np(process->watchdog, "watchdog");
	else
		LOG_ERROR("no thread for the watchdog");
}

/* --- drain
 * ----------------------------------------------------------------------------------------- */

static void
process_finish(struct process *process)
{
	atomic_store(&process->stopping, true);
	if (process->spec->stop != NULL)
		process->spec->stop(process, process->spec->arg);
	admin_close(&process->admin);
	uv_close((uv_handle_t *)&process->terminate, NULL);
	uv_close((uv_handle_t *)&process->interrupt, NULL);
	(void)task_yield();
	for (unsigned i = 0; i < process->worker_count; i++)
		worker_stop(process->workers[i]);
}

struct drain_run {
	struct process *process;
	struct wait done;
	struct task *task;
};

static void
process_drain_part(void *arg)
{
	struct drain_run *run = arg;

	run->task = task_self();
	run->process->spec->drain(run->process, run->process->spec->arg);
	run->task = NULL;
	wait_done(&run->done);
}

/* A start that is not over is called off. False: there is nothing to drain. */
static bool
process_end_start(struct process *process)
{
	if (process->start_task != NULL)
		task_cancel(process->start_task);
	if (process->starting)
		wait_uninterrupted(&process->start_over);
	return process->started;
}

static void
process_drain(void *arg)
{
	OBJ_CAST(struct process, process, arg, PROCESS_MAGIC);
	uint64_t grace_ms = (uint64_t)process->settings->drain_grace_s * 1000;
	struct drain_run run = {.process = process};
	struct task_options options = {.name = "drain", .deadline_ms = 0};

	if (!process_end_start(process)) {
		LOG_INFO("stopping before the start is over");
		process_finish(process);
		return;
	}
	LOG_INFO("draining");
	if (process->spec->leave != NULL)
		process->spec->leave(process, process->spec->arg);
	(void)task_sleep((uint32_t)process->settings->drain_delay_s * 1000);
	process->grace_until_ms = clock_ms() + grace_ms + 1;
	if (process->spec->drain != NULL) {
		options.deadline_ms = process->grace_until_ms;
		wait_init(&run.done);
		if (task_spawn(&options, process_drain_part, &run) == STATUS_OK)
			wait_uninterrupted(&run.done);
	}
	LOG_INFO("stopping");
	process_finish(process);
}

void
process_shut_down(struct process *process)
{
	struct task_options options = {.name = "shut-down"};

	if (atomic_exchange(&process->draining, true)) {
		LOG_WARN("second signal, exiting at once");
		_exit(1);
	}
	if (task_spawn(&options, process_drain, process) != STATUS_OK)
		_exit(1);
}

static void
process_signal_cb(uv_signal_t *handle, int number)
{
	OBJ_CAST(struct process, process, handle->data, PROCESS_MAGIC);

	(void)number;
	process_shut_down(process);
}

/* --- start
 * ------------------------------------------------------------------------------------------ */

static enum status
process_start(struct process *process)
{
	char error[256];

	if (atomic_load(&process->draining))
		return STATUS_CANCELLED;
	if (strcmp(process->settings->admin, "off") != 0) {
		process->admin = admin_open(process, process->settings->admin, error, sizeof error);
		if (process->admin == NULL) {
			LOG_ERROR("cannot open the admin port", LOG_TEXT("error", error));
			return STATUS_INTERNAL;
		}
	}
	return process->spec->start(process, process->spec->arg);
}

static void
process_start_task(void *arg)
{
	OBJ_CAST(struct process, process, arg, PROCESS_MAGIC);

	process->start_task = task_self();
	process->started = process_start(process) == STATUS_OK;
	process->start_task = NULL;
	process->starting = false;
	if (process->started)
		LOG_INFO("started");
	wait_done(&process->start_over);
	if (process->started || atomic_exchange(&process->draining, true))
		return;
	process->exit_status = 1;
	process_finish(process);
}

static int64_t
process_read_tasks(void *arg)
{
	return worker_tasks(arg);
}

static int
process_start_workers(struct process *process, unsigned count)
{
	static const char *const names[] = {"worker-0", "worker-1", "worker-2", "worker-3",
	                                    "worker-4", "worker-5", "worker-6", "worker-7"};

	assert(count >= 1 && count <= PROCESS_MAX_WORKERS);
	for (unsigned i = 0; i < count; i++) {
		const char *name = i < COUNT_OF(names) ? names[i] : "worker";
		struct metric *tasks;

		process->workers[i] = i == 0 ? worker_new(name) : worker_start(name);
		if (process->workers[i] == NULL)
			return -1;
		process->worker_count++;
		tasks = metric_new(METRIC_GAUGE, "studyhall_worker_tasks", "Green tasks now",
		                   "worker=\"%u\"", i);
		if (tasks != NULL) {
			tasks->arg = process->workers[i];
			tasks->read = process_read_tasks;
		}
	}
	return 0;
}

struct start_post {
	struct post post;
	struct process *process;
};

static void
process_start_fn(struct post *post)
{
	struct start_post *start = OBJ_CONTAINER(post, struct start_post, post);
	struct process *process = start->process;
	struct task_options options = {.name = "start"};

	if (task_spawn(&options, process_start_task, process) != STATUS_OK)
		abort();
}

int
process_run(const struct process_spec *spec, const struct process_settings *settings,
            unsigned workers)
{
	struct process process = {.spec = spec, .settings = settings, .starting = true};
	struct start_post start = {{.fn = process_start_fn}, &process};

	OBJ_INIT(&process, PROCESS_MAGIC);
	wait_init(&process.start_over);
	heap_limit();
	signal(SIGPIPE, SIG_IGN);
	/* A core must not carry secrets to disk unless somebody asks for one. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (process_start_workers(&process, workers) != 0) {
		LOG_ERROR("cannot start the workers");
		return 1;
	}
	log_set_trace_hook(task_trace);
	uv_signal_init(worker_loop(process.workers[0]), &process.terminate);
	uv_signal_init(worker_loop(process.workers[0]), &process.interrupt);
	process.terminate.data = process.interrupt.data = &process;
	uv_signal_start(&process.terminate, process_signal_cb, SIGTERM);
	uv_signal_start(&process.interrupt, process_signal_cb, SIGINT);
	process_watch(&process);
	worker_post(process.workers[0], &start.post);
	worker_run(process.workers[0]);
	for (unsigned i = process.worker_count; i-- > 0;)
		worker_free(&process.workers[i]);
	atomic_store(&process.ended, true);
	if (process.watched)
		pthread_join(process.watchdog, NULL);
	LOG_INFO("ended", LOG_INT("status", process.exit_status));
	return process.exit_status;
}

/* --- what others ask
 * ---------------------------------------------------------------------------------- */

unsigned
process_worker_count(const struct process *process)
{
	return process->worker_count;
}

struct worker *
process_worker(struct process *process, unsigned index)
{
	assert(index < process->worker_count);
	return process->workers[index];
}

struct worker *const *
process_workers(struct process *process)
{
	return process->workers;
}

bool
process_draining(const struct process *process)
{
	return atomic_load(&process->draining);
}

uint64_t
process_grace_left(const struct process *process)
{
	uint64_t now = clock_ms();

	return process->grace_until_ms > now ? process->grace_until_ms - now : 0;
}

struct worker_round {
	struct post there, back;
	struct worker *origin;
	void (*fn)(void *arg);
	void *arg;
	struct wait done;
};

static void
process_round_back_fn(struct post *post)
{
	wait_done(&OBJ_CONTAINER(post, struct worker_round, back)->done);
}

static void
process_round_there_fn(struct post *post)
{
	struct worker_round *round = OBJ_CONTAINER(post, struct worker_round, there);

	round->fn(round->arg);
	worker_post(round->origin, &round->back);
}

void
process_on_workers(struct process *process, void (*fn)(void *arg), void *arg)
{
	for (unsigned i = 0; i < process->worker_count; i++) {
		struct worker_round round = {.there.fn = process_round_there_fn,
		                             .back.fn = process_round_back_fn,
		                             .origin = worker_current(),
		                             .fn = fn,
		                             .arg = arg};

		wait_init(&round.done);
		worker_post(process->workers[i], &round.there);
		wait_uninterrupted(&round.done);
	}
}

struct readiness {
	struct buf *json;
	bool detailed, first, degraded;
};

static void
process_add_dependency(void *list, const char *name, bool up)
{
	struct readiness *readiness = list;

	readiness->degraded |= !up;
	if (!readiness->detailed)
		return;
	buf_puts(readiness->json, readiness->first ? "" : ",");
	buf_put_json_string(readiness->json, name, strlen(name));
	buf_puts(readiness->json, up ? ":\"up\"" : ":\"down\"");
	readiness->first = false;
}

int
process_readiness(struct process *process, bool detailed, struct buf *json)
{
	struct buf dependencies;
	struct readiness readiness = {&dependencies, detailed, true, false};
	bool ready = true;
	const char *word;

	buf_init(&dependencies, 4096);
	if (process->spec->ready != NULL)
		ready = process->spec->ready(process, process->spec->arg, process_add_dependency,
		                             &readiness);
	word = process_draining(process) ? "draining"
	       : !ready                  ? "starting"
	       : readiness.degraded      ? "degraded"
	                                 : "ready";
	buf_printf(json, "{\"status\":\"%s\"", word);
	if (detailed && dependencies.length > 0)
		buf_printf(json, ",\"dependencies\":{%s}", dependencies.bytes);
	buf_puts(json, "}\n");
	buf_fini(&dependencies);
	return ready && !process_draining(process) ? 200 : 503;
}
