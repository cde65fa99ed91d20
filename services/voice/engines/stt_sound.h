/* SPDX-License-Identifier: MIT
 * Speech made ready for the recognizer. Pure. */
#ifndef STUDYHALL_VOICE_ENGINES_STT_SOUND_H
#define STUDYHALL_VOICE_ENGINES_STT_SOUND_H

#include <stddef.h>
#include <stdint.h>

#include "services/voice/wav.h"

/* A copy of the part that holds the speech, with a third of a second around it, quiet recordings
 * made louder, and the murmur of a room laid under those that have none. To be freed with free();
 * NULL without memory. */
int16_t *stt_sound_prepare(const int16_t *samples, size_t count, const struct wav_level *level,
                           size_t *prepared);

#endif
