/* SPDX-License-Identifier: MIT
 * A REP socket with contexts grown and reclaimed as callers come and go, turned into events on the
 * io worker. What nng's threads may touch: see socket_dial.c. */
#include "common/actor/socket_private.h"

#include "common/base/log.h"
#include "common/base/obj.h"

#include <nng/protocol/reqrep0/rep.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LISTEN_MAGIC 0x115e0001u

#define SOCKET_MAX_PIPES 512
#define SOCKET_SPARE     4    /* contexts beyond those of each admitted pipe */
#define SOCKET_ANSWER_MS 1000 /* a caller that takes no answer for that long is closed */

struct listen_context {
	unsigned magic;
	struct post post;
	struct listen *listen;
	nng_ctx ctx;
	nng_aio *aio;
	nng_pipe pipe; /* whose message it was */
	/* HELD is the io worker's; all others change on nng's threads, too. */
	_Atomic enum {
		LISTEN_RECEIVING,
		LISTEN_HELD,
		LISTEN_SENDING,
		LISTEN_SENT,
		LISTEN_STALLED,
		LISTEN_CLOSED
	} state;
	nng_msg *message;
	struct listen_context *next, *prev;
};

struct listen {
	unsigned magic;
	nng_socket socket;
	struct pipes pipes;
	const struct listen_events *events;
	void *arg;
	struct listen_context *contexts;
	unsigned context_count;
	unsigned admitted;   /* pipes */
	_Atomic bool excess; /* there are contexts to reclaim */
	bool closed;
	bool stuck; /* as a dial's */
	bool tls;
};

static void
listen_release(struct listen *listen)
{
	if (!listen->closed || listen->stuck || listen->contexts != NULL ||
	    pipes_any(&listen->pipes))
		return;
	pipes_fini(&listen->pipes);
	OBJ_FINI(listen);
	free(listen);
}

static void
listen_context_free(struct listen_context *context)
{
	struct listen *listen = context->listen;

	if (context->prev != NULL)
		context->prev->next = context->next;
	else
		listen->contexts = context->next;
	if (context->next != NULL)
		context->next->prev = context->prev;
	listen->context_count--;
	if (!listen->closed)
		nng_ctx_close(context->ctx);
	nng_aio_free(context->aio);
	OBJ_FINI(context);
	free(context);
}

static void
listen_receive(struct listen_context *context)
{
	context->state = LISTEN_RECEIVING;
	nng_aio_set_timeout(context->aio, NNG_DURATION_INFINITE);
	nng_ctx_recv(context->ctx, context->aio);
}

/* On nng's threads. */
static void
listen_receive_again(struct listen_context *context)
{
	struct pipes *pipes = &context->listen->pipes;

	if (pipes_enter(pipes)) {
		listen_receive(context);
		pipes_leave(pipes);
	} else {
		context->state = LISTEN_CLOSED;
		worker_post(pipes->io, &context->post);
	}
}

static unsigned
listen_target(const struct listen *listen)
{
	return DIAL_LANES * listen->admitted + SOCKET_SPARE;
}

/* On the io worker: a message has come, a reply has gone while there were contexts to reclaim,
 * or the socket has been closed. */
static void
listen_context_fn(struct post *post)
{
	struct listen_context *context = OBJ_CONTAINER(post, struct listen_context, post);
	struct listen *listen = context->listen;
	nng_msg *message = context->message;

	context->message = NULL;
	if (listen->closed || context->state == LISTEN_CLOSED) {
		if (message != NULL)
			nng_msg_free(message);
		listen_context_free(context);
		listen_release(listen);
		return;
	}
	if (context->state == LISTEN_STALLED)
		listen->events->stalled(listen->arg, (uint32_t)nng_pipe_id(context->pipe));
	if (context->state == LISTEN_SENT || context->state == LISTEN_STALLED) {
		if (listen->context_count > listen_target(listen)) {
			listen_context_free(context);
			atomic_store(&listen->excess,
			             listen->context_count > listen_target(listen));
			return;
		}
		listen_receive(context);
		return;
	}
	context->pipe = nng_msg_get_pipe(message);
	context->state = LISTEN_HELD;
	listen->events->message(listen->arg, (uint32_t)nng_pipe_id(context->pipe), context,
	                        nng_msg_body(message), nng_msg_len(message));
	nng_msg_free(message);
}

static void
listen_aio_cb(void *arg)
{
	OBJ_CAST(struct listen_context, context, arg, CONTEXT_MAGIC);
	int result = nng_aio_result(context->aio);

	if (context->state == LISTEN_RECEIVING && result == 0) {
		context->message = nng_aio_get_msg(context->aio);
	} else if (context->state == LISTEN_SENDING && result == NNG_ETIMEDOUT) {
		nng_msg_free(nng_aio_get_msg(context->aio));
		context->state = LISTEN_STALLED;
	} else if (context->state == LISTEN_SENDING && result != NNG_ECLOSED) {
		if (result != 0)
			nng_msg_free(nng_aio_get_msg(context->aio));
		if (!atomic_load(&context->listen->excess)) {
			listen_receive_again(context);
			return;
		}
		context->state = LISTEN_SENT;
	} else if (result == NNG_ECLOSED) {
		if (context->state == LISTEN_SENDING)
			nng_msg_free(nng_aio_get_msg(context->aio));
		context->state = LISTEN_CLOSED;
	} else {
		listen_receive_again(context); /* out of memory in nng */
		return;
	}
	worker_post(context->listen->pipes.io, &context->post);
}

static int
listen_grow(struct listen *listen)
{
	while (listen->context_count < listen_target(listen)) {
		struct listen_context *context = calloc(1, sizeof *context);

		if (context == NULL)
			return -1;
		OBJ_INIT(context, CONTEXT_MAGIC);
		context->listen = listen;
		context->post.fn = listen_context_fn;
		if (nng_ctx_open(&context->ctx, listen->socket) != 0) {
			free(context);
			return -1;
		}
		if (nng_aio_alloc(&context->aio, listen_aio_cb, context) != 0) {
			nng_ctx_close(context->ctx);
			free(context);
			return -1;
		}
		context->next = listen->contexts;
		if (listen->contexts != NULL)
			listen->contexts->prev = context;
		listen->contexts = context;
		listen->context_count++;
		listen_receive(context);
	}
	return 0;
}

static void
listen_up(struct pipes *pipes, uint32_t id)
{
	struct listen *listen = OBJ_CONTAINER(pipes, struct listen, pipes);

	if (listen->closed)
		return;
	listen->events->pipe_up(listen->arg, id);
}

static void
listen_down(struct pipes *pipes, uint32_t id)
{
	struct listen *listen = OBJ_CONTAINER(pipes, struct listen, pipes);

	if (listen->closed) {
		listen_release(listen);
		return;
	}
	listen->events->pipe_down(listen->arg, id);
}

static int
listen_start(struct listen *listen, const char *url, const struct tls_options *tls, char *error,
             size_t error_size)
{
	nng_listener listener;
	int rv;

	if ((rv = nng_socket_set_size(listen->socket, NNG_OPT_RECVMAXSZ, WIRE_MESSAGE_LIMIT)) !=
	        0 ||
	    (rv = pipes_watch(&listen->pipes, listen->socket)) != 0 ||
	    (rv = nng_listener_create(&listener, listen->socket, url)) != 0)
		goto fail;
	listen->tls = socket_wants_tls(url);
	if (listen->tls) {
		nng_tls_config *config =
		    socket_tls(tls, NNG_TLS_MODE_SERVER, NULL, error, error_size);

		if (config == NULL)
			return -1;
		rv = nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, config);
		nng_tls_config_free(config);
		if (rv != 0)
			goto fail;
	}
	if (listen_grow(listen) != 0) {
		rv = NNG_ENOMEM;
		goto fail;
	}
	if ((rv = nng_listener_start(listener, 0)) != 0)
		goto fail;
	return 0;
fail:
	snprintf(error, error_size, "%s: %s", url, nng_strerror(rv));
	return -1;
}

struct listen *
listen_open(struct worker *io, const char *url, const struct tls_options *tls,
            const struct listen_events *events, void *arg, char *error, size_t error_size)
{
	struct listen *listen = calloc(1, sizeof *listen);

	if (listen == NULL || nng_rep0_open(&listen->socket) != 0) {
		snprintf(error, error_size, "%s: out of memory", url);
		free(listen);
		return NULL;
	}
	OBJ_INIT(listen, LISTEN_MAGIC);
	listen->events = events;
	listen->arg = arg;
	pipes_init(&listen->pipes, io, SOCKET_MAX_PIPES);
	listen->pipes.up = listen_up;
	listen->pipes.down = listen_down;
	if (listen_start(listen, url, tls, error, error_size) != 0)
		listen_close(&listen);
	return listen;
}

int
listen_check(const char *url, char *error, size_t error_size)
{
	nng_socket socket;
	nng_listener listener;
	int rv = nng_rep0_open(&socket);

	if (rv == 0) {
		rv = nng_listener_create(&listener, socket, url);
		nng_close(socket);
	}
	if (rv != 0)
		snprintf(error, error_size, "%s: %s", url, nng_strerror(rv));
	return rv == 0 ? 0 : -1;
}

void
listen_close(struct listen **listenp)
{
	/* For the last answers, while they are being sent (socket_pipes.c says why): a REP socket
	 * does not tell. */
	const struct timespec settle = {.tv_nsec = 50000000};
	struct listen *listen = *listenp;
	struct listen_context *next;

	if (listen == NULL)
		return;
	OBJ_CHECK(listen, LISTEN_MAGIC);
	*listenp = NULL;
	listen->closed = true;
	if (listen->tls && pipes_connected(&listen->pipes))
		(void)nanosleep(&settle, NULL);
	listen->stuck = !pipes_end(&listen->pipes);
	if (!listen->stuck)
		pipes_close(&listen->pipes, listen->socket);
	for (struct listen_context *context = listen->contexts; context != NULL; context = next) {
		next = context->next;
		socket_aio_end(context->aio, listen->stuck);
		if (context->state == LISTEN_HELD)
			listen_context_free(context);
	}
	listen_release(listen);
}

void
listen_answer(struct listen_context *context, const void *bytes, size_t length)
{
	OBJ_CHECK(context, CONTEXT_MAGIC);
	assert(context->state == LISTEN_HELD);
	if (socket_set_message(context->aio, bytes, length) != 0) {
		/* The peer's heartbeat will miss this answer; the context serves on. */
		LOG_ERROR("out of memory for a reply");
		listen_receive(context);
		return;
	}
	context->state = LISTEN_SENDING;
	nng_aio_set_timeout(context->aio, SOCKET_ANSWER_MS);
	nng_ctx_send(context->ctx, context->aio);
}

void
listen_discard(struct listen_context *context)
{
	OBJ_CHECK(context, CONTEXT_MAGIC);
	assert(context->state == LISTEN_HELD);
	listen_receive(context);
}

void
listen_close_pipe(struct listen *listen, uint32_t pipe)
{
	nng_pipe handle = {.id = pipe};

	(void)listen;
	pipe_shut(handle);
}

int
listen_admit(struct listen *listen)
{
	listen->admitted++;
	return listen_grow(listen);
}

void
listen_dismiss(struct listen *listen)
{
	assert(listen->admitted > 0);
	listen->admitted--;
	atomic_store(&listen->excess, listen->context_count > listen_target(listen));
}
