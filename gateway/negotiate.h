/* SPDX-License-Identifier: MIT
 *
 * What can be said of a request by its head alone, before its body is read: media types both ways,
 * and fields that are malformed. Pure; on the loop or in a task.
 */
#ifndef STUDYHALL_GATEWAY_NEGOTIATE_H
#define STUDYHALL_GATEWAY_NEGOTIATE_H

#include "common/base/status.h"
#include "common/io/http_prefer.h"

#include <stdbool.h>
#include <stddef.h>

struct answer;
struct http_request;
struct route;

#define NEGOTIATE_MAX_FIELD 1024
#define NEGOTIATE_EVENTS    "text/event-stream"

struct negotiation {
	bool is_audio;     /* the body is audio, not JSON */
	bool wants_audio;  /* the answer's audio, not JSON */
	bool wants_events; /* a stream of events, not JSON */
	bool is_untyped;   /* no Content-Type: there may be no body */
	const char *idempotency_key;
	struct http_prefer prefer;
	const char *if_match, *if_none_match, *accept; /* NULL: none */
};

/* Texts that had to be put together are in the task's arena; on the loop they are gone with the
 * next call. OK; NOT_ACCEPTABLE, UNSUPPORTED_MEDIA, BAD_REQUEST with *detail. */
enum status negotiate(const struct route *route, const struct http_request *request,
                      struct negotiation *negotiation, const char **detail);
/* With UNSUPPORTED_MEDIA: adds Accept-Post (W3C LDP, 7.1) or Accept-Patch
 * (RFC 5789). */
void negotiate_add_accepted(const struct route *route, struct answer *answer);
/* Greatest body for what comes in. */
size_t negotiate_body_limit(const struct route *route, const struct negotiation *negotiation);

#endif
