/* SPDX-License-Identifier: MIT
 * Where a goal's list is, and where one entry of it ends. */
#include "services/planner/builtin/goal_parts.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/obj.h"

static bool
goal_is_trimmed(const char *at, const char *end, size_t *length)
{
	static const char *const marks[] = {"\"", "'",        "“", "”", "‘", "’", "「", "」", "。",
	                                    "　", "\xc2\xa0", "`", ".", "!", "?", ",",  ";",  "…"};

	if (isspace((unsigned char)*at)) {
		*length = 1;
		return true;
	}
	for (size_t i = 0; i < COUNT_OF(marks); i++) {
		*length = strlen(marks[i]);
		if ((size_t)(end - at) >= *length && memcmp(at, marks[i], *length) == 0)
			return true;
	}
	return false;
}

struct goal_slice
goal_trim(struct goal_slice slice)
{
	const char *end = slice.at + slice.length;
	size_t length;

	while (slice.at < end && goal_is_trimmed(slice.at, end, &length))
		slice.at += length;
	while (end > slice.at) {
		const char *last = end - 1;

		while (last > slice.at && ((unsigned char)*last & 0xc0) == 0x80)
			last--;
		if (!goal_is_trimmed(last, end, &length))
			break;
		end = last;
	}
	slice.length = (size_t)(end - slice.at);
	return slice;
}

bool
goal_starts(struct goal_slice slice, const char *text)
{
	size_t length = strlen(text);

	return slice.length >= length && strncasecmp(slice.at, text, length) == 0;
}

bool
goal_ends(struct goal_slice slice, const char *text)
{
	size_t length = strlen(text);

	return slice.length >= length &&
	       strncasecmp(slice.at + slice.length - length, text, length) == 0;
}

long
goal_find(struct goal_slice slice, const char *text)
{
	size_t length = strlen(text);

	for (size_t at = 0; at + length <= slice.length; at++)
		if (strncasecmp(slice.at + at, text, length) == 0)
			return (long)at;
	return -1;
}

bool
goal_final_consonant(const char *start, const char *at, bool *hangul)
{
	const unsigned char *byte = (const unsigned char *)at - 3;
	unsigned code;

	*hangul = false;
	if (at - start < 3 || (byte[0] & 0xf0) != 0xe0)
		return false;
	code = (unsigned)(byte[0] & 15) << 12 | (unsigned)(byte[1] & 63) << 6 | (byte[2] & 63);
	if (code < 0xac00 || code > 0xd7a3)
		return false;
	*hangul = true;
	return (code - 0xac00) % 28 != 0;
}

/* Length of a bullet or number at the start of a line, 0 if there is none. */
static size_t
goal_bullet(struct goal_slice line)
{
	static const char *const bullets[] = {"- ", "* ", "+ ", "• ", "•", "· ", "– ", "▪",
	                                      "■",  "○ ", "● ", "①",  "②", "③",  "④",  "⑤",
	                                      "⑥",  "⑦",  "⑧",  "⑨",  "⑩", "□ ", "☐ "};
	size_t digits = 0;

	for (size_t i = 0; i < COUNT_OF(bullets); i++)
		if (goal_starts(line, bullets[i]))
			return strlen(bullets[i]);
	if (goal_starts(line, "("))
		digits = 1;
	size_t from = digits;

	while (digits < line.length && digits < from + 3 && isdigit((unsigned char)line.at[digits]))
		digits++;
	if (digits == from || digits + 1 >= line.length)
		return 0;
	if (line.at[digits] == ')' ||
	    (line.at[digits] == '.' && isspace((unsigned char)line.at[digits + 1])))
		return digits + 1;
	return 0;
}

/* Bytes of the separator at `at`, 0 if there is none. */
static size_t
goal_separator(const char *start, const char *at)
{
	static const char *const words[] = {
	    "\n",  ";",     "、",     "，",     "；",           "·",    "•",        " / ",  " & ",
	    " + ", " and ", " then ", " plus ", " as well as ", " 및 ", " 그리고 ", "이랑 "};
	bool hangul;

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strncasecmp(at, words[i], strlen(words[i])) == 0)
			return strlen(words[i]);
	if (*at == ',') {
		size_t digits = strspn(at + 1, "0123456789");

		return at > start && isdigit((unsigned char)at[-1]) && digits == 3 ? 0 : 1;
	}
	/* The particle 와 follows a vowel, 과 a consonant (사과 is an apple), either of them a
	 * Latin letter. */
	if ((strncmp(at, "와 ", 4) == 0 || strncmp(at, "과 ", 4) == 0) && at > start &&
	    isalpha((unsigned char)at[-1]))
		return 4;
	if (strncmp(at, "와 ", 4) == 0)
		return !goal_final_consonant(start, at, &hangul) && hangul ? 4 : 0;
	if (strncmp(at, "과 ", 4) == 0)
		return goal_final_consonant(start, at, &hangul) ? 4 : 0;
	return 0;
}

/* Nouns that end like "something and". */
static bool
goal_is_noun(const char *start, const char *at)
{
	static const char *const nouns[] = {"결과 ", "학과 ", "통과 ", "성과 ", "문과 ", "안과 ",
	                                    "경과 ", "일과 ", "전과 ", "법과 ", "약과 ", "간과 "};

	for (size_t i = 0; i < COUNT_OF(nouns); i++)
		if (at - start >= 3 && strncmp(at - 3, nouns[i], strlen(nouns[i])) == 0)
			return true;
	return false;
}

static size_t
goal_boundary(const char *start, const char *at)
{
	size_t length = goal_separator(start, at);

	return length > 0 && strncmp(at, "과 ", 4) == 0 && goal_is_noun(start, at) ? 0 : length;
}

static int
goal_bracket(const char *at)
{
	if (*at == '(' || *at == '[' || strncmp(at, "（", 3) == 0)
		return 1;
	if (*at == ')' || *at == ']' || strncmp(at, "）", 3) == 0)
		return -1;
	return 0;
}

size_t
goal_quote(const char *start, const char *at, const char **close)
{
	static const char *const pairs[][2] = {{"\"", "\""}, {"“", "”"},   {"‘", "’"},
	                                       {"「", "」"}, {"『", "』"}, {"《", "》"},
	                                       {"〈", "〉"}};

	if (at > start && (isalnum((unsigned char)at[-1]) || (*at == '"' && at[-1] == '"')))
		return 0;
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		size_t length = strlen(pairs[i][0]);

		if (strncmp(at, pairs[i][0], length) != 0)
			continue;
		*close = strstr(at + length, pairs[i][1]);
		if (*close != NULL && (size_t)(*close - at) > strcspn(at, "\n"))
			*close = NULL;
		return length;
	}
	return 0;
}

/* What is read is a book: behind such a word "and" between capital letters is in its title. */
static bool
goal_in_title(const char *from, const char *at, const char *behind)
{
	static const char *const words[] = {"Read ",    "read ",      "reread ",   "re-read ",
	                                    "reading ", "the novel ", "the book ", "the play "};
	const char *word = at;

	if (strncmp(at, " and ", 5) != 0 && strncmp(at, " & ", 3) != 0)
		return false;
	while (word > from && !isspace((unsigned char)word[-1]))
		word--;
	if (!isupper((unsigned char)*word) || !isupper((unsigned char)*behind))
		return false;
	for (word = from; word < at; word++)
		for (size_t i = 0; i < COUNT_OF(words); i++) {
			size_t length = strlen(words[i]);

			if ((word == from || isspace((unsigned char)word[-1])) &&
			    strncmp(word, words[i], length) == 0 &&
			    isupper((unsigned char)word[length]))
				return true;
		}
	return false;
}

/* The first entry boundary outside of brackets, quotes and titles, or NULL. */
static const char *
goal_next_boundary(struct goal_slice body, const char *from, size_t *length)
{
	const char *close, *end = body.at + body.length;
	int depth = 0;

	for (const char *at = from; at < end; at++) {
		if (goal_quote(body.at, at, &close) > 0 && close != NULL && close < end)
			at = close;
		depth += goal_bracket(at);
		if (depth < 0)
			depth = 0;
		*length = goal_boundary(body.at, at);
		if (*length > 0 && (depth == 0 || *at == '\n') &&
		    !goal_in_title(from, at, at + *length))
			return at;
	}
	return NULL;
}

/* The only colon that introduces something, or NULL. */
static const char *
goal_colon(const char *goal, size_t *length)
{
	const char *found = NULL;

	for (const char *at = goal; *at != '\0'; at++) {
		bool wide = strncmp(at, "：", 3) == 0;

		if (!wide && (*at != ':' || isdigit((unsigned char)at[1]) || at[1] == '/'))
			continue;
		if (found != NULL)
			return NULL;
		found = at;
		*length = wide ? 3 : 1;
	}
	return found != NULL && found[*length + strspn(found + *length, " \t\n")] != '\0' ? found
	                                                                                  : NULL;
}

/* What stands in brackets, if that is where the list is. */
static bool
goal_in_brackets(const char *goal, struct goal_slice *inner)
{
	struct goal_slice whole = {goal, strlen(goal)};
	size_t length;
	const char *open = strpbrk(goal, "([");
	const char *close = open == NULL ? NULL : strpbrk(open, ")]");

	if (close == NULL || goal_next_boundary(whole, goal, &length) != NULL)
		return false;
	*inner = (struct goal_slice){open + 1, (size_t)(close - open - 1)};
	return goal_next_boundary(*inner, inner->at, &length) != NULL;
}

static int
goal_bulleted_lines(const char *goal, void (*each)(void *, struct goal_slice, bool), void *arg)
{
	int lines = 0;

	while (*goal != '\0') {
		struct goal_slice line = {goal, strcspn(goal, "\n")};

		goal += line.length + (goal[line.length] == '\n');
		while (line.length > 0 && isspace((unsigned char)*line.at)) {
			line.at++;
			line.length--;
		}
		size_t bullet = goal_bullet(line);

		if (bullet == 0)
			continue;
		lines++;
		if (each != NULL)
			each(arg, (struct goal_slice){line.at + bullet, line.length - bullet},
			     true);
	}
	return lines;
}

struct goal_slice
goal_introduction(const char *goal)
{
	struct goal_slice none = {goal, 0};
	struct goal_slice inner;
	size_t length;
	const char *colon = goal_colon(goal, &length);

	if (goal_bulleted_lines(goal, NULL, NULL) >= 2) {
		struct goal_slice line = {goal, strcspn(goal, "\n")};

		return goal_bullet(line) > 0 ? none : line;
	}
	if (colon != NULL)
		return (struct goal_slice){goal, (size_t)(colon - goal)};
	if (goal_in_brackets(goal, &inner))
		return (struct goal_slice){goal, (size_t)(inner.at - 1 - goal)};
	return none;
}

void
goal_split(const char *goal, void (*each)(void *arg, struct goal_slice entry, bool listed),
           void *arg)
{
	struct goal_slice body = {goal, strlen(goal)};
	struct goal_slice inner;
	size_t length = 0;
	const char *colon = goal_colon(goal, &length);

	if (goal_bulleted_lines(goal, NULL, NULL) >= 2) {
		goal_bulleted_lines(goal, each, arg);
		return;
	}
	if (colon != NULL)
		body = (struct goal_slice){colon + length, strlen(colon + length)};
	else if (goal_in_brackets(goal, &inner))
		body = inner;
	for (const char *at = body.at;;) {
		const char *end = goal_next_boundary(body, at, &length);
		size_t bytes = (size_t)((end != NULL ? end : body.at + body.length) - at);
		struct goal_slice entry = {at, bytes};
		size_t bullet = goal_bullet(entry);

		each(arg, (struct goal_slice){at + bullet, bytes - bullet}, false);
		if (end == NULL)
			return;
		at = end + length;
	}
}
