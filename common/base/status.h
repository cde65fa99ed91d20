/* SPDX-License-Identifier: MIT
 *
 * The one table of outcomes: what a function returns, what crosses the wire between actors, and
 * what an HTTP client reads as a problem document (RFC 9457).
 *
 * Each row: name, canonical gRPC code, HTTP status, slug (the last part of the problem's `type`),
 * retryable (a caller may try again if the method is idempotent), title.
 */
#ifndef STUDYHALL_BASE_STATUS_H
#define STUDYHALL_BASE_STATUS_H

#include <stdbool.h>

/* clang-format off */
#define STATUS_TABLE(X)                                                                            \
	X(OK,                 0, 200, "ok",                     false, "OK")                       \
	X(CANCELLED,          1, 499, "cancelled",              false, "The caller went away")     \
	X(INVALID_JSON,       3, 400, "invalid-json",           false, "The body is not valid JSON") \
	X(BAD_REQUEST,        3, 400, "bad-request",            false, "The request is malformed") \
	X(UNAUTHENTICATED,   16, 401, "unauthenticated",        false, "Sign in first")            \
	X(FORBIDDEN_ORIGIN,   7, 403, "forbidden-origin",       false, "The request comes from a foreign site") \
	X(NOT_FOUND,          5, 404, "not-found",              false, "There is no such thing")   \
	X(METHOD_NOT_ALLOWED, 12, 405, "method-not-allowed",    false, "The method is not allowed here") \
	X(NOT_ACCEPTABLE,     3, 406, "not-acceptable",         false, "No acceptable representation") \
	X(REQUEST_TIMEOUT,    4, 408, "request-timeout",        false, "The request came too slowly") \
	X(EMAIL_TAKEN,        6, 409, "email-taken",            false, "The email address is taken") \
	X(CONFLICT,          10, 409, "conflict",               false, "The state does not allow it") \
	X(PRECONDITION_FAILED, 9, 412, "precondition-failed",   false, "The object has changed")   \
	X(TOO_LARGE,         11, 413, "too-large",              false, "The body is too large")    \
	X(UNSUPPORTED_MEDIA,  3, 415, "unsupported-media",      false, "The media type is not supported") \
	X(VALIDATION,         3, 422, "validation",             false, "A field is not valid")     \
	X(IDEMPOTENCY_KEY_REUSED, 3, 422, "idempotency-key-reused", false, "The Idempotency-Key belongs to another request") \
	X(HEADERS_TOO_LARGE, 11, 431, "headers-too-large",      false, "The header fields are too large") \
	X(THROTTLED,          8, 429, "throttled",              false, "Too many requests")        \
	X(QUOTA_EXCEEDED,     8, 429, "quota-exceeded",         false, "The quota is spent")       \
	X(INTERNAL,          13, 500, "internal",               false, "Something broke on our side") \
	X(PROVIDERS_FAILED,  14, 502, "providers-failed",       false, "No AI provider answered")  \
	X(OVERLOADED,         8, 503, "overloaded",             true,  "Too busy right now")       \
	X(DEPENDENCY_DOWN,   14, 503, "dependency-down",        true,  "A part of the system is not available") \
	X(DEADLINE,           4, 504, "deadline",               false, "It took too long")
/* clang-format on */

enum status {
#define X(name, grpc, http, slug, retryable, title) STATUS_##name,
	STATUS_TABLE(X)
#undef X
	STATUS_COUNT
};

/* Pure functions of the table; an out-of-range value reads as STATUS_INTERNAL. */
const char *status_slug(enum status status);
const char *status_title(enum status status);
int status_http(enum status status);
int status_grpc(enum status status);
bool status_retryable(enum status status);

/* The status of a slug; an unknown slug (a newer peer's) falls back to the first row with the
 * canonical code `grpc`, or STATUS_INTERNAL. `slug` may be NULL. */
enum status status_from_wire(const char *slug, int grpc);

#endif
