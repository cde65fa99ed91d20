/* SPDX-License-Identifier: MIT
 * What rpc.c (replicas), rpc_call.c (one call) and rpc_stream.c (replies in pieces) share. */
#ifndef STUDYHALL_ACTOR_RPC_PRIVATE_H
#define STUDYHALL_ACTOR_RPC_PRIVATE_H

#include "common/actor/link_client.h"
#include "common/actor/rpc.h"
#include "common/base/metrics.h"
#include "common/task/task.h"
#include "common/task/worker.h"
#include "envelope.pb-c.h"

#include <stdatomic.h>

#define RPC_MAGIC      0x49c00001u
#define RPC_CALL_MAGIC 0x49cca110u

#define RPC_RETRY_LIMIT 100 /* tenths: ten retries in a row, then one per ten calls */

struct replica {
	struct rpc *rpc;
	char *url;
	struct link_client *link;
	bool gone;        /* no longer among the addresses: closed when its calls have ended */
	bool leaving;     /* it has asked for no more calls */
	bool refusing;    /* it takes none */
	unsigned allowed; /* calls at a time while it is being let back */
	unsigned late;    /* calls in a row that ran out of time */
	uint64_t ejected_until_ms;
	uint32_t ejection_ms; /* of the last ejection; grows */
	struct replica *next;
};

struct discovery;
struct rpc {
	unsigned magic;
	_Atomic unsigned references; /* the owner; each call; a posted reap */
	struct rpc_options options;
	struct replica *replicas; /* the io worker's */
	struct discovery *discovery;
	_Atomic unsigned up;
	_Atomic int retry_tokens; /* tenths of a retry */
	struct post reap;         /* closes replicas that are gone and idle */
	bool reap_posted;
	struct metric *calls, *failures, *retries, *latency, *replicas_up;
};

/* Bytes of a streamed reply, from the io worker to the task's. */
struct rpc_piece {
	struct post post;
	struct rpc_call *call;
	struct rpc_piece *next;
	size_t length;
	bool end;
	enum status status; /* with end */
	uint8_t bytes[];
};

enum rpc_failure {
	RPC_ANSWERED,
	RPC_NOT_STARTED,
	RPC_HANDED_OVER, /* the replica is leaving and has not begun it */
	RPC_NOBODY,      /* no replica is up */
	RPC_FULL,
	RPC_UNKNOWN
};

/* One attempt. Allocated by the task; released by whoever lets go last. */
struct rpc_call {
	unsigned magic;
	_Atomic int references; /* the task; each post under way; the link */
	struct rpc *rpc;
	struct worker *worker; /* the task's */
	uint64_t boot_id;      /* the only replica it may go to; 0: any */
	uint64_t answer_by_ms; /* UINT64_MAX: whenever */

	/* The io worker's: */
	struct link_call link;
	struct replica *replica;
	struct wire_item *request;
	struct post submit, abandon, head, broken;
	bool late; /* why it was abandoned: out of time */
	bool head_posted;
	uint8_t *body; /* a reply's body that comes in pieces */
	size_t body_size, body_received;

	/* The task's worker's: */
	struct wait *waiter; /* the wait that the next event completes */
	enum rpc_failure failure;
	bool answered;  /* head (or failure) is here */
	bool streaming; /* pieces follow */
	uint8_t *reply; /* the packed wire.Reply */
	size_t reply_length;
	size_t credit; /* bytes of request pieces that may still be sent */
	struct rpc_piece *pieces, *pieces_tail;
	bool ended; /* the last piece, or the failure of the stream, has been queued */
	enum status end_status;
};

/* rpc.c: on the io worker. Chooses a replica for the call and starts it; or posts its failure. */
void rpc_place(struct rpc_call *call);
/* On the io worker. The addresses have changed: new ones get a link, gone ones no more calls. */
void rpc_discovered(void *arg, const char *const *urls, size_t count);
void rpc_hold(struct rpc *rpc);
void rpc_release(struct rpc *rpc);
/* The call is off its link: how did it go for the replica? */
void rpc_replica_result(struct replica *replica, bool answered, bool late);

/* rpc_call.c */
/* `body` is the packed message; rpc_call_start() sends its pieces. */
struct rpc_call *rpc_call_new(struct rpc *rpc, const struct rpc_request *request, const void *body,
                              size_t length);
void rpc_call_release(struct rpc_call *call);
/* Submits the call and waits for the head of its answer. */
enum status rpc_call_start(struct rpc_call *call, const void *body, size_t length);
/* The task lets go of a call that has not ended. */
void rpc_call_abandon(struct rpc_call *call, enum status why);
enum status rpc_call_fill(struct rpc_call *call, struct reply *reply);
/* Grants the service `bytes` more; from the task. */
void rpc_call_grant(struct rpc_call *call, size_t bytes);
/* On the io worker: fails before or after the head. */
void rpc_call_fail(struct rpc_call *call, enum rpc_failure failure);
/* Runs the attempts of rpc_call() and rpc_stream_open() until one is answered. */
enum status rpc_attempt(struct rpc *rpc, const struct rpc_request *request, struct rpc_call **call,
                        struct reply *reply);
/* rpc_stream.c: a piece arrived at the task's worker. */
void rpc_piece_fn(struct post *post);

#endif
