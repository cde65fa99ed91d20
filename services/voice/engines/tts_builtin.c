/* SPDX-License-Identifier: MIT
 * espeak-ng in its synchronous mode, one text at a time, into a WAV file in memory. */
#include "services/voice/engines/tts_builtin.h"

#include <errno.h>
#include <espeak-ng/speak_lib.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/obj.h"
#include "services/voice/wav.h"

#define TTS_SPEECH_MAGIC 0x7a1c5eecu

enum {
	TTS_BUFFER_MS = 200,
	TTS_WORDS_PER_MINUTE = 155
};

struct tts_speech {
	unsigned magic;
	struct buf *wav;
	size_t room; /* bytes that may still come */
	const _Atomic bool *stop;
	bool cancelled;
};

/* Guards the library's globals. */
static pthread_mutex_t tts_lock = PTHREAD_MUTEX_INITIALIZER;
static int tts_rate; /* Hz; 0: not initialized */
static pthread_once_t tts_name_once = PTHREAD_ONCE_INIT;
static char tts_name[48];

static void
tts_make_name(void)
{
	const char *path, *version = espeak_Info(&path);

	snprintf(tts_name, sizeof(tts_name), "espeak-ng %.*s", (int)strcspn(version, " "), version);
}

const char *
tts_builtin_name(void)
{
	pthread_once(&tts_name_once, tts_make_name);
	return tts_name;
}

/* libespeak-ng asks PulseAudio even where it only fills memory, and that complains on stderr. */
void
tts_builtin_init(void)
{
	setenv("PULSE_SERVER", "unix:/dev/null", 1);
}

static const char *
tts_voice(const char *locale)
{
	if (strcmp(locale, "ko") == 0)
		return "ko";
	return strcmp(locale, "en") == 0 ? "en-us" : NULL;
}

bool
tts_builtin_speaks(const char *locale)
{
	return tts_voice(locale) != NULL;
}

/* Called by the library inside espeak_Synth; anything but 0 ends the synthesis. */
static int
tts_audio_cb(short *samples, int count, espeak_EVENT *events)
{
	if (events == NULL || events->user_data == NULL)
		return 1;
	OBJ_CAST(struct tts_speech, speech, events->user_data, TTS_SPEECH_MAGIC);
	if (speech->stop != NULL && atomic_load(speech->stop)) {
		speech->cancelled = true;
		return 1;
	}
	if (samples == NULL || count <= 0)
		return 0;
	size_t length = (size_t)count * sizeof(*samples);
	if (length > speech->room)
		length = speech->room;
	buf_append(speech->wav, samples, length);
	speech->room -= length;
	return speech->room == 0 || buf_failed(speech->wav);
}

static bool
tts_start(void)
{
	if (tts_rate > 0)
		return true;
	int rate = espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, TTS_BUFFER_MS, NULL,
	                             espeakINITIALIZE_DONT_EXIT);
	if (rate <= 0)
		return false;
	espeak_SetSynthCallback(tts_audio_cb);
	tts_rate = rate;
	return true;
}

/* The lock, or false when nobody waits any more. */
static bool
tts_acquire(const _Atomic bool *stop)
{
	for (;;) {
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 100 * 1000 * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (stop != NULL && atomic_load(stop))
			return false;
		int error = pthread_mutex_timedlock(&tts_lock, &until);
		if (error == 0)
			return true;
		assert(error == ETIMEDOUT);
	}
}

static enum tts_outcome
tts_synthesize(const char *voice, const char *text, struct tts_speech *speech)
{
	struct buf *wav = speech->wav;

	if (!tts_start() || espeak_SetVoiceByName(voice) != EE_OK)
		return TTS_FAILED;
	espeak_SetParameter(espeakRATE, TTS_WORDS_PER_MINUTE, 0);
	char *header = buf_reserve(wav, WAV_HEADER_SIZE);
	if (header == NULL)
		return TTS_FAILED;
	size_t start = wav->length;
	buf_advance(wav, WAV_HEADER_SIZE);
	speech->room = (size_t)tts_rate * 2 * TTS_SECONDS_MAX;
	espeak_ERROR error = espeak_Synth(text, strlen(text) + 1, 0, POS_CHARACTER, 0,
	                                  espeakCHARS_UTF8, NULL, speech);
	if (speech->cancelled)
		return TTS_CANCELLED;
	if (error != EE_OK || buf_failed(wav))
		return TTS_FAILED;
	size_t bytes = wav->length - start - WAV_HEADER_SIZE;
	if (bytes == 0)
		return TTS_NOTHING;
	wav_header((uint8_t *)wav->bytes + start, (unsigned)tts_rate, (uint32_t)bytes);
	return TTS_SPOKEN;
}

enum tts_outcome
tts_builtin_speak(const char *locale, const char *text, const _Atomic bool *stop, struct buf *wav)
{
	const char *voice = tts_voice(locale);
	struct tts_speech speech = {.magic = TTS_SPEECH_MAGIC, .wav = wav, .stop = stop};
	size_t before = wav->length;

	if (voice == NULL)
		return TTS_NO_LANGUAGE;
	if (strlen(text) > TTS_TEXT_MAX)
		return TTS_TOO_LONG;
	if (text[strspn(text, " \t\r\n")] == '\0')
		return TTS_NOTHING;
	if (!tts_acquire(stop))
		return TTS_CANCELLED;
	enum tts_outcome outcome = tts_synthesize(voice, text, &speech);
	pthread_mutex_unlock(&tts_lock);
	if (outcome != TTS_SPOKEN && wav->length > before) {
		wav->length = before;
		wav->bytes[before] = '\0';
	}
	return outcome;
}

void
tts_builtin_shutdown(void)
{
	pthread_mutex_lock(&tts_lock);
	if (tts_rate > 0)
		espeak_Terminate();
	tts_rate = 0;
	pthread_mutex_unlock(&tts_lock);
}
