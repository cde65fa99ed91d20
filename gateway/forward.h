/* SPDX-License-Identifier: MIT
 *
 * One request of the API on its way: identity, message in, rpc, message out. Runs in the request's
 * task and always answers.
 */
#ifndef STUDYHALL_GATEWAY_FORWARD_H
#define STUDYHALL_GATEWAY_FORWARD_H

#include "common/actor/rpc.h"
#include "gateway/answer.h"
#include "gateway/negotiate.h"
#include "gateway/session.h"
#include "gateway/transcode.h"

struct gateway;
struct http_request;
struct route;

/* Answers the request, whose head edge.c has found good. Yields. */
void forward(const struct gateway *gateway, const struct route *route,
             struct http_request *request);

/* Registers the metrics of event streams. Once; -1 without memory. */
int forward_events_init(void);
/* On each worker's thread, at a drain: the streams that can be resumed elsewhere end now, and those
 * to come at once. */
void forward_events_end(void);

/* What one forwarded request is made of; in its task's arena. For the parts of this module. */
struct forward {
	const struct gateway *gateway;
	const struct route *route;
	struct http_request *request;
	struct answer answer;
	struct session session;
	struct negotiation negotiation;
	struct transcode in;
	bool refused; /* by this gateway, and then sent to the service, which keeps it with its key
	               */
	struct reply reply;
	bool is_stream; /* of events, whose head is being sent */
};

/* The reply as an answer (forward_reply.c). */
void forward_answer(struct forward *f);
/* A refusal: by this gateway, or as the reply says. */
void forward_refuse(struct forward *f, enum status status, const char *detail);
/* Fields that every answer of the API has, and those the service may set. */
void forward_put_headers(struct forward *f);
/* A streamed document from its head to its end (forward_document.c). */
void forward_document(struct forward *f, const struct rpc_request *request);
/* A stream of events, or the plain answer that the service gives instead (forward_events.c). */
void forward_events(struct forward *f, struct rpc_request *request);
/* session_verify() in a task that has no deadline. */
enum status forward_verify_events(struct forward *f);

#endif
