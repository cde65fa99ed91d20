/* SPDX-License-Identifier: MIT
 * Numbered topics in a goal: "chapters 1-12", "1장부터 12장까지", "12 lessons", "3단원". */
#include "services/planner/builtin/goal_parts.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/base/arena.h"
#include "common/base/obj.h"

#define GOAL_FINE_GROUP  10 /* pages and problems: at least so many are a topic */
#define GOAL_FINE_TOPICS 40

struct goal_series {
	const char *word;   /* as it is found: singular, lower case */
	const char *format; /* of a name: prefix or suffix; the plural of a prefix has an s */
	bool suffix;        /* the number comes first */
	bool fine;          /* small pieces: several are a topic */
	bool counted;       /* "12 chapters" means 1 to 12, and "3단원" alone is a topic */
};

static const struct goal_series goal_series[] = {
    {"chapter", "Chapter", false, false, true},
    {"chap.", "Chapter", false, false, false},
    {"chap", "Chapter", false, false, false},
    {"ch.", "Chapter", false, false, false},
    {"ch", "Chapter", false, false, false},
    {"unit", "Unit", false, false, true},
    {"lesson", "Lesson", false, false, true},
    {"section", "Section", false, false, true},
    {"module", "Module", false, false, true},
    {"lecture", "Lecture", false, false, true},
    {"part", "Part", false, false, false},
    {"topic", "Topic", false, false, false},
    {"day", "Day", false, false, false},
    {"week", "Week", false, false, false},
    {"page", "Page", false, true, false},
    {"pp.", "Page", false, true, false},
    {"problem", "Problem", false, true, false},
    {"question", "Question", false, true, false},
    {"exercise", "Exercise", false, true, false},
    {"챕터", "챕터", false, false, true},
    {"유닛", "유닛", false, false, true},
    {"레슨", "레슨", false, false, true},
    {"파트", "파트", false, false, true},
    {"대단원", "대단원", true, false, true},
    {"단원", "단원", true, false, true},
    {"장", "장", true, false, true},
    {"과목", "과목", true, false, false},
    {"과", "과", true, false, true},
    {"강", "강", true, false, true},
    {"챕터", "챕터", true, false, true},
    {"유닛", "유닛", true, false, true},
    {"레슨", "레슨", true, false, true},
    {"파트", "파트", true, false, true},
    {"절", "절", true, false, true},
    {"부", "부", true, false, false},
    {"회", "회", true, false, false},
    {"편", "편", true, false, false},
    {"권", "권", true, false, false},
    {"주차", "주차", true, false, false},
    {"일차", "일차", true, false, false},
    {"쪽", "쪽", true, true, false},
    {"페이지", "페이지", true, true, false},
    {"번", "번", true, true, false},
};

struct goal_cursor {
	const char *at;
	const char *end;
};

static bool
goal_take(struct goal_cursor *cursor, const char *text)
{
	size_t length = strlen(text);

	if ((size_t)(cursor->end - cursor->at) < length ||
	    strncasecmp(cursor->at, text, length) != 0)
		return false;
	cursor->at += length;
	return true;
}

static void
goal_skip_blanks(struct goal_cursor *cursor)
{
	while (cursor->at < cursor->end && isspace((unsigned char)*cursor->at))
		cursor->at++;
}

static bool
goal_take_number(struct goal_cursor *cursor, unsigned long *number)
{
	struct goal_cursor at = *cursor;
	int digits = 0;

	goal_skip_blanks(&at);
	if (goal_take(&at, "제"))
		goal_skip_blanks(&at);
	for (*number = 0; at.at < at.end && isdigit((unsigned char)*at.at); at.at++, digits++)
		if (digits < 9)
			*number = *number * 10 + (unsigned long)(*at.at - '0');
	if (digits == 0 || digits > 9)
		return false;
	*cursor = at;
	return true;
}

/* Words that only look like the series: 5과목, 1부터. */
static bool
goal_is_other_word(const struct goal_series *series, const struct goal_cursor *behind)
{
	struct goal_cursor at = *behind;

	return (strcmp(series->word, "과") == 0 && goal_take(&at, "목")) ||
	       (strcmp(series->word, "부") == 0 && goal_take(&at, "터")) ||
	       (strcmp(series->word, "장") == 0 && goal_take(&at, "점")) ||
	       (strcmp(series->word, "강") == 0 && goal_take(&at, "의"));
}

static const struct goal_series *
goal_take_series(struct goal_cursor *cursor, bool suffix, bool *plural)
{
	for (size_t i = 0; i < COUNT_OF(goal_series); i++) {
		const struct goal_series *series = &goal_series[i];
		struct goal_cursor at = *cursor;
		bool ascii = isalpha((unsigned char)series->word[0]);

		goal_skip_blanks(&at);
		/* "12 chapters": an English series may come behind its number, too. */
		if ((series->suffix != suffix && !(suffix && ascii)) ||
		    !goal_take(&at, series->word))
			continue;
		*plural = ascii && goal_take(&at, "s");
		if (ascii && at.at < at.end && isalpha((unsigned char)*at.at))
			continue;
		if (goal_is_other_word(series, &at))
			continue;
		*cursor = at;
		return series;
	}
	return NULL;
}

static bool
goal_take_connector(struct goal_cursor *cursor)
{
	static const char *const words[] = {"-",        "~",     "–",      "—",     "〜",
	                                    "～",       "∼",     "부터",   "에서",  "to ",
	                                    "through ", "thru ", "until ", "up to "};
	struct goal_cursor at = *cursor;

	goal_skip_blanks(&at);
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (goal_take(&at, words[i])) {
			*cursor = at;
			return true;
		}
	return false;
}

/* From a to b, as one topic. */
static void
goal_add_group(struct goal_found *found, const struct goal_series *series, struct goal_slice lead,
               unsigned long a, unsigned long b)
{
	char *name;

	if (series->suffix)
		name = a == b ? arena_printf(found->arena, "%lu%s", a, series->format)
		              : arena_printf(found->arena, "%lu~%lu%s", a, b, series->format);
	else if (a == b)
		name = arena_printf(found->arena, "%s %lu", series->format, a);
	else
		name = arena_printf(found->arena, "%s%s %lu–%lu", series->format,
		                    isalpha((unsigned char)series->format[0]) ? "s" : "", a, b);
	if (name == NULL) {
		found->failed = true;
		return;
	}
	if (found->led && lead.length > 0) {
		name = arena_printf(found->arena, "%.*s %s", (int)lead.length, lead.at, name);
		if (name == NULL) {
			found->failed = true;
			return;
		}
	}
	goal_add(found, name, strlen(name));
}

/* Two books have a chapter 1, or one has chapters 1-3 and the other 4-6. */
static void
goal_note_book(struct goal_found *found, struct goal_slice lead)
{
	if (lead.length == 0)
		return;
	if (found->book.length == 0)
		found->book = lead;
	else if (found->book.length != lead.length ||
	         strncasecmp(found->book.at, lead.at, lead.length) != 0)
		found->clash = true;
}

static void
goal_add_range(struct goal_found *found, const struct goal_series *series, struct goal_slice lead,
               unsigned long a, unsigned long b)
{
	unsigned long room = PLAN_MAX_TOPICS - found->count;

	if (a > b) { /* "chapters 12-1" */
		unsigned long first = b;

		b = a;
		a = first;
	}
	unsigned long total = b - a + 1;
	unsigned long each = 1;

	if (series->fine && total > GOAL_FINE_GROUP) {
		room = room < GOAL_FINE_TOPICS ? room : GOAL_FINE_TOPICS;
		each = GOAL_FINE_GROUP;
	}
	if (room == 0)
		return;
	lead = goal_bare_name(lead);
	goal_note_book(found, lead);
	if (total > room * each)
		each = (total + room - 1) / room;
	for (; a <= b && !found->failed; a += each)
		goal_add_group(found, series, lead, a, b - a < each ? b : a + each - 1);
	found->series = series;
	found->numbered = true;
}

/* "chapters 3 to 7", "챕터 3", and with `inherited` "5-7" after "chapters 1, 3 and". */
static bool
goal_prefix_form(struct goal_found *found, struct goal_cursor *cursor, struct goal_slice lead,
                 const struct goal_series *inherited)
{
	struct goal_cursor at = *cursor;
	bool plural;
	const struct goal_series *series = inherited;
	unsigned long a;
	unsigned long b;

	if (series == NULL)
		series = goal_take_series(&at, false, &plural);
	if (series == NULL || !goal_take_number(&at, &a))
		return false;
	b = a;
	*cursor = at;
	if (goal_take_connector(&at)) {
		goal_take_series(&at, false, &plural);
		if (goal_take_number(&at, &b))
			*cursor = at;
		else
			b = a;
	}
	goal_add_range(found, series, lead, a, b);
	return true;
}

/* "1~12단원", "1장부터 12장까지", "3단원", "12개 단원", "12 chapters". */
static bool
goal_suffix_form(struct goal_found *found, struct goal_cursor *cursor, struct goal_slice lead)
{
	struct goal_cursor at = *cursor;
	bool plural = false;
	unsigned long a;
	unsigned long b;

	if (!goal_take_number(&at, &a))
		return false;
	bool pieces = goal_take(&at, "개");
	const struct goal_series *one = goal_take_series(&at, true, &plural);
	struct goal_cursor behind = at;

	if (!pieces && goal_take_connector(&at) && goal_take_number(&at, &b) && b != a) {
		struct goal_cursor last = at;
		const struct goal_series *series = goal_take_series(&last, true, &plural);

		if (series == NULL) {
			series = one;
			last = at;
		}
		if (series != NULL) {
			goal_add_range(found, series, lead, a, b);
			*cursor = last;
			return true;
		}
	}
	if (one == NULL || !one->counted || (!one->suffix && !pieces && !plural) || a == 0)
		return false;
	*cursor = behind;
	goal_add_range(found, one, lead, pieces || !one->suffix ? 1 : a, a);
	return true;
}

/* "Week 1: algebra", "1단원 함수": one number and a title of its own. */
static bool
goal_add_titled(struct goal_found *found, struct goal_slice segment)
{
	struct goal_slice bare = goal_bare_name(segment);
	struct goal_cursor cursor = {.at = bare.at, .end = bare.at + bare.length};
	const struct goal_series *series;
	unsigned long number;
	bool plural = false;

	series = goal_take_series(&cursor, false, &plural);
	if (series != NULL
	        ? plural || !goal_take_number(&cursor, &number)
	        : !goal_take_number(&cursor, &number) ||
	              (series = goal_take_series(&cursor, true, &plural)) == NULL || plural)
		return false;
	goal_skip_blanks(&cursor);
	if (cursor.at == cursor.end || goal_take_connector(&cursor))
		return false;
	for (const char *at = cursor.at; at < cursor.end; at++)
		if (isdigit((unsigned char)*at))
			return false;
	goal_add(found, bare.at, bare.length);
	found->series = series;
	found->numbered = true;
	return true;
}

bool
goal_add_numbered(struct goal_found *found, struct goal_slice segment)
{
	struct goal_cursor cursor = {.at = segment.at, .end = segment.at + segment.length};
	bool any = false;

	if (found->series != NULL && segment.length > 0 && isdigit((unsigned char)segment.at[0])) {
		struct goal_cursor at = cursor;
		struct goal_slice none = {segment.at, 0};
		size_t digits = strspn(segment.at, "0123456789-~ ");

		if (digits >= segment.length)
			return goal_prefix_form(found, &at, none, found->series);
	}
	if (goal_add_titled(found, segment))
		return true;
	while (cursor.at < cursor.end) {
		const char *here = cursor.at;
		bool inside = here > segment.at && isalnum((unsigned char)here[-1]);
		struct goal_slice lead = {segment.at, (size_t)(here - segment.at)};

		if (!inside && (goal_prefix_form(found, &cursor, lead, NULL) ||
		                goal_suffix_form(found, &cursor, lead)))
			any = true;
		if (cursor.at == here)
			cursor.at++;
	}
	return any;
}
