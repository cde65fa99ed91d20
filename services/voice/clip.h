/* SPDX-License-Identifier: MIT
 *
 * What a learner said, as it came and as engines elsewhere want it.
 */
#ifndef STUDYHALL_VOICE_CLIP_H
#define STUDYHALL_VOICE_CLIP_H

#include "common/base/status.h"
#include "services/voice/wav.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;

#define CLIP_WAV "audio/wav"

struct clip {
	const char *media; /* of clip_media(); never NULL */
	const void *bytes; /* as it came; borrowed */
	size_t length;
	/* Set by clip_prepare(), of WAV alone: one channel of 16 bit, little-endian; in `bytes` or
	 * the task's arena. */
	const uint8_t *samples;
	size_t samples_length; /* in bytes */
	unsigned rate;
};

/* The plain name of a Content-Type that some engine may take: "audio/wav" for all of its aliases,
 * "audio/ogg" and "audio/webm" (Opus), "audio/flac". NULL: no engine takes that. */
const char *clip_media(const char *content_type);

/* Makes the samples of a WAV file, once; other media stay as they are. From a task; yields where
 * they have to be converted, which the pool does, in `who`'s turn. OK: *outcome says how it went;
 * else offload_for()'s. */
enum status clip_prepare(struct clip *clip, struct pool *pool, const char *who,
                         enum wav_outcome *outcome);
/* Of a prepared clip: nothing at all can be heard (a microphone that is off). */
bool clip_is_silent(const struct clip *clip);

#endif
