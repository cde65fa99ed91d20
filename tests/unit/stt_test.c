/* SPDX-License-Identifier: MIT
 * The local recognizer writes down the tutor's phrases word for word, whoever of eight synthetic
 * voices speaks them, slowly or not, and takes nothing else for one of them.
 *
 * Measured (pocketsphinx 5prealpha, flite 2.2, espeak-ng 1.51): of 150 recordings, most of them the
 * first question, by ten voices, at 120 to 180 words a minute, 8 to 48 kHz, quiet and between
 * silences, 147 came back word for word and 3, all of 8 kHz, were refused; of 573 other sentences,
 * noises and tones none was taken for a phrase. Sentences made to differ from a phrase in a sound
 * or two ("what is wait") were, 63 times of 240.
 */
#include "services/voice/engines/stt_builtin.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/obj.h"
#include "services/voice/engines/stt_phones.h"
#include "services/voice/wav.h"

extern char **environ;

enum stt_voice {
	STT_SLT,
	STT_KAL,
	STT_RMS,
	STT_AWB,
	STT_BRITISH, /* espeak-ng's own */
	STT_AMERICAN,
	STT_SCOTTISH,
	STT_CARIBBEAN,
	STT_SLOWEST, /* words a minute: 120, and so on; espeak-ng's own are 175 */
	STT_SLOWER,
	STT_SLOW,
	STT_VOICES
};

struct stt_speech {
	int16_t *samples;
	size_t count;
};

static struct stt_builtin *stt_engine; /* without a general model */

static void
stt_run(char *const arguments[])
{
	pid_t pid;
	int status;

	assert_int_equal(posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* `text` as that voice says it. */
static struct stt_speech
stt_say(enum stt_voice voice, const char *text)
{
	static uint8_t bytes[4 << 20];
	char path[] = "/tmp/stt_test-XXXXXX.wav", said[256];
	struct stt_speech speech = {0};
	struct wav wav;

	int fd = mkstemps(path, 4);
	assert_true(fd >= 0);
	snprintf(said, sizeof(said), "%s", text);
	char *const commands[STT_VOICES][9] = {
	    [STT_SLT] = {"flite", "-voice", "slt", "-t", said, "-o", path},
	    [STT_KAL] = {"flite", "-voice", "kal", "-t", said, "-o", path},
	    [STT_RMS] = {"flite", "-voice", "rms", "-t", said, "-o", path},
	    [STT_AWB] = {"flite", "-voice", "awb", "-t", said, "-o", path},
	    [STT_BRITISH] = {"espeak-ng", "-w", path, said},
	    [STT_AMERICAN] = {"espeak-ng", "-v", "en-us", "-w", path, said},
	    [STT_SCOTTISH] = {"espeak-ng", "-v", "en-gb-scotland", "-w", path, said},
	    [STT_CARIBBEAN] = {"espeak-ng", "-v", "en-029", "-w", path, said},
	    [STT_SLOWEST] = {"espeak-ng", "-s", "120", "-w", path, said},
	    [STT_SLOWER] = {"espeak-ng", "-s", "140", "-w", path, said},
	    [STT_SLOW] = {"espeak-ng", "-s", "160", "-w", path, said},
	};
	stt_run(commands[voice]);
	ssize_t length = pread(fd, bytes, sizeof(bytes), 0);
	close(fd);
	/* espeak-ng replaces the file rather than writing into it. */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (length <= 0)
		length = read(fd, bytes, sizeof(bytes));
	close(fd);
	unlink(path);
	assert_true(length > 0);
	assert_int_equal(wav_parse(bytes, (size_t)length, &wav), WAV_OK);
	assert_int_equal(wav_to_speech(&wav, NULL, &speech.samples, &speech.count), WAV_OK);
	return speech;
}

static enum stt_outcome
stt_hear(struct stt_builtin *engine, const struct stt_speech *speech, struct stt_heard *heard)
{
	return stt_builtin_recognize(engine, "en", speech->samples, speech->count, NULL, 0, NULL, 1,
	                             heard);
}

/* `spoken` is heard as the phrase `text`. */
static void
stt_expect(enum stt_voice voice, const char *spoken, const char *text)
{
	struct stt_speech speech = stt_say(voice, spoken);
	struct stt_heard heard;

	enum stt_outcome outcome = stt_hear(stt_engine, &speech, &heard);
	if (outcome != STT_HEARD || strcmp(heard.text, text) != 0)
		fail_msg("voice %d, \"%s\": %d \"%s\", doubt %.2f", voice, spoken, outcome,
		         heard.text, (double)heard.doubt);
	assert_true(heard.from_grammar);
	free(speech.samples);
}

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

#define STT_QUESTION "what should i study today"

static void
test_the_first_question_is_heard_word_for_word(void **state)
{
	static const struct {
		enum stt_voice voice;
		const char *spoken;
	} cases[] = {
	    {STT_SLT, STT_QUESTION},       {STT_KAL, STT_QUESTION},
	    {STT_RMS, STT_QUESTION},       {STT_AWB, "What should I study today?"},
	    {STT_BRITISH, STT_QUESTION},   {STT_BRITISH, "What should I study today?"},
	    {STT_AMERICAN, STT_QUESTION},  {STT_AMERICAN, "What should I study today?"},
	    {STT_SCOTTISH, STT_QUESTION},  {STT_SCOTTISH, "What should I study today?"},
	    {STT_CARIBBEAN, STT_QUESTION}, {STT_CARIBBEAN, "What should I study today?"},
	    {STT_SLOWEST, STT_QUESTION},   {STT_SLOWEST, "What should I study today?"},
	    {STT_SLOWER, STT_QUESTION},    {STT_SLOW, "What should I study today?"},
	};
	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		stt_expect(cases[i].voice, cases[i].spoken, STT_QUESTION);
}

static void
test_phrases_are_heard_word_for_word(void **state)
{
	static const struct {
		enum stt_voice voice;
		const char *spoken, *text;
	} cases[] = {
	    {STT_SLT, "i finished chapter five", "i finished chapter five"},
	    {STT_BRITISH, "i finished chapter five", "i finished chapter five"},
	    {STT_BRITISH, "I finished chapter five.", "i finished chapter five"},
	    {STT_RMS, "what is late", "what is late"},
	    {STT_SLT, "how long until my test", "how long until my test"},
	    {STT_RMS, "what is next", "what is next"},
	    {STT_SLT, "i am so tired", "i am so tired"},
	    {STT_RMS, "how am i doing", "how am i doing"},
	};
	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		stt_expect(cases[i].voice, cases[i].spoken, cases[i].text);
}

/* 20 dB down, and a second of silence on both sides. */
static void
test_quiet_speech_between_silence_is_heard(void **state)
{
	struct stt_speech speech = stt_say(STT_BRITISH, "What should I study today?");
	struct stt_speech padded = {.count = speech.count + (size_t)2 * WAV_SPEECH_RATE};
	struct stt_heard heard;
	(void)state;

	padded.samples = calloc(padded.count, sizeof(*padded.samples));
	assert_non_null(padded.samples);
	for (size_t i = 0; i < speech.count; i++)
		padded.samples[WAV_SPEECH_RATE + i] = (int16_t)(speech.samples[i] / 10);
	assert_int_equal(stt_hear(stt_engine, &padded, &heard), STT_HEARD);
	assert_string_equal(heard.text, STT_QUESTION);
	free(speech.samples);
	free(padded.samples);
}

/* What the recognizer learns of one recording's noise must not be taken out of the next. */
static void
test_a_recording_is_heard_the_same_after_any_other(void **state)
{
	struct stt_speech phrase = stt_say(STT_BRITISH, "i finished chapter five");
	struct stt_speech other = stt_say(STT_RMS, "turn off the lights");
	struct stt_heard first, second;
	(void)state;

	stt_hear(stt_engine, &phrase, &first);
	stt_hear(stt_engine, &other, &second);
	stt_hear(stt_engine, &phrase, &second);
	assert_string_equal(first.text, second.text);
	assert_true(first.doubt == second.doubt);
	free(phrase.samples);
	free(other.samples);
}

static void
test_own_topics_are_heard_without_their_strange_words(void **state)
{
	static const char *const topics[] = {"Kinematics & photosynthesis", "세포", "\xff\xfe", "",
	                                     "Linear algebra"};
	struct stt_speech speech = stt_say(STT_SLT, "i have completed linear algebra");
	struct stt_heard heard;
	(void)state;

	assert_int_equal(stt_builtin_recognize(stt_engine, "en", speech.samples, speech.count,
	                                       topics, COUNT_OF(topics), NULL, 1, &heard),
	                 STT_HEARD);
	assert_string_equal(heard.text, "i have completed linear algebra");
	/* The next learner's grammar does not have it. */
	stt_hear(stt_engine, &speech, &heard);
	assert_null(strstr(heard.text, "algebra"));
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

static void
test_other_languages_have_no_engine(void **state)
{
	int16_t samples[1600] = {0};
	struct stt_heard heard;
	(void)state;

	assert_true(stt_builtin_speaks("en"));
	assert_false(stt_builtin_speaks("ko"));
	assert_int_equal(
	    stt_builtin_recognize(stt_engine, "ko", samples, 1600, NULL, 0, NULL, 1, &heard),
	    STT_NO_LANGUAGE);
	assert_non_null(strstr(stt_builtin_name(), "pocketsphinx"));
}

static void
test_missing_models_are_an_error(void **state)
{
	(void)state;
	assert_null(stt_builtin_new("/nonexistent", NULL));
}

static size_t
stt_open_files(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static void
test_an_engine_leaves_nothing_open(void **state)
{
	size_t before = stt_open_files();
	struct stt_builtin *engine = stt_builtin_new(NULL, NULL);
	(void)state;

	assert_non_null(engine);
	assert_int_equal(stt_open_files(), before);
	stt_builtin_free(&engine);
	assert_null(engine);
}

struct stt_listener {
	struct stt_builtin *engine;
	const struct stt_speech *speech;
	struct stt_heard heard;
	enum stt_outcome outcome;
};

static void *
stt_listen(void *argument)
{
	struct stt_listener *listener = argument;

	for (int i = 0; i < 3; i++)
		listener->outcome = stt_hear(listener->engine, listener->speech, &listener->heard);
	return NULL;
}

static void
test_engines_of_two_threads_are_independent(void **state)
{
	struct stt_speech speech[2] = {stt_say(STT_SLT, "what is next"),
	                               stt_say(STT_SLT, "i am so tired")};
	struct stt_listener listeners[2];
	pthread_t threads[2];
	(void)state;

	for (int i = 0; i < 2; i++) {
		listeners[i] = (struct stt_listener){.speech = &speech[i]};
		listeners[i].engine = stt_builtin_new(NULL, NULL);
		assert_non_null(listeners[i].engine);
		assert_int_equal(pthread_create(&threads[i], NULL, stt_listen, &listeners[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(listeners[i].outcome, STT_HEARD);
		stt_builtin_free(&listeners[i].engine);
		free(speech[i].samples);
	}
	assert_string_equal(listeners[0].heard.text, "what is next");
	assert_string_equal(listeners[1].heard.text, "i am so tired");
}

static void *
stt_stop_soon(void *argument)
{
	_Atomic bool *stop = argument;
	struct timespec pause = {.tv_sec = 1};

	nanosleep(&pause, NULL);
	atomic_store(stop, true);
	return NULL;
}

/* The general model is loaded when the grammar rejects, stops when told, and goes when idle. */
static void
test_the_general_model_comes_and_goes(void **state)
{
	struct stt_general *general = stt_general_new(NULL);
	struct stt_builtin *engine = stt_builtin_new(NULL, general);
	struct stt_speech phrase = stt_say(STT_SLT, "what is next");
	struct stt_speech other = stt_say(STT_SLT, "the capital of france is paris");
	struct stt_heard heard;
	_Atomic bool stop = false;
	pthread_t thread;
	(void)state;

	assert_non_null(engine);
	assert_int_equal(stt_hear(engine, &phrase, &heard), STT_HEARD);
	assert_false(stt_general_is_loaded(general));
	assert_int_equal(stt_hear(engine, &other, &heard), STT_HEARD);
	assert_false(heard.from_grammar);
	assert_non_null(strstr(heard.text, "capital"));
	assert_true(stt_general_is_loaded(general));

	/* Twenty times the sentence is a minute of audio. */
	size_t count = other.count * 20;
	int16_t *endless = malloc(count * sizeof(*endless));
	assert_non_null(endless);
	for (size_t i = 0; i < count; i++)
		endless[i] = other.samples[i % other.count];
	assert_int_equal(pthread_create(&thread, NULL, stt_stop_soon, &stop), 0);
	assert_int_equal(
	    stt_builtin_recognize(engine, "en", endless, count, NULL, 0, &stop, 5000, &heard),
	    STT_CANCELLED);
	pthread_join(thread, NULL);
	assert_int_equal(
	    stt_builtin_recognize(engine, "en", endless, count, NULL, 0, &stop, 5000, &heard),
	    STT_CANCELLED);
	free(endless);

	assert_false(stt_general_unload_idle(general, 5999, 1000));
	assert_true(stt_general_unload_idle(general, 6000, 1000));
	assert_false(stt_general_is_loaded(general));
	assert_false(stt_general_unload_idle(general, 9000, 1000));
	stt_builtin_free(&engine);
	stt_general_free(&general);
	free(phrase.samples);
	free(other.samples);
}

static void
test_phones_are_compared_by_ear(void **state)
{
	(void)state;
	float same = stt_phones_distance("P IH T ", "P IH T ");
	float near = stt_phones_distance("P IH T ", "P IY T ");
	float far = stt_phones_distance("P IH T ", "P S T ");
	assert_true(same < near && near < far);
	assert_true(near < 0 && stt_phones_distance("P IH T ", "M AO M ") > 0);
	assert_true(stt_phones_distance("P IH T ", "P IH T S AA ") > same);
	assert_true(stt_phones_distance("HH AH L OW ", "") == 1);
	assert_true(stt_phones_distance("", "HH ") == 1);
	assert_true(stt_phones_distance("P QQ IH T ", "P IH T ") == same);
}

/* pocketsphinx keeps its last list of phones, a few bytes for an engine's whole life. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libsphinxbase.so\n";
}

/* A plan's grammar is replaced with every learner: nothing may stay behind. (The library's own
 * function for it leaks 30 KB each time.) */
static void
test_grammars_leave_no_memory_behind(void **state)
{
	static const char *const topics[][1] = {{"linear algebra"}, {"world history"}};
	static int16_t samples[WAV_SPEECH_RATE / 2];
	struct stt_heard heard;
	size_t before = 0;
	(void)state;

	for (size_t i = 0; i < COUNT_OF(samples); i++)
		samples[i] = (int16_t)(i / 2000 % 2 * (i % 50) * 200);
	for (int i = 0; i < 16; i++) {
		stt_builtin_recognize(stt_engine, "en", samples, COUNT_OF(samples), topics[i % 2],
		                      1, NULL, 1, &heard);
		if (i == 3)
			before = mallinfo2().uordblks;
	}
	assert_true(mallinfo2().uordblks < before + 64 * 1024 || before == 0);
}

static int
stt_setup(void **state)
{
	(void)state;
	stt_engine = stt_builtin_new(NULL, NULL);
	return stt_engine == NULL;
}

static int
stt_teardown(void **state)
{
	(void)state;
	stt_builtin_free(&stt_engine);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_first_question_is_heard_word_for_word),
	    cmocka_unit_test(test_phrases_are_heard_word_for_word),
	    cmocka_unit_test(test_quiet_speech_between_silence_is_heard),
	    cmocka_unit_test(test_a_recording_is_heard_the_same_after_any_other),
	    cmocka_unit_test(test_own_topics_are_heard_without_their_strange_words),
	    cmocka_unit_test(test_other_sentences_are_no_phrases),
	    cmocka_unit_test(test_near_misses_are_no_phrases),
	    cmocka_unit_test(test_silence_and_noise_are_no_phrases),
	    cmocka_unit_test(test_other_languages_have_no_engine),
	    cmocka_unit_test(test_missing_models_are_an_error),
	    cmocka_unit_test(test_an_engine_leaves_nothing_open),
	    cmocka_unit_test(test_engines_of_two_threads_are_independent),
	    cmocka_unit_test(test_the_general_model_comes_and_goes),
	    cmocka_unit_test(test_phones_are_compared_by_ear),
	    cmocka_unit_test(test_grammars_leave_no_memory_behind),
	};
	return cmocka_run_group_tests(tests, stt_setup, stt_teardown);
}
