/* SPDX-License-Identifier: MIT
 * Trims speech, makes it louder, and gives it the room's murmur that the recognizer was trained
 * with: synthetic voices are digitally clean between and above their formants, which fits no sound
 * of the acoustic model. With a pink floor 31 dB below the loudest word they score like people. */
#include "services/voice/engines/stt_sound.h"

#include <math.h>
#include <stdlib.h>

enum {
	STT_SOUND_FRAME = WAV_SPEECH_RATE / 50,
	STT_SOUND_MARGIN = WAV_SPEECH_RATE / 3,
};

#define STT_SOUND_LOUD_DB 35.0f  /* below the peak: still speech */
#define STT_SOUND_LEVEL   -15.0f /* the peak that quiet speech is raised to */
#define STT_SOUND_FLOOR   31.0f  /* below the peak: the murmur */
#define STT_SOUND_PINK    1.704f /* RMS of stt_sound_pink */

struct stt_sound_pink {
	uint32_t random;
	float slow, middle, fast;
};

/* White noise filtered to about 3 dB less per octave. */
static float
stt_sound_pink(struct stt_sound_pink *pink)
{
	pink->random = pink->random * 1664525u + 1013904223u;
	float white = (float)(pink->random >> 8) / (1 << 23) - 1;
	pink->slow = 0.99765f * pink->slow + 0.0990460f * white;
	pink->middle = 0.96300f * pink->middle + 0.2965164f * white;
	pink->fast = 0.57000f * pink->fast + 1.0526913f * white;
	return pink->slow + pink->middle + pink->fast + 0.1848f * white;
}

/* How loud the murmur has to be so that it and the recording's own floor make STT_SOUND_FLOOR. */
static float
stt_sound_murmur(const struct wav_level *level, float gain)
{
	float wanted = powf(10, (level->peak_db - STT_SOUND_FLOOR) / 10);
	float there = powf(10, level->floor_db / 10);

	return wanted > there ? gain * 32768 * sqrtf(wanted - there) / STT_SOUND_PINK : 0;
}

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
	float murmur = stt_sound_murmur(level, gain);
	struct stt_sound_pink pink = {.random = 1};

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
		float murmured = murmur * stt_sound_pink(&pink);
		long value = lrintf((float)samples[first + i] * gain + murmured);
		out[i] = (int16_t)(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
	}
	return out;
}
