/* SPDX-License-Identifier: MIT
 * The OpenAPI document: paths from the table of routes, components from what they use. */
#include "gateway/openapi.h"

#include "common/base/buf.h"
#include "common/base/ids.h"
#include "common/base/obj.h"
#include "gateway/routes.h"
#include "gateway/transcode.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPENAPI_LIMIT     ((size_t)4 << 20)
#define OPENAPI_MAX_TYPES 128

static const char openapi_components[] =
    "\"securitySchemes\":{"
    "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
    "\"description\":\"The token of POST /v1/sessions\"},"
    "\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"studyhall_session\","
    "\"description\":\"Set by POST /v1/sessions; with the prefix __Host- over https\"}},"
    "\"responses\":{\"Problem\":{\"description\":\"What went wrong (RFC 9457)\","
    "\"content\":{\"application/problem+json\":{\"schema\":"
    "{\"$ref\":\"#/components/schemas/Problem\"}}}}},"
    "\"parameters\":{"
    "\"IdempotencyKey\":{\"name\":\"Idempotency-Key\",\"in\":\"header\",\"description\":"
    "\"Makes it safe to send the request again: the first answer comes again for 24 hours\","
    "\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":128,"
    "\"pattern\":\"^[!-~]+$\"}},"
    "\"Prefer\":{\"name\":\"Prefer\",\"in\":\"header\",\"description\":"
    "\"wait=N: how many seconds to wait, at most 110 and by default, until 202 says that it takes "
    "longer; respond-async: do not wait (RFC 7240)\",\"schema\":{\"type\":\"string\"}},"
    "\"IfMatch\":{\"name\":\"If-Match\",\"in\":\"header\",\"description\":"
    "\"Only if the object still has this ETag, else 412\",\"schema\":{\"type\":\"string\"}},"
    "\"IfNoneMatch\":{\"name\":\"If-None-Match\",\"in\":\"header\",\"description\":"
    "\"304 if the object still has this ETag\",\"schema\":{\"type\":\"string\"}}},";

static const char openapi_problem[] =
    "\"Problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"detail\","
    "\"trace_id\"],\"properties\":{\"type\":{\"type\":\"string\",\"format\":\"uri-reference\"},"
    "\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
    "\"detail\":{\"type\":\"string\"},\"trace_id\":{\"type\":\"string\"},"
    "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"detail\"],"
    "\"properties\":{\"pointer\":{\"type\":\"string\",\"description\":"
    "\"Into the body (RFC 6901)\"},\"parameter\":{\"type\":\"string\",\"description\":"
    "\"Of the query\"},\"detail\":{\"type\":\"string\"}}}}}}";

static void
openapi_put_text(struct buf *out, const char *text)
{
	buf_put_json_string(out, text, strlen(text));
}

static void
openapi_put_parameter(struct buf *out, const struct route *route,
                      const ProtobufCFieldDescriptor *field, const char *in, bool *first)
{
	const struct rule_table *rules = &route_actors[route->actor_index].rules;
	const struct rule *rule = rules_find(rules, route->input, field->name);
	bool is_path = strcmp(in, "path") == 0;
	buf_printf(out, "%s{\"name\":\"%s\",\"in\":\"%s\"", *first ? "" : ",", field->name, in);
	buf_puts(out, is_path || (rule != NULL && rule->required) ? ",\"required\":true" : "");
	buf_puts(out, ",\"schema\":");
	openapi_put_field(out, field, rule, false);
	buf_putc(out, '}');
	*first = false;
}

static void
openapi_put_shared(struct buf *out, const char *name, bool *first)
{
	buf_printf(out, "%s{\"$ref\":\"#/components/parameters/%s\"}", *first ? "" : ",", name);
	*first = false;
}

static void
openapi_put_parameters(struct buf *out, const struct route *route)
{
	bool first = true, is_get = strcmp(route->method, "GET") == 0;
	buf_puts(out, ",\"parameters\":[");
	for (unsigned i = 0; i < route->input->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &route->input->fields[i];
		if (transcode_listed(route->variables, field->name))
			openapi_put_parameter(out, route, field, "path", &first);
		else if (transcode_listed(route->query, field->name))
			openapi_put_parameter(out, route, field, "query", &first);
	}
	if ((route->flags & ROUTE_KEYED) != 0)
		openapi_put_shared(out, "IdempotencyKey", &first);
	if (route->accepted_field != NULL)
		openapi_put_shared(out, "Prefer", &first);
	if ((route->flags & ROUTE_ETAG) != 0)
		openapi_put_shared(out, is_get ? "IfNoneMatch" : "IfMatch", &first);
	buf_putc(out, ']');
}

static void
openapi_put_body(struct buf *out, const struct route *route)
{
	const struct rule_table *rules = &route_actors[route->actor_index].rules;
	if (route->body == ROUTE_BODY_NONE)
		return;
	buf_printf(out, ",\"requestBody\":{\"required\":%s,\"content\":{",
	           route->body == ROUTE_BODY_OPTIONAL ? "false" : "true");
	if (route->body == ROUTE_BODY_AUDIO)
		buf_puts(out, "\"audio/wav\":{},\"audio/*\":{},");
	buf_puts(out, "\"application/json\":{\"schema\":");
	openapi_put_request(out, route->input, rules, route->elsewhere);
	if (strcmp(route->method, "PATCH") == 0) {
		buf_puts(out, "},\"application/merge-patch+json\":{\"schema\":");
		openapi_put_request(out, route->input, rules, route->elsewhere);
	}
	buf_puts(out, "}}}");
}

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
	case ROUTE_ANSWER_EVENTS: openapi_put_events(out, route->output); break;
	case ROUTE_ANSWER_TURN: buf_puts(out, "\"audio/wav\":{},"); /* fall through */
	case ROUTE_ANSWER_JSON:
	case ROUTE_ANSWER_DOCUMENT:
		openapi_put_json(out, route->created_field == NULL
		                          ? route->output
		                          : route->created_field->descriptor);
		break;
	}
	buf_putc(out, '}');
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
	if (route->answer == ROUTE_ANSWER_EVENTS)
		buf_puts(out, ",\"204\":{\"description\":\"Nothing follows the event that "
		              "Last-Event-ID names: do not connect again\"}");
	if (route->accepted_field == NULL)
		return;
	buf_puts(out, ",\"202\":{\"description\":\"It takes longer than the client waits\","
	              "\"headers\":{\"Location\":{\"description\":\"Where to ask how far it is\","
	              "\"schema\":{\"type\":\"string\",\"format\":\"uri-reference\"}}},"
	              "\"content\":{");
	openapi_put_json(out, route->accepted_field->descriptor);
	buf_puts(out, "}}");
}

static void
openapi_put_failure(struct buf *out, const char *status, const char *description)
{
	buf_printf(out,
	           ",\"%s\":{\"$ref\":\"#/components/responses/Problem\",\"description\":", status);
	openapi_put_text(out, description);
	buf_putc(out, '}');
}

static void
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

static void
openapi_put_operation(struct buf *out, const struct route *route)
{
	for (const char *c = route->method; *c != '\0'; c++) {
		if (c == route->method)
			buf_putc(out, '"');
		buf_putc(out, (char)tolower((unsigned char)*c));
	}
	buf_printf(out,
	           "\":{\"operationId\":\"%s.%s\",\"tags\":[\"%s\"],\"summary\":", route->actor,
	           route->rpc, route->actor);
	openapi_put_text(out, route->summary);
	if ((route->flags & ROUTE_PUBLIC) != 0)
		buf_puts(out, ",\"security\":[]");
	openapi_put_parameters(out, route);
	openapi_put_body(out, route);
	openapi_put_responses(out, route);
	buf_putc(out, '}');
}

static void
openapi_put_paths(struct buf *out)
{
	bool first_path = true;
	for (unsigned i = 0; i < route_count; i++) {
		bool seen = false;
		for (unsigned j = 0; j < i && !seen; j++)
			seen = strcmp(routes[j].pattern, routes[i].pattern) == 0;
		if (seen)
			continue;
		buf_printf(out, "%s\"%s\":{", first_path ? "" : ",", routes[i].pattern);
		first_path = false;
		for (unsigned j = i; j < route_count; j++) {
			if (strcmp(routes[j].pattern, routes[i].pattern) != 0)
				continue;
			buf_puts(out, j == i ? "" : ",");
			openapi_put_operation(out, &routes[j]);
		}
		buf_putc(out, '}');
	}
}

struct openapi_types {
	const ProtobufCMessageDescriptor *types[OPENAPI_MAX_TYPES];
	size_t count;
};

static void openapi_collect_parts(struct openapi_types *types,
                                  const ProtobufCMessageDescriptor *type);

/* The type and all it holds, once each. Messages never hold themselves. */
static void
openapi_collect(struct openapi_types *types, const ProtobufCMessageDescriptor *type)
{
	for (size_t i = 0; i < types->count; i++)
		if (types->types[i] == type)
			return;
	assert(types->count < OPENAPI_MAX_TYPES);
	types->types[types->count++] = type;
	openapi_collect_parts(types, type);
}

/* What is part of it, without itself. */
static void
openapi_collect_parts(struct openapi_types *types, const ProtobufCMessageDescriptor *type)
{
	for (unsigned i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			openapi_collect(types, type->fields[i].descriptor);
}

static void
openapi_put_schemas(struct buf *out)
{
	struct openapi_types types = {.count = 0};
	for (unsigned i = 0; i < route_count; i++) {
		const struct route *route = &routes[i];
		if (route->output->n_fields == 0 || route->answer == ROUTE_ANSWER_CALENDAR)
			continue;
		if (route->created_field != NULL || route->answer == ROUTE_ANSWER_EVENTS)
			openapi_collect_parts(&types, route->output);
		else
			openapi_collect(&types, route->output);
	}
	buf_puts(out, openapi_problem);
	for (size_t i = 0; i < types.count; i++) {
		buf_printf(out, ",\"%s\":", types.types[i]->name);
		openapi_put_reply(out, types.types[i]);
	}
}

static void
openapi_put_document(struct buf *out, const char *server)
{
	buf_puts(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Studyhall\",\"version\":\"1\","
	              "\"summary\":\"An AI study planner\",\"license\":{\"name\":\"MIT\","
	              "\"identifier\":\"MIT\"}},\"servers\":[{\"url\":");
	openapi_put_text(out, server == NULL ? "/" : server);
	buf_puts(out, "}],\"security\":[{\"bearer\":[]},{\"cookie\":[]}],\"tags\":[");
	for (unsigned i = 0; i < route_actor_count; i++)
		buf_printf(out, "%s{\"name\":\"%s\"}", i == 0 ? "" : ",", route_actors[i].name);
	buf_puts(out, "],\"paths\":{");
	openapi_put_paths(out);
	buf_puts(out, "},\"components\":{");
	buf_puts(out, openapi_components);
	buf_puts(out, "\"schemas\":{");
	openapi_put_schemas(out);
	buf_puts(out, "}}}\n");
}

struct openapi *
openapi_new(const char *server)
{
	struct openapi *openapi = calloc(1, sizeof *openapi);
	struct buf out;
	buf_init(&out, OPENAPI_LIMIT);
	openapi_put_document(&out, server);
	if (openapi == NULL || buf_failed(&out)) {
		buf_fini(&out);
		free(openapi);
		return NULL;
	}
	char digest[TOKEN_SIZE];
	ids_digest(out.bytes, out.length, digest);
	snprintf(openapi->etag, sizeof openapi->etag, "\"%.22s\"", digest);
	openapi->json = buf_take(&out, &openapi->length);
	return openapi;
}

void
openapi_free(struct openapi **openapi)
{
	if (*openapi == NULL)
		return;
	free((*openapi)->json);
	free(*openapi);
	*openapi = NULL;
}
