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
    "\"LastEventId\":{\"name\":\"Last-Event-ID\",\"in\":\"header\",\"description\":"
    "\"The id of the last event that was received: the stream goes on behind it\",\"schema\":"
    "{\"type\":\"string\",\"maxLength\":64}},"
    "\"IfMatch\":{\"name\":\"If-Match\",\"in\":\"header\",\"description\":"
    "\"Only if the object still has this ETag, else 412\",\"schema\":{\"type\":\"string\"}},"
    "\"IfNoneMatch\":{\"name\":\"If-None-Match\",\"in\":\"header\",\"description\":"
    "\"304 if the object still has this ETag\",\"schema\":{\"type\":\"string\"}}},";

static const char openapi_problem[] =
    "\"Problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"detail\","
    "\"trace_id\"],\"properties\":{\"type\":{\"type\":\"string\",\"format\":\"uri-reference\"},"
    "\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
    "\"detail\":{\"type\":\"string\"},\"trace_id\":{\"type\":\"string\"},"
    "\"retry_after\":{\"type\":\"integer\",\"description\":\"Seconds\"},"
    "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"detail\"],"
    "\"properties\":{\"pointer\":{\"type\":\"string\",\"description\":"
    "\"Into the body (RFC 6901)\"},\"parameter\":{\"type\":\"string\",\"description\":"
    "\"Of the query\"},\"detail\":{\"type\":\"string\"}}}}}}";

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
	if (route->answer == ROUTE_ANSWER_EVENTS)
		openapi_put_shared(out, "LastEventId", &first);
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
		if (route->events != NULL)
			openapi_collect_parts(&types, route->events);
		if (route->created_field != NULL)
			openapi_collect_parts(&types, route->output);
		else if (route->answer != ROUTE_ANSWER_EVENTS)
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
