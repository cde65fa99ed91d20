/* SPDX-License-Identifier: MIT
 *
 * The settings of AI providers, for the tables of all services that ask them:
 *
 *	static const struct config_setting planner_config[] = {..., AI_SETTINGS};
 */
#ifndef STUDYHALL_AI_SETTINGS_H
#define STUDYHALL_AI_SETTINGS_H

#include "common/ai/provider.h"
#include "common/base/config.h"

#include <stdbool.h>
#include <stdint.h>

struct ai_settings {
	const char *providers;
	const char *gemini_keys, *gemini_url, *gemini_model, *gemini_thinking;
	const char *openai_keys, *openai_url, *openai_model, *openai_reasoning, *openai_format;
	const char *ca_file;
	int64_t gemini_concurrency, openai_concurrency;
	int64_t attempts, wait_s, retry_after_s;
	int64_t connect_s, first_byte_s, silence_s;
	int64_t thinking_tokens;
};
extern struct ai_settings ai_settings; /* filled before the process starts */

/* Is there any key in such a setting? */
bool ai_has_key(const char *keys);
/* A base URL without a slash at its end, and without the version of the API ("/v1"), which SDKs
 * want there; here it belongs to the path. To be freed; NULL without memory. */
char *ai_base_url(const char *url, const char *version);
/* The limits that all providers share. */
void ai_provider_options(const struct ai_settings *settings, struct provider_options *options);

#define AI_SETTING_TEXT_(name_, type_, field_, fallback_, help_)                                   \
	{                                                                                          \
		.name = (name_), .type = (type_), .target = &ai_settings.field_,                   \
		.fallback = (fallback_), .global = true, .help = (help_)                           \
	}
#define AI_SETTING_INT_(name_, field_, fallback_, min_, max_, help_)                               \
	{                                                                                          \
		.name = (name_), .type = CONFIG_INT, .target = &ai_settings.field_,                \
		.fallback = (fallback_), .min = (min_), .max = (max_), .global = true,             \
		.help = (help_)                                                                    \
	}

/* clang-format off */
#define AI_SETTINGS                                                                                \
	AI_SETTING_TEXT_("AI_PROVIDERS", CONFIG_TEXT, providers, "gemini,openai,builtin",          \
	                 "Who makes plans and answers, in this order: gemini, openai, builtin"),   \
	AI_SETTING_TEXT_("GEMINI_API_KEY", CONFIG_SECRET, gemini_keys, NULL,                       \
	                 "Keys of the Gemini API, separated by commas; without one it is skipped"), \
	AI_SETTING_TEXT_("GEMINI_BASE_URL", CONFIG_TEXT, gemini_url,                               \
	                 "https://generativelanguage.googleapis.com",                              \
	                 "Its origin, and a prefix if need be; http:// for a server of your own"), \
	AI_SETTING_TEXT_("GEMINI_MODEL", CONFIG_TEXT, gemini_model, "gemini-3.5-flash-lite",       \
	                 "Its model"),                                                             \
	AI_SETTING_TEXT_("GEMINI_THINKING", CONFIG_TEXT, gemini_thinking, NULL,                    \
	                 "How much it thinks: a level (minimal, low ...) or a number of tokens; "  \
	                 "empty: as the model does by itself"),                                    \
	AI_SETTING_INT_("GEMINI_CONCURRENCY", gemini_concurrency, "10000", 1, 1000000,             \
	                "Calls of it at a time, in each process"),                                 \
	AI_SETTING_TEXT_("OPENAI_API_KEY", CONFIG_SECRET, openai_keys, NULL,                       \
	                 "Keys of OpenAI or a compatible server, separated by commas"),            \
	AI_SETTING_TEXT_("OPENAI_BASE_URL", CONFIG_TEXT, openai_url, "https://api.openai.com",     \
	                 "Its origin, and a prefix if need be, for vLLM, llama.cpp, Ollama ..."),  \
	AI_SETTING_TEXT_("OPENAI_MODEL", CONFIG_TEXT, openai_model, "gpt-6-luna", "Its model"),    \
	AI_SETTING_TEXT_("OPENAI_REASONING", CONFIG_TEXT, openai_reasoning, NULL,                  \
	                 "How much it thinks (none, low ...); empty: as the model does by itself"), \
	{                                                                                          \
		.name = "OPENAI_RESPONSE_FORMAT", .type = CONFIG_CHOICE,                           \
		.target = &ai_settings.openai_format, .fallback = "json_schema",                   \
		.choices = "json_schema,json_object,none", .global = true,                         \
		.help = "How it is told the shape of an answer; less for servers that know less"   \
	},                                                                                         \
	AI_SETTING_INT_("OPENAI_CONCURRENCY", openai_concurrency, "10000", 1, 1000000,             \
	                "Calls of it at a time, in each process"),                                 \
	AI_SETTING_TEXT_("AI_CA_FILE", CONFIG_TEXT, ca_file, NULL,                                 \
	                 "File of the CAs that providers' certificates must be signed by; empty: " \
	                 "the system's"),                                                          \
	AI_SETTING_INT_("AI_ATTEMPTS", attempts, "4", 1, 20,                                       \
	                "Calls of one provider for one thing before the next provider is asked"),  \
	AI_SETTING_INT_("AI_WAIT", wait_s, "10", 0, 600,                                           \
	                "Seconds that a call waits while there are too many at a time"),           \
	AI_SETTING_INT_("AI_RETRY_AFTER", retry_after_s, "10", 0, 600,                             \
	                "Greatest Retry-After, in seconds, that is waited for"),                   \
	AI_SETTING_INT_("AI_CONNECT_TIMEOUT", connect_s, "5", 1, 600,                              \
	                "Seconds to a provider's connection, TLS included"),                       \
	AI_SETTING_INT_("AI_FIRST_BYTE_TIMEOUT", first_byte_s, "60", 1, 3600,                      \
	                "Seconds to the first byte of its answer"),                                \
	AI_SETTING_INT_("AI_SILENCE_TIMEOUT", silence_s, "30", 1, 3600,                            \
	                "Seconds of silence within its answer"),                                   \
	AI_SETTING_INT_("AI_THINKING_TOKENS", thinking_tokens, "4096", 0, 1000000,                 \
	                "Tokens that a model may think beyond its answer")
/* clang-format on */

#endif
