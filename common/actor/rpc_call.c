/* SPDX-License-Identifier: MIT
 * The life of one call: encoded and submitted by its task, placed on a link by the io worker,
 * answered or failed by an event that is posted back.
 *
 * Two threads know a call. The fields of each are named in rpc_private.h; whatever goes from one to
 * the other is a post, and every post under way holds a reference. A task that gives up posts
 * `abandon` and forgets the call; late events then find nobody waiting and only let go. */
#include "common/actor/rpc_private.h"

#include "common/base/clock.h"
#include "common/base/obj.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_SIZE_FIELD    9
#define REPLY_STREAM_FIELD  10
#define REPLY_LEAVING_FIELD 14

void
rpc_call_release(struct rpc_call *call)
{
	OBJ_CHECK(call, RPC_CALL_MAGIC);
	if (atomic_fetch_sub(&call->references, 1) != 1)
		return;
	while (call->pieces != NULL) {
		struct rpc_piece *piece = call->pieces;

		call->pieces = piece->next;
		free(piece);
	}
	OBJ_FINI(call);
	rpc_release(call->rpc);
	free(call->request);
	free(call->reply);
	free(call->body);
	free(call);
}

static void
rpc_call_hold(struct rpc_call *call)
{
	atomic_fetch_add(&call->references, 1);
}

/* --- events on the io worker -------------------------------------------------------------------
 */

static void
rpc_head_fn(struct post *post)
{
	struct rpc_call *call = OBJ_CONTAINER(post, struct rpc_call, head);

	call->answered = true;
	if (call->waiter != NULL)
		wait_done(call->waiter);
	call->waiter = NULL;
	rpc_call_release(call);
}

static void
rpc_post_head(struct rpc_call *call)
{
	call->head_posted = true;
	call->head.fn = rpc_head_fn;
	rpc_call_hold(call);
	worker_post(call->worker, &call->head);
}

static void
rpc_broken_fn(struct post *post)
{
	struct rpc_call *call = OBJ_CONTAINER(post, struct rpc_call, broken);

	call->ended = true;
	call->end_status = STATUS_DEPENDENCY_DOWN;
	if (call->waiter != NULL)
		wait_done(call->waiter);
	call->waiter = NULL;
	rpc_call_release(call);
}

void
rpc_call_fail(struct rpc_call *call, enum rpc_failure failure)
{
	if (!call->head_posted) {
		call->failure = failure;
		rpc_post_head(call);
		return;
	}
	call->broken.fn = rpc_broken_fn;
	rpc_call_hold(call);
	worker_post(call->worker, &call->broken);
}

static void
rpc_link_failed(struct link_call *link, bool started)
{
	struct rpc_call *call = OBJ_CONTAINER(link, struct rpc_call, link);

	rpc_call_fail(call, started ? RPC_UNKNOWN : RPC_NOT_STARTED);
	rpc_replica_result(call->replica, false, false);
	rpc_call_release(call); /* the link's */
}

/* The call has ended for the link. */
static void
rpc_off_link(struct rpc_call *call, bool ended)
{
	link_client_finish(call->replica->link, &call->link, ended);
	rpc_replica_result(call->replica, ended, false);
	rpc_call_release(call);
}

static void
rpc_protocol_error(struct rpc_call *call)
{
	rpc_call_fail(call, RPC_UNKNOWN);
	rpc_off_link(call, false);
}

static void
rpc_hear_reply(struct rpc_call *call, const uint8_t *payload, size_t length)
{
	uint64_t size, stream, leaving;

	if (call->reply != NULL || !wire_peek(payload, length, REPLY_SIZE_FIELD, 0, &size) ||
	    !wire_peek(payload, length, REPLY_LEAVING_FIELD, 0, &leaving) ||
	    !wire_peek(payload, length, REPLY_STREAM_FIELD, 0, &stream) ||
	    size > MESSAGE_MAX_BODY) {
		rpc_protocol_error(call);
		return;
	}
	if (leaving != 0) {
		call->replica->refusing = true;
		rpc_call_fail(call, RPC_HANDED_OVER);
		rpc_off_link(call, true);
		return;
	}
	call->reply = malloc(length + 1);
	if (call->reply != NULL && size > 0)
		call->body = malloc(size);
	if (call->reply == NULL || (size > 0 && call->body == NULL)) {
		rpc_protocol_error(call);
		return;
	}
	memcpy(call->reply, payload, length);
	call->reply_length = length;
	call->body_size = size;
	call->streaming = stream != 0;
	if (size > 0)
		return; /* the pieces first */
	rpc_post_head(call);
	if (!stream)
		rpc_off_link(call, true);
}

static void
rpc_hear_body(struct rpc_call *call, const struct wire_piece *piece)
{
	if (piece->length > call->body_size - call->body_received) {
		rpc_protocol_error(call);
		return;
	}
	memcpy(call->body + call->body_received, piece->bytes, piece->length);
	call->body_received += piece->length;
	if (call->body_received == call->body_size) {
		rpc_post_head(call);
		rpc_off_link(call, true);
	} else if (piece->end) {
		rpc_protocol_error(call);
	} else {
		Wire__Window window = WIRE__WINDOW__INIT;
		struct wire_item *item;

		window.has_bytes = true;
		window.bytes = (uint32_t)piece->length;
		item = wire_item_new(WIRE_NO_CALL, WIRE_WINDOW_OF, &window.base);
		if (item != NULL)
			link_client_send(call->replica->link, &call->link, item, true);
	}
}

static void
rpc_hear_stream(struct rpc_call *call, const struct wire_piece *piece)
{
	struct rpc_piece *copy = malloc(sizeof *copy + piece->length);
	char slug[64];

	if (copy == NULL) {
		rpc_protocol_error(call);
		return;
	}
	*copy = (struct rpc_piece){
	    .post.fn = rpc_piece_fn, .call = call, .length = piece->length, .end = piece->end};
	if (piece->end && piece->status != 0) {
		snprintf(slug, sizeof slug, "%.*s", (int)piece->problem_length, piece->problem);
		copy->status = status_from_wire(slug, piece->status);
	}
	memcpy(copy->bytes, piece->bytes, piece->length);
	rpc_call_hold(call);
	worker_post(call->worker, &copy->post);
	if (piece->end)
		rpc_off_link(call, true);
}

static void
rpc_hear_piece(struct rpc_call *call, const uint8_t *payload, size_t length)
{
	struct wire_piece piece;

	if (call->reply == NULL || !wire_read_piece(payload, length, &piece))
		rpc_protocol_error(call);
	else if (call->streaming)
		rpc_hear_stream(call, &piece);
	else
		rpc_hear_body(call, &piece);
}

struct window_post {
	struct post post;
	struct rpc_call *call;
	uint32_t bytes;
};

static void
rpc_credit_fn(struct post *post)
{
	struct window_post *window = OBJ_CONTAINER(post, struct window_post, post);
	struct rpc_call *call = window->call;

	call->credit += window->bytes;
	if (call->waiter != NULL)
		wait_done(call->waiter);
	call->waiter = NULL;
	rpc_call_release(call);
	free(window);
}

static void
rpc_hear_window(struct rpc_call *call, const uint8_t *payload, size_t length)
{
	struct window_post *window = malloc(sizeof *window);
	uint64_t bytes;

	if (window == NULL || !wire_peek(payload, length, 1, 0, &bytes) || bytes > WIRE_WINDOW) {
		free(window);
		rpc_protocol_error(call);
		return;
	}
	*window = (struct window_post){{.fn = rpc_credit_fn}, call, (uint32_t)bytes};
	rpc_call_hold(call);
	worker_post(call->worker, &window->post);
}

static void
rpc_link_event(struct link_call *link, enum wire_kind kind, const uint8_t *payload, size_t length)
{
	struct rpc_call *call = OBJ_CONTAINER(link, struct rpc_call, link);

	OBJ_CHECK(call, RPC_CALL_MAGIC);
	if (kind == WIRE_REPLY)
		rpc_hear_reply(call, payload, length);
	else if (kind == WIRE_PIECE_OF)
		rpc_hear_piece(call, payload, length);
	else if (kind == WIRE_WINDOW_OF)
		rpc_hear_window(call, payload, length);
	else
		rpc_protocol_error(call);
}

/* --- from the task to the io worker --------------------------------------------------------------
 */

static void
rpc_submit_fn(struct post *post)
{
	struct rpc_call *call = OBJ_CONTAINER(post, struct rpc_call, submit);

	/* This post's reference becomes the link's. */
	rpc_place(call);
}

static void
rpc_abandon_fn(struct post *post)
{
	struct rpc_call *call = OBJ_CONTAINER(post, struct rpc_call, abandon);

	if (call->link.id != 0) {
		link_client_finish(call->replica->link, &call->link, false);
		rpc_replica_result(call->replica, false, call->late);
		rpc_call_release(call);
	}
	rpc_call_release(call);
}

void
rpc_call_abandon(struct rpc_call *call, enum status why)
{
	call->waiter = NULL;
	call->late = why == STATUS_DEADLINE;
	call->abandon.fn = rpc_abandon_fn;
	worker_post(call->rpc->options.io, &call->abandon); /* with the task's reference */
}

struct item_post {
	struct post post;
	struct rpc_call *call;
	struct wire_item *item;
	bool urgent;
};

static void
rpc_item_fn(struct post *post)
{
	struct item_post *send = OBJ_CONTAINER(post, struct item_post, post);
	struct rpc_call *call = send->call;

	if (call->link.id != 0)
		link_client_send(call->replica->link, &call->link, send->item, send->urgent);
	else
		free(send->item);
	rpc_call_release(call);
	free(send);
}

static int
rpc_post_item(struct rpc_call *call, struct wire_item *item, bool urgent)
{
	struct item_post *send = malloc(sizeof *send);

	if (send == NULL || item == NULL) {
		free(send);
		free(item);
		return -1;
	}
	*send = (struct item_post){{.fn = rpc_item_fn}, call, item, urgent};
	rpc_call_hold(call);
	worker_post(call->rpc->options.io, &send->post);
	return 0;
}

void
rpc_call_grant(struct rpc_call *call, size_t bytes)
{
	Wire__Window window = WIRE__WINDOW__INIT;

	window.has_bytes = true;
	window.bytes = (uint32_t)bytes;
	/* Without memory the stream stalls until its deadline, no worse. */
	(void)rpc_post_item(call, wire_item_new(WIRE_NO_CALL, WIRE_WINDOW_OF, &window.base), true);
}

/* --- the task ------------------------------------------------------------------------------------
 */

static const void *
rpc_body(const struct rpc_request *request, size_t *length)
{
	uint8_t *body;

	if (request->message == NULL) {
		*length = request->body_length;
		return request->body != NULL ? request->body : "";
	}
	*length = protobuf_c_message_get_packed_size(request->message);
	body = arena_alloc(task_arena(), *length + 1);
	if (body != NULL)
		protobuf_c_message_pack(request->message, body);
	return body;
}

static struct wire_item *
rpc_encode(const struct rpc_request *request, const void *body, size_t length)
{
	Wire__Request wire = WIRE__REQUEST__INIT;
	Wire__Header headers[MESSAGE_MAX_HEADERS], *pointers[MESSAGE_MAX_HEADERS];
	uint32_t left = task_time_left();

	assert(request->header_count <= MESSAGE_MAX_HEADERS);
	for (size_t i = 0; i < request->header_count; i++) {
		headers[i] = (Wire__Header)WIRE__HEADER__INIT;
		headers[i].name = (char *)(uintptr_t)request->headers[i].name;
		headers[i].value = (char *)(uintptr_t)request->headers[i].value;
		pointers[i] = &headers[i];
	}
	wire.method = (char *)(uintptr_t)request->method;
	wire.has_time_left_ms = left != UINT32_MAX;
	wire.time_left_ms = left;
	wire.traceparent = (char *)(uintptr_t)task_traceparent();
	wire.user = (char *)(uintptr_t)request->identity.user;
	wire.session = (char *)(uintptr_t)request->identity.session;
	wire.locale = (char *)(uintptr_t)request->identity.locale;
	wire.time_zone = (char *)(uintptr_t)request->identity.time_zone;
	wire.idempotency_key = (char *)(uintptr_t)request->idempotency_key;
	wire.n_headers = request->header_count;
	wire.headers = pointers;
	wire.has_refusal = request->refusal != NULL;
	wire.refusal =
	    (ProtobufCBinaryData){request->refusal_length, (uint8_t *)(uintptr_t)request->refusal};
	if (length <= WIRE_PIECE) {
		wire.has_body = true;
		wire.body = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)body};
	} else {
		wire.has_size = true;
		wire.size = (uint32_t)length;
	}
	return wire_item_new(WIRE_NO_CALL, WIRE_REQUEST, &wire.base);
}

struct rpc_call *
rpc_call_new(struct rpc *rpc, const struct rpc_request *request, const void *body, size_t length)
{
	struct rpc_call *call = calloc(1, sizeof *call);
	struct wire_item *item;

	if (call == NULL)
		return NULL;
	OBJ_INIT(call, RPC_CALL_MAGIC);
	call->references = 1;
	call->rpc = rpc;
	rpc_hold(rpc);
	call->worker = worker_current();
	call->boot_id = request->boot_id;
	call->answer_by_ms = request->answer_by_ms != 0 ? request->answer_by_ms : UINT64_MAX;
	call->link.event = rpc_link_event;
	call->link.failed = rpc_link_failed;
	call->credit = WIRE_BODY_WINDOW;
	call->request = item = rpc_encode(request, body, length);
	if (item == NULL)
		rpc_call_release(call);
	return item != NULL ? call : NULL;
}

/* Parks until the next event of the call. */
static enum status
rpc_call_wait(struct rpc_call *call)
{
	struct wait wait;
	enum status status;

	wait_init(&wait);
	call->waiter = &wait;
	status = wait_until(&wait, call->answer_by_ms);
	call->waiter = NULL;
	return status;
}

/* Sends a body that is larger than a piece; stops early when the answer is there already. */
static enum status
rpc_send_pieces(struct rpc_call *call, const uint8_t *body, size_t length)
{
	size_t sent = 0;

	while (sent < length && !call->answered) {
		size_t part = length - sent < WIRE_PIECE ? length - sent : WIRE_PIECE;
		Wire__Piece piece = WIRE__PIECE__INIT;
		enum status status;

		if (call->credit < part) {
			status = rpc_call_wait(call);
			if (status != STATUS_OK)
				return status;
			continue;
		}
		piece.has_bytes = true;
		piece.bytes = (ProtobufCBinaryData){part, (uint8_t *)(uintptr_t)(body + sent)};
		if (rpc_post_item(call, wire_item_new(WIRE_NO_CALL, WIRE_PIECE_OF, &piece.base),
		                  false) != 0)
			return STATUS_OVERLOADED;
		call->credit -= part;
		sent += part;
	}
	return STATUS_OK;
}

enum status
rpc_call_start(struct rpc_call *call, const void *body, size_t length)
{
	enum status status = STATUS_OK;

	call->submit.fn = rpc_submit_fn;
	rpc_call_hold(call);
	worker_post(call->rpc->options.io, &call->submit);
	if (length > WIRE_PIECE)
		status = rpc_send_pieces(call, body, length);
	while (status == STATUS_OK && !call->answered)
		status = rpc_call_wait(call);
	return status;
}

static void
rpc_fill_violations(const Wire__Reply *wire, struct reply *reply, struct arena *arena)
{
	struct violation **tail = &reply->violations;

	for (size_t i = 0; i < wire->n_violations; i++) {
		const Wire__Violation *from = wire->violations[i];
		struct violation *violation = arena_alloc(arena, sizeof *violation);

		if (violation == NULL)
			return;
		violation->pointer = from->pointer != NULL ? from->pointer : from->parameter;
		violation->detail = from->detail;
		if (violation->pointer == NULL)
			violation->pointer = "";
		*tail = violation;
		tail = &violation->next;
	}
}

enum status
rpc_call_fill(struct rpc_call *call, struct reply *reply)
{
	struct arena *arena = task_arena();
	Wire__Reply *wire =
	    wire__reply__unpack(arena_allocator(arena), call->reply_length, call->reply);

	if (wire == NULL)
		return reply->status = STATUS_INTERNAL;
	if (wire->status != 0)
		reply->status = status_from_wire(wire->problem, wire->status);
	reply->detail = wire->detail;
	reply->retry_after_s = wire->retry_after_s;
	if (wire->has_outcome && (unsigned)wire->outcome <= OUTCOME_NO_CONTENT)
		reply->outcome = (enum outcome)wire->outcome;
	for (size_t i = 0; i < wire->n_headers && i < MESSAGE_MAX_HEADERS; i++)
		if (wire->headers[i]->name != NULL && wire->headers[i]->value != NULL)
			reply->headers[reply->header_count++] =
			    (struct header){wire->headers[i]->name, wire->headers[i]->value};
	rpc_fill_violations(wire, reply, arena);
	reply->body = wire->body.data;
	reply->body_length = wire->body.len;
	if (call->body != NULL) {
		reply->body = call->body;
		reply->body_length = call->body_size;
		if (arena_adopt(arena, call->body, free) != 0)
			reply->status = STATUS_OVERLOADED;
		call->body = NULL;
	}
	reply->queue_us = wire->queue_us;
	reply->service_us = wire->service_us;
	reply->ai_us = wire->ai_us;
	return reply->status;
}

/* --- attempts
 * -------------------------------------------------------------------------------------- */

#define RETRY_COST   10 /* tenths: one retry per ten calls */
#define RPC_ATTEMPTS 3

static bool
rpc_may_retry(struct rpc *rpc, const struct rpc_request *request, enum rpc_failure failure)
{
	if (failure == RPC_FULL || failure == RPC_NOBODY ||
	    (failure == RPC_UNKNOWN && !request->idempotent))
		return false;
	if (atomic_fetch_sub(&rpc->retry_tokens, RETRY_COST) >= RETRY_COST) {
		metric_add(rpc->retries, 1);
		return true;
	}
	atomic_fetch_add(&rpc->retry_tokens, RETRY_COST);
	return false;
}

static void
rpc_earn_retry(struct rpc *rpc)
{
	if (atomic_load(&rpc->retry_tokens) < RPC_RETRY_LIMIT)
		atomic_fetch_add(&rpc->retry_tokens, 1);
}

/* One attempt. True when it is the last: the reply's status is final, and *callp what answered. */
static bool
rpc_try(struct rpc *rpc, const struct rpc_request *request, const void *body, size_t length,
        bool may_retry, struct rpc_call **callp, struct reply *reply)
{
	struct rpc_call *call = rpc_call_new(rpc, request, body, length);
	enum rpc_failure failure;

	if (call == NULL) {
		reply->status = STATUS_OVERLOADED;
		return true;
	}
	reply->status = rpc_call_start(call, body, length);
	if (reply->status != STATUS_OK) {
		rpc_call_abandon(call, reply->status);
		return true;
	}
	failure = call->failure;
	if (failure == RPC_ANSWERED) {
		*callp = call;
		rpc_call_fill(call, reply);
		return true;
	}
	rpc_call_release(call);
	/* Each time one replica fewer is asked, so this ends; and it costs nobody anything. */
	if (failure == RPC_HANDED_OVER || (may_retry && rpc_may_retry(rpc, request, failure)))
		return false;
	reply->retry_after_s = 1;
	reply->status = failure == RPC_FULL ? STATUS_OVERLOADED : STATUS_DEPENDENCY_DOWN;
	return true;
}

enum status
rpc_attempt(struct rpc *rpc, const struct rpc_request *request, struct rpc_call **callp,
            struct reply *reply)
{
	uint64_t began_us = clock_us();
	int attempt = 1;
	size_t length;
	const void *body = rpc_body(request, &length);

	OBJ_CHECK(rpc, RPC_MAGIC);
	*reply = (struct reply){.status = STATUS_OK};
	*callp = NULL;
	if (body == NULL)
		return reply->status = STATUS_OVERLOADED;
	if (length > MESSAGE_MAX_BODY)
		return reply->status = STATUS_TOO_LARGE;
	rpc_hold(rpc);
	metric_add(rpc->calls, 1);
	rpc_earn_retry(rpc);
	while (!rpc_try(rpc, request, body, length, attempt < RPC_ATTEMPTS, callp, reply))
		attempt++;
	if (*callp != NULL)
		metric_observe_us(rpc->latency, clock_us() - began_us);
	else
		metric_add(rpc->failures, 1);
	rpc_release(rpc);
	return reply->status;
}

enum status
rpc_call(struct rpc *rpc, const struct rpc_request *request, struct reply *reply)
{
	struct rpc_call *call;
	enum status status = rpc_attempt(rpc, request, &call, reply);

	if (call == NULL)
		return status;
	if (call->streaming) {
		rpc_call_abandon(call, STATUS_CANCELLED); /* nobody is going to read it */
		return reply->status = STATUS_INTERNAL;
	}
	rpc_call_release(call);
	return status;
}

enum status
rpc_invoke(struct rpc *rpc, const struct rpc_request *request,
           const ProtobufCMessageDescriptor *answer_type, ProtobufCMessage **answer,
           struct reply *reply)
{
	enum status status = rpc_call(rpc, request, reply);

	*answer = NULL;
	if (status != STATUS_OK)
		return status;
	*answer =
	    protobuf_c_message_unpack(answer_type, arena_allocator(task_arena()),
	                              reply->body_length, reply->body != NULL ? reply->body : "");
	return *answer != NULL ? STATUS_OK : (reply->status = STATUS_INTERNAL);
}
