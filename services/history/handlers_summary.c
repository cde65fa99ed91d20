/* SPDX-License-Identifier: MIT
 * Summaries by day and by subject, and the streak, in the learner's zone. */
#include "services/history/history.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/task/task.h"
#include "services/history/store.h"
#include "services/history/summary.h"

#define SUMMARY_STREAK_LIMIT 3660 /* ten years */

struct history_summary {
	struct history *history;
	const char *user;
	const struct zone *zone;
	int32_t today, from, to;
	bool *active; /* by day, first `from` */
};

static enum status
history_summary_range(struct call *call, const History__SummaryRequest *request,
                      struct history_summary *summary)
{
	const char *name = request->tz != NULL ? request->tz : call_time_zone(call);

	summary->history = history_of(call);
	summary->user = call_user(call);
	summary->zone = zone_find(name);
	if (summary->zone == NULL && request->tz == NULL)
		summary->zone = zone_find("Asia/Seoul");
	if (summary->zone == NULL)
		return call_invalid(call, "/tz", "is not a time zone");
	summary->today = summary->to = zone_day(summary->zone, clock_wall_us());
	if (request->to != NULL && !date_parse(request->to, &summary->to))
		return call_invalid(call, "/to", "is not a date");
	summary->from = summary->to - (SUMMARY_DEFAULT_DAYS - 1);
	if (request->from != NULL && !date_parse(request->from, &summary->from))
		return call_invalid(call, "/from", "is not a date");
	if (summary->to < summary->from)
		return request->to != NULL ? call_invalid(call, "/to", "is before `from`")
		                           : call_invalid(call, "/from", "is after today");
	if (summary->to - summary->from >= SUMMARY_MAX_DAYS)
		return call_invalid(call, "/from", "must be less than %d days before `to`",
		                    SUMMARY_MAX_DAYS);
	return STATUS_OK;
}

/* Every day of the range, those without events too. */
static enum status
history_summary_days(struct history_summary *summary, History__Summary *reply)
{
	struct summary_span spans[SUMMARY_SPANS];
	size_t span_count = summary_spans(summary->zone, summary->from, summary->to, spans);
	size_t day_count = (size_t)(summary->to - summary->from + 1), count;
	History__DayTotal *totals = arena_calloc(task_arena(), day_count, sizeof *totals);
	struct history_day *days;
	enum status status;

	reply->days = arena_calloc(task_arena(), day_count, sizeof *reply->days);
	summary->active = arena_calloc(task_arena(), day_count, sizeof *summary->active);
	if (totals == NULL || reply->days == NULL || summary->active == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < day_count; i++) {
		history__day_total__init(&totals[i]);
		totals[i].has_minutes = totals[i].has_events = 1;
		totals[i].date = arena_alloc(task_arena(), DATE_TEXT_SIZE);
		if (totals[i].date == NULL)
			return STATUS_OVERLOADED;
		date_format(summary->from + (int32_t)i, totals[i].date);
		reply->days[i] = &totals[i];
	}
	reply->n_days = day_count;
	for (size_t i = 0; i < span_count; i++) {
		status = history_store_days(summary->history->db, summary->user, spans[i].from_ms,
		                            spans[i].end_ms, spans[i].offset_ms, &days, &count);
		if (status != STATUS_OK)
			return status;
		for (size_t j = 0; j < count; j++) {
			if (days[j].day < summary->from || days[j].day > summary->to)
				continue;
			totals[days[j].day - summary->from].minutes += days[j].minutes;
			totals[days[j].day - summary->from].events += days[j].events;
			summary->active[days[j].day - summary->from] |= days[j].active;
			reply->total_minutes += days[j].minutes;
		}
	}
	reply->has_total_minutes = 1;
	return STATUS_OK;
}

static enum status
history_summary_subjects(const struct history_summary *summary, History__Summary *reply)
{
	int64_t from_ms = zone_day_start(summary->zone, summary->from) / 1000;
	int64_t end_ms = zone_day_start(summary->zone, summary->to + 1) / 1000;
	struct history_subject *subjects;
	History__SubjectTotal *totals;
	size_t count;
	enum status status = history_store_subjects(summary->history->db, summary->user, from_ms,
	                                            end_ms, &subjects, &count);

	if (status != STATUS_OK)
		return status;
	totals = arena_calloc(task_arena(), count + 1, sizeof *totals);
	reply->subjects = arena_calloc(task_arena(), count + 1, sizeof *reply->subjects);
	if (totals == NULL || reply->subjects == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		history__subject_total__init(&totals[i]);
		totals[i].subject = (char *)subjects[i].subject;
		totals[i].has_minutes = 1;
		totals[i].minutes = subjects[i].minutes;
		reply->subjects[reply->n_subjects++] = &totals[i];
	}
	return STATUS_OK;
}

/* From today backwards: first the days of the range, which have been read, then, for a streak that
 * is longer, those before. */
static enum status
history_summary_streak(const struct history_summary *summary, History__Summary *reply)
{
	struct summary_streak streak = {0};
	int64_t starts[HISTORY_STREAK_CHUNK], ends[HISTORY_STREAK_CHUNK];
	bool active[HISTORY_STREAK_CHUNK], goes_on = true;
	int32_t day = summary->today;
	enum status status;

	for (; goes_on && day >= summary->from && day <= summary->to; day--)
		goes_on = summary_streak_add(&streak, summary->active[day - summary->from]);
	while (goes_on && streak.seen < SUMMARY_STREAK_LIMIT) {
		for (int32_t i = 0; i < HISTORY_STREAK_CHUNK; i++) {
			starts[i] = zone_day_start(summary->zone, day - i) / 1000;
			ends[i] = zone_day_start(summary->zone, day - i + 1) / 1000;
		}
		status =
		    history_store_active(summary->history->db, summary->user, starts, ends, active);
		if (status != STATUS_OK)
			return status;
		for (size_t i = 0; i < HISTORY_STREAK_CHUNK && goes_on; i++)
			goes_on = summary_streak_add(&streak, active[i]);
		day -= HISTORY_STREAK_CHUNK;
	}
	reply->has_streak_days = 1;
	reply->streak_days = streak.days;
	return STATUS_OK;
}

enum status
history_summarize(struct call *call, const void *message, void *reply)
{
	struct history_summary summary;
	enum status status = history_summary_range(call, message, &summary);

	if (status == STATUS_OK)
		status = history_summary_days(&summary, reply);
	if (status == STATUS_OK)
		status = history_summary_subjects(&summary, reply);
	if (status == STATUS_OK)
		status = history_summary_streak(&summary, reply);
	return status;
}
