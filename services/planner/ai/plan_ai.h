/* SPDX-License-Identifier: MIT
 *
 * A study plan from the AI providers: asks them in the order of AI_PROVIDERS, checks what they
 * write, hands out each day as soon as it is complete, and goes on where an answer was cut off. It
 * knows no database: whoever calls records what it is told through the sink.
 *
 * The course. A call that fails before it has said anything is repeated within the provider's
 * limits (common/ai/provider.h). An answer that was cut off, or breaks rules in some of its days,
 * costs nothing that was good: complete days are kept, and only the rest is asked for, with what
 * was wrong named. When a provider's calls are spent, the next one starts over (reset).
 */
#ifndef STUDYHALL_PLANNER_AI_PLAN_AI_H
#define STUDYHALL_PLANNER_AI_PLAN_AI_H

#include "common/ai/outcome.h"
#include "common/base/status.h"
#include "services/planner/builtin/schedule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ai_settings;
struct plan_ai;

struct plan_day_item {
	const char *title; /* NFC, 1..PLAN_MAX_TEXT code points */
	int minutes;
	enum plan_kind kind;
};

struct plan_day {
	int32_t day; /* days since 1970-01-01 */
	const struct plan_day_item *items;
	size_t count; /* 1..PLAN_MAX_ITEMS */
};

struct plan_ask {
	const struct schedule_request *request; /* days, rest days, minutes, level, locale, goal */
	const char *subject;                    /* may be NULL */
	const char *const *topics;              /* resolved, as goal_topics() does */
	size_t topic_count;                     /* 1..PLAN_MAX_TOPICS */
	const struct plan_day *had;             /* of a former attempt, in date order, from the */
	size_t had_count;                       /* first study day on without a gap */
	const char *had_provider;               /* who wrote them, and so goes on first; or NULL */
	const char *mark;                       /* "JOB:ATTEMPT": begins each Idempotency-Key */
	uint64_t give_up_ms;                    /* clock_ms() of the soft limit; 0: none */
};

/* Each function is called from the task that called plan_ai_make(). */
struct plan_ai_sink {
	void *arg;
	/* A call is about to go out: reserves its tokens and records its start durably; may yield.
	 * `number` is the call's in its job. OK: it goes out now. QUOTA_EXCEEDED: the budget is
	 * spent; no call, the next provider may still have one. Anything else: no call, it is over,
	 * and plan_ai_make() returns it. */
	enum status (*call_starts)(void *arg, const char *provider, const char *model,
	                           uint32_t tokens_at_most, unsigned *number);
	/* Exactly once for each call that started. The tokens are the provider's figures; where it
	 * gave none, an estimate of what had come in, and 0 when nothing had. `why` is one line for
	 * the record, "" if answered. Must not yield. */
	void (*call_ended)(void *arg, unsigned number, enum ai_outcome outcome,
	                   uint32_t prompt_tokens, uint32_t completion_tokens, const char *why);
	/* A checked day, in date order; valid during the call. May yield. Anything but OK ends it.
	 */
	enum status (*day)(void *arg, const struct plan_day *day);
	/* All days so far, those had included, are void: another provider, or the same one after a
	 * plan that left topics out, starts over. May yield. Anything but OK ends it. */
	enum status (*reset)(void *arg, const char *reason);
};

struct plan_ai_result {
	/* Who wrote the plan, valid as long as the process; NULL if there is none, or if all days
	 * were had before. */
	const char *provider, *model;
	uint32_t prompt_tokens, completion_tokens; /* over all calls made here */
	unsigned calls;
	char why[160]; /* of a failure, one line; "" if OK. Never holds a key */
};

/* What the first call of plan_ai_make() would be, so that its start can be recorded with the job.
 */
struct plan_ai_first {
	const char *provider, *model;
	uint32_t tokens_at_most;
};

/* For the whole process, before its workers run: reads the prompts of `prompts_dir`. NULL with one
 * line in `error`. Without any provider that has a key it is fine, and makes no plan. */
struct plan_ai *plan_ai_new(const struct ai_settings *settings, const char *prompts_dir,
                            char *error, size_t error_size);
void plan_ai_free(struct plan_ai **ai);
/* Providers that are in use, without the built-in one; and whether AI_PROVIDERS has that too. */
size_t plan_ai_providers(const struct plan_ai *ai);
bool plan_ai_builtin(const struct plan_ai *ai);

/* False without a provider. When the first provider is refusing calls just now, the first call is
 * another one after all: call_starts() has the last word. */
bool plan_ai_first(const struct plan_ai *ai, const struct plan_ask *ask,
                   struct plan_ai_first *first);

/* From a task of a worker with fetch_attach(); yields; memory from its arena. OK: every study day
 * was given to the sink, or had before. PROVIDERS_FAILED: no provider made it. QUOTA_EXCEEDED: all
 * that was left to do had no budget. DEADLINE: the soft limit or the task's own. CANCELLED: the
 * transfer has been aborted. Else what the sink said, or OVERLOADED (no memory). */
enum status plan_ai_make(struct plan_ai *ai, const struct plan_ask *ask,
                         const struct plan_ai_sink *sink, struct plan_ai_result *result);

#endif
