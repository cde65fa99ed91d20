/* SPDX-License-Identifier: MIT
 * What the files of socket.h share: the pipes of an nng socket, certificates, messages. */
#ifndef STUDYHALL_ACTOR_SOCKET_PRIVATE_H
#define STUDYHALL_ACTOR_SOCKET_PRIVATE_H

#include "common/actor/socket.h"
#include "common/task/worker.h"

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>
#include <pthread.h>

#define CONTEXT_MAGIC 0xc0a7e001u

struct pipe_record;

/* The pipes of one socket, reported to the io worker. A record of every pipe is made when it
 * appears, with room for both its events, so that its end cannot go unreported for want of memory.
 */
struct pipes {
	struct worker *io;
	pthread_mutex_t lock;
	pthread_cond_t empty;
	struct pipe_record *records;
	unsigned count, limit;
	unsigned live;        /* records not yet seen off by the io worker; under the lock */
	pthread_rwlock_t use; /* of the socket, by nng's threads: read; to close it: write */
	bool closing;         /* under `use` */
	void (*up)(struct pipes *pipes, uint32_t id);
	void (*down)(struct pipes *pipes, uint32_t id);
};

void pipes_init(struct pipes *pipes, struct worker *io, unsigned limit);
void pipes_fini(struct pipes *pipes);
int pipes_watch(struct pipes *pipes, nng_socket socket);
/* Is one alive, or its end not yet reported? */
bool pipes_any(struct pipes *pipes);
/* Is one alive, as far as nng knows? */
bool pipes_connected(struct pipes *pipes);
/* Ends all connections, lets none in, and waits for nng to be done with them: some milliseconds.
 * False, after a line in the log: nng hangs, and so would nng_close(). */
bool pipes_end(struct pipes *pipes);
/* Ends one connection. Any thread. */
void pipe_shut(nng_pipe pipe);

/* nng's threads start an operation on a context of the socket between these two; the io worker,
 * which closes it, need not. False: it is being closed. */
bool pipes_enter(struct pipes *pipes);
void pipes_leave(struct pipes *pipes);
/* Closes the socket when no thread of nng is within, for nng_close() does not wait for those: the
 * last of them to let go of a context then frees it in a socket that is gone (nng 1.5.2 to 1.11 at
 * least, nni_ctx_rele(); nng issue 2238), and nng aborts the process. */
void pipes_close(struct pipes *pipes, nng_socket socket);

/* nng has reported the end of a pipe and begins to bury it: what socket_hangs() watches. */
void burial_begins(uint32_t id);
/* Has it buried all whose end it has reported? */
bool burial_done(void);

bool socket_wants_tls(const char *url);
/* A TLS configuration of nng; NULL with a line in `error`. The server's name is always set on a
 * dialer: without it nng checks no name at all. */
nng_tls_config *socket_tls(const struct tls_options *tls, nng_tls_mode mode,
                           const char *server_name, char *error, size_t error_size);
/* Waits until the last callback of a closed socket's operation has returned. `stuck`: the socket
 * could not be closed, so ends the operation too. NULL is none. */
void socket_aio_end(nng_aio *aio, bool stuck);
/* A copy of the bytes as the message of the aio. -1 without memory. */
int socket_set_message(nng_aio *aio, const void *bytes, size_t length);

#endif
