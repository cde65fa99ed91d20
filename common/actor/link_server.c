/* SPDX-License-Identifier: MIT
 * The answering end of links: batches are read, and their contexts kept per caller until there is
 * something to say, a second has passed, or the caller would have no lane left to speak on.
 *
 * A caller of the release before numbers no batches: its POSTs are answered at once, only its POLL
 * is kept. */
#include "common/actor/link_server.h"
#include "common/actor/link_order.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/actor/message.h"
#include "envelope.pb-c.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_MAGIC   0x5e4fe401u
#define INCOMING_MAGIC 0x14c04149u

#define PEER_BUCKETS      256
#define SERVER_PARK_MS    1000
#define SERVER_SCAN_MS    200
#define SERVER_WARN_MS    10000 /* between two lines about strangers */
#define SERVER_TRIM_SCANS 5     /* one second */
#define SERVER_GAP_MS     5000  /* so long a batch may be missing while later ones are here */
#define SERVER_CROWD      64
#define SERVER_CALL_BYTES 512 /* what a request costs beside its own bytes */

#define REQUEST_SIZE_FIELD 11 /* wire.Request.size: how much body comes in pieces */
#define WINDOW_BYTES_FIELD 1
#define HELLO_FIRST_FIELD  5
#define SERVER_KEPT        (DIAL_LANES - 1) /* contexts of a caller that may stay unanswered */

struct link_peer {
	struct link_server *server;
	uint32_t pipe;
	struct {
		struct listen_context *context;
		uint64_t since_ms;
	} kept[DIAL_LANES]; /* to speak in; the oldest first */
	unsigned kept_count;
	bool numbered;           /* it knows numbered batches */
	struct link_order order; /* of its batches */
	uint64_t gap_next;       /* the number that was missing at the last look, */
	uint64_t gap_since_ms;   /* and since when */
	uint64_t answers;        /* numbered ones */
	struct wire_queue out;
	struct incoming *calls[PEER_BUCKETS];
	struct link_peer *next;
	bool admitted; /* it speaks our protocol, and has contexts of its own */
	bool rejected; /* it has broken the protocol, and is being closed */
	bool dirty;    /* in the list of peers to flush */
	struct link_peer *dirty_next;
};

struct link_server {
	unsigned magic;
	struct link_server_options options;
	struct listen *listen;
	uint64_t boot;
	struct link_peer *peers;
	_Atomic unsigned peer_count;
	struct link_peer *dirty;
	struct post flush;
	bool flush_posted;
	_Atomic int references; /* the open server; each request alive anywhere; a posted flush */
	struct buf batch;
	unsigned rejected; /* not yet logged: strangers must not write our log line by line */
	uint64_t warn_ms;  /* not before; on clock_ms() */
	unsigned departed; /* peers, since memory was last given back */
	unsigned departed_before; /* of them, those of the last look */
	unsigned scans;
	uv_timer_t scan;
};

/* --- requests -------------------------------------------------------------------------------- */

void
incoming_hold(struct incoming *incoming)
{
	OBJ_CHECK(incoming, INCOMING_MAGIC);
	atomic_fetch_add(&incoming->references, 1);
}

static void
server_release(struct link_server *server)
{
	if (atomic_fetch_sub(&server->references, 1) != 1)
		return;
	buf_fini(&server->batch);
	OBJ_FINI(server);
	free(server);
}

void
incoming_release(struct incoming *incoming)
{
	struct link_server *server = incoming->server;

	OBJ_CHECK(incoming, INCOMING_MAGIC);
	if (atomic_fetch_sub(&incoming->references, 1) != 1)
		return;
	budget_release(server->options.budget, incoming->charged);
	OBJ_FINI(incoming);
	free(incoming->final_item);
	free(incoming->request);
	free(incoming->body);
	free(incoming);
	server_release(server);
}

void
incoming_drop_request(struct incoming *incoming)
{
	OBJ_CHECK(incoming, INCOMING_MAGIC);
	free(incoming->request);
	incoming->request = NULL;
	incoming->request_length = 0;
}

static struct incoming **
peer_slot(struct link_peer *peer, uint64_t call)
{
	/* Callers number their calls upwards above a slot of 16 bits: both parts spread. */
	struct incoming **at = &peer->calls[(call ^ (call >> 16)) % PEER_BUCKETS];

	while (*at != NULL && (*at)->call != call)
		at = &(*at)->next;
	return at;
}

static void
peer_unlink(struct link_peer *peer, struct incoming *incoming)
{
	struct incoming **at = peer_slot(peer, incoming->call);

	assert(*at == incoming);
	*at = incoming->next;
	incoming->peer = NULL;
}

/* --- saying ---------------------------------------------------------------------------------- */

static void
peer_keep(struct link_peer *peer, struct listen_context *context)
{
	assert(peer->kept_count < DIAL_LANES);
	peer->kept[peer->kept_count].context = context;
	peer->kept[peer->kept_count++].since_ms = clock_ms();
}

static struct listen_context *
peer_unkeep(struct link_peer *peer)
{
	struct listen_context *oldest = peer->kept[0].context;

	peer->kept_count--;
	for (unsigned i = 0; i < peer->kept_count; i++)
		peer->kept[i] = peer->kept[i + 1];
	return oldest;
}

/* Says what there is to say, be it nothing. */
static void
peer_answer(struct link_peer *peer)
{
	struct link_server *server = peer->server;

	buf_clear(&server->batch);
	if (peer->numbered)
		wire_batch_begin_numbered(&server->batch, server->boot, ++peer->answers);
	else
		wire_batch_begin(&server->batch, WIRE_POLL, server->boot);
	while (peer->out.head != NULL && server->batch.length < WIRE_BATCH_LIMIT) {
		struct wire_item *item = wire_queue_take(&peer->out);

		wire_batch_add(&server->batch, item);
		free(item);
	}
	if (buf_failed(&server->batch)) {
		LOG_ERROR("out of memory for a batch");
		listen_close_pipe(server->listen, peer->pipe);
		buf_clear(&server->batch);
	}
	listen_answer(peer_unkeep(peer), server->batch.bytes, server->batch.length);
}

static void
peer_speak(struct link_peer *peer)
{
	while (peer->kept_count > 0 && (peer->out.head != NULL || peer->kept_count > SERVER_KEPT))
		peer_answer(peer);
}

static void
server_flush_fn(struct post *post)
{
	struct link_server *server = OBJ_CONTAINER(post, struct link_server, flush);
	struct link_peer *peer = server->dirty; /* none when closed */

	server->flush_posted = false;
	server->dirty = NULL;
	while (peer != NULL) {
		struct link_peer *next = peer->dirty_next;

		peer->dirty = false;
		peer_speak(peer);
		peer = next;
	}
	server_release(server);
}

/* What all tasks of this turn have to say to a peer goes out together. */
static void
peer_say(struct link_peer *peer, struct wire_item *item)
{
	struct link_server *server = peer->server;

	wire_queue_put(&peer->out, item);
	if (!peer->dirty) {
		peer->dirty = true;
		peer->dirty_next = server->dirty;
		server->dirty = peer;
	}
	if (!server->flush_posted) {
		server->flush_posted = true;
		atomic_fetch_add(&server->references, 1);
		worker_post(server->options.io, &server->flush);
	}
}

static void
peer_refuse(struct link_peer *peer, uint64_t call, enum status status)
{
	Wire__Reply reply = WIRE__REPLY__INIT;
	struct wire_item *item;

	reply.has_status = true;
	reply.status = status_grpc(status);
	reply.problem = (char *)(uintptr_t)status_slug(status);
	reply.has_retry_after_s = true;
	reply.retry_after_s = 1;
	item = wire_item_new(call, WIRE_REPLY, &reply.base);
	if (item != NULL)
		peer_say(peer, item);
}

struct send_post {
	struct post post;
	struct incoming *incoming;
	struct wire_item *item;
};

static void
server_send_fn(struct post *post)
{
	struct send_post *send = OBJ_CONTAINER(post, struct send_post, post);
	struct link_peer *peer = send->incoming->peer;

	if (peer != NULL)
		peer_say(peer, send->item);
	else
		free(send->item);
	incoming_release(send->incoming);
	free(send);
}

int
incoming_send(struct incoming *incoming, struct wire_item *item)
{
	struct send_post *send = malloc(sizeof *send);

	if (send == NULL || item == NULL) {
		free(send);
		free(item);
		return -1;
	}
	incoming_hold(incoming);
	*send = (struct send_post){{.fn = server_send_fn}, incoming, item};
	worker_post(incoming->server->options.io, &send->post);
	return 0;
}

static void
server_final_fn(struct post *post)
{
	struct incoming *incoming = OBJ_CONTAINER(post, struct incoming, final);
	struct link_peer *peer = incoming->peer;

	if (peer != NULL) {
		peer_unlink(peer, incoming);
		if (incoming->final_item != NULL)
			peer_say(peer, incoming->final_item);
		incoming->final_item = NULL;
		incoming_release(incoming); /* the link's own */
	}
	incoming_release(incoming); /* the receiver's */
}

void
incoming_finish(struct incoming *incoming, struct wire_item *item)
{
	OBJ_CHECK(incoming, INCOMING_MAGIC);
	incoming->final.fn = server_final_fn;
	incoming->final_item = item;
	worker_post(incoming->server->options.io, &incoming->final);
}

/* --- hearing --------------------------------------------------------------------------------- */

static void
peer_deliver(struct link_peer *peer, struct incoming *incoming)
{
	struct link_server *server = peer->server;

	incoming->delivered = true;
	incoming_hold(incoming); /* for the receiver */
	server->options.on_request(server->options.arg, incoming);
}

/* 0, or -1 when the peer breaks the protocol. */
static int
peer_request(struct link_peer *peer, const struct wire_envelope *envelope)
{
	struct link_server *server = peer->server;
	size_t charged = envelope->length + SERVER_CALL_BYTES;
	struct incoming *incoming, **slot;
	uint64_t size;

	if (envelope->call == 0 || *peer_slot(peer, envelope->call) != NULL ||
	    !wire_peek(envelope->payload, envelope->length, REQUEST_SIZE_FIELD, 0, &size))
		return -1;
	if (size > MESSAGE_MAX_BODY) {
		peer_refuse(peer, envelope->call, STATUS_TOO_LARGE);
		return 0;
	}
	charged += size;
	if (!budget_take(server->options.budget, charged)) {
		peer_refuse(peer, envelope->call, STATUS_OVERLOADED);
		return 0;
	}
	incoming = calloc(1, sizeof *incoming);
	if (incoming != NULL) {
		incoming->request = malloc(envelope->length + 1);
		incoming->body = size > 0 ? malloc(size) : NULL;
	}
	if (incoming == NULL || incoming->request == NULL || (size > 0 && incoming->body == NULL)) {
		if (incoming != NULL)
			free(incoming->request);
		free(incoming);
		budget_release(server->options.budget, charged);
		peer_refuse(peer, envelope->call, STATUS_OVERLOADED);
		return 0;
	}
	OBJ_INIT(incoming, INCOMING_MAGIC);
	incoming->references = 1;
	incoming->server = server;
	incoming->peer = peer;
	incoming->call = envelope->call;
	incoming->arrived_us = clock_us();
	incoming->charged = charged;
	incoming->request_length = envelope->length;
	incoming->body_length = size;
	memcpy(incoming->request, envelope->payload, envelope->length);
	atomic_fetch_add(&server->references, 1);
	slot = peer_slot(peer, envelope->call);
	*slot = incoming;
	if (size == 0)
		peer_deliver(peer, incoming);
	return 0;
}

static void
peer_grant(struct link_peer *peer, uint64_t call, uint32_t bytes)
{
	Wire__Window window = WIRE__WINDOW__INIT;
	struct wire_item *item;

	window.has_bytes = true;
	window.bytes = bytes;
	item = wire_item_new(call, WIRE_WINDOW_OF, &window.base);
	if (item != NULL)
		peer_say(peer, item);
}

static int
peer_piece(struct link_peer *peer, const struct wire_envelope *envelope)
{
	struct incoming *incoming = *peer_slot(peer, envelope->call);
	struct wire_piece piece;

	if (incoming == NULL || incoming->delivered)
		return 0; /* refused or cancelled meanwhile */
	if (!wire_read_piece(envelope->payload, envelope->length, &piece) ||
	    piece.length > incoming->body_length - incoming->body_received)
		return -1;
	memcpy(incoming->body + incoming->body_received, piece.bytes, piece.length);
	incoming->body_received += piece.length;
	if (incoming->body_received == incoming->body_length)
		peer_deliver(peer, incoming);
	else if (piece.length > 0)
		peer_grant(peer, envelope->call, (uint32_t)piece.length);
	return 0;
}

static void
peer_drop_call(struct link_peer *peer, struct incoming *incoming)
{
	struct link_server *server = peer->server;

	peer_unlink(peer, incoming);
	if (incoming->delivered)
		server->options.on_cancel(server->options.arg, incoming);
	incoming_release(incoming);
}

static int
peer_window(struct link_peer *peer, const struct wire_envelope *envelope)
{
	struct link_server *server = peer->server;
	struct incoming *incoming = *peer_slot(peer, envelope->call);
	uint64_t bytes;

	if (incoming == NULL || !incoming->delivered)
		return 0;
	if (!wire_peek(envelope->payload, envelope->length, WINDOW_BYTES_FIELD, 0, &bytes) ||
	    bytes > WIRE_WINDOW)
		return -1;
	server->options.on_window(server->options.arg, incoming, (uint32_t)bytes);
	return 0;
}

static int
peer_hear(struct link_peer *peer, const struct wire_envelope *envelope)
{
	struct incoming *incoming;

	switch (envelope->kind) {
	case WIRE_REQUEST: return peer_request(peer, envelope);
	case WIRE_PIECE_OF: return peer_piece(peer, envelope);
	case WIRE_WINDOW_OF: return peer_window(peer, envelope);
	case WIRE_CANCEL:
		incoming = *peer_slot(peer, envelope->call);
		if (incoming != NULL)
			peer_drop_call(peer, incoming);
		return 0;
	case WIRE_HELLO: return 0;
	default: return -1; /* replies come from services only */
	}
}

/* `first`: the number of our first numbered batch. */
static void
server_answer_hello(struct link_server *server, struct listen_context *context, bool numbered)
{
	Wire__Hello hello = WIRE__HELLO__INIT;
	struct wire_item *item;

	hello.has_version = hello.has_boot = hello.has_max_calls = true;
	hello.has_first = numbered;
	hello.first = 1;
	hello.version = WIRE_VERSION;
	hello.boot = server->boot;
	hello.max_calls = server->options.max_calls;
	hello.actor = (char *)(uintptr_t)server->options.actor;
	item = wire_item_new(WIRE_NO_CALL, WIRE_HELLO, &hello.base);
	buf_clear(&server->batch);
	wire_batch_begin(&server->batch, WIRE_POST, server->boot);
	if (item != NULL)
		wire_batch_add(&server->batch, item);
	free(item);
	listen_answer(context, server->batch.bytes, server->batch.length);
}

static struct link_peer *
server_peer(struct link_server *server, uint32_t pipe)
{
	struct link_peer *peer = server->peers;

	while (peer != NULL && peer->pipe != pipe)
		peer = peer->next;
	return peer;
}

/* A batch that breaks the protocol costs its sender the connection. */
static void
peer_reject(struct link_peer *peer)
{
	if (peer->rejected)
		return;
	peer->rejected = true;
	peer->server->rejected++;
	listen_close_pipe(peer->server->listen, peer->pipe);
}

static void
server_stalled(void *arg, uint32_t pipe)
{
	OBJ_CAST(struct link_server, server, arg, SERVER_MAGIC);
	struct link_peer *peer = server_peer(server, pipe);

	if (peer != NULL)
		peer_reject(peer);
}

static bool
peer_admit(struct link_peer *peer)
{
	if (peer->admitted)
		return true;
	peer->admitted = true;
	return listen_admit(peer->server->listen) == 0;
}

static void
peer_forget_order(struct link_peer *peer, uint64_t first)
{
	for (unsigned i = 0; i < peer->order.early_count; i++)
		listen_discard(peer->order.early[i].context);
	link_order_begin(&peer->order, first);
	peer->answers = 0;
}

/* A batch that is for no process, or for another one: it is told who we are. Does it greet, with
 * the number of its first batch? */
static void
peer_greet(struct link_peer *peer, struct wire_reader *reader, struct listen_context *context)
{
	struct wire_envelope envelope;
	uint64_t first = 0;

	if (reader->boot == 0 && wire_next(reader, &envelope) == 1 && envelope.kind == WIRE_HELLO &&
	    wire_peek(envelope.payload, envelope.length, HELLO_FIRST_FIELD, 0, &first) &&
	    first != 0) {
		peer->numbered = true;
		peer_forget_order(peer, first);
	}
	server_answer_hello(peer->server, context, first != 0);
}

/* 0, or -1 when the peer breaks the protocol. */
static int
peer_hear_batch(struct link_peer *peer, struct wire_reader *reader)
{
	struct wire_envelope envelope;
	int more;

	while ((more = wire_next(reader, &envelope)) == 1)
		if (peer_hear(peer, &envelope) != 0)
			return -1;
	return more;
}

static int
peer_hear_early(struct link_peer *peer)
{
	struct link_early early;
	struct wire_reader reader;
	int result = 0;

	while (result == 0 && link_order_next(&peer->order, &early)) {
		if (!wire_read(&reader, early.bytes, early.length) ||
		    peer_hear_batch(peer, &reader) != 0)
			result = -1;
		peer_keep(peer, early.context);
		free(early.bytes);
	}
	return result;
}

/* -1 when the peer breaks the protocol; the context is still the caller's then. */
static int
peer_numbered(struct link_peer *peer, struct wire_reader *reader, struct listen_context *context,
              const void *bytes, size_t length)
{
	if (!peer->numbered) {
		server_answer_hello(peer->server, context, false);
		return 0;
	}
	if (peer->kept_count + peer->order.early_count == DIAL_LANES)
		return -1;
	switch (link_order_take(&peer->order, reader->number, bytes, length, context)) {
	case LINK_TURN_NOW: break;
	case LINK_TURN_EARLY: return 0;
	case LINK_TURN_STALE: server_answer_hello(peer->server, context, false); return 0;
	default: return -1;
	}
	if (peer_hear_batch(peer, reader) != 0)
		return -1;
	peer_keep(peer, context);
	if (peer_hear_early(peer) != 0)
		peer_reject(peer);
	else
		peer_speak(peer);
	return 0;
}

/* -1 as above. */
static int
peer_unnumbered(struct link_peer *peer, struct wire_reader *reader, struct listen_context *context)
{
	struct link_server *server = peer->server;

	if (reader->role == WIRE_POLL) {
		if (peer->numbered || peer->kept_count > 0)
			return -1;
		peer_keep(peer, context);
		peer_speak(peer);
		return 0;
	}
	if (peer_hear_batch(peer, reader) != 0)
		return -1;
	buf_clear(&server->batch);
	wire_batch_begin(&server->batch, WIRE_POST, server->boot);
	listen_answer(context, server->batch.bytes, server->batch.length);
	return 0;
}

static void
server_message(void *arg, uint32_t pipe, struct listen_context *context, const void *bytes,
               size_t length)
{
	OBJ_CAST(struct link_server, server, arg, SERVER_MAGIC);
	struct link_peer *peer = server_peer(server, pipe);
	struct wire_reader reader;
	int result = -1;

	if (peer == NULL || peer->rejected) {
		listen_discard(context);
		return;
	}
	if (wire_read(&reader, bytes, length) && peer_admit(peer)) {
		result = 0;
		if (reader.boot != server->boot)
			peer_greet(peer, &reader, context);
		else if (reader.role == WIRE_NUMBERED)
			result = peer_numbered(peer, &reader, context, bytes, length);
		else
			result = peer_unnumbered(peer, &reader, context);
	}
	if (result == 0)
		return;
	peer_reject(peer);
	listen_discard(context);
}

/* --- peers come and go ----------------------------------------------------------------------- */

static void
server_pipe_up(void *arg, uint32_t pipe)
{
	OBJ_CAST(struct link_server, server, arg, SERVER_MAGIC);
	struct link_peer *peer = calloc(1, sizeof *peer);

	if (peer == NULL) {
		listen_close_pipe(server->listen, pipe);
		return;
	}
	peer->server = server;
	peer->pipe = pipe;
	peer->next = server->peers;
	server->peers = peer;
	server->peer_count++;
}

static void
peer_free(struct link_peer *peer)
{
	struct link_server *server = peer->server;

	for (struct link_peer **at = &server->dirty; *at != NULL; at = &(*at)->dirty_next) {
		if (*at == peer) {
			*at = peer->dirty_next;
			break;
		}
	}
	for (int i = 0; i < PEER_BUCKETS; i++)
		while (peer->calls[i] != NULL)
			peer_drop_call(peer, peer->calls[i]);
	while (peer->kept_count > 0)
		listen_discard(peer_unkeep(peer));
	peer_forget_order(peer, 0);
	wire_queue_clear(&peer->out);
	if (peer->admitted)
		listen_dismiss(server->listen);
	server->peer_count--;
	server->departed++;
	free(peer);
}

static void
server_pipe_down(void *arg, uint32_t pipe)
{
	OBJ_CAST(struct link_server, server, arg, SERVER_MAGIC);

	for (struct link_peer **at = &server->peers; *at != NULL; at = &(*at)->next) {
		if ((*at)->pipe == pipe) {
			struct link_peer *peer = *at;

			*at = peer->next;
			peer_free(peer);
			return;
		}
	}
}

/* What strangers made nng and us allocate goes back to the system: when they are many, and when the
 * last have gone. */
static void
server_trim(struct link_server *server)
{
	if (server->departed >= SERVER_CROWD ||
	    (server->departed > 0 && server->departed == server->departed_before)) {
		server->departed = 0;
		malloc_trim(0);
	}
	server->departed_before = server->departed;
}

/* Whoever sent the later ones has sent the missing one before them, on the same connection. */
static bool
peer_lost_one(struct link_peer *peer, uint64_t now)
{
	if (peer->order.early_count == 0 || peer->gap_next != peer->order.next) {
		peer->gap_next = peer->order.next;
		peer->gap_since_ms = now;
	}
	return now - peer->gap_since_ms >= SERVER_GAP_MS;
}

static void
server_scan_cb(uv_timer_t *timer)
{
	OBJ_CAST(struct link_server, server, timer->data, SERVER_MAGIC);
	uint64_t now = clock_ms();

	for (struct link_peer *peer = server->peers; peer != NULL; peer = peer->next) {
		if (peer->rejected)
			listen_close_pipe(server->listen, peer->pipe); /* not gone yet */
		else if (peer_lost_one(peer, now))
			peer_reject(peer);
		else if (peer->kept_count > 0 &&
		         now - peer->kept[0].since_ms >= SERVER_PARK_MS - SERVER_SCAN_MS)
			peer_answer(peer);
	}
	if (server->rejected > 0 && now >= server->warn_ms) {
		LOG_WARN("callers broke the protocol, connections closed",
		         LOG_INT("count", server->rejected));
		server->rejected = 0;
		server->warn_ms = now + SERVER_WARN_MS;
	}
	if (++server->scans % SERVER_TRIM_SCANS == 0)
		server_trim(server);
}

static const struct listen_events server_events = {.pipe_up = server_pipe_up,
                                                   .pipe_down = server_pipe_down,
                                                   .stalled = server_stalled,
                                                   .message = server_message};

struct link_server *
link_server_open(const struct link_server_options *options, char *error, size_t error_size)
{
	struct link_server *server = calloc(1, sizeof *server);

	if (server == NULL) {
		snprintf(error, error_size, "%s: out of memory", options->url);
		return NULL;
	}
	OBJ_INIT(server, SERVER_MAGIC);
	server->options = *options;
	server->references = 1;
	server->boot = options->boot_id != 0 ? options->boot_id : ids_boot();
	server->flush.fn = server_flush_fn;
	buf_init(&server->batch, WIRE_MESSAGE_LIMIT);
	server->listen = listen_open(options->io, options->url, options->tls, &server_events,
	                             server, error, error_size);
	if (server->listen == NULL) {
		free(server);
		return NULL;
	}
	uv_timer_init(worker_loop(options->io), &server->scan);
	server->scan.data = server;
	uv_timer_start(&server->scan, server_scan_cb, SERVER_SCAN_MS, SERVER_SCAN_MS);
	return server;
}

static void
server_closed_cb(uv_handle_t *handle)
{
	OBJ_CAST(struct link_server, server, handle->data, SERVER_MAGIC);

	server_release(server);
}

void
link_server_close(struct link_server **serverp)
{
	struct link_server *server = *serverp;

	if (server == NULL)
		return;
	OBJ_CHECK(server, SERVER_MAGIC);
	*serverp = NULL;
	while (server->peers != NULL)
		server_pipe_down(server, server->peers->pipe);
	listen_close(&server->listen);
	uv_close((uv_handle_t *)&server->scan, server_closed_cb);
}

uint64_t
link_server_boot(const struct link_server *server)
{
	return server->boot;
}

unsigned
link_server_peers(const struct link_server *server)
{
	return server->peer_count;
}

void
link_server_leave(struct link_server *server)
{
	Wire__Reply notice = WIRE__REPLY__INIT;

	notice.has_leaving = notice.leaving = true;
	for (struct link_peer *peer = server->peers; peer != NULL; peer = peer->next) {
		struct wire_item *item = NULL;

		if (peer->admitted)
			item = wire_item_new(WIRE_NO_CALL, WIRE_REPLY, &notice.base);
		if (item != NULL)
			peer_say(peer, item);
	}
}

bool
link_server_pending(const struct link_server *server)
{
	for (const struct link_peer *peer = server->peers; peer != NULL; peer = peer->next)
		if (peer->out.head != NULL)
			return true;
	return false;
}
