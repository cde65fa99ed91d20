/* SPDX-License-Identifier: MIT
 * Reads a chat's answer: server-sent events, or one JSON document, whichever comes. */
#include "common/ai/chat_private.h"

#include "common/ai/sse_reader.h"
#include "common/base/json.h"
#include "common/io/fetch.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CHAT_EVENT_LIMIT ((size_t)1 << 20)
#define CHAT_TAIL_MS     2000 /* of silence behind what ends the text */

static enum status
chat_fail(struct chat_call *call, enum ai_fault fault, const char *why)
{
	call->end.fault = fault;
	snprintf(call->why, sizeof call->why, "%s", why);
	call->end.why = call->why;
	return STATUS_DEPENDENCY_DOWN;
}

static enum status
chat_hand_on(struct chat_call *call, size_t before)
{
	struct buf *text = &call->reading.text;
	enum status status = STATUS_OK;

	if (buf_failed(text))
		return STATUS_OVERLOADED;
	call->heard += text->length - before;
	if (call->request->text == NULL || text->length == 0)
		return STATUS_OK;
	status = call->request->text(call->request->arg, text->bytes, text->length);
	buf_clear(text);
	if (status != STATUS_OK)
		call->end.fault = AI_FAULT_CANCELLED;
	return status;
}

/* Errors are rare: they are read as a tree, by what reads those of refused calls. */
static bool
chat_read_error(struct chat_call *call, const struct json_node *document)
{
	const struct json_node *error = json_node_get(document, "error");
	char why[64];
	json_t *json;
	bool found;

	if (error == NULL || json_node_is_word(error, "null"))
		return false;
	json = json_parse(document->text, document->length, why, sizeof why);
	found = ai_error_inside(json, &call->error);
	json_decref(json);
	return found;
}

/* One GenerateContentResponse, chat.completion or chunk of it; or an error. */
static enum status
chat_read_document(struct chat_call *call, const struct json_node *document)
{
	size_t before = call->reading.text.length;

	if (chat_read_error(call, document)) {
		call->end.error = &call->error;
		return chat_fail(call, call->error.fault, "an error inside the answer");
	}
	call->chat->dialect->read(document, &call->reading);
	return chat_hand_on(call, before);
}

static enum status
chat_read_json(struct chat_call *call, const char *text, size_t length)
{
	struct json_outline outline;
	const struct json_node *json = json_outline_read(&outline, text, length), *document;
	enum status status = STATUS_OK;

	if (json_node_is(json, JSON_KIND_ARRAY)) {
		/* What Gemini streams to who does not ask for events. */
		document = json_node_first(json);
		for (uint32_t i = 0; i < json->count && status == STATUS_OK; i++) {
			status = chat_read_document(call, document);
			document = json_node_next(document);
		}
	} else if (json_node_is(json, JSON_KIND_OBJECT)) {
		status = chat_read_document(call, json);
	} else {
		status = chat_fail(call, AI_FAULT_MALFORMED, "the answer is no JSON object");
	}
	json_outline_fini(&outline);
	return status;
}

/* --- how it comes ---------------------------------------------------------------------------- */

static enum status
chat_read_failed(struct chat_call *call, enum status status)
{
	call->end.fault = provider_fault(call->call);
	if (call->end.fault == AI_FAULT_BROKEN)
		(void)chat_fail(call, AI_FAULT_BROKEN, "the connection broke");
	return status;
}

static enum status
chat_read_events(struct chat_call *call, struct sse_reader *reader, bool *done)
{
	struct sse_event event;
	enum status status = STATUS_OK;
	int found;

	while (status == STATUS_OK && (found = sse_reader_next(reader, &event)) != 0) {
		if (found < 0)
			return chat_fail(call, AI_FAULT_TOO_LARGE, "an event is too large");
		if (strcmp(event.data, "[DONE]") == 0)
			*done = true;
		else if (!*done)
			status = chat_read_json(call, event.data, event.length);
	}
	return status;
}

/* When the text is over, what is left says what it cost, and that the connection can be used again:
 * no reason to wait for long, nor to fail. */
static enum status
chat_read_stream(struct chat_call *call)
{
	struct sse_reader reader;
	bool done = false, ending = false;
	const char *bytes;
	size_t length = 1;
	enum status status = STATUS_OK;

	sse_reader_init(&reader, CHAT_EVENT_LIMIT);
	while (status == STATUS_OK && length > 0) {
		status = provider_read(call->call, &bytes, &length);
		if (status != STATUS_OK) {
			status = ending && status == STATUS_DEPENDENCY_DOWN
			             ? STATUS_OK
			             : chat_read_failed(call, status);
			break;
		}
		sse_reader_give(&reader, bytes, length);
		status = chat_read_events(call, &reader, &done);
		if (!ending && (done || call->reading.finish != CHAT_NOT_FINISHED)) {
			ending = true;
			provider_set_silence(call->call, CHAT_TAIL_MS);
		}
	}
	sse_reader_fini(&reader);
	return status;
}

static enum status
chat_read_whole(struct chat_call *call)
{
	struct buf body;
	const char *bytes;
	size_t length = 1;
	enum status status = STATUS_OK;

	buf_init(&body, 0);
	while (status == STATUS_OK && length > 0) {
		status = provider_read(call->call, &bytes, &length);
		if (status == STATUS_OK)
			buf_append(&body, bytes, length);
	}
	if (status != STATUS_OK)
		status = chat_read_failed(call, status);
	else if (buf_failed(&body))
		status = STATUS_OVERLOADED;
	else
		status = chat_read_json(call, body.bytes != NULL ? body.bytes : "", body.length);
	buf_fini(&body);
	return status;
}

/* --- what it was ----------------------------------------------------------------------------- */

static enum status
chat_judge(struct chat_call *call)
{
	switch (call->reading.finish) {
	case CHAT_BLOCKED: return chat_fail(call, AI_FAULT_BLOCKED, "blocked by a safety filter");
	case CHAT_NOT_FINISHED:
		return chat_fail(call, AI_FAULT_BROKEN, "the answer ended before its end");
	case CHAT_STOP:
		if (call->heard == 0)
			return chat_fail(call, AI_FAULT_MALFORMED, "an answer without a text");
		return STATUS_OK;
	default: return STATUS_OK;
	}
}

enum status
chat_read_answer(struct chat_call *call)
{
	const char *type = fetch_header(provider_response(call->call), "Content-Type");
	enum status status;

	if (type == NULL)
		type = call->request->text != NULL ? "text/event-stream" : "application/json";
	if (strncasecmp(type, "text/event-stream", 17) == 0)
		status = chat_read_stream(call);
	else if (strncasecmp(type, "application/json", 16) == 0)
		status = chat_read_whole(call);
	else
		status = chat_fail(call, AI_FAULT_MALFORMED, "the answer is no chat's");
	return status == STATUS_OK ? chat_judge(call) : status;
}
