/* SPDX-License-Identifier: MIT
 * A call's answers to its handler's questions, and the reply as it is put together. */
#include "common/service/call_private.h"

#include "common/actor/wire.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/obj.h"
#include "common/service/serve.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct service *
call_service(struct call *call)
{
	OBJ_CHECK(call, CALL_MAGIC);
	return call->service;
}

const struct identity *
call_identity(const struct call *call)
{
	return &call->identity;
}

const char *
call_user(const struct call *call)
{
	return call->identity.user;
}

const char *
call_session(const struct call *call)
{
	return call->identity.session;
}

const char *
call_locale(const struct call *call)
{
	return call->identity.locale != NULL ? call->identity.locale : "ko";
}

const char *
call_time_zone(const struct call *call)
{
	return call->identity.time_zone != NULL ? call->identity.time_zone : "Asia/Seoul";
}

const char *
call_idempotency_key(const struct call *call)
{
	const char *key = call->request->idempotency_key;

	return key != NULL && *key != '\0' ? key : NULL;
}

const char *
call_header(const struct call *call, const char *name)
{
	return header_find(call->headers, call->header_count, name);
}

const char *
call_fingerprint(const struct call *call)
{
	struct call *mutable = (struct call *)(uintptr_t)call;
	const char *method = call->request->method;
	size_t method_length = strlen(method) + 1;
	char *both;

	if (call->fingerprint[0] != '\0')
		return call->fingerprint;
	both = malloc(method_length + call->body_length);
	if (both == NULL)
		return ""; /* matches no stored one: the key is then refused, not misused */
	memcpy(both, method, method_length);
	memcpy(both + method_length, call->body, call->body_length);
	ids_digest(both, method_length + call->body_length, mutable->fingerprint);
	free(both);
	return call->fingerprint;
}

/* --- the reply ---------------------------------------------------------------------------------
 */

void
call_set_outcome(struct call *call, enum outcome outcome)
{
	call->reply.outcome = outcome;
}

void
call_reply_packed(struct call *call, const void *bytes, size_t length)
{
	call->packed = bytes;
	call->packed_length = length;
}

void
call_peek(const struct call *call, struct reply *reply)
{
	*reply = call->reply;
}

void
call_set_header(struct call *call, const char *name, const char *format, ...)
{
	struct header *header = NULL;
	va_list args;

	for (size_t i = 0; i < call->reply.header_count; i++)
		if (strcmp(call->reply.headers[i].name, name) == 0)
			header = &call->reply.headers[i];
	if (header == NULL) {
		assert(call->reply.header_count < MESSAGE_MAX_HEADERS);
		header = &call->reply.headers[call->reply.header_count++];
	}
	header->name = name;
	va_start(args, format);
	header->value = arena_vprintf(task_arena(), format, args);
	va_end(args);
	if (header->value == NULL)
		header->value = "";
}

void
call_set_retry_after(struct call *call, uint32_t seconds)
{
	call->reply.retry_after_s = seconds;
}

void
call_add_ai_time(struct call *call, uint64_t elapsed_us)
{
	call->reply.ai_us += (uint32_t)elapsed_us;
}

enum status
call_fail(struct call *call, enum status status, const char *format, ...)
{
	va_list args;

	call->reply.detail = NULL;
	if (format != NULL) {
		va_start(args, format);
		call->reply.detail = arena_vprintf(task_arena(), format, args);
		va_end(args);
	}
	return status;
}

enum status
call_invalid(struct call *call, const char *pointer, const char *format, ...)
{
	struct violation *violation = arena_alloc(task_arena(), sizeof *violation);
	va_list args;

	if (violation == NULL)
		return STATUS_OVERLOADED;
	va_start(args, format);
	violation->detail = arena_vprintf(task_arena(), format, args);
	va_end(args);
	violation->pointer = arena_strdup(task_arena(), pointer);
	if (violation->detail == NULL || violation->pointer == NULL)
		return STATUS_OVERLOADED;
	*call->violation_tail = violation;
	call->violation_tail = &violation->next;
	return STATUS_VALIDATION;
}

enum status
call_fail_as(struct call *call, const struct reply *reply)
{
	call->reply.detail = reply->detail;
	call->reply.violations = reply->violations;
	call->violation_tail = &call->reply.violations;
	while (*call->violation_tail != NULL)
		call->violation_tail = &(*call->violation_tail)->next;
	call->reply.retry_after_s = reply->retry_after_s;
	return reply->status;
}

/* --- on the wire -------------------------------------------------------------------------------
 */

#define MAX_VIOLATIONS 20

static char *
text(const char *string)
{
	return (char *)(uintptr_t)string;
}

static uint32_t
elapsed_us(uint64_t from, uint64_t to)
{
	return to > from ? (to - from < UINT32_MAX ? (uint32_t)(to - from) : UINT32_MAX) : 0;
}

struct wire_item *
call_encode_reply(struct call *call, enum status status, const void *body, size_t length,
                  bool stream)
{
	Wire__Reply wire = WIRE__REPLY__INIT;
	Wire__Header headers[MESSAGE_MAX_HEADERS], *header_list[MESSAGE_MAX_HEADERS];
	Wire__Violation violations[MAX_VIOLATIONS], *violation_list[MAX_VIOLATIONS];

	if (status != STATUS_OK) {
		wire.has_status = true;
		wire.status = status_grpc(status);
		wire.problem = text(status_slug(status));
		wire.detail = text(call->reply.detail);
		wire.has_retry_after_s = true;
		wire.retry_after_s = call->reply.retry_after_s;
	}
	for (struct violation *at = call->reply.violations;
	     at != NULL && wire.n_violations < MAX_VIOLATIONS; at = at->next) {
		Wire__Violation *violation = &violations[wire.n_violations];

		*violation = (Wire__Violation)WIRE__VIOLATION__INIT;
		violation->pointer = text(at->pointer);
		violation->detail = text(at->detail);
		violation_list[wire.n_violations++] = violation;
	}
	wire.violations = violation_list;
	for (size_t i = 0; i < call->reply.header_count; i++) {
		headers[i] = (Wire__Header)WIRE__HEADER__INIT;
		headers[i].name = text(call->reply.headers[i].name);
		headers[i].value = text(call->reply.headers[i].value);
		header_list[i] = &headers[i];
	}
	wire.n_headers = call->reply.header_count;
	wire.headers = header_list;
	wire.has_outcome = true;
	wire.outcome = (Wire__Reply__Outcome)call->reply.outcome;
	wire.has_queue_us = wire.has_service_us = true;
	wire.queue_us = elapsed_us(call->incoming->arrived_us, call->started_us);
	wire.service_us = elapsed_us(call->started_us, clock_us());
	wire.has_ai_us = call->reply.ai_us > 0;
	wire.ai_us = call->reply.ai_us;
	wire.has_stream = stream;
	wire.stream = stream;
	if (!stream && length > WIRE_PIECE) {
		wire.has_size = true;
		wire.size = (uint32_t)length;
	} else if (!stream && length > 0) {
		wire.has_body = true;
		wire.body = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)body};
	}
	return wire_item_new(call->incoming->call, WIRE_REPLY, &wire.base);
}

enum status
call_send_pieces(struct call *call, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	while (length > 0) {
		size_t part = length < WIRE_PIECE ? length : WIRE_PIECE;
		Wire__Piece piece = WIRE__PIECE__INIT;

		if (call->credit < part) {
			struct wait wait;
			enum status status;

			wait_init(&wait);
			call->waiter = &wait;
			status = wait_for(&wait);
			call->waiter = NULL;
			if (status != STATUS_OK)
				return status;
			continue;
		}
		piece.has_bytes = true;
		piece.bytes = (ProtobufCBinaryData){part, (uint8_t *)(uintptr_t)at};
		if (incoming_send(call->incoming, wire_item_new(call->incoming->call, WIRE_PIECE_OF,
		                                                &piece.base)) != 0)
			return STATUS_OVERLOADED;
		call->credit -= part;
		at += part;
		length -= part;
	}
	return STATUS_OK;
}

enum status
call_stream_begin(struct call *call)
{
	if (call->streaming)
		return STATUS_OK;
	if (incoming_send(call->incoming, call_encode_reply(call, STATUS_OK, NULL, 0, true)) != 0)
		return STATUS_OVERLOADED;
	call->credit = WIRE_WINDOW;
	call->streaming = true;
	return STATUS_OK;
}

enum status
call_stream_write(struct call *call, const void *bytes, size_t length)
{
	enum status status = call_stream_begin(call);

	return status == STATUS_OK ? call_send_pieces(call, bytes, length) : status;
}
