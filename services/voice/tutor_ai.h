/* SPDX-License-Identifier: MIT
 *
 * The tutor's reply by the AI providers, in the order of AI_PROVIDERS: one that fails or stalls is
 * followed by the next. It knows no database: who pays is asked through the watch. Thread-safe.
 */
#ifndef STUDYHALL_VOICE_TUTOR_AI_H
#define STUDYHALL_VOICE_TUTOR_AI_H

#include "common/ai/provider.h"
#include "services/voice/tutor_prompt.h"

struct ai_settings;
struct tutor_ai;

/* Reads the prompts if any provider has a key. NULL with one line in `error`. */
struct tutor_ai *tutor_ai_new(const struct ai_settings *settings, const char *prompts_dir,
                              char *error, size_t error_size);
/* When no call is left. */
void tutor_ai_free(struct tutor_ai **ai);

/* Providers in use; and whether the built-in tutor may reply when they do not. */
size_t tutor_ai_providers(const struct tutor_ai *ai);
bool tutor_ai_builtin(const struct tutor_ai *ai);

struct tutor_ai_ask {
	struct tutor_question question;
	const char *mark;                   /* begins each Idempotency-Key */
	const struct provider_watch *watch; /* starts(): anything but OK: not this provider */
};

struct tutor_ai_answer {
	const char *reply; /* in the task's arena */
	const char *provider;
};

/* From a task of a worker with fetch_attach(); yields. OK: there is a reply. PROVIDERS_FAILED:
 * there is none (no budget, no provider well, no time). CANCELLED, DEADLINE: the task's. */
enum status tutor_ai_reply(struct tutor_ai *ai, const struct tutor_ai_ask *ask,
                           struct tutor_ai_answer *answer);

#endif
