/* SPDX-License-Identifier: MIT
 *
 * The shape that an answer is to have, as a JSON schema, in the words of each dialect. Write it as
 * OpenAI's strict mode wants it: every object has additionalProperties: false and requires all its
 * properties; Gemini's variant (a part of OpenAPI 3.0's schema) is made from that.
 */
#ifndef STUDYHALL_AI_CHAT_SCHEMA_H
#define STUDYHALL_AI_CHAT_SCHEMA_H

#include <stddef.h>

struct chat_schema {
	char *name; /* [A-Za-z0-9_-]{1,64} */
	char *json; /* as it was given, compact */
	char *gemini;
};

/* NULL with one line in `error` if the text is no JSON object, or without memory. */
struct chat_schema *chat_schema_new(const char *name, const char *text, char *error,
                                    size_t error_size);
void chat_schema_free(struct chat_schema **schema);

#endif
