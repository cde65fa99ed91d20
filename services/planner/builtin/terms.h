/* SPDX-License-Identifier: MIT
 *
 * Words that the parts of the built-in planner share. The numbers are those of the enums in
 * proto/planner.proto, so that a handler may convert by assignment.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_TERMS_H
#define STUDYHALL_PLANNER_BUILTIN_TERMS_H

enum plan_kind {
	PLAN_STUDY,
	PLAN_REVIEW,
	PLAN_TEST
};
enum plan_level {
	PLAN_BEGINNER,
	PLAN_INTERMEDIATE,
	PLAN_ADVANCED
};
enum plan_locale {
	PLAN_KO,
	PLAN_EN
};

/* Bounds of the HTTP contract. */
#define PLAN_MAX_TOPICS     200            /* topics of a plan */
#define PLAN_MAX_TEXT       200            /* code points of a topic and of a title */
#define PLAN_MAX_DAYS       366            /* from the first to the last day, both counted */
#define PLAN_MAX_ITEMS      20             /* items of a day */
#define PLAN_MIN_MINUTES    5              /* of an item, and of minutes_per_day */
#define PLAN_MAX_MINUTES    960            /* of minutes_per_day */
#define PLAN_REST_DAY(wday) (1u << (wday)) /* a bit of a rest-day set; wday is enum weekday */
#define PLAN_ALL_RESTING    0x7fu

#endif
