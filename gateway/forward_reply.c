/* SPDX-License-Identifier: MIT
 * The way out: an actor's reply as an HTTP answer. */
#include "gateway/forward.h"

#include "auth.pb-c.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "gateway/gateway.h"
#include "gateway/problem.h"
#include "gateway/routes.h"
#include "voice.pb-c.h"

#include <string.h>

#define FORWARD_BODY_LIMIT ((size_t)64 << 20)

/* Fields that a service may set, and how they are written. */
static const struct http_header forward_passed[] = {
    {"location", "Location"},
    {"etag", "ETag"},
    {"cache-status", "Cache-Status"},
    {"idempotency-replayed", "Idempotency-Replayed"},
    {"preference-applied", "Preference-Applied"},
    {"ratelimit", "RateLimit"},
    {"ratelimit-policy", "RateLimit-Policy"},
};

void
forward_put_headers(struct forward *f)
{
	const struct reply *reply = &f->reply;
	bool is_public = (f->route->flags & ROUTE_PUBLIC) != 0;
	bool is_secret = (f->route->flags & ROUTE_NO_STORE) != 0 || f->is_stream;
	bool is_negotiated = f->route->answer == ROUTE_ANSWER_TURN || f->route->events != NULL;
	f->answer.queue_us = reply->queue_us;
	f->answer.service_us = reply->service_us;
	f->answer.ai_us = reply->ai_us;
	answer_header(&f->answer, "Cache-Control",
	              is_secret || is_public ? "no-store" : "private, no-cache");
	if (!is_public)
		answer_header(&f->answer, "Vary",
		              is_negotiated ? "Authorization, Cookie, Accept"
		                            : "Authorization, Cookie");
	if ((f->route->flags & ROUTE_CLEARS_COOKIE) == 0)
		session_renew_cookie(&f->answer, &f->session);
	for (size_t i = 0; i < COUNT_OF(forward_passed) && reply->header_count > 0; i++)
		answer_header(
		    &f->answer, forward_passed[i].value,
		    header_find(reply->headers, reply->header_count, forward_passed[i].name));
}

/* A violation names a field of the message; the client knows it as part of the path, as a query
 * parameter, or as the body itself. False: the path names nothing. */
static bool
forward_place_violations(const struct route *route, struct violation *violations)
{
	for (struct violation *v = violations; v != NULL; v = v->next) {
		const char *name = v->pointer == NULL ? "" : v->pointer;
		v->pointer = name;
		if (name[0] != '/')
			continue;
		name++;
		if (transcode_listed(route->variables, name))
			return false;
		if (transcode_listed(route->query, name))
			v->pointer = name;
		else if (transcode_listed(route->elsewhere, name))
			v->pointer = "";
	}
	return true;
}

/* The service knows better what it takes, where it says so. */
static void
forward_put_accepted(struct forward *f)
{
	const char *accepted = header_find(f->reply.headers, f->reply.header_count, "accept-post");
	if (accepted != NULL)
		answer_header(&f->answer, "Accept-Post", accepted);
	else
		negotiate_add_accepted(f->route, &f->answer);
}

void
forward_refuse(struct forward *f, enum status status, const char *detail)
{
	/* Work that may take longer is told of by 202; so time can only run out when somebody who
	 * should have answered did not. */
	if (status == STATUS_DEADLINE && f->route->accepted_field != NULL)
		status = STATUS_DEPENDENCY_DOWN;
	struct problem problem = {.status = status,
	                          .detail = detail,
	                          .retry_after_s = f->reply.retry_after_s,
	                          .violations = f->in.violations};
	if (problem.violations == NULL)
		problem.violations = f->reply.violations;
	if (status == STATUS_VALIDATION && f->in.violations == NULL && !f->refused &&
	    !forward_place_violations(f->route, f->reply.violations))
		problem = (struct problem){.status = STATUS_NOT_FOUND};
	forward_put_headers(f);
	if (status == STATUS_UNSUPPORTED_MEDIA)
		forward_put_accepted(f);
	if (status_http(status) >= 500 && status != STATUS_CANCELLED)
		LOG_WARN("a request failed", LOG_TEXT("method", f->route->rpc_name),
		         LOG_TEXT("status", status_slug(status)),
		         LOG_TEXT("detail", f->reply.detail));
	problem_send(&f->answer, &problem);
}

static int
forward_status(const struct forward *f)
{
	bool is_empty = f->route->output->n_fields == 0;
	switch (f->reply.outcome) {
	case OUTCOME_CREATED: return 201;
	case OUTCOME_ACCEPTED: return 202;
	case OUTCOME_NO_CONTENT: return 204;
	case OUTCOME_OK: break;
	}
	return is_empty && f->route->success == 200 ? 204 : f->route->success;
}

static void
forward_send_message(struct forward *f, int status, const ProtobufCMessage *message)
{
	struct buf body;
	buf_init(&body, FORWARD_BODY_LIMIT);
	transcode_write(&body, message);
	buf_putc(&body, '\n');
	answer_header(&f->answer, "Content-Type", "application/json");
	if (buf_failed(&body))
		http_reply_error(f->request, STATUS_OVERLOADED,
		                 "there is no memory for the answer");
	else
		(void)answer_send(&f->answer, status, body.bytes, body.length);
	buf_fini(&body);
}

/* The message as bytes, where the route or the client wants it so. False: as JSON. */
static bool
forward_send_bytes(struct forward *f, int status, const ProtobufCMessage *message)
{
	const char *type = "text/calendar; charset=utf-8";
	const ProtobufCBinaryData *bytes = NULL;
	if (f->route->answer == ROUTE_ANSWER_CALENDAR) {
		const ProtobufCFieldDescriptor *field =
		    protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "data");
		assert(field != NULL && field->type == PROTOBUF_C_TYPE_BYTES);
		bytes = (const void *)((const char *)message + field->offset);
		answer_header(&f->answer, "Content-Disposition", "inline; filename=\"plan.ics\"");
	} else if (f->route->answer == ROUTE_ANSWER_TURN && f->negotiation.wants_audio) {
		assert(message->descriptor == &voice__turn__descriptor);
		const Voice__Audio *audio = ((const Voice__Turn *)message)->audio;
		if (audio == NULL || !audio->has_data || audio->content_type == NULL)
			return false;
		/* Not the sound that was wanted, but JSON is welcome too. */
		if (http_accept_quality(f->negotiation.accept, audio->content_type) == 0 &&
		    http_accept_quality(f->negotiation.accept, "application/json") > 0)
			return false;
		type = audio->content_type;
		bytes = &audio->data;
	}
	if (bytes == NULL)
		return false;
	answer_header(&f->answer, "Content-Type", type);
	(void)answer_send(&f->answer, status, bytes->data, bytes->len);
	return true;
}

static void
forward_put_cookie(struct forward *f, const ProtobufCMessage *message)
{
	if ((f->route->flags & ROUTE_CLEARS_COOKIE) != 0)
		session_clear_cookie(&f->answer, &f->session);
	if ((f->route->flags & ROUTE_SETS_COOKIE) == 0)
		return;
	assert(message->descriptor == &auth__new_session__descriptor);
	const Auth__NewSession *session = (const Auth__NewSession *)message;
	session_set_cookie(&f->answer, session->token, session->expires_at);
}

/* The part of the answer that is the document, as the route says; NULL: it is not there. */
static const ProtobufCMessage *
forward_part(const struct forward *f, const ProtobufCMessage *message)
{
	const ProtobufCFieldDescriptor *field = f->route->created_field;
	if (f->reply.outcome == OUTCOME_ACCEPTED && field != NULL)
		field = f->route->accepted_field;
	if (field == NULL)
		return message;
	return *(const ProtobufCMessage *const *)(const void *)((const char *)message +
	                                                        field->offset);
}

void
forward_answer(struct forward *f)
{
	const struct reply *reply = &f->reply;
	if (reply->status != STATUS_OK) {
		forward_refuse(f, reply->status, reply->detail);
		return;
	}
	const ProtobufCMessage *message = protobuf_c_message_unpack(
	    f->route->output, arena_allocator(task_arena()), reply->body_length, reply->body);
	if (message != NULL)
		message = forward_part(f, message);
	if (message == NULL) {
		forward_refuse(f, STATUS_INTERNAL, NULL);
		return;
	}
	int status = forward_status(f);
	const char *etag = header_find(reply->headers, reply->header_count, "etag");
	forward_put_headers(f);
	forward_put_cookie(f, message);
	if (status == 200 && etag != NULL && strcmp(f->route->method, "GET") == 0 &&
	    http_etag_match_weak(f->negotiation.if_none_match, etag))
		(void)answer_send(&f->answer, 304, NULL, 0);
	else if (status == 204 || f->route->output->n_fields == 0)
		(void)answer_send(&f->answer, status, NULL, 0);
	else if (!forward_send_bytes(f, status, message))
		forward_send_message(f, status, message);
}
