/* SPDX-License-Identifier: MIT
 * Trims, amplifies and dithers speech for a recognizer that was trained on microphones. */
#include "services/voice/engines/stt_sound.h"

#include <math.h>
#include <stdlib.h>

enum {
	STT_SOUND_FRAME = WAV_SPEECH_RATE / 50,
	STT_SOUND_MARGIN = WAV_SPEECH_RATE / 3,
	STT_SOUND_DITHER = 40, /* about 63 dB below full scale */
};

#define STT_SOUND_LOUD_DB 35.0f  /* below the peak: still speech */
#define STT_SOUND_LEVEL   -15.0f /* the peak that quiet speech is raised to */

static double
stt_sound_power_db(const int16_t *frame, size_t count)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < count; i++) {
		sum += frame[i];
		squares += (double)frame[i] * frame[i];
	}
	double mean = sum / (double)count;
	double power = (squares / (double)count - mean * mean) / (32768.0 * 32768.0);
	return power > 1e-12 ? 10 * log10(power) : -120;
}

int16_t *
stt_sound_prepare(const int16_t *samples, size_t count, const struct wav_level *level,
                  size_t *prepared)
{
	size_t first = count, last = 0;
	float gain = level->peak_db < STT_SOUND_LEVEL
	                 ? powf(10, (STT_SOUND_LEVEL - level->peak_db) / 20)
	                 : 1;
	uint32_t random = 1;

	for (size_t at = 0; at + STT_SOUND_FRAME <= count; at += STT_SOUND_FRAME) {
		if (stt_sound_power_db(samples + at, STT_SOUND_FRAME) <
		    level->peak_db - STT_SOUND_LOUD_DB)
			continue;
		first = at < first ? at : first;
		last = at + STT_SOUND_FRAME;
	}
	if (last == 0)
		first = 0, last = count;
	first -= first < STT_SOUND_MARGIN ? first : STT_SOUND_MARGIN;
	last = count - last < STT_SOUND_MARGIN ? count : last + STT_SOUND_MARGIN;
	int16_t *out = malloc((last - first + 1) * sizeof(*out));
	if (out == NULL)
		return NULL;
	*prepared = last - first;
	for (size_t i = 0; i < *prepared; i++) {
		int noise = 0;
		for (int k = 0; k < 4; k++) {
			random = random * 1664525u + 1013904223u;
			noise +=
			    (int)((random >> 16) % (2 * STT_SOUND_DITHER + 1)) - STT_SOUND_DITHER;
		}
		long value = lrintf((float)samples[first + i] * gain) + noise / 2;
		out[i] = (int16_t)(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
	}
	return out;
}
