/* SPDX-License-Identifier: MIT
 *
 * How big the units of a schedule are and how fast it goes: the richest pace that fits the study
 * days, thinned step by step when there is too little time. Internal to the built-in planner.
 * Pure; a walk is some 100 KB, so it is the caller's, not the stack's.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_SIZING_H
#define STUDYHALL_PLANNER_BUILTIN_SIZING_H

#include <stdbool.h>

#include "services/planner/builtin/pace.h"

struct sizing {
	struct pace pace;
	int topics;
	int stages;      /* of each topic; 1 when units are topics or groups of them */
	int single_test; /* quanta of the test of the only study day; 0: none */
	bool shallow;    /* a topic gets less time than is recommended */
};

/* Chooses the pace for `topics` topics (>= 1) in `days` (>= 1 day) and leaves its walk, closing
 * phase included, in `walk`. Always finds one. */
void sizing_choose(struct sizing *sizing, struct pace_walk *walk, const struct study_days *days,
                   int topics, int minutes_per_day, enum plan_level level, bool has_exam);

/* The topics of a unit, and of a run of units. */
int sizing_first_topic(const struct sizing *sizing, int unit);
int sizing_end_topic(const struct sizing *sizing, int unit);

#endif
