/* SPDX-License-Identifier: MIT
 * Media types and other fields of a request's head. */
#include "gateway/negotiate.h"

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/base/text.h"
#include "common/io/http_request.h"
#include "common/task/task.h"
#include "gateway/answer.h"
#include "gateway/routes.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NEGOTIATE_PATCH      "application/merge-patch+json"
#define NEGOTIATE_JSON_LIMIT ((size_t)64 << 10) /* where the body may be audio */

static bool
negotiate_is_patch(const struct route *route)
{
	return strcmp(route->method, "PATCH") == 0;
}

/* A PATCH is a merge patch, and may say so (RFC 7396). */
static bool
negotiate_is_json(const struct route *route, const char *type)
{
	return http_media_type_is(type, "application/json") ||
	       (negotiate_is_patch(route) && http_media_type_is(type, NEGOTIATE_PATCH));
}

static enum status
negotiate_body(const struct route *route, const struct http_request *request,
               struct negotiation *negotiation, const char **detail)
{
	const char *type = http_request_header(request, "content-type");
	const char *coding = http_request_header(request, "content-encoding");
	char charset[32];
	if (route->body == ROUTE_BODY_NONE)
		return STATUS_OK;
	*detail = "the body must not be compressed";
	if (coding != NULL && strcasecmp(coding, "identity") != 0)
		return STATUS_UNSUPPORTED_MEDIA;
	negotiation->is_untyped = type == NULL;
	*detail = "the body needs a Content-Type";
	if (type == NULL)
		/* Whether there is a body shows when it has come. */
		return http_request_length(request) == 0 ||
		               (route->body == ROUTE_BODY_OPTIONAL &&
		                http_request_length(request) == SIZE_MAX)
		           ? STATUS_OK
		           : STATUS_UNSUPPORTED_MEDIA;
	negotiation->is_audio =
	    route->body == ROUTE_BODY_AUDIO && strncasecmp(type, "audio/", 6) == 0;
	*detail = "the Content-Type is longer than 200 bytes, or not ASCII";
	if (negotiation->is_audio)
		return strlen(type) <= 200 && text_valid(type, strlen(type))
		           ? STATUS_OK
		           : STATUS_UNSUPPORTED_MEDIA;
	*detail = route->body == ROUTE_BODY_AUDIO ? "the body must be audio or application/json"
	          : negotiate_is_patch(route)
	              ? "the body must be application/json or " NEGOTIATE_PATCH
	              : "the body must be application/json";
	if (!negotiate_is_json(route, type))
		return STATUS_UNSUPPORTED_MEDIA;
	*detail = "JSON is in UTF-8";
	if (http_media_type_parameter(type, "charset", charset, sizeof charset) &&
	    strcasecmp(charset, "utf-8") != 0)
		return STATUS_UNSUPPORTED_MEDIA;
	return STATUS_OK;
}

static enum status
negotiate_answer(const struct route *route, struct negotiation *negotiation, const char **detail)
{
	static const char *const turns[] = {"application/json", "audio/wav",      "audio/x-wav",
	                                    "audio/wave",       "audio/vnd.wave", "audio/mpeg"};
	static const char *const calendars[] = {"text/calendar"};
	static const char *const events[] = {NEGOTIATE_EVENTS};
	static const char *const either[] = {"application/json", NEGOTIATE_EVENTS};
	const char *const *offers = either;
	size_t count = 1;
	int best;
	*detail = "the answer is application/json";
	if (route->output->n_fields == 0)
		return STATUS_OK; /* there is nothing to accept */
	if (route->answer == ROUTE_ANSWER_CALENDAR) {
		offers = calendars;
		*detail = "the answer is text/calendar";
	} else if (route->answer == ROUTE_ANSWER_EVENTS) {
		offers = events;
		*detail = "the answer is " NEGOTIATE_EVENTS;
	} else if (route->events != NULL) {
		count = COUNT_OF(either);
		*detail = "the answer is application/json or " NEGOTIATE_EVENTS;
	} else if (route->answer == ROUTE_ANSWER_TURN) {
		offers = turns;
		count = COUNT_OF(turns);
		*detail = "the answer is application/json, audio/wav or audio/mpeg";
	}
	best = http_accept_best(negotiation->accept, offers, count);
	negotiation->wants_audio = route->answer == ROUTE_ANSWER_TURN && best > 0;
	negotiation->wants_events = best >= 0 && strcmp(offers[best], NEGOTIATE_EVENTS) == 0;
	return best < 0 ? STATUS_NOT_ACCEPTABLE : STATUS_OK;
}

static enum status
negotiate_key(const struct route *route, const struct http_request *request,
              struct negotiation *negotiation, const char **detail)
{
	const char *key = http_request_header(request, "idempotency-key");
	if (key == NULL || (route->flags & ROUTE_KEYED) == 0)
		return STATUS_OK;
	size_t length = strlen(key);
	bool valid = length >= 1 && length <= 128 &&
	             http_request_header_next(request, "idempotency-key", key) == NULL;
	for (size_t i = 0; i < length; i++)
		valid = valid && key[i] > 0x20 && key[i] < 0x7f;
	*detail = "the Idempotency-Key must be 1 to 128 visible ASCII characters";
	negotiation->idempotency_key = key;
	return valid ? STATUS_OK : STATUS_BAD_REQUEST;
}

/* The field in one line; NULL if it is absent, too long or no UTF-8. */
static const char *
negotiate_field(const struct http_request *request, const char *name)
{
	static _Thread_local char line[NEGOTIATE_MAX_FIELD + 1];
	const char *value = answer_field(request, name, line, sizeof line);
	if (value == line && task_self() != NULL)
		value = arena_strdup(task_arena(), line);
	return value == NULL || strlen(value) > NEGOTIATE_MAX_FIELD ||
	               !text_valid(value, strlen(value))
	           ? NULL
	           : value;
}

enum status
negotiate(const struct route *route, const struct http_request *request,
          struct negotiation *negotiation, const char **detail)
{
	*negotiation = (struct negotiation){0};
	http_prefer_parse(negotiate_field(request, "prefer"), &negotiation->prefer);
	negotiation->if_match = negotiate_field(request, "if-match");
	negotiation->if_none_match = negotiate_field(request, "if-none-match");
	negotiation->accept =
	    negotiate_field(request, "accept"); /* the last: it is looked at here */
	if (negotiation->accept != NULL && negotiation->accept[0] == '\0')
		negotiation->accept = NULL; /* says nothing */
	*detail = "If-Match is too long";
	if (negotiation->if_match == NULL && http_request_header(request, "if-match") != NULL)
		return STATUS_BAD_REQUEST;
	enum status status = negotiate_answer(route, negotiation, detail);
	if (status == STATUS_OK)
		status = negotiate_body(route, request, negotiation, detail);
	if (status == STATUS_OK)
		status = negotiate_key(route, request, negotiation, detail);
	return status;
}

void
negotiate_add_accepted(const struct route *route, struct answer *answer)
{
	if (negotiate_is_patch(route))
		answer_header(answer, "Accept-Patch", NEGOTIATE_PATCH ", application/json");
	else
		answer_header(answer, "Accept-Post",
		              route->body == ROUTE_BODY_AUDIO ? "audio/wav, application/json"
		                                              : "application/json");
}

size_t
negotiate_body_limit(const struct route *route, const struct negotiation *negotiation)
{
	return route->body == ROUTE_BODY_AUDIO && !negotiation->is_audio ? NEGOTIATE_JSON_LIMIT
	                                                                 : route->body_limit;
}
