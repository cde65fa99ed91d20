/* SPDX-License-Identifier: MIT
 * What a turn's calls of AI providers cost. The budgets are the planner's; a call goes out only
 * when it has reserved what the call may take at most. */
#include "services/voice/turn.h"

#include "common/actor/rpc.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/service/outbox.h"
#include "common/service/subtask.h"
#include "common/task/task.h"

#define TURN_RESERVE_MS 2000 /* for the planner to say yes or no */
#define TURN_SETTLE_MS  5000 /* for the database to take what a failed turn has used */

static enum status
turn_reserve(struct turn_run *run, struct turn_call *call, const char *provider, uint32_t tokens)
{
	Planner__ReserveTokensRequest message = PLANNER__RESERVE_TOKENS_REQUEST__INIT;
	struct rpc_request request = {.method = "planner.Planner/ReserveTokens",
	                              .message = &message.base,
	                              .identity = *call_identity(run->call),
	                              .answer_by_ms = clock_ms() + TURN_RESERVE_MS,
	                              .idempotent = true};
	struct reply reply;

	message.mark = call->mark;
	message.provider = (char *)(uintptr_t)provider;
	message.has_tokens = true;
	message.tokens = tokens;
	return rpc_call(voice_of(run->call)->planner, &request, &reply);
}

enum status
turn_call_starts(void *arg, const char *provider, const char *model, uint32_t tokens_at_most,
                 unsigned *number)
{
	struct turn_run *run = arg;
	struct turn_calls *calls = &run->calls;
	struct turn_call *call = &calls->list[calls->count];
	enum status status;

	(void)model;
	if (calls->closed || calls->count == TURN_CALLS_MOST)
		return STATUS_OVERLOADED;
	call->mark = arena_printf(task_arena(), "%s:%zu", run->turn.id, calls->count + 1);
	if (call->mark == NULL)
		return STATUS_OVERLOADED;
	status = turn_reserve(run, call, provider, tokens_at_most);
	if (status == STATUS_QUOTA_EXCEEDED) {
		LOG_INFO("there is no budget for a tutor's reply", LOG_TEXT("provider", provider));
		return status;
	}
	/* Without an answer the reservation may have been made all the same: it is given back. */
	calls->count++;
	if (status != STATUS_OK) {
		calls->closed = true;
		LOG_WARN("a tutor's reply cannot be paid for", LOG_TEXT("provider", provider),
		         LOG_TEXT("status", status_slug(status)));
		return status;
	}
	call->started = true;
	*number = (unsigned)calls->count;
	return STATUS_OK;
}

void
turn_call_ended(void *arg, unsigned number, enum ai_outcome outcome, uint32_t prompt_tokens,
                uint32_t completion_tokens, const char *why)
{
	struct turn_run *run = arg;
	struct turn_call *call;

	(void)outcome;
	(void)why;
	assert(number >= 1 && number <= run->calls.count);
	call = &run->calls.list[number - 1];
	assert(call->started);
	call->prompt_tokens = prompt_tokens;
	call->completion_tokens = completion_tokens;
}

static enum status
turn_settle_tx(struct db *tx, void *arg)
{
	return turn_settle(arg, tx);
}

static void
turn_settle_failed(enum status status)
{
	LOG_WARN("what a tutor's reply reserved stays spent",
	         LOG_TEXT("status", status_slug(status)));
}

static void
turn_settle_task(void *arg)
{
	struct turn_run *run = arg;
	struct voice *voice = voice_of(run->call);
	enum status status = db_transact(voice->db, turn_settle_tx, run);

	if (status == STATUS_OK)
		outbox_nudge(voice->outbox, "planner");
	else
		turn_settle_failed(status);
}

void
turn_settle_alone(struct turn_run *run)
{
	enum status status = STATUS_OK;

	if (run->calls.count > 0)
		status = subtask_finish("settle", TURN_SETTLE_MS, turn_settle_task, run);
	if (status != STATUS_OK)
		turn_settle_failed(status);
}
