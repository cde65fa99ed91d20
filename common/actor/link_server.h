/* SPDX-License-Identifier: MIT
 *
 * The service's end of the links: receives requests from every connected caller and carries the
 * replies back. The io worker's thread owns it; an `incoming` travels to the worker that works on
 * it and comes back with its reply.
 */
#ifndef STUDYHALL_ACTOR_LINK_SERVER_H
#define STUDYHALL_ACTOR_LINK_SERVER_H

#include "common/actor/budget.h"
#include "common/actor/socket.h"
#include "common/base/status.h"
#include "common/task/worker.h"

#include <stdatomic.h>

struct call;
struct link_peer;
struct link_server;
struct mailbox;

/* A request that came in. Reference-counted: the link holds one until the reply has been taken
 * over or the caller is gone, whoever works on it another. */
struct incoming {
	unsigned magic;
	_Atomic int references;
	struct link_server *server;
	uint64_t call;
	uint64_t arrived_us;
	uint8_t *request; /* the packed wire.Request, without the pieces that followed it */
	size_t request_length;
	uint8_t *body; /* the whole body when it came in pieces, else NULL */
	size_t body_length;
	size_t charged; /* bytes taken from the server's budget */

	/* The io worker's: */
	struct link_peer *peer; /* NULL once the caller is gone */
	struct incoming *next;  /* in the peer's table */
	size_t body_received;
	bool delivered; /* on_request has been called */
	struct post final;
	struct wire_item *final_item;
	/* The receiver's: */
	void *server_arg;
	struct mailbox *mailbox;
	struct incoming *queue_next, *queue_prev;
	bool queued;
	struct worker *worker;  /* who works on it, once somebody does */
	struct call *task_call; /* what it became there; that worker's */
	_Atomic bool cancelled;
	struct post dispatch, cancel;
};

struct link_server_options {
	struct worker *io;
	const char *url;
	const struct tls_options *tls;
	const char *actor;     /* who we are */
	unsigned max_calls;    /* told to callers */
	uint64_t boot_id;      /* who we are this time; 0: a new one */
	struct budget *budget; /* of request bytes */
	/* A complete request: takes over one reference. */
	void (*on_request)(void *arg, struct incoming *incoming);
	/* The caller cancelled it, or is gone. Called at most once, after on_request(). */
	void (*on_cancel)(void *arg, struct incoming *incoming);
	/* The caller takes this many more bytes of pieces. */
	void (*on_window)(void *arg, struct incoming *incoming, uint32_t bytes);
	void *arg;
};

/* Listens. On the io worker's thread. NULL with a line in `error`. */
struct link_server *link_server_open(const struct link_server_options *options, char *error,
                                     size_t error_size);
/* Closes the connections. on_cancel() comes for every request in progress first. */
void link_server_close(struct link_server **server);
uint64_t link_server_boot(const struct link_server *server);
unsigned link_server_peers(const struct link_server *server);
/* Tells every caller that the service is leaving: who has another replica asks that from now on. On
 * the io worker's thread. */
void link_server_leave(struct link_server *server);
/* True while anything waits to be sent to a caller that is there. */
bool link_server_pending(const struct link_server *server);

void incoming_hold(struct incoming *incoming);
/* Any thread. */
void incoming_release(struct incoming *incoming);
/* Whoever works on it has read the packed request, and needs it no more. */
void incoming_drop_request(struct incoming *incoming);

/* From any thread: sends an envelope of a call (REPLY with pieces to follow, PIECE). Takes over
 * the item. -1 without memory; then the item is freed. */
int incoming_send(struct incoming *incoming, struct wire_item *item);
/* From any thread: sends the last envelope, after which the call is over for the link. `item` may
 * be NULL: nothing more to say. Exactly once per incoming that was delivered. Never fails. */
void incoming_finish(struct incoming *incoming, struct wire_item *item);

#endif
