/* SPDX-License-Identifier: MIT
 *
 * The settings of speech engines elsewhere, for the table of the voice service; OpenAI's keys, URL
 * and limits are those of common/ai/settings.h.
 */
#ifndef STUDYHALL_VOICE_SPEECH_SETTINGS_H
#define STUDYHALL_VOICE_SPEECH_SETTINGS_H

#include "common/base/config.h"

#include <stdint.h>

struct speech_settings {
	const char *stt, *tts; /* engines, in order */
	const char *google_keys, *google_stt_url, *google_tts_url;
	int64_t google_concurrency;
	const char *openai_stt_model, *openai_tts_model, *openai_voice;
};
extern struct speech_settings speech_settings; /* filled before the process starts */

#define SPEECH_SETTING_TEXT_(name_, type_, field_, fallback_, help_)                               \
	{                                                                                          \
		.name = (name_), .type = (type_), .target = &speech_settings.field_,               \
		.fallback = (fallback_), .global = true, .help = (help_)                           \
	}

/* clang-format off */
#define SPEECH_SETTINGS                                                                            \
	SPEECH_SETTING_TEXT_("STT_PROVIDERS", CONFIG_TEXT, stt, "google,openai,builtin",           \
	                     "Who listens, in this order: google, openai, builtin; one without "   \
	                     "a key is skipped"),                                                  \
	SPEECH_SETTING_TEXT_("TTS_PROVIDERS", CONFIG_TEXT, tts, "google,openai,builtin",           \
	                     "Who speaks, in this order: google, openai, builtin"),                \
	SPEECH_SETTING_TEXT_("GOOGLE_API_KEY", CONFIG_SECRET, google_keys, NULL,                   \
	                     "Keys of Google's speech services, separated by commas"),             \
	SPEECH_SETTING_TEXT_("GOOGLE_STT_BASE_URL", CONFIG_TEXT, google_stt_url,                   \
	                     "https://speech.googleapis.com",                                      \
	                     "Origin of the one that listens, and a prefix if need be"),           \
	SPEECH_SETTING_TEXT_("GOOGLE_TTS_BASE_URL", CONFIG_TEXT, google_tts_url,                   \
	                     "https://texttospeech.googleapis.com",                                \
	                     "Origin of the one that speaks"),                                     \
	{                                                                                          \
		.name = "GOOGLE_CONCURRENCY", .type = CONFIG_INT,                                  \
		.target = &speech_settings.google_concurrency, .fallback = "1000", .min = 1,       \
		.max = 1000000, .global = true,                                                    \
		.help = "Calls of each of them at a time, in each process"                         \
	},                                                                                         \
	SPEECH_SETTING_TEXT_("OPENAI_STT_MODEL", CONFIG_TEXT, openai_stt_model,                    \
	                     "gpt-4o-mini-transcribe", "OpenAI's model that listens"),             \
	SPEECH_SETTING_TEXT_("OPENAI_TTS_MODEL", CONFIG_TEXT, openai_tts_model,                    \
	                     "gpt-4o-mini-tts", "OpenAI's model that speaks"),                     \
	SPEECH_SETTING_TEXT_("OPENAI_TTS_VOICE", CONFIG_TEXT, openai_voice, "alloy",               \
	                     "With which of its voices")
/* clang-format on */

#endif
