/* SPDX-License-Identifier: MIT
 * The local voice speaks Korean and English into WAV files that are read back, one text at a time
 * from many threads, and stops when told. */
#include "services/voice/engines/tts_builtin.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/obj.h"
#include "services/voice/wav.h"

static double
tts_seconds(const struct buf *file)
{
	struct wav wav;

	assert_int_equal(wav_parse(file->bytes, file->length, &wav), WAV_OK);
	assert_int_equal(wav.rate, 22050);
	assert_int_equal(wav.channels, 1);
	assert_int_equal(wav.bits, 16);
	return (double)wav.frames / wav.rate;
}

static void
test_both_languages_are_audible(void **state)
{
	static const char *const texts[][2] = {
	    {"en", "Today: chapter five for 30 minutes and a review for 20 minutes."},
	    {"ko", "오늘은 5단원 30분, 복습 20분입니다."}};
	(void)state;

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct buf file;
		struct wav wav;
		int16_t *samples;
		size_t count;
		buf_init(&file, 0);
		assert_true(tts_builtin_speaks(texts[i][0]));
		assert_int_equal(tts_builtin_speak(texts[i][0], texts[i][1], NULL, &file),
		                 TTS_SPOKEN);
		double seconds = tts_seconds(&file);
		assert_true(seconds > 1.5 && seconds < 15);
		assert_int_equal(wav_parse(file.bytes, file.length, &wav), WAV_OK);
		assert_int_equal(wav_to_speech(&wav, NULL, &samples, &count), WAV_OK);
		struct wav_level level = wav_measure(samples, count);
		assert_false(wav_is_silent(&level));
		free(samples);
		buf_fini(&file);
	}
}

static void
test_refusals_append_nothing(void **state)
{
	struct buf file;
	_Atomic bool stop = true;
	char *endless = malloc(TTS_TEXT_MAX + 2);
	(void)state;

	assert_non_null(endless);
	memset(endless, 'a', TTS_TEXT_MAX + 1);
	endless[TTS_TEXT_MAX + 1] = '\0';
	buf_init(&file, 0);
	buf_puts(&file, "before");
	assert_false(tts_builtin_speaks("fr"));
	assert_int_equal(tts_builtin_speak("fr", "bonjour", NULL, &file), TTS_NO_LANGUAGE);
	assert_int_equal(tts_builtin_speak("en", endless, NULL, &file), TTS_TOO_LONG);
	assert_int_equal(tts_builtin_speak("en", " \n", NULL, &file), TTS_NOTHING);
	assert_int_equal(tts_builtin_speak("en", "hello", &stop, &file), TTS_CANCELLED);
	assert_string_equal(file.bytes, "before");
	assert_int_equal(file.length, 6);
	buf_fini(&file);
	free(endless);
}

static void
test_speech_has_a_greatest_length(void **state)
{
	struct buf file;
	char text[3900];
	(void)state;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "wow "[i % 4];
	text[sizeof(text) - 1] = '\0';
	buf_init(&file, 0);
	assert_int_equal(tts_builtin_speak("en", text, NULL, &file), TTS_SPOKEN);
	assert_int_equal(file.length, WAV_HEADER_SIZE + TTS_SECONDS_MAX * 22050 * 2);
	buf_fini(&file);
}

static void
test_a_full_buffer_fails_cleanly(void **state)
{
	struct buf file;
	(void)state;

	buf_init(&file, 4096);
	assert_int_equal(tts_builtin_speak("en", "This is far too long.", NULL, &file), TTS_FAILED);
	assert_int_equal(file.length, 0);
	buf_fini(&file);
}

static void *
tts_stop_soon(void *argument)
{
	_Atomic bool *stop = argument;
	struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};

	nanosleep(&pause, NULL);
	atomic_store(stop, true);
	return NULL;
}

static void
test_stop_ends_speech_under_way(void **state)
{
	struct buf file;
	char text[3900];
	_Atomic bool stop = false;
	pthread_t thread;
	(void)state;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "seventy seven. "[i % 15];
	text[sizeof(text) - 1] = '\0';
	buf_init(&file, 0);
	assert_int_equal(pthread_create(&thread, NULL, tts_stop_soon, &stop), 0);
	assert_int_equal(tts_builtin_speak("en", text, &stop, &file), TTS_CANCELLED);
	pthread_join(thread, NULL);
	assert_int_equal(file.length, 0);
	/* The library is as good as new afterwards. */
	assert_int_equal(tts_builtin_speak("en", "hello there", NULL, &file), TTS_SPOKEN);
	assert_true(tts_seconds(&file) < 3);
	buf_fini(&file);
}

struct tts_speaker {
	const char *locale, *text;
	size_t least, most; /* bytes of audio */
};

static void *
tts_speak_often(void *argument)
{
	struct tts_speaker *speaker = argument;

	speaker->least = SIZE_MAX;
	for (int i = 0; i < 8; i++) {
		struct buf file;
		buf_init(&file, 0);
		if (tts_builtin_speak(speaker->locale, speaker->text, NULL, &file) != TTS_SPOKEN)
			speaker->least = 0;
		if (file.length < speaker->least)
			speaker->least = file.length;
		if (file.length > speaker->most)
			speaker->most = file.length;
		buf_fini(&file);
	}
	return NULL;
}

/* Threads that speak at once each get their own words, whole: some 0.9 s and 1.7 s (espeak-ng's
 * pauses differ by some tens of milliseconds from time to time). */
static void
test_threads_do_not_disturb_each_other(void **state)
{
	struct tts_speaker speakers[4] = {{"en", "what is next", 0, 0},
	                                  {"ko", "다음은 복습입니다", 0, 0},
	                                  {"en", "what is next", 0, 0},
	                                  {"ko", "다음은 복습입니다", 0, 0}};
	pthread_t threads[4];
	(void)state;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, tts_speak_often, &speakers[i]),
		                 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 4; i++) {
		assert_true(speakers[i].least > (i % 2 == 0 ? 33000u : 65000u));
		assert_true(speakers[i].most < (i % 2 == 0 ? 48000u : 80000u));
	}
}

static void
test_the_engine_has_a_name(void **state)
{
	(void)state;
	assert_int_equal(strncmp(tts_builtin_name(), "espeak-ng 1.", 12), 0);
}

static int
tts_shutdown(void **state)
{
	(void)state;
	tts_builtin_shutdown();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_languages_are_audible),
	    cmocka_unit_test(test_refusals_append_nothing),
	    cmocka_unit_test(test_speech_has_a_greatest_length),
	    cmocka_unit_test(test_a_full_buffer_fails_cleanly),
	    cmocka_unit_test(test_stop_ends_speech_under_way),
	    cmocka_unit_test(test_threads_do_not_disturb_each_other),
	    cmocka_unit_test(test_the_engine_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, tts_shutdown);
}
