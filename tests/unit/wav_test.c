/* SPDX-License-Identifier: MIT
 * WAV files of every accepted form become the same 16 kHz speech; all others are refused by name.
 */
#include "services/voice/wav.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/obj.h"

enum {
	WAV_TEST_SPACE = 1 << 20
};

static uint8_t wav_file[WAV_TEST_SPACE];

static uint8_t *
wav_put(uint8_t *at, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		*at++ = (uint8_t)(value >> 8 * i);
	return at;
}

struct wav_shape {
	unsigned codec, channels, rate, bits;
	bool extensible;
};

static uint8_t *
wav_put_format(uint8_t *at, const struct wav_shape *shape)
{
	static const uint8_t guid[] = {0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71};

	memcpy(at, "RIFF\0\0\0\0WAVEfmt ", 16);
	at = wav_put(at + 16, shape->extensible ? 40 : 16, 4);
	at = wav_put(at, shape->extensible ? 0xfffe : shape->codec, 2);
	at = wav_put(at, shape->channels, 2);
	at = wav_put(at, shape->rate, 4);
	at = wav_put(at, shape->rate * shape->channels * shape->bits / 8, 4);
	at = wav_put(at, shape->channels * shape->bits / 8, 2);
	at = wav_put(at, shape->bits, 2);
	if (shape->extensible) {
		at = wav_put(at, 22, 2);
		at = wav_put(at, shape->bits, 2);
		at = wav_put(at, 0, 4);
		at = wav_put(at, shape->codec, 2);
		memcpy(at, guid, sizeof(guid));
		at += sizeof(guid);
	}
	return at;
}

/* A 440 Hz sine of half full scale, `frames` long. Returns the file's length. */
static size_t
wav_make(const struct wav_shape *shape, size_t frames, uint32_t declared)
{
	uint8_t *at = wav_put_format(wav_file, shape);

	memcpy(at, "LIST\3\0\0\0abc\0data",
	       16); /* an odd chunk with its pad byte before the audio */
	at = wav_put(at + 16, declared, 4);
	for (size_t i = 0; i < frames; i++) {
		double value = 0.5 * sin(2 * M_PI * 440 * (double)i / shape->rate);
		for (unsigned c = 0; c < shape->channels; c++) {
			float real = (float)value;
			uint32_t bits;
			memcpy(&bits, &real, 4);
			if (shape->codec == 1 && shape->bits == 8)
				bits = (uint32_t)(int)(value * 127 + 128);
			else if (shape->codec == 1)
				bits = (uint32_t)(int32_t)(value *
				                           (double)((1u << (shape->bits - 1)) - 1));
			at = wav_put(at, bits, (int)shape->bits / 8);
		}
	}
	size_t length = (size_t)(at - wav_file);
	wav_put(wav_file + 4, (uint32_t)length - 8, 4);
	return length;
}

static size_t
wav_audio_bytes(const struct wav_shape *shape, size_t frames)
{
	return frames * shape->channels * shape->bits / 8;
}

static void
test_every_form_becomes_the_same_sine(void **state)
{
	static const struct wav_shape shapes[] = {
	    {1, 1, 16000, 16, false}, {1, 2, 44100, 16, false}, {1, 1, 8000, 8, false},
	    {1, 6, 48000, 24, true},  {1, 1, 96000, 32, false}, {3, 2, 22050, 32, false},
	    {3, 8, 11025, 32, true},  {1, 1, 32000, 16, true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		const struct wav_shape *shape = &shapes[i];
		size_t frames = shape->rate / 4, count = 0;
		struct wav wav;
		int16_t *samples = NULL;
		size_t length = wav_make(shape, frames, (uint32_t)wav_audio_bytes(shape, frames));
		assert_int_equal(wav_parse(wav_file, length, &wav), WAV_OK);
		assert_int_equal(wav.frames, frames);
		assert_int_equal(wav_to_speech(&wav, NULL, &samples, &count), WAV_OK);
		assert_in_range(count, 3980, 4016);
		double error = 0;
		for (size_t k = 400; k < 3600; k++) {
			double want = 16384 * sin(2 * M_PI * 440 * (double)k / 16000);
			error = fmax(error, fabs(want - samples[k]));
		}
		print_message("%zu %u %.1f\n", i, shape->rate, error);
		assert_true(error < (shape->bits == 8 ? 500 : 40));
		free(samples);
	}
}

/* What lies above 8 kHz must vanish, not fold back into the speech. */
/* Recorders in browsers write pieces of 4096 frames. */
static void
test_any_number_of_frames_is_read(void **state)
{
	static const unsigned rates[] = {8000, 16000, 44100, 48000};
	(void)state;

	for (size_t i = 0; i < COUNT_OF(rates); i++) {
		const struct wav_shape shape = {1, 1, rates[i], 16, false};

		for (size_t around = 0; around <= 8192; around += around == 0 ? 2047 : 2048)
			for (size_t frames = around; frames <= around + 2; frames++) {
				struct wav wav;
				int16_t *samples = NULL;
				size_t count = 0, ideal = frames * WAV_SPEECH_RATE / rates[i];
				size_t length = wav_make(&shape, frames,
				                         (uint32_t)wav_audio_bytes(&shape, frames));

				if (frames == 0)
					continue;
				assert_int_equal(wav_parse(wav_file, length, &wav), WAV_OK);
				assert_int_equal(wav_to_speech(&wav, NULL, &samples, &count),
				                 WAV_OK);
				assert_true(count <= ideal + 2 && count + 2 >= ideal);
				free(samples);
			}
	}
}

static void
test_resampling_does_not_alias(void **state)
{
	struct wav_shape shape = {1, 1, 48000, 16, false};
	struct wav wav;
	int16_t *samples;
	size_t count, length = wav_make(&shape, 24000, 48000);
	(void)state;

	for (size_t i = 0; i < 24000; i++)
		wav_put(wav_file + length - 48000 + 2 * i,
		        (uint32_t)(int)(16000 * sin(2 * M_PI * 11000 * (double)i / 48000)), 2);
	assert_int_equal(wav_parse(wav_file, length, &wav), WAV_OK);
	assert_int_equal(wav_to_speech(&wav, NULL, &samples, &count), WAV_OK);
	for (size_t k = 500; k + 500 < count; k++)
		assert_in_range(samples[k] + 16, 0, 32);
	free(samples);
}

static void
test_sizes_of_pipes_mean_to_the_end(void **state)
{
	static const uint32_t declared[] = {0xffffffffu, 0x7ffff000u, 0};
	struct wav_shape shape = {1, 1, 16000, 16, false};
	struct wav wav;
	(void)state;

	for (size_t i = 0; i < COUNT_OF(declared); i++) {
		size_t length = wav_make(&shape, 1000, declared[i]);
		wav_put(wav_file + 4, declared[i] == 0 ? 36 : declared[i], 4);
		assert_int_equal(wav_parse(wav_file, length, &wav), WAV_OK);
		assert_int_equal(wav.frames, 1000);
	}
}

static void
test_refusals_have_names(void **state)
{
	static const struct {
		struct wav_shape shape;
		enum wav_outcome outcome;
	} cases[] = {
	    {{1, 1, 7999, 16, false}, WAV_RATE},      {{1, 1, 96001, 16, false}, WAV_RATE},
	    {{1, 9, 16000, 16, false}, WAV_CHANNELS}, {{1, 0, 16000, 16, false}, WAV_CHANNELS},
	    {{6, 1, 16000, 8, false}, WAV_CODEC},     {{3, 1, 16000, 16, false}, WAV_CODEC},
	    {{1, 1, 16000, 12, false}, WAV_CODEC},    {{2, 1, 16000, 16, true}, WAV_CODEC},
	};
	struct wav_shape good = {1, 1, 16000, 16, false};
	struct wav wav;
	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		size_t length = wav_make(&cases[i].shape, 0, 0);
		assert_int_equal(wav_parse(wav_file, length, &wav), cases[i].outcome);
		assert_non_null(wav_reason(cases[i].outcome));
	}
	assert_int_equal(wav_parse("RIFX", 4, &wav), WAV_NOT_WAV);
	assert_int_equal(wav_parse(wav_file, 12, &wav), WAV_MALFORMED);
	size_t length = wav_make(&good, 1000, 2000);
	assert_int_equal(wav_parse(wav_file, length - 1, &wav), WAV_TRUNCATED);
	length = wav_make(&good, 0, 0);
	assert_int_equal(wav_parse(wav_file, length, &wav), WAV_EMPTY);
	wav_file[32] = 3; /* the block size */
	assert_int_equal(wav_parse(wav_file, length, &wav), WAV_MALFORMED);
}

static void
test_sixty_seconds_and_no_more(void **state)
{
	struct wav_shape shape = {1, 1, 8000, 8, false};
	struct wav wav;
	(void)state;

	size_t length = wav_make(&shape, 480000, 480000);
	assert_int_equal(wav_parse(wav_file, length, &wav), WAV_OK);
	length = wav_make(&shape, 480001, 480001);
	assert_int_equal(wav_parse(wav_file, length, &wav), WAV_TOO_LONG);
}

static void
test_a_set_stop_ends_the_conversion(void **state)
{
	struct wav_shape shape = {1, 1, 48000, 16, false};
	struct wav wav;
	_Atomic bool stop = true;
	int16_t *samples = NULL;
	size_t count;
	(void)state;

	size_t length = wav_make(&shape, 48000, 96000);
	assert_int_equal(wav_parse(wav_file, length, &wav), WAV_OK);
	assert_int_equal(wav_to_speech(&wav, &stop, &samples, &count), WAV_CANCELLED);
	assert_null(samples);
}

/* Every prefix, and 20,000 files with random bytes changed, are parsed or refused, never read
 * beyond their end (the sanitizer watches an exact copy). */
static void
test_damaged_files_never_hurt(void **state)
{
	struct wav_shape shape = {1, 2, 44100, 16, true};
	size_t length = wav_make(&shape, 300, 1200);
	uint32_t random = 7;
	(void)state;

	for (unsigned round = 0; round < 20000 + length; round++) {
		size_t size = round < length ? round : length;
		uint8_t *copy = malloc(size + 1);
		struct wav wav;
		int16_t *samples = NULL;
		size_t count;
		assert_non_null(copy);
		uint8_t *exact = copy + 1;
		memcpy(exact, wav_file, size);
		for (int k = 0; round >= length && k < 3; k++) {
			random = random * 1664525u + 1013904223u;
			exact[(random >> 8) % 80] = (uint8_t)(random >> 24);
		}
		if (wav_parse(exact, size, &wav) == WAV_OK) {
			assert_true(wav.samples + wav.frames * wav.channels * wav.bits / 8 <=
			            exact + size);
			if (wav_to_speech(&wav, NULL, &samples, &count) == WAV_OK)
				free(samples);
		}
		free(copy);
	}
}

static void
test_a_microphone_that_is_off_is_mute(void **state)
{
	const struct wav_shape shape = {1, 2, 48000, 16, false};
	size_t length = wav_make(&shape, 1000, 4000);
	struct wav wav;
	(void)state;

	assert_int_equal(wav_parse(wav_file, length, &wav), WAV_OK);
	assert_false(wav_is_mute(&wav));
	memset(wav_file + length - 4000, 0, 4000);
	assert_true(wav_is_mute(&wav));
	wav_put(wav_file + length - 2, 60, 2); /* what a cable picks up */
	assert_true(wav_is_mute(&wav));
	wav_put(wav_file + length - 2, (uint32_t)-100, 2);
	assert_false(wav_is_mute(&wav));
}

static void
test_silence_and_noise_are_no_speech(void **state)
{
	static int16_t samples[WAV_SPEECH_RATE * 2];
	uint32_t random = 1;
	struct wav_level level;
	(void)state;

	level = wav_measure(samples, COUNT_OF(samples));
	assert_true(wav_is_silent(&level));
	level = wav_measure(samples, 0);
	assert_true(wav_is_silent(&level));
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		random = random * 1664525u + 1013904223u;
		samples[i] = (int16_t)((int)(random >> 16) % 16000 - 8000);
	}
	level = wav_measure(samples, COUNT_OF(samples));
	assert_true(wav_is_silent(&level));
	/* Half a second louder by 26 dB: somebody speaks. */
	for (size_t i = 0; i < COUNT_OF(samples); i++)
		samples[i] = (int16_t)(i / 8000 == 1 ? samples[i] : samples[i] / 20);
	level = wav_measure(samples, COUNT_OF(samples));
	assert_false(wav_is_silent(&level));
	assert_in_range(level.loud_ms, 480, 540);
}

static void
test_our_header_is_read_back(void **state)
{
	uint8_t file[WAV_HEADER_SIZE + 8] = {0};
	struct wav wav;
	(void)state;

	wav_header(file, 22050, 8);
	assert_int_equal(wav_parse(file, sizeof(file), &wav), WAV_OK);
	assert_int_equal(wav.rate, 22050);
	assert_int_equal(wav.frames, 4);
	assert_int_equal(wav.channels, 1);
	assert_int_equal(wav.bits, 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_form_becomes_the_same_sine),
	    cmocka_unit_test(test_any_number_of_frames_is_read),
	    cmocka_unit_test(test_resampling_does_not_alias),
	    cmocka_unit_test(test_sizes_of_pipes_mean_to_the_end),
	    cmocka_unit_test(test_refusals_have_names),
	    cmocka_unit_test(test_sixty_seconds_and_no_more),
	    cmocka_unit_test(test_a_set_stop_ends_the_conversion),
	    cmocka_unit_test(test_damaged_files_never_hurt),
	    cmocka_unit_test(test_a_microphone_that_is_off_is_mute),
	    cmocka_unit_test(test_silence_and_noise_are_no_speech),
	    cmocka_unit_test(test_our_header_is_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
