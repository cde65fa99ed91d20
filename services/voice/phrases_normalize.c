/* SPDX-License-Identifier: MIT
 * Text as the phrase rules want it (lower case, words only, no contractions), and the chapter
 * number that it names. */
#include "services/voice/phrases.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "common/base/obj.h"

static const struct {
	const char *from, *to;
} phrases_contractions[] = {
    {"what's", "what is"}, {"whats", "what is"},  {"how's", "how is"},
    {"when's", "when is"}, {"that's", "that is"}, {"it's", "it is"},
    {"i'm", "i am"},       {"im", "i am"},        {"i've", "i have"},
    {"ive", "i have"},     {"i'll", "i will"},    {"don't", "do not"},
    {"dont", "do not"},    {"can't", "can not"},  {"cant", "can not"},
    {"cannot", "can not"}, {"didn't", "did not"}, {"haven't", "have not"},
    {"won't", "will not"}, {"isn't", "is not"},   {"couldn't", "could not"},
    {"gotta", "have to"},  {"wanna", "want to"},  {"till", "until"},
};

/* Appends one word and a space; false when it no longer fits. */
static bool
phrases_put_word(char *said, size_t *used, const char *word, size_t length)
{
	for (size_t i = 0; i < COUNT_OF(phrases_contractions); i++) {
		const char *from = phrases_contractions[i].from;
		if (strlen(from) == length && memcmp(from, word, length) == 0) {
			word = phrases_contractions[i].to;
			length = strlen(word);
			break;
		}
	}
	if (length > 2 && memcmp(word + length - 2, "'s", 2) == 0)
		length -= 2;
	if (*used + length + 2 > PHRASE_SAID_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (word[i] != '\'')
			said[(*used)++] = word[i];
	}
	said[(*used)++] = ' ';
	return true;
}

/* The code point as it enters a word, or 0 for what separates words. */
static utf8proc_int32_t
phrases_letter(utf8proc_int32_t point)
{
	if (point == '\'' || point == 0x2019 || point == 0x2018)
		return '\'';
	switch (utf8proc_category(point)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ND: return utf8proc_tolower(point);
	default: return 0;
	}
}

void
phrases_normalize(const char *text, char said[PHRASE_SAID_MAX])
{
	char word[96];
	size_t used = 0, length = 0;
	bool fits = true;

	said[used++] = ' ';
	for (const char *at = text; fits;) {
		utf8proc_int32_t point = 0;
		utf8proc_ssize_t step = 1;
		if (*at != '\0')
			step = utf8proc_iterate((const utf8proc_uint8_t *)at, -1, &point);
		if (step < 1 || point < 0)
			step = 1, point = ' ';
		point = phrases_letter(point);
		/* A quote mark is no part of a word unless a letter stands before it. */
		if (point == '\'' && length == 0)
			point = 0;
		if (point == 0 && length > 0) {
			while (length > 0 && word[length - 1] == '\'')
				length--;
			if (length > 0)
				fits = phrases_put_word(said, &used, word, length);
			length = 0;
		}
		if (point != 0 && length + 4 <= sizeof(word))
			length +=
			    (size_t)utf8proc_encode_char(point, (utf8proc_uint8_t *)word + length);
		if (*at == '\0')
			break;
		at += step;
	}
	if (used == 1)
		used = 0;
	said[used] = '\0';
}

static const char *const phrases_english_numbers[] = {
    "zero",     "one",     "two",     "three",     "four",     "five",    "six",
    "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const phrases_ordinals[] = {"zeroth", "first",    "second",  "third",  "fourth",
                                               "fifth",  "sixth",    "seventh", "eighth", "ninth",
                                               "tenth",  "eleventh", "twelfth"};
static const char *const phrases_tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                           "fifty", "sixty", "seventy", "eighty", "ninety"};

static int
phrases_lookup(const char *const *words, size_t count, const char *word, size_t length)
{
	for (size_t i = 1; i < count; i++) {
		if (length > 0 && strlen(words[i]) == length && memcmp(words[i], word, length) == 0)
			return (int)i;
	}
	return 0;
}

static int
phrases_in_range(long number)
{
	return number >= 1 && number <= PHRASE_NUMBER_MAX ? (int)number : 0;
}

/* The number at the start of `at`: "5", "5th", "five", "twenty one", "fifth". */
static int
phrases_number_at(const char *at)
{
	size_t length = strcspn(at, " ");

	if (*at >= '0' && *at <= '9')
		return strspn(at, "0123456789") < 6 ? phrases_in_range(strtol(at, NULL, 10)) : 0;
	int number =
	    phrases_lookup(phrases_english_numbers, COUNT_OF(phrases_english_numbers), at, length);
	if (number == 0)
		number = phrases_lookup(phrases_ordinals, COUNT_OF(phrases_ordinals), at, length);
	if (number > 0)
		return number;
	number = 10 * phrases_lookup(phrases_tens, COUNT_OF(phrases_tens), at, length);
	if (number > 0 && at[length] == ' ') {
		int unit = phrases_lookup(phrases_english_numbers, 10, at + length + 1,
		                          strcspn(at + length + 1, " "));
		number += unit;
	}
	return number;
}

static bool
phrases_starts(const char *at, const char *const *words, size_t count, size_t *length)
{
	for (size_t i = 0; i < count; i++) {
		*length = strlen(words[i]);
		if (strncmp(at, words[i], *length) == 0)
			return true;
	}
	return false;
}

/* "십이", "이십삼": Sino-Korean below a hundred, ending at `*end`. */
static int
phrases_sino(const char *at, const char **end)
{
	static const char *const digits[] = {"",   "일", "이", "삼", "사",
	                                     "오", "육", "칠", "팔", "구"};
	int number = 0, digit = 0;

	for (;; at += 3) {
		int found = phrases_lookup(digits, COUNT_OF(digits), at, strnlen(at, 3));
		if (found > 0 && digit == 0)
			digit = found;
		else if (strncmp(at, "십", 3) == 0 && number == 0)
			number = 10 * (digit > 0 ? digit : 1), digit = 0;
		else
			break;
	}
	*end = at;
	return number + digit;
}

/* "5단원", "제 5 장", "십이단원", "다섯 번째 단원", "챕터 5". Spelled-out numbers need a section
 * that makes no other word with them: "일과" is the day's work, not lesson one. */
static int
phrases_korean_number(const char *at)
{
	static const char *const native[] = {"",     "첫",   "두",   "세",   "네", "다섯",
	                                     "여섯", "일곱", "여덟", "아홉", "열"};
	static const char *const before[] = {"챕터", "단원", "파트", "유닛", "레슨"};
	static const char *const sections[] = {"단원", "챕터", "주차", "일차", "파트", "번째",
	                                       "장",   "과",   "강",   "절",   "회"};
	const char *end = at;
	size_t length, kinds = 6;
	int number = 0;

	if (phrases_starts(at, before, COUNT_OF(before), &length)) {
		at += length + strspn(at + length, " ");
		return *at >= '0' && *at <= '9' ? phrases_number_at(at) : phrases_sino(at, &end);
	}
	if (strncmp(at, "제", 3) == 0) {
		at += 3 + strspn(at + 3, " ");
		kinds = COUNT_OF(sections);
	}
	if (*at >= '0' && *at <= '9') {
		number = phrases_number_at(at);
		end = at + strspn(at, "0123456789");
		end += strspn(end, " ");
		kinds = COUNT_OF(sections);
	}
	for (size_t i = COUNT_OF(native) - 1; i > 0 && number == 0; i--) {
		end = at + strlen(native[i]);
		if (strncmp(at, native[i], strlen(native[i])) == 0 &&
		    strncmp(end + strspn(end, " "), "번째", 6) == 0)
			return (int)i;
	}
	if (number == 0)
		number = phrases_sino(at, &end);
	return phrases_starts(end, sections, kinds, &length) ? number : 0;
}

int
phrases_number(const char *said)
{
	static const char *const sections[] = {
	    "chapters ", "chapter ", "units ", "unit ", "lessons ", "lesson ", "parts ", "part ",
	    "sections ", "section ", "days ",  "day ",  "number ",  "ch ",     "weeks ", "week "};
	size_t length;

	for (const char *at = said; *at == ' ' && at[1] != '\0'; at += strcspn(at + 1, " ") + 1) {
		int number = 0;
		if (phrases_starts(at + 1, sections, COUNT_OF(sections), &length))
			number = phrases_number_at(at + 1 + length);
		if (number == 0)
			number = phrases_korean_number(at + 1);
		if (number > 0)
			return number;
		/* "the fifth chapter" */
		const char *next = at + 1 + strcspn(at + 1, " ");
		number = phrases_number_at(at + 1);
		if (number > 0 && *next == ' ' &&
		    phrases_starts(next + 1, sections, COUNT_OF(sections), &length))
			return number;
	}
	return 0;
}
