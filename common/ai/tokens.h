/* SPDX-License-Identifier: MIT
 *
 * How many tokens a text is, without its model's tokenizer. Pure. Tokenizers differ: one cuts
 * numbers into digits, one Hangul syllables into two or three.
 */
#ifndef STUDYHALL_AI_TOKENS_H
#define STUDYHALL_AI_TOKENS_H

#include <stddef.h>
#include <stdint.h>

/* What it likely is: for a bill that the provider did not write. */
uint32_t tokens_likely(const char *text, size_t length);
/* What it is at most: for what has to be reserved. */
uint32_t tokens_most(const char *text, size_t length);

#endif
