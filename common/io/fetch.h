/* SPDX-License-Identifier: MIT
 *
 * HTTP requests to the outside for tasks: libcurl's multi interface on the worker's loop, one
 * handle a worker, connections reused for a short while, HTTP/2 multiplexed. TLS is verified,
 * redirects are not followed. Cancelling the task aborts the transfer at once.
 *
 * Statuses: OK: there is a response, of any HTTP status. DEPENDENCY_DOWN: no connection, it broke,
 * or one of the request's own time limits passed (fetch_error() says what). TOO_LARGE: the response
 * is beyond its cap. DEADLINE, CANCELLED: the task's. OVERLOADED: no memory. BAD_REQUEST: the URL
 * or a header cannot be sent (http:// where it is not allowed).
 */
#ifndef STUDYHALL_IO_FETCH_H
#define STUDYHALL_IO_FETCH_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetch; /* a response that is being read */

struct fetch_request {
	const char *method; /* NULL: POST with a body, else GET */
	const char *url;
	const char *const *headers; /* "Name: value", NULL at the end; may be NULL */
	const void *body;           /* must stay valid until the end */
	size_t body_length;
	bool gives_body;        /* the body is from malloc() and fetch's from now on, whatever
	                           happens */
	uint32_t connect_ms;    /* to a connection with TLS; 0: 3000 */
	uint32_t first_byte_ms; /* to the first byte of the response; 0: no own limit */
	uint32_t silence_ms;    /* greatest pause within the response; 0: no own limit */
	uint32_t total_ms;      /* for everything; 0: no own limit */
	size_t body_limit;      /* greatest response body; 0: 4 MB */
	size_t read_size;       /* greatest piece that is read at once; 0: 1 KB */
	bool allow_http;        /* plain http:// too */
	const char *ca_file;    /* trusted instead of the system's; may be NULL */
};

struct fetch_response {
	int status;       /* of HTTP */
	const char *body; /* in the task's arena, NUL-terminated */
	size_t body_length;
	const char *head; /* header lines, for fetch_header() */
};

/* On each worker, on its loop or in a task; detach when no transfer is left, and let the loop turn
 * once more before worker_free. OVERLOADED when libcurl cannot start. */
enum status fetch_attach(void);
void fetch_detach(void);

/* From a task: sends the request, awaits the whole response. */
enum status http_fetch(const struct fetch_request *request, struct fetch_response *response);

/* The same piece by piece. Open waits for the response's head (body is NULL then); each read for
 * the next piece (valid until the next call), *length 0 at the end. A transfer that nobody reads is
 * paused, with at most 64 KB waiting. Silence while the reader is away is not counted. Close in
 * every case; it aborts what is under way, never waits, and nulls the pointer. *fetch is NULL
 * unless OK. */
enum status http_fetch_open(const struct fetch_request *request, struct fetch_response *response,
                            struct fetch **fetch);
enum status http_fetch_read(struct fetch *fetch, const char **bytes, size_t *length);
/* From now on another limit for silence. */
void http_fetch_set_silence(struct fetch *fetch, uint32_t silence_ms);
void http_fetch_close(struct fetch **fetch);

/* A header's value in the task's arena, NULL if absent; the first one, name in any case. */
const char *fetch_header(const struct fetch_response *response, const char *name);
/* Why the task's last request failed, one line for logs; until the task waits again. */
const char *fetch_error(void);

#endif
