/* SPDX-License-Identifier: MIT
 * A lasting task that does nothing but start one short task after the other and wait. */
#include "common/service/periodic.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/service/service.h"
#include "common/service/subtask.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PERIODIC_MAGIC       0x9e410d1cu
#define PERIODIC_DEADLINE_MS 10000
#define PERIODIC_RETRY_MS    1000

struct periodic {
	unsigned magic;
	struct periodic_options options;
	struct worker *_Atomic worker; /* where the lasting task runs; NULL before it does */
	atomic_bool nudged;            /* a round is wanted */
	atomic_bool posted;            /* `post` is under way */
	struct post post;
	/* The lasting task's worker only: */
	struct wait *parked; /* waiting for the next round */
	uint32_t pause_ms;
	struct periodic *next; /* of all: they live as long as the process */
};

static struct periodic *_Atomic periodic_all;

static void
periodic_round_run(void *arg)
{
	OBJ_CAST(struct periodic, periodic, arg, PERIODIC_MAGIC);

	periodic->pause_ms = periodic->options.fn(periodic->options.arg);
}

/* Runs one round to its end. False when the lasting task was cancelled meanwhile. */
static bool
periodic_round(struct periodic *periodic)
{
	const struct periodic_options *options = &periodic->options;
	uint32_t limit_ms = options->deadline_ms != 0 ? options->deadline_ms : PERIODIC_DEADLINE_MS;
	enum status status = subtask_run(options->name, limit_ms, periodic_round_run, periodic);

	if (status == STATUS_OVERLOADED) {
		LOG_WARN("no memory for background work", LOG_TEXT("work", options->name));
		periodic->pause_ms = PERIODIC_RETRY_MS;
	}
	return status != STATUS_CANCELLED;
}

/* False when the lasting task was cancelled meanwhile. */
static bool
periodic_pause(struct periodic *periodic, uint32_t pause_ms)
{
	struct wait wait;
	enum status status;

	if (atomic_load(&periodic->nudged))
		return !task_cancelled();
	wait_init(&wait);
	periodic->parked = &wait;
	status = wait_until(&wait, clock_ms() + pause_ms);
	periodic->parked = NULL;
	return status != STATUS_CANCELLED;
}

static void
periodic_run(void *arg)
{
	OBJ_CAST(struct periodic, periodic, arg, PERIODIC_MAGIC);

	atomic_store(&periodic->worker, worker_current());
	if (!periodic_pause(periodic, periodic->options.first_ms))
		return;
	for (;;) {
		atomic_store(&periodic->nudged, false);
		if (!periodic_round(periodic))
			return;
		if (!periodic_pause(periodic, periodic->pause_ms))
			return;
	}
}

/* On the lasting task's worker. */
static void
periodic_woken(struct post *post)
{
	struct periodic *periodic = OBJ_CONTAINER(post, struct periodic, post);

	OBJ_CHECK(periodic, PERIODIC_MAGIC);
	atomic_store(&periodic->posted, false);
	if (periodic->parked != NULL && !periodic->parked->done)
		wait_done(periodic->parked);
}

struct periodic *
periodic_start(struct service *service, const struct periodic_options *options)
{
	struct periodic *periodic = calloc(1, sizeof *periodic);

	if (periodic == NULL)
		return NULL;
	OBJ_INIT(periodic, PERIODIC_MAGIC);
	periodic->options = *options;
	periodic->post.fn = periodic_woken;
	if (service_spawn(service, options->name, periodic_run, periodic) != STATUS_OK) {
		free(periodic);
		return NULL;
	}
	periodic->next = atomic_load(&periodic_all);
	while (!atomic_compare_exchange_weak(&periodic_all, &periodic->next, periodic))
		;
	return periodic;
}

void
periodic_nudge(struct periodic *periodic)
{
	struct worker *worker;

	OBJ_CHECK(periodic, PERIODIC_MAGIC);
	atomic_store(&periodic->nudged, true);
	worker = atomic_load(&periodic->worker);
	if (worker != NULL && !atomic_exchange(&periodic->posted, true))
		worker_post(worker, &periodic->post);
}
