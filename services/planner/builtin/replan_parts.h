/* SPDX-License-Identifier: MIT
 *
 * What replan.c, replan_place.c and replan_review.c share; internal to the built-in planner. Places
 * are indexes of study days from from_day on.
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
	REPLAN_GONE,     /* a review that has been left out */
};

/* How an attempt treats reviews and tests. */
enum replan_mode {
	REPLAN_KEEP,  /* residents stay where they are unless a rule moves them */
	REPLAN_LOOSE, /* residents may move later to make room */
	REPLAN_THIN,  /* and reviews of known topics may be left out */
};

struct replan_entry {
	const struct replan_item *item;
	size_t index; /* in the request */
	enum replan_state state;
	int home;   /* place of a resident (or of something fixed), else REPLAN_NOWHERE */
	int place;  /* where it goes */
	int least;  /* minutes it may be shortened to */
	bool loose; /* a review or test that makes room, or that a rule moves */

	/* Of reviews (and `bound` of tests): */
	int bound;                       /* first place that its studies allow */
	int32_t studied;                 /* day of the study it follows, as placed */
	const struct replan_entry *test; /* whose mistakes it goes over */
	struct replan_entry *before;     /* the same review, earlier; or NULL */
	struct replan_entry *next;       /* and later */
	int ordinal;                     /* among the same reviews, from 0 */
	int wanted; /* days from what it follows (the same review, or the study), as planned */
	int gap;    /* the same as placed: the next one should not be shorter */
	bool unit;  /* reviews just what one study item is about */
	bool left_out;
};

/* The latest of something that others follow. */
struct replan_mark {
	int32_t day; /* it was on */
	int place;   /* it has now; REPLAN_NOWHERE: it sets no bound */
	int32_t now; /* the day it is on now, also when it sets no bound */
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
	struct replan_entry **review;  /* in the order they are placed */
	size_t reviews;
	size_t spares;   /* of them those that may be left out, */
	size_t left_out; /* and were by the latest attempt */
	int study_limit; /* last place for study */
	struct replan_mark last_study;
	struct replan_mark topic_study[PLAN_MAX_TOPICS];
	const struct replan_entry *last_test;
	const struct replan_entry *topic_test[PLAN_MAX_TOPICS]; /* by its first topic */
};

/* replan_place.c
 * Places everything with items shortened to `percent` of their minutes at most; false if it does
 * not fit. */
bool replan_place_all(struct replan_work *work, int percent, enum replan_mode mode);
/* Leaves behind as few missed items as necessary (they become fixed), places the others. */
void replan_place_some(struct replan_work *work);
/* With the plan entered as it was: does rule 3 hold among what is ahead, with the days of
 * `outcome`? */
bool replan_keeps_order(struct replan_work *work, const struct replan_item *outcome);
bool replan_fits(const struct replan_work *work, const struct replan_entry *entry, int place);
void replan_put(struct replan_work *work, struct replan_entry *entry, int place);
/* Of a test or review that does not stay: puts it there. A resident becomes loose and sets *again;
 * what comes then only notes its place, as the attempt will be repeated. */
void replan_assign(struct replan_work *work, struct replan_entry *entry, int place, bool *again);

/* replan_review.c
 * True for a review that may be left out when there is no room. */
bool replan_is_spare(const struct replan_entry *entry);
/* Once the plan is entered: finds which reviews are the same one at different times. */
void replan_link_reviews(struct replan_work *work);
/* Places the reviews, their bounds known. A resident that has to move becomes loose and sets
 * *again: then the attempt must be repeated. False if it does not fit. */
bool replan_place_reviews(struct replan_work *work, enum replan_mode mode, bool *again);

#endif
