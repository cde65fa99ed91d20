/* SPDX-License-Identifier: MIT
 * A learner's audio: what it is, and made plain. Most recordings are plain already and go out as
 * they came; what has channels, odd widths or rates is converted as for the local recognizer. */
#include "services/voice/clip.h"

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/io/http.h"
#include "common/task/offload.h"
#include "common/task/task.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLIP_RATE_MAX 48000 /* of what engines take */

/* --- what it is ------------------------------------------------------------------------------ */

static bool
clip_is_opus(const char *content_type)
{
	char codecs[32];

	return !http_media_type_parameter(content_type, "codecs", codecs, sizeof codecs) ||
	       strcasecmp(codecs, "opus") == 0;
}

const char *
clip_media(const char *content_type)
{
	static const struct {
		const char *name, *media;
		bool opus;
	} names[] = {
	    {"audio/wav", CLIP_WAV, false},      {"audio/x-wav", CLIP_WAV, false},
	    {"audio/wave", CLIP_WAV, false},     {"audio/vnd.wave", CLIP_WAV, false},
	    {"audio/ogg", "audio/ogg", true},    {"audio/webm", "audio/webm", true},
	    {"audio/flac", "audio/flac", false}, {"audio/x-flac", "audio/flac", false},
	};

	for (size_t i = 0; i < COUNT_OF(names) && content_type != NULL; i++)
		if (http_media_type_is(content_type, names[i].name))
			return !names[i].opus || clip_is_opus(content_type) ? names[i].media : NULL;
	return NULL;
}

/* --- made plain ------------------------------------------------------------------------------ */

struct conversion {
	struct wav wav;
	int16_t *samples;
	size_t count;
	enum wav_outcome outcome;
};

static void
clip_convert_fn(void *arg, const _Atomic bool *stop)
{
	struct conversion *conversion = arg;

	conversion->outcome =
	    wav_to_speech(&conversion->wav, stop, &conversion->samples, &conversion->count);
}

static enum status
clip_convert(struct clip *clip, struct pool *pool, const char *who, const struct wav *wav,
             enum wav_outcome *outcome)
{
	struct conversion conversion = {.wav = *wav};
	enum status status = offload_for(pool, who, clip_convert_fn, &conversion);

	*outcome = conversion.outcome;
	if (status == STATUS_OK && conversion.outcome == WAV_OK) {
		clip->samples = (const uint8_t *)conversion.samples;
		clip->samples_length = conversion.count * sizeof *conversion.samples;
		clip->rate = WAV_SPEECH_RATE;
		if (arena_adopt(task_arena(), conversion.samples, free) != 0)
			status = STATUS_OVERLOADED;
	}
	if (status == STATUS_OK && conversion.outcome == WAV_CANCELLED)
		status = task_cancelled() ? STATUS_CANCELLED : STATUS_DEADLINE;
	return status;
}

enum status
clip_prepare(struct clip *clip, struct pool *pool, const char *who, enum wav_outcome *outcome)
{
	struct wav wav;

	*outcome = WAV_OK;
	if (strcmp(clip->media, CLIP_WAV) != 0 || clip->samples != NULL)
		return STATUS_OK;
	*outcome = wav_parse(clip->bytes, clip->length, &wav);
	if (*outcome != WAV_OK)
		return STATUS_OK;
	if (wav.is_float || wav.bits != 16 || wav.channels != 1 || wav.rate > CLIP_RATE_MAX)
		return clip_convert(clip, pool, who, &wav, outcome);
	clip->samples = wav.samples;
	clip->samples_length = wav.frames * 2;
	clip->rate = wav.rate;
	return STATUS_OK;
}

bool
clip_is_silent(const struct clip *clip)
{
	const struct wav wav = {.bits = 16,
	                        .channels = 1,
	                        .samples = clip->samples,
	                        .frames = clip->samples_length / 2};

	return clip->samples != NULL && wav_is_mute(&wav);
}
