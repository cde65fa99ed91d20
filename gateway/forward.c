/* SPDX-License-Identifier: MIT
 * The way in: from a request to a call of an actor. */
#include "gateway/forward.h"

#include "common/actor/failure.h"
#include "common/base/arena.h"
#include "common/base/ids.h"
#include "common/base/text.h"
#include "common/task/task.h"
#include "gateway/address.h"
#include "gateway/gateway.h"
#include "gateway/routes.h"
#include "gateway/sse.h"

#include <stdio.h>
#include <string.h>

#define FORWARD_MAX_AGENT 256 /* bytes of a user agent that are passed on */

/* What goes along with the message. */
struct forward_fields {
	struct header headers[MESSAGE_MAX_HEADERS];
	size_t count;
	char address[ADDRESS_SIZE];
	char agent[FORWARD_MAX_AGENT + 1];
	char prefer[HTTP_PREFER_SIZE];
};

static void
forward_field(struct forward_fields *fields, const char *name, const char *value)
{
	if (value != NULL && fields->count < MESSAGE_MAX_HEADERS)
		fields->headers[fields->count++] = (struct header){name, value};
}

/* Printable ASCII of the user agent; nothing else in it means anything. */
static void
forward_agent(struct forward_fields *fields, const char *agent)
{
	size_t length = 0;
	for (; agent != NULL && agent[length] != '\0' && length < FORWARD_MAX_AGENT; length++)
		fields->agent[length] =
		    agent[length] >= 0x20 && agent[length] < 0x7f ? agent[length] : '?';
	fields->agent[length] = '\0';
	forward_field(fields, "user-agent", length == 0 ? NULL : fields->agent);
}

static __attribute__((noinline)) void
forward_address(const struct forward *f, struct forward_fields *fields)
{
	char forwarded[NEGOTIATE_MAX_FIELD + 1];
	address_client(f->gateway->proxies, http_request_address(f->request),
	               answer_field(f->request, "x-forwarded-for", forwarded, sizeof forwarded),
	               fields->address);
	forward_field(fields, "x-client-address", fields->address);
}

static void
forward_gather(struct forward *f, struct forward_fields *fields)
{
	fields->count = 0;
	http_prefer_format(&f->negotiation.prefer, fields->prefer);
	forward_field(fields, "prefer", fields->prefer[0] == '\0' ? NULL : fields->prefer);
	forward_field(fields, "if-match", f->negotiation.if_match);
	if (f->route->answer == ROUTE_ANSWER_TURN)
		forward_field(fields, "accept", f->negotiation.accept);
	else if (f->negotiation.wants_events)
		forward_field(fields, "accept", NEGOTIATE_EVENTS);
	if ((f->route->flags & ROUTE_CLIENT) == 0)
		return;
	forward_agent(fields, http_request_header(f->request, "user-agent"));
	forward_address(f, fields);
}

/* Where to go on in a stream. What no stream of ours said is as good as nothing. */
static void
forward_set_event_id(const struct forward *f, struct transcode *in)
{
	const char *id = http_request_header(f->request, "last-event-id");
	if (sse_id_valid(id))
		transcode_set_text(in, "last_event_id", id);
}

/* The message from path, query and body. */
static enum status
forward_read(struct forward *f, const char **detail)
{
	const struct http_target *target = http_request_target(f->request);
	const struct route *route = f->route;
	struct transcode *in = &f->in;
	size_t length;
	const char *body = http_request_body(f->request, &length);
	if (transcode_init(in, route->input, route->elsewhere, task_arena()) != 0 ||
	    routes_set_variables(route, target, in) != 0)
		return STATUS_OVERLOADED;
	in->rules = &route_actors[route->actor_index].rules;
	for (size_t i = 0; i < target->param_count; i++)
		if (transcode_listed(route->query, target->params[i].name))
			transcode_parameter(in, target->params[i].name, target->params[i].value);
	if (route->answer == ROUTE_ANSWER_EVENTS)
		forward_set_event_id(f, in);
	if (route->body == ROUTE_BODY_NONE)
		return transcode_status(in);
	if (f->negotiation.is_audio) {
		transcode_set_bytes(in, "audio", body, length);
		transcode_set_text(in, "content_type",
		                   http_request_header(f->request, "content-type"));
		return transcode_status(in);
	}
	if (length == 0 && route->body == ROUTE_BODY_OPTIONAL)
		return transcode_status(in);
	*detail = "the body needs a Content-Type";
	if (length > 0 && f->negotiation.is_untyped)
		return STATUS_UNSUPPORTED_MEDIA;
	*detail = "the body is empty; a JSON object is expected";
	if (length == 0)
		return STATUS_INVALID_JSON;
	*detail = in->detail;
	return transcode_json(in, body, length);
}

/* A client that hangs up while its plan is being made wants it no more; not so if it said that it
 * will come back. */
static bool
forward_cancels(const struct forward *f)
{
	return (f->route->flags & ROUTE_CANCELS) != 0 && f->negotiation.idempotency_key == NULL &&
	       !f->negotiation.prefer.respond_async;
}

static const char *
forward_known(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

/* What this gateway finds wrong belongs to the request's key as much as what the service does. */
static bool
forward_keeps(const struct forward *f, enum status status)
{
	return f->negotiation.idempotency_key != NULL &&
	       (status == STATUS_VALIDATION || status == STATUS_INVALID_JSON);
}

/* In place of the message, which did not come about: the refusal, and a digest of what was sent. */
static enum status
forward_set_refusal(struct forward *f, struct rpc_request *request, enum status status,
                    const char *detail)
{
	const struct http_target *target = http_request_target(f->request);
	struct reply refusal = {.status = status, .detail = detail, .violations = f->in.violations};
	char digest[TOKEN_SIZE];
	size_t length;
	const char *body = http_request_body(f->request, &length);
	ids_digest(body, length, digest);
	request->message = NULL;
	request->body = arena_printf(task_arena(), "%.*s\n%s", (int)target->query_length,
	                             target->query == NULL ? "" : target->query, digest);
	request->refusal = failure_pack(&refusal, task_arena(), &request->refusal_length);
	if (request->body == NULL || request->refusal == NULL)
		return STATUS_OVERLOADED;
	request->body_length = strlen(request->body);
	f->in.violations = NULL;
	f->refused = true;
	return STATUS_OK;
}

/* With anything but OK: only sends what was found wrong with the request, to be kept. */
static void
forward_call(struct forward *f, enum status status, const char *detail)
{
	struct forward_fields fields;
	const struct session_identity *identity = &f->session.identity;
	bool is_public = (f->route->flags & ROUTE_PUBLIC) != 0;
	forward_gather(f, &fields);
	struct rpc_request request = {
	    .method = f->route->rpc_name,
	    .message = f->in.message,
	    .idempotency_key = f->negotiation.idempotency_key,
	    .headers = fields.headers,
	    .header_count = fields.count,
	    .idempotent =
	        strcmp(f->route->method, "GET") == 0 || f->negotiation.idempotency_key != NULL,
	};
	if (!is_public)
		request.identity =
		    (struct identity){.user = identity->user,
		                      .session = forward_known(identity->session),
		                      .locale = forward_known(identity->locale),
		                      .time_zone = forward_known(identity->time_zone)};
	if (status != STATUS_OK)
		status = forward_set_refusal(f, &request, status, detail);
	if (status != STATUS_OK) {
		forward_refuse(f, status, NULL);
		return;
	}
	if (f->route->answer == ROUTE_ANSWER_DOCUMENT) {
		forward_document(f, &request);
		return;
	}
	if (f->negotiation.wants_events) {
		forward_events(f, &request);
		return;
	}
	bool cancels = forward_cancels(f);
	if (cancels)
		http_request_cancel_on_hangup(f->request, true);
	f->reply.status = rpc_call(f->gateway->rpcs[f->route->actor_index], &request, &f->reply);
	if (cancels)
		http_request_cancel_on_hangup(f->request, false);
	if ((f->route->flags & ROUTE_ENDS_SESSIONS) != 0)
		session_cache_forget(f->gateway->sessions, identity->user);
	forward_answer(f);
}

/* Keeps only as much room for a cookie's token as it is long. */
static __attribute__((noinline)) enum status
forward_find_session(struct forward *f, const char **detail)
{
	char room[SESSION_TOKEN_SIZE];
	enum status status = session_find(f->gateway, f->request, room, &f->session, detail);
	if (status != STATUS_OK || !f->session.by_cookie)
		return status;
	f->session.token = arena_strdup(task_arena(), room);
	return f->session.token != NULL ? STATUS_OK : STATUS_OVERLOADED;
}

/* Who asks? True to go on. */
static bool
forward_admit(struct forward *f)
{
	const char *detail = NULL;
	if ((f->route->flags & ROUTE_PUBLIC) != 0)
		return true;
	enum status status = forward_find_session(f, &detail);
	if (status == STATUS_OK) {
		detail = NULL;
		status = f->negotiation.wants_events ? forward_verify_events(f)
		                                     : session_verify(f->gateway, &f->session);
		if (status == STATUS_UNAUTHENTICATED)
			detail = "the session does not exist, or has ended";
	}
	if (status != STATUS_OK)
		forward_refuse(f, status, detail);
	return status == STATUS_OK;
}

/* On the arena, for the stack of a task that waits is counted in pages. */
static struct forward *
forward_new(const struct gateway *gateway, const struct route *route, struct http_request *request)
{
	struct forward *f = arena_calloc(task_arena(), 1, sizeof *f);
	if (f == NULL)
		return NULL;
	f->gateway = gateway;
	f->route = route;
	f->request = request;
	f->session.token = "";
	answer_init(&f->answer, gateway, request);
	return f;
}

void
forward(const struct gateway *gateway, const struct route *route, struct http_request *request)
{
	const char *detail = NULL;
	struct forward *f = forward_new(gateway, route, request);
	if (f == NULL) {
		http_reply_error(request, STATUS_OVERLOADED, "there is no memory");
		return;
	}
	enum status status = negotiate(route, request, &f->negotiation, &detail);
	if (status != STATUS_OK) {
		forward_refuse(f, status, detail);
		return;
	}
	if (!forward_admit(f))
		return;
	status = forward_read(f, &detail);
	if (status == STATUS_OK || status == STATUS_VALIDATION)
		detail = NULL;
	if (status == STATUS_OK || forward_keeps(f, status))
		forward_call(f, status, detail);
	else
		forward_refuse(f, status, detail);
}
