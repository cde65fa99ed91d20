/* SPDX-License-Identifier: MIT
 *
 * The one place that knows pocketsphinx (0.8 "5prealpha", as Debian 12, Debian 13 and Ubuntu 24.04
 * package it, with sphinxbase as a library of its own). A decoder serves one thread at a time;
 * different decoders are independent. The library's logging is off.
 */
#ifndef STUDYHALL_VOICE_ENGINES_SPHINX_H
#define STUDYHALL_VOICE_ENGINES_SPHINX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sphinx;

enum sphinx_search {
	SPHINX_GRAMMAR,
	SPHINX_PHONES,
	SPHINX_MODEL
};
enum sphinx_outcome {
	SPHINX_OK,
	SPHINX_CANCELLED,
	SPHINX_FAILED
};

enum {
	SPHINX_SPANS_MAX = 2048
};

/* A word, phone or filler of the best path: frames of 10 ms, acoustic score in the library's log
 * units relative to the best state of each frame (0 or less). */
struct sphinx_span {
	int first, last;
	int32_t score;
	bool filler; /* silence or noise, no word */
};

#define SPHINX_MODEL_DIR "/usr/share/pocketsphinx/model/en-us"

/* "pocketsphinx 5prealpha" */
const char *sphinx_name(void);

/* A decoder for the dictionary in the file `dict`; `with_model`: with the general language model,
 * else for grammars and phones. NULL when anything is missing or broken. */
struct sphinx *sphinx_new(const char *model_dir, const char *dict, bool with_model);
void sphinx_free(struct sphinx **sphinx);

bool sphinx_knows(struct sphinx *sphinx, const char *word);
/* Adds a word ("two" or its second reading "two(2)") with its phones; false if they are bad. */
bool sphinx_add_word(struct sphinx *sphinx, const char *word, const char *phones);
/* Replaces the grammar by a JSGF text; every word of it must be known. */
bool sphinx_set_grammar(struct sphinx *sphinx, const char *text);

/* Runs one search over 16 kHz mono samples. Grammar and phones run in one go (keep them short);
 * the model looks at `stop` every quarter second of audio. */
enum sphinx_outcome sphinx_decode(struct sphinx *sphinx, enum sphinx_search search,
                                  const int16_t *samples, size_t count, const _Atomic bool *stop);

/* The last search's words, "" if it found no path. Valid until the next search. */
const char *sphinx_text(struct sphinx *sphinx);
/* The phones of the last search's path without silence and noise ("HH AH L OW "): of its words as
 * the dictionary has them, or of the phones it heard. False if they do not fit. */
bool sphinx_phones(struct sphinx *sphinx, enum sphinx_search search, char *phones, size_t space);
/* The last search's path, at most `space` spans; how many. */
size_t sphinx_spans(struct sphinx *sphinx, struct sphinx_span *spans, size_t space);

#endif
