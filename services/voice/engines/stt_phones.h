/* SPDX-License-Identifier: MIT
 * How alike two strings of phones sound. Pure. */
#ifndef STUDYHALL_VOICE_ENGINES_STT_PHONES_H
#define STUDYHALL_VOICE_ENGINES_STT_PHONES_H

enum {
	STT_PHONES_MAX = 400
}; /* phones of a string that are compared */

/* The weighted edit distance of two strings of ARPAbet phones ("HH AH L OW "), per phone of
 * `expected`: 0 is the same, about 0.45 a foreign accent, 0.7 another sentence. Phones that are
 * easily taken for each other (P and B, IH and IY) cost less. 1 if either is empty. */
float stt_phones_distance(const char *expected, const char *heard);

#endif
