/* SPDX-License-Identifier: MIT
 * REQ and REP sockets of nng with their pipes and contexts, turned into events on one worker.
 *
 * nng's callbacks run on nng's threads. They start the next nng operation of the same context, or
 * post to the io worker; they touch nothing else. A record of every pipe is made when it appears,
 * with room for both its events, so that its end cannot go unreported for want of memory. */
#include "common/actor/socket.h"

#include "common/base/obj.h"
#include "common/base/log.h"
#include "common/task/worker.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/transport/inproc/inproc.h>
#include <nng/transport/tls/tls.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIAL_MAGIC    0xd1a10001u
#define LISTEN_MAGIC  0x115e0001u
#define CONTEXT_MAGIC 0xc0a7e001u

#define SOCKET_MAX_PIPES     512
#define SOCKET_SPARE         4    /* contexts beyond two per pipe */
#define SOCKET_SEND_MS       1000 /* a batch that finds no pipe for that long has failed */
#define SOCKET_ANSWER_MS     3000 /* a caller that takes no answer for that long is closed */
#define SOCKET_RECEIVE_MS    10000
#define SOCKET_RECONNECT_MIN 50
#define SOCKET_RECONNECT_MAX 2000

/* --- pipes: what both sides share ------------------------------------------------------------ */

struct pipes;
struct pipe_record {
	struct post up, down;
	struct pipes *pipes;
	uint32_t id;
	struct pipe_record *next;
};

struct pipes {
	struct worker *io;
	pthread_mutex_t lock;
	struct pipe_record *records;
	unsigned count, limit;
	unsigned live; /* records not yet seen off by the io worker; under the lock */
	void (*up)(struct pipes *pipes, uint32_t id);
	void (*down)(struct pipes *pipes, uint32_t id);
};

static void
pipes_up_fn(struct post *post)
{
	struct pipe_record *record = OBJ_CONTAINER(post, struct pipe_record, up);

	record->pipes->up(record->pipes, record->id);
}

static void
pipes_down_fn(struct post *post)
{
	struct pipe_record *record = OBJ_CONTAINER(post, struct pipe_record, down);
	struct pipes *pipes = record->pipes;
	uint32_t id = record->id;

	free(record);
	pthread_mutex_lock(&pipes->lock);
	pipes->live--;
	pthread_mutex_unlock(&pipes->lock);
	pipes->down(pipes, id);
}

static bool
pipes_any(struct pipes *pipes)
{
	bool any;

	pthread_mutex_lock(&pipes->lock);
	any = pipes->live > 0;
	pthread_mutex_unlock(&pipes->lock);
	return any;
}

static void
pipes_added(struct pipes *pipes, nng_pipe pipe)
{
	struct pipe_record *record = malloc(sizeof *record);

	if (record == NULL || pipes->count >= pipes->limit) {
		free(record);
		nng_pipe_close(pipe);
		return;
	}
	*record = (struct pipe_record){.up.fn = pipes_up_fn,
	                               .down.fn = pipes_down_fn,
	                               .pipes = pipes,
	                               .id = (uint32_t)nng_pipe_id(pipe),
	                               .next = pipes->records};
	pipes->records = record;
	pipes->count++;
	pipes->live++;
	worker_post(pipes->io, &record->up);
}

static void
pipes_removed(struct pipes *pipes, nng_pipe pipe)
{
	uint32_t id = (uint32_t)nng_pipe_id(pipe);

	for (struct pipe_record **at = &pipes->records; *at != NULL; at = &(*at)->next) {
		struct pipe_record *record = *at;

		if (record->id == id) {
			*at = record->next;
			pipes->count--;
			worker_post(pipes->io, &record->down);
			return;
		}
	}
}

static void
pipes_event_cb(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct pipes *pipes = arg;

	pthread_mutex_lock(&pipes->lock);
	if (event == NNG_PIPE_EV_ADD_PRE)
		pipes_added(pipes, pipe);
	else
		pipes_removed(pipes, pipe);
	pthread_mutex_unlock(&pipes->lock);
}

/* ADD_PRE, because a pipe already receives when ADD_POST is called: its first message would come
 * before we know it. */
static int
pipes_watch(struct pipes *pipes, nng_socket socket)
{
	int error = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_PRE, pipes_event_cb, pipes);

	if (error == 0)
		error = nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, pipes_event_cb, pipes);
	return error;
}

/* --- TLS ------------------------------------------------------------------------------------- */

static char *
socket_read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t space = 0;

	if (file == NULL || getdelim(&text, &space, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	if (file != NULL)
		fclose(file);
	return text;
}

/* A TLS configuration of nng; NULL with a line in `error`. The server's name is always set on a
 * dialer: without it nng checks no name at all. */
static nng_tls_config *
socket_tls(const struct tls_options *tls, nng_tls_mode mode, const char *server_name, char *error,
           size_t error_size)
{
	char *ca, *cert, *key;
	nng_tls_config *config = NULL;
	int rv;

	if (tls == NULL || tls->ca == NULL || tls->cert == NULL || tls->key == NULL) {
		snprintf(error, error_size,
		         "a tls+tcp:// URL needs ACTOR_TLS_CA, ACTOR_TLS_CERT and ACTOR_TLS_KEY");
		return NULL;
	}
	ca = socket_read_file(tls->ca);
	cert = socket_read_file(tls->cert);
	key = socket_read_file(tls->key);
	if (ca == NULL || cert == NULL || key == NULL) {
		snprintf(error, error_size, "%s cannot be read",
		         ca == NULL     ? "ACTOR_TLS_CA"
		         : cert == NULL ? "ACTOR_TLS_CERT"
		                        : "ACTOR_TLS_KEY");
		goto done;
	}
	if ((rv = nng_tls_config_alloc(&config, mode)) != 0 ||
	    (rv = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED)) != 0 ||
	    (rv = nng_tls_config_ca_chain(config, ca, NULL)) != 0 ||
	    (rv = nng_tls_config_own_cert(config, cert, key, NULL)) != 0 ||
	    (mode == NNG_TLS_MODE_CLIENT &&
	     (rv = nng_tls_config_server_name(config, server_name)) != 0)) {
		snprintf(error, error_size, "ACTOR_TLS_CA, _CERT, _KEY: %s", nng_strerror(rv));
		if (config != NULL)
			nng_tls_config_free(config);
		config = NULL;
	}
done:
	free(ca);
	free(cert);
	if (key != NULL)
		explicit_bzero(key, strlen(key));
	free(key);
	return config;
}

static bool
socket_wants_tls(const char *url)
{
	return strncmp(url, "tls+", 4) == 0;
}

static int
socket_set_message(nng_aio *aio, const void *bytes, size_t length)
{
	nng_msg *msg;

	if (nng_msg_alloc(&msg, 0) != 0)
		return -1;
	if (nng_msg_append(msg, bytes, length) != 0) {
		nng_msg_free(msg);
		return -1;
	}
	nng_aio_set_msg(aio, msg);
	return 0;
}

/* --- the caller's side ----------------------------------------------------------------------- */

struct dial_context {
	unsigned magic;
	struct post post; /* to the io worker, when an exchange has ended */
	struct dial *dial;
	enum wire_role role;
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
	struct dial_context context[2];
	const struct dial_events *events;
	void *arg;
	uint32_t pipe; /* 0: down */
	bool closed;
};

static void
dial_release(struct dial *dial)
{
	if (!dial->closed || pipes_any(&dial->pipes))
		return;
	for (int i = 0; i < 2; i++)
		if (dial->context[i].busy)
			return;
	for (int i = 0; i < 2; i++)
		if (dial->context[i].aio != NULL)
			nng_aio_free(dial->context[i].aio);
	pthread_mutex_destroy(&dial->pipes.lock);
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
	dial->events->answer(dial->arg, context->role, reply != NULL ? nng_msg_body(reply) : NULL,
	                     reply != NULL ? nng_msg_len(reply) : 0);
	if (reply != NULL)
		nng_msg_free(reply);
}

static void
dial_aio_cb(void *arg)
{
	OBJ_CAST(struct dial_context, context, arg, CONTEXT_MAGIC);
	int result = nng_aio_result(context->aio);

	if (context->state == DIAL_SENDING) {
		if (result == 0) {
			context->state = DIAL_RECEIVING;
			nng_aio_set_timeout(context->aio, SOCKET_RECEIVE_MS);
			nng_ctx_recv(context->ctx, context->aio);
			return;
		}
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
	for (int i = 0; i < 2; i++) {
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
	dial->pipes = (struct pipes){.io = io,
	                             .lock = PTHREAD_MUTEX_INITIALIZER,
	                             .limit = 2,
	                             .up = dial_up,
	                             .down = dial_down};
	for (int i = 0; i < 2; i++) {
		dial->context[i].post.fn = dial_answered_fn;
		dial->context[i].dial = dial;
		dial->context[i].role = (enum wire_role)i;
		OBJ_INIT(&dial->context[i], CONTEXT_MAGIC);
	}
	if (dial_connect(dial, url, tls, server_name, error, error_size) != 0)
		dial_close(&dial);
	return dial;
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
	nng_close(dial->socket);
	dial_release(dial);
}

int
dial_exchange(struct dial *dial, enum wire_role role, const void *bytes, size_t length)
{
	struct dial_context *context = &dial->context[role];

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
dial_busy(const struct dial *dial, enum wire_role role)
{
	return dial->context[role].busy;
}

void
dial_drop(struct dial *dial)
{
	nng_pipe pipe = {.id = dial->pipe};

	if (dial->pipe != 0)
		nng_pipe_close(pipe);
}

/* --- the service's side ---------------------------------------------------------------------- */

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
	unsigned pipe_count;
	_Atomic bool excess; /* there are contexts to reclaim */
	bool closed;
};

static void
listen_release(struct listen *listen)
{
	if (!listen->closed || listen->contexts != NULL || pipes_any(&listen->pipes))
		return;
	pthread_mutex_destroy(&listen->pipes.lock);
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

static unsigned
listen_target(const struct listen *listen)
{
	return 2 * listen->pipe_count + SOCKET_SPARE;
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
	if (context->state == LISTEN_SENT) {
		if (listen->context_count > listen_target(listen)) {
			listen_context_free(context);
			atomic_store(&listen->excess,
			             listen->context_count > listen_target(listen));
			return;
		}
		listen_receive(context);
		return;
	}
	context->state = LISTEN_HELD;
	context->pipe = nng_msg_get_pipe(message);
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
	} else if (context->state == LISTEN_SENDING && result != NNG_ECLOSED) {
		if (result != 0)
			nng_msg_free(nng_aio_get_msg(context->aio));
		if (result == NNG_ETIMEDOUT)
			nng_pipe_close(context->pipe); /* it would hold our contexts for ever */
		if (!atomic_load(&context->listen->excess)) {
			listen_receive(context);
			return;
		}
		context->state = LISTEN_SENT;
	} else if (result == NNG_ECLOSED) {
		if (context->state == LISTEN_SENDING)
			nng_msg_free(nng_aio_get_msg(context->aio));
		context->state = LISTEN_CLOSED;
	} else {
		listen_receive(context); /* out of memory in nng: try again */
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
	listen->pipe_count++;
	if (listen_grow(listen) != 0)
		listen_close_pipe(listen, id);
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
	listen->pipe_count--;
	atomic_store(&listen->excess, listen->context_count > listen_target(listen));
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
	if (socket_wants_tls(url)) {
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
	listen->pipes = (struct pipes){.io = io,
	                               .lock = PTHREAD_MUTEX_INITIALIZER,
	                               .limit = SOCKET_MAX_PIPES,
	                               .up = listen_up,
	                               .down = listen_down};
	if (listen_start(listen, url, tls, error, error_size) != 0)
		listen_close(&listen);
	return listen;
}

void
listen_close(struct listen **listenp)
{
	struct listen *listen = *listenp;
	struct listen_context *next;

	if (listen == NULL)
		return;
	OBJ_CHECK(listen, LISTEN_MAGIC);
	*listenp = NULL;
	listen->closed = true;
	nng_close(listen->socket);
	for (struct listen_context *context = listen->contexts; context != NULL; context = next) {
		next = context->next;
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
listen_close_pipe(struct listen *listen, uint32_t pipe)
{
	nng_pipe handle = {.id = pipe};

	(void)listen;
	nng_pipe_close(handle);
}

void
socket_fini(void)
{
	nng_fini();
}
