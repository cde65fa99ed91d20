/* SPDX-License-Identifier: MIT
 * Sixteen characters at a time, as "Faster Base64 Encoding and Decoding Using AVX2 Instructions"
 * (Mula, Lemire; 2018) describes it, with the half as wide registers that every x86-64 processor of
 * the last fifteen years has. Other processors do without. */
#include "common/base/base64_private.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define BASE64_SSSE3 __attribute__((target("ssse3")))

/* Of twelve bytes, in the low ones of the register, the sixteen sextets, one a byte. */
static BASE64_SSSE3 __m128i
base64_split(__m128i bytes)
{
	const __m128i pairs = _mm_shuffle_epi8(
	    bytes, _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
	const __m128i first = _mm_and_si128(pairs, _mm_set1_epi32(0x0fc0fc00));
	const __m128i second = _mm_and_si128(pairs, _mm_set1_epi32(0x003f03f0));

	return _mm_or_si128(_mm_mulhi_epu16(first, _mm_set1_epi32(0x04000040)),
	                    _mm_mullo_epi16(second, _mm_set1_epi32(0x01000010)));
}

/* What is added to a sextet to make its character depends on which of five ranges it is in. */
static BASE64_SSSE3 __m128i
base64_characters(__m128i sextets)
{
	const __m128i added =
	    _mm_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
	                  '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
	const __m128i capital = _mm_cmpgt_epi8(_mm_set1_epi8(26), sextets);
	const __m128i range = _mm_or_si128(_mm_subs_epu8(sextets, _mm_set1_epi8(51)),
	                                   _mm_and_si128(capital, _mm_set1_epi8(13)));

	return _mm_add_epi8(sextets, _mm_shuffle_epi8(added, range));
}

BASE64_SSSE3 size_t
base64_put_wide(const unsigned char *bytes, size_t length, char *to)
{
	size_t done = 0;

	if (!__builtin_cpu_supports("ssse3"))
		return 0;
	/* Sixteen bytes are read, of which twelve count. */
	for (; length - done >= 16; done += 12, to += 16)
		_mm_storeu_si128((__m128i *)(void *)to,
		                 base64_characters(base64_split(_mm_loadu_si128(
		                     (const __m128i *)(const void *)(bytes + done)))));
	return done;
}

/* The bits that a character's two halves have in common say that it is none of the alphabet. */
static BASE64_SSSE3 bool
base64_sextets(__m128i text, __m128i *sextets)
{
	const __m128i low_faults = _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
	                                         0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a);
	const __m128i high_faults = _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08,
	                                          0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
	const __m128i added =
	    _mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
	const __m128i slash = _mm_set1_epi8('/'); /* also a mask, of half a byte and a bit */
	const __m128i high = _mm_and_si128(_mm_srli_epi32(text, 4), slash);
	const __m128i faults =
	    _mm_and_si128(_mm_shuffle_epi8(low_faults, _mm_and_si128(text, slash)),
	                  _mm_shuffle_epi8(high_faults, high));

	*sextets = _mm_add_epi8(
	    text, _mm_shuffle_epi8(added, _mm_add_epi8(_mm_cmpeq_epi8(text, slash), high)));
	return _mm_movemask_epi8(_mm_cmpeq_epi8(faults, _mm_setzero_si128())) == 0xffff;
}

/* Twelve bytes of sixteen sextets; four of nothing behind them. */
static BASE64_SSSE3 __m128i
base64_join(__m128i sextets)
{
	const __m128i pairs = _mm_maddubs_epi16(sextets, _mm_set1_epi32(0x01400140));
	const __m128i triples = _mm_madd_epi16(pairs, _mm_set1_epi32(0x00011000));

	return _mm_shuffle_epi8(
	    triples, _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
}

BASE64_SSSE3 size_t
base64_read_wide(const char *text, size_t length, unsigned char *to)
{
	size_t done = 0;
	__m128i sextets;

	if (!__builtin_cpu_supports("ssse3"))
		return 0;
	/* Sixteen bytes are written, of which twelve count: the next eight characters' room. */
	for (; length - done >= 24; done += 16, to += 12) {
		if (!base64_sextets(_mm_loadu_si128((const __m128i *)(const void *)(text + done)),
		                    &sextets))
			break;
		_mm_storeu_si128((__m128i *)(void *)to, base64_join(sextets));
	}
	return done;
}

#else

size_t
base64_put_wide(const unsigned char *bytes, size_t length, char *to)
{
	(void)bytes;
	(void)length;
	(void)to;
	return 0;
}

size_t
base64_read_wide(const char *text, size_t length, unsigned char *to)
{
	(void)text;
	(void)length;
	(void)to;
	return 0;
}

#endif
