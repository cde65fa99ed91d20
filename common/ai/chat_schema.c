/* SPDX-License-Identifier: MIT
 * Rewrites a JSON schema for Gemini, whose API refuses members that it does not know. */
#include "common/ai/chat_schema.h"

#include "common/base/json.h"
#include "common/base/obj.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *chat_schema_gemini(const json_t *schema);

/* The properties in the given order, which the model then keeps to. */
static bool
chat_schema_properties(const json_t *from, json_t *to)
{
	json_t *properties = json_object(), *order = json_array();
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)from, name, value)
	{
		if (json_object_set_new(properties, name, chat_schema_gemini(value)) != 0 ||
		    json_array_append_new(order, json_string(name)) != 0) {
			json_decref(properties);
			json_decref(order);
			return false;
		}
	}
	return json_object_set_new(to, "properties", properties) == 0 &&
	       json_object_set_new(to, "propertyOrdering", order) == 0;
}

/* NULL without memory. */
static json_t *
chat_schema_gemini(const json_t *schema)
{
	static const char *const known[] = {"type",     "format",   "description", "enum",
	                                    "required", "minItems", "maxItems",    "minimum",
	                                    "maximum",  "nullable"};
	const json_t *properties = json_object_get(schema, "properties");
	json_t *items = json_object_get(schema, "items"), *out = json_object();
	bool made = out != NULL;

	for (size_t i = 0; i < COUNT_OF(known) && made; i++) {
		json_t *value = json_object_get(schema, known[i]);

		if (value != NULL)
			made = json_object_set(out, known[i], value) == 0;
	}
	if (made && properties != NULL)
		made = chat_schema_properties(properties, out);
	if (made && items != NULL)
		made = json_object_set_new(out, "items", chat_schema_gemini(items)) == 0;
	if (made)
		return out;
	json_decref(out);
	return NULL;
}

struct chat_schema *
chat_schema_new(const char *name, const char *text, char *error, size_t error_size)
{
	struct chat_schema *schema = calloc(1, sizeof *schema);
	json_t *json = json_parse(text, strlen(text), error, error_size), *gemini = NULL;

	if (json != NULL && !json_is_object(json))
		snprintf(error, error_size, "a schema is an object");
	else if (json != NULL && schema != NULL) {
		gemini = chat_schema_gemini(json);
		schema->name = strdup(name);
		schema->json = json_dumps(json, JSON_COMPACT);
		schema->gemini = gemini != NULL ? json_dumps(gemini, JSON_COMPACT) : NULL;
		if (schema->name == NULL || schema->json == NULL || schema->gemini == NULL)
			snprintf(error, error_size, "no memory");
	}
	json_decref(gemini);
	json_decref(json);
	if (schema != NULL && schema->gemini == NULL)
		chat_schema_free(&schema);
	return schema;
}

void
chat_schema_free(struct chat_schema **schema)
{
	struct chat_schema *gone = *schema;

	*schema = NULL;
	if (gone == NULL)
		return;
	free(gone->name);
	free(gone->json);
	free(gone->gemini);
	free(gone);
}
