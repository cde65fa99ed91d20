/* SPDX-License-Identifier: MIT
 *
 * What the AI is asked of a learner, as one JSON object that is data only (prompts/LOCALE/tutor.txt
 * says what to do with it), and what it answers made fit to be spoken. No I/O.
 */
#ifndef STUDYHALL_VOICE_TUTOR_PROMPT_H
#define STUDYHALL_VOICE_TUTOR_PROMPT_H

#include "services/voice/tutor.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;

#define TUTOR_PAST_MOST 6 /* turns of the conversation that are told */

struct tutor_exchange {
	const char *learner, *tutor;
};

struct tutor_question {
	const struct tutor_context *context;
	const char *said;
	const struct tutor_exchange *past; /* the oldest first */
	size_t past_count;
};

/* Writes the object. What is long is cut: lists to a dozen, texts to a few hundred characters. */
void tutor_write_question(struct buf *out, const struct tutor_question *question);

/* The model's text as it may be kept and spoken: NFC, one line, without marks of formatting, at
 * most TUTOR_REPLY_MAX bytes, which end with a sentence if it was cut (`whole` false: the model
 * was). From the arena; NULL: there is nothing to say in it. */
const char *tutor_clean_reply(struct arena *arena, const char *text, size_t length, bool whole);

#endif
