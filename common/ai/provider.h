/* SPDX-License-Identifier: MIT
 *
 * One provider's endpoint, for the whole process: its keys, how many calls at a time, when to leave
 * it alone, when and how often to try again. What it is asked, and what the answer means, is up to
 * whoever calls; chats do it in chat.h. Thread-safe; no lock is held across a wait.
 *
 * A request is a loop of attempts, each of them one call that may have to be paid for:
 *
 *	struct provider_turns turns = {0};
 *	do {
 *		status = provider_open(provider, &request, &turns, &call);
 *		if (status == STATUS_OK)
 *			status = ... provider_read(call) ... provider_close(&call, ...);
 *	} while (status != STATUS_OK && provider_again(provider, &request, &turns, &status));
 */
#ifndef STUDYHALL_AI_PROVIDER_H
#define STUDYHALL_AI_PROVIDER_H

#include "common/ai/fault.h"
#include "common/ai/outcome.h"
#include "common/base/status.h"

struct breaker_options;
struct buf;
struct fetch_response;
struct provider;
struct provider_call;

struct provider_options {
	const char *name;       /* "gemini": metrics and logs; stays valid, as all strings here */
	const char *base_url;   /* http(s)://host:port/prefix; http:// is allowed if it says so */
	const char *keys;       /* separated by commas */
	const char *key_header; /* what stands before the key: "x-goog-api-key: " */
	unsigned concurrency;   /* calls at a time */
	uint32_t wait_ms;       /* for one of them to end, at most */
	unsigned attempts;      /* of one request */
	uint32_t backoff_ms, backoff_max_ms;
	uint32_t retry_after_ms; /* longer waits than this are not waited for */
	uint32_t connect_ms, first_byte_ms, silence_ms;
	const char *ca_file;                   /* NULL: the system's */
	const struct breaker_options *breaker; /* NULL: breaker_defaults */
};

/* Keeps the record of calls; see plan_ai_sink for what each must do. Either may be NULL. */
struct provider_watch {
	void *arg;
	enum status (*starts)(void *arg, const char *provider, const char *model,
	                      uint32_t tokens_at_most, unsigned *number);
	void (*ended)(void *arg, unsigned number, enum ai_outcome outcome, uint32_t prompt_tokens,
	              uint32_t completion_tokens, const char *why);
};

struct provider_request {
	const char *path;  /* appended to the base URL */
	const char *model; /* for the record; "" if there is none */
	const char *accept;
	const char *content_type; /* of the body; NULL: application/json */
	/* Writes the body, once for each attempt. */
	void (*body)(const void *arg, struct buf *out);
	const void *body_arg;
	size_t answer_limit; /* bytes; 0: 4 MB */
	size_t read_size;    /* as fetch_request's: of answers that are long and come at once */
	uint32_t tokens_at_most;
	const char *mark;       /* Idempotency-Key is MARK:NUMBER; NULL: none is sent */
	uint64_t give_up_ms;    /* clock_ms(); 0: only the task's deadline */
	uint32_t first_byte_ms; /* instead of the provider's, if sooner; 0: the provider's */
	bool last; /* nobody else can be asked: even a time limit is worth another try */
	const struct provider_watch *watch; /* may be NULL */
	/* Only for provider_fetch(): reads a whole answer. Anything but NONE is the call's fault,
	 * with one line in *why, and it may be tried again. NULL: any answer will do. */
	enum ai_fault (*read)(void *arg, const char *body, size_t length, const char **why);
	void *read_arg;
};

/* The attempts of one request; starts zeroed. */
struct provider_turns {
	unsigned calls;      /* that went out */
	enum ai_fault fault; /* of the last one */
	bool may_again;
	bool has_wait;
	uint32_t wait_ms; /* what the provider asked for */
	bool other_key;   /* the next attempt uses another one: no reason to wait */
	char why[96];     /* one line, without keys */
};

/* NULL with one line in `error` when an option is unusable; never a key in it. */
struct provider *provider_new(const struct provider_options *options, char *error,
                              size_t error_size);
/* When no call is left. */
void provider_free(struct provider **provider);
const char *provider_name(const struct provider *provider);
/* The host of its base URL. */
const char *provider_host(const struct provider *provider);

/* From a task: one attempt, up to the answer's head. OK: there is an answer of status 2xx, to be
 * closed. Otherwise nothing is left open, and turns->fault says why:
 * OVERLOADED: not asked (circuit open, no slot, all keys resting); DEPENDENCY_DOWN: asked, in vain;
 * DEADLINE: give_up_ms or the task's; CANCELLED; else what watch->starts() said. */
enum status provider_open(struct provider *provider, const struct provider_request *request,
                          struct provider_turns *turns, struct provider_call **call);
/* The next piece; *length is 0 at the end. DEPENDENCY_DOWN: it broke; provider_fault() says how. */
enum status provider_read(struct provider_call *call, const char **bytes, size_t *length);
/* From now on another limit for silence: when nothing important is to come. */
void provider_set_silence(struct provider_call *call, uint32_t silence_ms);
const struct fetch_response *provider_response(const struct provider_call *call);

struct provider_end {
	enum ai_fault fault; /* NONE: it went well */
	uint32_t prompt_tokens, completion_tokens;
	const char *why;              /* NULL: the fault's own word */
	const struct ai_error *error; /* what the provider said inside its answer; NULL: nothing */
};
/* How the last failed provider_read() failed. */
enum ai_fault provider_fault(const struct provider_call *call);
/* Ends the call, aborts what is under way, tells the watch. Never yields; nulls the pointer. */
void provider_close(struct provider_call **call, struct provider_turns *turns,
                    const struct provider_end *end);

/* After a failure: waits as long as is right and says whether to try once more. False: *status is
 * the request's, or DEADLINE or CANCELLED if that came while waiting. */
bool provider_again(struct provider *provider, const struct provider_request *request,
                    const struct provider_turns *turns, enum status *status);

/* The whole loop for answers that are wanted whole: request->read() gets them, NUL-terminated. */
enum status provider_fetch(struct provider *provider, const struct provider_request *request,
                           struct provider_turns *turns);

#endif
