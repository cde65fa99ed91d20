/* SPDX-License-Identifier: MIT
 *
 * The caller's end of a link to one replica: an ordered, batched stream of envelopes over a few REQ
 * contexts, the lanes. What the caller says goes out on a free lane and is not answered before the
 * service has something to say itself, so that a call takes two messages; without any free lane it
 * gathers for the next. One lane at least is always at the service, and is the heartbeat.
 *
 * Everything here belongs to the io worker's thread.
 */
#ifndef STUDYHALL_ACTOR_LINK_CLIENT_H
#define STUDYHALL_ACTOR_LINK_CLIENT_H

#include "common/actor/socket.h"
#include "common/actor/wire.h"
#include "common/base/status.h"

struct link_client;
struct worker;

/* One call on the link; embedded in whoever makes it. */
struct link_call {
	uint64_t id;              /* 0: not on a link */
	struct wire_item *queued; /* the request, until it has been sent */
	uint64_t batch;           /* number of the batch that carried the request */
	/* A REPLY or PIECE for the call: its payload, valid during the call. */
	void (*event)(struct link_call *call, enum wire_kind kind, const uint8_t *payload,
	              size_t length);
	/* The link is gone, and the call is off it. `started`: the replica may have worked on it.
	 */
	void (*failed)(struct link_call *call, bool started);
};

struct link_client_options {
	struct worker *io;
	const char *url;
	const struct tls_options *tls; /* may be NULL */
	const char *actor;             /* whom we call; the name in its certificate */
	unsigned max_calls;
	void (*up)(void *arg);   /* greeted: calls may start */
	void (*down)(void *arg); /* after the failed() of every call in flight */
	/* Optional. The replica asks for no more calls, though it still takes them: it will end. */
	void (*leaving)(void *arg);
	void *arg;
};

struct link_client *link_client_open(const struct link_client_options *options, char *error,
                                     size_t error_size);
/* Fails the calls in flight, without up() or down(). */
void link_client_close(struct link_client **link);

bool link_client_up(const struct link_client *link);
/* The boot id of the process at the other end; 0 before it was up once. */
uint64_t link_client_boot(const struct link_client *link);
unsigned link_client_calls(const struct link_client *link);
/* Room for another call? */
bool link_client_has_room(const struct link_client *link);

/* Puts a call on the link and takes over the encoded request. The link is up and has room. */
void link_client_start(struct link_client *link, struct link_call *call, struct wire_item *request);
/* Sends one more envelope of a call that is on the link: a PIECE in order, or, with `urgent`, a
 * WINDOW before all pieces. Takes over the item. */
void link_client_send(struct link_client *link, struct link_call *call, struct wire_item *item,
                      bool urgent);
/* Takes the call off the link; tells the replica to stop unless it has ended or never got it. */
void link_client_finish(struct link_client *link, struct link_call *call, bool ended);

#endif
