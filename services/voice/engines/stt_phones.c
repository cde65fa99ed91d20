/* SPDX-License-Identifier: MIT
 * Phones compared by what the recognizer is known to confuse. */
#include "services/voice/engines/stt_phones.h"

#include <stddef.h>
#include <string.h>

/* Indexes into the table. */
static size_t
stt_phones_read(const char *text, unsigned char phones[STT_PHONES_MAX])
{
	size_t count = 0;

	while (*text != '\0' && count < STT_PHONES_MAX) {
		size_t length = strcspn(text, " ");
		for (size_t i = 0; i < STT_PHONE_COUNT; i++) {
			if (strlen(stt_phone_table[i].name) == length &&
			    memcmp(stt_phone_table[i].name, text, length) == 0)
				phones[count++] = (unsigned char)i;
		}
		text += length + (text[length] == ' ');
	}
	return count;
}

static int
stt_phones_least(int a, int b, int c)
{
	int least = a < b ? a : b;

	return c < least ? c : least;
}

float
stt_phones_distance(const char *expected, const char *heard)
{
	unsigned char a[STT_PHONES_MAX], b[STT_PHONES_MAX];
	int row[STT_PHONES_MAX + 1] = {0};
	size_t rows = stt_phones_read(expected, a), columns = stt_phones_read(heard, b);

	if (rows == 0 || columns == 0)
		return 1;
	for (size_t k = 0; k < columns; k++)
		row[k + 1] = row[k] + stt_phone_table[b[k]].extra;
	for (size_t i = 0; i < rows; i++) {
		const struct stt_phone *said = &stt_phone_table[a[i]];
		int corner = row[0];
		row[0] += said->lost;
		for (size_t k = 1; k <= columns; k++) {
			int above = row[k];
			row[k] = stt_phones_least(above + said->lost,
			                          row[k - 1] + stt_phone_table[b[k - 1]].extra,
			                          corner + said->heard[b[k - 1]]);
			corner = above;
		}
	}
	return (float)row[columns] / (float)rows / 10;
}
