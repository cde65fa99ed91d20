/* SPDX-License-Identifier: MIT
 * The request of a call: opened, read and checked, or refused. */
#include "common/service/call_private.h"

#include "common/actor/failure.h"
#include "common/base/arena.h"
#include "common/service/idempotency.h"
#include "common/service/service.h"

#include <string.h>

bool
call_open(struct call *call)
{
	ProtobufCAllocator *allocator = arena_allocator(task_arena());
	struct incoming *incoming = call->incoming;
	Wire__Request *request =
	    wire__request__unpack(allocator, incoming->request_length, incoming->request);

	incoming_drop_request(incoming);

	if (request == NULL || request->method == NULL)
		return false;
	call->request = request;
	call->body = incoming->body != NULL ? incoming->body : request->body.data;
	call->body_length = incoming->body != NULL ? incoming->body_length : request->body.len;
	if (call->body == NULL)
		call->body = "";
	call->identity =
	    (struct identity){request->user, request->session, request->locale, request->time_zone};
	for (size_t i = 0; i < request->n_headers && i < MESSAGE_MAX_HEADERS; i++)
		if (request->headers[i]->name != NULL && request->headers[i]->value != NULL)
			call->headers[call->header_count++] =
			    (struct header){request->headers[i]->name, request->headers[i]->value};
	task_describe(request->method,
	              request->traceparent != NULL &&
	                      strlen(request->traceparent) == TASK_TRACEPARENT_LENGTH
	                  ? request->traceparent
	                  : NULL);
	return true;
}

/* The caller has found it wrong. */
static enum status
call_refused(struct call *call)
{
	const ProtobufCBinaryData *refusal = &call->request->refusal;
	struct reply failure;
	enum status status = failure_unpack(refusal->data, refusal->len, task_arena(), &failure);

	return status == STATUS_OK ? call_fail_as(call, &failure) : status;
}

static enum status
call_check(struct call *call, const struct rule_table *rules, ProtobufCMessage **request)
{
	struct arena *arena = task_arena();
	enum status status;

	*request = protobuf_c_message_unpack(call->method->input, arena_allocator(arena),
	                                     call->body_length, call->body);
	if (*request == NULL)
		return call_fail(call, STATUS_BAD_REQUEST, "the message cannot be read");
	status = rules_check(rules, *request, arena, &call->reply.violations);
	for (struct violation *at = call->reply.violations; at != NULL; at = at->next)
		call->violation_tail = &at->next;
	return status;
}

enum status
call_read(struct call *call, const struct rule_table *rules, ProtobufCMessage **request)
{
	enum status status =
	    call->request->has_refusal ? call_refused(call) : call_check(call, rules, request);

	if (status == STATUS_OK || !call->method->keyed)
		return status;
	return idempotency_refuse(call, service_db(call->service), call->method->method->name,
	                          status);
}
