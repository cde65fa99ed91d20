/* SPDX-License-Identifier: MIT
 *
 * A JSON text's outline: where its values are, as one array in the text's order, made without a
 * copy of any value. For small texts that come by the thousand, such as the events of a model's
 * stream, where building a tree of them costs several times what reading them does.
 *
 * The grammar is RFC 8259's with what json_parse() refuses, too: depths above JSON_DEPTH_LIMIT,
 * text that is not UTF-8, U+0000, half of a surrogate pair, a member given twice (as it is
 * spelled). An object has JSON_OUTLINE_MEMBERS at most. Thread-safe; does not recurse.
 */
#ifndef STUDYHALL_BASE_JSON_OUTLINE_H
#define STUDYHALL_BASE_JSON_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_OUTLINE_MEMBERS 256

struct arena;
struct buf;

enum json_kind {
	JSON_KIND_OBJECT,
	JSON_KIND_ARRAY,
	JSON_KIND_STRING,
	JSON_KIND_NUMBER,
	JSON_KIND_WORD /* true, false, null */
};

/* A value, and behind it in the array those inside it: an object's names and values by turns. */
struct json_node {
	const char *text; /* where it begins; of a string: behind its first quote */
	uint32_t length;  /* of a string: without quotes */
	uint32_t span;    /* nodes, with itself */
	uint32_t count;   /* elements of an array, members of an object */
	enum json_kind kind;
	bool escaped; /* a string with backslashes */
};

struct json_outline {
	struct json_node *nodes;
	uint32_t count, room;
};

/* The outermost value of `text`, which must stay as long as the outline is used; NULL if that is
 * not one JSON value or without memory. json_outline_fini() in any case. */
const struct json_node *json_outline_read(struct json_outline *outline, const char *text,
                                          size_t length);
void json_outline_fini(struct json_outline *outline);

/* All take NULL, and a value of another kind, as if there were nothing. */
const struct json_node *json_node_get(const struct json_node *object, const char *name);
const struct json_node *json_node_first(const struct json_node *array);
/* The next one in the same array. The caller counts. */
const struct json_node *json_node_next(const struct json_node *node);
bool json_node_is(const struct json_node *node, enum json_kind kind);
bool json_node_is_word(const struct json_node *node, const char *word);
/* Is it this string? */
bool json_node_equals(const struct json_node *node, const char *text);
/* What a string says, appended or in the arena. NULL: no string, or no memory. */
void json_node_put(const struct json_node *string, struct buf *out);
char *json_node_string(const struct json_node *string, struct arena *arena);
/* 0 if it is no number, infinite if it is too great. */
double json_node_number(const struct json_node *number);
/* 0 if it is none, is not spelled as a whole number, or has more than 18 characters. */
int64_t json_node_integer(const struct json_node *number);

#endif
