/* SPDX-License-Identifier: MIT
 * What stays of a turn: its row, the event for history, what its calls have used. Many turns that
 * end at the same time are written together. */
#include "services/voice/turn.h"

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/io/db.h"
#include "common/io/db_batch.h"
#include "common/service/outbox.h"
#include "common/task/task.h"

#define TURN_SETTLE_METHOD "planner.Planner/SettleTokens"

/* In the arena of the task that asks. */
static Common__Event *
turn_event(const struct turn_run *run)
{
	Common__Event *event = arena_alloc(task_arena(), sizeof *event);
	char *at = arena_alloc(task_arena(), INSTANT_TEXT_SIZE);
	char *id = arena_printf(task_arena(), "turn-%s", run->turn.id);

	if (event == NULL || at == NULL || id == NULL)
		return NULL;
	common__event__init(event);
	instant_format(run->turn.created_ms * 1000, at);
	event->id = id;
	event->has_version = true;
	event->version = 1;
	event->user_id = (char *)(uintptr_t)call_user(run->call);
	event->has_type = true;
	event->type = COMMON__EVENT__TYPE__voice_turn;
	event->at = at;
	event->note = (char *)(uintptr_t)run->turn.transcript;
	event->ref = (char *)(uintptr_t)run->turn.id;
	return event;
}

/* The same; NULL without memory. */
static ProtobufCMessage *
turn_settlement(const struct turn_run *run)
{
	const struct turn_calls *calls = &run->calls;
	Planner__SettleTokensRequest *message = arena_alloc(task_arena(), sizeof *message);
	Planner__TokenUse *uses = arena_alloc(task_arena(), calls->count * sizeof *uses);
	Planner__TokenUse **list = arena_alloc(task_arena(), calls->count * sizeof(void *));

	if (message == NULL || uses == NULL || list == NULL)
		return NULL;
	planner__settle_tokens_request__init(message);
	for (size_t i = 0; i < calls->count; i++) {
		list[i] = &uses[i];
		planner__token_use__init(&uses[i]);
		uses[i].mark = calls->list[i].mark;
		uses[i].has_prompt_tokens = uses[i].has_completion_tokens = true;
		uses[i].prompt_tokens = calls->list[i].prompt_tokens;
		uses[i].completion_tokens = calls->list[i].completion_tokens;
	}
	message->user_id = (char *)(uintptr_t)call_user(run->call);
	message->n_uses = calls->count;
	message->uses = list;
	return &message->base;
}

enum status
turn_settle(struct turn_run *run, struct db *tx)
{
	ProtobufCMessage *message;

	if (run->calls.count == 0)
		return STATUS_OK;
	message = turn_settlement(run);
	return message != NULL ? outbox_put_order(tx, "planner", TURN_SETTLE_METHOD, message)
	                       : STATUS_OVERLOADED;
}

/* --- one ----------------------------------------------------------------------------------------
 */

static enum status
turn_store_tx(struct db *tx, void *arg)
{
	struct turn_run *run = arg;
	const char *user = call_user(run->call);
	const Common__Event *event = turn_event(run);
	enum status status;

	if (event == NULL)
		return STATUS_OVERLOADED;
	if (run->is_new)
		status = voice_store_insert(tx, user, &run->conversation);
	else
		status = voice_store_get(tx, user, run->conversation.id, true, &run->conversation);
	if (status == STATUS_OK && !run->is_new)
		status = voice_store_count_turn(tx, run->conversation.id, &run->turn);
	if (status == STATUS_OK)
		status = voice_store_add_turn(tx, run->conversation.id, &run->turn);
	if (status == STATUS_OK)
		status = outbox_put_event(tx, event);
	if (status == STATUS_OK)
		status = turn_settle(run, tx);
	if (status == STATUS_OK)
		status = voice_store_unless_erased(tx, user);
	return status;
}

/* --- many ---------------------------------------------------------------------------------------
 */

struct turn_many {
	struct voice_new_turn *turns;
	Common__Event **events;
	const ProtobufCMessage **settlements;
	size_t settlement_count;
};

static bool
turn_many_new(struct turn_many *many, void *const *units, size_t count)
{
	struct arena *arena = task_arena();

	many->turns = arena_calloc(arena, count, sizeof *many->turns);
	many->events = arena_calloc(arena, count, sizeof *many->events);
	many->settlements = arena_calloc(arena, count, sizeof *many->settlements);
	many->settlement_count = 0;
	if (many->turns == NULL || many->events == NULL || many->settlements == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct turn_run *run = units[i];

		many->turns[i] = (struct voice_new_turn){call_user(run->call), run->is_new,
		                                         &run->conversation, &run->turn};
		many->events[i] = turn_event(run);
		if (many->events[i] == NULL)
			return false;
		if (run->calls.count == 0)
			continue;
		many->settlements[many->settlement_count] = turn_settlement(run);
		if (many->settlements[many->settlement_count++] == NULL)
			return false;
	}
	return true;
}

static enum status
turn_store_many(struct db *tx, void *const *units, size_t count)
{
	struct turn_many many;
	enum status status;

	if (!turn_many_new(&many, units, count))
		return STATUS_OVERLOADED;
	status = voice_store_add_many(tx, many.turns, count);
	if (status == STATUS_OK)
		status = outbox_put_events(tx, many.events, count);
	if (status == STATUS_OK)
		status = outbox_put_orders(tx, "planner", TURN_SETTLE_METHOD, many.settlements,
		                           many.settlement_count);
	if (status == STATUS_OK)
		status = voice_store_none_erased(tx, many.turns, count);
	return status;
}

struct db_batch *
turn_store_batch(struct db *db)
{
	return db_batch_new(db, "turns", turn_store_many, turn_store_tx);
}
