/* SPDX-License-Identifier: MIT
 *
 * The built-in planner: a study schedule without AI, pure and deterministic.
 *
 * What a schedule keeps to:
 * - new material comes in the order of the topics, reviews of it at growing intervals after its
 *   first study (about 1, 3, 7, 14, 30, 60 ... days, moved to the next study day), a test after
 *   each part (a part is a group of topics), and the last days (a closing phase, from two study
 *   days on) bring nothing new: reviews of the parts, a mock test, a last look;
 * - every topic is covered by a study item; no day holds more than its minutes or PLAN_MAX_ITEMS
 *   items; no item is shorter than PLAN_MIN_MINUTES; nothing on a resting weekday, on the day of
 *   the exam or later, or out of the span;
 * - few topics in many days become stages (concepts, practice, application ...);
 * - many topics in few days are thinned: reviews first, then minutes per topic, then several
 *   topics share an item. Warnings say so: fewer_reviews, reduced_depth, topics_combined, no_test;
 * - an exam more than a week after the last day does not give its name to the closing phase, and a
 *   warning (unused_days) says that there are days until then;
 * - a beginner gets more time per topic and more reviews, an advanced learner a longer closing
 *   phase.
 */
#ifndef STUDYHALL_PLANNER_BUILTIN_SCHEDULE_H
#define STUDYHALL_PLANNER_BUILTIN_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "services/planner/builtin/terms.h"

struct arena;

struct schedule_request {
	const char *goal; /* asked for topics when there are none; may be NULL then too */
	const char *const
	    *topics;        /* as named by the learner; may be NULL with topic_count 0. One
	                       that is there already (but for case and blanks) is left away */
	size_t topic_count; /* 0..PLAN_MAX_TOPICS */
	int32_t start_day;  /* days since 1970-01-01 */
	int32_t end_day;    /* inclusive, less than PLAN_MAX_DAYS after start_day */
	int32_t today;      /* days before it are not planned; start_day or less: no effect */
	bool has_exam;
	int32_t exam_day;
	int minutes_per_day; /* PLAN_MIN_MINUTES..PLAN_MAX_MINUTES */
	unsigned rest_days;  /* PLAN_REST_DAY bits, not PLAN_ALL_RESTING */
	enum plan_level level;
	enum plan_locale locale;
};

/* topic_count topics from first_topic on are what the item is about. A test or a review of the
 * closing phase may be about topics in several items. */
struct schedule_item {
	int32_t day;
	const char *title; /* 1..PLAN_MAX_TEXT code points */
	int minutes;
	enum plan_kind kind;
	int first_topic;
	int topic_count;
	bool closing; /* of the closing phase, or a mock test */
};

struct schedule_warning {
	const char *code;
	const char *detail; /* in the locale of the request */
};

struct schedule {
	const char *const *topics; /* those given, or those found in the goal: never empty */
	size_t topic_count;
	const struct schedule_item *items; /* by day, in the order of a day's work */
	size_t item_count;
	const struct schedule_warning *warnings;
	size_t warning_count;
};

/* STATUS_OK and *out, which lives in the arena (texts of the request are copied).
 * STATUS_VALIDATION: no study day is left, or a value is out of the bounds above.
 * STATUS_OVERLOADED: no memory. Takes up to some milliseconds of CPU; may not yield. */
enum status schedule_make(struct arena *arena, const struct schedule_request *request,
                          struct schedule **out);

#endif
