/* SPDX-License-Identifier: MIT
 *
 * Calling another actor. One rpc object per actor and process; it finds the replicas (discovery.h),
 * keeps one link to each (link.h), sends a call to the less loaded of two random healthy ones,
 * ejects one that fails or stalls and lets it back slowly.
 *
 * Calls may come from tasks on any worker. At most `max_in_flight` calls wait at a replica. A call
 * that fails before it can have started is retried elsewhere; one whose outcome is unknown only if
 * it is marked idempotent; both within a retry budget of 10 % of the calls.
 */
#ifndef STUDYHALL_ACTOR_RPC_H
#define STUDYHALL_ACTOR_RPC_H

#include "common/actor/message.h"

#include <protobuf-c/protobuf-c.h>

struct rpc;
struct worker;
struct tls_options;

struct rpc_options {
	const char *actor;             /* "planner"; also the name its certificate must bear */
	const char *urls;              /* "tcp://planner:7002", several separated by commas */
	struct worker *io;             /* the worker that owns the links */
	const struct tls_options *tls; /* NULL: plain; must stay valid */
	unsigned max_in_flight;        /* per replica; 0: 4096 */
};

/* On the io worker's thread. Starts to discover and connect; never waits. NULL with one line in
 * `error` when a URL is malformed or there is no memory. */
struct rpc *rpc_open(const struct rpc_options *options, char *error, size_t error_size);
/* On the io worker's thread. Ends the links; calls in progress fail. Nobody may begin another. */
void rpc_close(struct rpc **rpc);

struct rpc_request {
	const char *method; /* "planner.Planner/GetPlan" */
	const void *body;   /* the packed message; or: */
	const ProtobufCMessage *message;
	size_t body_length;
	struct identity identity;
	const char *idempotency_key;
	const struct header *headers;
	size_t header_count;
	bool idempotent;  /* may be sent again when the outcome is unknown */
	uint64_t boot_id; /* not 0: to the replica that is this process, or DEPENDENCY_DOWN */
	/* clock_ms() by which the answer, or a stream's head, must be there, else DEADLINE; 0: the
	 * task's deadline alone. The service is told of the latter only: for streams. */
	uint64_t answer_by_ms;
	/* A packed failure (failure.h): the caller refuses the request itself, and the service is
	 * only to look after the idempotency key. The body is then what the key is bound to. */
	const void *refusal;
	size_t refusal_length;
};

/* From a task: sends the request and yields for the answer. The task's deadline travels along; when
 * it passes, or the task is cancelled, the replica is told to stop. Returns reply->status; what
 * the reply points to is in the task's arena. STATUS_DEPENDENCY_DOWN: no replica, or the one that
 * had the call died (outcome unknown). STATUS_OVERLOADED: every replica is at its bound. */
enum status rpc_call(struct rpc *rpc, const struct rpc_request *request, struct reply *reply);
/* The same for services: request and reply as messages. *answer is in the task's arena. */
enum status rpc_invoke(struct rpc *rpc, const struct rpc_request *request,
                       const ProtobufCMessageDescriptor *answer_type, ProtobufCMessage **answer,
                       struct reply *reply);

/* A reply that comes in pieces. */
struct rpc_stream;
/* As rpc_call(), but returns at the reply's head; the pieces are read with rpc_stream_read(). When
 * the service answers with a plain reply (an error, mostly) *stream is NULL. */
enum status rpc_stream_open(struct rpc *rpc, const struct rpc_request *request, struct reply *reply,
                            struct rpc_stream **stream);
/* The next bytes, valid until the next read. Length 0: the end.
 * A stream that broke off returns the reason. `wait_until_ms` (clock_ms(); 0: none) ends the wait
 * early with STATUS_DEADLINE and can be followed by another read: for keep-alives. */
enum status rpc_stream_read(struct rpc_stream *stream, uint64_t wait_until_ms, const void **bytes,
                            size_t *length);
/* Cancels what has not ended, frees, nulls. Always called by the task that opened it. */
void rpc_stream_close(struct rpc_stream **stream);

/* Is at least one replica up? Any thread. */
bool rpc_ready(const struct rpc *rpc);
unsigned rpc_replicas_up(const struct rpc *rpc);
const char *rpc_actor(const struct rpc *rpc);

#endif
