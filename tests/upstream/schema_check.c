/* SPDX-License-Identifier: MIT
 * Gemini takes a subset of OpenAPI 3.0's schemas and refuses unknown names; OpenAI's strict mode
 * wants every property required and none additional. */
#include "tests/upstream/schema_check.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SCHEMA_DEPTH 16

static _Thread_local char schema_error[256];

static bool
schema_listed(const char *const *names, const char *name)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

/* The first member that is not listed, as Google's servers complain of it. */
static const char *
schema_unknown(const json_t *object, const char *where, const char *const *names)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		if (schema_listed(names, name))
			continue;
		snprintf(
		    schema_error, sizeof schema_error,
		    "Invalid JSON payload received. Unknown name \"%s\"%s%s: Cannot find field.",
		    name, where[0] != '\0' ? " at " : "", where);
		return schema_error;
	}
	return NULL;
}

/* --- Gemini -------------------------------------------------------------------------------- */

static const char *
schema_gemini(const json_t *schema, unsigned depth)
{
	static const char *const names[] = {
	    "type",          "format",        "title",     "description",      "nullable",
	    "enum",          "maxItems",      "minItems",  "properties",       "required",
	    "minProperties", "maxProperties", "minLength", "maxLength",        "pattern",
	    "example",       "anyOf",         "default",   "propertyOrdering", "items",
	    "minimum",       "maximum",       NULL};
	static const char *const types[] = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY",
	                                    "OBJECT", "string", "number",  "integer", "boolean",
	                                    "array",  "object", "NULL",    "null",    NULL};
	const json_t *items = json_object_get(schema, "items");
	const char *type = json_string_value(json_object_get(schema, "type")), *name, *wrong;
	json_t *value;

	wrong = schema_unknown(schema, "'generation_config.response_schema'", names);
	if (wrong != NULL)
		return wrong;
	if (depth > SCHEMA_DEPTH)
		return "The specified schema produces a constraint that has too many states for "
		       "serving.";
	if (type == NULL && json_object_get(schema, "anyOf") == NULL)
		return "* GenerateContentRequest.generation_config.response_schema.type: must be "
		       "specified";
	if (type != NULL && !schema_listed(types, type))
		return "Invalid value at 'generation_config.response_schema.type'";
	if (type != NULL && strcasecmp(type, "array") == 0 && items == NULL)
		return "* GenerateContentRequest.generation_config.response_schema.items: missing "
		       "field.";
	if (items != NULL && (wrong = schema_gemini(items, depth + 1)) != NULL)
		return wrong;
	json_object_foreach(json_object_get(schema, "properties"), name, value)
	{
		if ((wrong = schema_gemini(value, depth + 1)) != NULL)
			return wrong;
	}
	return NULL;
}

const char *
schema_check_gemini(const json_t *body, const json_t *config)
{
	static const char *const members[] = {"contents",
	                                      "systemInstruction",
	                                      "system_instruction",
	                                      "generationConfig",
	                                      "toolConfig",
	                                      "generation_config",
	                                      "safetySettings",
	                                      "safety_settings",
	                                      "cachedContent",
	                                      "cached_content",
	                                      "tools",
	                                      "tool_config",
	                                      "labels",
	                                      "serviceTier",
	                                      "model",
	                                      NULL};
	static const char *const settings[] = {"responseMimeType",
	                                       "response_mime_type",
	                                       "responseSchema",
	                                       "response_schema",
	                                       "responseJsonSchema",
	                                       "maxOutputTokens",
	                                       "max_output_tokens",
	                                       "temperature",
	                                       "topP",
	                                       "top_p",
	                                       "topK",
	                                       "top_k",
	                                       "candidateCount",
	                                       "candidate_count",
	                                       "stopSequences",
	                                       "stop_sequences",
	                                       "seed",
	                                       "thinkingConfig",
	                                       "thinking_config",
	                                       "presencePenalty",
	                                       "frequencyPenalty",
	                                       "responseModalities",
	                                       "responseLogprobs",
	                                       "logprobs",
	                                       "mediaResolution",
	                                       "speechConfig",
	                                       NULL};
	const json_t *schema = json_object_get(config, "responseSchema");
	const json_t *type = json_object_get(config, "responseMimeType");
	const char *wrong;

	if (!json_is_object(body))
		return "Invalid JSON payload received. Root element must be a message.";
	if ((wrong = schema_unknown(body, "", members)) != NULL)
		return wrong;
	if ((wrong = schema_unknown(config, "'generation_config'", settings)) != NULL)
		return wrong;
	if (schema == NULL)
		schema = json_object_get(config, "response_schema");
	if (type == NULL)
		type = json_object_get(config, "response_mime_type");
	if (schema == NULL)
		return NULL;
	if (!json_is_string(type) || (strcmp(json_string_value(type), "application/json") != 0 &&
	                              strcmp(json_string_value(type), "text/x.enum") != 0))
		return "Function calling config is set without function_declarations, or a "
		       "response "
		       "schema without a JSON response mime type";
	return schema_gemini(schema, 0);
}

/* --- OpenAI -------------------------------------------------------------------------------- */

static bool
schema_requires(const json_t *schema, const char *name)
{
	const json_t *required = json_object_get(schema, "required");

	for (size_t i = 0; i < json_array_size(required); i++) {
		const char *one = json_string_value(json_array_get(required, i));

		if (one != NULL && strcmp(one, name) == 0)
			return true;
	}
	return false;
}

static const char *
schema_openai_strict(const json_t *schema, unsigned depth)
{
	const json_t *properties = json_object_get(schema, "properties");
	const json_t *items = json_object_get(schema, "items");
	const char *name, *wrong;
	json_t *value;

	if (depth > SCHEMA_DEPTH)
		return "Invalid schema for response_format: too deeply nested.";
	if (properties != NULL && !json_is_false(json_object_get(schema, "additionalProperties")))
		return "Invalid schema for response_format: 'additionalProperties' is required to "
		       "be "
		       "supplied and to be false.";
	json_object_foreach((json_t *)(uintptr_t)properties, name, value)
	{
		if (!schema_requires(schema, name)) {
			snprintf(schema_error, sizeof schema_error,
			         "Invalid schema for response_format: 'required' is required to be "
			         "supplied and to be an array including every key in properties. "
			         "Missing '%s'.",
			         name);
			return schema_error;
		}
		if ((wrong = schema_openai_strict(value, depth + 1)) != NULL)
			return wrong;
	}
	return items != NULL ? schema_openai_strict(items, depth + 1) : NULL;
}

const char *
schema_check_openai(const json_t *body)
{
	const json_t *format = json_object_get(body, "response_format");
	const json_t *described = json_object_get(format, "json_schema");
	const char *type = json_string_value(json_object_get(format, "type"));

	if (!json_is_object(body))
		return "We could not parse the JSON body of your request.";
	if (json_object_get(body, "max_tokens") != NULL &&
	    json_object_get(body, "max_completion_tokens") != NULL)
		return "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not "
		       "supported.";
	if (json_object_get(body, "stream_options") != NULL &&
	    !json_is_true(json_object_get(body, "stream")))
		return "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
	if (format == NULL ||
	    (type != NULL && (strcmp(type, "text") == 0 || strcmp(type, "json_object") == 0)))
		return NULL;
	if (type == NULL || strcmp(type, "json_schema") != 0)
		return "Invalid value for 'response_format.type': supported values are "
		       "'json_object', "
		       "'json_schema', and 'text'.";
	if (!json_is_string(json_object_get(described, "name")))
		return "Missing required parameter: 'response_format.json_schema.name'.";
	if (json_is_true(json_object_get(described, "strict")))
		return schema_openai_strict(json_object_get(described, "schema"), 0);
	return NULL;
}
