/* SPDX-License-Identifier: MIT
 * What every service does in the same way: open what it needs, serve, drain, close. */
#include "common/service/service_private.h"

#include "common/actor/rpc.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/cache.h"
#include "common/io/cache_epoch.h"
#include "common/io/db.h"
#include "common/io/fetch.h"
#include "common/service/serve.h"
#include "common/task/offload.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#define SERVICE_BACKGROUND_NICE 5
#define SERVICE_STATEMENTS      500 /* the database's queue is made for twice as many by itself */
#define SERVICE_REQUEST_BYTES   ((size_t)128 << 20) /* of requests in the house at one time */

/* --- what a service asks for -------------------------------------------------------------------
 */

struct db *
service_db(struct service *service)
{
	return service->db;
}

struct cache *
service_cache(struct service *service)
{
	return service->cache;
}

struct pool *
service_pool(struct service *service)
{
	return service->pool;
}

struct rpc *
service_rpc(struct service *service, const char *actor)
{
	for (size_t i = 0; i < service->rpc_count; i++)
		if (strcmp(rpc_actor(service->rpcs[i]), actor) == 0)
			return service->rpcs[i];
	return NULL;
}

uint64_t
service_boot_id(const struct service *service)
{
	return service->boot_id;
}

struct worker *const *
service_workers(struct service *service, unsigned *count)
{
	*count = process_worker_count(service->process);
	return process_workers(service->process);
}

unsigned
service_connections(const struct service *service)
{
	return (unsigned)service->settings.worker_connections;
}

uint64_t
service_grace_left(const struct service *service)
{
	return service->process != NULL ? process_grace_left(service->process) : 0;
}

bool
service_draining(const struct service *service)
{
	return service->process != NULL && process_draining(service->process);
}

void
service_set_state(struct service *service, void *state)
{
	service->state = state;
}

void *
service_state(struct service *service)
{
	return service->state;
}

/* --- background tasks ----------------------------------------------------------------------------
 */

static void
service_background_task(void *arg)
{
	struct background *background = arg;
	struct service *service = background->service;

	background->task = task_self();
	if (service->ending)
		task_cancel(task_self());
	background->fn(background->arg);
	for (struct background **at = &service->background; *at != NULL; at = &(*at)->next) {
		if (*at == background) {
			*at = background->next;
			break;
		}
	}
	free(background);
}

enum status
service_spawn(struct service *service, const char *name, void (*fn)(void *), void *arg)
{
	struct background *background = calloc(1, sizeof *background);
	struct task_options options = {.name = name};

	if (background == NULL)
		return STATUS_OVERLOADED;
	*background = (struct background){.service = service, .fn = fn, .arg = arg};
	if (task_spawn(&options, service_background_task, background) != STATUS_OK) {
		free(background);
		return STATUS_OVERLOADED;
	}
	background->next = service->background;
	service->background = background;
	return STATUS_OK;
}

static void
service_end_background(struct service *service)
{
	service->ending = true;
	for (struct background *at = service->background; at != NULL; at = at->next)
		if (at->task != NULL)
			task_cancel(at->task);
	while (service->background != NULL)
		(void)task_yield();
}

/* --- opening and closing
 * --------------------------------------------------------------------------- */

/* Two services with a pool and the loops of all five share a small machine: a pool as large as the
 * machine makes every loop wait for whole time slices (tests/bench/isolation.py). */
static unsigned
service_cpu_threads(const struct service *service)
{
	unsigned cores = uv_available_parallelism();

	if (service->settings.cpu_threads > 0)
		return (unsigned)service->settings.cpu_threads;
	return cores > 2 ? cores / 2 : 1;
}

void
service_bad_setting(const char *actor, const char *name, const char *error)
{
	char *prefix = process_prefix(actor), *setting;

	if (asprintf(&setting, "%s_%s", prefix, name) < 0)
		abort();
	LOG_ERROR("a setting cannot be used", LOG_TEXT("setting", setting),
	          LOG_TEXT("error", error));
	free(setting);
	free(prefix);
}

/* Before there are tasks. */
int
service_open_stores(struct service *service)
{
	const struct service_spec *spec = service->spec;
	struct db_options db = {.url = service->settings.database_url,
	                        .connections = (unsigned)service->settings.database_connections};
	/* Whatever may be worked on may wait for the database, rather than be refused after all. */
	size_t calls =
	    (size_t)service->settings.workers * (size_t)service->settings.worker_connections;
	struct cache_options cache = {.url = service->settings.redis_url, .prefix = spec->name};
	char error[512];

	if (calls > SERVICE_STATEMENTS)
		db.queue_limit = 2 * calls;
	if (spec->migrations != NULL) {
		assert(db.url != NULL);
		service->db = db_open(&db, error, sizeof error);
		if (service->db == NULL) {
			service_bad_setting(spec->name, "DATABASE_URL", error);
			return -1;
		}
	}
	if (spec->uses_cache) {
		service->cache = cache_open(&cache, error, sizeof error);
		if (service->cache == NULL) {
			LOG_ERROR("REDIS_URL", LOG_TEXT("error", error));
			return -1;
		}
	}
	if (spec->cpu_queue_limit > 0) {
		service->pool =
		    pool_new("cpu", service_cpu_threads(service), spec->cpu_queue_limit);
		if (service->pool == NULL) {
			LOG_ERROR("cannot start the CPU pool");
			return -1;
		}
	}
	return 0;
}

/* After the last task. */
void
service_close_stores(struct service *service)
{
	pool_free(&service->pool);
	cache_close(&service->cache);
	db_close(&service->db);
}

void
service_attach_cache(void *arg)
{
	struct service *service = arg;

	if (service->cache != NULL && cache_attach(service->cache) != STATUS_OK)
		LOG_ERROR("no memory for a Redis connection");
}

void
service_detach_cache(void *arg)
{
	struct service *service = arg;

	if (service->cache != NULL)
		cache_detach(service->cache);
}

enum status
service_open_rpcs(struct service *service)
{
	char error[512];

	for (size_t i = 0; service->spec->calls != NULL && service->spec->calls[i] != NULL; i++) {
		struct rpc_options options = {
		    .actor = service->spec->calls[i],
		    .urls = process_actor_urls(&service->common, service->actor_urls[i]),
		    .tls = &service->common.tls,
		    .io = worker_current(),
		};
		struct rpc *rpc =
		    options.urls != NULL ? rpc_open(&options, error, sizeof error) : NULL;

		if (rpc == NULL) {
			service_bad_setting(options.actor, "URL", error);
			return STATUS_INTERNAL;
		}
		service->rpcs[service->rpc_count++] = rpc;
	}
	return STATUS_OK;
}

void
service_close_rpcs(struct service *service)
{
	for (size_t i = 0; i < service->rpc_count; i++)
		rpc_close(&service->rpcs[i]);
	service->rpc_count = 0;
}

static void
service_attach_fetch(void *arg)
{
	(void)arg;
	if (fetch_attach() != STATUS_OK)
		LOG_ERROR("no memory for HTTP requests");
}

static void
service_detach_fetch(void *arg)
{
	(void)arg;
	fetch_detach();
}

static enum status
service_start(struct process *process, void *arg)
{
	struct service *service = arg;
	const struct service_spec *spec = service->spec;
	struct server_options options = {
	    .service = service,
	    .spec = spec,
	    .workers = process_workers(process),
	    .worker_count = process_worker_count(process),
	    .connections = (unsigned)service->settings.worker_connections,
	    .queue_limit = (size_t)service->settings.queue_limit,
	    .request_bytes = SERVICE_REQUEST_BYTES,
	    .tls = &service->common.tls,
	    .boot_id = service->boot_id,
	};
	enum status status;
	char error[512];

	service->process = process;
	process_on_workers(process, service_attach_cache, service);
	if (spec->uses_fetch)
		process_on_workers(process, service_attach_fetch, service);
	if (service->cache != NULL && service->db != NULL) {
		service->epoch = (struct cache_epoch){service->cache, service->db};
		status = service_spawn(service, "cache-epoch", cache_epoch_run, &service->epoch);
		if (status != STATUS_OK)
			return status;
	}
	status = service_open_rpcs(service);
	if (status != STATUS_OK)
		return status;
	if (spec->start != NULL && (status = spec->start(service)) != STATUS_OK) {
		LOG_ERROR("cannot start", LOG_TEXT("status", status_slug(status)));
		return status;
	}
	options.url = process_actor_urls(&service->common, service->settings.listen);
	service->server = options.url != NULL ? server_open(&options, error, sizeof error) : NULL;
	if (service->server == NULL) {
		LOG_ERROR("cannot listen", LOG_TEXT("error", error));
		return STATUS_INTERNAL;
	}
	LOG_INFO("listening", LOG_TEXT("url", options.url));
	return STATUS_OK;
}

static void
service_leave(struct process *process, void *arg)
{
	struct service *service = arg;

	(void)process;
	server_leave(service->server);
}

static void
service_drain(struct process *process, void *arg)
{
	struct service *service = arg;

	(void)process;
	server_drain(service->server);
}

static void
service_stop(struct process *process, void *arg)
{
	struct service *service = arg;

	server_close(&service->server);
	service_end_background(service);
	if (service->spec->stop != NULL && service->state != NULL)
		service->spec->stop(service);
	service_close_rpcs(service);
	if (service->spec->uses_fetch)
		process_on_workers(process, service_detach_fetch, service);
	process_on_workers(process, service_detach_cache, service);
}

static bool
service_ready(struct process *process, void *arg,
              void (*add)(void *list, const char *name, bool up), void *list)
{
	struct service *service = arg;

	(void)process;
	if (service->db != NULL) {
		bool up = db_healthy(service->db);

		service->seen_database |= up;
		add(list, "database", up);
	}
	if (service->cache != NULL)
		add(list, "redis", cache_healthy(service->cache));
	for (size_t i = 0; i < service->rpc_count; i++)
		add(list, rpc_actor(service->rpcs[i]), rpc_ready(service->rpcs[i]));
	return service->server != NULL && (service->db == NULL || service->seen_database);
}

int
service_serve(struct service *service)
{
	struct process_spec process = {
	    .name = service->spec->name,
	    .arg = service,
	    .start = service_start,
	    .leave = service_leave,
	    .drain = service_drain,
	    .stop = service_stop,
	    .ready = service_ready,
	};
	int result = 1;

	if (service->spec->background) /* and so for each thread that is made from now on */
		(void)setpriority(PRIO_PROCESS, 0,
		                  getpriority(PRIO_PROCESS, 0) + SERVICE_BACKGROUND_NICE);
	service->boot_id = ids_boot();
	if (service_open_stores(service) == 0)
		result =
		    process_run(&process, &service->common, (unsigned)service->settings.workers);
	service_close_stores(service);
	return result;
}
