/* SPDX-License-Identifier: MIT
 *
 * What replan.c and replan_place.c share; internal to the built-in planner. Places are indexes of
 * study days from from_day on.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_REPLAN_PARTS_H
#define STUDYHALL_PLANNER_BUILTIN_REPLAN_PARTS_H

#include "services/planner/builtin/replan.h"
#include "services/planner/builtin/study_days.h"

#define REPLAN_NOWHERE (-1)

enum replan_state {
	REPLAN_FIXED,    /* done, or where the learner put it: stays and takes room */
	REPLAN_MISSED,   /* must move */
	REPLAN_RESIDENT, /* not done, on a study day to come */
};

struct replan_entry {
	const struct replan_item *item;
	size_t index; /* in the request */
	enum replan_state state;
	int home;   /* place of a resident (or of something fixed), else REPLAN_NOWHERE */
	int place;  /* where it goes */
	int least;  /* minutes it may be shortened to */
	bool loose; /* a review or test that rule 3 moves */
};

/* The latest of something that others follow. */
struct replan_mark {
	int32_t day; /* it was on */
	int place;   /* it has now; REPLAN_NOWHERE: it sets no bound */
};

struct replan_day {
	int fixed; /* minutes of what stays for sure */
	int fixed_count;
	int load;     /* minutes, at the least lengths */
	int count;    /* items */
	bool open;    /* takes items in: was not overfull before */
	bool touched; /* has taken one in */
};

struct replan_work {
	const struct replan_request *request;
	struct study_days days;
	struct replan_day day[PLAN_MAX_DAYS];
	struct replan_entry *entry; /* by day, then in the order of the request */
	size_t count;
	size_t missed;
	struct replan_entry **leaving; /* the missed ones, in the order they are left behind */
	int study_limit;               /* last place for study */
	struct replan_mark last_study;
	struct replan_mark topic_study[PLAN_MAX_TOPICS];
	const struct replan_entry *last_test;
};

/* Places everything with items shortened to `percent` of their minutes at most; false if it does
 * not fit. */
bool replan_place_all(struct replan_work *work, int percent);
/* Leaves behind as few missed items as necessary (they become fixed), places the others. */
void replan_place_some(struct replan_work *work);
/* With the plan entered as it was: does rule 3 hold among what is ahead, with the days of
 * `outcome`? */
bool replan_keeps_order(struct replan_work *work, const struct replan_item *outcome);

#endif
