/* SPDX-License-Identifier: MIT
 * Rewrites a goal so that the rules that read it need to know one spelling only: plain digits and
 * dashes, lists by line. Takes out what is not to be learned ("except 4", "4단원 제외"). */
#include "services/planner/builtin/goal_parts.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/arena.h"
#include "common/base/obj.h"

struct goal_text {
	char *at; /* has room for the longest result */
	size_t length;
};

static void
goal_append(struct goal_text *text, const char *bytes, size_t length)
{
	memcpy(text->at + text->length, bytes, length);
	text->length += length;
	text->at[text->length] = '\0';
}

static unsigned
goal_code_point(const char *at)
{
	const unsigned char *byte = (const unsigned char *)at;

	if ((byte[0] & 0xf0) != 0xe0 || byte[1] == '\0' || byte[2] == '\0')
		return 0;
	return (unsigned)(byte[0] & 15) << 12 | (unsigned)(byte[1] & 63) << 6 | (byte[2] & 63);
}

/* Full-width digits, letters and brackets are the plain ones; hyphens of all kinds are one. */
static void
goal_plain_marks(struct goal_text *text, const char *goal)
{
	while (*goal != '\0') {
		unsigned code = goal_code_point(goal);
		char plain = '\0';

		if ((code >= 0xff10 && code <= 0xff19) || (code >= 0xff21 && code <= 0xff3a) ||
		    (code >= 0xff41 && code <= 0xff5a) || code == 0xff08 || code == 0xff09 ||
		    code == 0xff0e)
			plain = (char)(code - 0xff00 + 0x20);
		else if ((code >= 0x2010 && code <= 0x2012) || code == 0x2015 || code == 0x2212 ||
		         code == 0xfe58 || code == 0xfe63 || code == 0xff0d)
			plain = '-';
		goal_append(text, plain != '\0' ? &plain : goal, 1);
		goal += plain != '\0' ? 3 : 1;
	}
}

/* 1..20 if a circled number is at `at` (three bytes), else 0. */
static int
goal_circled(const char *at)
{
	unsigned code = goal_code_point(at);

	return code >= 0x2460 && code <= 0x2473 ? (int)(code - 0x2460) + 1 : 0;
}

static const char *
goal_skip_spaces(const char *at)
{
	return at + strspn(at, " \t");
}

/* "①②③ 단원": the word goes with each number. Returns what comes behind, or NULL if it is no such
 * run. */
static const char *
goal_circled_run(struct goal_text *text, const char *goal)
{
	int number[20];
	size_t count = 0;
	const char *at = goal;

	for (int n; count < COUNT_OF(number) && (n = goal_circled(at)) > 0; count++) {
		number[count] = n;
		at = goal_skip_spaces(at + 3);
		if (*at == ',' && goal_circled(goal_skip_spaces(at + 1)) > 0)
			at = goal_skip_spaces(at + 1);
	}
	size_t word = strcspn(at, " \t\n,;()");

	/* The word comes once per number; a longer one would not be a word that counts. */
	if (count < 2 || word == 0 || word > 12)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		char digits[2] = {(char)('0' + number[i] / 10), (char)('0' + number[i] % 10)};

		goal_append(text, ", ", i > 0 ? 2 : 0);
		goal_append(text, digits + (number[i] < 10), number[i] < 10 ? 1 : 2);
		goal_append(text, at, word);
	}
	return at + word;
}

/* Circled numbers: a run shares a word, others are bullets of a list, a line for each. */
static void
goal_plain_circles(struct goal_text *text, const char *goal)
{
	int circles = 0;

	for (const char *at = goal; *at != '\0'; at++)
		circles += goal_circled(at) > 0;
	while (*goal != '\0') {
		const char *behind = goal_circled(goal) > 0 ? goal_circled_run(text, goal) : NULL;

		if (behind != NULL) {
			goal = behind;
		} else if (goal_circled(goal) > 0 && circles > 1) {
			goal_append(text, "\n- ", 3);
			goal += 3;
		} else {
			goal_append(text, goal++, 1);
		}
	}
}

/* Length of "3. " or "3) " with this number at `at`, behind a blank or at the start; else 0. */
static size_t
goal_item_number(const char *start, const char *at, int number)
{
	size_t digits = strspn(at, "0123456789");
	int value = 0;

	if (digits == 0 || digits > 2 || (at > start && !isspace((unsigned char)at[-1])))
		return 0;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + at[i] - '0';
	if (value != number || (at[digits] != '.' && at[digits] != ')') ||
	    !isspace((unsigned char)at[digits + 1]))
		return 0;
	return digits + 2;
}

/* "1. cells 2. genes 3. evolution": a line for each. */
static void
goal_break_items(char *goal)
{
	int next = 1;

	for (const char *at = goal; *at != '\0'; at++)
		next += goal_item_number(goal, at, next) > 0;
	if (next <= 2)
		return;
	next = 1;
	for (char *at = goal; *at != '\0'; at++)
		if (goal_item_number(goal, at, next) > 0) {
			next++;
			if (at > goal)
				at[-1] = '\n';
		}
}

static size_t
goal_take_word(const char *at, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strncasecmp(at, words[i], strlen(words[i])) == 0)
			return strlen(words[i]);
	return 0;
}

static const char *
goal_take_short(const char *at, int *number)
{
	size_t digits = strspn(at, "0123456789");

	if (digits == 0 || digits > 4)
		return NULL;
	for (*number = 0; digits > 0; digits--)
		*number = *number * 10 + *at++ - '0';
	return at;
}

/* "4", "4 and 7", "4, 6-8": marks them in `skipped` unless it is NULL, returns what is behind, or
 * NULL. */
static const char *
goal_take_numbers(const char *at, bool skipped[GOAL_MOST_SKIPPED])
{
	static const char *const dashes[] = {"-", "~", "–", "—", "〜", "～", " to ", "부터 "};
	static const char *const joints[] = {", and ", ",",    " and ", " & ",
	                                     "·",      " 및 ", "와 ",   "과 "};
	const char *end = NULL;
	int from, to;

	for (;;) {
		const char *next = goal_take_short(at, &from);

		if (next == NULL)
			return end;
		const char *dash = goal_skip_spaces(next);
		size_t length = goal_take_word(dash, dashes, COUNT_OF(dashes));

		to = from;
		if (length > 0) {
			dash = goal_take_short(goal_skip_spaces(dash + length), &to);
			next = dash != NULL ? dash : next;
			to = dash != NULL ? to : from;
		}
		for (int n = from; skipped != NULL && n <= to && n < GOAL_MOST_SKIPPED; n++)
			skipped[n] = true;
		end = next;
		length = goal_take_word(next, joints, COUNT_OF(joints));
		if (length == 0)
			return end;
		at = goal_skip_spaces(next + length);
	}
}

/* "except chapters 4 and 7": its length, 0 if it is none; where its numbers begin. */
static size_t
goal_exception(const char *start, const char *at, const char **numbers)
{
	static const char *const words[] = {
	    "skipping ",    "skip ",          "except for ", "except ",  "excluding ", "exclude ",
	    "leaving out ", "not including ", "without ",    "but not ", "minus "};
	static const char *const series[] = {
	    "chapters ", "chapter ", "chap. ",  "chap ",    "ch. ",    "ch.",
	    "ch ",       "units ",   "unit ",   "lessons ", "lesson ", "sections ",
	    "section ",  "modules ", "module ", "parts ",   "part ",   "weeks ",
	    "week ",     "days ",    "day ",    "numbers ", "number ", "no. "};
	size_t word = goal_take_word(at, words, COUNT_OF(words));

	if (word == 0 || (at > start && isalpha((unsigned char)at[-1])))
		return 0;
	const char *from = goal_skip_spaces(at + word);

	from += goal_take_word(from, series, COUNT_OF(series));
	const char *end = goal_take_numbers(from, NULL);

	*numbers = from;
	/* "without 3D graphics", "skip 20 minutes" are something else. */
	if (end == NULL || isalpha((unsigned char)*end) ||
	    (*end == ' ' && isalpha((unsigned char)end[1])))
		return 0;
	return (size_t)(end - at);
}

/* "4단원은 제외하고", "4, 7장 빼고": its length, 0 if it is none. Numbers come first. */
static size_t
goal_korean_exception(const char *start, const char *at)
{
	static const char *const series[] = {
	    "대단원", "단원", "챕터", "유닛", "레슨", "파트", "과목", "주차", "일차", "장",
	    "과",     "강",   "절",   "부",   "회",   "편",   "권",   "쪽",   "번"};
	static const char *const particles[] = {"은", "는", "을", "를", "만"};
	static const char *const words[] = {"제외하고", "제외한", "제외",     "빼고",
	                                    "뺀",       "생략",   "건너뛰고", "말고"};

	if (at > start && (isalnum((unsigned char)at[-1]) || strchr("-~", at[-1]) != NULL))
		return 0;
	const char *end = goal_take_numbers(at, NULL);

	if (end == NULL)
		return 0;
	end = goal_skip_spaces(end);
	end += goal_take_word(end, series, COUNT_OF(series));
	end += goal_take_word(end, particles, COUNT_OF(particles));
	end = goal_skip_spaces(end);
	size_t word = goal_take_word(end, words, COUNT_OF(words));

	return word == 0 ? 0 : (size_t)(end - at) + word;
}

static void
goal_take_exceptions(char *goal, bool skipped[GOAL_MOST_SKIPPED])
{
	for (char *at = goal; *at != '\0'; at++) {
		const char *numbers = at;
		size_t length = goal_exception(goal, at, &numbers);

		if (length == 0) {
			numbers = at;
			length = goal_korean_exception(goal, at);
		}
		if (length == 0)
			continue;
		goal_take_numbers(numbers, skipped);
		char *end = at + length;

		if (at > goal && strchr("([", at[-1]) != NULL && (*end == ')' || *end == ']')) {
			at--;
			end++;
		}
		memset(at, ' ', (size_t)(end - at));
		at = end - 1;
	}
}

const char *
goal_plain(struct arena *arena, const char *goal, bool skipped[GOAL_MOST_SKIPPED])
{
	size_t length = strlen(goal);
	/* A circled number of three bytes becomes two digits, a word of up to 12, and ", ". */
	size_t room = length * 6 + 16;
	struct goal_text plain = {.at = arena_alloc(arena, room)};
	struct goal_text text = {.at = arena_alloc(arena, room)};

	memset(skipped, 0, GOAL_MOST_SKIPPED * sizeof(*skipped));
	if (plain.at == NULL || text.at == NULL)
		return NULL;
	plain.at[0] = text.at[0] = '\0';
	goal_plain_marks(&plain, goal);
	goal_plain_circles(&text, plain.at);
	goal_break_items(text.at);
	goal_take_exceptions(text.at, skipped);
	return text.at;
}
