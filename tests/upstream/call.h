/* SPDX-License-Identifier: MIT
 *
 * One call of a provider: who asks, what is to go wrong, how long it takes, and what the ledger
 * says of it in the end. Lives on the stack of its request's task.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_CALL_H
#define STUDYHALL_TESTS_UPSTREAM_CALL_H

#include "common/base/buf.h"
#include "common/io/http_request.h"
#include "tests/upstream/config.h"
#include "tests/upstream/hold.h"
#include "tests/upstream/ledger.h"

#define CALL_HEADERS 12

struct call;

/* Why a provider refuses. */
enum refusal {
	REFUSAL_NO_KEY,
	REFUSAL_INVALID_KEY,
	REFUSAL_RATE_LIMIT,
	REFUSAL_QUOTA,
	REFUSAL_BAD_REQUEST,
	REFUSAL_NO_MODEL,
	REFUSAL_BROKEN,
	REFUSAL_UNAVAILABLE,
	REFUSALS,
};

struct provider {
	const char *name;
	size_t body_limit;
	/* The path's name in rules and ledger, or NULL: not this provider's. */
	const char *(*match)(const struct http_request *request);
	/* The API key; NULL: none. */
	const char *(*key)(const struct http_request *request);
	/* Writes the error document, adds headers; gives the status. */
	int (*refuse)(struct call *call, enum refusal why, const char *detail, struct buf *body);
	/* In the task, after the time to the first byte. */
	void (*answer)(struct call *call);
};

extern const struct provider upstream_gemini, upstream_openai, upstream_google_speech,
    upstream_openai_speech;

struct upstream {
	unsigned magic;
	struct config config;
	struct ledger *ledger;
	uint64_t drawn; /* calls since the seed was set */
	unsigned open, highest_open;
	struct holds holds;
	long rss_start_kb;
};

struct call {
	struct upstream *upstream;
	struct http_request *request;
	const struct provider *provider;
	const char *path;
	uint64_t number;
	struct ledger_ref entry;
	struct random random;
	struct fault fault;
	struct pace pace;
	struct http_header headers[CALL_HEADERS]; /* of the answer; values in the task's arena */
	size_t header_count;
	enum ledger_outcome outcome;
};

/* Serves one request of `provider`, from the request's task. */
void call_run(struct upstream *upstream, struct http_request *request,
              const struct provider *provider, const char *path);

/* --- for the providers --------------------------------------------------------------------- */
/* `value` must live as long as the request. */
void call_put_header(struct call *call, const char *name, const char *value);
/* An error answer. */
void call_refuse(struct call *call, enum refusal why, const char *detail);
/* Draws and waits; false when the client has gone. */
bool call_sleep(struct call *call, const struct latency *latency);
/* Waits until a test releases the call; false when the client has gone. */
bool call_hold(struct call *call);
void call_note_tokens(struct call *call, size_t prompt, size_t completion);

#endif
