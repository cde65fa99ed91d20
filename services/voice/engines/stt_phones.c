/* SPDX-License-Identifier: MIT
 * Phones compared by what a tired ear would confuse. */
#include "services/voice/engines/stt_phones.h"

#include <stddef.h>
#include <string.h>

#include "common/base/obj.h"

/* Groups of ARPAbet phones that sound alike, a phone may be in several; VOWEL and STOP are wider
 * groups, whose members are further apart. */
enum {
	STT_OPEN = 1 << 0,
	STT_FRONT = 1 << 1,
	STT_ROUND = 1 << 2,
	STT_VOICELESS = 1 << 3,
	STT_VOICED = 1 << 4,
	STT_SIBILANT = 1 << 5,
	STT_BREATH = 1 << 6,
	STT_NASAL = 1 << 7,
	STT_LIQUID = 1 << 8,
	STT_VOWEL = 1 << 9,
	STT_STOP = 1 << 10,
};
#define STT_ALIKE (STT_VOWEL - 1u)

#define STT_SKIP    0.7f /* a phone more or less */
#define STT_NEAR    0.5f
#define STT_FAR     0.7f
#define STT_FOREIGN 1.2f

static const struct {
	char name[3];
	unsigned short groups;
} stt_phones[] = {
    {"AA", STT_VOWEL | STT_OPEN},
    {"AE", STT_VOWEL | STT_FRONT},
    {"AH", STT_VOWEL | STT_OPEN},
    {"AO", STT_VOWEL | STT_OPEN},
    {"AW", STT_VOWEL | STT_OPEN},
    {"AY", STT_VOWEL | STT_OPEN | STT_FRONT},
    {"B", STT_VOICED | STT_STOP},
    {"CH", STT_SIBILANT | STT_STOP},
    {"D", STT_VOICED | STT_STOP},
    {"DH", STT_BREATH | STT_STOP},
    {"EH", STT_VOWEL | STT_FRONT},
    {"ER", STT_VOWEL | STT_ROUND | STT_LIQUID},
    {"EY", STT_VOWEL | STT_FRONT},
    {"F", STT_BREATH},
    {"G", STT_VOICED | STT_STOP},
    {"HH", STT_BREATH},
    {"IH", STT_VOWEL | STT_FRONT},
    {"IY", STT_VOWEL | STT_FRONT},
    {"JH", STT_SIBILANT | STT_STOP},
    {"K", STT_VOICELESS | STT_STOP},
    {"L", STT_LIQUID},
    {"M", STT_NASAL},
    {"N", STT_NASAL},
    {"NG", STT_NASAL},
    {"OW", STT_VOWEL | STT_OPEN | STT_ROUND},
    {"OY", STT_VOWEL | STT_ROUND},
    {"P", STT_VOICELESS | STT_STOP},
    {"R", STT_LIQUID},
    {"S", STT_SIBILANT},
    {"SH", STT_SIBILANT},
    {"T", STT_VOICELESS | STT_STOP},
    {"TH", STT_BREATH | STT_STOP},
    {"UH", STT_VOWEL | STT_ROUND},
    {"UW", STT_VOWEL | STT_ROUND},
    {"V", STT_BREATH},
    {"W", STT_LIQUID},
    {"Y", STT_LIQUID},
    {"Z", STT_SIBILANT},
    {"ZH", STT_SIBILANT},
};

/* Indexes into stt_phones; unknown names are left out. */
static size_t
stt_phones_read(const char *text, unsigned char phones[STT_PHONES_MAX])
{
	size_t count = 0;

	while (*text != '\0' && count < STT_PHONES_MAX) {
		size_t length = strcspn(text, " ");
		for (size_t i = 0; i < COUNT_OF(stt_phones); i++) {
			if (strlen(stt_phones[i].name) == length &&
			    memcmp(stt_phones[i].name, text, length) == 0)
				phones[count++] = (unsigned char)i;
		}
		text += length + (text[length] == ' ');
	}
	return count;
}

static float
stt_phones_swap(unsigned a, unsigned b)
{
	unsigned shared = stt_phones[a].groups & stt_phones[b].groups;

	if (a == b)
		return 0;
	if ((shared & STT_ALIKE) != 0)
		return STT_NEAR;
	return shared != 0 ? STT_FAR : STT_FOREIGN;
}

static float
stt_phones_least(float a, float b, float c)
{
	float least = a < b ? a : b;

	return c < least ? c : least;
}

float
stt_phones_distance(const char *expected, const char *heard)
{
	unsigned char a[STT_PHONES_MAX], b[STT_PHONES_MAX];
	float row[STT_PHONES_MAX + 1];
	size_t rows = stt_phones_read(expected, a), columns = stt_phones_read(heard, b);

	if (rows == 0 || columns == 0)
		return 1;
	for (size_t k = 0; k <= columns; k++)
		row[k] = (float)k * STT_SKIP;
	for (size_t i = 0; i < rows; i++) {
		float corner = row[0];
		row[0] = (float)(i + 1) * STT_SKIP;
		for (size_t k = 1; k <= columns; k++) {
			float above = row[k];
			row[k] = stt_phones_least(above + STT_SKIP, row[k - 1] + STT_SKIP,
			                          corner + stt_phones_swap(a[i], b[k - 1]));
			corner = above;
		}
	}
	return row[columns] / (float)rows;
}
