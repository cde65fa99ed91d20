/* SPDX-License-Identifier: MIT
 * Compares names as plain words: case folded, punctuation as blanks. */
#include "services/planner/ai/plan_cover.h"

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PLAN_COVER_SHORT 3 /* ASCII words up to so long must stand alone */
#define PLAN_COVER_LONG  3 /* names of so many words may come in another order */

struct plan_cover {
	struct arena *arena;
	const char **words; /* of each topic; NULL: covered */
	size_t count, missing;
};

/* --- words ----------------------------------------------------------------------------------- */

/* Dashes and tildes that stand between two numbers. */
static size_t
plan_cover_dash(const char *at)
{
	static const char *const dashes[] = {
	    "-",           "~", "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x88\xbc", "\xef\xbd\x9e",
	    "\xe3\x80\x9c"};

	for (size_t i = 0; i < COUNT_OF(dashes); i++)
		if (strncmp(at, dashes[i], strlen(dashes[i])) == 0)
			return strlen(dashes[i]);
	return 0;
}

/* Folded, ASCII punctuation as single blanks, none at the ends; a dash after a digit stays one. */
static char *
plan_cover_words(struct arena *arena, const char *text)
{
	char *folded = text_fold(arena, text), *to = folded;

	for (const char *at = folded; at != NULL && *at != '\0';) {
		size_t dash = plan_cover_dash(at);

		if (dash > 0 && to > folded && isdigit((unsigned char)to[-1]) &&
		    isdigit((unsigned char)at[dash])) {
			*to++ = '-';
			at += dash;
		} else if (dash > 0 ||
		           ((unsigned char)*at < 0x80 && !isalnum((unsigned char)*at))) {
			if (to > folded && to[-1] != ' ')
				*to++ = ' ';
			at += dash > 0 ? dash : 1;
		} else {
			*to++ = *at++;
		}
	}
	if (folded == NULL)
		return NULL;
	if (to > folded && to[-1] == ' ')
		to--;
	*to = '\0';
	return folded;
}

/* Does `part` end before a character that would make it another word? */
static bool
plan_cover_ends(const char *part, size_t length, char next)
{
	unsigned char last = (unsigned char)part[length - 1];

	if (isdigit(last))
		return !isdigit((unsigned char)next);
	return length > PLAN_COVER_SHORT || last >= 0x80 || !isalnum((unsigned char)next);
}

static bool
plan_cover_finds(const char *title, const char *part, size_t length)
{
	const char *end = title + strlen(title);

	for (const char *at = title; (at = memmem(at, (size_t)(end - at), part, length)) != NULL;
	     at++) {
		bool begins = at == title || (unsigned char)part[0] >= 0x80 ||
		              !isalnum((unsigned char)at[-1]);

		if (begins && plan_cover_ends(part, length, at[length]))
			return true;
	}
	return false;
}

/* --- numbered names -------------------------------------------------------------------------- */

/* Is `number` among the numbers and ranges ("3-5") of the title? */
static bool
plan_cover_counts(const char *title, unsigned long number)
{
	for (const char *at = title; *at != '\0';) {
		char *end;
		unsigned long first, last;

		if (!isdigit((unsigned char)*at)) {
			at++;
			continue;
		}
		first = last = strtoul(at, &end, 10);
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (number >= first && number <= last)
			return true;
		at = end;
	}
	return false;
}

/* "chapter 4" in "chapters 3-5"; "4단원" in "3-5단원": what stands around the number, and it. */
static bool
plan_cover_series(const char *title, const char *topic)
{
	const char *digits = topic + strcspn(topic, "0123456789");
	size_t before = (size_t)(digits - topic), count = strspn(digits, "0123456789");
	const char *after = digits + count;
	char stem[64];

	if (count == 0 || count > 9 || strpbrk(after, "0123456789") != NULL)
		return false;
	while (before > 0 && topic[before - 1] == ' ')
		before--;
	after += *after == ' ';
	if (before >= sizeof stem || (before == 0 && *after == '\0') ||
	    (before > 0 && *after != '\0'))
		return false;
	memcpy(stem, topic, before);
	stem[before] = '\0';
	if (before > 0 ? !plan_cover_finds(title, stem, before)
	               : !plan_cover_finds(title, after, strlen(after)))
		return false;
	return plan_cover_counts(title, strtoul(digits, NULL, 10));
}

/* --- names ----------------------------------------------------------------------------------- */

/* All words of a long name, in any order. */
static bool
plan_cover_all_words(const char *title, const char *topic)
{
	size_t words = 0;

	for (const char *word = topic; *word != '\0'; words++) {
		size_t length = strcspn(word, " ");

		if (!plan_cover_finds(title, word, length))
			return false;
		word += length + (word[length] == ' ');
	}
	return words >= PLAN_COVER_LONG;
}

static bool
plan_cover_match(const char *title, const char *topic)
{
	if (*topic == '\0')
		return true; /* nothing but signs: nobody can tell */
	return plan_cover_finds(title, topic, strlen(topic)) || plan_cover_series(title, topic) ||
	       plan_cover_all_words(title, topic);
}

bool
plan_covers(struct arena *arena, const char *title, const char *topic)
{
	const char *title_words = plan_cover_words(arena, title);
	const char *topic_words = plan_cover_words(arena, topic);

	return title_words != NULL && topic_words != NULL &&
	       plan_cover_match(title_words, topic_words);
}

struct plan_cover *
plan_cover_new(struct arena *arena, const char *const *topics, size_t count)
{
	struct plan_cover *cover = arena_alloc(arena, sizeof *cover);

	if (cover == NULL)
		return NULL;
	cover->arena = arena;
	cover->count = cover->missing = count;
	cover->words = arena_calloc(arena, count > 0 ? count : 1, sizeof *cover->words);
	for (size_t i = 0; i < count && cover->words != NULL; i++) {
		cover->words[i] = plan_cover_words(arena, topics[i]);
		if (cover->words[i] == NULL)
			return NULL;
	}
	return cover->words != NULL ? cover : NULL;
}

bool
plan_cover_add(struct plan_cover *cover, const char *title)
{
	const char *words = cover->missing > 0 ? plan_cover_words(cover->arena, title) : "";

	for (size_t i = 0; i < cover->count && cover->missing > 0 && words != NULL; i++) {
		if (cover->words[i] != NULL && plan_cover_match(words, cover->words[i])) {
			cover->words[i] = NULL;
			cover->missing--;
		}
	}
	return words != NULL;
}

size_t
plan_cover_missing(const struct plan_cover *cover)
{
	return cover->missing;
}

bool
plan_cover_has(const struct plan_cover *cover, size_t topic)
{
	return cover->words[topic] == NULL;
}
