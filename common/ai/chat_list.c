/* SPDX-License-Identifier: MIT
 * From settings to chats: which providers are in use, and with what. */
#include "common/ai/chat_private.h"
#include "common/ai/settings.h"
#include "common/base/log.h"
#include "common/base/obj.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- one chat -------------------------------------------------------------------------------- */

/* What differs between the two. */
struct chat_source {
	const char *name, *key_setting, *url_setting, *model_setting;
	const char *keys, *url, *model, *thinking;
	const char *version; /* of the API, which paths begin with */
	int64_t concurrency;
	const struct chat_dialect *dialect;
};

static void
chat_free(struct chat **chat)
{
	struct chat *gone = *chat;

	*chat = NULL;
	if (gone == NULL)
		return;
	OBJ_CHECK(gone, CHAT_MAGIC);
	provider_free(&gone->provider);
	free(gone->model);
	free(gone->thinking);
	free(gone->url);
	OBJ_FINI(gone);
	free(gone);
}

static bool
chat_model_valid(const char *model)
{
	size_t length = strspn(model, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                              "0123456789._:/@+-");

	return length > 0 && length <= 128 && model[length] == '\0';
}

static enum chat_format
chat_format_of(const struct ai_settings *settings)
{
	if (strcmp(settings->openai_format, "json_object") == 0)
		return CHAT_JSON_OBJECT;
	return strcmp(settings->openai_format, "none") == 0 ? CHAT_NO_FORMAT : CHAT_JSON_SCHEMA;
}

static struct chat *
chat_new(const struct ai_settings *settings, const struct chat_source *source, char *error,
         size_t error_size)
{
	struct provider_options options = {.name = source->name,
	                                   .keys = source->keys,
	                                   .key_header = source->dialect->key_header,
	                                   .concurrency = (unsigned)source->concurrency};
	struct chat *chat = calloc(1, sizeof *chat);
	char why[128] = "no memory";

	if (chat == NULL) {
		snprintf(error, error_size, "%s", why);
		return NULL;
	}
	OBJ_INIT(chat, CHAT_MAGIC);
	ai_provider_options(settings, &options);
	chat->dialect = source->dialect;
	chat->model = strdup(source->model);
	chat->url = ai_base_url(source->url, source->version);
	chat->thinking = source->thinking != NULL ? strdup(source->thinking) : NULL;
	chat->thinking_tokens = (uint32_t)settings->thinking_tokens;
	chat->format = chat_format_of(settings);
	options.base_url = chat->url;
	if (!chat_model_valid(source->model)) {
		snprintf(error, error_size, "%s: no name of a model", source->model_setting);
		chat_free(&chat);
		return NULL;
	}
	if (chat->model != NULL && chat->url != NULL &&
	    (chat->thinking != NULL) == (source->thinking != NULL))
		chat->provider = provider_new(&options, why, sizeof why);
	if (chat->provider == NULL) {
		snprintf(error, error_size, "%s or %s: %s", source->url_setting,
		         source->key_setting, why);
		chat_free(&chat);
		return NULL;
	}
	chat->official = strcmp(provider_host(chat->provider), "api.openai.com") == 0;
	return chat;
}

/* --- the list -------------------------------------------------------------------------------- */

static bool
chat_list_add(const struct ai_settings *settings, const struct chat_source *source,
              struct chat_list *list, char *error, size_t error_size)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->chats[i]->dialect == source->dialect)
			return true;
	if (!ai_has_key(source->keys)) {
		LOG_INFO("an AI provider without a key is not used",
		         LOG_TEXT("provider", source->name),
		         LOG_TEXT("setting", source->key_setting));
		return true;
	}
	list->chats[list->count] = chat_new(settings, source, error, error_size);
	if (list->chats[list->count] == NULL)
		return false;
	list->count++;
	return true;
}

static bool
chat_list_add_word(const struct ai_settings *settings, const char *word, struct chat_list *list,
                   char *error, size_t error_size)
{
	const struct chat_source gemini = {"gemini",
	                                   "GEMINI_API_KEY",
	                                   "GEMINI_BASE_URL",
	                                   "GEMINI_MODEL",
	                                   settings->gemini_keys,
	                                   settings->gemini_url,
	                                   settings->gemini_model,
	                                   settings->gemini_thinking,
	                                   "/v1beta",
	                                   settings->gemini_concurrency,
	                                   &chat_gemini};
	const struct chat_source openai = {"openai",
	                                   "OPENAI_API_KEY",
	                                   "OPENAI_BASE_URL",
	                                   "OPENAI_MODEL",
	                                   settings->openai_keys,
	                                   settings->openai_url,
	                                   settings->openai_model,
	                                   settings->openai_reasoning,
	                                   "/v1",
	                                   settings->openai_concurrency,
	                                   &chat_openai};

	if (strcmp(word, "gemini") == 0)
		return chat_list_add(settings, &gemini, list, error, error_size);
	if (strcmp(word, "openai") == 0)
		return chat_list_add(settings, &openai, list, error, error_size);
	list->builtin |= strcmp(word, "builtin") == 0;
	if (strcmp(word, "builtin") == 0)
		return true;
	snprintf(error, error_size, "AI_PROVIDERS: there is no provider of that name: %.40s", word);
	return false;
}

bool
chat_list_open(const struct ai_settings *settings, struct chat_list *list, char *error,
               size_t error_size)
{
	char *words = strdup(settings->providers != NULL ? settings->providers : ""), *rest = words;
	bool good = words != NULL;
	const char *word;

	*list = (struct chat_list){0};
	if (!good)
		snprintf(error, error_size, "no memory");
	while (good && (word = strsep(&rest, ", \t")) != NULL)
		good = *word == '\0' || chat_list_add_word(settings, word, list, error, error_size);
	free(words);
	if (!good)
		chat_list_close(list);
	return good;
}

void
chat_list_close(struct chat_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		chat_free(&list->chats[i]);
	*list = (struct chat_list){0};
}
