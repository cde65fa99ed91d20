/* SPDX-License-Identifier: MIT
 * Gemini's generateContent and streamGenerateContent (API version v1beta). */
#include "common/base/json.h"
#include "common/task/task.h"
#include "tests/upstream/chat.h"
#include "tests/upstream/google_error.h"
#include "tests/upstream/schema_check.h"

#include <string.h>

#define GEMINI_BODY_LIMIT ((size_t)20 << 20)

static const char *
gemini_match(const struct http_request *request)
{
	const char *version = http_request_segment(request, 0);
	const char *models = http_request_segment(request, 1);
	const char *model = http_request_segment(request, 2), *method;

	if (version == NULL || strcmp(version, "v1beta") != 0 || models == NULL ||
	    strcmp(models, "models") != 0 || model == NULL ||
	    http_request_segment(request, 3) != NULL)
		return NULL;
	method = strchr(model, ':');
	if (method == NULL || method == model)
		return NULL;
	if (strcmp(method, ":generateContent") == 0)
		return "generateContent";
	return strcmp(method, ":streamGenerateContent") == 0 ? "streamGenerateContent" : NULL;
}

/* --- reading ------------------------------------------------------------------------------- */

/* A member by its name in lowerCamelCase or, as the API allows too, in snake_case. */
static const json_t *
gemini_member(const json_t *object, const char *camel, const char *snake)
{
	const json_t *member = json_object_get(object, camel);

	return member != NULL ? member : json_object_get(object, snake);
}

static const char *
gemini_read_content(struct chat *chat, const json_t *content, bool user)
{
	const json_t *parts = json_object_get(content, "parts");

	if (!json_is_array(parts) || json_array_size(parts) == 0)
		return "* GenerateContentRequest.contents[0].parts: contents.parts must not be "
		       "empty.";
	for (size_t i = 0; i < json_array_size(parts); i++) {
		const char *text =
		    json_string_value(json_object_get(json_array_get(parts, i), "text"));

		if (text != NULL)
			chat_add_text(chat, user, text);
	}
	return NULL;
}

static const char *
gemini_read(struct chat *chat, const json_t *body)
{
	const json_t *contents = json_object_get(body, "contents"), *limit;
	const json_t *config = gemini_member(body, "generationConfig", "generation_config");
	const json_t *system = gemini_member(body, "systemInstruction", "system_instruction");
	const char *model = http_request_segment(chat->call->request, 2);
	const char *wrong = schema_check_gemini(body, config);

	if (wrong != NULL)
		return wrong;
	if (!json_is_array(contents) || json_array_size(contents) == 0)
		return "* GenerateContentRequest.contents: contents is not specified\n";
	if (system != NULL)
		wrong = gemini_read_content(chat, system, false);
	for (size_t i = 0; i < json_array_size(contents) && wrong == NULL; i++) {
		const json_t *content = json_array_get(contents, i);
		const char *role = json_string_value(json_object_get(content, "role"));

		if (role != NULL && strcmp(role, "user") != 0 && strcmp(role, "model") != 0)
			return "Please use a valid role: user, model.";
		wrong =
		    gemini_read_content(chat, content, role == NULL || strcmp(role, "user") == 0);
	}
	limit = gemini_member(config, "maxOutputTokens", "max_output_tokens");
	if (json_integer_value(limit) > 0)
		chat->token_limit = (size_t)json_integer_value(limit);
	chat->model = arena_strndup(task_arena(), model, (size_t)(strchr(model, ':') - model));
	chat->stream = strcmp(chat->call->path, "streamGenerateContent") == 0;
	return chat->model != NULL ? wrong : "out of memory";
}

/* --- writing ------------------------------------------------------------------------------- */

static const char *
gemini_reason(const struct chat *chat)
{
	switch (chat->finish) {
	case CHAT_LENGTH: return "MAX_TOKENS";
	case CHAT_SAFETY: return "SAFETY";
	default: return "STOP";
	}
}

/* The figures, complete only at the end. */
static void
gemini_usage(const struct chat *chat, bool end, struct buf *out)
{
	size_t total = chat->prompt_tokens + (end ? chat->completion_tokens : 0);

	buf_printf(out, "\"usageMetadata\": {\"promptTokenCount\": %zu,", chat->prompt_tokens);
	if (end && chat->completion_tokens > chat->thought_tokens)
		buf_printf(out, "\"candidatesTokenCount\": %zu,",
		           chat->completion_tokens - chat->thought_tokens);
	if (end && chat->thought_tokens > 0)
		buf_printf(out, "\"thoughtsTokenCount\": %zu,", chat->thought_tokens);
	buf_printf(out,
	           "\"totalTokenCount\": %zu,\"promptTokensDetails\": "
	           "[{\"modality\": \"TEXT\",\"tokenCount\": %zu}]},\"modelVersion\": ",
	           total, chat->prompt_tokens);
	buf_put_json_string(out, chat->model, strlen(chat->model));
	buf_printf(out, ",\"responseId\": \"r%016llx\"}", (unsigned long long)chat->call->number);
}

static void
gemini_safety(struct buf *out)
{
	buf_puts(out, "\"safetyRatings\": [{\"category\": \"HARM_CATEGORY_DANGEROUS_CONTENT\","
	              "\"probability\": \"HIGH\",\"blocked\": true}],");
}

/* One GenerateContentResponse; `end`: the last or only one. */
static void
gemini_response(const struct chat *chat, const char *text, size_t length, bool end, struct buf *out)
{
	buf_puts(out, "{");
	if (chat->finish == CHAT_BLOCKED) {
		buf_puts(out, "\"promptFeedback\": {\"blockReason\": \"PROHIBITED_CONTENT\"},");
	} else if (chat->finish == CHAT_SAFETY) {
		buf_puts(out, "\"candidates\": [{\"finishReason\": \"SAFETY\",");
		gemini_safety(out);
		buf_puts(out, "\"index\": 0}],");
	} else {
		buf_puts(out, "\"candidates\": [{\"content\": {\"parts\": [{\"text\": ");
		buf_put_json_string(out, text, length);
		buf_puts(out, "}],\"role\": \"model\"},");
		if (end)
			buf_printf(out, "\"finishReason\": \"%s\",", gemini_reason(chat));
		buf_puts(out, "\"index\": 0}],");
	}
	gemini_usage(chat, end, out);
}

static void
gemini_whole(const struct chat *chat, struct buf *out)
{
	gemini_response(chat, chat->answer.text.bytes, chat->answer.text.length, true, out);
	buf_puts(out, "\n");
}

static void
gemini_opening(const struct chat *chat, struct buf *out)
{
	(void)chat;
	(void)out;
}

static void
gemini_delta(const struct chat *chat, const char *text, size_t length, struct buf *out)
{
	buf_puts(out, "data: ");
	gemini_response(chat, text, length, false, out);
	buf_puts(out, "\r\n\r\n");
}

static void
gemini_closing(const struct chat *chat, struct buf *out)
{
	buf_puts(out, "data: ");
	gemini_response(chat, "", 0, true, out);
	buf_puts(out, "\r\n\r\n");
}

static void
gemini_stream_error(struct buf *out)
{
	buf_puts(out, "data: {\"error\": {\"code\": 503,\"message\": \"The model is overloaded. "
	              "Please try again later.\",\"status\": \"UNAVAILABLE\"}}\r\n\r\n");
}

static const struct chat_dialect gemini_dialect = {
    .stream_type = "text/event-stream",
    .read = gemini_read,
    .whole = gemini_whole,
    .opening = gemini_opening,
    .delta = gemini_delta,
    .closing = gemini_closing,
    .error = gemini_stream_error,
};

static void
gemini_answer(struct call *call)
{
	const char *alt = http_request_param(call->request, "alt");

	if (strcmp(call->path, "streamGenerateContent") == 0 &&
	    (alt == NULL || strcmp(alt, "sse") != 0))
		call_refuse(call, REFUSAL_BAD_REQUEST, "The stand-in streams with alt=sse only.");
	else
		chat_answer(call, &gemini_dialect);
}

const struct provider upstream_gemini = {
    .name = "gemini",
    .body_limit = GEMINI_BODY_LIMIT,
    .match = gemini_match,
    .key = google_key,
    .refuse = google_refuse,
    .answer = gemini_answer,
};
