/* SPDX-License-Identifier: MIT
 * Accepting connections, the one timer for all of them, and the drain. */
#include "common/io/http_private.h"

#include "common/base/obj.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVER_BACKLOG  4096
#define DRAIN_LISTEN_MS 20   /* what the kernel has accepted already is still taken in */
#define DRAIN_IDLE_MS   1000 /* so long a request may still be on its way */

static uint32_t
http_default(uint32_t value, uint32_t fallback)
{
	return value != 0 ? value : fallback;
}

/* Time allowed in a state; 0: no bound. */
static uint32_t
http_state_timeout(const struct http_server *server, enum http_state state)
{
	switch (state) {
	case CONNECTION_IDLE:
		return server->draining ? DRAIN_IDLE_MS : server->options.keepalive_ms;
	case CONNECTION_HEAD: return server->options.head_ms;
	case CONNECTION_BODY: return server->options.body_ms;
	case CONNECTION_WRITING: return server->options.write_ms;
	case CONNECTION_LINGER: return server->options.linger_ms;
	default: return 0;
	}
}

/* --- going --------------------------------------------------------------------------------- */

static void http_server_closed_cb(uv_handle_t *handle);

/* Goes on with the drain: the listener, the connections, the timer, the caller. */
static void
http_server_check_drained(struct http_server *server)
{
	void (*drained)(void *arg) = server->drained;

	if (!server->draining || server->listening || server->connections > 0 || server->resuming)
		return;
	if (!uv_is_closing((uv_handle_t *)&server->tick))
		uv_close((uv_handle_t *)&server->tick, http_server_closed_cb);
	if (server->handles > 0 || drained == NULL)
		return;
	server->drained = NULL;
	drained(server->drained_arg);
}

static void
http_server_closed_cb(uv_handle_t *handle)
{
	OBJ_CAST(struct http_server, server, handle->data, HTTP_SERVER_MAGIC);

	server->handles--;
	http_server_check_drained(server);
}

void
http_server_connection_gone(struct http_server *server)
{
	server->connections--;
	http_limits_count(server->options.limits, HTTP_METRIC_CONNECTIONS, -1);
	http_server_check_drained(server);
}

static void
http_server_stop_listening(struct http_server *server)
{
	server->listening = false;
	uv_close(&server->listener.handle, http_server_closed_cb);
}

/* --- connections --------------------------------------------------------------------------- */

static struct http_connection *
http_accept(struct http_server *server)
{
	uv_loop_t *loop = worker_loop(server->worker);
	struct http_connection *c = calloc(1, sizeof *c);
	int length = sizeof c->address;

	if (c == NULL)
		return NULL;
	OBJ_INIT(c, HTTP_CONNECTION_MAGIC);
	c->server = server;
	if (server->listener.handle.type == UV_TCP)
		uv_tcp_init(loop, &c->uv.tcp);
	else
		uv_pipe_init(loop, &c->uv.pipe, 0);
	c->uv.handle.data = c;
	if (uv_accept(&server->listener.stream, &c->uv.stream) == 0 &&
	    c->uv.handle.type == UV_TCP) {
		uv_tcp_nodelay(&c->uv.tcp, 1);
		uv_tcp_getpeername(&c->uv.tcp, (struct sockaddr *)&c->address, &length);
	} else {
		c->address.any.sa_family = AF_UNIX;
	}
	return c;
}

static void
http_refused_cb(uv_handle_t *handle)
{
	OBJ_CAST(struct http_connection, c, handle->data, HTTP_CONNECTION_MAGIC);
	struct http_server *server = c->server;

	free(c);
	http_server_connection_gone(server);
}

static void
http_connection_cb(uv_stream_t *listener, int error)
{
	OBJ_CAST(struct http_server, server, listener->data, HTTP_SERVER_MAGIC);
	struct http_limits *limits = server->options.limits;
	struct http_connection *c;
	enum status admitted;

	if (error != 0)
		return; /* libuv has closed what it could not give us a descriptor for */
	c = http_accept(server);
	server->accept_stuck = c == NULL;
	if (c == NULL)
		return;
	http_limits_count(limits, HTTP_METRIC_ACCEPTED, 1);
	http_limits_count(limits, HTTP_METRIC_CONNECTIONS, 1);
	server->connections++;
	admitted = http_limits_admit(limits, &c->address.any, &c->counted);
	c->admitted = admitted == STATUS_OK;
	if (!c->admitted) {
		http_limits_count(limits, HTTP_METRIC_REFUSED, 1);
		if (server->refusals >= HTTP_REFUSALS) {
			uv_close(&c->uv.handle, http_refused_cb);
			return;
		}
		server->refusals++;
	}
	http_connection_start(c, admitted);
}

static void
http_tick_cb(uv_timer_t *tick)
{
	OBJ_CAST(struct http_server, server, tick->data, HTTP_SERVER_MAGIC);
	uint64_t now = uv_now(tick->loop);

	if (server->accept_stuck && server->listening)
		http_connection_cb(&server->listener.stream, 0);
	if (server->draining && server->listening)
		http_server_stop_listening(server);
	for (int state = 0; state < CONNECTION_STATES; state++) {
		uint32_t timeout = http_state_timeout(server, (enum http_state)state);
		struct http_connection *c;

		while (timeout != 0 && (c = server->lists[state].first) != NULL &&
		       now - c->since_ms >= timeout)
			http_connection_expire(c);
	}
	http_lanes_run(server); /* who has waited too long, while no place became free */
}

/* --- what waits for its turn --------------------------------------------------------------- */

static void
http_resume_fn(struct post *post)
{
	struct http_server *server = OBJ_CONTAINER(post, struct http_server, resume);
	struct http_connection *last = server->lists[CONNECTION_QUEUED].last;
	struct http_connection *c;

	server->resuming = false;
	/* One request of each; who queues up again meanwhile stands behind `last`. */
	while (last != NULL && (c = server->lists[CONNECTION_QUEUED].first) != NULL) {
		if (c == last)
			last = NULL;
		http_connection_continue(c);
	}
	http_lanes_run(server);
	if (server->lists[CONNECTION_QUEUED].first != NULL)
		http_server_resume(server);
	http_server_check_drained(server);
}

void
http_server_resume(struct http_server *server)
{
	if (server->resuming)
		return;
	server->resuming = true;
	worker_post(server->worker, &server->resume);
}

/* --- life ---------------------------------------------------------------------------------- */

static int
http_server_listen(struct http_server *server)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	uv_loop_t *loop = worker_loop(server->worker);
	int fd = server->options.fd, error;

	if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
		return -errno;
	if (address.ss_family == AF_UNIX) {
		uv_pipe_init(loop, &server->listener.pipe, 0);
		error = uv_pipe_open(&server->listener.pipe, fd);
	} else {
		uv_tcp_init(loop, &server->listener.tcp);
		error = uv_tcp_open(&server->listener.tcp, fd);
	}
	server->listener.handle.data = server;
	server->handles++;
	if (error == 0)
		server->options.fd = -1; /* the handle's now */
	return error != 0 ? error
	                  : uv_listen(&server->listener.stream, SERVER_BACKLOG, http_connection_cb);
}

struct http_server *
http_server_new(struct worker *worker, const struct http_server_options *options)
{
	struct http_server *server = calloc(1, sizeof *server);
	struct http_server_options *o;
	uint32_t shortest;
	int error;

	if (server == NULL) {
		close(options->fd);
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN);
	OBJ_INIT(server, HTTP_SERVER_MAGIC);
	server->worker = worker;
	server->options = *options;
	server->resume.fn = http_resume_fn;
	o = &server->options;
	if (o->error_fn == NULL)
		o->error_fn = http_default_error;
	if (o->body_limit == 0)
		o->body_limit = (size_t)1 << 20;
	o->keepalive_ms = http_default(o->keepalive_ms, 75000);
	o->head_ms = http_default(o->head_ms, 10000);
	o->body_ms = http_default(o->body_ms, 10000);
	o->body_progress = http_default(o->body_progress, 5000);
	o->write_ms = http_default(o->write_ms, 30000);
	o->linger_ms = http_default(o->linger_ms, 2000);
	shortest = o->head_ms < o->linger_ms ? o->head_ms : o->linger_ms;
	shortest = shortest < o->keepalive_ms ? shortest : o->keepalive_ms;
	shortest = shortest / 4 < 10 ? 10 : shortest / 4;
	uv_timer_init(worker_loop(worker), &server->tick);
	server->tick.data = server;
	server->handles++;
	uv_timer_start(&server->tick, http_tick_cb, shortest, shortest);
	error = http_server_listen(server);
	assert(error == 0); /* http_listen() made the socket */
	server->listening = true;
	return server;
}

void
http_server_leave(struct http_server *server)
{
	OBJ_CHECK(server, HTTP_SERVER_MAGIC);
	server->leaving = true;
}

void
http_server_drain(struct http_server *server, void (*drained)(void *arg), void *arg)
{
	struct http_connection *c, *next;

	OBJ_CHECK(server, HTTP_SERVER_MAGIC);
	assert(!server->draining && drained != NULL);
	server->drained = drained;
	server->drained_arg = arg;
	server->draining = true;
	uv_timer_start(&server->tick, http_tick_cb, DRAIN_LISTEN_MS, DRAIN_LISTEN_MS);
	/* Who connected or was answered less than a second ago may just be sending: only the tick
	 * ends what is idle for longer, and nothing but empty lines is no request. */
	for (c = server->lists[CONNECTION_HEAD].first; c != NULL; c = next) {
		next = c->next;
		if (c->request == NULL || !http_message_begun(&c->request->message))
			http_connection_close(c);
	}
}

void
http_server_abort(struct http_server *server)
{
	OBJ_CHECK(server, HTTP_SERVER_MAGIC);
	assert(server->draining);
	for (int state = 0; state < CONNECTION_CLOSING; state++) {
		struct http_connection *c;

		while ((c = server->lists[state].first) != NULL) {
			if (c->request != NULL && c->request->task != NULL)
				task_cancel(c->request->task);
			http_connection_close(c);
		}
	}
}

void
http_server_free(struct http_server **serverp)
{
	struct http_server *server = *serverp;

	if (server == NULL)
		return;
	OBJ_CHECK(server, HTTP_SERVER_MAGIC);
	assert(server->draining && server->drained == NULL && server->connections == 0);
	*serverp = NULL;
	http_request_pool_free(server);
	OBJ_FINI(server);
	free(server);
}

unsigned
http_server_connections(const struct http_server *server)
{
	return server->connections;
}

unsigned
http_server_requests(const struct http_server *server)
{
	return server->requests;
}
