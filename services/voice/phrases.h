/* SPDX-License-Identifier: MIT
 *
 * The phrases the tutor understands: as a JSGF grammar for the speech recognizer (English), and as
 * a matcher for text, typed or recognized (Korean and English). Everything here is pure and
 * thread-safe. Grammar: JSpeech Grammar Format, W3C note 2000, the part pocketsphinx reads.
 */
#ifndef STUDYHALL_VOICE_PHRASES_H
#define STUDYHALL_VOICE_PHRASES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

enum phrase_intent {
	PHRASE_UNKNOWN,
	PHRASE_TODAY,    /* what should I study today */
	PHRASE_LATE,     /* what is late */
	PHRASE_NEXT,     /* what comes next */
	PHRASE_DONE,     /* I finished chapter five */
	PHRASE_PROGRESS, /* how am I doing */
	PHRASE_EXAM,     /* how long until the exam */
	PHRASE_TIRED,    /* I am tired */
	PHRASE_REPEAT,   /* say that again */
	PHRASE_HELP,     /* what can I ask */
	PHRASE_THANKS,   /* thank you */
	PHRASE_GREETING, /* hello */
	PHRASE_INTENT_COUNT
};

enum {
	PHRASE_SAID_MAX = 512,   /* bytes of a match's text; longer input is cut at a word */
	PHRASE_TOPICS_MAX = 64,  /* topics that enter a grammar; the rest is left out */
	PHRASE_TOPIC_WORDS = 6,  /* words of a topic that enter a grammar */
	PHRASE_NUMBER_MAX = 199, /* greatest chapter number that text may name (speech: 99) */
};

struct phrase_match {
	enum phrase_intent intent;
	int number; /* the chapter, unit, lesson... that was named; 0: none */
	/* What was said, lower case, without punctuation, one space between words and one at each
	 * end. Empty for empty input. */
	char said[PHRASE_SAID_MAX];
};

/* The name of an intent for logs and metrics: "today", "late"... */
const char *phrases_intent_name(enum phrase_intent intent);

/* What `text` (valid UTF-8, NFC) asks for. Case, punctuation, contractions, politeness, a slip of
 * one letter in a longer word, and in Korean spacing and endings do not matter. */
void phrases_match(const char *text, struct phrase_match *match);

/* Does `title`, a topic's or item's, carry the number that was said, or, when none was said, the
 * words? "chapter five" names "Chapter 5: Waves", but not "Chapter 15". */
bool phrases_names(const struct phrase_match *match, const char *title);

/* Can the recognizer pronounce `word` (lower case, `length` bytes, not NUL-terminated)? */
typedef bool phrases_word_fn(void *context, const char *word, size_t length);

/* A word of the grammar that is a silence: it ends the near misses. */
#define PHRASE_DECOY "'decoy"

/* Appends the JSGF grammar of all English phrases, with the learner's own topics in the place of
 * "I finished ...". Words that `word` refuses are dropped from a topic, and a topic without one
 * telling word left is skipped, so every word of the grammar can be pronounced if the fixed ones
 * can. The rule <phrase> has the tutor's phrases, the rule <decoy> near misses, which end with
 * PHRASE_DECOY and are to be rejected when heard. Only [a-z'] enters the grammar from `topics`.
 * `topics` may be NULL when `count` is 0. */
void phrases_jsgf(struct buf *out, const char *const *topics, size_t count, phrases_word_fn *word,
                  void *context);

/* The number (1..PHRASE_NUMBER_MAX) a chapter, unit or the like in normalized text carries, or 0.
 * `said` is in the form of phrase_match.said. */
int phrases_number(const char *said);
/* Writes `text` in the form of phrase_match.said. */
void phrases_normalize(const char *text, char said[PHRASE_SAID_MAX]);

#endif
