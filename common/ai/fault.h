/* SPDX-License-Identifier: MIT
 *
 * What can be wrong with a provider's answer, and what an error document says (RFC 9110 statuses,
 * the shapes of Google's and OpenAI's errors). Pure.
 */
#ifndef STUDYHALL_AI_FAULT_H
#define STUDYHALL_AI_FAULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each row: id, label in metrics; does it speak against the provider's health (the circuit breaker
 * counts it); is it worth another attempt at the same provider. */
/* clang-format off */
#define AI_FAULT_TABLE(X)                                                                          \
	X(NONE,        "answered",     false, false)                                               \
	X(UNREACHABLE, "unreachable",  true,  true)  /* no connection, or it broke before an answer */ \
	X(TIMED_OUT,   "timed_out",    true,  false) /* no first byte, or silence, for too long */ \
	X(THROTTLED,   "throttled",    false, true)  /* 429: another key, or later */              \
	X(KEY_REFUSED, "key_refused",  false, true)  /* invalid, expired, or its quota is spent */ \
	X(REFUSED,     "refused",      false, false) /* any other 4xx: asking again changes nothing */ \
	X(SERVER,      "server_error", true,  true)  /* 5xx */                                     \
	X(BROKEN,      "broken",       true,  true)  /* the answer ended before its end */         \
	X(MALFORMED,   "malformed",    true,  true)  /* no answer of that provider at all */       \
	X(TOO_LARGE,   "too_large",    false, true)                                                \
	X(BLOCKED,     "blocked",      false, false) /* a safety filter, instead of a text */      \
	X(CANCELLED,   "cancelled",    false, false) /* by us, or late */
/* clang-format on */

enum ai_fault {
#define X(id, label, unhealthy, again) AI_FAULT_##id,
	AI_FAULT_TABLE(X)
#undef X
	AI_FAULTS
};

const char *ai_fault_label(enum ai_fault fault);
bool ai_fault_unhealthy(enum ai_fault fault);
bool ai_fault_again(enum ai_fault fault);

#define AI_ERROR_CODE    48
#define AI_ERROR_MESSAGE 160

struct ai_error {
	enum ai_fault fault;
	bool has_wait;
	uint32_t wait_ms;         /* how long the provider wants to be left alone */
	char code[AI_ERROR_CODE]; /* the provider's own word ("RESOURCE_EXHAUSTED"), [A-Za-z0-9_.-]
	                           */
	char
	    message[AI_ERROR_MESSAGE]; /* its sentence, cut, for logs; may repeat a key: scrub it */
};

/* An answer of an HTTP status that is no 2xx. `retry_after` is the header's value or NULL; the body
 * may be anything. `now_s`: the wall clock. */
void ai_error_read(int http_status, const char *retry_after, const char *body, size_t length,
                   int64_t now_s, struct ai_error *error);
/* A document with an `error` member that came inside an answer of status 200. False if it has none.
 */
bool ai_error_inside(const json_t *document, struct ai_error *error);

#endif
