/* SPDX-License-Identifier: MIT
 * The least that players and decoders accept as sound. */
#include "tests/upstream/audio.h"

#include "common/base/text.h"

#include <math.h>
#include <string.h>

#define AUDIO_CHARACTER 0.08 /* seconds */
#define AUDIO_LEAST     0.4
#define AUDIO_MOST      60.0
#define AUDIO_HEADER    44
#define AUDIO_TONE      220u /* Hz */
#define AUDIO_QUIET     64   /* of 32767 */
#define MP3_FRAME       96   /* bytes */
#define MP3_SECONDS     0.024

double
audio_seconds(const char *text)
{
	return fmin(AUDIO_MOST, AUDIO_LEAST + AUDIO_CHARACTER * (double)text_length(text));
}

static void
audio_put(struct buf *out, uint32_t value, unsigned bytes)
{
	for (; bytes > 0; bytes--, value >>= 8)
		buf_putc(out, (char)(value & 0xff));
}

/* Samples until the tone begins anew. */
static size_t
audio_period(unsigned rate)
{
	unsigned common = rate, rest = AUDIO_TONE;

	while (rest != 0) {
		unsigned next = common % rest;

		common = rest;
		rest = next;
	}
	return rate / common;
}

void
audio_pcm(double seconds, unsigned rate, struct buf *out)
{
	size_t count = (size_t)(seconds * rate), period = audio_period(rate), made = 0;
	char *room = buf_reserve(out, count * 2);

	if (room == NULL)
		return;
	for (; made < count && made < period; made++) {
		int16_t sample = (int16_t)(2000 * sin(2 * M_PI * AUDIO_TONE * (double)made / rate));

		room[2 * made] = (char)(sample & 0xff);
		room[2 * made + 1] = (char)(sample >> 8);
	}
	while (made < count) {
		size_t more = made < count - made ? made : count - made;

		memcpy(room + 2 * made, room, 2 * more);
		made += more;
	}
	buf_advance(out, count * 2);
}

void
audio_wav(double seconds, unsigned rate, bool sized, struct buf *out)
{
	uint32_t length = (uint32_t)(size_t)(seconds * rate) * 2;

	buf_append(out, "RIFF", 4);
	audio_put(out, sized ? length + AUDIO_HEADER - 8 : UINT32_MAX, 4);
	buf_append(out, "WAVEfmt ", 8);
	audio_put(out, 16, 4);
	audio_put(out, 1, 2); /* PCM */
	audio_put(out, 1, 2); /* mono */
	audio_put(out, rate, 4);
	audio_put(out, rate * 2, 4);
	audio_put(out, 2, 2);
	audio_put(out, 16, 2);
	buf_append(out, "data", 4);
	audio_put(out, sized ? length : UINT32_MAX, 4);
	audio_pcm(seconds, rate, out);
}

/* Frames whose side information is all zero say: no bits, no sound. */
void
audio_mp3(double seconds, struct buf *out)
{
	static const unsigned char frame[MP3_FRAME] = {0xff, 0xf3, 0x44, 0xc4};

	for (double at = 0; at < seconds; at += MP3_SECONDS)
		buf_append(out, frame, sizeof frame);
}

/* --- what came ----------------------------------------------------------------------------- */

static unsigned
audio_get(const unsigned char *bytes, unsigned count)
{
	unsigned value = 0;

	while (count-- > 0)
		value = value << 8 | bytes[count];
	return value;
}

/* Behind the header of the chunk `name`; 0: there is none. */
static size_t
audio_chunk(const unsigned char *bytes, size_t length, const char *name)
{
	for (size_t at = 12; at + 8 <= length;) {
		size_t size = audio_get(bytes + at + 4, 4);

		if (memcmp(bytes + at, name, 4) == 0)
			return at + 8;
		if (size > length - at - 8)
			break;
		at += 8 + size + (size & 1);
	}
	return 0;
}

struct audio_facts
audio_look(const unsigned char *bytes, size_t length, unsigned rate)
{
	struct audio_facts facts = {.silent = true};
	size_t at = 0;

	if (length >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WAVE", 4) == 0) {
		size_t format = audio_chunk(bytes, length, "fmt ");

		facts.wav = true;
		at = audio_chunk(bytes, length, "data");
		if (format == 0 || format + 16 > length || at == 0)
			return facts;
		facts.rate = rate = audio_get(bytes + format + 4, 4);
	}
	if (rate == 0) {
		facts.silent = false;
		return facts;
	}
	facts.seconds = (double)(length - at) / 2 / rate;
	for (; at + 2 <= length && facts.silent; at += 2) {
		int sample = (int16_t)audio_get(bytes + at, 2);

		facts.silent = sample >= -AUDIO_QUIET && sample <= AUDIO_QUIET;
	}
	return facts;
}
