/* SPDX-License-Identifier: MIT
 * The guard in front of jansson, whose parser recurses. */
#include "common/base/json.h"

#include <stdbool.h>
#include <stdio.h>

size_t
json_depth(const char *text, size_t length)
{
	size_t depth = 0, deepest = 0;
	bool in_string = false;
	for (size_t i = 0; i < length; i++) {
		switch (text[i]) {
		case '"': in_string = !in_string; break;
		case '\\': i += in_string; break;
		case '[':
		case '{':
			if (!in_string && ++depth > deepest)
				deepest = depth;
			break;
		case ']':
		case '}':
			if (!in_string && depth > 0)
				depth--;
			break;
		default: break;
		}
	}
	return deepest;
}

json_t *
json_parse(const char *text, size_t length, char *error, size_t error_size)
{
	if (json_depth(text, length) > JSON_DEPTH_LIMIT) {
		snprintf(error, error_size, "nested deeper than %d levels", JSON_DEPTH_LIMIT);
		return NULL;
	}
	json_error_t found;
	json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &found);
	if (value == NULL) {
		snprintf(error, error_size, "line %d, column %d: %s", found.line, found.column,
		         found.text);
		for (char *c = error; error_size > 0 && *c != '\0'; c++)
			if ((unsigned char)*c < 0x20)
				*c = ' ';
	}
	return value;
}
