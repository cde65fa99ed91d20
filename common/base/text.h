/* SPDX-License-Identifier: MIT
 *
 * Text from strangers: UTF-8 (RFC 3629) checked, Unicode normalized (NFC, UAX #15), counted in
 * code points. Pure and thread-safe.
 */
#ifndef STUDYHALL_BASE_TEXT_H
#define STUDYHALL_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Well-formed UTF-8 without NUL? */
bool text_valid(const char *text, size_t length);
/* Code points in valid UTF-8. */
size_t text_length(const char *text);
/* A copy in NFC, from the arena; NULL if the text is not valid UTF-8, has more than 30 combining
 * marks in a row (UAX #15's bound of stream-safe text), or memory is exhausted. The next two use
 * it. */
char *text_nfc(struct arena *arena, const char *text);
/* NFC, white space of both ends cut (Unicode's too). */
char *text_trim(struct arena *arena, const char *text);
/* Case-folded (Unicode default folding) for comparing, e.g. email addresses. */
char *text_fold(struct arena *arena, const char *text);
/* Any control character other than tab and line feed? */
bool text_has_controls(const char *text);

#endif
