/* SPDX-License-Identifier: MIT
 *
 * What the built-in planner says, in Korean and English: titles of items and details of warnings.
 * Results live in the arena; NULL without memory. Titles have 1..PLAN_MAX_TEXT code points.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_WORDING_H
#define STUDYHALL_PLANNER_BUILTIN_WORDING_H

#include <stdbool.h>
#include <stddef.h>

#include "services/planner/builtin/terms.h"

struct arena;

/* Some topics in a row, and where in a topic: stage `stage` (from 0) of `stages`. */
struct wording_subject {
	const char *const *topics;
	int first_topic;
	int topic_count;
	int stage;
	int stages; /* 1: the topics as a whole */
};

char *wording_study(struct arena *arena, enum plan_locale locale,
                    const struct wording_subject *subject, int session, int sessions);
char *wording_review(struct arena *arena, enum plan_locale locale,
                     const struct wording_subject *subject);
/* The test of a part; with stages: up to that stage of the topic. */
char *wording_part_test(struct arena *arena, enum plan_locale locale,
                        const struct wording_subject *subject);
/* The closing phase's review of a part. */
char *wording_recap(struct arena *arena, enum plan_locale locale,
                    const struct wording_subject *subject);
/* number 1, 2 ... of `mocks`. */
char *wording_mock(struct arena *arena, enum plan_locale locale, bool has_exam, int number,
                   int mocks);
char *wording_mistakes(struct arena *arena, enum plan_locale locale, bool has_exam, int number,
                       int mocks);
char *wording_last_look(struct arena *arena, enum plan_locale locale, bool has_exam);

/* Details of warnings, by code; `value` is what the text counts (minutes per topic, topics per
 * item, items); 0 where it counts nothing. */
char *wording_warning(struct arena *arena, enum plan_locale locale, const char *code, int value);

#endif
