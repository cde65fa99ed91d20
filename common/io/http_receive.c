/* SPDX-License-Identifier: MIT
 * What arrives on a connection: bytes become a head, a body, a task; what comes too early waits. */
#include "common/io/http_private.h"

#include "common/base/clock.h"
#include "common/base/obj.h"

#include <stdlib.h>
#include <string.h>

/* --- a request, byte by byte --------------------------------------------------------------- */

static void
http_connection_bad(struct http_connection *c, enum status status)
{
	if (status != STATUS_OVERLOADED)
		http_limits_count(c->server->options.limits, HTTP_METRIC_BAD, 1);
	http_connection_refuse(c, status, c->request->message.detail);
}

static bool
http_connection_overloaded(struct http_connection *c)
{
	const struct http_server *server = c->server;

	return server->options.max_requests != 0 &&
	       server->requests >= server->options.max_requests;
}

void
http_connection_begin(struct http_connection *c, bool welcome)
{
	struct http_request *request = c->request;
	const struct task_options task = {
	    .name = request->name,
	    .deadline_ms = request->deadline_ms != 0 ? clock_ms() + request->deadline_ms : 0,
	    .traceparent = http_request_traceparent(request),
	    .arena_budget = request->arena_budget,
	};

	if (welcome && task_spawn(&task, http_request_run, request) == STATUS_OK) {
		request->spawned = true;
		c->server->requests++;
		http_connection_enter(c, CONNECTION_HANDLING);
		return;
	}
	if (welcome)
		http_lane_leave(request);
	http_connection_answer(c, STATUS_OVERLOADED, "Too many requests are in progress");
}

/* The whole request is here: hand it to a task, as soon as its lane has a place. */
static void
http_connection_handle(struct http_connection *c)
{
	struct http_request *request = c->request;

	if (request->status != 0) /* answered before its body was read away */
		http_connection_finish(c);
	else if (http_connection_overloaded(c))
		http_connection_begin(c, false);
	else if (http_lane_enter(request))
		http_connection_begin(c, true);
	else if (http_lane_wait(request))
		http_connection_enter(c, CONNECTION_TURN);
	else
		http_connection_begin(c, false);
}

/* The head is complete: is the request welcome, and its body? */
static void
http_connection_head(struct http_connection *c)
{
	struct http_server_options *options = &c->server->options;
	struct http_request *request = c->request;
	struct http_message *message = &request->message;
	enum status status = STATUS_OK;

	request->started_us = clock_us();
	http_limits_count(options->limits, HTTP_METRIC_REQUESTS, 1);
	message->body.complete = !message->chunked && message->content_length == 0;
	if (http_connection_overloaded(c)) {
		http_connection_answer(c, STATUS_OVERLOADED, "Too many requests are in progress");
		return;
	}
	request->held = true;
	if (options->head_fn != NULL)
		status = options->head_fn(request, options->arg);
	request->held = false;
	if (request->status != 0 || status != STATUS_OK) {
		http_connection_answer(c, status, status_title(status));
		return;
	}
	status = http_body_begin(message, request->body_limit, false);
	if (status != STATUS_OK) {
		http_connection_bad(c, status);
	} else if (message->body.complete) {
		http_connection_handle(c);
	} else {
		http_connection_enter(c, CONNECTION_BODY);
		if (message->expect_continue && !http_send_continue(request))
			http_connection_close(c);
	}
}

/* Takes bytes as far as the request goes; returns how many. */
static size_t
http_connection_feed(struct http_connection *c, const char *bytes, size_t length)
{
	size_t used = 0, taken;
	enum status status;

	while (used < length && c->state <= CONNECTION_BODY) {
		if (c->state == CONNECTION_IDLE) {
			if (http_request_take(c) == NULL) {
				http_connection_close(c);
				break;
			}
			http_connection_enter(c, CONNECTION_HEAD);
		}
		if (c->state == CONNECTION_HEAD) {
			status = http_head_feed(&c->request->message, bytes + used, length - used,
			                        &taken);
			used += taken;
			if (status != STATUS_OK)
				http_connection_bad(c, status);
			else if (c->request->message.head_complete)
				http_connection_head(c);
		} else {
			status = http_body_feed(&c->request->message, bytes + used, length - used,
			                        &taken);
			used += taken;
			if (status != STATUS_OK)
				http_connection_bad(c, status);
			else if (c->request->message.body.complete)
				http_connection_handle(c);
		}
	}
	return used;
}

/* Puts aside what came too early. Reading stops, unless somebody waits for the hang-up. */
static void
http_connection_keep(struct http_connection *c, const char *bytes, size_t length)
{
	struct http_limits *limits = c->server->options.limits;
	char *pending;

	if (!http_limits_reserve(limits, length)) {
		http_connection_close(c);
		return;
	}
	pending = realloc(c->pending, c->pending_length + length);
	if (pending == NULL) {
		http_limits_release(limits, length);
		http_connection_close(c);
		return;
	}
	memcpy(pending + c->pending_length, bytes, length);
	c->pending = pending;
	c->pending_length += length;
	if (!c->cancel_on_hangup || c->pending_length >= HTTP_PENDING_LIMIT) {
		uv_read_stop(&c->uv.stream);
		c->reading = false;
	}
}

static void
http_connection_received(struct http_connection *c, const char *bytes, size_t length)
{
	size_t used = 0;

	if (c->state <= CONNECTION_BODY)
		used = http_connection_feed(c, bytes, length);
	if (used < length && c->state < CONNECTION_LINGER)
		http_connection_keep(c, bytes + used, length - used);
}

/* What came early is looked at now, as if it had just come; and then the end, if that came too. */
void
http_connection_continue(struct http_connection *c)
{
	char *pending = c->pending;
	size_t length = c->pending_length;

	c->pending = NULL;
	c->pending_length = 0;
	if (c->state == CONNECTION_QUEUED)
		http_connection_enter(c, CONNECTION_IDLE);
	http_connection_received(c, pending, length);
	free(pending);
	http_limits_release(c->server->options.limits, length);
	if (c->eof && c->state <= CONNECTION_BODY)
		http_connection_ended(c, false);
}

/* --- libuv --------------------------------------------------------------------------------- */

static void
http_connection_alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	OBJ_CAST(struct http_connection, c, handle->data, HTTP_CONNECTION_MAGIC);

	/* Only a body may come in large pieces: what does not belong to the request is kept. */
	bool large = c->state == CONNECTION_BODY || c->state == CONNECTION_LINGER;

	(void)suggested;
	*buf = uv_buf_init(c->server->scratch, large ? HTTP_READ_SIZE : HTTP_PENDING_LIMIT);
}

static void
http_connection_read_cb(uv_stream_t *stream, ssize_t length, const uv_buf_t *buf)
{
	OBJ_CAST(struct http_connection, c, stream->data, HTTP_CONNECTION_MAGIC);

	if (length > 0) {
		http_limits_count(c->server->options.limits, HTTP_METRIC_RECEIVED, length);
		http_connection_received(c, buf->base, (size_t)length);
	} else if (length < 0) {
		http_connection_ended(c, length != UV_EOF);
	}
}

void
http_connection_read(struct http_connection *c)
{
	if (c->reading || c->eof || c->state == CONNECTION_CLOSING)
		return;
	c->reading =
	    uv_read_start(&c->uv.stream, http_connection_alloc_cb, http_connection_read_cb) == 0;
	if (!c->reading)
		http_connection_close(c);
}
