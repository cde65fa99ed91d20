/* SPDX-License-Identifier: MIT
 * One pass over the text; what is open stands on a short stack of indexes. */
#include "common/base/json_outline.h"

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/json.h"
#include "common/base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define OUTLINE_ROOM    32
#define OUTLINE_NUMBER  64 /* characters of a number that is worth having */
#define OUTLINE_INTEGER 18

struct outline_reader {
	struct json_outline *outline;
	const char *at, *end;
	uint32_t open[JSON_DEPTH_LIMIT];
	size_t depth;
};

/* --- tokens -----------------------------------------------------------------------------------*/

static int
outline_hex(const char *at, const char *end)
{
	int value = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = at[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value * 16 + (c | 0x20) - 'a' + 10;
		else
			return -1;
	}
	return value;
}

/* Of what stands behind a backslash: the code point and its length in the text; or -1. */
static int32_t
outline_escape(const char *at, const char *end, size_t *length)
{
	static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *name = at < end && *at != '\0' ? strchr(names, *at) : NULL;
	int32_t high, low;

	*length = 1;
	if (name != NULL)
		return meant[name - names];
	if (at == end || *at != 'u')
		return -1;
	high = outline_hex(at + 1, end);
	*length = 5;
	if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff))
		return -1;
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (end - at < 11 || at[5] != '\\' || at[6] != 'u')
		return -1;
	low = outline_hex(at + 7, end);
	*length = 11;
	return low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((high - 0xd800) << 10) + low - 0xdc00
	                                      : -1;
}

typedef unsigned char outline_block __attribute__((vector_size(16), aligned(1), may_alias));

/* Over what stands for itself in a string, sixteen bytes at a time; *seen gets all their bits. */
static const char *
outline_plain(const char *at, const char *end, unsigned char *seen)
{
	outline_block all = {0};

	for (; end - at >= (ptrdiff_t)sizeof all; at += sizeof all) {
		const outline_block block = *(const outline_block *)(const void *)at;
		const outline_block ends =
		    (outline_block)((block == '"') | (block == '\\') | (block < 0x20));
		uint64_t halves[2];

		memcpy(halves, &ends, sizeof halves);
		if ((halves[0] | halves[1]) != 0)
			break;
		all |= block;
	}
	for (size_t i = 0; i < sizeof all; i++)
		*seen |= all[i];
	return at;
}

/* From behind the first quote. */
static bool
outline_string(struct outline_reader *reader, struct json_node *node)
{
	const char *at = reader->at, *end = reader->end;
	unsigned char seen = 0;

	node->kind = JSON_KIND_STRING;
	node->text = at;
	for (at = outline_plain(at, end, &seen); at < end && *at != '"'; at++) {
		seen |= (unsigned char)*at;
		if ((unsigned char)*at < 0x20)
			return false;
		if (*at == '\\') {
			size_t length;

			node->escaped = true;
			if (outline_escape(at + 1, end, &length) < 0)
				return false;
			at += length;
		}
	}
	if (at == end)
		return false;
	node->length = (uint32_t)(at - node->text);
	reader->at = at + 1;
	return seen < 0x80 || text_valid(node->text, node->length);
}

static const char *
outline_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

static bool
outline_number(struct outline_reader *reader, struct json_node *node)
{
	const char *end = reader->end, *at = reader->at + (*reader->at == '-'), *from = at;

	at = outline_digits(at, end);
	if (at == from || (*from == '0' && at > from + 1))
		return false;
	if (at < end && *at == '.') {
		from = at + 1;
		at = outline_digits(from, end);
		if (at == from)
			return false;
	}
	if (at < end && (*at | 0x20) == 'e') {
		from = at + 1;
		from += from < end && (*from == '+' || *from == '-');
		at = outline_digits(from, end);
		if (at == from)
			return false;
	}
	node->kind = JSON_KIND_NUMBER;
	node->text = reader->at;
	node->length = (uint32_t)(at - reader->at);
	reader->at = at;
	return true;
}

static bool
outline_word(struct outline_reader *reader, struct json_node *node)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < 3; i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(reader->end - reader->at) < length ||
		    memcmp(reader->at, words[i], length) != 0)
			continue;
		node->kind = JSON_KIND_WORD;
		node->text = reader->at;
		node->length = (uint32_t)length;
		reader->at += length;
		return true;
	}
	return false;
}

static void
outline_blank(struct outline_reader *reader)
{
	while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
	                                    *reader->at == '\t' || *reader->at == '\r'))
		reader->at++;
}

static bool
outline_take(struct outline_reader *reader, char c)
{
	outline_blank(reader);
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

/* --- the outline ------------------------------------------------------------------------------*/

static struct json_node *
outline_add(struct json_outline *outline)
{
	struct json_node *node;

	if (outline->count == outline->room) {
		uint32_t room = outline->room > 0 ? outline->room * 2 : OUTLINE_ROOM;
		struct json_node *nodes = realloc(outline->nodes, room * sizeof *nodes);

		if (nodes == NULL)
			return NULL;
		outline->nodes = nodes;
		outline->room = room;
	}
	node = &outline->nodes[outline->count++];
	*node = (struct json_node){.span = 1};
	return node;
}

/* A value; one that may hold others is left open. */
static bool
outline_value(struct outline_reader *reader)
{
	struct json_node *node = outline_add(reader->outline);
	char c;

	outline_blank(reader);
	if (node == NULL || reader->at == reader->end)
		return false;
	c = *reader->at;
	if (c == '"') {
		reader->at++;
		return outline_string(reader, node);
	}
	if (c != '{' && c != '[')
		return c == '-' || (c >= '0' && c <= '9') ? outline_number(reader, node)
		                                          : outline_word(reader, node);
	if (reader->depth == JSON_DEPTH_LIMIT)
		return false;
	node->kind = c == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
	node->text = reader->at++;
	reader->open[reader->depth++] = reader->outline->count - 1;
	return true;
}

/* A member's name and colon. */
static bool
outline_name(struct outline_reader *reader, uint32_t object)
{
	struct json_outline *outline = reader->outline;
	struct json_node *name, *other;

	if (outline->nodes[object].count == JSON_OUTLINE_MEMBERS || !outline_take(reader, '"'))
		return false;
	name = outline_add(outline);
	if (name == NULL || !outline_string(reader, name))
		return false;
	for (other = &outline->nodes[object + 1]; other < name; other += 1 + other[1].span)
		if (other->length == name->length &&
		    memcmp(other->text, name->text, name->length) == 0)
			return false;
	return outline_take(reader, ':');
}

static void
outline_close(struct outline_reader *reader)
{
	uint32_t at = reader->open[--reader->depth];
	struct json_node *node = &reader->outline->nodes[at];

	node->span = reader->outline->count - at;
	node->length = (uint32_t)(reader->at - node->text);
}

/* The next element or member of what is open, or its end. */
static bool
outline_step(struct outline_reader *reader)
{
	uint32_t open = reader->open[reader->depth - 1];
	struct json_node *node = &reader->outline->nodes[open];
	bool is_object = node->kind == JSON_KIND_OBJECT;

	if (outline_take(reader, is_object ? '}' : ']')) {
		outline_close(reader);
		return true;
	}
	if (node->count > 0 && !outline_take(reader, ','))
		return false;
	if (is_object && !outline_name(reader, open))
		return false;
	reader->outline->nodes[open].count++;
	return outline_value(reader);
}

const struct json_node *
json_outline_read(struct json_outline *outline, const char *text, size_t length)
{
	struct outline_reader reader = {.outline = outline, .at = text, .end = text + length};
	bool good;

	*outline = (struct json_outline){0};
	good = length < UINT32_MAX / sizeof(struct json_node) && outline_value(&reader);
	while (good && reader.depth > 0)
		good = outline_step(&reader);
	outline_blank(&reader);
	return good && reader.at == reader.end ? outline->nodes : NULL;
}

void
json_outline_fini(struct json_outline *outline)
{
	free(outline->nodes);
	*outline = (struct json_outline){0};
}

/* --- values -----------------------------------------------------------------------------------*/

bool
json_node_is(const struct json_node *node, enum json_kind kind)
{
	return node != NULL && node->kind == kind;
}

const struct json_node *
json_node_get(const struct json_node *object, const char *name)
{
	const struct json_node *at;

	if (!json_node_is(object, JSON_KIND_OBJECT))
		return NULL;
	at = object + 1;
	for (uint32_t i = 0; i < object->count; i++, at += 1 + at[1].span)
		if (json_node_equals(at, name))
			return at + 1;
	return NULL;
}

const struct json_node *
json_node_first(const struct json_node *array)
{
	return json_node_is(array, JSON_KIND_ARRAY) && array->count > 0 ? array + 1 : NULL;
}

const struct json_node *
json_node_next(const struct json_node *node)
{
	return node + node->span;
}

bool
json_node_is_word(const struct json_node *node, const char *word)
{
	return json_node_is(node, JSON_KIND_WORD) && node->length == strlen(word) &&
	       memcmp(node->text, word, node->length) == 0;
}

/* What the string says, in at most `length` bytes; returns how many. An escape is never shorter
 * than what it stands for. */
static size_t
outline_decode(const struct json_node *string, char *out)
{
	const char *at = string->text, *end = at + string->length;
	char *to = out;

	while (at < end) {
		const char *escape = memchr(at, '\\', (size_t)(end - at));
		size_t plain = (size_t)((escape != NULL ? escape : end) - at), length;

		memcpy(to, at, plain);
		to += plain;
		at += plain;
		if (escape != NULL) {
			int32_t point = outline_escape(at + 1, end, &length);

			to += utf8proc_encode_char(point, (utf8proc_uint8_t *)to);
			at += 1 + length;
		}
	}
	return (size_t)(to - out);
}

void
json_node_put(const struct json_node *string, struct buf *out)
{
	char *room;

	if (!json_node_is(string, JSON_KIND_STRING))
		return;
	room = buf_reserve(out, string->length);
	if (room != NULL)
		buf_advance(out, outline_decode(string, room));
}

char *
json_node_string(const struct json_node *string, struct arena *arena)
{
	char *text = NULL;

	if (json_node_is(string, JSON_KIND_STRING))
		text = arena_alloc(arena, string->length + 1);
	if (text != NULL)
		text[outline_decode(string, text)] = '\0';
	return text;
}

bool
json_node_equals(const struct json_node *node, const char *text)
{
	char decoded[64];
	size_t length = strlen(text);

	if (!json_node_is(node, JSON_KIND_STRING))
		return false;
	if (!node->escaped)
		return node->length == length && memcmp(node->text, text, length) == 0;
	return node->length <= sizeof decoded && outline_decode(node, decoded) == length &&
	       memcmp(decoded, text, length) == 0;
}

double
json_node_number(const struct json_node *number)
{
	char text[OUTLINE_NUMBER];

	if (!json_node_is(number, JSON_KIND_NUMBER))
		return 0;
	if (number->length >= sizeof text)
		return INFINITY;
	memcpy(text, number->text, number->length);
	text[number->length] = '\0';
	return strtod(text, NULL);
}

int64_t
json_node_integer(const struct json_node *number)
{
	int64_t value = 0;

	if (!json_node_is(number, JSON_KIND_NUMBER) || number->length > OUTLINE_INTEGER)
		return 0;
	for (uint32_t i = *number->text == '-'; i < number->length; i++) {
		if (number->text[i] < '0' || number->text[i] > '9')
			return 0;
		value = value * 10 + number->text[i] - '0';
	}
	return *number->text == '-' ? -value : value;
}
