/* SPDX-License-Identifier: MIT
 *
 * One walk through the study days at a given pace: which unit is studied, reviewed and tested on
 * which day. Internal to the built-in planner; schedule.c tries paces until one fits.
 *
 * Time is counted in quanta of five minutes. A unit is what is studied and reviewed together: a
 * topic, a stage of a topic, or several topics. Units are numbered in the order of the material.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_PACE_H
#define STUDYHALL_PLANNER_BUILTIN_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "services/planner/builtin/study_days.h"
#include "services/planner/builtin/terms.h"

#define PACE_MINUTES   5
#define PACE_MAX_UNITS 200
#define PACE_MAX_PARTS PACE_MAX_UNITS
#define PACE_MAX_ITEMS (PLAN_MAX_DAYS * PLAN_MAX_ITEMS)

struct pace {
	const struct study_days *days;
	int learning_days; /* the first so many may bring new material */
	int day_quanta;    /* of a day */
	int study_cap;     /* quanta of new material in a day, at most */
	int units;
	int study_quanta; /* over all units; at least `units` */
	int review_share; /* percent of the time that reviews may take */
	enum plan_level level;
	int parts;
	int part_end[PACE_MAX_PARTS]; /* the first unit behind each part */
	int test_quanta;              /* of the test of a part */
};

enum pace_role {
	PACE_STUDY,      /* unit */
	PACE_REVIEW,     /* unit */
	PACE_PART_TEST,  /* parts */
	PACE_PART_RECAP, /* parts: the closing phase's review */
	PACE_MOCK,       /* everything; number = 1, 2 ... */
	PACE_MISTAKES,   /* everything: what went wrong in mock `number` */
	PACE_LAST_LOOK,  /* everything */
};

struct pace_item {
	int16_t day;          /* index of a study day */
	int16_t first, count; /* units, or parts */
	int16_t quanta;
	int16_t number; /* of the session of the unit, or of the mock test; from 1 */
	uint8_t role;   /* enum pace_role */
};

struct pace_unit {
	int quanta; /* of study */
	int sessions;
	int32_t first_day; /* 0 until studied */
	int32_t last_day;  /* of the latest study or review that counts for the interval */
	int gap;           /* days of the latest interval */
	int rung;          /* of the ladder of intervals: the next review */
	int32_t due;
};

struct pace_walk {
	struct pace_unit unit[PACE_MAX_UNITS];
	struct pace_item item[PACE_MAX_ITEMS];
	int items;
	int unit_now;   /* being studied; == units when all are */
	int unit_left;  /* quanta of it not yet studied */
	int parts_done; /* parts studied to their end */
	int parts_tested;
	int finish; /* days used for new material */
	int mocks;
	int credit; /* hundredths of quanta that reviews may still take */
};

/* Walks the learning days; false if the material does not fit in. */
bool pace_walk(const struct pace *pace, struct pace_walk *walk);
/* After pace_walk: fills the days behind `finish` with the closing phase. A single study day gets
 * its test instead, of `single_test` quanta (0: none). */
void pace_close(const struct pace *pace, struct pace_walk *walk, int single_test);

/* Shared by pace.c and pace_close.c. */
int pace_put(struct pace_walk *walk, int day, enum pace_role role, int first, int count,
             int quanta);
int pace_reviews(const struct pace *pace, struct pace_walk *walk, int day, int quanta, int places);
int pace_review_quanta(const struct pace *pace);
/* Reviews that the ladder asks for in the learning days, had everything been reviewed. */
int pace_reviews_wanted(const struct pace *pace, const struct pace_walk *walk);

#endif
