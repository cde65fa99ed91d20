/* SPDX-License-Identifier: MIT
 * The gateway process: settings, links to the services, an HTTP server on every worker. */
#include "common/actor/rpc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/http_handover.h"
#include "common/io/http_server.h"
#include "common/service/process.h"
#include "common/task/flight.h"
#include "common/task/task.h"
#include "common/task/worker.h"
#include "gateway/address.h"
#include "gateway/edge.h"
#include "gateway/forward.h"
#include "gateway/gateway.h"
#include "gateway/openapi.h"
#include "gateway/routes.h"
#include "gateway/session_cache.h"
#include "gateway/settings.h"
#include "gateway/static.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define MAIN_MAX_THREADS     16
#define MAIN_SESSION_ENTRIES 4096
#define MAIN_QUIET_MS        15000
#define MAIN_LINKS_MS        1000 /* a start waits so long for the services, then goes without */
#define MAIN_LINKS_POLL_MS   10
#define MAIN_SHORT_CALLS     256   /* of one service at a time, on one worker */
#define MAIN_MAX_IN_FLIGHT   60000 /* calls at a replica; it says itself how many it takes */

struct main_state {
	struct gateway gateway;
	struct process_settings common;
	struct http_limits *limits;
	int fds[MAIN_MAX_THREADS];
	struct http_handover *handover;
	struct http_server *servers[MAIN_MAX_THREADS];
	_Atomic unsigned opened;
	struct drained {
		struct post post;
		struct main_state *state;
	} drained[MAIN_MAX_THREADS];
	unsigned draining; /* servers that still have connections; worker 0 */
	struct wait drain_done;
	struct worker *origin;
	bool was_ready; /* worker 0's admin port and any worker's /readyz: only ever set */
};

/* --- start ------------------------------------------------------------------------------------ */

static unsigned
main_worker_index(const struct main_state *state)
{
	struct process *process = state->gateway.process;
	for (unsigned i = 0; i < process_worker_count(process); i++)
		if (process_worker(process, i) == worker_current())
			return i;
	assert(false);
	return 0;
}

static void
main_open_server(void *arg)
{
	struct main_state *state = arg;
	const struct gateway *gateway = &state->gateway;
	unsigned index = main_worker_index(state);
	struct http_server_options options = {
	    .limits = state->limits,
	    .fd = state->fds[index],
	    .head_fn = edge_head,
	    .handler_fn = edge_handle,
	    .error_fn = edge_error,
	    .arg = &state->gateway,
	    .keepalive_ms = (uint32_t)gateway->keepalive_s * 1000,
	    .lane_requests = MAIN_SHORT_CALLS,
	};
	state->servers[index] = http_server_new(worker_current(), &options);
	if (state->servers[index] != NULL)
		atomic_fetch_add(&state->opened, 1);
}

static bool
main_exempt(const struct sockaddr *address, void *arg)
{
	return address_list_has_socket(arg, address);
}

/* The sockets of all workers. With a handover it is one, which all accept from. */
static int
main_open_sockets(struct main_state *state, unsigned count, char *error, size_t size)
{
	const struct gateway *gateway = &state->gateway;
	if (gateway->handover == NULL)
		return http_listen(gateway->listen, count, state->fds, error, size);
	state->fds[0] = http_handover_take(gateway->handover, gateway->listen);
	if (state->fds[0] < 0 && http_listen(gateway->listen, 1, state->fds, error, size) != 0)
		return -1;
	state->handover = http_handover_offer(worker_current(), gateway->handover, gateway->listen,
	                                      state->fds[0], error, size);
	for (unsigned i = 1; i < count && state->handover != NULL; i++)
		state->fds[i] = fcntl(state->fds[0], F_DUPFD_CLOEXEC, 0);
	return state->handover != NULL ? 0 : -1;
}

static enum status
main_listen(struct main_state *state)
{
	const struct gateway *gateway = &state->gateway;
	unsigned count = process_worker_count(gateway->process);
	struct http_limits_options limits = {
	    .name = "public",
	    .max_connections = (unsigned)gateway->max_connections,
	    .address_connections = (unsigned)gateway->address_connections,
	    .exempt = main_exempt,
	    .arg = gateway->proxies,
	};
	char error[256], address[HTTP_ADDRESS_SIZE];
	state->limits = http_limits_new(&limits);
	if (state->limits == NULL)
		return STATUS_OVERLOADED;
	if (main_open_sockets(state, count, error, sizeof error) != 0) {
		LOG_ERROR("cannot listen: GATEWAY_LISTEN", LOG_TEXT("error", error));
		return STATUS_INTERNAL;
	}
	http_listen_address(state->fds[0], address);
	process_on_workers(gateway->process, main_open_server, state);
	if (atomic_load(&state->opened) != count)
		return STATUS_OVERLOADED;
	LOG_INFO("listening", LOG_TEXT("address", address), LOG_INT("workers", count));
	return STATUS_OK;
}

static enum status
main_open_rpcs(struct main_state *state)
{
	struct gateway *gateway = &state->gateway;
	for (unsigned i = 0; i < route_actor_count; i++) {
		char error[256] = "out of memory", name[SETTINGS_NAME];
		struct rpc_options options = {
		    .actor = route_actors[i].name,
		    .urls = process_actor_urls(&state->common, gateway->actor_urls[i]),
		    .io = worker_current(),
		    .tls = &state->common.tls,
		    .max_in_flight = MAIN_MAX_IN_FLIGHT,
		};
		gateway->rpcs[i] =
		    options.urls == NULL ? NULL : rpc_open(&options, error, sizeof error);
		if (gateway->rpcs[i] != NULL)
			continue;
		settings_url_name(options.actor, name);
		LOG_ERROR("a service's address is wrong", LOG_TEXT("setting", name),
		          LOG_TEXT("error", error));
		return STATUS_INTERNAL;
	}
	return STATUS_OK;
}

/* Who connects is answered by the services, so these come first; but nobody waits for ever. */
static void
main_await_links(const struct main_state *state)
{
	uint64_t until = clock_ms() + MAIN_LINKS_MS;
	for (unsigned i = 0; i < route_actor_count; i++)
		while (!rpc_ready(state->gateway.rpcs[i]) && clock_ms() < until)
			if (task_sleep(MAIN_LINKS_POLL_MS) != STATUS_OK)
				return;
}

static enum status
main_start(struct process *process, void *arg)
{
	struct main_state *state = arg;
	struct gateway *gateway = &state->gateway;
	gateway->process = process;
	gateway->quiet_ms = MAIN_QUIET_MS;
	gateway->sessions = session_cache_new(MAIN_SESSION_ENTRIES);
	gateway->verifications = flight_new();
	gateway->openapi = openapi_new(gateway->public_url);
	if (gateway->sessions == NULL || gateway->verifications == NULL ||
	    gateway->openapi == NULL || edge_init() != 0 || forward_events_init() != 0) {
		LOG_ERROR("out of memory");
		return STATUS_OVERLOADED;
	}
	enum status status = main_open_rpcs(state);
	if (status != STATUS_OK)
		return status;
	main_await_links(state);
	return main_listen(state);
}

/* --- end -------------------------------------------------------------------------------------- */

static void
main_drained_fn(struct post *post)
{
	struct main_state *state = OBJ_CONTAINER(post, struct drained, post)->state;
	assert(state->draining > 0);
	if (--state->draining == 0)
		wait_done(&state->drain_done);
}

/* On any worker: its server's last connection has gone. */
static void
main_drained_cb(void *arg)
{
	struct drained *drained = arg;
	worker_post(drained->state->origin, &drained->post);
}

static void
main_leave_server(void *arg)
{
	struct main_state *state = arg;
	http_server_leave(state->servers[main_worker_index(state)]);
}

static void
main_leave(struct process *process, void *arg)
{
	process_on_workers(process, main_leave_server, arg);
}

static void
main_drain_server(void *arg)
{
	struct main_state *state = arg;
	unsigned index = main_worker_index(state);
	struct drained *drained = &state->drained[index];
	*drained = (struct drained){{.fn = main_drained_fn}, state};
	forward_events_end();
	if (state->servers[index] != NULL)
		http_server_drain(state->servers[index], main_drained_cb, drained);
	else
		main_drained_cb(drained);
}

static void
main_abort_server(void *arg)
{
	struct main_state *state = arg;
	unsigned index = main_worker_index(state);
	if (state->servers[index] != NULL)
		http_server_abort(state->servers[index]);
}

static void
main_free_server(void *arg)
{
	struct main_state *state = arg;
	http_server_free(&state->servers[main_worker_index(state)]);
}

static void
main_drain(struct process *process, void *arg)
{
	struct main_state *state = arg;
	if (!http_handover_taken(state->handover))
		http_listen_remove(state->gateway.listen);
	http_handover_close(&state->handover);
	wait_init(&state->drain_done);
	state->origin = worker_current();
	state->draining = process_worker_count(process);
	process_on_workers(process, main_drain_server, state);
	if (wait_for(&state->drain_done) == STATUS_OK)
		return;
	LOG_WARN("the grace is over, dropping what is in progress");
	process_on_workers(process, main_abort_server, state);
	wait_uninterrupted(&state->drain_done);
}

static void
main_close_rpcs(struct process *process, void *arg)
{
	struct main_state *state = arg;
	(void)process;
	for (unsigned i = 0; i < route_actor_count; i++)
		if (state->gateway.rpcs[i] != NULL)
			rpc_close(&state->gateway.rpcs[i]);
}

static void
main_stop(struct process *process, void *arg)
{
	struct main_state *state = arg;
	struct gateway *gateway = &state->gateway;
	/* A start that failed has not drained. */
	if (state->draining == 0 && state->origin == NULL && atomic_load(&state->opened) > 0) {
		main_drain(process, arg);
	}
	http_handover_close(&state->handover);
	process_on_workers(process, main_free_server, state);
	main_close_rpcs(process, state);
	http_limits_free(&state->limits);
	if (gateway->verifications != NULL)
		flight_free(&gateway->verifications);
	session_cache_free(&gateway->sessions);
	openapi_free(&gateway->openapi);
}

static bool
main_ready(struct process *process, void *arg, void (*add)(void *list, const char *name, bool up),
           void *list)
{
	struct main_state *state = arg;
	(void)process;
	for (unsigned i = 0; i < route_actor_count; i++) {
		bool up = state->gateway.rpcs[i] != NULL && rpc_ready(state->gateway.rpcs[i]);
		if (up)
			__atomic_store_n(&state->was_ready, true, __ATOMIC_RELAXED);
		add(list, route_actors[i].name, up);
	}
	return atomic_load(&state->opened) > 0 &&
	       __atomic_load_n(&state->was_ready, __ATOMIC_RELAXED);
}

/* --- check ------------------------------------------------------------------------------------ */

static enum status
main_check_start(struct process *process, void *arg)
{
	struct main_state *state = arg;
	char error[256];
	enum status status = main_open_rpcs(state);
	if (status == STATUS_OK &&
	    http_listen_check(state->gateway.listen, error, sizeof error) != 0) {
		LOG_ERROR("cannot listen: GATEWAY_LISTEN", LOG_TEXT("error", error));
		status = STATUS_INTERNAL;
	}
	if (status == STATUS_OK)
		process_shut_down(process);
	return status;
}

/* Can every setting be used? The exit status. */
static int
main_check(struct main_state *state)
{
	const struct process_spec spec = {
	    .name = "gateway", .arg = state, .start = main_check_start, .stop = main_close_rpcs};
	process_quiet("gateway");
	state->common.admin = "off";
	state->common.drain_delay_s = 0;
	return process_run(&spec, &state->common, 1);
}

int
main(int argc, char **argv)
{
	static struct main_state state;
	const struct process_spec spec = {.name = "gateway",
	                                  .arg = &state,
	                                  .start = main_start,
	                                  .leave = main_leave,
	                                  .drain = main_drain,
	                                  .stop = main_stop,
	                                  .ready = main_ready};
	const char *command = argc < 2 ? "serve" : argv[1];
	if (argc > 2 || (strcmp(command, "serve") != 0 && strcmp(command, "settings") != 0 &&
	                 strcmp(command, "healthcheck") != 0 && strcmp(command, "check") != 0)) {
		fprintf(stderr, "usage: gateway [serve | settings | check | healthcheck]\n");
		return 2;
	}
	if (strcmp(command, "settings") == 0) {
		settings_print();
		return 0;
	}
	if (settings_load(&state.gateway, &state.common) != 0)
		return 1;
	if (strcmp(command, "healthcheck") == 0)
		return process_healthcheck(state.common.admin);
	routes_bind();
	int result = strcmp(command, "check") == 0
	                 ? main_check(&state)
	                 : process_run(&spec, &state.common, (unsigned)state.gateway.threads);
	settings_free(&state.gateway);
	return result;
}
