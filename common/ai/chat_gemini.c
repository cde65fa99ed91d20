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
chat_gemini_finish(const char *reason)
{
	if (reason == NULL || strcmp(reason, "FINISH_REASON_UNSPECIFIED") == 0)
		return CHAT_NOT_FINISHED;
	if (strcmp(reason, "STOP") == 0)
		return CHAT_STOP;
	/* SAFETY, RECITATION, PROHIBITED_CONTENT, BLOCKLIST, SPII, LANGUAGE, OTHER ... */
	return strcmp(reason, "MAX_TOKENS") == 0 ? CHAT_LENGTH : CHAT_BLOCKED;
}

static void
chat_gemini_read_usage(const json_t *usage, struct chat_reading *reading)
{
	uint32_t total = chat_number(usage, "totalTokenCount");

	if (!json_is_object(usage))
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
chat_gemini_read(const json_t *document, struct chat_reading *reading)
{
	const json_t *candidate = json_array_get(json_object_get(document, "candidates"), 0);
	const json_t *parts = json_object_get(json_object_get(candidate, "content"), "parts");
	const json_t *feedback = json_object_get(document, "promptFeedback");
	enum chat_finish finish =
	    chat_gemini_finish(json_string_value(json_object_get(candidate, "finishReason")));

	for (size_t i = 0; i < json_array_size(parts); i++) {
		const json_t *part = json_array_get(parts, i),
		             *text = json_object_get(part, "text");

		if (json_is_string(text) && !json_is_true(json_object_get(part, "thought")))
			buf_append(&reading->text, json_string_value(text),
			           json_string_length(text));
	}
	if (finish != CHAT_NOT_FINISHED)
		reading->finish = finish;
	if (json_is_string(json_object_get(feedback, "blockReason")))
		reading->finish = CHAT_BLOCKED;
	chat_gemini_read_usage(json_object_get(document, "usageMetadata"), reading);
}

const struct chat_dialect chat_gemini = {
    .key_header = "x-goog-api-key: ",
    .path = chat_gemini_path,
    .body = chat_gemini_body,
    .read = chat_gemini_read,
};
