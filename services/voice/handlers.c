/* SPDX-License-Identifier: MIT
 * Conversations: listed, read, removed, exported, erased. */
#include "services/voice/voice.h"

#include "common/ai/settings.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/db_batch.h"
#include "common/service/counter.h"
#include "common/service/idempotency.h"
#include "common/service/outbox.h"
#include "common/service/periodic.h"
#include "common/service/service.h"
#include "common/service/subtask.h"
#include "common/task/task.h"
#include "services/voice/hearing.h"
#include "services/voice/speech.h"
#include "services/voice/speech_settings.h"
#include "services/voice/turn.h"
#include "services/voice/tutor_ai.h"

#include <stdlib.h>
#include <string.h>

#define CONVERSATIONS_LIMIT 20
#define CONVERSATIONS_LIST  "voice.ListConversations"
#define CONVERSATION_TURNS  1000 /* of one conversation that are shown */
#define REST_PERIOD_MS      60000

struct voice_settings voice_settings;

static uint32_t
voice_rest(void *arg)
{
	hearing_rest(arg);
	return REST_PERIOD_MS;
}

static enum status
voice_start_engines(struct voice *voice)
{
	char error[256];

	voice->hearing = hearing_new(voice->pool);
	if (voice->hearing == NULL)
		return STATUS_OVERLOADED;
	voice->speech = speech_new(&speech_settings, &ai_settings, voice->hearing, voice->pool,
	                           error, sizeof error);
	if (voice->speech == NULL) {
		LOG_ERROR("cannot use the speech engines", LOG_TEXT("error", error));
		return STATUS_INTERNAL;
	}
	voice->tutor = tutor_ai_new(&ai_settings, voice_settings.prompts_dir, error, sizeof error);
	if (voice->tutor != NULL)
		return STATUS_OK;
	LOG_ERROR("cannot ask AI providers", LOG_TEXT("error", error));
	return STATUS_INTERNAL;
}

enum status
voice_check(struct service *service)
{
	struct voice voice = {.pool = service_pool(service)};
	enum status status = voice_start_engines(&voice);

	tutor_ai_free(&voice.tutor);
	speech_free(&voice.speech);
	hearing_free(&voice.hearing);
	return status;
}

enum status
voice_start(struct service *service)
{
	static const char *const actors[] = {"history", "planner", NULL};
	struct voice *voice = calloc(1, sizeof *voice);
	struct periodic_options rest = {
	    .name = "rest", .fn = voice_rest, .first_ms = REST_PERIOD_MS};
	enum status status;

	if (voice == NULL)
		return STATUS_OVERLOADED;
	service_set_state(service, voice);
	voice->db = service_db(service);
	voice->cache = service_cache(service);
	voice->counters = counters_new();
	voice->pool = service_pool(service);
	voice->planner = service_rpc(service, "planner");
	voice->history = service_rpc(service, "history");
	voice->turns = turn_store_batch(voice->db);
	if (voice->counters == NULL || voice->turns == NULL)
		return STATUS_OVERLOADED;
	status = voice_start_engines(voice);
	if (status != STATUS_OK)
		return status;
	rest.arg = voice->hearing;
	voice->outbox = outbox_start(service, actors);
	if (voice->outbox == NULL || periodic_start(service, &rest) == NULL)
		return STATUS_OVERLOADED;
	return idempotency_start(service);
}

void
voice_stop(struct service *service)
{
	struct voice *voice = service_state(service);

	tutor_ai_free(&voice->tutor);
	speech_free(&voice->speech);
	hearing_free(&voice->hearing);
	counters_free(&voice->counters);
	db_batch_free(&voice->turns);
	service_set_state(service, NULL);
	free(voice);
}

struct voice *
voice_of(struct call *call)
{
	return service_state(call_service(call));
}

int64_t
voice_now_ms(void)
{
	return clock_wall_us() / 1000;
}

/* --- messages ------------------------------------------------------------------------------------
 */

static char *
voice_text(const char *text)
{
	return (char *)(uintptr_t)text; /* messages are only read from here on */
}

static char *
voice_instant(int64_t ms)
{
	char *text = arena_alloc(task_arena(), INSTANT_TEXT_SIZE);

	if (text != NULL)
		instant_format(ms * 1000, text);
	return text;
}

static bool
voice_past_turn(const char *conversation, const struct voice_turn *turn, Voice__PastTurn *message)
{
	Voice__Engines *engines = arena_alloc(task_arena(), sizeof *engines);

	voice__past_turn__init(message);
	if (engines == NULL)
		return false;
	voice__engines__init(engines);
	engines->stt = voice_text(turn->stt);
	engines->chat = voice_text(turn->chat);
	engines->tts = voice_text(turn->tts);
	message->id = voice_text(turn->id);
	message->conversation_id = voice_text(conversation);
	message->transcript = voice_text(turn->transcript);
	message->reply = voice_text(turn->reply);
	message->provider = engines;
	message->created_at = voice_instant(turn->created_ms);
	return message->created_at != NULL;
}

/* A conversation with its turns. */
static enum status
voice_conversation_message(struct db *db, const struct voice_conversation *conversation,
                           Voice__Conversation *message)
{
	struct arena *arena = task_arena();
	struct voice_turn *turns;
	Voice__PastTurn *past;
	size_t count;
	enum status status =
	    voice_store_turns(db, conversation->id, CONVERSATION_TURNS, &turns, &count);

	if (status != STATUS_OK)
		return status;
	past = arena_calloc(arena, count + 1, sizeof *past);
	message->turns = arena_calloc(arena, count + 1, sizeof *message->turns);
	message->id = voice_text(conversation->id);
	message->title = voice_text(conversation->title);
	message->created_at = voice_instant(conversation->created_ms);
	message->updated_at = voice_instant(conversation->updated_ms);
	if (past == NULL || message->turns == NULL || message->created_at == NULL ||
	    message->updated_at == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		if (!voice_past_turn(conversation->id, &turns[i], &past[i]))
			return STATUS_OVERLOADED;
		message->turns[message->n_turns++] = &past[i];
	}
	return STATUS_OK;
}

/* --- reading -------------------------------------------------------------------------------------
 */

static bool
voice_summary(const struct voice_conversation *conversation, Voice__ConversationSummary *message)
{
	voice__conversation_summary__init(message);
	message->id = voice_text(conversation->id);
	message->title = voice_text(conversation->title);
	message->created_at = voice_instant(conversation->created_ms);
	message->updated_at = voice_instant(conversation->updated_ms);
	message->has_turns_total = true;
	message->turns_total = conversation->turns;
	return message->created_at != NULL && message->updated_at != NULL;
}

enum status
voice_list_conversations(struct call *call, const void *message, void *out)
{
	const Voice__ListConversationsRequest *request = message;
	Voice__ConversationPage *reply = out;
	struct arena *arena = task_arena();
	size_t limit = request->has_limit ? request->limit : CONVERSATIONS_LIMIT, count;
	struct voice_conversation *conversations;
	Voice__ConversationSummary *summaries;
	struct cursor cursor;
	enum status status;

	if (request->cursor != NULL &&
	    !cursor_parse(request->cursor, CONVERSATIONS_LIST, call_user(call), &cursor))
		return call_invalid(call, "/cursor", "is not a cursor of this list");
	status = voice_store_list(voice_of(call)->db, call_user(call),
	                          request->cursor != NULL ? &cursor : NULL, limit + 1,
	                          &conversations, &count);
	if (status != STATUS_OK)
		return status;
	summaries = arena_calloc(arena, limit + 1, sizeof *summaries);
	reply->items = arena_calloc(arena, limit + 1, sizeof *reply->items);
	if (summaries == NULL || reply->items == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count && i < limit; i++) {
		if (!voice_summary(&conversations[i], &summaries[i]))
			return STATUS_OVERLOADED;
		reply->items[reply->n_items++] = &summaries[i];
	}
	if (count > limit) {
		struct cursor last = {.key = conversations[limit - 1].updated_ms};

		strncpy(last.id, conversations[limit - 1].id, sizeof last.id - 1);
		reply->next_cursor = arena_alloc(arena, CURSOR_TEXT_SIZE);
		if (reply->next_cursor == NULL)
			return STATUS_OVERLOADED;
		cursor_format(&last, CONVERSATIONS_LIST, call_user(call), reply->next_cursor);
	}
	return STATUS_OK;
}

enum status
voice_get_conversation(struct call *call, const void *message, void *reply)
{
	const Voice__GetConversationRequest *request = message;
	struct db *db = voice_of(call)->db;
	struct voice_conversation conversation;
	enum status status =
	    voice_store_get(db, call_user(call), request->id, false, &conversation);

	return status == STATUS_OK ? voice_conversation_message(db, &conversation, reply) : status;
}

/* --- removing ------------------------------------------------------------------------------------
 */

struct voice_removal {
	const char *user, *id;
	bool more;
};

static enum status
voice_delete_tx(struct db *tx, void *arg)
{
	struct voice_removal *removal = arg;
	struct voice_conversation conversation;
	enum status status = voice_store_get(tx, removal->user, removal->id, true, &conversation);

	return status == STATUS_OK ? voice_store_delete(tx, removal->id) : status;
}

enum status
voice_delete_conversation(struct call *call, const void *message, void *reply)
{
	const Voice__DeleteConversationRequest *request = message;
	struct voice_removal removal = {.user = call_user(call), .id = request->id};
	enum status status = db_transact(voice_of(call)->db, voice_delete_tx, &removal);

	(void)reply;
	if (status == STATUS_OK)
		call_set_outcome(call, OUTCOME_NO_CONTENT);
	return status;
}

static enum status
voice_mark_erased_tx(struct db *tx, void *arg)
{
	struct voice_removal *removal = arg;
	enum status status = voice_store_mark_erased(tx, removal->user, voice_now_ms());

	return status == STATUS_OK ? idempotency_erase(tx, removal->user) : status;
}

static enum status
voice_erase_one_tx(struct db *tx, void *arg)
{
	struct voice_removal *removal = arg;
	struct voice_conversation *conversations;
	size_t count;
	enum status status = voice_store_list(tx, removal->user, NULL, 1, &conversations, &count);

	removal->more = status == STATUS_OK && count > 0;
	return removal->more ? voice_store_delete(tx, conversations[0].id) : status;
}

enum status
voice_erase(struct call *call, const void *message, void *reply)
{
	const Common__EraseRequest *request = message;
	struct db *db = voice_of(call)->db;
	struct voice_removal removal = {.user = request->user_id, .more = true};
	enum status status = db_transact(db, voice_mark_erased_tx, &removal);

	(void)reply;
	while (status == STATUS_OK && removal.more)
		status = db_transact(db, voice_erase_one_tx, &removal);
	return status;
}

/* --- export --------------------------------------------------------------------------------------
 */

/* One conversation, read in a task of its own: its rows are freed with it. */
struct voice_part {
	struct db *db;
	const char *user;
	struct cursor after;
	bool last;
	uint8_t *bytes; /* malloc'ed */
	size_t length;
	enum status status;
};

static enum status
voice_part_read(struct voice_part *part)
{
	Voice__ExportPart message = VOICE__EXPORT_PART__INIT;
	Voice__Conversation conversation = VOICE__CONVERSATION__INIT, *list = &conversation;
	struct voice_conversation *found;
	size_t count;
	enum status status =
	    voice_store_list(part->db, part->user, part->after.id[0] != '\0' ? &part->after : NULL,
	                     1, &found, &count);

	part->last = status == STATUS_OK && count == 0;
	if (status != STATUS_OK || part->last)
		return status;
	status = voice_conversation_message(part->db, &found[0], &conversation);
	if (status != STATUS_OK)
		return status;
	part->after = (struct cursor){.key = found[0].updated_ms};
	strncpy(part->after.id, found[0].id, sizeof part->after.id - 1);
	message.n_conversations = 1;
	message.conversations = &list;
	part->length = voice__export_part__get_packed_size(&message);
	part->bytes = malloc(part->length + 1);
	if (part->bytes == NULL)
		return STATUS_OVERLOADED;
	voice__export_part__pack(&message, part->bytes);
	return STATUS_OK;
}

static void
voice_part_run(void *arg)
{
	struct voice_part *part = arg;

	part->status = voice_part_read(part);
}

enum status
voice_export(struct call *call, const void *message, void *reply)
{
	struct voice_part part = {.db = voice_of(call)->db, .user = call_user(call)};
	enum status status = call_stream_begin(call);

	(void)message;
	(void)reply;
	while (status == STATUS_OK && !part.last) {
		part.bytes = NULL;
		part.length = 0;
		status = subtask_run("export", 0, voice_part_run, &part);
		if (status == STATUS_OK)
			status = part.status;
		if (status == STATUS_OK && part.length > 0)
			status = call_stream_write(call, part.bytes, part.length);
		free(part.bytes);
	}
	return status;
}
