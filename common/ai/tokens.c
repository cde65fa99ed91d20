/* SPDX-License-Identifier: MIT
 * Tokens by kinds of characters. */
#include "common/ai/tokens.h"

#define TOKENS_MAX (1u << 30)

struct tokens_count {
	uint64_t letters; /* ASCII letters and blanks */
	uint64_t signs;   /* digits and punctuation */
	uint64_t others;  /* code points beyond ASCII */
};

static struct tokens_count
tokens_count(const char *text, size_t length)
{
	struct tokens_count count = {0};

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x80)
			count.others += c >= 0xc0;
		else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c <= ' ')
			count.letters++;
		else
			count.signs++;
	}
	return count;
}

uint32_t
tokens_likely(const char *text, size_t length)
{
	struct tokens_count count = tokens_count(text, length);
	uint64_t tokens = (count.letters + 4) / 5 + (count.signs + 1) / 2 + (count.others + 1) / 2;

	return tokens < TOKENS_MAX ? (uint32_t)tokens : TOKENS_MAX;
}

uint32_t
tokens_most(const char *text, size_t length)
{
	struct tokens_count count = tokens_count(text, length);
	uint64_t tokens = (count.letters + 1) / 2 + count.signs + count.others * 2;

	return tokens < TOKENS_MAX ? (uint32_t)tokens : TOKENS_MAX;
}
