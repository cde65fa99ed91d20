/* SPDX-License-Identifier: MIT
 * libFuzzer: the outline of a text exists exactly where jansson has a tree of it, apart from what
 * the header says, and every string and number in it can be read. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/json.h"
#include "common/base/json_outline.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_MEMBERS ((size_t)5 * JSON_OUTLINE_MEMBERS) /* a shorter text cannot have as many */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* Every value of the outline; the spans of what is inside others must fit them. */
static void
fuzz_look(const struct json_outline *outline, const char *text, size_t length)
{
	for (uint32_t i = 0; i < outline->count; i++) {
		const struct json_node *node = &outline->nodes[i];
		struct buf out;

		if (node->span == 0 || node->span > outline->count - i || node->text < text ||
		    node->text + node->length > text + length)
			abort();
		buf_init(&out, 0);
		json_node_put(node, &out);
		if (out.length > node->length)
			abort();
		buf_fini(&out);
		(void)json_node_number(node);
		(void)json_node_integer(node);
		(void)json_node_get(node, "a");
	}
}

static bool
fuzz_same(const struct json_node *node, const json_t *json)
{
	bool same = true;
	size_t index;
	json_t *value;

	if (json_is_array(json)) {
		same = json_node_is(node, JSON_KIND_ARRAY) && node->count == json_array_size(json);
		node = json_node_first(node);
		json_array_foreach(json, index, value)
		{
			same = same && fuzz_same(node, value);
			node = same ? json_node_next(node) : NULL;
		}
		return same;
	}
	if (json_is_object(json))
		return json_node_is(node, JSON_KIND_OBJECT) &&
		       node->count >= json_object_size(json);
	if (json_is_string(json))
		return json_node_is(node, JSON_KIND_STRING);
	return json_node_is(node, json_is_number(json) ? JSON_KIND_NUMBER : JSON_KIND_WORD);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct json_outline outline;
	const struct json_node *node;
	char error[100], *text;
	json_t *json;

	if (length > 0 && memchr(bytes, 0, length) != NULL)
		return 0; /* which jansson takes behind a value */
	text = malloc(length > 0 ? length : 1);
	if (text == NULL)
		abort();
	if (length > 0)
		memcpy(text, bytes, length);
	node = json_outline_read(&outline, text, length);
	json = json_parse(text, length, error, sizeof error);
	if (node != NULL)
		fuzz_look(&outline, text, length);
	/* Numbers beyond all bounds and names spelled in two ways are refused by the tree alone. */
	if (json != NULL && (node != NULL ? !fuzz_same(node, json) : length < FUZZ_MEMBERS))
		abort();
	if (json == NULL && node != NULL && strstr(error, "too big") == NULL &&
	    strstr(error, "overflow") == NULL && strstr(error, "duplicate") == NULL)
		abort();
	json_decref(json);
	json_outline_fini(&outline);
	free(text);
	return 0;
}
