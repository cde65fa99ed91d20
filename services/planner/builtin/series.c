/* SPDX-License-Identifier: MIT
 * Writes lists of topics the way a teacher does: ranges for runs of numbered names, and never a
 * title longer than allowed. */
#include "services/planner/builtin/series.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/base/text.h"

#define SERIES_MIN_NAME 12 /* code points that a shortened name keeps */

bool
series_parse(const char *name, struct series_name *out)
{
	size_t at = strcspn(name, "0123456789");
	size_t digits = strspn(name + at, "0123456789");

	if (digits == 0 || digits > 9 ||
	    name[at + digits + strcspn(name + at + digits, "0123456789")])
		return false;
	out->prefix = name;
	out->prefix_length = at;
	out->number = 0;
	for (size_t i = 0; i < digits; i++)
		out->number = out->number * 10 + (unsigned long)(name[at + i] - '0');
	out->suffix = name + at + digits;
	out->suffix_length = strlen(out->suffix);
	return true;
}

static size_t
series_bytes(const char *text, size_t code_points)
{
	size_t at = 0;

	while (text[at] != '\0') {
		if (((unsigned char)text[at] & 0xc0) != 0x80 && code_points-- == 0)
			break;
		at++;
	}
	return at;
}

char *
series_clip(struct arena *arena, const char *text, size_t limit)
{
	if (text_length(text) <= limit)
		return arena_strdup(arena, text);
	size_t bytes = series_bytes(text, limit - 1);

	while (bytes > 0 && text[bytes - 1] == ' ')
		bytes--;
	return arena_printf(arena, "%.*s…", (int)bytes, text);
}

static bool
series_follows(const char *one, const char *two)
{
	struct series_name a;
	struct series_name b;

	return series_parse(one, &a) && series_parse(two, &b) && b.number == a.number + 1 &&
	       a.prefix_length == b.prefix_length && a.suffix_length == b.suffix_length &&
	       memcmp(a.prefix, b.prefix, a.prefix_length) == 0 &&
	       memcmp(a.suffix, b.suffix, a.suffix_length) == 0;
}

/* "Chapter " is written "Chapters " before a range. */
static bool
series_takes_plural(const struct series_name *name)
{
	static const char *const words[] = {"chapter", "unit", "lesson", "section", "module",
	                                    "part",    "page", "topic",  "lecture", "problem"};

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (name->prefix_length == strlen(words[i]) + 1 &&
		    strncasecmp(name->prefix, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

static char *
series_range(struct arena *arena, const char *one, const char *last)
{
	struct series_name a;
	struct series_name b;

	if (!series_parse(one, &a) || !series_parse(last, &b))
		return NULL;
	if (series_takes_plural(&a))
		return arena_printf(arena, "%.*ss %lu–%lu%s", (int)a.prefix_length - 1, a.prefix,
		                    a.number, b.number, a.suffix);
	return arena_printf(arena, "%.*s%lu%s%lu%s", (int)a.prefix_length, a.prefix, a.number,
	                    a.suffix_length > 0 && (unsigned char)a.suffix[0] >= 0xea ? "~" : "–",
	                    b.number, a.suffix);
}

/* All names, runs as ranges; each name in at most `each` code points. Stops when the text is
 * certainly above `limit` code points. */
static char *
series_list(struct arena *arena, const char *const *topics, size_t count, size_t each, size_t limit)
{
	char *text = NULL;

	for (size_t at = 0; at < count && (text == NULL || strlen(text) <= 4 * limit);) {
		size_t next = at + 1;

		while (next < count && series_follows(topics[next - 1], topics[next]))
			next++;
		char *name = next - at > 1 ? series_range(arena, topics[at], topics[next - 1])
		                           : arena_strdup(arena, topics[at]);

		if (name != NULL)
			name = series_clip(arena, name, each);
		if (name == NULL)
			return NULL;
		text = text == NULL ? name : arena_printf(arena, "%s, %s", text, name);
		if (text == NULL)
			return NULL;
		at = next;
	}
	return text;
}

/* Cut to `each` code points, would two names look the same? */
static bool
series_blurs(const char *const *topics, size_t count, size_t each)
{
	for (size_t i = 1; i < count; i++) {
		size_t bytes = series_bytes(topics[i], each - 1);

		if (text_length(topics[i]) <= each)
			continue;
		for (size_t k = 0; k < i; k++)
			if (strncmp(topics[i], topics[k], bytes) == 0)
				return true;
	}
	return false;
}

/* The longer names cut to what just fits; NULL with *fits false if that would leave too little to
 * tell them by. */
static char *
series_shorten(struct arena *arena, const char *const *topics, size_t count, size_t limit,
               bool *fits)
{
	size_t low = SERIES_MIN_NAME;
	size_t high = PLAN_MAX_TEXT + 1;
	size_t length = 0;
	char *best = NULL;

	*fits = true;
	while (low < high) {
		size_t each = best == NULL ? low : low + (high - low) / 2;
		char *text = series_list(arena, topics, count, each, limit);

		if (text == NULL)
			return NULL;
		if (text_length(text) <= limit) {
			best = text;
			length = each;
			low = each + 1;
		} else if (best == NULL) {
			*fits = false;
			return NULL;
		} else {
			high = each;
		}
	}
	*fits = !series_blurs(topics, count, length);
	return best;
}

/* "A, B, C … Z (40 topics)": as many of the first as there is room for. */
static char *
series_outline(struct arena *arena, const char *const *topics, size_t count,
               enum plan_locale locale, size_t limit)
{
	size_t each = limit > 48 ? (limit - 24) / 2 : SERIES_MIN_NAME;
	char *last = series_clip(arena, topics[count - 1], each);
	char *text = series_clip(arena, topics[0], each);

	if (last == NULL || text == NULL)
		return NULL;
	last = arena_printf(arena, locale == PLAN_KO ? " … %s (주제 %zu개)" : " … %s (%zu topics)",
	                    last, count);
	if (last == NULL)
		return NULL;
	for (size_t i = 1; i + 1 < count; i++) {
		if (text_length(text) + 2 + text_length(topics[i]) + text_length(last) > limit)
			break;
		text = arena_printf(arena, "%s, %s", text, topics[i]);
		if (text == NULL)
			return NULL;
	}
	text = arena_printf(arena, "%s%s", text, last);
	return text == NULL ? NULL : series_clip(arena, text, limit);
}

char *
series_join(struct arena *arena, const char *const *topics, size_t first, size_t count,
            enum plan_locale locale, size_t limit)
{
	char *text = series_list(arena, topics + first, count, PLAN_MAX_TEXT, limit);
	bool fits;

	if (text == NULL || text_length(text) <= limit)
		return text;
	if (count == 1)
		return series_clip(arena, topics[first], limit);
	text = series_shorten(arena, topics + first, count, limit, &fits);
	if (fits)
		return text;
	return series_outline(arena, topics + first, count, locale, limit);
}
