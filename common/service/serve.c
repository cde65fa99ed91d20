/* SPDX-License-Identifier: MIT
 * From a request that came in to the reply that goes out: one task per call. */
#include "common/service/serve.h"

#include "common/actor/mailbox.h"
#include "common/actor/wire.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "common/service/call_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_MAGIC 0x5e47e001u

#define REQUEST_TIME_LEFT_FIELD 2 /* wire.Request.time_left_ms */
#define SERVER_DRAIN_POLL_MS    20

struct server {
	unsigned magic;
	struct server_options options;
	struct link_server *links;
	struct mailbox *mailbox;
	struct budget budget;
	_Atomic bool draining;
	struct metric *refused, *expired;
	struct bound_method *methods;
};

/* --- finishing -----------------------------------------------------------------------------------
 */

/* A reply without a call: refused, expired or broken before there was one. */
static struct wire_item *
server_short_reply(const struct incoming *incoming, enum status status)
{
	const struct server *server = incoming->server_arg;
	Wire__Reply wire = WIRE__REPLY__INIT;

	wire.has_status = wire.has_retry_after_s = true;
	wire.has_leaving = wire.leaving =
	    status == STATUS_OVERLOADED && atomic_load(&server->draining);
	wire.status = status_grpc(status);
	wire.problem = (char *)(uintptr_t)status_slug(status);
	wire.retry_after_s = status_retryable(status) ? 1 : 0;
	return wire_item_new(incoming->call, WIRE_REPLY, &wire.base);
}

static struct wire_item *
server_stream_end(const struct incoming *incoming, enum status status)
{
	Wire__Piece piece = WIRE__PIECE__INIT;

	piece.has_end = piece.end = true;
	if (status != STATUS_OK) {
		piece.has_status = true;
		piece.status = status_grpc(status);
		piece.problem = (char *)(uintptr_t)status_slug(status);
	}
	return wire_item_new(incoming->call, WIRE_PIECE_OF, &piece.base);
}

/* --- running a call
 * -------------------------------------------------------------------------------- */

static const struct bound_method *
server_method(const struct server *server, const char *name)
{
	for (size_t i = 0; name != NULL && i < server->options.spec->method_count; i++)
		if (strcmp(server->methods[i].name, name) == 0)
			return &server->methods[i];
	return NULL;
}

static enum status
call_run(struct call *call, struct server *server, ProtobufCMessage **reply)
{
	ProtobufCMessage *request;
	enum status status;

	if (!call_open(call))
		return STATUS_BAD_REQUEST;
	call->method = server_method(server, call->request->method);
	if (call->method == NULL)
		return call_fail(call, STATUS_METHOD_NOT_ALLOWED, "no such method");
	status = call_read(call, &server->options.spec->rules, &request);
	if (status != STATUS_OK)
		return status;
	*reply = arena_alloc(task_arena(), call->method->output->sizeof_message);
	if (*reply == NULL)
		return STATUS_OVERLOADED;
	protobuf_c_message_init(call->method->output, *reply);
	return call->method->method->fn(call, request, *reply);
}

static const void *
call_pack(struct call *call, const ProtobufCMessage *reply, size_t *length)
{
	uint8_t *bytes;

	if (call->packed != NULL) {
		*length = call->packed_length;
		return call->packed;
	}
	*length = protobuf_c_message_get_packed_size(reply);
	bytes = arena_alloc(task_arena(), *length + 1);
	if (bytes != NULL)
		protobuf_c_message_pack(reply, bytes);
	return bytes;
}

/* The last envelope of the call; for a long body after its head and pieces. */
static struct wire_item *
call_last_item(struct call *call, enum status status, const ProtobufCMessage *reply)
{
	const void *body = NULL;
	size_t length = 0;
	struct wire_item *item;

	if (call->streaming)
		return server_stream_end(call->incoming, status);
	if (status == STATUS_OK) {
		body = call_pack(call, reply, &length);
		if (body == NULL)
			status = STATUS_OVERLOADED;
		else if (length > MESSAGE_MAX_BODY)
			status = call_fail(call, STATUS_INTERNAL, "the answer is too large");
	}
	if (status != STATUS_OK)
		length = 0;
	item = call_encode_reply(call, status, body, length, false);
	if (length <= WIRE_PIECE || item == NULL)
		return item;
	if (incoming_send(call->incoming, item) != 0 ||
	    call_send_pieces(call, body, length) != STATUS_OK)
		return server_stream_end(call->incoming, STATUS_OVERLOADED);
	return NULL;
}

static void
call_log(const struct call *call, enum status status, uint64_t elapsed)
{
	if (status == STATUS_INTERNAL)
		LOG_ERROR("call failed", LOG_TEXT("method", call->method ? call->method->name : ""),
		          LOG_TEXT("detail", call->reply.detail));
	else
		LOG_DEBUG("call", LOG_TEXT("method", call->method ? call->method->name : ""),
		          LOG_TEXT("status", status_slug(status)), LOG_INT("us", elapsed));
}

static void
call_task(void *arg)
{
	struct incoming *incoming = arg;
	struct server *server = incoming->server_arg;
	struct call call = {
	    .service = server->options.service,
	    .incoming = incoming,
	    .task = task_self(),
	    .started_us = clock_us(),
	    .credit = WIRE_BODY_WINDOW,
	};
	ProtobufCMessage *reply = NULL;
	struct wire_item *item;
	enum status status;

	OBJ_INIT(&call, CALL_MAGIC);
	call.violation_tail = &call.reply.violations;
	incoming->task_call = &call;
	if (atomic_load(&incoming->cancelled))
		task_cancel(task_self());
	status = call_run(&call, server, &reply);
	item = call_last_item(&call, status, reply);
	if (call.method != NULL) {
		metric_observe_us(call.method->latency, clock_us() - call.started_us);
		if (status_http(status) >= 500)
			metric_add(call.method->failures, 1);
	}
	call_log(&call, status, clock_us() - call.started_us);
	incoming->task_call = NULL;
	OBJ_FINI(&call);
	incoming_finish(incoming, item);
	mailbox_done(server->mailbox, worker_current(), call.parked);
}

void
call_park(struct call *call)
{
	struct server *server = call->incoming->server_arg;

	if (!call->parked)
		call->parked = mailbox_park(server->mailbox, worker_current());
}

static void
server_work(void *arg, struct incoming *incoming)
{
	OBJ_CAST(struct server, server, arg, SERVER_MAGIC);
	struct task_options options = {.name = "call"};
	uint64_t left, waited_ms = (clock_us() - incoming->arrived_us) / 1000;
	enum status status = STATUS_OK;

	if (!wire_peek(incoming->request, incoming->request_length, REQUEST_TIME_LEFT_FIELD, 0,
	               &left)) {
		status = STATUS_BAD_REQUEST;
	} else if (atomic_load(&incoming->cancelled)) {
		status = STATUS_CANCELLED;
	} else if (left != 0 && left <= waited_ms) {
		metric_add(server->expired, 1); /* nobody waits any more: not worked on */
		status = STATUS_DEADLINE;
	} else {
		options.deadline_ms = left != 0 ? clock_ms() + left - waited_ms : 0;
		status = task_spawn(&options, call_task, incoming);
	}
	if (status != STATUS_OK) {
		incoming_finish(incoming, server_short_reply(incoming, status));
		mailbox_done(server->mailbox, worker_current(), false);
	}
}

/* --- from the links
 * --------------------------------------------------------------------------------- */

static void
server_on_request(void *arg, struct incoming *incoming)
{
	OBJ_CAST(struct server, server, arg, SERVER_MAGIC);

	incoming->server_arg = server;
	if (!atomic_load(&server->draining) && mailbox_put(server->mailbox, incoming))
		return;
	metric_add(server->refused, 1);
	incoming_finish(incoming, server_short_reply(incoming, STATUS_OVERLOADED));
}

static void
server_cancel_fn(struct post *post)
{
	struct incoming *incoming = OBJ_CONTAINER(post, struct incoming, cancel);

	if (incoming->task_call != NULL)
		task_cancel(incoming->task_call->task);
	incoming_release(incoming);
}

static void
server_on_cancel(void *arg, struct incoming *incoming)
{
	OBJ_CAST(struct server, server, arg, SERVER_MAGIC);

	if (mailbox_remove(server->mailbox, incoming)) {
		incoming_finish(incoming, NULL);
		return;
	}
	if (incoming->worker == NULL)
		return; /* refused; its answer is on its way to nobody */
	atomic_store(&incoming->cancelled, true);
	incoming->cancel.fn = server_cancel_fn;
	incoming_hold(incoming);
	worker_post(incoming->worker, &incoming->cancel);
}

struct window_post {
	struct post post;
	struct incoming *incoming;
	uint32_t bytes;
};

static void
server_window_fn(struct post *post)
{
	struct window_post *window = OBJ_CONTAINER(post, struct window_post, post);
	struct call *call = window->incoming->task_call;

	if (call != NULL && call->credit <= WIRE_BODY_WINDOW) {
		call->credit += window->bytes;
		if (call->waiter != NULL)
			wait_done(call->waiter);
		call->waiter = NULL;
	}
	incoming_release(window->incoming);
	free(window);
}

static void
server_on_window(void *arg, struct incoming *incoming, uint32_t bytes)
{
	struct window_post *window = malloc(sizeof *window);

	(void)arg;
	if (window == NULL || incoming->worker == NULL) {
		free(window); /* the stream stalls until its deadline */
		return;
	}
	*window = (struct window_post){{.fn = server_window_fn}, incoming, bytes};
	incoming_hold(incoming);
	worker_post(incoming->worker, &window->post);
}

/* --- opening and closing
 * ------------------------------------------------------------------------------ */

static int64_t
server_read_queued(void *arg)
{
	return (int64_t)mailbox_queued(((struct server *)arg)->mailbox);
}

static int64_t
server_read_running(void *arg)
{
	return (int64_t)mailbox_running(((struct server *)arg)->mailbox);
}

static int64_t
server_read_oldest(void *arg)
{
	return (int64_t)mailbox_oldest_us(((struct server *)arg)->mailbox);
}

static bool
server_gauge(struct server *server, const char *name, const char *help, int64_t (*read)(void *))
{
	struct metric *gauge = metric_new(METRIC_GAUGE, name, help, NULL);

	if (gauge == NULL)
		return false;
	gauge->arg = server;
	gauge->read = read;
	return true;
}

static bool
server_make_metrics(struct server *server)
{
	server->refused = metric_new(METRIC_COUNTER, "studyhall_mailbox_refused_total",
	                             "Requests refused: in flight and queue were full", NULL);
	server->expired = metric_new(METRIC_COUNTER, "studyhall_mailbox_expired_total",
	                             "Requests dropped unworked: their deadline had passed", NULL);
	return server->refused != NULL && server->expired != NULL &&
	       server_gauge(server, "studyhall_mailbox_queued", "Requests that wait for a worker",
	                    server_read_queued) &&
	       server_gauge(server, "studyhall_mailbox_in_flight", "Requests being worked on",
	                    server_read_running) &&
	       server_gauge(server, "studyhall_mailbox_oldest_wait_microseconds",
	                    "How long the oldest waiting request has waited", server_read_oldest);
}

static bool
server_is_keyed(const struct service_spec *spec, const char *method)
{
	for (const char *const *name = spec->keyed; name != NULL && *name != NULL; name++)
		if (strcmp(*name, method) == 0)
			return true;
	return false;
}

static bool
server_bind(struct server *server)
{
	const struct service_spec *spec = server->options.spec;

	server->methods = calloc(spec->method_count, sizeof server->methods[0]);
	if (server->methods == NULL)
		return false;
	for (size_t i = 0; i < spec->method_count; i++) {
		struct bound_method *bound = &server->methods[i];
		const ProtobufCMethodDescriptor *method =
		    protobuf_c_service_descriptor_get_method_by_name(spec->descriptor,
		                                                     spec->methods[i].name);
		char *name;

		assert(method != NULL);
		if (asprintf(&name, "%s/%s", spec->descriptor->name, method->name) < 0)
			return false;
		bound->method = &spec->methods[i];
		bound->name = name;
		bound->input = method->input;
		bound->output = method->output;
		bound->keyed = server_is_keyed(spec, method->name);
		bound->latency =
		    metric_new(METRIC_HISTOGRAM, "studyhall_call_seconds",
		               "Time a call is worked on", "method=\"%s\"", method->name);
		bound->failures =
		    metric_new(METRIC_COUNTER, "studyhall_call_failures_total",
		               "Calls that ended in a 5xx status", "method=\"%s\"", method->name);
		if (bound->latency == NULL || bound->failures == NULL)
			return false;
	}
	return true;
}

static bool
server_open_mailbox(struct server *server)
{
	struct mailbox_options mailbox = {
	    .workers = server->options.workers,
	    .worker_count = server->options.worker_count,
	    .connections = server->options.connections,
	    .queue_limit = server->options.queue_limit,
	    .work = server_work,
	    .arg = server,
	};

	server->mailbox = mailbox_new(&mailbox);
	return server->mailbox != NULL;
}

struct server *
server_open(const struct server_options *options, char *error, size_t error_size)
{
	struct server *server = calloc(1, sizeof *server);
	struct link_server_options links = {
	    .io = options->workers[0],
	    .url = options->url,
	    .tls = options->tls,
	    .actor = options->spec->name,
	    .max_calls = (unsigned)(2 * options->connections * options->worker_count +
	                            options->queue_limit), /* parked ones, too */
	    .boot_id = options->boot_id,
	    .on_request = server_on_request,
	    .on_cancel = server_on_cancel,
	    .on_window = server_on_window,
	};

	if (server == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	OBJ_INIT(server, SERVER_MAGIC);
	server->options = *options;
	server->budget.limit = options->request_bytes;
	links.budget = &server->budget;
	links.arg = server;
	if (!server_bind(server) || !server_open_mailbox(server) || !server_make_metrics(server)) {
		snprintf(error, error_size, "out of memory");
		return NULL; /* the process ends; metrics point here */
	}
	server->links = link_server_open(&links, error, error_size);
	return server->links != NULL ? server : NULL;
}

size_t
server_calls(const struct server *server)
{
	return mailbox_queued(server->mailbox) + mailbox_running(server->mailbox);
}

void
server_leave(struct server *server)
{
	link_server_leave(server->links);
}

void
server_drain(struct server *server)
{
	atomic_store(&server->draining, true);
	while (server_calls(server) > 0 || link_server_pending(server->links))
		if (task_sleep(SERVER_DRAIN_POLL_MS) != STATUS_OK)
			return;
	(void)task_sleep(SERVER_DRAIN_POLL_MS); /* what was just handed to nng is on its way */
}

void
server_close(struct server **serverp)
{
	struct server *server = *serverp;

	if (server == NULL)
		return;
	OBJ_CHECK(server, SERVER_MAGIC);
	*serverp = NULL;
	atomic_store(&server->draining, true);
	link_server_close(&server->links); /* cancels what is in progress */
	while (server_calls(server) > 0)
		(void)task_yield();
	/* The server itself stays: its metrics are read until the process ends. */
}
