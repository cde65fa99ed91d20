/* SPDX-License-Identifier: MIT
 *
 * One answer of the gateway: its header fields, gathered and then sent. Lives on the stack of the
 * handler, or of a callback on the loop; never both for one request.
 */
#ifndef STUDYHALL_GATEWAY_ANSWER_H
#define STUDYHALL_GATEWAY_ANSWER_H

#include "common/base/ids.h"
#include "common/io/http_request.h"

#define ANSWER_MAX_HEADERS 32

struct gateway;

struct answer {
	const struct gateway *gateway;
	struct http_request *request;
	char trace[TRACE_SIZE];
	uint32_t queue_us, service_us, ai_us; /* for Server-Timing */
	struct http_header *headers; /* room for ANSWER_MAX_HEADERS; NULL before the first one */
	size_t count;
	size_t used; /* of the loop's room for values that are made there */
};

/* What every answer has comes before its first field: X-Request-Id, nosniff, HSTS, CORS. Nothing is
 * made before, for a plan is waited for with this. */
void answer_init(struct answer *answer, const struct gateway *gateway,
                 struct http_request *request);
/* Adds a field; name and value are borrowed. A value that may not stand in a header field, or does
 * not fit, is left out. */
void answer_header(struct answer *answer, const char *name, const char *value);
/* The same with a value that is made here: in the task's arena, or on the loop. A value that does
 * not fit is left out. */
void answer_headerf(struct answer *answer, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds Server-Timing; the last field before the head is sent. */
void answer_timing(struct answer *answer);
/* Sends all of it (http_reply), Server-Timing too. */
enum status answer_send(struct answer *answer, int status, const void *body, size_t length);

/* Is the request's Origin listed in CORS_ORIGINS? */
bool answer_cors_allowed(const struct gateway *gateway, const char *origin);
/* 204 for OPTIONS: Allow, and what a preflight asks for. */
void answer_options(struct answer *answer, const char *allow);
/* The field's lines joined with ", ", in `out` if they are several; NULL if there is none or they
 * do not fit. */
const char *answer_field(const struct http_request *request, const char *name, char *out,
                         size_t size);

#endif
