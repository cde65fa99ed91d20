/* SPDX-License-Identifier: MIT
 *
 * Sound of a length that goes with a text: a quiet tone as WAV or PCM, silence as MP3. And whether
 * anything can be heard in sound that came. Pure.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_AUDIO_H
#define STUDYHALL_TESTS_UPSTREAM_AUDIO_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define AUDIO_RATE 24000 /* of what the providers speak, unless asked for another */

struct audio_facts {
	bool wav;
	unsigned rate;  /* of the WAV header; 0: none */
	double seconds; /* of 16 bit mono samples at `rate`, or at the rate given */
	bool silent;
};

/* How long it takes to say `text`. */
double audio_seconds(const char *text);
/* Mono, 16 bit, little endian. `sized` false: a header that was written before the length was
 * known, as OpenAI's server does: 0xFFFFFFFF. */
void audio_wav(double seconds, unsigned rate, bool sized, struct buf *out);
void audio_pcm(double seconds, unsigned rate, struct buf *out);
/* MPEG-2 layer III, 24 kHz, 32 kbit/s, mono. */
void audio_mp3(double seconds, struct buf *out);

/* Looks at WAV (16 bit mono), or at bare samples of `rate`. Other formats: never silent. */
struct audio_facts audio_look(const unsigned char *bytes, size_t length, unsigned rate);

#endif
