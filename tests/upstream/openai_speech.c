/* SPDX-License-Identifier: MIT
 * OpenAI's audio/transcriptions and audio/speech. */
#include "common/base/json.h"
#include "common/task/task.h"
#include "tests/upstream/deliver.h"
#include "tests/upstream/multipart.h"
#include "tests/upstream/openai_error.h"
#include "tests/upstream/speech.h"

#include <math.h>
#include <string.h>

#define OPENAI_AUDIO_LIMIT ((size_t)25 << 20)
#define OPENAI_TEXT_LIMIT  4096

static const char *
openai_speech_match(const struct http_request *request)
{
	const char *version = http_request_segment(request, 0);
	const char *audio = http_request_segment(request, 1);
	const char *method = http_request_segment(request, 2);

	if (version == NULL || strcmp(version, "v1") != 0 || audio == NULL ||
	    strcmp(audio, "audio") != 0 || method == NULL ||
	    http_request_segment(request, 3) != NULL)
		return NULL;
	if (strcmp(method, "transcriptions") == 0)
		return "audio/transcriptions";
	return strcmp(method, "speech") == 0 ? "audio/speech" : NULL;
}

/* --- transcriptions ------------------------------------------------------------------------ */

/* A text field in the task's arena, NULL if absent. */
static const char *
openai_field(struct call *call, const char *name)
{
	size_t length;
	const char *body = http_request_body(call->request, &length);
	struct multipart_field field;

	if (!multipart_find(http_request_header(call->request, "Content-Type"), body, length, name,
	                    &field) ||
	    field.file)
		return NULL;
	return arena_strndup(task_arena(), field.bytes, field.length);
}

static void
openai_heard(struct call *call, const char *transcript, double seconds)
{
	const char *format = openai_field(call, "response_format");
	struct buf body;

	buf_init(&body, 0);
	if (transcript == NULL)
		transcript = "";
	if (format != NULL && strcmp(format, "text") == 0) {
		call_put_header(call, "Content-Type", "text/plain; charset=utf-8");
		buf_printf(&body, "%s\n", transcript);
	} else if (call->fault.kind == FAULT_WRONG_SCHEMA) {
		buf_puts(&body, "{\"transcript\":[]}");
	} else {
		buf_puts(&body, "{\"text\":");
		if (call->fault.kind == FAULT_HUGE)
			buf_puts(&body, "\"" DELIVER_HUGE_MARK "\"");
		else
			buf_put_json_string(&body, transcript, strlen(transcript));
		buf_printf(&body, ",\"usage\":{\"type\":\"duration\",\"seconds\":%.0f}}",
		           ceil(seconds));
	}
	if (!buf_failed(&body))
		deliver_whole(call, body.bytes, body.length);
	buf_fini(&body);
}

static void
openai_transcribe(struct call *call)
{
	size_t length;
	const char *body = http_request_body(call->request, &length);
	const char *type = http_request_header(call->request, "Content-Type");
	struct multipart_field file;
	struct audio_facts facts;

	if (openai_field(call, "model") == NULL) {
		call_refuse(call, REFUSAL_BAD_REQUEST, "you must provide a model parameter");
		return;
	}
	if (!multipart_find(type, body, length, "file", &file) || !file.file) {
		call_refuse(call, REFUSAL_BAD_REQUEST, "Missing required parameter: 'file'.");
		return;
	}
	facts = audio_look((const unsigned char *)file.bytes, file.length, 0);
	if (file.length < 100)
		call_refuse(call, REFUSAL_BAD_REQUEST,
		            "Audio file is too short. Minimum audio length is 0.1 seconds.");
	else
		openai_heard(call, speech_transcript(call, openai_field(call, "language"), &facts),
		             facts.seconds);
}

/* --- speech -------------------------------------------------------------------------------- */

/* Sound and its type; NULL: no such format here. */
static const char *
openai_speak(const char *text, const char *format, struct buf *sound)
{
	double seconds = audio_seconds(text);

	if (format == NULL || strcmp(format, "mp3") == 0) {
		audio_mp3(seconds, sound);
		return "audio/mpeg";
	}
	if (strcmp(format, "wav") == 0) {
		audio_wav(seconds, AUDIO_RATE, false, sound);
		return "audio/wav";
	}
	if (strcmp(format, "pcm") == 0) {
		audio_pcm(seconds, AUDIO_RATE, sound);
		return "audio/pcm";
	}
	return NULL;
}

static void
openai_speech(struct call *call, const json_t *body)
{
	const char *text = json_string_value(json_object_get(body, "input"));
	const char *format = json_string_value(json_object_get(body, "response_format"));
	const char *wrong = NULL, *type = NULL;
	struct buf sound;

	buf_init(&sound, 0);
	if (!json_is_string(json_object_get(body, "model")))
		wrong = "you must provide a model parameter";
	else if (!json_is_string(json_object_get(body, "voice")))
		wrong = "Missing required parameter: 'voice'.";
	else if (text == NULL || text[0] == '\0')
		wrong = "Missing required parameter: 'input'.";
	else if (strlen(text) > OPENAI_TEXT_LIMIT)
		wrong = "Input is too long: at most 4096 characters.";
	else if ((type = openai_speak(text, format, &sound)) == NULL)
		wrong = "Invalid response_format (the stand-in speaks mp3, wav and pcm).";
	if (wrong != NULL) {
		call_refuse(call, REFUSAL_BAD_REQUEST, wrong);
	} else if (!buf_failed(&sound)) {
		call_put_header(call, "Content-Type", type);
		if (call->fault.kind == FAULT_HUGE)
			buf_puts(&sound, DELIVER_HUGE_MARK);
		deliver_whole(call, sound.bytes,
		              call->fault.kind == FAULT_EMPTY ? 0 : sound.length);
	}
	buf_fini(&sound);
}

static void
openai_speech_answer(struct call *call)
{
	size_t length;
	const char *bytes = http_request_body(call->request, &length);
	char error[256];
	json_t *body;

	openai_headers(call);
	if (!call_sleep(call, &call->pace.streaming))
		return;
	if (strcmp(call->path, "audio/transcriptions") == 0) {
		openai_transcribe(call);
		return;
	}
	body = json_parse(bytes, length, error, sizeof error);
	if (body == NULL)
		call_refuse(call, REFUSAL_BAD_REQUEST, error);
	else
		openai_speech(call, body);
	json_decref(body);
}

const struct provider upstream_openai_speech = {
    .name = "openai",
    .body_limit = OPENAI_AUDIO_LIMIT,
    .match = openai_speech_match,
    .key = openai_key,
    .refuse = openai_refuse,
    .answer = openai_speech_answer,
};
