/* SPDX-License-Identifier: MIT
 *
 * An HTTP/1.1 server on a worker (RFC 9110, 9112): strict, with limits for everything a client can
 * make slow or large. Each complete request runs in a green task of its own, as straight-line code.
 * Several servers, one per worker, may serve one address (http_listen.h).
 *
 * Unless said otherwise everything here is for the worker's thread. An idle connection has no
 * buffer, task or timer. Process-wide: SIGPIPE is ignored from the first server on.
 */
#ifndef STUDYHALL_IO_HTTP_SERVER_H
#define STUDYHALL_IO_HTTP_SERVER_H

#include "common/base/status.h"
#include "common/io/http_listen.h"
#include "common/io/http_request.h"

struct http_server;
struct worker;

/* On the loop, when a head is complete and before the body is read; must not wait. STATUS_OK: read
 * the body, then run the handler. Anything else: answered by error_fn, as is the case when it has
 * already called http_reply() itself (the return value then is ignored). */
typedef enum status http_head_fn(struct http_request *request, void *arg);
/* In a task, the body being complete. Must reply; if it doesn't the client gets INTERNAL. */
typedef void http_handler_fn(struct http_request *request, void *arg);
/* Writes the answer for an error found by the server, with http_reply(). On the loop or in the
 * request's task; must not wait. The request may have no method, path or fields: everything then
 * reads as absent. `detail` is for people and never NULL. */
typedef void http_error_fn(struct http_request *request, enum status status, const char *detail,
                           void *arg);

struct http_server_options {
	struct http_limits *limits; /* outlives the server */
	int fd;                     /* from http_listen(); the server closes it */
	http_head_fn *head_fn;      /* NULL: every head is welcome */
	http_handler_fn *handler_fn;
	http_error_fn *error_fn; /* NULL: a small problem document (RFC 9457) */
	void *arg;
	unsigned max_requests;  /* tasks at a time; beyond: OVERLOADED. 0: no bound */
	unsigned lane_requests; /* tasks of a lane at a time (http_request_set_lane()); 0: no bound
	                         */
	size_t body_limit;      /* unless head_fn sets another; 0: 1 MB */
	uint32_t keepalive_ms;  /* an idle connection is closed after; 0: 75 s */
	uint32_t head_ms;       /* a head must be complete within; 0: 10 s */
	uint32_t body_ms; /* in every such period a body must grow by body_progress; 0: 10 s */
	uint32_t body_progress; /* bytes; 0: 5000 */
	uint32_t write_ms;      /* a client that takes nothing for so long is dropped; 0: 30 s */
	uint32_t linger_ms;     /* reading what a refused client still sends; 0: 2 s */
};

/* Serves at once. On the worker's thread, or before worker_run(). NULL without memory (the fd is
 * closed then too). */
struct http_server *http_server_new(struct worker *worker,
                                    const struct http_server_options *options);
/* The end is near: from now on each answer closes its connection, so that clients which keep some
 * open make their next ones elsewhere; serves on. */
void http_server_leave(struct http_server *server);
/* Stops accepting, closes connections that have been idle for a second or become so, and answers
 * the rest with Connection: close. Calls drained(arg) from the loop when the last one has gone:
 * then http_server_free() may be called. */
void http_server_drain(struct http_server *server, void (*drained)(void *arg), void *arg);
/* The grace is over: cancels the handlers and drops every connection. After http_server_drain(). */
void http_server_abort(struct http_server *server);
/* After drained() was called; nulls the pointer. NULL inside is fine. */
void http_server_free(struct http_server **server);
/* Connections, and requests in progress. Any thread. */
unsigned http_server_connections(const struct http_server *server);
unsigned http_server_requests(const struct http_server *server);

#endif
