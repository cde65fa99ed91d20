/* SPDX-License-Identifier: MIT
 * The local speech engines, on the CPU pool. */
#include "services/voice/hearing.h"

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/task/offload.h"
#include "common/task/task.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define HEARING_MAGIC       0x4ea41466u
#define HEARING_MODEL_REST  ((int64_t)5 * 60 * 1000)
#define HEARING_MAX_ENGINES 64

struct hearing {
	unsigned magic;
	struct pool *pool;
	struct stt_general *general;
	pthread_mutex_t lock;
	struct stt_builtin *idle[HEARING_MAX_ENGINES]; /* recognizers nobody uses now */
	size_t idle_count;
};

struct hearing *
hearing_new(struct pool *pool)
{
	struct hearing *hearing = calloc(1, sizeof *hearing);

	if (hearing == NULL)
		return NULL;
	OBJ_INIT(hearing, HEARING_MAGIC);
	hearing->pool = pool;
	hearing->general = stt_general_new(NULL);
	if (hearing->general == NULL) {
		free(hearing);
		return NULL;
	}
	pthread_mutex_init(&hearing->lock, NULL);
	return hearing;
}

void
hearing_free(struct hearing **hearingp)
{
	struct hearing *hearing = *hearingp;

	if (hearing == NULL)
		return;
	OBJ_CHECK(hearing, HEARING_MAGIC);
	*hearingp = NULL;
	while (hearing->idle_count > 0)
		stt_builtin_free(&hearing->idle[--hearing->idle_count]);
	stt_general_free(&hearing->general);
	pthread_mutex_destroy(&hearing->lock);
	tts_builtin_shutdown();
	OBJ_FINI(hearing);
	free(hearing);
}

static void
hearing_rest_fn(void *arg, const _Atomic bool *stop)
{
	OBJ_CAST(struct hearing, hearing, arg, HEARING_MAGIC);

	(void)stop;
	(void)stt_general_unload_idle(hearing->general, (int64_t)clock_ms(), HEARING_MODEL_REST);
}

void
hearing_rest(struct hearing *hearing)
{
	if (stt_general_is_loaded(hearing->general))
		(void)offload(hearing->pool, hearing_rest_fn, hearing);
}

/* --- listening -----------------------------------------------------------------------------------
 */

static struct stt_builtin *
hearing_take_engine(struct hearing *hearing)
{
	struct stt_builtin *engine = NULL;

	pthread_mutex_lock(&hearing->lock);
	if (hearing->idle_count > 0)
		engine = hearing->idle[--hearing->idle_count];
	pthread_mutex_unlock(&hearing->lock);
	return engine != NULL ? engine : stt_builtin_new(NULL, hearing->general);
}

static void
hearing_return_engine(struct hearing *hearing, struct stt_builtin *engine)
{
	pthread_mutex_lock(&hearing->lock);
	if (hearing->idle_count < HEARING_MAX_ENGINES) {
		hearing->idle[hearing->idle_count++] = engine;
		engine = NULL;
	}
	pthread_mutex_unlock(&hearing->lock);
	stt_builtin_free(&engine);
}

struct listening {
	struct hearing *hearing;
	const char *locale;
	const void *audio;
	size_t length;
	const char *const *topics;
	size_t topic_count;
	enum wav_outcome wav;
	enum stt_outcome stt;
	struct stt_heard heard;
};

static void
hearing_listen_fn(void *arg, const _Atomic bool *stop)
{
	struct listening *listening = arg;
	struct stt_builtin *engine;
	int16_t *samples = NULL;
	size_t count = 0;
	struct wav wav;

	listening->wav = wav_parse(listening->audio, listening->length, &wav);
	listening->stt = STT_SILENCE;
	if (listening->wav == WAV_OK && wav_is_mute(&wav))
		return;
	if (listening->wav == WAV_OK)
		listening->wav = wav_to_speech(&wav, stop, &samples, &count);
	if (listening->wav != WAV_OK)
		return;
	listening->stt = STT_FAILED;
	engine = hearing_take_engine(listening->hearing);
	if (engine != NULL) {
		listening->stt = stt_builtin_recognize(
		    engine, listening->locale, samples, count, listening->topics,
		    listening->topic_count, stop, (int64_t)clock_ms(), &listening->heard);
		hearing_return_engine(listening->hearing, engine);
	}
	free(samples);
}

/* The recognizer's words are lower case; English writes one of them with a capital. */
static void
hearing_write_i(char *text)
{
	for (char *at = text; *at != '\0'; at++)
		if (*at == 'i' && (at == text || at[-1] == ' ') &&
		    (at[1] == ' ' || at[1] == '\'' || at[1] == '\0'))
			*at = 'I';
}

bool
hearing_knows(const char *locale)
{
	return stt_builtin_speaks(locale);
}

enum status
hearing_listen(struct hearing *hearing, const char *who, const char *locale, const void *audio,
               size_t length, const char *const *topics, size_t topic_count,
               struct hearing_heard *heard)
{
	struct listening *listening = arena_alloc(task_arena(), sizeof *listening);
	enum status status;

	*heard = (struct hearing_heard){.stt = STT_NO_LANGUAGE};
	if (listening == NULL)
		return STATUS_OVERLOADED;
	if (!stt_builtin_speaks(locale))
		return STATUS_OK;
	*listening = (struct listening){.hearing = hearing,
	                                .locale = locale,
	                                .audio = audio,
	                                .length = length,
	                                .topics = topics,
	                                .topic_count = topic_count};
	status = offload_for(hearing->pool, who, hearing_listen_fn, listening);
	if (status != STATUS_OK)
		return status;
	heard->wav = listening->wav;
	heard->stt = listening->stt;
	if (listening->wav == WAV_OK && listening->stt == STT_HEARD) {
		hearing_write_i(listening->heard.text);
		heard->text = listening->heard.text;
	}
	return STATUS_OK;
}

/* --- speaking ------------------------------------------------------------------------------------
 */

struct speaking {
	const char *locale, *text;
	struct buf *wav;
	enum tts_outcome outcome;
};

static void
hearing_speak_fn(void *arg, const _Atomic bool *stop)
{
	struct speaking *speaking = arg;

	speaking->outcome =
	    tts_builtin_speak(speaking->locale, speaking->text, stop, speaking->wav);
}

enum status
hearing_speak(struct hearing *hearing, const char *locale, const char *text, struct buf *wav,
              enum tts_outcome *outcome)
{
	struct speaking speaking = {.locale = locale, .text = text, .wav = wav};
	enum status status = offload(hearing->pool, hearing_speak_fn, &speaking);

	*outcome = speaking.outcome;
	return status;
}
