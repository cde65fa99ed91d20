/* SPDX-License-Identifier: MIT
 * From a model's JSON to a day that the API may show. */
#include "services/planner/ai/plan_check.h"

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/base/json_outline.h"
#include "common/base/text.h"
#include "services/planner/builtin/series.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A day that takes up to a quarter longer is shortened; beyond that it was not thought through. */
#define PLAN_CHECK_OVER(minutes) ((minutes) + (minutes) / 4)

static const char *const plan_problem_words[PLAN_PROBLEMS] = {
#define X(id, word) [PLAN_PROBLEM_##id] = word,
    PLAN_PROBLEM_TABLE(X)
#undef X
};

const char *
plan_problem_word(enum plan_problem problem)
{
	return plan_problem_words[problem];
}

int
plan_rules_index(const struct plan_rules *rules, int32_t day)
{
	size_t low = 0, high = rules->day_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (rules->days[middle] == day)
			return (int)middle;
		if (rules->days[middle] < day)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

/* --- one item -------------------------------------------------------------------------------- */

/* A line of text without controls, 1..PLAN_MAX_TEXT code points; NULL if nothing is left. */
static const char *
plan_check_title(struct arena *arena, const struct json_node *value, bool *memory)
{
	char *text;

	if (!json_node_is(value, JSON_KIND_STRING))
		return NULL;
	text = json_node_string(value, arena);
	if (text == NULL) {
		*memory = false;
		return NULL;
	}
	for (char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = ' ';
	text = text_trim(arena, text);
	if (text == NULL || *text == '\0' || text_has_controls(text))
		return NULL;
	return text_length(text) > PLAN_MAX_TEXT ? series_clip(arena, text, PLAN_MAX_TEXT) : text;
}

/* A whole number above 0, also as 30.0 or "30"; 0 if it is none. */
static int
plan_check_minutes(struct arena *arena, const struct json_node *value)
{
	double minutes = json_node_number(value);
	const char *text = json_node_string(value, arena);
	char *end = NULL;

	if (text != NULL && *text >= '0' && *text <= '9') {
		minutes = strtod(text, &end);
		if (*end != '\0')
			return 0;
	}
	if (!(minutes >= 1 && minutes <= PLAN_MAX_MINUTES * 2) || (double)(int)minutes != minutes)
		return 0;
	return (int)minutes;
}

static bool
plan_check_kind(struct arena *arena, const struct json_node *value, enum plan_kind *kind)
{
	static const char *const words[] = {"study", "review", "test"};
	const char *text = json_node_string(value, arena);

	for (int i = PLAN_STUDY; i <= PLAN_TEST && text != NULL; i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*kind = (enum plan_kind)i;
			return true;
		}
	}
	return false;
}

static enum plan_problem
plan_check_item(struct arena *arena, const struct json_node *json, struct plan_day_item *item)
{
	bool memory = true;

	item->title = plan_check_title(arena, json_node_get(json, "title"), &memory);
	if (!memory)
		return PLAN_PROBLEM_MEMORY;
	if (item->title == NULL)
		return PLAN_PROBLEM_BAD_TITLE;
	item->minutes = plan_check_minutes(arena, json_node_get(json, "minutes"));
	if (item->minutes == 0)
		return PLAN_PROBLEM_BAD_MINUTES;
	if (!plan_check_kind(arena, json_node_get(json, "kind"), &item->kind))
		return PLAN_PROBLEM_BAD_KIND;
	return PLAN_PROBLEM_NONE;
}

/* --- the day --------------------------------------------------------------------------------- */

/* Shortens a day that is a little too long, in steps of five minutes where there is room. */
static bool
plan_check_fit(struct plan_day_item *items, size_t count, int limit)
{
	int sum = 0, fitted = 0;

	for (size_t i = 0; i < count; i++)
		sum += items[i].minutes;
	if (sum <= limit)
		return true;
	if (sum > PLAN_CHECK_OVER(limit))
		return false;
	for (size_t i = 0; i < count; i++) {
		int minutes = items[i].minutes * limit / sum;

		if (minutes >= 2 * PLAN_MIN_MINUTES)
			minutes -= minutes % PLAN_MIN_MINUTES;
		items[i].minutes = minutes > 0 ? minutes : 1;
		fitted += items[i].minutes;
	}
	return fitted <= limit;
}

static enum plan_problem
plan_check_items(struct arena *arena, const struct plan_rules *rules, const struct json_node *list,
                 struct plan_day *day)
{
	const struct json_node *item = json_node_first(list);
	size_t count = item != NULL ? list->count : 0;
	struct plan_day_item *items;

	if (count == 0)
		return PLAN_PROBLEM_NO_ITEMS;
	if (count > PLAN_MAX_ITEMS)
		return PLAN_PROBLEM_TOO_MANY_ITEMS;
	items = arena_calloc(arena, count, sizeof *items);
	if (items == NULL)
		return PLAN_PROBLEM_MEMORY;
	for (size_t i = 0; i < count; i++, item = json_node_next(item)) {
		enum plan_problem problem = plan_check_item(arena, item, &items[i]);

		if (problem != PLAN_PROBLEM_NONE)
			return problem;
	}
	if (!plan_check_fit(items, count, rules->minutes_per_day))
		return PLAN_PROBLEM_TOO_LONG;
	day->items = items;
	day->count = count;
	return PLAN_PROBLEM_NONE;
}

static enum plan_problem
plan_check_json(struct arena *arena, const struct plan_rules *rules, const struct json_node *json,
                struct plan_day *day)
{
	const char *date = json_node_string(json_node_get(json, "date"), arena);
	int32_t number;

	if (date == NULL || !date_parse(date, &number))
		return PLAN_PROBLEM_BAD_DATE;
	day->day = number;
	if (plan_rules_index(rules, number) < 0)
		return PLAN_PROBLEM_NOT_A_STUDY_DAY;
	return plan_check_items(arena, rules, json_node_get(json, "items"), day);
}

enum plan_problem
plan_check_day(struct arena *arena, const struct plan_rules *rules, const char *text, size_t length,
               struct plan_day *day)
{
	struct json_outline outline;
	const struct json_node *json = json_outline_read(&outline, text, length);
	enum plan_problem problem = PLAN_PROBLEM_NOT_JSON;

	*day = (struct plan_day){.day = INT32_MIN};
	if (json != NULL)
		problem = plan_check_json(arena, rules, json, day);
	json_outline_fini(&outline);
	return problem;
}
