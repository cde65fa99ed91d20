/* SPDX-License-Identifier: MIT
 * OpenAI's chat completions, and so those of every compatible server. */
#include "common/base/json.h"
#include "common/task/task.h"
#include "tests/upstream/chat.h"
#include "tests/upstream/openai_error.h"
#include "tests/upstream/schema_check.h"

#include <string.h>

#define OPENAI_BODY_LIMIT ((size_t)20 << 20)

static const char *
openai_match(const struct http_request *request)
{
	const char *version = http_request_segment(request, 0);
	const char *chat = http_request_segment(request, 1);
	const char *completions = http_request_segment(request, 2);

	if (version == NULL || strcmp(version, "v1") != 0 || chat == NULL ||
	    strcmp(chat, "chat") != 0 || completions == NULL ||
	    strcmp(completions, "completions") != 0 || http_request_segment(request, 3) != NULL)
		return NULL;
	return "chat/completions";
}

/* --- reading ------------------------------------------------------------------------------- */

/* A string, or an array of parts of which those of text count. */
static void
openai_read_content(struct chat *chat, const json_t *content, bool user)
{
	if (json_is_string(content))
		chat_add_text(chat, user, json_string_value(content));
	for (size_t i = 0; i < json_array_size(content); i++) {
		const char *text =
		    json_string_value(json_object_get(json_array_get(content, i), "text"));

		if (text != NULL)
			chat_add_text(chat, user, text);
	}
}

static const char *
openai_read(struct chat *chat, const json_t *body)
{
	static const char *const limits[] = {"max_completion_tokens", "max_tokens"};
	const json_t *messages = json_object_get(body, "messages");
	const char *model = json_string_value(json_object_get(body, "model"));
	const char *wrong = schema_check_openai(body);

	if (wrong != NULL)
		return wrong;
	if (model == NULL)
		return "you must provide a model parameter";
	if (!json_is_array(messages) || json_array_size(messages) == 0)
		return "Missing required parameter: 'messages'.";
	for (size_t i = 0; i < json_array_size(messages); i++) {
		const json_t *message = json_array_get(messages, i);
		const char *role = json_string_value(json_object_get(message, "role"));

		if (role == NULL)
			return "Missing required parameter: 'messages[0].role'.";
		openai_read_content(chat, json_object_get(message, "content"),
		                    strcmp(role, "user") == 0);
	}
	for (size_t i = 0; i < 2; i++) {
		json_int_t limit = json_integer_value(json_object_get(body, limits[i]));

		if (limit > 0)
			chat->token_limit = (size_t)limit;
	}
	chat->stream = json_is_true(json_object_get(body, "stream"));
	chat->include_usage =
	    json_is_true(json_object_get(json_object_get(body, "stream_options"), "include_usage"));
	chat->model = arena_strdup(task_arena(), model);
	return chat->model != NULL ? NULL : "out of memory";
}

/* --- writing ------------------------------------------------------------------------------- */

static const char *
openai_reason(const struct chat *chat)
{
	switch (chat->finish) {
	case CHAT_LENGTH: return "length";
	case CHAT_SAFETY: return "content_filter";
	default: return "stop";
	}
}

/* The members that all objects of an answer begin with. */
static void
openai_head(const struct chat *chat, const char *object, struct buf *out)
{
	buf_printf(out,
	           "{\"id\":\"chatcmpl-%016llx\",\"object\":\"%s\",\"created\":%lld,\"model\":",
	           (unsigned long long)chat->call->number, object, (long long)chat->created);
	buf_put_json_string(out, chat->model, strlen(chat->model));
	buf_puts(out, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_stand_in\",");
}

static void
openai_usage(const struct chat *chat, struct buf *out)
{
	buf_printf(out,
	           "\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,"
	           "\"total_tokens\":%zu,\"prompt_tokens_details\":{\"cached_tokens\":0,"
	           "\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":%zu,"
	           "\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
	           "\"rejected_prediction_tokens\":0}}",
	           chat->prompt_tokens, chat->completion_tokens,
	           chat->prompt_tokens + chat->completion_tokens, chat->thought_tokens);
}

static const char openai_refusal[] = "I'm sorry, but I can't assist with that request.";

static void
openai_whole(const struct chat *chat, struct buf *out)
{
	bool blocked = chat->finish == CHAT_BLOCKED;

	openai_head(chat, "chat.completion", out);
	buf_puts(out, "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
	if (blocked)
		buf_puts(out, "null");
	else
		buf_put_json_string(out, chat->answer.text.bytes, chat->answer.text.length);
	buf_puts(out, ",\"refusal\":");
	if (blocked)
		buf_put_json_string(out, openai_refusal, strlen(openai_refusal));
	else
		buf_puts(out, "null");
	buf_printf(out, ",\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"%s\"}],",
	           openai_reason(chat));
	openai_usage(chat, out);
	buf_puts(out, "}\n");
}

/* A chunk: its delta goes between the two. `reason` NULL: there is more to come. */
static void
openai_chunk_begin(const struct chat *chat, struct buf *out)
{
	buf_puts(out, "data: ");
	openai_head(chat, "chat.completion.chunk", out);
	buf_puts(out, "\"choices\":[{\"index\":0,\"delta\":");
}

static void
openai_chunk_end(const struct chat *chat, const char *reason, struct buf *out)
{
	buf_puts(out, ",\"logprobs\":null,\"finish_reason\":");
	if (reason != NULL)
		buf_printf(out, "\"%s\"", reason);
	else
		buf_puts(out, "null");
	buf_puts(out, chat->include_usage ? "}],\"usage\":null}\n\n" : "}]}\n\n");
}

static void
openai_opening(const struct chat *chat, struct buf *out)
{
	openai_chunk_begin(chat, out);
	buf_puts(out, "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}");
	openai_chunk_end(chat, NULL, out);
	if (chat->finish != CHAT_BLOCKED)
		return;
	openai_chunk_begin(chat, out);
	buf_puts(out, "{\"refusal\":");
	buf_put_json_string(out, openai_refusal, strlen(openai_refusal));
	buf_puts(out, "}");
	openai_chunk_end(chat, NULL, out);
}

static void
openai_delta(const struct chat *chat, const char *text, size_t length, struct buf *out)
{
	openai_chunk_begin(chat, out);
	buf_puts(out, "{\"content\":");
	buf_put_json_string(out, text, length);
	buf_puts(out, "}");
	openai_chunk_end(chat, NULL, out);
}

static void
openai_closing(const struct chat *chat, struct buf *out)
{
	openai_chunk_begin(chat, out);
	buf_puts(out, "{}");
	openai_chunk_end(chat, openai_reason(chat), out);
	if (chat->include_usage) {
		buf_puts(out, "data: ");
		openai_head(chat, "chat.completion.chunk", out);
		buf_puts(out, "\"choices\":[],");
		openai_usage(chat, out);
		buf_puts(out, "}\n\n");
	}
	buf_puts(out, "data: [DONE]\n\n");
}

static void
openai_stream_error(struct buf *out)
{
	buf_puts(out,
	         "data: {\"error\":{\"message\":\"The server had an error while processing your "
	         "request. Sorry about that!\",\"type\":\"server_error\",\"param\":null,"
	         "\"code\":null}}\n\n");
}

static const struct chat_dialect openai_dialect = {
    .stream_type = "text/event-stream; charset=utf-8",
    .read = openai_read,
    .whole = openai_whole,
    .opening = openai_opening,
    .delta = openai_delta,
    .closing = openai_closing,
    .error = openai_stream_error,
};

static void
openai_answer(struct call *call)
{
	openai_headers(call);
	chat_answer(call, &openai_dialect);
}

const struct provider upstream_openai = {
    .name = "openai",
    .body_limit = OPENAI_BODY_LIMIT,
    .match = openai_match,
    .key = openai_key,
    .refuse = openai_refuse,
    .answer = openai_answer,
};
