/* SPDX-License-Identifier: MIT
 *
 * A turn on its way, shared by handlers_turn.c and the steps that have files of their own.
 */
#ifndef STUDYHALL_VOICE_TURN_H
#define STUDYHALL_VOICE_TURN_H

#include "services/voice/store.h"
#include "services/voice/voice.h"

#include "history.pb-c.h"
#include "planner.pb-c.h"
#include "voice.pb-c.h"

#define TURN_BUILTIN "builtin"

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
};

/* turn_facts.c: asks the planner and history. The planner being away ends the turn; history being
 * away costs the reply its praise. */
enum status turn_ask_planner(struct turn_run *run);
enum status turn_ask_history(struct turn_run *run);

/* turn_reply.c: sets turn.reply and turn.chat: by the AI, else by the built-in tutor. */
enum status turn_reply(struct turn_run *run);

#endif
