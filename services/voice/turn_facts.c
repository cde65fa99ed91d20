/* SPDX-License-Identifier: MIT
 * What the other actors know of a learner. */
#include "services/voice/turn.h"

#include "common/actor/rpc.h"
#include "common/base/date.h"

#define TURN_WEEK_DAYS 7

enum status
turn_ask_history(struct turn_run *run)
{
	struct voice *voice = voice_of(run->call);
	History__SummaryRequest message = HISTORY__SUMMARY_REQUEST__INIT;
	char from[DATE_TEXT_SIZE];
	struct rpc_request request = {.method = "history.History/Summarize",
	                              .message = &message.base,
	                              .identity = *call_identity(run->call),
	                              .idempotent = true};
	ProtobufCMessage *answer;
	struct reply reply;
	int32_t today;

	if (!date_parse(run->plan->today, &today))
		return STATUS_INTERNAL;
	date_format(today - TURN_WEEK_DAYS + 1, from);
	message.from = from;
	message.to = run->plan->today;
	switch (
	    rpc_invoke(voice->history, &request, &history__summary__descriptor, &answer, &reply)) {
	case STATUS_OK: run->week = (History__Summary *)answer; return STATUS_OK;
	case STATUS_CANCELLED: return STATUS_CANCELLED;
	case STATUS_DEADLINE: return STATUS_DEADLINE;
	default: return STATUS_OK;
	}
}

enum status
turn_ask_planner(struct turn_run *run)
{
	struct voice *voice = voice_of(run->call);
	Planner__TutorContextRequest message = PLANNER__TUTOR_CONTEXT_REQUEST__INIT;
	struct rpc_request request = {.method = "planner.Planner/GetTutorContext",
	                              .message = &message.base,
	                              .identity = *call_identity(run->call),
	                              .idempotent = true};
	ProtobufCMessage *answer;
	struct reply reply;
	enum status status = rpc_invoke(voice->planner, &request,
	                                &planner__tutor_context__descriptor, &answer, &reply);

	if (status != STATUS_OK)
		return call_fail_as(run->call, &reply);
	run->plan = (Planner__TutorContext *)answer;
	return run->plan->today != NULL ? STATUS_OK : STATUS_INTERNAL;
}
