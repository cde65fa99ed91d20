/* SPDX-License-Identifier: MIT
 * A plan from the providers, one after the other. */
#include "services/planner/ai/plan_ai.h"

#include "common/ai/chat_schema.h"
#include "common/ai/prompts.h"
#include "common/ai/settings.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "services/planner/ai/plan_course.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAN_AI_MAGIC 0x91a1a1f0u

static const char plan_ai_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"days\"],\"properties\":{"
    "\"days\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"date\",\"items\"],\"properties\":{"
    "\"date\":{\"type\":\"string\",\"description\":\"YYYY-MM-DD\"},"
    "\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"title\",\"minutes\",\"kind\"],\"properties\":{"
    "\"title\":{\"type\":\"string\"},\"minutes\":{\"type\":\"integer\"},"
    "\"kind\":{\"type\":\"string\",\"enum\":[\"study\",\"review\",\"test\"]}}}}}}}}}";

struct plan_ai {
	unsigned magic;
	struct chat_list chats;
	struct chat_schema *schema;
	struct prompts *prompts;
};

struct plan_ai *
plan_ai_new(const struct ai_settings *settings, const char *prompts_dir, char *error,
            size_t error_size)
{
	struct plan_ai *ai = calloc(1, sizeof *ai);

	if (ai == NULL) {
		snprintf(error, error_size, "no memory");
		return NULL;
	}
	OBJ_INIT(ai, PLAN_AI_MAGIC);
	ai->prompts = prompts_new(prompts_dir, "planner", "plan.txt", error, error_size);
	if (ai->prompts != NULL)
		ai->schema = chat_schema_new("study_plan", plan_ai_schema, error, error_size);
	if (ai->schema == NULL || !chat_list_open(settings, &ai->chats, error, error_size))
		plan_ai_free(&ai);
	return ai;
}

void
plan_ai_free(struct plan_ai **ai)
{
	struct plan_ai *gone = *ai;

	*ai = NULL;
	if (gone == NULL)
		return;
	OBJ_CHECK(gone, PLAN_AI_MAGIC);
	chat_list_close(&gone->chats);
	chat_schema_free(&gone->schema);
	prompts_free(&gone->prompts);
	OBJ_FINI(gone);
	free(gone);
}

size_t
plan_ai_providers(const struct plan_ai *ai)
{
	return ai->chats.count;
}

bool
plan_ai_builtin(const struct plan_ai *ai)
{
	return ai->chats.builtin;
}

static enum status
plan_ai_course(const struct plan_ai *ai, const struct plan_ask *ask,
               const struct plan_ai_sink *sink, struct plan_ai_result *result,
               struct course *course)
{
	enum status status;

	OBJ_CHECK(ai, PLAN_AI_MAGIC);
	assert(ask->topic_count > 0);
	status = course_init(course, ask, sink, result);
	course->system = prompts_text(ai->prompts, ask->request->locale == PLAN_KO ? "ko" : "en");
	course->schema = ai->schema;
	return status;
}

/* The i-th to ask: whoever wrote the days that are had goes on first, then the others. */
static struct chat *
plan_ai_chat(const struct plan_ai *ai, const struct plan_ask *ask, size_t i)
{
	size_t writer = 0;

	for (size_t j = 0; j < ai->chats.count && ask->had_provider != NULL; j++)
		if (strcmp(chat_provider(ai->chats.chats[j]), ask->had_provider) == 0)
			writer = j;
	if (i == 0)
		return ai->chats.chats[writer];
	return ai->chats.chats[i <= writer ? i - 1 : i];
}

bool
plan_ai_first(const struct plan_ai *ai, const struct plan_ask *ask, struct plan_ai_first *first)
{
	struct chat_message message = {.role = CHAT_USER};
	struct chat_request request = {.messages = &message, .message_count = 1};
	struct plan_ai_result result = {0};
	struct course course;
	struct chat *chat;
	struct buf text;
	bool made = false;
	int until;

	if (ai->chats.count == 0 || plan_ai_course(ai, ask, NULL, &result, &course) != STATUS_OK ||
	    course.filled == course.rules.day_count)
		return false;
	buf_init(&text, 0);
	course_write(&course, &text, &request.max_tokens, &until);
	chat = plan_ai_chat(ai, ask, 0);
	if (!buf_failed(&text)) {
		request.system = course.system;
		request.schema = course.schema;
		message.text = text.bytes;
		first->provider = chat_provider(chat);
		first->model = chat_model(chat);
		first->tokens_at_most = chat_tokens_most(chat, &request);
		made = true;
	}
	buf_fini(&text);
	return made;
}

static void
plan_ai_log(const struct chat *chat, const struct course *course, enum status status)
{
	LOG_INFO("a provider made no plan", LOG_TEXT("provider", chat_provider(chat)),
	         LOG_TEXT("status", status_slug(status)), LOG_TEXT("why", course->result->why),
	         LOG_INT("days", course->filled), LOG_INT("of", course->rules.day_count));
}

enum status
plan_ai_make(struct plan_ai *ai, const struct plan_ask *ask, const struct plan_ai_sink *sink,
             struct plan_ai_result *result)
{
	struct course course;
	enum status status;

	*result = (struct plan_ai_result){0};
	status = plan_ai_course(ai, ask, sink, result, &course);
	for (size_t i = 0; i < ai->chats.count && status == STATUS_OK; i++) {
		struct chat *chat = plan_ai_chat(ai, ask, i);

		if (i > 0)
			status = course_reset(&course, "another provider starts over");
		if (status != STATUS_OK)
			break;
		status = course_run(&course, chat, i, ai->chats.count);
		if (status == STATUS_OK) {
			result->provider = result->calls > 0 ? chat_provider(chat) : NULL;
			result->model = result->calls > 0 ? chat_model(chat) : NULL;
			result->why[0] = '\0';
			return STATUS_OK;
		}
		plan_ai_log(chat, &course, status);
		if (status == STATUS_PROVIDERS_FAILED)
			status = STATUS_OK; /* the next one */
	}
	if (status != STATUS_OK)
		return status;
	return course.out_of_budget && !course.failed ? STATUS_QUOTA_EXCEEDED
	                                              : STATUS_PROVIDERS_FAILED;
}
