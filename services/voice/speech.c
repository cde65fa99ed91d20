/* SPDX-License-Identifier: MIT
 * One engine after the other, until one has listened or spoken. */
#include "services/voice/speech_private.h"

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "common/service/call.h"
#include "common/task/task.h"
#include "services/voice/clip.h"
#include "services/voice/hearing.h"
#include "services/voice/share.h"

#include <string.h>

#define SPEECH_LOCAL_MOST ((size_t)8 << 20) /* bytes of speech made here */
#define SPEECH_BUSY_S     5
#define SPEECH_AFTER      (SHARE_SPEAK + SHARE_STORE)

const char *
speech_engine_name(const struct speech_engine *engine)
{
	return engine->dialect != NULL ? engine->dialect->name : SPEECH_BUILTIN;
}

enum status
speech_engine_failed(const struct speech_engine *engine, const char *name, enum status status,
                     const char *why)
{
	metric_add(engine->failed, 1);
	LOG_INFO("a speech engine did not answer", LOG_TEXT("engine", name),
	         LOG_TEXT("status", status_slug(status)), LOG_TEXT("why", why));
	if (task_cancelled())
		return STATUS_CANCELLED;
	return task_time_left() == 0 ? STATUS_DEADLINE : STATUS_OK;
}

/* What the CPU pool did not do. */
static enum status
speech_not_done(const struct speech_turn *turn, enum status status)
{
	if (status != STATUS_THROTTLED)
		return status;
	call_set_retry_after(turn->call, SPEECH_BUSY_S);
	return call_fail(
	    turn->call, status,
	    strcmp(turn->locale, "ko") == 0
	        ? "앞서 보내신 말씀을 아직 듣고 있어요. 잠시 뒤에 다시 해 주세요."
	        : "What you have said before is still being listened to. Please wait a "
	          "moment.");
}

/* --- listening ------------------------------------------------------------------------------- */

struct listening_run {
	struct speech *speech;
	const struct speech_turn *turn;
	struct clip *clip;
	const char *const *topics;
	size_t topic_count;
	struct speech_heard *heard; /* text NULL: nobody has understood anything yet */
	enum stt_outcome outcome;   /* of the last one who listened */
	bool failed;                /* somebody could not be asked */
};

/* Why nothing was understood, in the learner's language. */
static enum status
speech_refuse(const struct speech_turn *turn, enum stt_outcome outcome)
{
	bool korean = strcmp(turn->locale, "ko") == 0;

	switch (outcome) {
	case STT_SILENCE:
		return call_invalid(turn->call, "",
		                    korean ? "아무 말도 들리지 않았어요. 마이크에 조금 더 가까이 "
		                             "말씀해 주세요."
		                           : "Nothing could be heard. Please speak a little closer "
		                             "to the microphone.");
	case STT_NOT_CLEAR:
		return call_invalid(turn->call, "",
		                    korean ? "무슨 말씀인지 알아듣지 못했어요. 다시 한번 천천히 "
		                             "말씀해 주시겠어요?"
		                           : "That could not be understood. Could you say it once "
		                             "more, slowly?");
	case STT_NO_LANGUAGE:
		return call_invalid(turn->call, "",
		                    korean ? "아직 한국어 음성은 알아듣지 못해요. 글로 "
		                             "물어보시거나 영어로 말씀해 주세요."
		                           : "Speech in this language is not understood yet. "
		                             "Please type, or speak English.");
	case STT_CANCELLED: return STATUS_CANCELLED;
	default:
		return call_fail(turn->call, STATUS_INTERNAL,
		                 "the speech recognizer is not working");
	}
}

static enum status
speech_refuse_wav(const struct speech_turn *turn, enum wav_outcome outcome)
{
	if (outcome == WAV_CANCELLED)
		return STATUS_CANCELLED;
	if (outcome == WAV_NO_MEMORY)
		return STATUS_OVERLOADED;
	return call_invalid(turn->call, "", "%s", wav_reason(outcome));
}

static enum status
speech_listen_here(struct listening_run *run, const struct speech_engine *engine)
{
	const struct speech_turn *turn = run->turn;
	struct hearing_heard heard;
	enum status status;

	if (strcmp(run->clip->media, CLIP_WAV) != 0 || !hearing_knows(turn->locale))
		return STATUS_OK;
	status = hearing_listen(run->speech->hearing, call_user(turn->call), turn->locale,
	                        run->clip->bytes, run->clip->length, run->topics, run->topic_count,
	                        &heard);
	if (status != STATUS_OK)
		return speech_not_done(turn, status);
	if (heard.wav != WAV_OK)
		return speech_refuse_wav(turn, heard.wav);
	run->outcome = heard.stt;
	run->heard->text = heard.text;
	if (heard.stt == STT_FAILED)
		return speech_engine_failed(engine, SPEECH_BUILTIN, STATUS_INTERNAL,
		                            "no memory, or no model");
	metric_add(heard.text != NULL ? engine->answered : engine->nothing, 1);
	/* Noise may be words for somebody with better ears. */
	return heard.text != NULL || heard.stt == STT_NOT_CLEAR ? STATUS_OK
	                                                        : speech_refuse(turn, heard.stt);
}

/* Engines elsewhere from the i-th on that may still listen; is there one here, too? */
static size_t
speech_listeners_left(const struct listening_run *run, size_t i, bool *here)
{
	const struct speech_list *list = &run->speech->listeners;
	bool wav = strcmp(run->clip->media, CLIP_WAV) == 0;
	size_t count = 0;

	*here = false;
	for (; i < list->count; i++) {
		const struct cloud_dialect *dialect = list->engines[i].dialect;

		count += dialect != NULL && dialect->takes(run->clip->media);
		*here |= dialect == NULL && wav && hearing_knows(run->turn->locale);
	}
	return count;
}

static void
speech_ask(struct speech_asked *asked, const struct speech_engine *engine,
           const struct speech_turn *turn, const char *stage)
{
	asked->turns = (struct provider_turns){0};
	asked->ask.provider = engine->provider;
	asked->ask.choice = &engine->choice;
	asked->ask.locale = turn->locale;
	asked->ask.turns = &asked->turns;
	asked->ask.share = &asked->share;
	/* One mark for all attempts: who has answered one may give that answer again. */
	asked->ask.mark = arena_printf(task_arena(), "%s:%s", turn->id, stage);
	asked->begun_us = clock_us();
}

static enum status
speech_listen_there(struct listening_run *run, size_t i)
{
	const struct speech_engine *engine = &run->speech->listeners.engines[i];
	const struct speech_turn *turn = run->turn;
	struct speech_asked asked = {0};
	enum wav_outcome wav;
	bool here;
	size_t left = speech_listeners_left(run, i, &here);
	enum status status;

	if (!engine->dialect->takes(run->clip->media))
		return STATUS_OK;
	status = clip_prepare(run->clip, run->speech->pool, call_user(turn->call), &wav);
	if (status != STATUS_OK)
		return speech_not_done(turn, status);
	if (wav != WAV_OK)
		return speech_refuse_wav(turn, wav);
	if (clip_is_silent(run->clip))
		return speech_refuse(turn, STT_SILENCE);
	run->failed = true; /* until it has answered */
	if (!share_time(SHARE_REPLY + SPEECH_AFTER + (here ? SHARE_HEAR_LOCAL : 0), left,
	                &asked.share))
		return STATUS_OK;
	speech_ask(&asked, engine, turn, "stt");
	asked.ask.last = left == 1 && !here;
	status = engine->dialect->listen(&asked.ask, run->clip, &run->heard->text);
	call_add_ai_time(turn->call, clock_us() - asked.begun_us);
	if (status != STATUS_OK)
		return speech_engine_failed(engine, engine->dialect->hear, status, asked.turns.why);
	run->failed = false;
	metric_add(run->heard->text != NULL ? engine->answered : engine->nothing, 1);
	return run->heard->text != NULL ? STATUS_OK : speech_refuse(turn, STT_NOT_CLEAR);
}

enum status
speech_listen(struct speech *speech, const struct speech_turn *turn, struct clip *clip,
              const char *const *topics, size_t topic_count, struct speech_heard *heard)
{
	struct listening_run run = {.speech = speech,
	                            .turn = turn,
	                            .clip = clip,
	                            .topics = topics,
	                            .topic_count = topic_count,
	                            .heard = heard,
	                            .outcome = STT_NO_LANGUAGE};
	enum status status = STATUS_OK;

	OBJ_CHECK(speech, SPEECH_MAGIC);
	*heard = (struct speech_heard){0};
	for (size_t i = 0; i < speech->listeners.count && status == STATUS_OK; i++) {
		const struct speech_engine *engine = &speech->listeners.engines[i];

		status = engine->dialect != NULL ? speech_listen_there(&run, i)
		                                 : speech_listen_here(&run, engine);
		if (status == STATUS_OK && heard->text != NULL) {
			heard->engine = speech_engine_name(engine);
			return STATUS_OK;
		}
	}
	if (status != STATUS_OK)
		return status;
	if (run.failed && run.outcome != STT_NOT_CLEAR)
		return call_fail(turn->call, STATUS_PROVIDERS_FAILED,
		                 strcmp(turn->locale, "ko") == 0
		                     ? "지금은 음성을 알아들을 수 없어요. 글로 물어봐 주세요."
		                     : "Speech cannot be understood right now. Please type.");
	return speech_refuse(turn, run.outcome);
}

/* --- speaking -------------------------------------------------------------------------------- */

struct speaking_run {
	struct speech *speech;
	const struct speech_turn *turn;
	const char *text;
	enum cloud_format format;
	struct speech_spoken *spoken; /* bytes NULL: nobody has spoken yet */
	bool broken;                  /* the engine here does not work */
};

static void
speech_free_buf(void *arg)
{
	buf_fini(arg);
}

static enum status
speech_speak_here(struct speaking_run *run, const struct speech_engine *engine)
{
	struct buf *wav = arena_alloc(task_arena(), sizeof *wav);
	enum tts_outcome outcome;
	enum status status;

	if (wav == NULL)
		return STATUS_OVERLOADED;
	buf_init(wav, SPEECH_LOCAL_MOST);
	if (arena_adopt(task_arena(), wav, speech_free_buf) != 0)
		return STATUS_OVERLOADED;
	status = hearing_speak(run->speech->hearing, run->turn->locale, run->text, wav, &outcome);
	if (status != STATUS_OK)
		return status;
	if (outcome == TTS_CANCELLED)
		return STATUS_CANCELLED;
	run->broken = outcome != TTS_SPOKEN;
	if (run->broken)
		return speech_engine_failed(engine, SPEECH_BUILTIN, STATUS_INTERNAL,
		                            "the text cannot be spoken");
	metric_add(engine->answered, 1);
	*run->spoken = (struct speech_spoken){wav->bytes, wav->length, CLIP_WAV, SPEECH_BUILTIN};
	return STATUS_OK;
}

static enum status
speech_speak_there(struct speaking_run *run, size_t i)
{
	const struct speech_list *list = &run->speech->speakers;
	const struct speech_engine *engine = &list->engines[i];
	struct speech_asked asked = {0};
	struct cloud_sound sound;
	size_t left = 0;
	bool here = false;
	enum status status;

	for (size_t k = 0; k < list->count; k++) {
		left += k >= i && list->engines[k].dialect != NULL;
		here |= list->engines[k].dialect == NULL;
	}
	if (!share_time(SHARE_STORE + (here ? SHARE_SPEAK_LOCAL : 0), left, &asked.share))
		return STATUS_OK;
	speech_ask(&asked, engine, run->turn, "tts");
	asked.ask.last = left == 1 && !here;
	status = engine->dialect->speak(&asked.ask, run->text, run->format, &sound);
	call_add_ai_time(run->turn->call, clock_us() - asked.begun_us);
	if (status != STATUS_OK)
		return speech_engine_failed(engine, engine->dialect->say, status, asked.turns.why);
	metric_add(engine->answered, 1);
	*run->spoken = (struct speech_spoken){sound.bytes, sound.length,
	                                      run->format == CLOUD_MP3 ? "audio/mpeg" : CLIP_WAV,
	                                      engine->dialect->name};
	return STATUS_OK;
}

enum status
speech_speak(struct speech *speech, const struct speech_turn *turn, const char *text,
             enum cloud_format format, struct speech_spoken *spoken)
{
	struct speaking_run run = {speech, turn, text, format, spoken, false};
	const struct speech_list *list = &speech->speakers;
	enum status status = STATUS_OK;

	OBJ_CHECK(speech, SPEECH_MAGIC);
	*spoken = (struct speech_spoken){0};
	/* Who cannot speak the format comes behind all who can. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < list->count && status == STATUS_OK; i++) {
			const struct speech_engine *engine = &list->engines[i];
			bool fits = engine->dialect != NULL || format == CLOUD_WAV;

			if (fits != (pass == 0) || spoken->bytes != NULL)
				continue;
			status = engine->dialect != NULL ? speech_speak_there(&run, i)
			                                 : speech_speak_here(&run, engine);
		}
	if (status != STATUS_OK || spoken->bytes != NULL)
		return status;
	if (run.broken)
		return call_fail(turn->call, STATUS_INTERNAL,
		                 "the speech synthesizer is not working");
	return call_fail(turn->call, STATUS_PROVIDERS_FAILED, "no speech engine answered");
}
