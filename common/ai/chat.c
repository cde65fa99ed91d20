/* SPDX-License-Identifier: MIT
 * One question to one chat: attempts until one is answered, and what they cost. */
#include "common/ai/chat_private.h"

#include "common/ai/tokens.h"
#include "common/base/obj.h"
#include "common/task/task.h"

#include <stdio.h>
#include <string.h>

#define CHAT_PATH_SIZE     256
#define CHAT_FRAME_TOKENS  64 /* what a dialect puts around the texts */
#define CHAT_BYTES_A_TOKEN 4

const char *
chat_provider(const struct chat *chat)
{
	return provider_name(chat->provider);
}

const char *
chat_model(const struct chat *chat)
{
	return chat->model;
}

uint32_t
chat_output_tokens(const struct chat *chat, const struct chat_request *request)
{
	return request->max_tokens + chat->thinking_tokens;
}

uint32_t
chat_number(const struct json_node *object, const char *name)
{
	int64_t number = json_node_integer(json_node_get(object, name));

	return number > 0 && number < UINT32_MAX ? (uint32_t)number : 0;
}

static uint32_t
chat_prompt_tokens(const struct chat_request *request,
                   uint32_t (*count)(const char *text, size_t length))
{
	uint32_t tokens = CHAT_FRAME_TOKENS + count(request->system, strlen(request->system));

	for (size_t i = 0; i < request->message_count; i++)
		tokens += count(request->messages[i].text, strlen(request->messages[i].text));
	if (request->schema != NULL)
		tokens += count(request->schema->json, strlen(request->schema->json));
	return tokens;
}

uint32_t
chat_tokens_most(const struct chat *chat, const struct chat_request *request)
{
	return chat_prompt_tokens(request, tokens_most) + chat_output_tokens(chat, request);
}

/* --- one call -------------------------------------------------------------------------------- */

/* The provider's figures, or an estimate of what has been asked and heard. */
static void
chat_settle(struct chat_call *call, struct chat_answer *answer)
{
	const struct chat_reading *reading = &call->reading;

	call->end.prompt_tokens = reading->prompt_tokens;
	call->end.completion_tokens = reading->completion_tokens;
	if (!reading->has_usage && (call->heard > 0 || call->end.fault == AI_FAULT_CANCELLED))
		call->end.prompt_tokens = chat_prompt_tokens(call->request, tokens_likely);
	if (reading->completion_tokens == 0)
		call->end.completion_tokens =
		    (uint32_t)((call->heard + CHAT_BYTES_A_TOKEN - 1) / CHAT_BYTES_A_TOKEN);
	answer->prompt_tokens += call->end.prompt_tokens;
	answer->completion_tokens += call->end.completion_tokens;
}

/* Reads an open call and closes it. */
static enum status
chat_finish_call(struct chat_call *call, struct provider_turns *turns, struct chat_answer *answer)
{
	struct chat_reading *reading = &call->reading;
	enum status status;

	buf_init(&reading->text, 0);
	status = chat_read_answer(call);
	if (status == STATUS_OVERLOADED && call->end.fault == AI_FAULT_NONE)
		call->end.fault = AI_FAULT_REFUSED; /* no memory */
	chat_settle(call, answer);
	answer->finish = reading->finish;
	answer->length = call->heard;
	if (status == STATUS_OK && call->request->text == NULL) {
		answer->text = arena_strndup(
		    task_arena(), call->heard > 0 ? reading->text.bytes : "", call->heard);
		if (answer->text == NULL)
			status = STATUS_OVERLOADED;
	}
	buf_fini(&reading->text);
	provider_close(&call->call, turns, &call->end);
	return status;
}

struct chat_body {
	const struct chat *chat;
	const struct chat_request *request;
};

static void
chat_write_body(const void *arg, struct buf *out)
{
	const struct chat_body *body = arg;

	body->chat->dialect->body(body->chat, body->request, out);
}

static const char *
chat_path(const struct chat *chat, bool stream)
{
	char path[CHAT_PATH_SIZE];

	if (!chat->dialect->path(chat, stream, path, sizeof path))
		return NULL;
	return arena_strdup(task_arena(), path);
}

/* What is as large as a call lives in the arena: the stack of a task that waits for a minute is
 * counted in pages. */
enum status
chat_ask(struct chat *chat, const struct chat_request *request, struct chat_answer *answer)
{
	const struct chat_body body = {chat, request};
	struct chat_call *call = arena_alloc(task_arena(), sizeof *call);
	struct provider_turns turns = {0};
	struct provider_request provider_request = {
	    .path = chat_path(chat, request->text != NULL),
	    .model = chat->model,
	    .accept = request->text != NULL ? "text/event-stream" : "application/json",
	    .body = chat_write_body,
	    .body_arg = &body,
	    .answer_limit = request->answer_limit,
	    .tokens_at_most = chat_tokens_most(chat, request),
	    .mark = request->mark,
	    .give_up_ms = request->give_up_ms,
	    .first_byte_ms = request->first_byte_ms,
	    .last = request->last,
	    .watch = request->watch,
	};
	enum status status;
	size_t handed_on;

	OBJ_CHECK(chat, CHAT_MAGIC);
	assert(request->message_count > 0);
	*answer = (struct chat_answer){0};
	if (call == NULL || provider_request.path == NULL)
		return STATUS_OVERLOADED;
	do {
		*call = (struct chat_call){.chat = chat, .request = request};
		status = provider_open(chat->provider, &provider_request, &turns, &call->call);
		if (status == STATUS_OK)
			status = chat_finish_call(call, &turns, answer);
		handed_on = request->text != NULL ? call->heard : 0;
	} while (status != STATUS_OK && handed_on == 0 &&
	         provider_again(chat->provider, &provider_request, &turns, &status));
	answer->calls = turns.calls;
	answer->fault = turns.fault;
	snprintf(answer->why, sizeof answer->why, "%s", status != STATUS_OK ? turns.why : "");
	return status;
}
