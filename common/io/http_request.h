/* SPDX-License-Identifier: MIT
 *
 * One request of the HTTP server (http_server.h), as head_fn and handler_fn see it, and its answer.
 * For the worker's thread. A request belongs to the server and is valid until its handler returns;
 * strings that it gives live as long.
 */
#ifndef STUDYHALL_IO_HTTP_REQUEST_H
#define STUDYHALL_IO_HTTP_REQUEST_H

#include "common/base/status.h"
#include "common/io/http.h"

#include <sys/socket.h>

struct http_request;

/* --- of a request: what came --------------------------------------------------------------- */
const char *http_request_method(const struct http_request *request); /* "" if unknown */
const struct http_target *http_request_target(const struct http_request *request);
/* The decoded i-th segment of the path; NULL beyond. */
const char *http_request_segment(const struct http_request *request, size_t i);
/* The first parameter of that name in the query, decoded; NULL: none, or malformed. */
const char *http_request_param(const struct http_request *request, const char *name);
/* A field's first value; and the next one behind a value given before. NULL: none. */
const char *http_request_header(const struct http_request *request, const char *name);
const char *http_request_header_next(const struct http_request *request, const char *name,
                                     const char *after);
/* The body, NUL behind it; "" and 0 if there is none. In the handler. */
const char *http_request_body(const struct http_request *request, size_t *length);
/* Content-Length, or SIZE_MAX when chunked. In head_fn. */
size_t http_request_length(const struct http_request *request);
/* The peer's address without port ("127.0.0.1", "::1", "unix"), as a sockaddr too. */
const char *http_request_address(struct http_request *request);
const struct sockaddr *http_request_sockaddr(const struct http_request *request);
/* A valid traceparent field, or NULL. The handler's task continues it. */
const char *http_request_traceparent(const struct http_request *request);
/* clock_us() when the head was complete. */
uint64_t http_request_started_us(const struct http_request *request);

/* --- head_fn's decisions ------------------------------------------------------------------- */
void http_request_set_body_limit(struct http_request *request, size_t bytes);
/* The handler's task: its name (a string that stays valid), its deadline counted from the moment
 * the body is complete (0: none), its arena's budget. */
void http_request_set_task(struct http_request *request, const char *name, uint32_t deadline_ms,
                           size_t arena_budget);
/* Requests of one lane (0 to 31) are worked on lane_requests at a time. Others wait their turn as
 * what was read of them, without a task; who would have to wait for longer than two seconds gets
 * OVERLOADED at once. For what takes little time: what takes long would be in its way. */
void http_request_set_lane(struct http_request *request, unsigned lane);
/* Something of the caller's, such as the route. */
void http_request_set_context(struct http_request *request, void *context);
void *http_request_context(const struct http_request *request);

/* --- answering ----------------------------------------------------------------------------- */
/* One complete answer; once per request. Date, Content-Length and Connection are the server's;
 * HEAD, 204 and 304 get no body. In the handler it returns when the client's side has taken
 * everything (it yields if it must, uninterrupted by deadline or cancellation: the write timeout
 * rules), so `body` need not be copied. CANCELLED: the client is gone. A header name or value that
 * is not allowed (CR, LF): INTERNAL, and the client gets an INTERNAL error. */
enum status http_reply(struct http_request *request, int status, const struct http_header *headers,
                       size_t count, const void *body, size_t length);
/* An answer in pieces, from the handler: begin sends the head, write yields while the client is
 * slow, end completes it. Chunked, or until close for HTTP/1.0. If the handler returns without end,
 * the connection is cut so that the client sees that something is missing. */
enum status http_reply_begin(struct http_request *request, int status,
                             const struct http_header *headers, size_t count);
enum status http_reply_write(struct http_request *request, const void *bytes, size_t length);
enum status http_reply_end(struct http_request *request);
/* The status replied with so far; 0: none yet. */
int http_request_replied(const struct http_request *request);
/* An error as the server writes it itself, through error_fn. */
void http_reply_error(struct http_request *request, enum status status, const char *detail);

/* From now on (or no longer) a client that closes its side cancels the handler's task, at once if
 * it has done so already. Without it a half-closed client is answered. Not noticed behind 16 KB of
 * pipelined requests. */
void http_request_cancel_on_hangup(struct http_request *request, bool cancel);
/* Has the client closed its side? */
bool http_request_hung_up(const struct http_request *request);

#endif
