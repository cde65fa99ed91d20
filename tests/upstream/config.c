/* SPDX-License-Identifier: MIT
 * Reads the stand-in's configuration, all of it or nothing. */
#include "tests/upstream/config.h"

#include <string.h>

void
config_init(struct config *config)
{
	*config = (struct config){
	    .seed = 1,
	    .pace = {.first_byte = {.cap = LATENCY_CAP},
	             .streaming = {.cap = LATENCY_CAP},
	             .chunks = CONFIG_CHUNKS},
	    .providers = json_object(),
	    .transcripts =
	        json_pack("{s:s, s:s}", "ko", "오늘 뭐 공부해", "en", "what should I study today"),
	};
}

void
config_fini(struct config *config)
{
	fault_rules_fini(&config->faults);
	json_decref(config->providers);
	json_decref(config->transcripts);
	*config = (struct config){0};
}

/* --- reading ------------------------------------------------------------------------------- */

static const char *
config_parse_pace(const json_t *json, struct pace *pace)
{
	const char *name, *wrong = NULL;
	json_t *value;

	if (!json_is_object(json))
		return "a latency is an object with first_byte, streaming, chunks";
	json_object_foreach((json_t *)(uintptr_t)json, name, value)
	{
		if (strcmp(name, "first_byte") == 0) {
			wrong = latency_parse(value, &pace->first_byte);
		} else if (strcmp(name, "streaming") == 0) {
			wrong = latency_parse(value, &pace->streaming);
		} else if (strcmp(name, "chunks") == 0 && json_integer_value(value) >= 1 &&
		           json_integer_value(value) <= 100000) {
			pace->chunks = (unsigned)json_integer_value(value);
		} else {
			wrong = "a latency has an unknown member or a value out of range";
		}
		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

static const char *
config_parse_providers(const json_t *json)
{
	struct pace pace;
	const char *name, *wrong;
	json_t *value;

	if (!json_is_object(json))
		return "providers is an object";
	json_object_foreach((json_t *)(uintptr_t)json, name, value)
	{
		wrong = config_parse_pace(value, &pace);
		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

static const char *
config_parse_transcripts(const json_t *json)
{
	const char *name;
	json_t *value;

	if (!json_is_object(json))
		return "transcripts is an object of strings";
	json_object_foreach((json_t *)(uintptr_t)json, name, value)
	{
		if (!json_is_string(value))
			return "transcripts is an object of strings";
	}
	return NULL;
}

/* Checks a member and puts it into `config`, of which the caller keeps what it owned before. */
static const char *
config_parse_member(struct config *config, const char *name, json_t *value)
{
	const char *wrong = NULL;

	if (strcmp(name, "seed") == 0 && json_is_integer(value)) {
		config->seed = (uint64_t)json_integer_value(value);
	} else if (strcmp(name, "latency") == 0) {
		wrong = config_parse_pace(value, &config->pace);
	} else if (strcmp(name, "thought_tokens") == 0 && json_is_integer(value) &&
	           json_integer_value(value) >= 0 && json_integer_value(value) <= 1000000) {
		config->thought_tokens = (unsigned)json_integer_value(value);
	} else if (strcmp(name, "record_days") == 0 && json_is_boolean(value)) {
		config->record_days = json_is_true(value);
	} else if (strcmp(name, "providers") == 0) {
		wrong = config_parse_providers(value);
		config->providers = value;
	} else if (strcmp(name, "transcripts") == 0) {
		wrong = config_parse_transcripts(value);
		config->transcripts = value;
	} else if (strcmp(name, "faults") != 0) { /* those are read last: they alone take memory */
		wrong = "there is no member of that name, or it has another type: seed, latency, "
		        "providers, faults, transcripts, thought_tokens, record_days";
	}
	return wrong;
}

const char *
config_apply(struct config *config, const json_t *json, bool replace)
{
	struct config fresh, next = *config;
	json_t *rules = json_object_get(json, "faults"), *value;
	const char *name, *wrong = NULL;

	if (!json_is_object(json))
		return "the configuration is a JSON object";
	config_init(&fresh);
	if (replace)
		next = fresh;
	json_object_foreach((json_t *)(uintptr_t)json, name, value)
	{
		wrong = config_parse_member(&next, name, value);
		if (wrong != NULL)
			goto done;
	}
	if (rules != NULL)
		wrong = fault_rules_parse(rules, &next.faults);
	if (wrong != NULL)
		goto done;
	if (rules != NULL || replace)
		fault_rules_fini(&config->faults);
	json_incref(next.providers);
	json_incref(next.transcripts);
	json_decref(config->providers);
	json_decref(config->transcripts);
	*config = next;
done:
	config_fini(&fresh);
	return wrong;
}

/* --- showing ------------------------------------------------------------------------------- */

json_t *
config_json(const struct config *config)
{
	return json_pack(
	    "{s:I, s:{s:o, s:o, s:i}, s:O, s:o, s:O, s:i, s:b}", "seed", (json_int_t)config->seed,
	    "latency", "first_byte", latency_json(&config->pace.first_byte), "streaming",
	    latency_json(&config->pace.streaming), "chunks", config->pace.chunks, "providers",
	    config->providers, "faults", fault_rules_json(&config->faults), "transcripts",
	    config->transcripts, "thought_tokens", config->thought_tokens, "record_days",
	    config->record_days);
}

struct pace
config_pace(const struct config *config, const char *provider)
{
	const json_t *own = json_object_get(config->providers, provider);
	struct pace pace = config->pace;

	if (own != NULL)
		(void)config_parse_pace(own, &pace);
	return pace;
}
