/* SPDX-License-Identifier: MIT
 * Binds the table of routes to protobuf-c's descriptors, and finds the row of a request. */
#include "gateway/routes.h"

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "gateway/transcode.h"

#include <stdio.h>
#include <string.h>

#define ROUTE_DEADLINE_MS 5000
#define ROUTE_BODY_LIMIT  ((size_t)64 << 10)

static void
routes_bind_pattern(struct route *route)
{
	char *names = route->variables;
	for (const char *at = route->pattern; *at == '/';) {
		assert(route->segment_count < ROUTE_SEGMENTS);
		struct route_segment *segment = &route->segments[route->segment_count++];
		const char *text = at + 1;
		size_t length = strcspn(text, "/");
		at = text + length;
		*segment = (struct route_segment){text, length, text[0] == '{', ""};
		if (!segment->is_variable)
			continue;
		const char *close = strchr(text, '}');
		/* Only the last segment's variable may have a suffix. */
		assert(close != NULL && close < at && (*at == '\0' || close + 1 == at));
		*segment = (struct route_segment){text + 1, (size_t)(close - text - 1), true,
		                                  *at == '\0' ? close + 1 : ""};
		size_t room = (size_t)(route->variables + sizeof route->variables - names);
		int used = snprintf(names, room, "%s%.*s", names == route->variables ? "" : " ",
		                    (int)segment->length, segment->text);
		assert(used > 0 && (size_t)used < room);
		names += used;
	}
}

static void
routes_bind_method(struct route *route)
{
	const struct route_actor *actor = &route_actors[0];
	while (strcmp(actor->name, route->actor) != 0) {
		actor++;
		assert(actor < route_actors + route_actor_count);
	}
	route->actor_index = (unsigned)(actor - route_actors);
	const ProtobufCMethodDescriptor *method =
	    protobuf_c_service_descriptor_get_method_by_name(actor->service, route->rpc);
	assert(method != NULL);
	route->input = method->input;
	route->output = method->output;
	int used = snprintf(route->rpc_name, sizeof route->rpc_name, "%s/%s", actor->service->name,
	                    route->rpc);
	assert(used > 0 && (size_t)used < sizeof route->rpc_name);
}

static const ProtobufCFieldDescriptor *
routes_bind_field(const struct route *route, const char *name)
{
	const ProtobufCFieldDescriptor *field =
	    protobuf_c_message_descriptor_get_field_by_name(route->output, name);
	assert(field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE &&
	       field->label == PROTOBUF_C_LABEL_OPTIONAL);
	return field;
}

static void
routes_bind_row(struct route *route)
{
	if (route->input != NULL)
		return;
	routes_bind_method(route);
	routes_bind_pattern(route);
	if (route->deadline_ms == 0)
		route->deadline_ms = ROUTE_DEADLINE_MS;
	if (route->body_limit == 0)
		route->body_limit = ROUTE_BODY_LIMIT;
	if (route->success == 0)
		route->success = 200;
	if (route->answer == ROUTE_ANSWER_EVENTS)
		route->events = route->output;
	if (route->created != NULL) {
		route->created_field = routes_bind_field(route, route->created);
		route->accepted_field = routes_bind_field(route, route->accepted);
	}
	int used = snprintf(route->elsewhere, sizeof route->elsewhere, "%s %s %s", route->variables,
	                    route->query == NULL ? "" : route->query,
	                    route->body == ROUTE_BODY_AUDIO ? "audio content_type" : "");
	assert(used > 0 && (size_t)used < sizeof route->elsewhere);
}

void
routes_bind(void)
{
	for (unsigned i = 0; i < route_count; i++)
		routes_bind_row(&routes[i]);
}

static bool
routes_segment_matches(const struct route_segment *segment, const char *text)
{
	size_t length = strlen(text);
	if (!segment->is_variable)
		return length == segment->length && memcmp(text, segment->text, length) == 0;
	size_t suffix = strlen(segment->suffix);
	return length > suffix && strcmp(text + length - suffix, segment->suffix) == 0;
}

static bool
routes_matches(const struct route *route, const struct http_target *target)
{
	if (target->segment_count != route->segment_count)
		return false;
	for (unsigned i = 0; i < route->segment_count; i++)
		if (!routes_segment_matches(&route->segments[i], target->segments[i]))
			return false;
	return true;
}

const struct route *
routes_find(const char *method, const struct http_target *target, const struct route **known)
{
	bool head = strcmp(method, "HEAD") == 0;
	*known = NULL;
	for (unsigned i = 0; i < route_count; i++) {
		const struct route *route = &routes[i];
		if (*known == NULL && routes_matches(route, target))
			*known = route;
		if (*known != NULL && strcmp(route->pattern, (*known)->pattern) == 0 &&
		    strcmp(route->method, head ? "GET" : method) == 0)
			return route;
	}
	return NULL;
}

void
routes_allow(const struct route *route, char *out, size_t size)
{
	/* Some clients and tests compare the text: one order for all. */
	static const char *const order[] = {"GET", "POST", "PATCH", "DELETE"};
	size_t used = 0;
	for (size_t m = 0; m < COUNT_OF(order); m++) {
		for (unsigned i = 0; i < route_count && used < size; i++) {
			if (strcmp(routes[i].pattern, route->pattern) != 0 ||
			    strcmp(routes[i].method, order[m]) != 0)
				continue;
			used += (size_t)snprintf(out + used, size - used, "%s, ",
			                         m == 0 ? "GET, HEAD" : order[m]);
		}
	}
	if (used < size)
		snprintf(out + used, size - used, "OPTIONS");
}

int
routes_set_variables(const struct route *route, const struct http_target *target,
                     struct transcode *in)
{
	for (unsigned i = 0; i < route->segment_count; i++) {
		const struct route_segment *segment = &route->segments[i];
		if (!segment->is_variable)
			continue;
		char *name = arena_strndup(in->arena, segment->text, segment->length);
		size_t length = strlen(target->segments[i]) - strlen(segment->suffix);
		char *value = arena_strndup(in->arena, target->segments[i], length);
		if (name == NULL || value == NULL)
			return -1;
		bool set = transcode_set_text(in, name, value);
		assert(set);
	}
	return 0;
}
