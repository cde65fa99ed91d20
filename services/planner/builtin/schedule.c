/* SPDX-License-Identifier: MIT
 * From a request to dated, titled items: sizing.c finds the pace, this file says it in words. */
#include "services/planner/builtin/schedule.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/text.h"
#include "services/planner/builtin/goal.h"
#include "services/planner/builtin/series.h"
#include "services/planner/builtin/sizing.h"
#include "services/planner/builtin/study_days.h"
#include "services/planner/builtin/wording.h"

#define SCHEDULE_MAX_WARNINGS 5
#define SCHEDULE_NEAR_EXAM    7 /* days after the last day at most, to speak of the exam */

/* What is needed while a schedule is made; freed before it is returned. */
struct schedule_work {
	struct study_days days;
	struct sizing sizing;
	struct pace_walk walk;
};

/* Days between the end of the plan and an exam that is far behind it; else 0. */
static int
schedule_idle_days(const struct schedule_request *request)
{
	int64_t idle = (int64_t)request->exam_day - request->end_day - 1;

	return request->has_exam && idle >= SCHEDULE_NEAR_EXAM ? (int)idle : 0;
}

static bool
schedule_acceptable(const struct schedule_request *request)
{
	if (request->topic_count > PLAN_MAX_TOPICS || request->minutes_per_day < PLAN_MIN_MINUTES ||
	    request->minutes_per_day > PLAN_MAX_MINUTES || request->rest_days > PLAN_ALL_RESTING ||
	    (unsigned)request->level > PLAN_ADVANCED || (unsigned)request->locale > PLAN_EN)
		return false;
	return request->end_day >= request->start_day &&
	       (int64_t)request->end_day - request->start_day < PLAN_MAX_DAYS;
}

/* The topics given, each once: the case of letters and blanks around make no other topic. */
static enum status
schedule_given_topics(struct arena *arena, const struct schedule_request *request,
                      struct schedule *schedule)
{
	const char **topics = arena_calloc(arena, request->topic_count, sizeof(*topics));
	const char **folded = arena_calloc(arena, request->topic_count, sizeof(*folded));
	size_t count = 0;

	if (topics == NULL || folded == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < request->topic_count; i++) {
		size_t at = 0;

		topics[count] = text_trim(arena, request->topics[i]);
		/* No text that Unicode could compare: as it is. */
		if (topics[count] == NULL)
			topics[count] = arena_strdup(arena, request->topics[i]);
		folded[count] = topics[count] == NULL ? NULL : text_fold(arena, topics[count]);
		if (folded[count] == NULL)
			folded[count] = topics[count];
		if (folded[count] == NULL)
			return STATUS_OVERLOADED;
		while (at < count && strcmp(folded[at], folded[count]) != 0)
			at++;
		count += at == count && *topics[count] != '\0';
	}
	schedule->topics = topics;
	schedule->topic_count = count;
	return STATUS_OK;
}

static enum status
schedule_topics(struct arena *arena, const struct schedule_request *request,
                struct schedule *schedule)
{
	struct goal_topics named;
	enum status status = STATUS_OK;

	if (request->topic_count > 0)
		status = schedule_given_topics(arena, request, schedule);
	if (status != STATUS_OK || schedule->topic_count > 0)
		return status;
	status = goal_topics(arena, request->goal, request->locale, &named);
	if (status == STATUS_OK) {
		schedule->topics = named.topic;
		schedule->topic_count = named.count;
	}
	return status;
}

/* The topics of some units; `stage` is that of the last of them. */
static void
schedule_subject(const struct schedule_work *work, const struct schedule *schedule, int first_unit,
                 int end_unit, struct wording_subject *out)
{
	const struct sizing *sizing = &work->sizing;

	out->topics = schedule->topics;
	out->first_topic = sizing_first_topic(sizing, first_unit);
	out->topic_count = sizing_end_topic(sizing, end_unit - 1) - out->first_topic;
	out->stage = (end_unit - 1) % sizing->stages;
	out->stages = sizing->stages;
}

static int
schedule_part_start(const struct pace *pace, int part)
{
	return part == 0 ? 0 : pace->part_end[part - 1];
}

static void
schedule_item_subject(const struct schedule_work *work, const struct schedule *schedule,
                      const struct pace_item *from, struct wording_subject *out)
{
	const struct pace *pace = &work->sizing.pace;
	int end = from->first + from->count;

	if (from->role == PACE_STUDY || from->role == PACE_REVIEW)
		schedule_subject(work, schedule, from->first, end, out);
	else
		schedule_subject(work, schedule, schedule_part_start(pace, from->first),
		                 pace->part_end[end - 1], out);
}

static char *
schedule_title(struct arena *arena, const struct schedule_request *request,
               const struct schedule_work *work, const struct pace_item *from,
               const struct wording_subject *subject)
{
	enum plan_locale locale = request->locale;
	bool exam = request->has_exam && schedule_idle_days(request) == 0;
	int mocks = work->walk.mocks;

	switch ((enum pace_role)from->role) {
	case PACE_STUDY:
		return wording_study(arena, locale, subject, from->number,
		                     work->walk.unit[from->first].sessions);
	case PACE_REVIEW: return wording_review(arena, locale, subject);
	case PACE_PART_TEST: return wording_part_test(arena, locale, subject);
	case PACE_PART_RECAP: return wording_recap(arena, locale, subject);
	case PACE_MOCK: return wording_mock(arena, locale, exam, from->number, mocks);
	case PACE_MISTAKES: return wording_mistakes(arena, locale, exam, from->number, mocks);
	case PACE_LAST_LOOK: break;
	}
	return wording_last_look(arena, locale, exam);
}

static enum plan_kind
schedule_kind(const struct pace_item *from)
{
	switch ((enum pace_role)from->role) {
	case PACE_STUDY: return PLAN_STUDY;
	case PACE_PART_TEST:
	case PACE_MOCK: return PLAN_TEST;
	default: return PLAN_REVIEW;
	}
}

static int
schedule_items(struct arena *arena, const struct schedule_request *request,
               const struct schedule_work *work, struct schedule *schedule)
{
	size_t count = (size_t)work->walk.items;
	struct schedule_item *items = arena_calloc(arena, count, sizeof(*items));

	if (items == NULL)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct pace_item *from = &work->walk.item[i];
		struct wording_subject subject;

		schedule_item_subject(work, schedule, from, &subject);
		items[i] = (struct schedule_item){
		    .day = work->days.day[from->day],
		    .title = schedule_title(arena, request, work, from, &subject),
		    .minutes = from->quanta * PACE_MINUTES,
		    .kind = schedule_kind(from),
		    .first_topic = subject.first_topic,
		    .topic_count = subject.topic_count,
		    .closing = from->role >= PACE_PART_RECAP,
		};
		if (items[i].title == NULL)
			return -1;
	}
	schedule->items = items;
	schedule->item_count = count;
	return 0;
}

static int
schedule_warn(struct arena *arena, struct schedule *schedule, struct schedule_warning *warnings,
              enum plan_locale locale, const char *code, int value)
{
	struct schedule_warning *warning = &warnings[schedule->warning_count++];

	warning->code = code;
	warning->detail = wording_warning(arena, locale, code, value);
	return warning->detail == NULL ? -1 : 0;
}

static int
schedule_warnings(struct arena *arena, const struct schedule_request *request,
                  const struct schedule_work *work, struct schedule *schedule)
{
	struct schedule_warning *warnings =
	    arena_calloc(arena, SCHEDULE_MAX_WARNINGS, sizeof(*warnings));
	const struct pace *pace = &work->sizing.pace;
	enum plan_locale locale = request->locale;
	int idle = schedule_idle_days(request);
	int reviews = 0;
	int tests = 0;
	int error = 0;

	if (warnings == NULL)
		return -1;
	for (int i = 0; i < work->walk.items; i++) {
		reviews += work->walk.item[i].role == PACE_REVIEW;
		tests += schedule_kind(&work->walk.item[i]) == PLAN_TEST;
	}
	schedule->warnings = warnings;
	if (reviews * 4 < pace_reviews_wanted(pace, &work->walk) * 3)
		error |= schedule_warn(arena, schedule, warnings, locale, "fewer_reviews", 0);
	if (work->sizing.shallow) {
		int each = pace->study_quanta * PACE_MINUTES / work->sizing.topics;

		error |= schedule_warn(arena, schedule, warnings, locale, "reduced_depth",
		                       each > 0 ? each : 1);
	}
	if (pace->units < work->sizing.topics)
		error |= schedule_warn(arena, schedule, warnings, locale, "topics_combined",
		                       (work->sizing.topics + pace->units - 1) / pace->units);
	if (tests == 0)
		error |= schedule_warn(arena, schedule, warnings, locale, "no_test", 0);
	if (idle > 0)
		error |= schedule_warn(arena, schedule, warnings, locale, "unused_days", idle);
	return error;
}

enum status
schedule_make(struct arena *arena, const struct schedule_request *request, struct schedule **out)
{
	struct study_span span = {
	    .first_day = request->start_day > request->today ? request->start_day : request->today,
	    .last_day = request->end_day,
	    .has_exam = request->has_exam,
	    .exam_day = request->exam_day,
	    .rest_days = request->rest_days,
	};
	struct schedule *schedule = arena_alloc(arena, sizeof(*schedule));
	struct schedule_work *work = malloc(sizeof(*work));
	enum status status = STATUS_OVERLOADED;

	*out = NULL;
	if (schedule == NULL || work == NULL)
		goto fail;
	status = STATUS_VALIDATION;
	if (!schedule_acceptable(request))
		goto fail;
	study_days_of(&span, &work->days);
	if (work->days.count == 0)
		goto fail;
	status = schedule_topics(arena, request, schedule);
	if (status != STATUS_OK)
		goto fail;
	sizing_choose(&work->sizing, &work->walk, &work->days, (int)schedule->topic_count,
	              request->minutes_per_day, request->level, request->has_exam);
	if (schedule_items(arena, request, work, schedule) != 0 ||
	    schedule_warnings(arena, request, work, schedule) != 0)
		status = STATUS_OVERLOADED;
	else
		*out = schedule;
fail:
	free(work);
	return status;
}
