/* SPDX-License-Identifier: MIT
 * Gemini's dialect (API version v1beta): generateContent, and streamGenerateContent as server-sent
 * events. Thoughts are parts too, and are no text of ours; a stream has no end mark but its end. */
#include "common/ai/chat_private.h"

#include <stdio.h>
#include <string.h>

static bool
chat_gemini_path(const struct chat *chat, bool stream, char *out, size_t size)
{
	int length = snprintf(out, size, "/v1beta/models/%s:%s", chat->model,
	                      stream ? "streamGenerateContent?alt=sse" : "generateContent");

	return length > 0 && (size_t)length < size;
}

static void
chat_gemini_put_text(struct buf *out, const char *text)
{
	buf_puts(out, "\"parts\":[{\"text\":");
	buf_put_json_string(out, text, strlen(text));
	buf_puts(out, "}]");
}

/* A number is a budget of tokens (models up to 2.5), a word a level (since 3). */
static void
chat_gemini_put_thinking(struct buf *out, const char *thinking)
{
	size_t digits = strspn(thinking + (*thinking == '-'), "0123456789");

	buf_puts(out, ",\"thinkingConfig\":{");
	if (digits > 0 && thinking[digits + (*thinking == '-')] == '\0') {
		buf_printf(out, "\"thinkingBudget\":%s", thinking);
	} else {
		buf_puts(out, "\"thinkingLevel\":");
		buf_put_json_string(out, thinking, strlen(thinking));
	}
	buf_puts(out, "}");
}

static void
chat_gemini_body(const struct chat *chat, const struct chat_request *request, struct buf *out)
{
	buf_puts(out, "{\"systemInstruction\":{");
	chat_gemini_put_text(out, request->system);
	buf_puts(out, "},\"contents\":[");
	for (size_t i = 0; i < request->message_count; i++) {
		buf_printf(out, "%s{\"role\":\"%s\",", i > 0 ? "," : "",
		           request->messages[i].role == CHAT_USER ? "user" : "model");
		chat_gemini_put_text(out, request->messages[i].text);
		buf_puts(out, "}");
	}
	buf_printf(out, "],\"generationConfig\":{\"maxOutputTokens\":%u",
	           chat_output_tokens(chat, request));
	if (request->schema != NULL)
		buf_printf(out, ",\"responseMimeType\":\"application/json\",\"responseSchema\":%s",
		           request->schema->gemini);
	if (chat->thinking != NULL)
		chat_gemini_put_thinking(out, chat->thinking);
	buf_puts(out, "}}");
}

/* --- reading --------------------------------------------------------------------------------- */

static enum chat_finish
chat_gemini_finish(const struct json_node *reason)
{
	if (!json_node_is(reason, JSON_KIND_STRING) ||
	    json_node_equals(reason, "FINISH_REASON_UNSPECIFIED"))
		return CHAT_NOT_FINISHED;
	if (json_node_equals(reason, "STOP"))
		return CHAT_STOP;
	/* SAFETY, RECITATION, PROHIBITED_CONTENT, BLOCKLIST, SPII, LANGUAGE, OTHER ... */
	return json_node_equals(reason, "MAX_TOKENS") ? CHAT_LENGTH : CHAT_BLOCKED;
}

static void
chat_gemini_read_usage(const struct json_node *usage, struct chat_reading *reading)
{
	uint32_t total = chat_number(usage, "totalTokenCount");

	if (!json_node_is(usage, JSON_KIND_OBJECT))
		return;
	/* The figures of a stream are those of all so far. */
	reading->has_usage = true;
	reading->prompt_tokens = chat_number(usage, "promptTokenCount");
	reading->completion_tokens =
	    chat_number(usage, "candidatesTokenCount") + chat_number(usage, "thoughtsTokenCount");
	if (total > reading->prompt_tokens &&
	    total - reading->prompt_tokens > reading->completion_tokens)
		reading->completion_tokens = total - reading->prompt_tokens;
}

static void
chat_gemini_read_parts(const struct json_node *parts, struct chat_reading *reading)
{
	const struct json_node *part = json_node_first(parts);

	for (uint32_t i = 0; part != NULL && i < parts->count; i++, part = json_node_next(part))
		if (!json_node_is_word(json_node_get(part, "thought"), "true"))
			json_node_put(json_node_get(part, "text"), &reading->text);
}

static void
chat_gemini_read(const struct json_node *document, struct chat_reading *reading)
{
	const struct json_node *candidate = json_node_first(json_node_get(document, "candidates"));
	const struct json_node *feedback = json_node_get(document, "promptFeedback");
	enum chat_finish finish = chat_gemini_finish(json_node_get(candidate, "finishReason"));

	chat_gemini_read_parts(json_node_get(json_node_get(candidate, "content"), "parts"),
	                       reading);
	if (finish != CHAT_NOT_FINISHED)
		reading->finish = finish;
	if (json_node_is(json_node_get(feedback, "blockReason"), JSON_KIND_STRING))
		reading->finish = CHAT_BLOCKED;
	chat_gemini_read_usage(json_node_get(document, "usageMetadata"), reading);
}

const struct chat_dialect chat_gemini = {
    .key_header = "x-goog-api-key: ",
    .path = chat_gemini_path,
    .body = chat_gemini_body,
    .read = chat_gemini_read,
};
