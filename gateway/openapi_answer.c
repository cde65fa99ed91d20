/* SPDX-License-Identifier: MIT
 * The answers of an operation: each status with its media types and schemas. */
#include "gateway/openapi.h"

#include "common/base/buf.h"
#include "common/base/obj.h"
#include "gateway/routes.h"

#include <string.h>

#define OPENAPI_LOCATION                                                                           \
	"\"headers\":{\"Location\":{\"description\":\"Where to ask how far it is\","               \
	"\"schema\":{\"type\":\"string\",\"format\":\"uri-reference\"}}}"

/* Each message of the stream is an event, named and filled by the field that is set. */
static void
openapi_put_events(struct buf *out, const ProtobufCMessageDescriptor *type)
{
	bool first = true;
	buf_puts(out, "\"text/event-stream\":{\"schema\":{\"type\":\"string\",\"description\":"
	              "\"Server-sent events; x-events says what their data is\"},\"x-events\":{");
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		if (field->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		const ProtobufCMessageDescriptor *part = field->descriptor;
		bool is_problem = strcmp(field->name, "problem") == 0;
		buf_printf(out, "%s\"%s\":{\"$ref\":\"#/components/schemas/%s\"}", first ? "" : ",",
		           field->name, is_problem ? "Problem" : part->name);
		first = false;
	}
	buf_puts(out, "}}");
}

static void
openapi_put_json(struct buf *out, const ProtobufCMessageDescriptor *type)
{
	buf_printf(out, "\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}",
	           type->name);
}

static void
openapi_put_content(struct buf *out, const struct route *route)
{
	buf_puts(out, ",\"content\":{");
	switch (route->answer) {
	case ROUTE_ANSWER_CALENDAR:
		buf_puts(out, "\"text/calendar\":{\"schema\":{\"type\":\"string\"}}");
		break;
	case ROUTE_ANSWER_EVENTS: openapi_put_events(out, route->events); break;
	case ROUTE_ANSWER_TURN:
		buf_puts(out, "\"audio/wav\":{},\"audio/mpeg\":{},"); /* fall through */
	case ROUTE_ANSWER_JSON:
	case ROUTE_ANSWER_DOCUMENT:
		openapi_put_json(out, route->created_field == NULL
		                          ? route->output
		                          : route->created_field->descriptor);
		break;
	}
	buf_putc(out, '}');
}

/* What else may come than the row's own success. */
static void
openapi_put_others(struct buf *out, const struct route *route)
{
	if (route->answer == ROUTE_ANSWER_EVENTS)
		buf_puts(out, ",\"204\":{\"description\":\"Nothing follows the event that "
		              "Last-Event-ID names: do not connect again\"}");
	if (route->accepted_field != NULL) {
		buf_puts(out, ",\"202\":{\"description\":\"It takes longer than the client "
		              "waits\"," OPENAPI_LOCATION ",\"content\":{");
		openapi_put_json(out, route->accepted_field->descriptor);
		buf_puts(out, "}}");
	}
	if (route->answer == ROUTE_ANSWER_JSON && route->events != NULL) {
		buf_puts(out, ",\"200\":{\"description\":\"What happens, as it happens, to a "
		              "client that accepts it\"," OPENAPI_LOCATION ",\"content\":{");
		openapi_put_events(out, route->events);
		buf_puts(out, "}}");
	}
}

static void
openapi_put_success(struct buf *out, const struct route *route)
{
	static const char *const words[] = {[0] = "All is well",
	                                    [1] = "It was made",
	                                    [2] = "It will be done",
	                                    [4] = "It was done; there is nothing to say"};
	assert(route->success >= 200 && route->success <= 204 && route->success != 203);
	buf_printf(out, "\"%d\":{\"description\":\"%s\"", route->success,
	           words[route->success % 10]);
	if (route->output->n_fields > 0)
		openapi_put_content(out, route);
	buf_putc(out, '}');
	openapi_put_others(out, route);
}

static void
openapi_put_failure(struct buf *out, const char *status, const char *description)
{
	buf_printf(out,
	           ",\"%s\":{\"$ref\":\"#/components/responses/Problem\",\"description\":", status);
	openapi_put_text(out, description);
	buf_putc(out, '}');
}

void
openapi_put_responses(struct buf *out, const struct route *route)
{
	bool has_body = route->body != ROUTE_BODY_NONE;
	bool is_get = strcmp(route->method, "GET") == 0;
	buf_puts(out, ",\"responses\":{");
	openapi_put_success(out, route);
	if (is_get && (route->flags & ROUTE_ETAG) != 0)
		buf_puts(out, ",\"304\":{\"description\":\"It has not changed\"}");
	if (has_body)
		openapi_put_failure(out, "400",
		                    "The body is not valid JSON, or a field of the head "
		                    "is malformed");
	if ((route->flags & (ROUTE_PUBLIC | ROUTE_SETS_COOKIE)) != ROUTE_PUBLIC)
		openapi_put_failure(out, "401", "There is no such session");
	if (!is_get && (route->flags & ROUTE_PUBLIC) == 0)
		openapi_put_failure(out, "403", "The cookie was sent by a foreign site");
	if (route->variables[0] != '\0')
		openapi_put_failure(out, "404", "There is no such thing, or it is not yours");
	if ((route->flags & ROUTE_CONFLICTS) != 0)
		openapi_put_failure(out, "409", "It is too late: it has finished");
	if (!is_get && (route->flags & ROUTE_ETAG) != 0)
		openapi_put_failure(out, "412", "It has changed since");
	if (has_body)
		openapi_put_failure(out, "415", "Another Content-Type is wanted");
	if (has_body || route->query != NULL)
		openapi_put_failure(out, "422", "A field or parameter is not valid");
	if ((route->flags & ROUTE_RATED) != 0)
		openapi_put_failure(out, "429", "Too often, or more than a day's share");
	openapi_put_failure(out, "default", "Any other error");
	buf_putc(out, '}');
}
