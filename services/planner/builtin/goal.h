/* SPDX-License-Identifier: MIT
 *
 * What a goal in the learner's own words says: its topics, its subject, its language. Pure and
 * thread-safe; results live in the arena. Texts are valid UTF-8.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_GOAL_H
#define STUDYHALL_PLANNER_BUILTIN_GOAL_H

#include <stddef.h>

#include "common/base/status.h"
#include "services/planner/builtin/terms.h"

struct arena;

struct goal_topics {
	const char *const *topic; /* each of 1..PLAN_MAX_TEXT code points */
	size_t count;             /* 1..PLAN_MAX_TOPICS */
};

/* The topics that `goal` names, in its order:
 * - lists: by commas, semicolons, lines, bullets, "and", "및", "A와 B", after a colon or in
 * brackets;
 * what stands in quotes is one topic; so is a title in capital letters behind "read" or "the
 * novel": "read War and Peace", but not "Algebra and Geometry";
 * - ranges: "chapters 1-12", "Chapter 3 to 7", "1~12단원", "1장부터 12장까지", "12 chapters"; a
 * range of more than PLAN_MAX_TOPICS, or of pages and problems, becomes topics of several each.
 * Chapters to be left away ("skip 4", "except 4 and 7", "4단원 제외") are no topics.
 * Phrases around them ("I want to learn", "in 6 weeks", "을 끝내고 싶어요") are left away. A goal
 * without a list gives phases (foundations, core, practice, application) of its subject, in
 * `locale`. `goal` may be NULL or empty. STATUS_OK or STATUS_OVERLOADED (no memory). */
enum status goal_topics(struct arena *arena, const char *goal, enum plan_locale locale,
                        struct goal_topics *out);

/* A guess of what is studied, 1..60 code points: a school subject or exam that the goal names, or
 * the goal's first words; "" if it has none. NULL without memory. */
char *goal_subject(struct arena *arena, const char *goal);

/* Korean if the text has any Hangul, else English. */
enum plan_locale goal_language(const char *text);

#endif
