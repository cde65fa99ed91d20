/* SPDX-License-Identifier: MIT
 * The local speech engines, on the CPU pool. */
#include "services/voice/hearing.h"

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/service/call.h"
#include "common/task/offload.h"
#include "common/task/task.h"
#include "services/voice/engines/stt_builtin.h"
#include "services/voice/engines/tts_builtin.h"
#include "services/voice/wav.h"

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

/* Why nothing was understood, in the learner's language. */
static enum status
hearing_refuse(struct call *call, const char *locale, enum stt_outcome outcome)
{
	bool korean = strcmp(locale, "ko") == 0;

	switch (outcome) {
	case STT_SILENCE:
		return call_invalid(call, "",
		                    korean ? "아무 말도 들리지 않았어요. 마이크에 조금 더 가까이 "
		                             "말씀해 주세요."
		                           : "Nothing could be heard. Please speak a little closer "
		                             "to the microphone.");
	case STT_NOT_CLEAR:
		return call_invalid(call, "",
		                    korean ? "무슨 말씀인지 알아듣지 못했어요. 다시 한번 천천히 "
		                             "말씀해 주시겠어요?"
		                           : "That could not be understood. Could you say it once "
		                             "more, slowly?");
	case STT_NO_LANGUAGE:
		return call_invalid(call, "",
		                    korean ? "아직 한국어 음성은 알아듣지 못해요. 글로 "
		                             "물어보시거나 영어로 말씀해 주세요."
		                           : "Speech in this language is not understood yet. "
		                             "Please type, or speak English.");
	case STT_CANCELLED: return STATUS_CANCELLED;
	default: return call_fail(call, STATUS_INTERNAL, "the speech recognizer is not working");
	}
}

static enum status
hearing_refuse_wav(struct call *call, enum wav_outcome outcome)
{
	if (outcome == WAV_CANCELLED)
		return STATUS_CANCELLED;
	if (outcome == WAV_NO_MEMORY)
		return STATUS_OVERLOADED;
	return call_invalid(call, "", "%s", wav_reason(outcome));
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

enum status
hearing_listen(struct hearing *hearing, struct call *call, const char *locale, const void *audio,
               size_t length, const char *const *topics, size_t topic_count,
               const char **transcript)
{
	struct listening *listening = arena_alloc(task_arena(), sizeof *listening);
	enum status status;

	if (listening == NULL)
		return STATUS_OVERLOADED;
	if (!stt_builtin_speaks(locale))
		return hearing_refuse(call, locale, STT_NO_LANGUAGE);
	*listening = (struct listening){.hearing = hearing,
	                                .locale = locale,
	                                .audio = audio,
	                                .length = length,
	                                .topics = topics,
	                                .topic_count = topic_count};
	status = offload(hearing->pool, hearing_listen_fn, listening);
	if (status != STATUS_OK)
		return status;
	if (listening->wav != WAV_OK)
		return hearing_refuse_wav(call, listening->wav);
	if (listening->stt != STT_HEARD)
		return hearing_refuse(call, locale, listening->stt);
	hearing_write_i(listening->heard.text);
	*transcript = listening->heard.text;
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
hearing_speak(struct hearing *hearing, struct call *call, const char *locale, const char *text,
              struct buf *wav)
{
	struct speaking speaking = {.locale = locale, .text = text, .wav = wav};
	enum status status = offload(hearing->pool, hearing_speak_fn, &speaking);

	if (status != STATUS_OK)
		return status;
	if (speaking.outcome == TTS_CANCELLED)
		return STATUS_CANCELLED;
	if (speaking.outcome != TTS_SPOKEN)
		return call_fail(call, STATUS_INTERNAL, "the speech synthesizer is not working");
	return STATUS_OK;
}
