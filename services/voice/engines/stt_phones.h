/* SPDX-License-Identifier: MIT
 * How well a string of phones that was heard speaks for one that was expected. Pure. */
#ifndef STUDYHALL_VOICE_ENGINES_STT_PHONES_H
#define STUDYHALL_VOICE_ENGINES_STT_PHONES_H

enum {
	STT_PHONES_MAX = 400, /* phones of a string that are compared */
	STT_PHONE_COUNT = 39
};

/* One phone of the model (ARPAbet) and what it costs, in tenths of nats: when it is not heard at
 * all, when it is heard and was not said, and when each phone of the table is heard for it. */
struct stt_phone {
	char name[3];
	signed char lost, extra;
	signed char heard[STT_PHONE_COUNT];
};
extern const struct stt_phone stt_phone_table[STT_PHONE_COUNT];

/* The cheapest way to hear `heard` where `expected` was said ("HH AH L OW "), in nats per phone of
 * `expected`: about -2 the same, -1 a foreign accent, 0 no better than chance. Unknown names are
 * left out. 1 if either is empty. */
float stt_phones_distance(const char *expected, const char *heard);

#endif
