/* SPDX-License-Identifier: MIT
 * Google's speech:recognize and text:synthesize (version v1). */
#include "common/base/base64.h"
#include "common/base/json_outline.h"
#include "common/task/task.h"
#include "tests/upstream/deliver.h"
#include "tests/upstream/google_error.h"
#include "tests/upstream/speech.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define GOOGLE_BODY_LIMIT  ((size_t)16 << 20)
#define GOOGLE_AUDIO_LIMIT ((size_t)10 << 20)
#define GOOGLE_TEXT_LIMIT  5000

static const char *
google_match(const struct http_request *request)
{
	const char *version = http_request_segment(request, 0);
	const char *method = http_request_segment(request, 1);

	if (version == NULL || strcmp(version, "v1") != 0 || method == NULL ||
	    http_request_segment(request, 2) != NULL)
		return NULL;
	if (strcmp(method, "speech:recognize") == 0)
		return "speech:recognize";
	return strcmp(method, "text:synthesize") == 0 ? "text:synthesize" : NULL;
}

/* --- recognize ----------------------------------------------------------------------------- */

/* Decodes base64, with line breaks or without, into a new buffer; NULL if it is none, or without
 * memory. */
static unsigned char *
google_decode(const struct json_node *content, size_t *length)
{
	const char *text = content != NULL ? content->text : NULL;
	size_t encoded = content != NULL ? content->length : 0;
	unsigned char *bytes = malloc(BASE64_ROOM(encoded));

	if (content != NULL && content->escaped) {
		text = json_node_string(content, task_arena());
		encoded = text != NULL ? strlen(text) : 0;
	}
	if (bytes == NULL || text == NULL || !json_node_is(content, JSON_KIND_STRING) ||
	    (!base64_read(text, encoded, bytes, length) &&
	     sodium_base642bin(bytes, BASE64_ROOM(encoded), text, encoded, "\r\n", length, NULL,
	                       sodium_base64_VARIANT_ORIGINAL) != 0)) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

/* A member that is a string, or NULL. */
static const char *
google_text(const struct json_node *object, const char *name)
{
	return json_node_string(json_node_get(object, name), task_arena());
}

static unsigned
google_rate(const struct json_node *config)
{
	return (unsigned)json_node_integer(json_node_get(config, "sampleRateHertz"));
}

/* Why Google would refuse; NULL: it would not. */
static const char *
google_recognize_wrong(const struct json_node *config, const struct audio_facts *facts)
{
	const char *encoding = google_text(config, "encoding");
	unsigned rate = google_rate(config);

	if (google_text(config, "languageCode") == NULL)
		return "Invalid recognition 'config': language_code is required.";
	if (encoding == NULL && !facts->wav)
		return "Invalid recognition 'config': bad encoding..";
	if (facts->wav && rate != 0 && rate != facts->rate)
		return "sample_rate_hertz in RecognitionConfig must either be unspecified or match "
		       "the value in the WAV header.";
	if (encoding != NULL && strcmp(encoding, "LINEAR16") == 0 && rate == 0 && !facts->wav)
		return "Invalid recognition 'config': bad sample rate hertz.";
	if (facts->seconds > 60)
		return "Sync input too long. For audio longer than 1 min use LongRunningRecognize "
		       "with a 'uri' parameter.";
	return NULL;
}

static void
google_heard(struct call *call, const char *transcript, const char *language, double seconds)
{
	struct buf body;

	buf_init(&body, 0);
	if (call->fault.kind == FAULT_WRONG_SCHEMA) {
		buf_puts(&body, "{\"results\": \"none\"");
	} else if (transcript == NULL) {
		buf_puts(&body, "{");
	} else {
		buf_puts(&body, "{\n  \"results\": [\n    {\n      \"alternatives\": [\n        {\n"
		                "          \"transcript\": ");
		if (call->fault.kind == FAULT_HUGE)
			buf_puts(&body, "\"" DELIVER_HUGE_MARK "\"");
		else
			buf_put_json_string(&body, transcript, strlen(transcript));
		buf_printf(&body,
		           ",\n          \"confidence\": 0.96\n        }\n      ],\n"
		           "      \"resultEndTime\": \"%.3fs\",\n      \"languageCode\": ",
		           seconds);
		buf_put_json_string(&body, language, strlen(language));
		buf_puts(&body, "\n    }\n  ]");
	}
	buf_printf(&body, "%s\n  \"totalBilledTime\": \"%.0fs\",\n  \"requestId\": \"%llu\"\n}\n",
	           body.length > 1 ? "," : "", ceil(fmax(seconds, 1)),
	           (unsigned long long)call->number);
	if (!buf_failed(&body))
		deliver_whole(call, body.bytes, body.length);
	buf_fini(&body);
}

static void
google_recognize(struct call *call, const struct json_node *body)
{
	const struct json_node *config = json_node_get(body, "config");
	const char *language = google_text(config, "languageCode");
	const char *encoding = google_text(config, "encoding"), *wrong;
	struct audio_facts facts;
	size_t length = 0;
	unsigned char *bytes =
	    google_decode(json_node_get(json_node_get(body, "audio"), "content"), &length);

	if (bytes == NULL || length == 0) {
		call_refuse(
		    call, REFUSAL_BAD_REQUEST,
		    "Invalid value at 'audio.content' (TYPE_BYTES), Base64 decoding failed");
		free(bytes);
		return;
	}
	facts = audio_look(
	    bytes, length,
	    encoding != NULL && strcmp(encoding, "LINEAR16") == 0 ? google_rate(config) : 0);
	free(bytes);
	wrong = google_recognize_wrong(config, &facts);
	if (length > GOOGLE_AUDIO_LIMIT)
		wrong = "Request payload size exceeds the limit: 10485760 bytes.";
	if (wrong != NULL)
		call_refuse(call, REFUSAL_BAD_REQUEST, wrong);
	else
		google_heard(call, speech_transcript(call, language, &facts), language,
		             facts.seconds);
}

/* --- synthesize ---------------------------------------------------------------------------- */

/* False: no such encoding here. */
static bool
google_speak(const char *text, const char *encoding, unsigned rate, struct buf *sound)
{
	double seconds = audio_seconds(text);

	if (encoding != NULL && strcmp(encoding, "LINEAR16") == 0)
		audio_wav(seconds, rate > 0 ? rate : AUDIO_RATE, true, sound);
	else if (encoding != NULL && strcmp(encoding, "MP3") == 0)
		audio_mp3(seconds, sound);
	else
		return false;
	return true;
}

static void
google_spoken(struct call *call, const struct buf *sound)
{
	struct buf body;

	buf_init(&body, 0);
	buf_puts(&body, call->fault.kind == FAULT_WRONG_SCHEMA ? "{\n  \"audio\": \""
	                                                       : "{\n  \"audioContent\": \"");
	if (call->fault.kind == FAULT_HUGE)
		buf_puts(&body, DELIVER_HUGE_MARK);
	else if (call->fault.kind != FAULT_EMPTY)
		base64_put(&body, sound->bytes, sound->length);
	buf_puts(&body, "\"\n}\n");
	if (!buf_failed(&body))
		deliver_whole(call, body.bytes, body.length);
	buf_fini(&body);
}

static void
google_synthesize(struct call *call, const struct json_node *body)
{
	const struct json_node *input = json_node_get(body, "input");
	const struct json_node *config = json_node_get(body, "audioConfig");
	const char *text = google_text(input, "text"), *wrong = NULL;
	const char *language = google_text(json_node_get(body, "voice"), "languageCode");
	struct buf sound;

	if (text == NULL)
		text = google_text(input, "ssml");
	buf_init(&sound, 0);
	if (text == NULL || text[0] == '\0')
		wrong = "Either `input.text` or `input.ssml` must be set.";
	else if (strlen(text) > GOOGLE_TEXT_LIMIT)
		wrong =
		    "Either `input.text` or `input.ssml` is longer than the limit of 5000 bytes.";
	else if (language == NULL || language[0] == '\0')
		wrong = "Invalid voice: language code must be set.";
	else if (!google_speak(text, google_text(config, "audioEncoding"), google_rate(config),
	                       &sound))
		wrong = "Invalid audio encoding (the stand-in speaks LINEAR16 and MP3).";
	if (wrong != NULL)
		call_refuse(call, REFUSAL_BAD_REQUEST, wrong);
	else if (!buf_failed(&sound))
		google_spoken(call, &sound);
	buf_fini(&sound);
}

static void
google_answer(struct call *call)
{
	size_t length;
	const char *bytes = http_request_body(call->request, &length);
	const struct json_node *body;
	struct json_outline outline;

	if (!call_sleep(call, &call->pace.streaming))
		return;
	body = json_outline_read(&outline, bytes, length);
	if (body == NULL)
		call_refuse(call, REFUSAL_BAD_REQUEST, "Invalid JSON payload received.");
	else if (strcmp(call->path, "speech:recognize") == 0)
		google_recognize(call, body);
	else
		google_synthesize(call, body);
	json_outline_fini(&outline);
}

const struct provider upstream_google_speech = {
    .name = "google",
    .body_limit = GOOGLE_BODY_LIMIT,
    .match = google_match,
    .key = google_key,
    .refuse = google_refuse,
    .answer = google_answer,
};
