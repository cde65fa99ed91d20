/* SPDX-License-Identifier: MIT
 * What call.c (what a handler sees) and serve.c (how a call is run) share. */
#ifndef STUDYHALL_SERVICE_CALL_PRIVATE_H
#define STUDYHALL_SERVICE_CALL_PRIVATE_H

#include "common/actor/link_server.h"
#include "common/base/rules.h"
#include "common/service/call.h"
#include "common/task/task.h"
#include "envelope.pb-c.h"

#define CALL_MAGIC 0xca110001u

struct bound_method {
	const struct method *method;
	const char *name; /* "planner.Planner/GetPlan" */
	const ProtobufCMessageDescriptor *input, *output;
	struct metric *latency, *failures;
	bool keyed;
};

struct call {
	unsigned magic;
	struct service *service;
	struct incoming *incoming;
	struct task *task;
	Wire__Request *request; /* in the task's arena */
	const void *body;
	size_t body_length;
	struct identity identity;
	struct header headers[MESSAGE_MAX_HEADERS];
	size_t header_count;
	const struct bound_method *method;
	uint64_t started_us;

	struct reply reply; /* what the handler has set; strings in the arena */
	struct violation **violation_tail;
	const void *packed; /* call_reply_packed() */
	size_t packed_length;

	bool parked;
	bool streaming; /* the head has been sent */
	size_t credit;  /* bytes of pieces the caller still takes */
	struct wait *waiter;
	char fingerprint[44];
};

/* Takes the request out of its envelope; false if it cannot be read. (call_request.c) */
bool call_open(struct call *call);
/* The message, which lives in the task's arena, once call->method is known: OK if it can be worked
 * on, else what is wrong with it, or what an earlier request with its key came to. Yields. */
enum status call_read(struct call *call, const struct rule_table *rules,
                      ProtobufCMessage **request);

/* Sends the head of a reply: with a body of at most one piece, with `size` of a body whose pieces
 * follow, or as the start of a stream. NULL without memory. */
struct wire_item *call_encode_reply(struct call *call, enum status status, const void *body,
                                    size_t length, bool stream);
/* Sends pieces of a body as the caller takes them. Yields. */
enum status call_send_pieces(struct call *call, const void *bytes, size_t length);

#endif
