/* SPDX-License-Identifier: MIT
 *
 * A set of words looked up in a CMU pronouncing dictionary file in one pass: the recognizer's
 * small dictionary is cut from the large one. Not thread-safe; words are [a-z'].
 */
#ifndef STUDYHALL_VOICE_ENGINES_STT_WORDS_H
#define STUDYHALL_VOICE_ENGINES_STT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum {
	STT_WORD_MAX = 24,
	STT_WORDS_MAX = 1024
};

struct stt_words {
	size_t count;
	char words[STT_WORDS_MAX][STT_WORD_MAX];
};

/* Adds a word unless it is there, too long, or the set is full. */
void stt_words_add(struct stt_words *set, const char *word, size_t length);
/* Adds every word of a JSGF grammar's rules, rule names apart. */
void stt_words_add_grammar(struct stt_words *set, const char *jsgf);

/* Calls `found` for each reading of each word in the file: "two" and its phones, "two(2)"... False
 * if the file cannot be read. Sorts the set. */
typedef void stt_words_fn(void *context, const char *word, const char *phones);
bool stt_words_find(struct stt_words *set, const char *dict, stt_words_fn *found, void *context);

#endif
