/* SPDX-License-Identifier: MIT
 * Checks and Unicode normalization over utf8proc; plain ASCII, the common case, goes past it. */
#include "common/base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "common/base/arena.h"

#define TEXT_MARKS_LIMIT 30 /* UAX #15, section 13: more in a row mean nothing in any language */

/* Bytes of plain ASCII without NUL at the start of the text. */
static size_t
text_ascii_run(const char *text, size_t length)
{
	const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
	size_t at = 0;
	for (; length - at >= 8; at += 8) {
		uint64_t word;
		memcpy(&word, text + at, sizeof word);
		if (((word | (word - ones)) & tops) != 0)
			break;
	}
	while (at < length && (signed char)text[at] > 0)
		at++;
	return at;
}

/* One code point of `length` bytes that starts at `text`, or -1. */
static utf8proc_int32_t
text_next(const char *text, size_t length, size_t *used)
{
	utf8proc_int32_t point;
	utf8proc_ssize_t count =
	    utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &point);
	if (count <= 0 || point == 0)
		return -1;
	*used = (size_t)count;
	return point;
}

bool
text_valid(const char *text, size_t length)
{
	size_t at = 0, used;
	for (;;) {
		at += text_ascii_run(text + at, length - at);
		if (at == length)
			return true;
		if (text_next(text + at, length - at, &used) < 0)
			return false;
		at += used;
	}
}

size_t
text_length(const char *text)
{
	size_t count = 0;
	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

/* Valid, and without long runs of combining marks: utf8proc sorts a run in quadratic time, so a
 * megabyte of them would hold up the loop for minutes. */
static bool
text_normalizable(const char *text, size_t length)
{
	size_t marks = 0, used;
	for (size_t at = 0; at < length; at += used) {
		utf8proc_int32_t point = text_next(text + at, length - at, &used);
		if (point < 0)
			return false;
		/* These three are no marks themselves but decompose to nothing but marks. */
		bool mark = point == 0x0f73 || point == 0x0f75 || point == 0x0f81 ||
		            (point >= 0x300 && utf8proc_get_property(point)->combining_class != 0);
		marks = mark ? marks + 1 : 0;
		if (marks > TEXT_MARKS_LIMIT)
			return false;
	}
	return true;
}

static char *
text_map(struct arena *arena, const char *text, size_t length, utf8proc_option_t options)
{
	if (!text_normalizable(text, length))
		return NULL;
	utf8proc_uint8_t *mapped = NULL;
	utf8proc_ssize_t count =
	    utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &mapped,
	                 UTF8PROC_STABLE | UTF8PROC_COMPOSE | options);
	if (count < 0)
		return NULL;
	char *copy = arena_strndup(arena, (const char *)mapped, (size_t)count);
	free(mapped);
	return copy;
}

char *
text_nfc(struct arena *arena, const char *text)
{
	size_t length = strlen(text);
	if (text_ascii_run(text, length) == length)
		return arena_strndup(arena, text, length);
	return text_map(arena, text, length, 0);
}

/* Unicode's White_Space (PropList.txt). */
static bool
text_is_space(utf8proc_int32_t point)
{
	switch (point) {
	case 0x20:
	case 0x85:
	case 0xa0:
	case 0x1680:
	case 0x2028:
	case 0x2029:
	case 0x202f:
	case 0x205f:
	case 0x3000: return true;
	default: return (point >= 9 && point <= 13) || (point >= 0x2000 && point <= 0x200a);
	}
}

char *
text_trim(struct arena *arena, const char *text)
{
	char *copy = text_nfc(arena, text);
	if (copy == NULL)
		return NULL;
	size_t length = strlen(copy), used = 0;
	while (length > 0 && text_is_space(text_next(copy, length, &used))) {
		copy += used;
		length -= used;
	}
	while (length > 0) {
		size_t last = length - 1;
		while (last > 0 && ((unsigned char)copy[last] & 0xc0) == 0x80)
			last--;
		if (!text_is_space(text_next(copy + last, length - last, &used)))
			break;
		length = last;
	}
	copy[length] = '\0';
	return copy;
}

char *
text_fold(struct arena *arena, const char *text)
{
	size_t length = strlen(text);
	if (text_ascii_run(text, length) < length)
		return text_map(arena, text, length, UTF8PROC_CASEFOLD);
	char *copy = arena_strndup(arena, text, length);
	for (char *c = copy; c != NULL && *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return copy;
}

bool
text_has_controls(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		if ((*c < 0x20 && *c != '\t' && *c != '\n') || *c == 0x7f)
			return true;
		if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) /* U+0080..U+009F */
			return true;
	}
	return false;
}
