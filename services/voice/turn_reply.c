/* SPDX-License-Identifier: MIT
 * What the tutor says: an AI that is told the facts, else the rules of the built-in tutor. */
#include "services/voice/turn.h"

#include "common/ai/provider.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "services/voice/phrases.h"
#include "services/voice/tutor.h"
#include "services/voice/tutor_ai.h"

/* --- the facts ------------------------------------------------------------------------------- */

static const char *const turn_kinds[] = {"study", "review", "test"};

static enum status
turn_items(Planner__Item *const *from, size_t count, struct tutor_items *to)
{
	struct tutor_item *items = arena_calloc(task_arena(), count + 1, sizeof *items);

	if (items == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++)
		items[i] =
		    (struct tutor_item){.title = from[i]->title,
		                        .minutes = from[i]->minutes,
		                        .kind = (unsigned)from[i]->kind < COUNT_OF(turn_kinds)
		                                    ? turn_kinds[from[i]->kind]
		                                    : NULL,
		                        .done = from[i]->done};
	*to = (struct tutor_items){items, count};
	return STATUS_OK;
}

static enum status
turn_context(const struct turn_run *run, struct tutor_context *context)
{
	const Planner__TutorContext *plan = run->plan;
	size_t past = run->past_count;

	*context =
	    (struct tutor_context){.locale = run->locale,
	                           .today = plan->today,
	                           .next_date = plan->n_next > 0 ? plan->next[0]->date : NULL,
	                           .exam_date = plan->exam_date,
	                           .goal = plan->goal,
	                           .last_reply = past > 0 ? run->past[past - 1].reply : NULL};
	if (run->week != NULL) {
		context->minutes_this_week = run->week->total_minutes;
		context->streak_days = run->week->streak_days;
	}
	if (turn_items(plan->due, plan->n_due, &context->due) != STATUS_OK ||
	    turn_items(plan->late, plan->n_late, &context->late) != STATUS_OK)
		return STATUS_OVERLOADED;
	return turn_items(plan->next, plan->n_next, &context->next);
}

/* --- the tutors ------------------------------------------------------------------------------ */

static void
turn_free_buf(void *arg)
{
	buf_fini(arg);
}

static enum status
turn_reply_by_rules(struct turn_run *run, const struct tutor_context *context)
{
	struct phrase_match *match = arena_alloc(task_arena(), sizeof *match);
	struct buf *text = arena_alloc(task_arena(), sizeof *text);

	if (match == NULL || text == NULL)
		return STATUS_OVERLOADED;
	buf_init(text, TUTOR_REPLY_MAX);
	if (arena_adopt(task_arena(), text, turn_free_buf) != 0)
		return STATUS_OVERLOADED;
	phrases_match(run->turn.transcript, match);
	tutor_reply(context, match, text);
	if (buf_failed(text) || text->length == 0)
		return STATUS_OVERLOADED;
	run->turn.reply = text->bytes;
	run->turn.chat = TURN_BUILTIN;
	return STATUS_OK;
}

/* PROVIDERS_FAILED: there is no reply. */
static enum status
turn_reply_by_ai(struct turn_run *run, const struct tutor_context *context)
{
	struct tutor_exchange *past = arena_calloc(task_arena(), run->past_count + 1, sizeof *past);
	const struct provider_watch watch = {run, turn_call_starts, turn_call_ended};
	struct tutor_ai_ask ask = {
	    .watch = &watch,
	    .question = {context, run->turn.transcript, past, run->past_count},
	    .mark = arena_printf(task_arena(), "%s:chat", run->turn.id)};
	struct tutor_ai_answer answer;
	uint64_t begun_us = clock_us();
	enum status status;

	if (past == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < run->past_count; i++)
		past[i] = (struct tutor_exchange){run->past[i].transcript, run->past[i].reply};
	status = tutor_ai_reply(voice_of(run->call)->tutor, &ask, &answer);
	call_add_ai_time(run->call, clock_us() - begun_us);
	run->turn.reply = answer.reply;
	run->turn.chat = answer.provider;
	return status;
}

enum status
turn_reply(struct turn_run *run)
{
	const struct tutor_ai *ai = voice_of(run->call)->tutor;
	struct tutor_context context;
	enum status status = turn_context(run, &context);

	if (status == STATUS_OK && tutor_ai_providers(ai) > 0) {
		status = turn_reply_by_ai(run, &context);
		if (status != STATUS_PROVIDERS_FAILED || !tutor_ai_builtin(ai))
			return status;
		status = STATUS_OK;
	}
	return status == STATUS_OK ? turn_reply_by_rules(run, &context) : status;
}
