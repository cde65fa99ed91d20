/* SPDX-License-Identifier: MIT
 * One connection: which state it is in, and what happens there to bytes, ends and time.
 *
 *	IDLE -> HEAD -> BODY -> TURN -> HANDLING <-> WRITING -> IDLE, or QUEUED when pipelined
 *	any of them -> LINGER -> CLOSING
 *
 * Answers from the loop (errors, head_fn's) skip HANDLING. Nothing is freed under a caller's feet:
 * memory goes when the stream is closed and no task has the request any more. */
#include "common/io/http_private.h"

#include "common/base/obj.h"

#include <stdlib.h>
#include <string.h>

#define BIT(state) (1u << (state))
#define ENDS       (BIT(CONNECTION_LINGER) | BIT(CONNECTION_CLOSING))

static const struct {
	unsigned next; /* states that may follow */
	bool reads;    /* has libuv read; otherwise it is left as it is */
} http_states[CONNECTION_STATES] = {
    [CONNECTION_IDLE] = {BIT(CONNECTION_HEAD) | BIT(CONNECTION_CLOSING), true},
    [CONNECTION_HEAD] = {BIT(CONNECTION_BODY) | BIT(CONNECTION_TURN) | BIT(CONNECTION_HANDLING) |
                             BIT(CONNECTION_WRITING) | BIT(CONNECTION_IDLE) |
                             BIT(CONNECTION_QUEUED) | ENDS,
                         true},
    [CONNECTION_BODY] = {BIT(CONNECTION_TURN) | BIT(CONNECTION_HANDLING) | BIT(CONNECTION_WRITING) |
                             BIT(CONNECTION_IDLE) | BIT(CONNECTION_QUEUED) | ENDS,
                         true},
    [CONNECTION_TURN] = {BIT(CONNECTION_HANDLING) | BIT(CONNECTION_WRITING) | BIT(CONNECTION_IDLE) |
                             BIT(CONNECTION_QUEUED) | ENDS,
                         false},
    [CONNECTION_HANDLING] = {BIT(CONNECTION_WRITING) | BIT(CONNECTION_IDLE) |
                                 BIT(CONNECTION_QUEUED) | ENDS,
                             false},
    [CONNECTION_WRITING] = {BIT(CONNECTION_HANDLING) | BIT(CONNECTION_BODY) | BIT(CONNECTION_IDLE) |
                                BIT(CONNECTION_QUEUED) | ENDS,
                            false},
    [CONNECTION_QUEUED] = {BIT(CONNECTION_IDLE) | BIT(CONNECTION_CLOSING), false},
    [CONNECTION_LINGER] = {BIT(CONNECTION_CLOSING), true},
    [CONNECTION_CLOSING] = {0, false},
};

/* --- states -------------------------------------------------------------------------------- */

static void
http_connection_unlink(struct http_connection *c)
{
	struct http_list *list = &c->server->lists[c->state];

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		list->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		list->last = c->prev;
}

/* At the end of its state's list, with the time and the progress of now. */
static void
http_connection_link(struct http_connection *c)
{
	struct http_list *list = &c->server->lists[c->state];

	c->since_ms = uv_now(c->uv.handle.loop);
	if (c->state == CONNECTION_BODY)
		c->progress = c->request->message.body.length;
	else
		c->progress = uv_stream_get_write_queue_size(&c->uv.stream);
	c->next = NULL;
	c->prev = list->last;
	if (list->last != NULL)
		list->last->next = c;
	else
		list->first = c;
	list->last = c;
}

void
http_connection_enter(struct http_connection *c, enum http_state state)
{
	assert((http_states[c->state].next & BIT(state)) != 0);
	http_connection_unlink(c);
	c->state = state;
	http_connection_link(c);
	if (http_states[state].reads)
		http_connection_read(c);
}

static void
http_connection_free(struct http_connection *c)
{
	struct http_server *server = c->server;

	if (!c->closed || c->request != NULL)
		return;
	http_connection_unlink(c);
	if (c->admitted)
		http_limits_leave(server->options.limits, &c->address.any, c->counted);
	else
		server->refusals--;
	http_limits_release(server->options.limits, c->pending_length);
	OBJ_FINI(c);
	free(c->pending);
	free(c);
	http_server_connection_gone(server);
}

static void
http_connection_closed_cb(uv_handle_t *handle)
{
	OBJ_CAST(struct http_connection, c, handle->data, HTTP_CONNECTION_MAGIC);

	c->closed = true;
	http_connection_free(c);
}

void
http_connection_close(struct http_connection *c)
{
	struct http_request *request = c->request;

	if (c->state == CONNECTION_CLOSING)
		return;
	if (request != NULL && request->waiting)
		http_lane_withdraw(request);
	http_connection_enter(c, CONNECTION_CLOSING);
	c->reading = false;
	uv_close(&c->uv.handle, http_connection_closed_cb);
	if (request != NULL && !request->spawned && !request->writing && !request->held)
		http_request_release(request);
}

/* --- answering from the loop --------------------------------------------------------------- */

void
http_connection_answer(struct http_connection *c, enum status status, const char *detail)
{
	struct http_request *request = c->request;

	request->held = true;
	if (request->status == 0)
		http_reply_error(request, status, detail);
	request->held = false;
	if (!request->writing)
		http_connection_replied(c);
}

void
http_connection_refuse(struct http_connection *c, enum status status, const char *detail)
{
	struct http_request *request = c->request;

	if (request->status != 0) { /* answered already */
		http_connection_close(c);
		return;
	}
	request->refused = true;
	http_connection_answer(c, status, detail);
}

void
http_connection_replied(struct http_connection *c)
{
	struct http_request *request = c->request;

	if (c->state == CONNECTION_CLOSING || request->close || request->message.body.complete) {
		http_connection_finish(c);
		return;
	}
	/* A small body that nobody wants: read it away, the connection is still good. */
	http_body_begin(&request->message, SIZE_MAX, true);
	http_connection_enter(c, CONNECTION_BODY);
	if (c->pending != NULL)
		http_connection_continue(c);
}

/* No more of this request: on to the next, or to the end. */
void
http_connection_finish(struct http_connection *c)
{
	struct http_request *request = c->request;
	bool close = request->close;
	bool unread = request->refused || !request->message.body.complete || c->pending != NULL;
	uv_os_fd_t fd;

	http_request_release(request);
	c->cancel_on_hangup = false;
	if (c->state == CONNECTION_CLOSING) {
		http_connection_free(c);
	} else if (close && unread && !c->eof && uv_fileno(&c->uv.handle, &fd) == 0) {
		shutdown(fd, SHUT_WR);
		http_connection_enter(c, CONNECTION_LINGER);
	} else if (close) {
		http_connection_close(c);
	} else if (c->pending != NULL) {
		http_connection_enter(c, CONNECTION_QUEUED);
		http_server_resume(c->server);
	} else if (c->eof) {
		http_connection_close(c);
	} else {
		http_connection_enter(c, CONNECTION_IDLE);
	}
}

/* --- ends ---------------------------------------------------------------------------------- */

void
http_connection_ended(struct http_connection *c, bool broken)
{
	struct http_request *request = c->request;

	c->eof = true;
	c->reading = false;
	if (request != NULL && request->task != NULL && c->cancel_on_hangup) {
		task_cancel(request->task);
		broken = broken || c->state == CONNECTION_WRITING;
	}
	if (broken || c->state == CONNECTION_IDLE || c->state == CONNECTION_LINGER)
		http_connection_close(c);
	else if (c->state == CONNECTION_HEAD && !http_message_begun(&request->message))
		http_connection_close(c);
	else if (c->state == CONNECTION_HEAD || c->state == CONNECTION_BODY)
		http_connection_refuse(c, STATUS_BAD_REQUEST, "The request ends in the middle");
}

void
http_connection_expire(struct http_connection *c)
{
	struct http_request *request = c->request;
	struct http_server_options *options = &c->server->options;
	size_t queued = uv_stream_get_write_queue_size(&c->uv.stream);

	if ((c->state == CONNECTION_BODY &&
	     request->message.body.length - c->progress >= options->body_progress) ||
	    (c->state == CONNECTION_WRITING && queued < c->progress)) {
		http_connection_unlink(c); /* slow, but getting on */
		http_connection_link(c);
		return;
	}
	if (c->state != CONNECTION_IDLE && c->state != CONNECTION_LINGER)
		http_limits_count(options->limits, HTTP_METRIC_TIMEOUTS, 1);
	if (c->state == CONNECTION_BODY)
		http_connection_refuse(c, STATUS_REQUEST_TIMEOUT, "The body came too slowly");
	else if (c->state == CONNECTION_HEAD && http_message_begun(&request->message))
		http_connection_refuse(c, STATUS_REQUEST_TIMEOUT, "The head came too slowly");
	else
		http_connection_close(c);
}

void
http_connection_start(struct http_connection *c, enum status admitted)
{
	c->state = CONNECTION_IDLE;
	http_connection_link(c);
	if (admitted == STATUS_OK) {
		http_connection_read(c);
	} else if (http_request_take(c) != NULL) {
		http_connection_enter(c, CONNECTION_HEAD);
		http_connection_refuse(c, admitted,
		                       admitted == STATUS_THROTTLED
		                           ? "Too many connections from this address"
		                           : "Too many connections");
	} else {
		http_connection_close(c);
	}
}
