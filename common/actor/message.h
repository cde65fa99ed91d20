/* SPDX-License-Identifier: MIT
 *
 * What a request and a reply between actors carry beside their protobuf message. Plain values;
 * pointers are borrowed for the length of a call, or belong to the task's arena where a function
 * says so.
 */
#ifndef STUDYHALL_ACTOR_MESSAGE_H
#define STUDYHALL_ACTOR_MESSAGE_H

#include "common/base/rules.h"
#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* HTTP fields that travel between gateway and services, lower case; all others stay outside:
 * prefer, preference-applied, if-match, if-none-match, etag, location, accept, accept-post,
 * cache-status, idempotency-replayed, ratelimit, ratelimit-policy, user-agent, content-type,
 * last-event-id, and x-client-address (the peer as the gateway believes it). */
struct header {
	const char *name;
	const char *value;
};
#define MESSAGE_MAX_HEADERS 16
#define MESSAGE_MAX_HEADER  1024 /* bytes of one value */
/* Greatest body of a request or a reply that is not a stream. */
#define MESSAGE_MAX_BODY ((size_t)16 << 20)

/* Who asks, as the gateway verified it. All NULL for anonymous calls. */
struct identity {
	const char *user;
	const char *session;
	const char *locale;    /* "ko" or "en" */
	const char *time_zone; /* IANA */
};

enum outcome {
	OUTCOME_OK,
	OUTCOME_CREATED,
	OUTCOME_ACCEPTED,
	OUTCOME_NO_CONTENT
};

struct reply {
	enum status status;
	const char *detail;           /* for people; NULL when there is nothing to add */
	struct violation *violations; /* with STATUS_VALIDATION */
	uint32_t retry_after_s;
	enum outcome outcome;
	struct header headers[MESSAGE_MAX_HEADERS];
	size_t header_count;
	const void *body; /* the packed protobuf message */
	size_t body_length;
	uint32_t queue_us, service_us, ai_us;
};

const char *header_find(const struct header *headers, size_t count, const char *name);

#endif
