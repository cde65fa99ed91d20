/* SPDX-License-Identifier: MIT
 * What all answers have in common. */
#include "gateway/answer.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/task/task.h"
#include "gateway/gateway.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_TEXT 256 /* bytes of values that are made on the loop, for one answer */
#define ANSWER_HSTS "max-age=31536000"

/* The trace the request belongs to: its task's; before there is one, what the client sent. */
static void
answer_trace(struct answer *answer)
{
	const char *trace = task_trace(), *parent = http_request_traceparent(answer->request);
	if (trace[0] == '\0' && parent == NULL)
		ids_trace(answer->trace);
	else
		snprintf(answer->trace, sizeof answer->trace, "%.32s",
		         trace[0] != '\0' ? trace : parent + 3);
}

bool
answer_cors_allowed(const struct gateway *gateway, const char *origin)
{
	size_t length = origin == NULL ? 0 : strlen(origin);
	for (const char *at = gateway->cors_origins; at != NULL && length > 0;) {
		at += strspn(at, ", ");
		size_t size = strcspn(at, ", ");
		if (size == 0)
			return false;
		if (size == length && strncmp(at, origin, length) == 0)
			return true;
		at += size;
	}
	return false;
}

void
answer_init(struct answer *answer, const struct gateway *gateway, struct http_request *request)
{
	answer->gateway = gateway;
	answer->request = request;
	answer->count = answer->used = 0;
	answer->queue_us = answer->service_us = answer->ai_us = 0;
	answer->headers = NULL;
	answer_trace(answer);
}

static void
answer_put(struct answer *answer, const char *name, const char *value)
{
	if (value != NULL && answer->count < ANSWER_MAX_HEADERS &&
	    http_value_valid(value, strlen(value)))
		answer->headers[answer->count++] = (struct http_header){name, value};
}

static void
answer_cors(struct answer *answer)
{
	const char *origin = http_request_header(answer->request, "origin");
	answer_put(answer, "Vary", "Origin");
	if (!answer_cors_allowed(answer->gateway, origin))
		return;
	answer_put(answer, "Access-Control-Allow-Origin", origin);
	answer_put(answer, "Access-Control-Expose-Headers",
	           "ETag, Location, X-Request-Id, Server-Timing, Retry-After, Cache-Status, "
	           "Idempotency-Replayed, Preference-Applied, RateLimit, RateLimit-Policy");
}

/* Room, and what all answers have. False without memory. */
static bool
answer_begin(struct answer *answer)
{
	static _Thread_local struct http_header on_loop[ANSWER_MAX_HEADERS];
	const struct gateway *gateway = answer->gateway;
	if (answer->headers != NULL)
		return true;
	answer->headers = on_loop; /* which finishes an answer before the next */
	if (task_self() != NULL)
		answer->headers = arena_alloc(task_arena(), sizeof on_loop);
	if (answer->headers == NULL)
		return false;
	answer_put(answer, "X-Request-Id", answer->trace);
	answer_put(answer, "X-Content-Type-Options", "nosniff");
	if (gateway->is_https)
		answer_put(answer, "Strict-Transport-Security", ANSWER_HSTS);
	if (gateway->cors_origins != NULL)
		answer_cors(answer);
	return true;
}

void
answer_header(struct answer *answer, const char *name, const char *value)
{
	if (answer_begin(answer))
		answer_put(answer, name, value);
}

void
answer_headerf(struct answer *answer, const char *name, const char *format, ...)
{
	static _Thread_local char
	    text[ANSWER_TEXT]; /* the loop finishes an answer before the next */
	size_t room = sizeof text - answer->used;
	va_list args;
	va_start(args, format);
	if (task_self() != NULL) {
		answer_header(answer, name, arena_vprintf(task_arena(), format, args));
	} else {
		char *value = text + answer->used;
		int length = vsnprintf(value, room, format, args);
		if (length >= 0 && (size_t)length < room) {
			answer_header(answer, name, value);
			answer->used += (size_t)length + 1;
		}
	}
	va_end(args);
}

/* The gateway's share is what the others leave of the time since the head had come. */
void
answer_timing(struct answer *answer)
{
	uint64_t started_us = http_request_started_us(answer->request), now_us = clock_us();
	uint64_t total = started_us == 0 || started_us > now_us ? 0 : now_us - started_us;
	uint64_t others = (uint64_t)answer->queue_us + answer->service_us;
	uint64_t own = total > others ? total - others : 0;
	char ai[40] = "";
	if (answer->ai_us > 0)
		snprintf(ai, sizeof ai, ", ai;dur=%u.%03u", answer->ai_us / 1000,
		         answer->ai_us % 1000);
	answer_headerf(answer, "Server-Timing",
	               "gateway;dur=%u.%03u, queue;dur=%u.%03u, service;dur=%u.%03u%s",
	               (unsigned)(own / 1000), (unsigned)(own % 1000), answer->queue_us / 1000,
	               answer->queue_us % 1000, answer->service_us / 1000,
	               answer->service_us % 1000, ai);
}

enum status
answer_send(struct answer *answer, int status, const void *body, size_t length)
{
	answer_timing(answer);
	return http_reply(answer->request, status, answer->headers, answer->count, body, length);
}

void
answer_options(struct answer *answer, const char *allow)
{
	const char *origin = http_request_header(answer->request, "origin");
	answer_header(answer, "Allow", allow);
	answer_header(answer, "Cache-Control", "no-store");
	if (answer_cors_allowed(answer->gateway, origin) &&
	    http_request_header(answer->request, "access-control-request-method") != NULL) {
		answer_header(answer, "Access-Control-Allow-Methods", allow);
		answer_header(answer, "Access-Control-Allow-Headers",
		              "Authorization, Content-Type, Idempotency-Key, If-Match, "
		              "If-None-Match, Last-Event-ID, Prefer, Traceparent");
		answer_header(answer, "Access-Control-Max-Age", "600");
	}
	(void)answer_send(answer, 204, NULL, 0);
}

const char *
answer_field(const struct http_request *request, const char *name, char *out, size_t size)
{
	const char *value = http_request_header(request, name);
	if (value == NULL || http_request_header_next(request, name, value) == NULL)
		return value;
	size_t used = 0;
	for (; value != NULL; value = http_request_header_next(request, name, value)) {
		int length =
		    snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ", ", value);
		if (length < 0 || (size_t)length >= size - used)
			return NULL;
		used += (size_t)length;
	}
	return out;
}
