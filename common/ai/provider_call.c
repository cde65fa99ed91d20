/* SPDX-License-Identifier: MIT
 * One attempt: recorded before it starts, sent, its head judged, read, and ended exactly once. */
#include "common/ai/provider_private.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/task/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROVIDER_ERROR_BYTES 16384
#define PROVIDER_ERROR_MS    3000 /* to read an error document */
#define PROVIDER_ERROR_PAUSE 1000 /* within it */

static uint64_t
provider_give_up(const struct provider_request *request)
{
	return request->give_up_ms != 0 ? request->give_up_ms : UINT64_MAX;
}

/* --- the end --------------------------------------------------------------------------------- */

static enum breaker_report
provider_report_of(enum ai_fault fault)
{
	if (fault == AI_FAULT_NONE)
		return BREAKER_SUCCESS;
	return ai_fault_unhealthy(fault) ? BREAKER_FAILURE : BREAKER_NOTHING;
}

static enum ai_outcome
provider_outcome_of(enum ai_fault fault)
{
	if (fault == AI_FAULT_NONE)
		return AI_ANSWERED;
	return fault == AI_FAULT_CANCELLED ? AI_CANCELLED : AI_FAILED;
}

static void
provider_count(const struct provider_call *call, const struct provider_end *end)
{
	struct provider *provider = call->provider;

	metric_add(provider->outcomes[end->fault], 1);
	metric_add(provider->prompt_tokens, end->prompt_tokens);
	metric_add(provider->completion_tokens, end->completion_tokens);
	metric_observe_us(provider->seconds, clock_us() - call->begun_us);
}

/* Whatever has happened so far; `end` says how the call is to be remembered. */
static void
provider_end(struct provider_call *call, struct provider_turns *turns,
             const struct provider_end *end)
{
	const char *why = end->why != NULL ? end->why : ai_fault_label(end->fault);

	http_fetch_close(&call->fetch);
	turns->fault = end->fault;
	turns->may_again = ai_fault_again(end->fault);
	turns->has_wait = turns->other_key = false;
	snprintf(turns->why, sizeof turns->why, "%s", end->fault != AI_FAULT_NONE ? why : "");
	provider_scrub(call->provider, turns->why);
	if (end->error != NULL &&
	    (end->fault == AI_FAULT_THROTTLED || end->fault == AI_FAULT_KEY_REFUSED))
		turns->other_key = provider_rest_key(call, end->error);
	if (end->error != NULL && end->error->has_wait) {
		turns->has_wait = true;
		turns->wait_ms = end->error->wait_ms;
	}
	if (call->begun_us != 0)
		provider_count(call, end);
	if (call->started && call->watch != NULL && call->watch->ended != NULL)
		call->watch->ended(call->watch->arg, call->number, provider_outcome_of(end->fault),
		                   end->prompt_tokens, end->completion_tokens, turns->why);
	provider_dismiss(call, provider_report_of(end->fault));
	OBJ_FINI(call);
	free(call);
}

void
provider_close(struct provider_call **call, struct provider_turns *turns,
               const struct provider_end *end)
{
	struct provider_call *gone = *call;
	struct ai_error error;
	struct provider_end scrubbed = *end;

	*call = NULL;
	OBJ_CHECK(gone, PROVIDER_CALL_MAGIC);
	if (end->error != NULL) {
		error = *end->error;
		provider_scrub(gone->provider, error.code);
		provider_scrub(gone->provider, error.message);
		scrubbed.error = &error;
	}
	if (end->fault != AI_FAULT_NONE && end->fault != AI_FAULT_CANCELLED)
		provider_log(gone, end->fault, gone->response.status, scrubbed.error,
		             end->why != NULL ? end->why : "");
	provider_end(gone, turns, &scrubbed);
}

/* --- sending --------------------------------------------------------------------------------- */

static enum status
provider_record(struct provider_call *call, const struct provider_request *request)
{
	const struct provider_watch *watch = request->watch;
	enum status status = STATUS_OK;

	call->watch = watch;
	if (watch != NULL && watch->starts != NULL)
		status = watch->starts(watch->arg, call->provider->options.name, request->model,
		                       request->tokens_at_most, &call->number);
	call->started = status == STATUS_OK;
	return status;
}

static bool
provider_headers(const struct provider_call *call, const struct provider_request *request,
                 const char *headers[6])
{
	struct arena *arena = task_arena();
	unsigned count = 0;

	headers[count++] = request->content_type == NULL
	                       ? "Content-Type: application/json"
	                       : arena_printf(arena, "Content-Type: %s", request->content_type);
	headers[count++] = "User-Agent: studyhall";
	headers[count++] = arena_printf(arena, "Accept: %s", request->accept);
	headers[count++] = arena_printf(arena, "%s%s", call->provider->options.key_header,
	                                call->provider->keys.keys[call->key].text);
	if (request->mark != NULL)
		headers[count++] =
		    arena_printf(arena, "Idempotency-Key: %s:%u", request->mark, call->number);
	headers[count] = NULL;
	return headers[0] != NULL && headers[2] != NULL && headers[3] != NULL &&
	       (request->mark == NULL || headers[4] != NULL);
}

/* Up to the head, of any status. */
static enum status
provider_send(struct provider_call *call, const struct provider_request *request)
{
	const struct provider_options *options = &call->provider->options;
	const char *headers[6];
	struct buf body;
	struct fetch_request fetch = {.method = "POST",
	                              .headers = headers,
	                              .gives_body = true,
	                              .connect_ms = options->connect_ms,
	                              .first_byte_ms = call->first_byte_ms,
	                              .silence_ms = options->silence_ms,
	                              .body_limit = request->answer_limit,
	                              .read_size = request->read_size,
	                              .allow_http = call->provider->plain,
	                              .ca_file = options->ca_file};

	fetch.url = arena_printf(task_arena(), "%s%s", call->provider->base, request->path);
	if (fetch.url == NULL || !provider_headers(call, request, headers))
		return STATUS_OVERLOADED;
	buf_init(&body, 0);
	request->body(request->body_arg, &body);
	fetch.body = buf_take(&body, &fetch.body_length);
	if (fetch.body == NULL)
		return STATUS_OVERLOADED;
	if (call->give_up_ms != UINT64_MAX)
		fetch.total_ms = provider_within(call->give_up_ms, UINT32_MAX);
	call->begun_us = clock_us();
	call->heard_ms = clock_ms();
	return http_fetch_open(&fetch, &call->response, &call->fetch);
}

/* --- judging --------------------------------------------------------------------------------- */

/* A transfer failed: which fault, and which status for whoever asked. */
static enum status
provider_judge(struct provider_call *call, enum status status, uint32_t limit_ms,
               enum ai_fault otherwise)
{
	uint64_t now = clock_ms();

	call->fault = otherwise;
	if (status == STATUS_CANCELLED || status == STATUS_DEADLINE) {
		call->fault = AI_FAULT_CANCELLED;
		return status;
	}
	if (now >= call->give_up_ms) {
		call->fault = AI_FAULT_CANCELLED;
		return STATUS_DEADLINE;
	}
	if (status == STATUS_OVERLOADED) {
		call->fault = AI_FAULT_REFUSED; /* no memory: not the provider's fault */
		return status;
	}
	if (status == STATUS_TOO_LARGE)
		call->fault = AI_FAULT_TOO_LARGE;
	else if (limit_ms != 0 && now >= call->heard_ms + limit_ms)
		call->fault = AI_FAULT_TIMED_OUT;
	return STATUS_DEPENDENCY_DOWN;
}

/* The error document, as much of it as comes soon. */
static void
provider_read_error(struct provider_call *call, struct ai_error *error)
{
	uint64_t until = clock_ms() + PROVIDER_ERROR_MS;
	const char *bytes;
	struct buf body;
	size_t length = 1;

	buf_init(&body, 0);
	http_fetch_set_silence(call->fetch, PROVIDER_ERROR_PAUSE);
	while (length > 0 && body.length < PROVIDER_ERROR_BYTES && clock_ms() < until &&
	       http_fetch_read(call->fetch, &bytes, &length) == STATUS_OK)
		buf_append(&body, bytes, length);
	ai_error_read(call->response.status, fetch_header(&call->response, "Retry-After"),
	              body.bytes != NULL ? body.bytes : "", body.length, clock_wall_us() / 1000000,
	              error);
	provider_scrub(call->provider, error->code);
	provider_scrub(call->provider, error->message);
	buf_fini(&body);
}

/* There is a head of another status than 2xx. */
static enum status
provider_refused(struct provider_call *call, struct provider_turns *turns)
{
	struct ai_error error;
	struct provider_end end = {.error = &error};
	char why[80];

	provider_read_error(call, &error);
	end.fault = error.fault;
	if (task_cancelled() || task_time_left() == 0)
		end.fault = AI_FAULT_CANCELLED;
	snprintf(why, sizeof why, "HTTP %d%s%s", call->response.status,
	         error.code[0] != '\0' ? " " : "", error.code);
	end.why = why;
	provider_log(call, error.fault, call->response.status, &error, why);
	provider_end(call, turns, &end);
	if (end.fault != AI_FAULT_CANCELLED)
		return STATUS_DEPENDENCY_DOWN;
	return task_cancelled() ? STATUS_CANCELLED : STATUS_DEADLINE;
}

static enum status
provider_unanswered(struct provider_call *call, struct provider_turns *turns, enum status status)
{
	struct provider_end end = {0};
	char why[80] = "";

	snprintf(why, sizeof why, "%s", fetch_error());
	status = provider_judge(call, status, call->first_byte_ms, AI_FAULT_UNREACHABLE);
	end.fault = call->fault;
	end.why = end.fault != AI_FAULT_CANCELLED ? why : NULL;
	if (end.fault != AI_FAULT_CANCELLED)
		provider_log(call, end.fault, 0, NULL, why);
	provider_end(call, turns, &end);
	return status;
}

/* --- what callers call ----------------------------------------------------------------------- */

enum status
provider_open(struct provider *provider, const struct provider_request *request,
              struct provider_turns *turns, struct provider_call **out)
{
	struct provider_call *call = calloc(1, sizeof *call);
	enum status status = STATUS_OVERLOADED;

	OBJ_CHECK(provider, PROVIDER_MAGIC);
	*out = NULL;
	turns->fault = AI_FAULT_NONE;
	turns->may_again = false;
	if (call == NULL)
		return status;
	OBJ_INIT(call, PROVIDER_CALL_MAGIC);
	call->provider = provider;
	call->give_up_ms = provider_give_up(request);
	call->first_byte_ms = provider->options.first_byte_ms;
	if (request->first_byte_ms != 0 &&
	    (call->first_byte_ms == 0 || request->first_byte_ms < call->first_byte_ms))
		call->first_byte_ms = request->first_byte_ms;
	call->silence_ms = provider->options.silence_ms;
	status = clock_ms() < call->give_up_ms ? provider_admit(call, turns) : STATUS_DEADLINE;
	if (status != STATUS_OK) {
		free(call);
		return status;
	}
	status = provider_record(call, request);
	if (status != STATUS_OK) {
		provider_dismiss(call, BREAKER_NOTHING);
		free(call);
		return status;
	}
	if (turns->calls++ == 0) {
		pthread_mutex_lock(&provider->lock);
		retry_budget_first(&provider->budget, clock_ms());
		pthread_mutex_unlock(&provider->lock);
	}
	status = provider_send(call, request);
	if (status != STATUS_OK)
		return provider_unanswered(call, turns, status);
	call->heard_ms = clock_ms();
	if (call->response.status < 200 || call->response.status > 299)
		return provider_refused(call, turns);
	*out = call;
	return STATUS_OK;
}

enum status
provider_read(struct provider_call *call, const char **bytes, size_t *length)
{
	enum status status;

	OBJ_CHECK(call, PROVIDER_CALL_MAGIC);
	status = http_fetch_read(call->fetch, bytes, length);
	if (status != STATUS_OK)
		return provider_judge(call, status, call->silence_ms, AI_FAULT_BROKEN);
	call->heard_ms = clock_ms();
	return STATUS_OK;
}

void
provider_set_silence(struct provider_call *call, uint32_t silence_ms)
{
	call->silence_ms = silence_ms;
	http_fetch_set_silence(call->fetch, silence_ms);
}

const struct fetch_response *
provider_response(const struct provider_call *call)
{
	return &call->response;
}

enum ai_fault
provider_fault(const struct provider_call *call)
{
	return call->fault;
}
