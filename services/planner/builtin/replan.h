/* SPDX-License-Identifier: MIT
 *
 * Moves what was missed to the days left. Pure, deterministic, no I/O.
 *
 * Missed is an item that is not done and dated before from_day. The rules, in order of weight:
 * 1. done items keep their day, and so does everything when nothing was missed (so repeating a
 *    replan changes nothing); no item is lost but for reviews of known topics, see below;
 * 2. nothing goes to a resting weekday, to the exam's day or later, or out of the span, and nothing
 *    goes to a day where it would exceed minutes_per_day or PLAN_MAX_ITEMS (done items count);
 * 3. new material keeps its order; a review or test does not come before the study it follows (of
 *    the same topics where topics are known, else of all study items before it), and after another
 *    day when it was on another day (a test or a review of several study items: if one is left);
 * 4. the same review (topics and title) keeps its order and comes on different days, at the gaps
 *    that were planned and that do not shrink, as far as there is time: else at shorter ones, the
 *    gap that was left by what was missed is not counted, and last at any;
 * 5. future reviews and tests stay where they are unless rules 3 and 4 move them; future study
 *    items move only when what was missed takes their place.
 * If it does not fit at full length, items of the days that take something in are shortened, to
 * 75 %, then 50 % of their minutes (then the days after the plan's last study item are open for
 * study, too). If that is not enough, reviews of known topics are left out, the missed and the
 * future ones alike, the later ones of each topic first (left_out, to be removed from the plan:
 * dated before their study they would be nonsense), with minutes down to PLAN_MIN_MINUTES. If study
 * and tests still do not fit, no more missed items than necessary keep their dates (reviews of
 * unknown topics first, then tests, then study; the oldest first), and the outcome counts them in
 * not_fitting: no day is overfilled to hide them. When that could not be done both in order and so
 * that a repetition changes nothing, nothing is changed at all.
 * An item that the learner put on a resting day, or behind the exam, stays there.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_REPLAN_H
#define STUDYHALL_PLANNER_BUILTIN_REPLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "services/planner/builtin/terms.h"

#define REPLAN_MAX_ITEMS    (PLAN_MAX_DAYS * PLAN_MAX_ITEMS)
#define REPLAN_MAX_WARNINGS 3

struct arena;

/* Items are given in the order of the plan: by day, and in the order of the day's work. */
struct replan_item {
	int32_t day;
	int minutes;
	enum plan_kind kind;
	bool done;
	int first_topic;   /* as in struct schedule_item */
	int topic_count;   /* 0: not known */
	const char *title; /* tells reviews of the same topics apart; may be NULL */
};

struct replan_request {
	const struct replan_item *items;
	size_t item_count; /* at most REPLAN_MAX_ITEMS */
	int32_t from_day;
	int32_t start_day; /* of the plan */
	int32_t end_day;   /* inclusive, less than PLAN_MAX_DAYS after start_day */
	bool has_exam;
	int32_t exam_day;
	unsigned rest_days;
	int minutes_per_day;
};

struct replan_outcome {
	int32_t *day;     /* of each item, in the order of the request */
	int *minutes;     /* of each item */
	bool *left_out;   /* reviews that have no room any more */
	int fewer;        /* how many they are; not counted below */
	int moved;        /* items with another day than before */
	int shortened;    /* items with fewer minutes than before */
	int not_fitting;  /* missed items that keep their dates */
	bool no_day_left; /* because no study day is left at all */
};

/* STATUS_OK, and the outcome's arrays in the arena. STATUS_VALIDATION: a number is out of bounds.
 * STATUS_OVERLOADED: no memory. */
enum status replan_make(struct arena *arena, const struct replan_request *request,
                        struct replan_outcome *out);

/* Warnings for people: fills up to REPLAN_MAX_WARNINGS of code and detail ("does_not_fit" or
 * "no_day_left", "reviews_left_out", "shortened") and returns how many, or -1 without memory. */
int replan_warnings(struct arena *arena, const struct replan_outcome *outcome,
                    enum plan_locale locale, const char *code[REPLAN_MAX_WARNINGS],
                    const char *detail[REPLAN_MAX_WARNINGS]);

#endif
