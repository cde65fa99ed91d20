/* SPDX-License-Identifier: MIT
 * Words picked out of the pronouncing dictionary, so that a decoder need not load all of it. */
#include "services/voice/engines/stt_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STT_LETTERS "abcdefghijklmnopqrstuvwxyz'"

void
stt_words_add(struct stt_words *set, const char *word, size_t length)
{
	if (length == 0 || length >= STT_WORD_MAX || set->count == STT_WORDS_MAX)
		return;
	for (size_t i = 0; i < set->count; i++) {
		if (memcmp(set->words[i], word, length) == 0 && set->words[i][length] == '\0')
			return;
	}
	memset(set->words[set->count], 0, STT_WORD_MAX);
	memcpy(set->words[set->count++], word, length);
}

void
stt_words_add_grammar(struct stt_words *set, const char *jsgf)
{
	const char *at = strstr(jsgf, "<"); /* the first rule */

	while (at != NULL && *at != '\0') {
		if (*at == '<') {
			at = strchr(at, '>');
			continue;
		}
		size_t length = strspn(at, STT_LETTERS);
		bool keyword = length == 6 && memcmp(at, "public", 6) == 0;
		if (!keyword)
			stt_words_add(set, at, length);
		at += length > 0 ? length : 1;
	}
}

static int
stt_words_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

bool
stt_words_find(struct stt_words *set, const char *dict, stt_words_fn *found, void *context)
{
	char line[256], word[STT_WORD_MAX];
	FILE *file = fopen(dict, "re");

	if (file == NULL)
		return false;
	qsort(set->words, set->count, STT_WORD_MAX, stt_words_compare);
	while (fgets(line, sizeof(line), file) != NULL) {
		size_t letters = strspn(line, STT_LETTERS);
		char *space = strchr(line, ' ');
		if (letters == 0 || letters >= sizeof(word) || space == NULL ||
		    (line[letters] != ' ' && line[letters] != '('))
			continue;
		memcpy(word, line, letters);
		word[letters] = '\0';
		if (bsearch(word, set->words, set->count, STT_WORD_MAX, stt_words_compare) == NULL)
			continue;
		*space = '\0';
		line[strcspn(space + 1, "\r\n") + (size_t)(space + 1 - line)] = '\0';
		found(context, line, space + 1);
	}
	bool complete = ferror(file) == 0;
	fclose(file);
	return complete;
}
