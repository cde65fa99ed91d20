/* SPDX-License-Identifier: MIT
 *
 * Which topics a plan covers: those whose name some title holds. Models change names a little
 * (case, punctuation, the order of words, "Chapters 3-5" for three of them), and Korean adds
 * particles; that is allowed for. Pure; memory from the arena.
 */
#ifndef STUDYHALL_PLANNER_AI_PLAN_COVER_H
#define STUDYHALL_PLANNER_AI_PLAN_COVER_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Does the title speak of the topic? Both valid UTF-8. False without memory, too. */
bool plan_covers(struct arena *arena, const char *title, const char *topic);

struct plan_cover;
/* NULL without memory. */
struct plan_cover *plan_cover_new(struct arena *arena, const char *const *topics, size_t count);
/* One more title of the plan. False without memory. */
bool plan_cover_add(struct plan_cover *cover, const char *title);
/* How many topics no title has spoken of. */
size_t plan_cover_missing(const struct plan_cover *cover);
bool plan_cover_has(const struct plan_cover *cover, size_t topic);

#endif
