/* SPDX-License-Identifier: MIT
 * OpenAI's dialect: chat completions, as vLLM, llama.cpp, Ollama and many others speak it too.
 * OpenAI wants max_completion_tokens, the others know max_tokens, and both at once are refused. */
#include "common/ai/chat_private.h"

#include <stdio.h>
#include <string.h>

static bool
chat_openai_path(const struct chat *chat, bool stream, char *out, size_t size)
{
	(void)chat;
	(void)stream;
	return snprintf(out, size, "/v1/chat/completions") < (int)size;
}

static void
chat_openai_put_message(struct buf *out, const char *role, const char *text)
{
	buf_printf(out, "{\"role\":\"%s\",\"content\":", role);
	buf_put_json_string(out, text, strlen(text));
	buf_puts(out, "}");
}

static void
chat_openai_put_format(struct buf *out, enum chat_format format, const struct chat_schema *schema)
{
	if (format == CHAT_JSON_SCHEMA)
		buf_printf(out,
		           ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
		           "\"name\":\"%s\",\"strict\":true,\"schema\":%s}}",
		           schema->name, schema->json);
	else if (format == CHAT_JSON_OBJECT)
		buf_puts(out, ",\"response_format\":{\"type\":\"json_object\"}");
}

static void
chat_openai_body(const struct chat *chat, const struct chat_request *request, struct buf *out)
{
	buf_puts(out, "{\"model\":");
	buf_put_json_string(out, chat->model, strlen(chat->model));
	buf_puts(out, ",\"messages\":[");
	chat_openai_put_message(out, "system", request->system);
	for (size_t i = 0; i < request->message_count; i++) {
		buf_puts(out, ",");
		chat_openai_put_message(
		    out, request->messages[i].role == CHAT_USER ? "user" : "assistant",
		    request->messages[i].text);
	}
	buf_printf(out, "],\"%s\":%u", chat->official ? "max_completion_tokens" : "max_tokens",
	           chat_output_tokens(chat, request));
	if (request->schema != NULL)
		chat_openai_put_format(out, chat->format, request->schema);
	if (chat->thinking != NULL) {
		buf_puts(out, ",\"reasoning_effort\":");
		buf_put_json_string(out, chat->thinking, strlen(chat->thinking));
	}
	if (request->text != NULL)
		buf_puts(out, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
	buf_puts(out, "}");
}

/* --- reading --------------------------------------------------------------------------------- */

static enum chat_finish
chat_openai_finish(const struct json_node *reason)
{
	if (!json_node_is(reason, JSON_KIND_STRING))
		return CHAT_NOT_FINISHED;
	if (json_node_equals(reason, "length"))
		return CHAT_LENGTH;
	return json_node_equals(reason, "content_filter") ? CHAT_BLOCKED : CHAT_STOP;
}

static void
chat_openai_read(const struct json_node *document, struct chat_reading *reading)
{
	/* The last chunk of a stream has the usage, and no choice. */
	const struct json_node *choice = json_node_first(json_node_get(document, "choices"));
	const struct json_node *usage = json_node_get(document, "usage");
	const struct json_node *message = json_node_get(choice, "delta"), *refusal;
	enum chat_finish finish = chat_openai_finish(json_node_get(choice, "finish_reason"));

	if (message == NULL)
		message = json_node_get(choice, "message");
	refusal = json_node_get(message, "refusal");
	json_node_put(json_node_get(message, "content"), &reading->text);
	if (finish != CHAT_NOT_FINISHED && reading->finish != CHAT_BLOCKED)
		reading->finish = finish;
	if (json_node_is(refusal, JSON_KIND_STRING) && refusal->length > 0)
		reading->finish = CHAT_BLOCKED;
	if (!json_node_is(usage, JSON_KIND_OBJECT))
		return;
	reading->has_usage = true;
	reading->prompt_tokens = chat_number(usage, "prompt_tokens");
	reading->completion_tokens = chat_number(usage, "completion_tokens");
}

const struct chat_dialect chat_openai = {
    .key_header = "Authorization: Bearer ",
    .path = chat_openai_path,
    .body = chat_openai_body,
    .read = chat_openai_read,
};
