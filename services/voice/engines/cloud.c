/* SPDX-License-Identifier: MIT
 * What comes from speech engines elsewhere, checked before anybody reads or hears it. */
#include "services/voice/engines/cloud.h"

#include "common/base/arena.h"
#include "common/base/text.h"
#include "common/task/task.h"
#include "services/voice/share.h"
#include "services/voice/wav.h"

#include <stdlib.h>
#include <string.h>

void
cloud_request(const struct cloud_ask *ask, const char *path, struct provider_request *request)
{
	*request = (struct provider_request){
	    .path = path,
	    .model = ask->choice->model,
	    .accept = "application/json",
	    .mark = ask->mark,
	    .give_up_ms = ask->share->give_up_ms,
	    .first_byte_ms = ask->share->first_byte_ms,
	    .last = ask->last,
	};
}

const char *
cloud_transcript(const char *text, size_t length)
{
	char *copy = text_valid(text, length) ? arena_strndup(task_arena(), text, length) : NULL;
	char *clean;
	size_t points = 0;

	for (char *at = copy; at != NULL && *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = ' ';
	clean = copy != NULL ? text_trim(task_arena(), copy) : NULL;
	if (clean == NULL)
		return NULL;
	for (char *at = clean; *at != '\0'; at++) {
		if ((*at & 0xc0) != 0x80 && points++ == CLOUD_TEXT_MOST) {
			*at = '\0';
			break;
		}
	}
	return *clean != '\0' ? clean : NULL;
}

/* Servers that send while they speak don't know the sizes yet, and many players believe them. */
static bool
cloud_mend_wav(char *bytes, size_t *length)
{
	struct wav wav;
	enum wav_outcome outcome = wav_parse(bytes, *length, &wav);
	size_t size;

	/* Of speech that goes out a minute is no limit. */
	if ((outcome != WAV_OK && outcome != WAV_TOO_LONG) || wav.bits != 16 || wav.is_float ||
	    wav.channels != 1)
		return false;
	size = wav.frames * 2;
	memmove(bytes + WAV_HEADER_SIZE, wav.samples, size);
	wav_header((uint8_t *)bytes, wav.rate, (uint32_t)size);
	*length = WAV_HEADER_SIZE + size;
	return true;
}

/* An ID3 tag, or a frame's eleven bits of ones. */
static bool
cloud_is_mp3(const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes;

	return length > 4 &&
	       (memcmp(at, "ID3", 3) == 0 || (at[0] == 0xff && (at[1] & 0xe0) == 0xe0));
}

enum ai_fault
cloud_take_sound(char *bytes, size_t length, enum cloud_format format, struct cloud_sound *sound,
                 const char **why)
{
	bool good = bytes != NULL && (format == CLOUD_MP3 ? cloud_is_mp3(bytes, length)
	                                                  : cloud_mend_wav(bytes, &length));

	*why = "the answer is no speech";
	if (!good) {
		free(bytes);
		return AI_FAULT_MALFORMED;
	}
	*why = "no memory";
	if (arena_adopt(task_arena(), bytes, free) != 0)
		return AI_FAULT_REFUSED;
	*sound = (struct cloud_sound){bytes, length};
	return AI_FAULT_NONE;
}
