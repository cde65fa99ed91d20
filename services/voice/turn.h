/* SPDX-License-Identifier: MIT
 *
 * A turn on its way, shared by handlers_turn.c and the steps that have files of their own.
 */
#ifndef STUDYHALL_VOICE_TURN_H
#define STUDYHALL_VOICE_TURN_H

#include "common/ai/outcome.h"
#include "services/voice/store.h"
#include "services/voice/voice.h"

#include "history.pb-c.h"
#include "planner.pb-c.h"
#include "voice.pb-c.h"

#define TURN_BUILTIN "builtin"

/* Calls of AI providers that one turn may make, and what each has used. */
#define TURN_CALLS_MOST 12
struct turn_calls {
	size_t count;
	struct turn_call {
		char *mark;
		bool started;
		uint32_t prompt_tokens, completion_tokens;
	} list[TURN_CALLS_MOST];
	bool closed; /* the planner cannot be asked: no more calls */
};

struct turn_run {
	struct call *call;
	const Voice__CreateTurnRequest *request;
	const char *locale;
	Planner__TutorContext *plan; /* what the planner knows */
	History__Summary *week;      /* what history knows; NULL while it is away */
	bool is_new;                 /* the turn opens its conversation */
	struct voice_conversation conversation;
	struct voice_turn turn;
	struct voice_turn *past; /* the latest turns before it, the oldest first */
	size_t past_count;
	struct turn_calls calls;
};

/* turn_facts.c: asks the planner and history. The planner being away ends the turn; history being
 * away costs the reply its praise. */
enum status turn_ask_planner(struct turn_run *run);
enum status turn_ask_history(struct turn_run *run);

/* turn_tokens.c: the watch of a turn's calls: each is reserved at the planner before it is sent,
 * and none is sent that could not be. `arg` is the turn. */
enum status turn_call_starts(void *arg, const char *provider, const char *model,
                             uint32_t tokens_at_most, unsigned *number);
void turn_call_ended(void *arg, unsigned number, enum ai_outcome outcome, uint32_t prompt_tokens,
                     uint32_t completion_tokens, const char *why);
/* Tells the planner through the outbox what they have used, when there will be no turn. Should that
 * fail too, what was reserved stays spent. */
void turn_settle_alone(struct turn_run *run);

/* turn_store.c: writes turns (struct turn_run), each with its event and what its calls have used,
 * in one transaction: UNAUTHENTICATED when the user was erased meanwhile, NOT_FOUND when the
 * conversation was deleted; or only the latter for a turn that failed. */
struct db_batch *turn_store_batch(struct db *db);
enum status turn_settle(struct turn_run *run, struct db *tx);

/* turn_reply.c: sets turn.reply and turn.chat: by the AI, else by the built-in tutor. */
enum status turn_reply(struct turn_run *run);

#endif
