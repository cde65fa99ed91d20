/* SPDX-License-Identifier: MIT
 * The request object: pooled, run in a task, and asked by the handlers. */
#include "common/io/http_private.h"

#include "common/base/obj.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_KEEP_HEAD ((size_t)4096)
#define REQUEST_DRAIN     65536 /* an unwanted body up to this is read away */

/* --- the pool ------------------------------------------------------------------------------ */

static void
http_request_free(struct http_request *request)
{
	OBJ_FINI(request);
	http_message_fini(&request->message);
	buf_fini(&request->head);
	free(request);
}

static bool
http_request_reserve(void *limits, size_t more)
{
	return http_limits_reserve(limits, more);
}

struct http_request *
http_request_take(struct http_connection *c)
{
	struct http_server *server = c->server;
	struct http_request *request = server->pool;

	if (request != NULL) {
		server->pool = request->next;
		server->pool_count--;
	} else {
		request = calloc(1, sizeof *request);
		if (request == NULL)
			return NULL;
		OBJ_INIT(request, HTTP_REQUEST_MAGIC);
		http_message_init(&request->message);
		buf_init(&request->head, 65536);
	}
	http_message_reset(&request->message, http_request_reserve, server->options.limits);
	request->connection = c;
	request->name = "http";
	request->body_limit = server->options.body_limit;
	c->request = request;
	return request;
}

void
http_request_release(struct http_request *request)
{
	struct http_connection *c = request->connection;
	struct http_server *server = c->server;

	assert(c->request == request && !request->writing && !request->held);
	c->request = NULL;
	http_limits_release(server->options.limits, request->message.reserved);
	free(request->tail);
	if (server->pool_count >= HTTP_KEPT_REQUESTS) {
		http_request_free(request);
		return;
	}
	http_message_reset(&request->message, NULL, NULL);
	if (request->head.space > REQUEST_KEEP_HEAD)
		buf_fini(&request->head);
	request->tail = NULL;
	request->connection = NULL;
	request->task = NULL;
	request->context = NULL;
	request->status = 0;
	request->deadline_ms = 0;
	request->arena_budget = 0;
	request->lane = 0;
	request->spawned = request->failing = request->refused = request->close = false;
	request->streaming = request->chunked = request->bodiless = false;
	request->address[0] = '\0';
	request->next = server->pool;
	server->pool = request;
	server->pool_count++;
}

void
http_request_pool_free(struct http_server *server)
{
	while (server->pool != NULL) {
		struct http_request *request = server->pool;

		server->pool = request->next;
		http_request_free(request);
	}
}

/* --- its task ------------------------------------------------------------------------------ */

void
http_request_run(void *arg)
{
	OBJ_CAST(struct http_request, request, arg, HTTP_REQUEST_MAGIC);
	struct http_connection *c = request->connection;
	struct http_server *server = c->server;

	if (c->state != CONNECTION_CLOSING) {
		request->task = task_self();
		server->options.handler_fn(request, server->options.arg);
		if (request->status == 0)
			http_reply_error(request, STATUS_INTERNAL, "The request was not answered");
		request->task = NULL;
	}
	if (request->streaming)
		http_connection_close(c);
	request->spawned = false;
	server->requests--;
	http_lane_leave(request);
	http_connection_finish(c);
}

bool
http_request_drainable(const struct http_request *request)
{
	return request->message.head_complete && !request->refused && !request->message.chunked &&
	       !request->message.expect_continue &&
	       request->message.content_length <= REQUEST_DRAIN;
}

void
http_request_cancel_on_hangup(struct http_request *request, bool cancel)
{
	struct http_connection *c = request->connection;

	OBJ_CHECK(request, HTTP_REQUEST_MAGIC);
	c->cancel_on_hangup = cancel;
	if (!cancel)
		return;
	if (request->task != NULL && http_request_hung_up(request))
		task_cancel(request->task);
	else if (c->pending_length < HTTP_PENDING_LIMIT)
		http_connection_read(c);
}

bool
http_request_hung_up(const struct http_request *request)
{
	return request->connection->eof || request->connection->state == CONNECTION_CLOSING;
}

/* --- what came ----------------------------------------------------------------------------- */

const char *
http_request_method(const struct http_request *request)
{
	return request->message.head_complete ? request->message.method : "";
}

const struct http_target *
http_request_target(const struct http_request *request)
{
	static const struct http_target none = {.path = ""};

	return request->message.head_complete ? &request->message.target : &none;
}

const char *
http_request_segment(const struct http_request *request, size_t i)
{
	const struct http_target *target = http_request_target(request);

	return i < target->segment_count ? target->segments[i] : NULL;
}

const char *
http_request_param(const struct http_request *request, const char *name)
{
	const struct http_target *target = http_request_target(request);

	for (size_t i = 0; i < target->param_count; i++) {
		if (strcmp(target->params[i].name, name) == 0)
			return target->params[i].value;
	}
	return NULL;
}

const char *
http_request_header(const struct http_request *request, const char *name)
{
	return http_request_header_next(request, name, NULL);
}

const char *
http_request_header_next(const struct http_request *request, const char *name, const char *after)
{
	return request->message.head_complete ? http_head_find_next(&request->message, name, after)
	                                      : NULL;
}

const char *
http_request_body(const struct http_request *request, size_t *length)
{
	const struct http_body *body = &request->message.body;

	if (length != NULL)
		*length = body->length;
	return body->bytes != NULL ? body->bytes : "";
}

size_t
http_request_length(const struct http_request *request)
{
	return request->message.chunked ? SIZE_MAX : (size_t)request->message.content_length;
}

const struct sockaddr *
http_request_sockaddr(const struct http_request *request)
{
	return &request->connection->address.any;
}

const char *
http_request_address(struct http_request *request)
{
	const union http_address *address = &request->connection->address;
	const struct in6_addr *in6 = &address->in6.sin6_addr;

	if (request->address[0] != '\0')
		return request->address;
	if (address->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &address->in.sin_addr, request->address,
		          sizeof request->address);
	else if (address->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(in6))
		inet_ntop(AF_INET, in6->s6_addr + 12, request->address, sizeof request->address);
	else if (address->any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, in6, request->address, sizeof request->address);
	else
		return "unix";
	return request->address;
}

const char *
http_request_traceparent(const struct http_request *request)
{
	const char *text = http_request_header(request, "traceparent");

	return http_traceparent_valid(text) ? text : NULL;
}

uint64_t
http_request_started_us(const struct http_request *request)
{
	return request->started_us;
}

/* --- head_fn's decisions ------------------------------------------------------------------- */

void
http_request_set_body_limit(struct http_request *request, size_t bytes)
{
	request->body_limit = bytes;
}

void
http_request_set_task(struct http_request *request, const char *name, uint32_t deadline_ms,
                      size_t arena_budget)
{
	request->name = name;
	request->deadline_ms = deadline_ms;
	request->arena_budget = arena_budget;
}

void
http_request_set_lane(struct http_request *request, unsigned lane)
{
	assert(lane < HTTP_LANES);
	request->lane = lane + 1;
}

void
http_request_set_context(struct http_request *request, void *context)
{
	request->context = context;
}

void *
http_request_context(const struct http_request *request)
{
	return request->context;
}

int
http_request_replied(const struct http_request *request)
{
	return request->status;
}
