/* SPDX-License-Identifier: MIT
 * OpenAI's audio/transcriptions (a form) and audio/speech (JSON in, sound out), as servers of one's
 * own speak them too. Only WAV goes out: of nothing else is it known here how long it is, and it is
 * the length that is paid for. */
#include "services/voice/engines/cloud.h"

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/ids.h"
#include "common/base/json.h"
#include "common/task/task.h"
#include "services/voice/clip.h"

#include <stdlib.h>
#include <string.h>

#define OPENAI_TEXT_LIMIT ((size_t)256 << 10) /* of an answer to audio/transcriptions */

static bool
openai_takes(const char *media)
{
	return strcmp(media, CLIP_WAV) == 0;
}

/* --- listening ------------------------------------------------------------------------------- */

struct openai_listening {
	const struct cloud_ask *ask;
	const struct clip *clip;
	char boundary[ID_SIZE]; /* random: it stands nowhere in the sound */
	const char *text;
};

static void
openai_put_field(struct buf *out, const struct openai_listening *listening, const char *name,
                 const char *value)
{
	buf_printf(out, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n",
	           listening->boundary, name, value);
}

static void
openai_listen_body(const void *arg, struct buf *out)
{
	const struct openai_listening *listening = arg;
	const struct clip *clip = listening->clip;
	uint8_t header[WAV_HEADER_SIZE];

	wav_header(header, clip->rate, (uint32_t)clip->samples_length);
	openai_put_field(out, listening, "model", listening->ask->choice->model);
	openai_put_field(out, listening, "language", listening->ask->locale);
	openai_put_field(out, listening, "response_format", "json");
	buf_printf(out,
	           "--%s\r\nContent-Disposition: form-data; name=\"file\"; "
	           "filename=\"speech.wav\"\r\nContent-Type: audio/wav\r\n\r\n",
	           listening->boundary);
	buf_append(out, header, sizeof header);
	buf_append(out, clip->samples, clip->samples_length);
	buf_printf(out, "\r\n--%s--\r\n", listening->boundary);
}

/* An empty text: it listened, and nothing was said. */
static enum ai_fault
openai_read_heard(void *arg, const char *body, size_t length, const char **why)
{
	struct openai_listening *listening = arg;
	char error[64];
	json_t *document = json_parse(body, length, error, sizeof error);
	const json_t *text = json_object_get(document, "text");
	enum ai_fault fault = json_is_string(text) ? AI_FAULT_NONE : AI_FAULT_MALFORMED;

	*why = "the answer is none to audio/transcriptions";
	if (fault == AI_FAULT_NONE)
		listening->text =
		    cloud_transcript(json_string_value(text), json_string_length(text));
	json_decref(document);
	return fault;
}

static enum status
openai_listen(const struct cloud_ask *ask, const struct clip *clip, const char **text)
{
	struct openai_listening listening = {.ask = ask, .clip = clip};
	struct provider_request request;
	enum status status;

	cloud_request(ask, "/v1/audio/transcriptions", &request);
	ids_new(listening.boundary);
	request.content_type =
	    arena_printf(task_arena(), "multipart/form-data; boundary=%s", listening.boundary);
	if (request.content_type == NULL)
		return STATUS_OVERLOADED;
	request.body = openai_listen_body;
	request.body_arg = &listening;
	request.answer_limit = OPENAI_TEXT_LIMIT;
	request.read = openai_read_heard;
	request.read_arg = &listening;
	status = provider_fetch(ask->provider, &request, ask->turns);
	*text = listening.text;
	return status;
}

/* --- speaking -------------------------------------------------------------------------------- */

struct openai_speaking {
	const struct cloud_ask *ask;
	const char *text;
	enum cloud_format format;
	struct cloud_sound *sound;
};

static void
openai_speak_body(const void *arg, struct buf *out)
{
	const struct openai_speaking *speaking = arg;
	const struct cloud_choice *choice = speaking->ask->choice;

	buf_puts(out, "{\"model\":");
	buf_put_json_string(out, choice->model, strlen(choice->model));
	buf_puts(out, ",\"voice\":");
	buf_put_json_string(out, choice->voice, strlen(choice->voice));
	buf_puts(out, ",\"input\":");
	buf_put_json_string(out, speaking->text, strlen(speaking->text));
	buf_printf(out, ",\"response_format\":\"%s\"}",
	           speaking->format == CLOUD_MP3 ? "mp3" : "wav");
}

static enum ai_fault
openai_read_spoken(void *arg, const char *body, size_t length, const char **why)
{
	struct openai_speaking *speaking = arg;
	char *bytes = malloc(length + 1);

	if (bytes != NULL)
		memcpy(bytes, body, length);
	return cloud_take_sound(bytes, length, speaking->format, speaking->sound, why);
}

static enum status
openai_speak(const struct cloud_ask *ask, const char *text, enum cloud_format format,
             struct cloud_sound *sound)
{
	struct openai_speaking speaking = {ask, text, format, sound};
	struct provider_request request;

	cloud_request(ask, "/v1/audio/speech", &request);
	request.accept = format == CLOUD_MP3 ? "audio/mpeg" : "audio/wav";
	request.body = openai_speak_body;
	request.body_arg = &speaking;
	request.answer_limit = CLOUD_SOUND_MOST;
	request.read_size = CLOUD_READ_SIZE;
	request.read = openai_read_spoken;
	request.read_arg = &speaking;
	return provider_fetch(ask->provider, &request, ask->turns);
}

const struct cloud_dialect cloud_openai = {
    .name = "openai",
    .hear = "openai-stt",
    .say = "openai-tts",
    .key_header = "Authorization: Bearer ",
    .version = "/v1",
    .takes = openai_takes,
    .listen = openai_listen,
    .speak = openai_speak,
};
