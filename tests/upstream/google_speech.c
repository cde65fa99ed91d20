/* SPDX-License-Identifier: MIT
 * Google's speech:recognize and text:synthesize (version v1). */
#include "common/base/json.h"
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
#define BASE64             sodium_base64_VARIANT_ORIGINAL

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

/* Decodes base64 into a new buffer; NULL if it is none, or without memory. */
static unsigned char *
google_decode(const json_t *content, size_t *length)
{
	size_t encoded = json_string_length(content);
	unsigned char *bytes = malloc(encoded + 1);

	if (bytes == NULL || !json_is_string(content) ||
	    sodium_base642bin(bytes, encoded + 1, json_string_value(content), encoded, "\r\n",
	                      length, NULL, BASE64) != 0) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

/* Why Google would refuse; NULL: it would not. */
static const char *
google_recognize_wrong(const json_t *config, const struct audio_facts *facts)
{
	const char *encoding = json_string_value(json_object_get(config, "encoding"));
	unsigned rate = (unsigned)json_integer_value(json_object_get(config, "sampleRateHertz"));

	if (!json_is_string(json_object_get(config, "languageCode")))
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
google_recognize(struct call *call, const json_t *body)
{
	const json_t *config = json_object_get(body, "config");
	const json_t *content = json_object_get(json_object_get(body, "audio"), "content");
	const char *language = json_string_value(json_object_get(config, "languageCode"));
	const char *encoding = json_string_value(json_object_get(config, "encoding")), *wrong;
	unsigned rate = (unsigned)json_integer_value(json_object_get(config, "sampleRateHertz"));
	struct audio_facts facts;
	size_t length = 0;
	unsigned char *bytes = google_decode(content, &length);

	if (bytes == NULL || length == 0) {
		call_refuse(
		    call, REFUSAL_BAD_REQUEST,
		    "Invalid value at 'audio.content' (TYPE_BYTES), Base64 decoding failed");
		free(bytes);
		return;
	}
	facts = audio_look(bytes, length,
	                   encoding != NULL && strcmp(encoding, "LINEAR16") == 0 ? rate : 0);
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
	size_t space = sodium_base64_ENCODED_LEN(sound->length, BASE64);
	struct buf body;
	char *room;

	buf_init(&body, 0);
	buf_puts(&body, call->fault.kind == FAULT_WRONG_SCHEMA ? "{\n  \"audio\": \""
	                                                       : "{\n  \"audioContent\": \"");
	if (call->fault.kind == FAULT_HUGE) {
		buf_puts(&body, DELIVER_HUGE_MARK);
	} else if (call->fault.kind != FAULT_EMPTY && (room = buf_reserve(&body, space)) != NULL) {
		sodium_bin2base64(room, space, (const unsigned char *)sound->bytes, sound->length,
		                  BASE64);
		buf_advance(&body, space - 1);
	}
	buf_puts(&body, "\"\n}\n");
	if (!buf_failed(&body))
		deliver_whole(call, body.bytes, body.length);
	buf_fini(&body);
}

static void
google_synthesize(struct call *call, const json_t *body)
{
	const json_t *input = json_object_get(body, "input");
	const json_t *config = json_object_get(body, "audioConfig");
	const char *text = json_string_value(json_object_get(input, "text")), *wrong = NULL;
	const char *language =
	    json_string_value(json_object_get(json_object_get(body, "voice"), "languageCode"));
	unsigned rate = (unsigned)json_integer_value(json_object_get(config, "sampleRateHertz"));
	struct buf sound;

	if (text == NULL)
		text = json_string_value(json_object_get(input, "ssml"));
	buf_init(&sound, 0);
	if (text == NULL || text[0] == '\0')
		wrong = "Either `input.text` or `input.ssml` must be set.";
	else if (strlen(text) > GOOGLE_TEXT_LIMIT)
		wrong =
		    "Either `input.text` or `input.ssml` is longer than the limit of 5000 bytes.";
	else if (language == NULL || language[0] == '\0')
		wrong = "Invalid voice: language code must be set.";
	else if (!google_speak(text, json_string_value(json_object_get(config, "audioEncoding")),
	                       rate, &sound))
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
	char error[256];
	json_t *body;

	if (!call_sleep(call, &call->pace.streaming))
		return;
	body = json_parse(bytes, length, error, sizeof error);
	if (body == NULL)
		call_refuse(call, REFUSAL_BAD_REQUEST, error);
	else if (strcmp(call->path, "speech:recognize") == 0)
		google_recognize(call, body);
	else
		google_synthesize(call, body);
	json_decref(body);
}

const struct provider upstream_google_speech = {
    .name = "google",
    .body_limit = GOOGLE_BODY_LIMIT,
    .match = google_match,
    .key = google_key,
    .refuse = google_refuse,
    .answer = google_answer,
};
