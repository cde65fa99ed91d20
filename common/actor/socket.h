/* SPDX-License-Identifier: MIT
 *
 * nng, as the links see it: the only module that knows it. A `dial` is one REQ socket with one
 * dialer and a few contexts, the lanes; a `listen` is one REP socket with contexts grown and
 * reclaimed by pipe events. Every function and every callback runs on the io worker's thread.
 *
 * What hazards of nng 1.5 shape this: REQ never resends by itself; receives start only once the
 * send has completed; nothing is ever cancelled but by closing a pipe or the socket; every limit is
 * set before the first connection; sockets are never opened or closed on the path of a request.
 */
#ifndef STUDYHALL_ACTOR_SOCKET_H
#define STUDYHALL_ACTOR_SOCKET_H

#include "common/actor/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;

#define DIAL_LANES 4 /* messages that may be under way at a time */

/* Paths of PEM files; all NULL: no TLS. */
struct tls_options {
	const char *ca;
	const char *cert;
	const char *key;
};

/* --- the caller's side --- */
struct dial;
struct dial_events {
	void (*up)(void *arg);
	void (*down)(void *arg);
	/* The answer to dial_exchange() on that lane: `bytes` valid during the call; NULL when the
	 * connection went away first. The lane is free again. */
	void (*answer)(void *arg, unsigned lane, const void *bytes, size_t length);
};

/* Starts to connect, and reconnects for ever, after 50 ms to 2 s. `server_name` is what the
 * peer's certificate must bear. NULL with a line in `error` when the URL or a file is no good. */
struct dial *dial_open(struct worker *io, const char *url, const struct tls_options *tls,
                       const char *server_name, const struct dial_events *events, void *arg,
                       char *error, size_t error_size);
/* Closes the connection; no callback comes after this returns, and nng's threads post nothing more
 * to the io worker: it may be stopped next, its last turn frees the rest. Takes milliseconds. */
void dial_close(struct dial **dial);
/* Sends a batch and waits for its answer. The lane must be free and the connection up. Copies the
 * bytes. -1 without memory. */
int dial_exchange(struct dial *dial, unsigned lane, const void *bytes, size_t length);
bool dial_busy(const struct dial *dial, unsigned lane);
/* Drops the connection (the peer is dead to us); down() follows, and a new attempt. */
void dial_drop(struct dial *dial);

/* --- the service's side --- */
struct listen;
struct listen_context; /* a message received, to be answered exactly once */
struct listen_events {
	void (*pipe_up)(void *arg, uint32_t pipe);
	void (*pipe_down)(void *arg, uint32_t pipe);
	/* The peer takes no answers; it is to be closed. */
	void (*stalled)(void *arg, uint32_t pipe);
	/* `bytes` valid during the call. */
	void (*message)(void *arg, uint32_t pipe, struct listen_context *context, const void *bytes,
	                size_t length);
};

/* At most 512 pipes; further ones are closed at once. With TLS, callers must show a certificate
 * of the same CA. */
struct listen *listen_open(struct worker *io, const char *url, const struct tls_options *tls,
                           const struct listen_events *events, void *arg, char *error,
                           size_t error_size);
/* Could that URL be listened on, if nobody did? 0, or -1 with a line in `error`. */
int listen_check(const char *url, char *error, size_t error_size);
/* As dial_close(); contexts that are still held become invalid. */
void listen_close(struct listen **listen);
/* Answers a message; the context is gone afterwards. To a vanished peer this does nothing. */
void listen_answer(struct listen_context *context, const void *bytes, size_t length);
/* Leaves a message without an answer: of a peer that is being closed. */
void listen_discard(struct listen_context *context);
void listen_close_pipe(struct listen *listen, uint32_t pipe);
/* A pipe that has made itself known gets contexts of its own, until it is dismissed: strangers
 * that connect and say nothing cost none. listen_admit() is -1 without memory. */
int listen_admit(struct listen *listen);
void listen_dismiss(struct listen *listen);

/* To be asked once a second: has the thread of nng's that buries connections been waiting for one
 * of them for five seconds? Then no connection of the process is ever missed or made again. Any
 * thread. */
bool socket_hangs(void);

#endif
