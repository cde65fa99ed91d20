/* SPDX-License-Identifier: MIT
 * A REQ socket with one dialer and a context per lane, turned into events on the io worker.
 *
 * nng's callbacks run on nng's threads. They start the next nng operation of the same context, or
 * post to the io worker; they touch nothing else. */
#include "common/actor/socket_private.h"

#include "common/base/obj.h"

#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define DIAL_MAGIC 0xd1a10001u

#define SOCKET_SEND_MS       1000 /* a batch that finds no pipe for that long has failed */
#define SOCKET_RECEIVE_MS    10000
#define SOCKET_RECONNECT_MIN 50
#define SOCKET_RECONNECT_MAX 2000
#define SOCKET_SETTLE_ROUNDS 100 /* for a message that is being sent when we close */
#define SOCKET_SETTLE_MS     10

struct dial_context {
	unsigned magic;
	struct post post; /* to the io worker, when an exchange has ended */
	struct dial *dial;
	unsigned lane;
	nng_ctx ctx;
	nng_aio *aio;
	enum {
		DIAL_FREE,
		DIAL_SENDING,
		DIAL_RECEIVING
	} state;
	nng_msg *reply; /* NULL: failed */
	bool busy;      /* the io worker's own view of `state` */
};

struct dial {
	unsigned magic;
	nng_socket socket;
	struct pipes pipes;
	struct dial_context context[DIAL_LANES];
	const struct dial_events *events;
	void *arg;
	uint32_t pipe; /* 0: down */
	bool closed;
	bool stuck; /* nng hangs: it keeps the socket, and us, until the process ends */
};

static void
dial_release(struct dial *dial)
{
	if (!dial->closed || dial->stuck || pipes_any(&dial->pipes))
		return;
	for (int i = 0; i < DIAL_LANES; i++)
		if (dial->context[i].busy)
			return;
	for (int i = 0; i < DIAL_LANES; i++)
		if (dial->context[i].aio != NULL)
			nng_aio_free(dial->context[i].aio);
	pipes_fini(&dial->pipes);
	OBJ_FINI(dial);
	free(dial);
}

static void
dial_answered_fn(struct post *post)
{
	struct dial_context *context = OBJ_CONTAINER(post, struct dial_context, post);
	struct dial *dial = context->dial;
	nng_msg *reply = context->reply;

	context->state = DIAL_FREE;
	context->busy = false;
	context->reply = NULL;
	if (dial->closed) {
		if (reply != NULL)
			nng_msg_free(reply);
		dial_release(dial);
		return;
	}
	dial->events->answer(dial->arg, context->lane, reply != NULL ? nng_msg_body(reply) : NULL,
	                     reply != NULL ? nng_msg_len(reply) : 0);
	if (reply != NULL)
		nng_msg_free(reply);
}

/* False: the socket is being closed. */
static bool
dial_receive(struct dial_context *context)
{
	struct pipes *pipes = &context->dial->pipes;

	if (!pipes_enter(pipes))
		return false;
	context->state = DIAL_RECEIVING;
	nng_aio_set_timeout(context->aio, SOCKET_RECEIVE_MS);
	nng_ctx_recv(context->ctx, context->aio);
	pipes_leave(pipes);
	return true;
}

static void
dial_aio_cb(void *arg)
{
	OBJ_CAST(struct dial_context, context, arg, CONTEXT_MAGIC);
	int result = nng_aio_result(context->aio);

	if (context->state == DIAL_SENDING && result == 0) {
		if (dial_receive(context))
			return;
	} else if (context->state == DIAL_SENDING) {
		nng_msg_free(nng_aio_get_msg(context->aio));
	} else if (result == 0) {
		context->reply = nng_aio_get_msg(context->aio);
	}
	worker_post(context->dial->pipes.io, &context->post);
}

static void
dial_up(struct pipes *pipes, uint32_t id)
{
	struct dial *dial = OBJ_CONTAINER(pipes, struct dial, pipes);

	if (dial->closed)
		return;
	if (dial->pipe != 0) /* its end has not been reported yet */
		dial->events->down(dial->arg);
	dial->pipe = id;
	dial->events->up(dial->arg);
}

static void
dial_down(struct pipes *pipes, uint32_t id)
{
	struct dial *dial = OBJ_CONTAINER(pipes, struct dial, pipes);

	if (dial->closed) {
		dial_release(dial);
		return;
	}
	if (dial->pipe != id)
		return;
	dial->pipe = 0;
	dial->events->down(dial->arg);
}

static int
dial_connect(struct dial *dial, const char *url, const struct tls_options *tls,
             const char *server_name, char *error, size_t error_size)
{
	nng_dialer dialer;
	int rv;

	if ((rv = nng_socket_set_ms(dial->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE)) !=
	        0 ||
	    (rv = nng_socket_set_size(dial->socket, NNG_OPT_RECVMAXSZ, WIRE_MESSAGE_LIMIT)) != 0 ||
	    (rv = nng_socket_set_ms(dial->socket, NNG_OPT_RECONNMINT, SOCKET_RECONNECT_MIN)) != 0 ||
	    (rv = nng_socket_set_ms(dial->socket, NNG_OPT_RECONNMAXT, SOCKET_RECONNECT_MAX)) != 0 ||
	    (rv = pipes_watch(&dial->pipes, dial->socket)) != 0)
		goto fail;
	for (int i = 0; i < DIAL_LANES; i++) {
		struct dial_context *context = &dial->context[i];

		if ((rv = nng_ctx_open(&context->ctx, dial->socket)) != 0)
			goto fail;
		if ((rv = nng_aio_alloc(&context->aio, dial_aio_cb, context)) != 0)
			goto fail;
	}
	if ((rv = nng_dialer_create(&dialer, dial->socket, url)) != 0)
		goto fail;
	if (socket_wants_tls(url)) {
		nng_tls_config *config =
		    socket_tls(tls, NNG_TLS_MODE_CLIENT, server_name, error, error_size);

		if (config == NULL)
			return -1;
		rv = nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config);
		nng_tls_config_free(config);
		if (rv != 0)
			goto fail;
	}
	if ((rv = nng_dialer_start(dialer, NNG_FLAG_NONBLOCK)) != 0)
		goto fail;
	return 0;
fail:
	snprintf(error, error_size, "%s: %s", url, nng_strerror(rv));
	return -1;
}

struct dial *
dial_open(struct worker *io, const char *url, const struct tls_options *tls,
          const char *server_name, const struct dial_events *events, void *arg, char *error,
          size_t error_size)
{
	struct dial *dial = calloc(1, sizeof *dial);

	if (dial == NULL || nng_req0_open(&dial->socket) != 0) {
		snprintf(error, error_size, "%s: out of memory", url);
		free(dial);
		return NULL;
	}
	OBJ_INIT(dial, DIAL_MAGIC);
	dial->events = events;
	dial->arg = arg;
	pipes_init(&dial->pipes, io, 2);
	dial->pipes.up = dial_up;
	dial->pipes.down = dial_down;
	for (int i = 0; i < DIAL_LANES; i++) {
		dial->context[i].post.fn = dial_answered_fn;
		dial->context[i].dial = dial;
		dial->context[i].lane = (unsigned)i;
		OBJ_INIT(&dial->context[i], CONTEXT_MAGIC);
	}
	if (dial_connect(dial, url, tls, server_name, error, error_size) != 0)
		dial_close(&dial);
	return dial;
}

/* Waits until nothing is being sent (socket_pipes.c says why): a REQ socket says that it is ready
 * to send when a pipe is idle, and there is one pipe. */
static void
dial_settle(struct dial *dial)
{
	struct pollfd ready = {.events = POLLIN};

	if (nng_socket_get_int(dial->socket, NNG_OPT_SENDFD, &ready.fd) != 0)
		return;
	for (int i = 0; i < SOCKET_SETTLE_ROUNDS && pipes_connected(&dial->pipes); i++)
		if (poll(&ready, 1, SOCKET_SETTLE_MS) > 0)
			return;
}

void
dial_close(struct dial **dialp)
{
	struct dial *dial = *dialp;

	if (dial == NULL)
		return;
	OBJ_CHECK(dial, DIAL_MAGIC);
	*dialp = NULL;
	dial->closed = true;
	dial_settle(dial);
	dial->stuck = !pipes_end(&dial->pipes);
	if (!dial->stuck)
		pipes_close(&dial->pipes, dial->socket);
	/* nng_close() ends what is under way, but does not wait for its callbacks. */
	for (int i = 0; i < DIAL_LANES; i++)
		socket_aio_end(dial->context[i].aio, dial->stuck);
	dial_release(dial);
}

int
dial_exchange(struct dial *dial, unsigned lane, const void *bytes, size_t length)
{
	struct dial_context *context = &dial->context[lane];

	OBJ_CHECK(dial, DIAL_MAGIC);
	assert(!context->busy && !dial->closed);
	if (socket_set_message(context->aio, bytes, length) != 0)
		return -1;
	context->busy = true;
	context->state = DIAL_SENDING;
	nng_aio_set_timeout(context->aio, SOCKET_SEND_MS);
	nng_ctx_send(context->ctx, context->aio);
	return 0;
}

bool
dial_busy(const struct dial *dial, unsigned lane)
{
	return dial->context[lane].busy;
}

void
dial_drop(struct dial *dial)
{
	nng_pipe pipe = {.id = dial->pipe};

	if (dial->pipe != 0)
		pipe_shut(pipe);
}
