/* SPDX-License-Identifier: MIT
 * From settings to engines: which are in use, and with what. */
#include "services/voice/speech_private.h"

#include "common/ai/settings.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "services/voice/clip.h"
#include "services/voice/speech_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Somebody waits for the answer, and another engine is at hand: little is tried again. */
#define SPEECH_ATTEMPTS    2
#define SPEECH_WAIT_MS     1000
#define SPEECH_SILENCE_MS  5000
#define SPEECH_BACKOFF_MAX 1000

struct speech_settings speech_settings;

/* One engine elsewhere that a list may name. */
struct speech_source {
	const struct cloud_dialect *dialect;
	const char *key_setting, *url_setting;
	const char *keys, *url;
	int64_t concurrency;
	struct cloud_choice choice;
};

/* A list that is being read. */
struct speech_reading {
	const char *setting, *stage;
	const char *words;
	const struct ai_settings *ai;
	struct speech_source sources[2];
	struct speech_list *list;
};

static bool
speech_set_metrics(struct speech_engine *engine, const char *stage)
{
	static const char name[] = "studyhall_voice_engines_total";
	static const char help[] = "Questions to speech engines, by what came of them";
	static const char labels[] = "stage=\"%s\",engine=\"%s\",outcome=\"%s\"";
	const char *who = speech_engine_name(engine);

	engine->answered = metric_new(METRIC_COUNTER, name, help, labels, stage, who, "answered");
	engine->nothing = metric_new(METRIC_COUNTER, name, help, labels, stage, who, "nothing");
	engine->failed = metric_new(METRIC_COUNTER, name, help, labels, stage, who, "failed");
	return engine->answered != NULL && engine->nothing != NULL && engine->failed != NULL;
}

static bool
speech_open_provider(struct speech_engine *engine, const struct speech_reading *reading,
                     const struct speech_source *source, char *error, size_t error_size)
{
	struct provider_options options = {.concurrency = (unsigned)source->concurrency,
	                                   .keys = source->keys,
	                                   .key_header = source->dialect->key_header};
	char why[128] = "no memory";

	ai_provider_options(reading->ai, &options);
	options.name =
	    strcmp(reading->stage, "stt") == 0 ? source->dialect->hear : source->dialect->say;
	if (options.attempts > SPEECH_ATTEMPTS)
		options.attempts = SPEECH_ATTEMPTS;
	if (options.silence_ms > SPEECH_SILENCE_MS)
		options.silence_ms = SPEECH_SILENCE_MS;
	if (options.wait_ms > SPEECH_WAIT_MS)
		options.wait_ms = SPEECH_WAIT_MS;
	if (options.retry_after_ms > SPEECH_WAIT_MS)
		options.retry_after_ms = SPEECH_WAIT_MS;
	options.backoff_max_ms = SPEECH_BACKOFF_MAX;
	engine->url = ai_base_url(source->url, source->dialect->version);
	options.base_url = engine->url;
	if (engine->url != NULL)
		engine->provider = provider_new(&options, why, sizeof why);
	if (engine->provider == NULL)
		snprintf(error, error_size, "%s or %s: %s", source->url_setting,
		         source->key_setting, why);
	return engine->provider != NULL;
}

static bool
speech_add(const struct speech_reading *reading, const struct speech_source *source, char *error,
           size_t error_size)
{
	struct speech_list *list = reading->list;
	struct speech_engine *engine = &list->engines[list->count];
	const struct cloud_dialect *dialect = source != NULL ? source->dialect : NULL;

	for (size_t i = 0; i < list->count; i++)
		if (list->engines[i].dialect == dialect)
			return true;
	if (source != NULL && !ai_has_key(source->keys)) {
		LOG_INFO("a speech engine without a key is not used",
		         LOG_TEXT("engine", dialect->name), LOG_TEXT("in", reading->setting),
		         LOG_TEXT("setting", source->key_setting));
		return true;
	}
	assert(list->count < SPEECH_ENGINES);
	list->count++;
	engine->dialect = dialect;
	if (source != NULL)
		engine->choice = source->choice;
	if (!speech_set_metrics(engine, reading->stage)) {
		snprintf(error, error_size, "no memory");
		return false;
	}
	return source == NULL || speech_open_provider(engine, reading, source, error, error_size);
}

static bool
speech_add_word(const struct speech_reading *reading, const char *word, char *error,
                size_t error_size)
{
	for (size_t i = 0; i < COUNT_OF(reading->sources); i++)
		if (strcmp(word, reading->sources[i].dialect->name) == 0)
			return speech_add(reading, &reading->sources[i], error, error_size);
	if (strcmp(word, SPEECH_BUILTIN) == 0)
		return speech_add(reading, NULL, error, error_size);
	snprintf(error, error_size, "%s: there is no speech engine of that name: %.40s",
	         reading->setting, word);
	return false;
}

static bool
speech_read(const struct speech_reading *reading, char *error, size_t error_size)
{
	char *words = strdup(reading->words != NULL ? reading->words : ""), *rest = words;
	bool good = words != NULL;
	const char *word;

	if (!good)
		snprintf(error, error_size, "no memory");
	while (good && (word = strsep(&rest, ", \t")) != NULL)
		good = *word == '\0' || speech_add_word(reading, word, error, error_size);
	free(words);
	if (good && reading->list->count == 0)
		LOG_WARN("no speech engine is left", LOG_TEXT("setting", reading->setting));
	return good;
}

/* --- life ------------------------------------------------------------------------------------ */

static void
speech_list_close(struct speech_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		provider_free(&list->engines[i].provider);
		free(list->engines[i].url);
	}
	*list = (struct speech_list){0};
}

static void
speech_set_accepts(struct speech *speech)
{
	static const char *const media[] = {CLIP_WAV, "audio/ogg", "audio/webm", "audio/flac"};
	size_t used = 0;

	for (size_t i = 0; i < COUNT_OF(media); i++)
		if (i == 0 || speech_takes(speech, media[i]))
			used += (size_t)snprintf(speech->accepts + used,
			                         sizeof speech->accepts - used, "%s, ", media[i]);
	snprintf(speech->accepts + used, sizeof speech->accepts - used, "application/json");
}

struct speech *
speech_new(const struct speech_settings *settings, const struct ai_settings *ai,
           struct hearing *hearing, struct pool *pool, char *error, size_t error_size)
{
	struct speech *speech = calloc(1, sizeof *speech);
	const struct speech_source google = {&cloud_google,
	                                     "GOOGLE_API_KEY",
	                                     "GOOGLE_STT_BASE_URL",
	                                     settings->google_keys,
	                                     settings->google_stt_url,
	                                     settings->google_concurrency,
	                                     {"", ""}};
	const struct speech_source openai = {&cloud_openai,
	                                     "OPENAI_API_KEY",
	                                     "OPENAI_BASE_URL",
	                                     ai->openai_keys,
	                                     ai->openai_url,
	                                     ai->openai_concurrency,
	                                     {settings->openai_stt_model, ""}};
	struct speech_reading reading = {"STT_PROVIDERS",  "stt", settings->stt, ai,
	                                 {google, openai}, NULL};
	bool good;

	if (speech == NULL) {
		snprintf(error, error_size, "no memory");
		return NULL;
	}
	OBJ_INIT(speech, SPEECH_MAGIC);
	speech->hearing = hearing;
	speech->pool = pool;
	reading.list = &speech->listeners;
	good = speech_read(&reading, error, error_size);
	reading.setting = "TTS_PROVIDERS";
	reading.stage = "tts";
	reading.words = settings->tts;
	reading.sources[0].url_setting = "GOOGLE_TTS_BASE_URL";
	reading.sources[0].url = settings->google_tts_url;
	reading.sources[1].choice =
	    (struct cloud_choice){settings->openai_tts_model, settings->openai_voice};
	reading.list = &speech->speakers;
	if (!good || !speech_read(&reading, error, error_size))
		speech_free(&speech);
	else
		speech_set_accepts(speech);
	return speech;
}

void
speech_free(struct speech **speechp)
{
	struct speech *speech = *speechp;

	*speechp = NULL;
	if (speech == NULL)
		return;
	OBJ_CHECK(speech, SPEECH_MAGIC);
	speech_list_close(&speech->listeners);
	speech_list_close(&speech->speakers);
	OBJ_FINI(speech);
	free(speech);
}

bool
speech_takes(const struct speech *speech, const char *media)
{
	for (size_t i = 0; i < speech->listeners.count; i++) {
		const struct cloud_dialect *dialect = speech->listeners.engines[i].dialect;

		if (dialect != NULL ? dialect->takes(media) : strcmp(media, CLIP_WAV) == 0)
			return true;
	}
	return false;
}

bool
speech_makes(const struct speech *speech, enum cloud_format format)
{
	for (size_t i = 0; i < speech->speakers.count; i++)
		if (format == CLOUD_WAV || speech->speakers.engines[i].dialect != NULL)
			return true;
	return false;
}

const char *
speech_accepts(const struct speech *speech)
{
	return speech->accepts;
}
