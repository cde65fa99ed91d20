/* SPDX-License-Identifier: MIT
 *
 * Names of topics in titles: numbered names ("Chapter 3", "3단원") are recognized as members of a
 * series, runs of them are written as ranges ("Chapters 3–7", "3~7단원"), and whatever is too long
 * is cut between code points. Pure and thread-safe; results live in the arena; NULL without
 * memory. Texts are valid UTF-8.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_SERIES_H
#define STUDYHALL_PLANNER_BUILTIN_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "services/planner/builtin/terms.h"

struct arena;

/* A name that holds exactly one number; the slices point into the name. */
struct series_name {
	const char *prefix;
	size_t prefix_length; /* bytes, with the space before the number */
	unsigned long number;
	const char *suffix;
	size_t suffix_length;
};

/* False if the name has no number, several, or one above 999,999,999. */
bool series_parse(const char *name, struct series_name *out);

/* At most `limit` code points of `text`; what is cut ends in an ellipsis. limit >= 1. */
char *series_clip(struct arena *arena, const char *text, size_t limit);

/* The `count` topics from `first` on in at most `limit` code points: all by name if they fit, runs
 * as ranges, then shortened names, and at last "A, B … Z (40 topics)". */
char *series_join(struct arena *arena, const char *const *topics, size_t first, size_t count,
                  enum plan_locale locale, size_t limit);

#endif
