/* SPDX-License-Identifier: MIT
 * One chat after the other is asked what to say. */
#include "services/voice/tutor_ai.h"

#include "common/ai/chat.h"
#include "common/ai/prompts.h"
#include "common/ai/settings.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "services/voice/share.h"

#include <stdio.h>
#include <stdlib.h>

#define TUTOR_AI_MAGIC    0x70f0a100u
#define TUTOR_AI_TOKENS   600 /* of a reply: Hangul takes two or three a syllable */
#define TUTOR_AI_QUESTION ((size_t)64 << 10)
#define TUTOR_AI_ANSWER   ((size_t)256 << 10)
/* Somebody waits for the answer, and another tutor is at hand: little is tried again. */
#define TUTOR_AI_ATTEMPTS  2
#define TUTOR_AI_WAIT_S    1
#define TUTOR_AI_SILENCE_S 5

struct tutor_ai {
	unsigned magic;
	struct chat_list chats;
	struct prompts *prompts; /* NULL without chats */
	struct metric *answered[CHAT_LIST_MOST], *failed[CHAT_LIST_MOST];
};

static int64_t
tutor_ai_least(int64_t setting, int64_t most)
{
	return setting < most ? setting : most;
}

static bool
tutor_ai_set_metrics(struct tutor_ai *ai)
{
	static const char name[] = "studyhall_voice_engines_total";
	static const char help[] = "Questions to speech engines, by what came of them";
	static const char labels[] = "stage=\"chat\",engine=\"%s\",outcome=\"%s\"";
	bool all = true;

	for (size_t i = 0; i < ai->chats.count; i++) {
		const char *who = chat_provider(ai->chats.chats[i]);

		ai->answered[i] = metric_new(METRIC_COUNTER, name, help, labels, who, "answered");
		ai->failed[i] = metric_new(METRIC_COUNTER, name, help, labels, who, "failed");
		all = all && ai->answered[i] != NULL && ai->failed[i] != NULL;
	}
	return all;
}

struct tutor_ai *
tutor_ai_new(const struct ai_settings *settings, const char *prompts_dir, char *error,
             size_t error_size)
{
	struct tutor_ai *ai = calloc(1, sizeof *ai);
	struct ai_settings quick = *settings;

	snprintf(error, error_size, "no memory");
	if (ai == NULL)
		return NULL;
	OBJ_INIT(ai, TUTOR_AI_MAGIC);
	quick.attempts = tutor_ai_least(quick.attempts, TUTOR_AI_ATTEMPTS);
	quick.wait_s = tutor_ai_least(quick.wait_s, TUTOR_AI_WAIT_S);
	quick.retry_after_s = tutor_ai_least(quick.retry_after_s, TUTOR_AI_WAIT_S);
	quick.silence_s = tutor_ai_least(quick.silence_s, TUTOR_AI_SILENCE_S);
	if (!chat_list_open(&quick, &ai->chats, error, error_size)) {
		tutor_ai_free(&ai);
		return NULL;
	}
	if (ai->chats.count == 0)
		return ai;
	ai->prompts = prompts_new(prompts_dir, "voice", "tutor.txt", error, error_size);
	if (ai->prompts == NULL || !tutor_ai_set_metrics(ai))
		tutor_ai_free(&ai);
	return ai;
}

void
tutor_ai_free(struct tutor_ai **aip)
{
	struct tutor_ai *ai = *aip;

	*aip = NULL;
	if (ai == NULL)
		return;
	OBJ_CHECK(ai, TUTOR_AI_MAGIC);
	chat_list_close(&ai->chats);
	prompts_free(&ai->prompts);
	OBJ_FINI(ai);
	free(ai);
}

size_t
tutor_ai_providers(const struct tutor_ai *ai)
{
	return ai->chats.count;
}

bool
tutor_ai_builtin(const struct tutor_ai *ai)
{
	return ai->chats.builtin || ai->chats.count == 0;
}

/* --- asking ---------------------------------------------------------------------------------- */

/* PROVIDERS_FAILED: the next one may be asked. */
static enum status
tutor_ai_ask_one(struct tutor_ai *ai, size_t i, struct chat_request *request,
                 struct tutor_ai_answer *answer)
{
	struct chat *chat = ai->chats.chats[i];
	struct chat_answer said = {0};
	struct share share;
	enum status status;

	if (!share_time(SHARE_SPEAK + SHARE_STORE, ai->chats.count - i, &share))
		return STATUS_PROVIDERS_FAILED;
	request->give_up_ms = share.give_up_ms;
	request->first_byte_ms = share.first_byte_ms;
	request->last = i + 1 == ai->chats.count && !ai->chats.builtin;
	status = chat_ask(chat, request, &said);
	if (status == STATUS_OK)
		answer->reply = tutor_clean_reply(task_arena(), said.text, said.length,
		                                  said.finish == CHAT_STOP);
	if (answer->reply != NULL) {
		metric_add(ai->answered[i], 1);
		answer->provider = chat_provider(chat);
		return STATUS_OK;
	}
	metric_add(ai->failed[i], 1);
	LOG_INFO("a provider made no reply", LOG_TEXT("provider", chat_provider(chat)),
	         LOG_TEXT("status", status_slug(status)),
	         LOG_TEXT("why", status == STATUS_OK ? "it is nothing to say" : said.why));
	if (task_cancelled())
		return STATUS_CANCELLED;
	return task_time_left() == 0 ? STATUS_DEADLINE : STATUS_PROVIDERS_FAILED;
}

enum status
tutor_ai_reply(struct tutor_ai *ai, const struct tutor_ai_ask *ask, struct tutor_ai_answer *answer)
{
	struct chat_message message = {.role = CHAT_USER};
	struct chat_request request = {.messages = &message,
	                               .message_count = 1,
	                               .max_tokens = TUTOR_AI_TOKENS,
	                               .answer_limit = TUTOR_AI_ANSWER,
	                               .mark = ask->mark,
	                               .watch = ask->watch};
	enum status status = STATUS_PROVIDERS_FAILED;
	struct buf text;

	OBJ_CHECK(ai, TUTOR_AI_MAGIC);
	*answer = (struct tutor_ai_answer){0};
	if (ai->chats.count == 0)
		return status;
	buf_init(&text, TUTOR_AI_QUESTION);
	tutor_write_question(&text, &ask->question);
	request.system = prompts_text(ai->prompts, ask->question.context->locale);
	message.text = text.bytes;
	for (size_t i = 0; !buf_failed(&text) && i < ai->chats.count; i++) {
		status = tutor_ai_ask_one(ai, i, &request, answer);
		if (status != STATUS_PROVIDERS_FAILED)
			break;
	}
	buf_fini(&text);
	return status;
}
