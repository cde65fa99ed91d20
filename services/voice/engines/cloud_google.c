/* SPDX-License-Identifier: MIT
 * Google's speech:recognize and text:synthesize (version v1): audio travels as base64 in JSON. */
#include "services/voice/engines/cloud.h"

#include "common/base/base64.h"
#include "common/base/buf.h"
#include "common/base/json.h"
#include "common/base/json_outline.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "services/voice/clip.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define GOOGLE_TEXT_LIMIT ((size_t)256 << 10) /* of an answer to speech:recognize */
#define GOOGLE_RATE       24000               /* of the speech that comes */
#define GOOGLE_OPUS_RATE  48000               /* what Opus is decoded to, whatever it was */

static const char *
google_language(const char *locale)
{
	return strcmp(locale, "ko") == 0 ? "ko-KR" : "en-US";
}

/* --- listening ------------------------------------------------------------------------------- */

struct google_media {
	const char *media, *encoding;
	unsigned rate; /* 0: the file or the clip says it */
};

static const struct google_media *
google_media(const char *media)
{
	static const struct google_media list[] = {
	    {CLIP_WAV, "LINEAR16", 0},
	    {"audio/flac", "FLAC", 0},
	    {"audio/ogg", "OGG_OPUS", GOOGLE_OPUS_RATE},
	    {"audio/webm", "WEBM_OPUS", GOOGLE_OPUS_RATE},
	};

	for (size_t i = 0; i < COUNT_OF(list); i++)
		if (strcmp(list[i].media, media) == 0)
			return &list[i];
	return NULL;
}

static bool
google_takes(const char *media)
{
	return google_media(media) != NULL;
}

struct google_listening {
	const struct cloud_ask *ask;
	const struct clip *clip;
	const char *text;
};

static void
google_listen_body(const void *arg, struct buf *out)
{
	const struct google_listening *listening = arg;
	const struct clip *clip = listening->clip;
	const struct google_media *media = google_media(clip->media);
	unsigned rate;

	assert(media != NULL);
	rate = clip->samples != NULL ? clip->rate : media->rate;
	buf_printf(out, "{\"config\":{\"encoding\":\"%s\",", media->encoding);
	if (rate > 0)
		buf_printf(out, "\"sampleRateHertz\":%u,", rate);
	buf_printf(out,
	           "\"languageCode\":\"%s\",\"enableAutomaticPunctuation\":true},"
	           "\"audio\":{\"content\":\"",
	           google_language(listening->ask->locale));
	if (clip->samples != NULL)
		base64_put(out, clip->samples, clip->samples_length);
	else
		base64_put(out, clip->bytes, clip->length);
	buf_puts(out, "\"}}");
}

/* One result a stretch of speech, each with its best alternative first. Adds the i-th; false: it
 * is none. */
static bool
google_add_result(const json_t *results, size_t i, struct buf *text)
{
	const json_t *alternatives = json_object_get(json_array_get(results, i), "alternatives");
	const json_t *words = json_object_get(json_array_get(alternatives, 0), "transcript");
	const char *from = json_string_value(words);

	if (from == NULL)
		return false;
	if (text->length > 0 && *from != ' ')
		buf_putc(text, ' ');
	buf_append(text, from, json_string_length(words));
	return true;
}

/* No results: it listened, and nothing was said. Results without words: it did not work. */
static enum ai_fault
google_read_text(const json_t *document, struct google_listening *listening, const char **why)
{
	const json_t *results = json_object_get(document, "results");
	enum ai_fault fault = AI_FAULT_MALFORMED;
	struct buf text;

	*why = "the answer is none to speech:recognize";
	if (!json_is_object(document) || (results != NULL && !json_is_array(results)))
		return fault;
	if (json_array_size(results) == 0)
		return AI_FAULT_NONE;
	buf_init(&text, GOOGLE_TEXT_LIMIT);
	fault = AI_FAULT_NONE;
	for (size_t i = 0; i < json_array_size(results) && fault == AI_FAULT_NONE; i++)
		if (!google_add_result(results, i, &text))
			fault = AI_FAULT_MALFORMED;
	if (fault == AI_FAULT_NONE && !buf_failed(&text) && text.length > 0)
		listening->text = cloud_transcript(text.bytes, text.length);
	if (listening->text == NULL)
		fault = AI_FAULT_MALFORMED;
	buf_fini(&text);
	return fault;
}

static enum ai_fault
google_read_heard(void *arg, const char *body, size_t length, const char **why)
{
	char error[64];
	json_t *document = json_parse(body, length, error, sizeof error);
	enum ai_fault fault = google_read_text(document, arg, why);

	json_decref(document);
	return fault;
}

static enum status
google_listen(const struct cloud_ask *ask, const struct clip *clip, const char **text)
{
	struct google_listening listening = {.ask = ask, .clip = clip};
	struct provider_request request;
	enum status status;

	cloud_request(ask, "/v1/speech:recognize", &request);
	request.body = google_listen_body;
	request.body_arg = &listening;
	request.answer_limit = GOOGLE_TEXT_LIMIT;
	request.read = google_read_heard;
	request.read_arg = &listening;
	status = provider_fetch(ask->provider, &request, ask->turns);
	*text = listening.text;
	return status;
}

/* --- speaking -------------------------------------------------------------------------------- */

struct google_speaking {
	const struct cloud_ask *ask;
	const char *text;
	enum cloud_format format;
	struct cloud_sound *sound;
};

static void
google_speak_body(const void *arg, struct buf *out)
{
	const struct google_speaking *speaking = arg;
	const char *voice = speaking->ask->choice->voice;

	buf_puts(out, "{\"input\":{\"text\":");
	buf_put_json_string(out, speaking->text, strlen(speaking->text));
	buf_printf(out, "},\"voice\":{\"languageCode\":\"%s\"",
	           google_language(speaking->ask->locale));
	if (*voice != '\0') {
		buf_puts(out, ",\"name\":");
		buf_put_json_string(out, voice, strlen(voice));
	}
	buf_printf(out, "},\"audioConfig\":{\"audioEncoding\":\"%s\",\"sampleRateHertz\":%u}}",
	           speaking->format == CLOUD_MP3 ? "MP3" : "LINEAR16", GOOGLE_RATE);
}

/* Lines may be broken, which is slower to read. malloc'ed; NULL: nothing, or no memory. */
static char *
google_decode(const char *text, size_t length, size_t *decoded)
{
	char *bytes = length > 0 ? malloc(BASE64_ROOM(length)) : NULL;

	*decoded = 0;
	if (bytes != NULL && !base64_read(text, length, bytes, decoded) &&
	    sodium_base642bin((unsigned char *)bytes, BASE64_ROOM(length), text, length, "\r\n",
	                      decoded, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		*decoded = 0;
	return bytes;
}

/* Some hundred KB in one string: decoded where it stands, unless it has escapes. */
static enum ai_fault
google_read_spoken(void *arg, const char *body, size_t length, const char **why)
{
	struct google_speaking *speaking = arg;
	struct json_outline outline;
	const struct json_node *document = json_outline_read(&outline, body, length);
	const struct json_node *content = json_node_get(document, "audioContent");
	struct buf plain;
	char *bytes = NULL;
	size_t decoded = 0;

	buf_init(&plain, 0);
	if (json_node_is(content, JSON_KIND_STRING) && content->escaped) {
		json_node_put(content, &plain);
		if (!buf_failed(&plain))
			bytes = google_decode(plain.bytes, plain.length, &decoded);
	} else if (json_node_is(content, JSON_KIND_STRING)) {
		bytes = google_decode(content->text, content->length, &decoded);
	}
	buf_fini(&plain);
	json_outline_fini(&outline);
	return cloud_take_sound(bytes, decoded, speaking->format, speaking->sound, why);
}

static enum status
google_speak(const struct cloud_ask *ask, const char *text, enum cloud_format format,
             struct cloud_sound *sound)
{
	struct google_speaking speaking = {ask, text, format, sound};
	struct provider_request request;

	cloud_request(ask, "/v1/text:synthesize", &request);
	request.body = google_speak_body;
	request.body_arg = &speaking;
	request.answer_limit = CLOUD_SOUND_MOST / 3 * 4 + 1024;
	request.read_size = CLOUD_READ_SIZE;
	request.read = google_read_spoken;
	request.read_arg = &speaking;
	return provider_fetch(ask->provider, &request, ask->turns);
}

const struct cloud_dialect cloud_google = {
    .name = "google",
    .hear = "google-stt",
    .say = "google-tts",
    .key_header = "x-goog-api-key: ",
    .version = "/v1",
    .takes = google_takes,
    .listen = google_listen,
    .speak = google_speak,
};
