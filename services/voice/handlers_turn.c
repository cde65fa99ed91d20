/* SPDX-License-Identifier: MIT
 * One turn: what was said or typed, the tutor's reply to it, the reply spoken. */
#include "services/voice/turn.h"

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/ids.h"
#include "common/base/obj.h"
#include "common/io/db_batch.h"
#include "common/io/http.h"
#include "common/service/idempotency.h"
#include "common/service/outbox.h"
#include "common/service/rate_limit.h"
#include "common/task/task.h"
#include "services/voice/clip.h"
#include "services/voice/speech.h"
#include "services/voice/tutor_prompt.h"

#include <stdlib.h>
#include <string.h>

#define TURN_ROUTE     "CreateTurn"
#define TURN_TITLE_MAX 60 /* code points of a conversation's title */
#define TURN_WINDOW_S  60

/* --- hearing
 * -------------------------------------------------------------------------------------- */

static struct speech_turn
turn_of(const struct turn_run *run)
{
	return (struct speech_turn){run->call, run->locale, run->turn.id};
}

/* Media that no engine takes, with what they do take. */
static enum status
turn_refuse_media(struct turn_run *run)
{
	const char *accepts = speech_accepts(voice_of(run->call)->speech);

	call_set_header(run->call, "accept-post", "%s", accepts);
	return call_fail(run->call, STATUS_UNSUPPORTED_MEDIA, "send %.*s",
	                 (int)(strlen(accepts) - strlen(", application/json")), accepts);
}

static enum status
turn_hear(struct turn_run *run)
{
	const Voice__CreateTurnRequest *request = run->request;
	struct speech *speech = voice_of(run->call)->speech;
	const struct speech_turn turn = turn_of(run);
	struct clip clip = {0};
	struct speech_heard heard;
	enum status status;

	if (request->text != NULL && request->has_audio)
		return call_invalid(run->call, "/text", "cannot be given together with audio");
	if (request->text != NULL) {
		run->turn.transcript = request->text;
		return STATUS_OK;
	}
	if (!request->has_audio)
		return call_invalid(run->call, "/text", "is missing");
	clip.media = clip_media(request->content_type);
	if (clip.media == NULL || !speech_takes(speech, clip.media))
		return turn_refuse_media(run);
	clip.bytes = request->audio.data;
	clip.length = request->audio.len;
	status = speech_listen(speech, &turn, &clip, (const char *const *)run->plan->topics,
	                       run->plan->n_topics, &heard);
	run->turn.transcript = heard.text;
	run->turn.stt = heard.engine;
	return status;
}

/* --- keeping
 * -------------------------------------------------------------------------------------- */

static const char *
turn_title(const char *transcript)
{
	const char *at = transcript;

	for (size_t seen = 0; *at != '\0'; at++)
		if ((*at & 0xc0) != 0x80 && seen++ == TURN_TITLE_MAX)
			break;
	return arena_strndup(task_arena(), transcript, (size_t)(at - transcript));
}

/* Who is asked on the way hears of the turn by its id. */
static enum status
turn_identify(struct turn_run *run)
{
	char *id = arena_alloc(task_arena(), ID_SIZE);

	if (id == NULL)
		return STATUS_OVERLOADED;
	ids_new(id);
	run->turn.id = id;
	return STATUS_OK;
}

static enum status
turn_date(struct turn_run *run)
{
	char *conversation = arena_alloc(task_arena(), ID_SIZE);

	if (conversation == NULL)
		return STATUS_OVERLOADED;
	run->turn.created_ms = voice_now_ms();
	if (!run->is_new)
		return STATUS_OK;
	ids_new(conversation);
	run->conversation.id = conversation;
	run->conversation.title = turn_title(run->turn.transcript);
	run->conversation.created_ms = run->conversation.updated_ms = run->turn.created_ms;
	return run->conversation.title != NULL ? STATUS_OK : STATUS_OVERLOADED;
}

/* --- answering
 * ------------------------------------------------------------------------------------ */

/* WAV unless MP3 is wanted more. Whoever wants nothing but what no engine makes gets 406. */
static enum status
turn_format(struct call *call, enum cloud_format *format)
{
	static const char *const offers[] = {"application/json", CLIP_WAV,         "audio/x-wav",
	                                     "audio/wave",       "audio/vnd.wave", "audio/mpeg"};
	const char *accept = call_header(call, "accept");
	size_t count = COUNT_OF(offers) - 1; /* without MP3 */

	*format = CLOUD_WAV;
	if (speech_makes(voice_of(call)->speech, CLOUD_MP3)) {
		if (http_accept_best(accept, offers + 1, count) == (int)count - 1)
			*format = CLOUD_MP3;
	} else if (http_accept_best(accept, offers, count) < 0) {
		return call_fail(call, STATUS_NOT_ACCEPTABLE,
		                 "the answer is application/json or audio/wav");
	}
	return STATUS_OK;
}

/* Adds the spoken reply to an answer that has all else. */
static enum status
turn_speak(const struct speech_turn *turn, enum cloud_format format, Voice__Turn *reply)
{
	Voice__Audio *audio = arena_alloc(task_arena(), sizeof *audio);
	struct speech_spoken spoken;
	enum status status =
	    speech_speak(voice_of(turn->call)->speech, turn, reply->reply, format, &spoken);

	if (status != STATUS_OK)
		return status;
	if (audio == NULL)
		return STATUS_OVERLOADED;
	voice__audio__init(audio);
	audio->content_type = (char *)(uintptr_t)spoken.content_type;
	audio->has_data = true;
	audio->data = (ProtobufCBinaryData){spoken.length, (uint8_t *)(uintptr_t)spoken.bytes};
	reply->audio = audio;
	reply->provider->tts = (char *)(uintptr_t)spoken.engine;
	return STATUS_OK;
}

static enum status
turn_fill(const struct turn_run *run, Voice__Turn *reply)
{
	Voice__Engines *engines = arena_alloc(task_arena(), sizeof *engines);

	reply->created_at = arena_alloc(task_arena(), INSTANT_TEXT_SIZE);
	if (engines == NULL || reply->created_at == NULL)
		return STATUS_OVERLOADED;
	voice__engines__init(engines);
	engines->stt = (char *)(uintptr_t)run->turn.stt;
	engines->chat = (char *)(uintptr_t)run->turn.chat;
	instant_format(run->turn.created_ms * 1000, reply->created_at);
	reply->id = (char *)(uintptr_t)run->turn.id;
	reply->conversation_id = (char *)(uintptr_t)run->conversation.id;
	reply->transcript = (char *)(uintptr_t)run->turn.transcript;
	reply->reply = (char *)(uintptr_t)run->turn.reply;
	reply->provider = engines;
	return STATUS_OK;
}

static enum status
turn_find_conversation(struct turn_run *run)
{
	struct db *db = voice_of(run->call)->db;
	enum status status;

	run->is_new = run->request->conversation_id == NULL;
	if (run->is_new)
		return STATUS_OK;
	status = voice_store_get(db, call_user(run->call), run->request->conversation_id, false,
	                         &run->conversation);
	if (status == STATUS_NOT_FOUND)
		return call_fail(run->call, status, "there is no such conversation");
	if (status == STATUS_OK)
		status = voice_store_latest(db, run->conversation.id, TUTOR_PAST_MOST, &run->past,
		                            &run->past_count);
	return status;
}

static enum status
turn_take(struct turn_run *run, enum cloud_format format, Voice__Turn *reply)
{
	struct speech_turn turn;
	enum status status = turn_identify(run);

	if (status == STATUS_OK)
		status = turn_find_conversation(run);
	if (status == STATUS_OK)
		status = turn_ask_planner(run);
	if (status == STATUS_OK)
		status = turn_hear(run);
	if (status == STATUS_OK)
		status = turn_ask_history(run);
	if (status == STATUS_OK)
		status = turn_reply(run);
	if (status == STATUS_OK)
		status = turn_date(run);
	if (status == STATUS_OK)
		status = turn_fill(run, reply);
	turn = turn_of(run);
	if (status == STATUS_OK)
		status = turn_speak(&turn, format, reply);
	if (status == STATUS_OK) {
		run->turn.tts = reply->provider->tts;
		status = db_batch_transact(voice_of(run->call)->turns, run);
	}
	return status;
}

/* What is kept for a repeat: the turn without its sound, which is spoken anew. */
static const void *
turn_pack_silent(const Voice__Turn *turn, size_t *length)
{
	Voice__Turn silent = *turn;
	uint8_t *bytes;

	silent.audio = NULL;
	*length = voice__turn__get_packed_size(&silent);
	bytes = arena_alloc(task_arena(), *length + 1);
	if (bytes != NULL)
		voice__turn__pack(&silent, bytes);
	return bytes;
}

static enum status
turn_replay(struct call *call, const char *locale, enum cloud_format format,
            const struct idempotency *key, Voice__Turn *reply)
{
	struct speech_turn turn = {.call = call, .locale = locale};
	Voice__Turn *first =
	    voice__turn__unpack(arena_allocator(task_arena()), key->length, key->answer);

	if (first == NULL || first->provider == NULL)
		return STATUS_INTERNAL;
	*reply = *first;
	turn.id = reply->id;
	call_set_outcome(call, OUTCOME_CREATED);
	return turn_speak(&turn, format, reply);
}

enum status
voice_create_turn(struct call *call, const void *message, void *out)
{
	const Voice__CreateTurnRequest *request = message;
	Voice__Turn *reply = out;
	struct turn_run run = {.call = call, .request = request};
	struct voice *voice = voice_of(call);
	struct rate_limit limit;
	struct idempotency key = {0};
	const void *silent = NULL;
	enum cloud_format format;
	size_t length = 0;
	enum status status;

	run.locale = !request->has_locale                                        ? call_locale(call)
	             : request->locale == VOICE__CREATE_TURN_REQUEST__LOCALE__en ? "en"
	                                                                         : "ko";
	limit = (struct rate_limit){.cache = voice->cache,
	                            .counters = voice->counters,
	                            .name = "turns",
	                            .limit = voice_settings.user_minute_turns,
	                            .window_s = TURN_WINDOW_S};
	status = rate_limit_take(&limit, call);
	if (status != STATUS_OK)
		return status;
	status = idempotency_begin(call, voice->db, TURN_ROUTE, &key);
	if (status != STATUS_OK)
		return status;
	status = turn_format(call, &format);
	if (key.found)
		return status == STATUS_OK ? turn_replay(call, run.locale, format, &key, reply)
		                           : status;
	if (status == STATUS_OK)
		status = turn_take(&run, format, reply);
	if (status != STATUS_OK)
		turn_settle_alone(&run);
	if (status == STATUS_OK) {
		outbox_nudge(voice->outbox, run.calls.count > 0 ? NULL : "history");
		silent = turn_pack_silent(reply, &length);
		call_set_outcome(call, OUTCOME_CREATED);
		if (silent == NULL)
			status = STATUS_OVERLOADED;
	}
	return idempotency_end(call, voice->db, TURN_ROUTE, &key, status, silent, length);
}
