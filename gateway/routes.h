/* SPDX-License-Identifier: MIT
 *
 * The one table of routes: a row per endpoint of the HTTP contract. Everything the gateway does
 * with a request, and /openapi.json, follows from its row. Read-only once bound; any thread.
 */
#ifndef STUDYHALL_GATEWAY_ROUTES_H
#define STUDYHALL_GATEWAY_ROUTES_H

#include "common/base/rules.h"
#include "common/io/http.h"

#include <protobuf-c/protobuf-c.h>

struct transcode;

enum route_body {
	ROUTE_BODY_NONE,     /* what comes is not looked at */
	ROUTE_BODY_JSON,     /* an object */
	ROUTE_BODY_OPTIONAL, /* an object or nothing */
	ROUTE_BODY_AUDIO,    /* audio into the fields `audio` and `content_type`, or an object */
};

enum route_answer {
	ROUTE_ANSWER_JSON,
	ROUTE_ANSWER_CALENDAR, /* the field `data` as text/calendar */
	ROUTE_ANSWER_TURN,     /* JSON, or the bytes of `audio` where the client asks for audio */
	ROUTE_ANSWER_DOCUMENT, /* a stream of pieces of the packed message, saved as a file */
	ROUTE_ANSWER_EVENTS,   /* a stream of delimited messages, as server-sent events */
};

enum route_flag {
	ROUTE_PUBLIC = 1,         /* needs no session */
	ROUTE_KEYED = 2,          /* takes an Idempotency-Key */
	ROUTE_CLIENT = 4,         /* the service wants to know address and user agent */
	ROUTE_NO_STORE = 8,       /* the answer holds a secret or everything there is */
	ROUTE_SETS_COOKIE = 16,   /* the answer's `token` becomes the session cookie */
	ROUTE_CLEARS_COOKIE = 32, /* the session cookie ends */
	ROUTE_ENDS_SESSIONS = 64, /* sessions of this user may die: forget what was verified */
	ROUTE_CANCELS = 128,      /* a client that hangs up cancels the work, unless it sent an
	                           * Idempotency-Key or prefers respond-async */
	ROUTE_RATED = 256,        /* has RateLimit fields and 429, for the document */
	ROUTE_ETAG = 512,         /* If-Match counts, or GET has an ETag, for the document */
	ROUTE_CONFLICTS = 1024,   /* 409 when it is too late, for the document */
};

#define ROUTE_SEGMENTS 8

struct route_segment {
	const char *text; /* literal, or the variable's field */
	size_t length;
	bool is_variable;
	const char *suffix; /* behind the variable: ".ics"; "" if none */
};

struct route {
	const char *method;
	const char
	    *pattern; /* "/v1/plans/{id}/items/{item_id}": variables are fields of the request */
	const char *actor;
	const char *rpc;
	const char *summary;
	const char *query; /* fields that come from the query, separated by spaces; or NULL */
	enum route_body body;
	enum route_answer answer;
	int success; /* HTTP status when all is well; 0: 200 */
	/* Fields of the answer, one of which is the document: of a 201, and of a 202. NULL: the
	 * answer itself is. */
	const char *created, *accepted;
	/* The messages of a stream of events, which is there beside JSON; NULL: none. */
	const ProtobufCMessageDescriptor *events;
	unsigned flags;
	uint32_t deadline_ms; /* 0: 5 s */
	size_t body_limit;    /* 0: 64 KB */

	/* Filled in by routes_bind(). */
	unsigned actor_index;
	char rpc_name[64]; /* "planner.Planner/GetPlan" */
	const ProtobufCMessageDescriptor *input, *output;
	const ProtobufCFieldDescriptor *created_field, *accepted_field; /* both or none */
	struct route_segment segments[ROUTE_SEGMENTS];
	unsigned segment_count;
	char variables[64];  /* names of the path's variables, separated by spaces */
	char elsewhere[160]; /* what a body may not hold: those, the query's, the audio's */
};

struct route_actor {
	const char *name;
	const ProtobufCServiceDescriptor *service;
	struct rule_table rules;
	const char *url; /* default of NAME_URL */
};

#define ROUTE_ACTOR_AUTH 0 /* who verifies sessions */
extern const struct route_actor route_actors[];
extern const unsigned route_actor_count;
extern struct route routes[];
extern const unsigned route_count;

/* Completes the table; once, at start. A row that names no method is a bug and asserts. */
void routes_bind(void);
/* The row for a request; NULL if there is none. *known is then a row of that path for another
 * method (405), or NULL (404). HEAD finds GET. */
const struct route *routes_find(const char *method, const struct http_target *target,
                                const struct route **known);
/* "GET, HEAD, OPTIONS, POST": the methods of a row's path. */
void routes_allow(const struct route *route, char *out, size_t size);
/* Fills the message's fields that the path holds. -1 without memory. */
int routes_set_variables(const struct route *route, const struct http_target *target,
                         struct transcode *in);

#endif
