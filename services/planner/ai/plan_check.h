/* SPDX-License-Identifier: MIT
 *
 * The rules of a plan that a model wrote: reads one day, mends what is only careless (white space,
 * a title that is too long, minutes a little over), and says what is wrong with the rest. Pure;
 * results live in the arena.
 */
#ifndef STUDYHALL_PLANNER_AI_PLAN_CHECK_H
#define STUDYHALL_PLANNER_AI_PLAN_CHECK_H

#include "services/planner/ai/plan_ai.h"

struct arena;

/* Each row: id, the word that the model is told (the prompts explain it). */
#define PLAN_PROBLEM_TABLE(X)                                                                      \
	X(NONE, "")                                                                                \
	X(NOT_JSON, "not_json")                                                                    \
	X(BAD_DATE, "bad_date")                                                                    \
	X(NOT_A_STUDY_DAY, "not_a_study_day")                                                      \
	X(NO_ITEMS, "no_items")                                                                    \
	X(TOO_MANY_ITEMS, "too_many_items")                                                        \
	X(BAD_TITLE, "bad_title")                                                                  \
	X(BAD_MINUTES, "bad_minutes")                                                              \
	X(TOO_LONG, "too_long")                                                                    \
	X(BAD_KIND, "bad_kind")                                                                    \
	X(MISSING, "missing")                                                                      \
	X(NO_DAYS, "no_days")                                                                      \
	X(MEMORY, "")

enum plan_problem {
#define X(id, word) PLAN_PROBLEM_##id,
	PLAN_PROBLEM_TABLE(X)
#undef X
	PLAN_PROBLEMS
};

struct plan_rules {
	const int32_t *days; /* the study days, ascending */
	size_t day_count;
	int minutes_per_day;
};

const char *plan_problem_word(enum plan_problem problem);
/* Index of `day` among the study days, or -1. */
int plan_rules_index(const struct plan_rules *rules, int32_t day);

/* A day as JSON. NONE: *day holds it. Otherwise what is wrong; day->day is the date if there is a
 * good one, else INT32_MIN. MEMORY: the arena is exhausted. */
enum plan_problem plan_check_day(struct arena *arena, const struct plan_rules *rules,
                                 const char *text, size_t length, struct plan_day *day);

#endif
