/* SPDX-License-Identifier: MIT
 *
 * One request that a service works on, as its handler sees it. Only the handler's task uses it,
 * and it is gone when the handler returns. Texts returned live as long as the call.
 */
#ifndef STUDYHALL_SERVICE_CALL_H
#define STUDYHALL_SERVICE_CALL_H

#include "common/actor/message.h"
#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

struct call;
struct service;

struct service *call_service(struct call *call);
/* Who asks; never NULL on methods that the gateway guards. */
const char *call_user(const struct call *call);
const char *call_session(const struct call *call);
/* The user's locale and time zone; "ko" and "Asia/Seoul" when nobody said otherwise. */
const char *call_locale(const struct call *call);
const char *call_time_zone(const struct call *call);
const struct identity *call_identity(const struct call *call);
/* NULL when absent. */
const char *call_idempotency_key(const struct call *call);
const char *call_header(const struct call *call, const char *name);
/* SHA-256 of method and request body: what an idempotency key is bound to. Base64url. */
const char *call_fingerprint(const struct call *call);

void call_set_outcome(struct call *call, enum outcome outcome);
/* The reply as bytes: a packed message of the method's output type (from a cache, mostly), sent as
 * it is instead of the reply message when the handler returns STATUS_OK. They must stay valid until
 * then: the task's arena, or static. */
void call_reply_packed(struct call *call, const void *bytes, size_t length);
/* What the handler has set so far: detail, violations, Retry-After, outcome, headers. Not the
 * status and the body, which are not known before it returns. Pointers live as long as the call. */
void call_peek(const struct call *call, struct reply *reply);
/* Copies. A header beyond MESSAGE_MAX_HEADERS is a bug. */
void call_set_header(struct call *call, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void call_set_retry_after(struct call *call, uint32_t seconds);
/* Time of the handler that was spent waiting for an AI provider, for Server-Timing. */
void call_add_ai_time(struct call *call, uint64_t elapsed_us);

/* Sets the detail and returns `status`, so that a handler can `return call_fail(...)`. The format
 * may be NULL. */
enum status call_fail(struct call *call, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds a violation of the field at `pointer` ("/topics/3") and returns STATUS_VALIDATION. */
enum status call_invalid(struct call *call, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes over status, detail, violations and Retry-After of another actor's reply. */
enum status call_fail_as(struct call *call, const struct reply *reply);

/* From now on the handler mostly waits, for something that takes long and is bounded elsewhere: it
 * is not counted among those worked on (WORKER_CONNECTIONS), as far as there is room for it. */
void call_park(struct call *call);

/* Sends a piece of a streamed reply; the first one sends the head, so set headers before. Yields
 * while the reader is slow. When the handler then returns, the stream ends with its status and the
 * reply message is not sent. */
enum status call_stream_write(struct call *call, const void *bytes, size_t length);
/* Sends the head now, before there is anything to write. */
enum status call_stream_begin(struct call *call);

#endif
