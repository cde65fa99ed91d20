/* SPDX-License-Identifier: MIT
 *
 * The pieces that goal.c is made of; internal to the built-in planner. A slice points into the
 * goal's text.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_GOAL_PARTS_H
#define STUDYHALL_PLANNER_BUILTIN_GOAL_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "services/planner/builtin/terms.h"

struct arena;

struct goal_slice {
	const char *at;
	size_t length;
};

struct goal_series; /* a word that numbers follow or precede: chapter, 단원 ... */

struct goal_found {
	struct arena *arena;
	const char *topic[PLAN_MAX_TOPICS];
	size_t count;
	bool numbered;          /* a numbered name or range was among them */
	bool failed;            /* no memory */
	struct goal_slice book; /* what stands before the first numbers; empty: nothing */
	bool clash;             /* there are two books ... */
	bool led; /* ... so names carry what stands before them: "physics Chapter 1" */
	const struct goal_series *series; /* the latest: "chapters 1, 3 and 5" */
};

#define GOAL_MOST_SKIPPED 1000

/* goal_plain.c: a copy of the goal in plain digits and dashes with a line for each item of a list,
 * and without the numbers that are left away ("skip 4", "4단원 제외"), which are marked in
 * `skipped`. NULL without memory. */
const char *goal_plain(struct arena *arena, const char *goal, bool skipped[GOAL_MOST_SKIPPED]);

/* goal_range.c: adds the numbered topics that the segment names; false if it names none. */
bool goal_add_numbered(struct goal_found *found, struct goal_slice segment);
/* goal.c: adds one name, clipped; a name that is there already is not added again. */
void goal_add(struct goal_found *found, const char *name, size_t length);

/* goal_list.c: calls `each` for every entry of the goal's list (the whole goal if it has none).
 * `listed`: the entry is a line with a bullet, to be taken as it is. */
void goal_split(const char *goal, void (*each)(void *arg, struct goal_slice entry, bool listed),
                void *arg);
/* What comes before the list: the text before the bullets, the only colon or the bracket; empty if
 * there is none. */
struct goal_slice goal_introduction(const char *goal);

/* goal_phrase.c: an entry without the words around the name ("I want to learn", "by June",
 * "을 끝내고 싶어요"); empty if it is no name but a sentence, or says when and how long. */
struct goal_slice goal_bare_name(struct goal_slice entry);

/* Slices without blanks, quotes and full stops around them. */
struct goal_slice goal_trim(struct goal_slice slice);
/* Length of the opening quote at `at`, 0 if there is none; its partner in the same line, or NULL.
 * Behind a letter or digit there is none. */
size_t goal_quote(const char *start, const char *at, const char **close);
bool goal_starts(struct goal_slice slice, const char *text); /* ASCII case ignored */
bool goal_ends(struct goal_slice slice, const char *text);
/* Offset of `text` in the slice, or -1. */
long goal_find(struct goal_slice slice, const char *text);
/* True if the Hangul syllable that ends at `at` (exclusive) has a final consonant; `hangul` says
 * whether there is one. */
bool goal_final_consonant(const char *start, const char *at, bool *hangul);

#endif
