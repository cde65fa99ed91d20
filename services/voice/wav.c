/* SPDX-License-Identifier: MIT
 * RIFF/WAVE read without trusting a single length in it, and converted for the recognizer. */
#include "services/voice/wav.h"

#include <math.h>
#include <samplerate.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/obj.h"

#define WAV_MUTE (64 / 32768.0f) /* of full scale, -54 dB: a microphone that is on is louder */

enum {
	WAV_PCM = 1,
	WAV_FLOAT = 3,
	WAV_EXTENSIBLE = 0xfffe,
	WAV_BLOCK = 4096, /* frames converted at a time */
	WAV_LEVEL_FRAME = WAV_SPEECH_RATE / 50,
};

/* Sizes from here on are what flite, espeak-ng, sox and ffmpeg write when they cannot seek. */
#define WAV_ENDLESS 0x7fff0000u

const char *
wav_reason(enum wav_outcome outcome)
{
	static const char *const reasons[WAV_OUTCOME_COUNT] = {
#define X(name, reason) reason,
	    WAV_OUTCOME_TABLE(X)
#undef X
	};
	assert(outcome < WAV_OUTCOME_COUNT);
	return reasons[outcome];
}

static uint32_t
wav_get32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static uint16_t
wav_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static enum wav_outcome
wav_parse_format(const uint8_t *chunk, size_t size, struct wav *wav)
{
	/* KSDATAFORMAT_SUBTYPE_*: the codec, then this. */
	static const uint8_t guid[14] = {0, 0, 0,    0, 0x10, 0,    0x80,
	                                 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71};

	if (size < 16)
		return WAV_MALFORMED;
	unsigned codec = wav_get16(chunk);
	wav->channels = wav_get16(chunk + 2);
	wav->rate = wav_get32(chunk + 4);
	wav->bits = wav_get16(chunk + 14);
	if (codec == WAV_EXTENSIBLE) {
		if (size < 40 || memcmp(chunk + 26, guid, sizeof(guid)) != 0)
			return WAV_CODEC;
		codec = wav_get16(chunk + 24);
	}
	wav->is_float = codec == WAV_FLOAT;
	if (codec != WAV_PCM && codec != WAV_FLOAT)
		return WAV_CODEC;
	if (wav->is_float ? wav->bits != 32
	                  : wav->bits != 8 && wav->bits != 16 && wav->bits != 24 && wav->bits != 32)
		return WAV_CODEC;
	if (wav->channels < 1 || wav->channels > WAV_CHANNELS_MAX)
		return WAV_CHANNELS;
	if (wav->rate < WAV_RATE_MIN || wav->rate > WAV_RATE_MAX)
		return WAV_RATE;
	if (wav_get16(chunk + 12) != wav->channels * wav->bits / 8)
		return WAV_MALFORMED;
	return WAV_OK;
}

static enum wav_outcome
wav_parse_audio(const uint8_t *audio, size_t size, size_t left, uint32_t riff_size, struct wav *wav)
{
	if (wav->rate == 0)
		return WAV_MALFORMED; /* audio before its format */
	if (size >= WAV_ENDLESS ||
	    (size == 0 && (riff_size >= WAV_ENDLESS || riff_size < WAV_HEADER_SIZE)))
		size = left;
	if (size > left)
		return WAV_TRUNCATED;
	wav->samples = audio;
	wav->frames = size / (wav->channels * wav->bits / 8);
	if (wav->frames == 0)
		return WAV_EMPTY;
	return wav->frames > (size_t)wav->rate * WAV_SECONDS_MAX ? WAV_TOO_LONG : WAV_OK;
}

enum wav_outcome
wav_parse(const void *bytes, size_t length, struct wav *wav)
{
	const uint8_t *at = bytes;

	memset(wav, 0, sizeof(*wav));
	if (length < 12 || memcmp(at, "RIFF", 4) != 0 || memcmp(at + 8, "WAVE", 4) != 0)
		return WAV_NOT_WAV;
	uint32_t riff_size = wav_get32(at + 4);
	for (size_t offset = 12; length - offset >= 8;) {
		const uint8_t *chunk = at + offset;
		size_t size = wav_get32(chunk + 4);
		size_t left = length - offset - 8;
		if (memcmp(chunk, "data", 4) == 0)
			return wav_parse_audio(chunk + 8, size, left, riff_size, wav);
		if (size > left)
			return WAV_TRUNCATED;
		if (memcmp(chunk, "fmt ", 4) == 0) {
			enum wav_outcome outcome =
			    wav->rate != 0 ? WAV_MALFORMED : wav_parse_format(chunk + 8, size, wav);
			if (outcome != WAV_OK)
				return outcome;
		}
		/* Chunks are padded to even lengths; the last may lack its pad byte. */
		offset += 8 + size + (size % 2 != 0 && size < left);
	}
	return wav->rate == 0 ? WAV_MALFORMED : WAV_TRUNCATED;
}

static float
wav_sample(const struct wav *wav, const uint8_t *at)
{
	union {
		uint32_t bits;
		float value;
	} word;

	switch (wav->bits) {
	case 8: return ((float)at[0] - 128.0f) / 128.0f;
	case 16: return (float)(int16_t)wav_get16(at) / 32768.0f;
	case 24: return (float)(int16_t)wav_get16(at + 1) / 32768.0f + (float)at[0] / 8388608.0f;
	default: word.bits = wav_get32(at);
	}
	if (!wav->is_float)
		return (float)((double)(int32_t)word.bits / 2147483648.0);
	/* Not a number, or far out of range: silence rather than a poisoned filter. */
	return fabsf(word.value) <= 16.0f ? word.value : 0.0f;
}

bool
wav_is_mute(const struct wav *wav)
{
	size_t width = wav->bits / 8, count = wav->frames * wav->channels;

	for (size_t i = 0; i < count; i++)
		if (fabsf(wav_sample(wav, wav->samples + i * width)) > WAV_MUTE)
			return false;
	return true;
}

static void
wav_mix(const struct wav *wav, size_t first, size_t frames, float *mono)
{
	size_t width = wav->bits / 8;
	const uint8_t *at = wav->samples + first * wav->channels * width;

	for (size_t i = 0; i < frames; i++) {
		float sum = 0;
		for (unsigned c = 0; c < wav->channels; c++, at += width)
			sum += wav_sample(wav, at);
		mono[i] = sum / (float)wav->channels;
	}
}

/* The resampler may hold back or round up a few samples at the ends. */
static enum wav_outcome
wav_convert(const struct wav *wav, SRC_STATE *resampler, const _Atomic bool *stop, int16_t *out,
            size_t space, size_t *count)
{
	float mono[WAV_BLOCK], block[WAV_BLOCK];
	size_t first = 0, used = 0;
	SRC_DATA step = {.src_ratio = (double)WAV_SPEECH_RATE / wav->rate, .data_out = block};

	for (;;) {
		if (stop != NULL && atomic_load(stop))
			return WAV_CANCELLED;
		if (step.input_frames == 0 && first < wav->frames) {
			size_t frames =
			    wav->frames - first < WAV_BLOCK ? wav->frames - first : WAV_BLOCK;
			wav_mix(wav, first, frames, mono);
			first += frames;
			step.data_in = mono;
			step.input_frames = (long)frames;
		}
		step.end_of_input = first == wav->frames;
		step.output_frames = WAV_BLOCK;
		if (src_process(resampler, &step) != 0)
			return WAV_NO_MEMORY;
		size_t made = (size_t)step.output_frames_gen;
		if (made > space - used)
			made = space - used;
		src_float_to_short_array(block, out + used, (int)made);
		used += made;
		step.input_frames -= step.input_frames_used;
		/* Behind the last frame of a full `mono` may be `block`: an overlap to the library.
		 */
		step.data_in = step.input_frames > 0 ? step.data_in + step.input_frames_used : mono;
		if (step.end_of_input && step.output_frames_gen == 0)
			break;
	}
	*count = used;
	return WAV_OK;
}

enum wav_outcome
wav_to_speech(const struct wav *wav, const _Atomic bool *stop, int16_t **samples, size_t *count)
{
	size_t space = wav->frames * WAV_SPEECH_RATE / wav->rate + 16;
	int16_t *out = malloc(space * sizeof(*out));
	int error = 0;
	SRC_STATE *resampler = src_new(SRC_SINC_MEDIUM_QUALITY, 1, &error);
	enum wav_outcome outcome = WAV_NO_MEMORY;

	if (out == NULL || resampler == NULL)
		goto fail;
	outcome = wav_convert(wav, resampler, stop, out, space, count);
	if (outcome != WAV_OK)
		goto fail;
	src_delete(resampler);
	*samples = out;
	return WAV_OK;
fail:
	if (resampler != NULL)
		src_delete(resampler);
	free(out);
	return outcome;
}

static int
wav_compare_db(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

struct wav_level
wav_measure(const int16_t *samples, size_t count)
{
	float db[WAV_SECONDS_MAX * 50];
	size_t frames = 0;
	struct wav_level level = {.peak_db = -120, .floor_db = -120};

	for (size_t at = 0; at + WAV_LEVEL_FRAME <= count && frames < COUNT_OF(db);
	     at += WAV_LEVEL_FRAME) {
		double sum = 0, squares = 0;
		for (size_t i = at; i < at + WAV_LEVEL_FRAME; i++) {
			sum += samples[i];
			squares += (double)samples[i] * samples[i];
		}
		double mean = sum / WAV_LEVEL_FRAME;
		double power = (squares / WAV_LEVEL_FRAME - mean * mean) / (32768.0 * 32768.0);
		db[frames++] = power > 1e-12 ? (float)(10 * log10(power)) : -120;
	}
	if (frames == 0)
		return level;
	qsort(db, frames, sizeof(*db), wav_compare_db);
	level.peak_db = db[frames - 1];
	level.floor_db = db[frames / 10];
	for (size_t i = 0; i < frames; i++)
		level.loud_ms += db[i] > level.peak_db - 20 ? 20 : 0;
	return level;
}

bool
wav_is_silent(const struct wav_level *level)
{
	return level->peak_db < -50 || level->loud_ms < 120 || level->peak_db - level->floor_db < 8;
}

static void
wav_put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

void
wav_header(uint8_t header[WAV_HEADER_SIZE], unsigned rate, uint32_t data_bytes)
{
	static const uint8_t fixed[WAV_HEADER_SIZE] =
	    "RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\0\0\0\0\0\0\0\0\2\0\x10\0data\0\0\0";

	memcpy(header, fixed, WAV_HEADER_SIZE);
	wav_put32(header + 4, data_bytes + WAV_HEADER_SIZE - 8);
	wav_put32(header + 24, rate);
	wav_put32(header + 28, rate * 2);
	wav_put32(header + 40, data_bytes);
}
