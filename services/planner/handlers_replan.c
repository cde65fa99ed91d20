/* SPDX-License-Identifier: MIT
 * Replanning what was missed, and the plan as a calendar. */
#include "services/planner/planner.h"

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/date.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/task/task.h"
#include "services/planner/builtin/ical.h"
#include "services/planner/builtin/replan.h"
#include "services/planner/plan.h"
#include "services/planner/store.h"

#include <stdlib.h>
#include <string.h>

#define CALENDAR_LIMIT ((size_t)8 << 20)

static enum plan_locale
plan_locale_of(const struct planner_plan *plan)
{
	return plan->head->locale != NULL && strcmp(plan->head->locale, "en") == 0 ? PLAN_EN
	                                                                           : PLAN_KO;
}

/* --- replan --------------------------------------------------------------------------------------
 */

struct replan_run {
	struct call *call;
	const Planner__ReplanRequest *request;
	int32_t today;
	struct planner_plan plan;
	struct planner_item *items;
	size_t count;
	struct replan_outcome outcome;
};

static unsigned
replan_rest_days(const Planner__Plan *head)
{
	static const char *const weekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	unsigned set = 0;

	for (size_t i = 0; i < head->n_rest_days; i++)
		for (unsigned day = MON; day <= SUN; day++)
			if (strcmp(head->rest_days[i], weekdays[day]) == 0)
				set |= PLAN_REST_DAY(day);
	return set;
}

static enum status
replan_compute(struct replan_run *run)
{
	struct arena *arena = task_arena();
	struct replan_item *items = arena_calloc(arena, run->count + 1, sizeof *items);
	struct replan_request request = {
	    .items = items,
	    .item_count = run->count,
	    .from_day = run->today,
	    .start_day = run->plan.start_day,
	    .end_day = run->plan.end_day,
	    .has_exam = run->plan.has_exam,
	    .exam_day = run->plan.exam_day,
	    .rest_days = replan_rest_days(run->plan.head),
	    .minutes_per_day = (int)run->plan.head->minutes_per_day,
	};

	enum status status;

	if (items == NULL)
		return STATUS_OVERLOADED;
	if (run->request->from_date != NULL &&
	    !date_parse(run->request->from_date, &request.from_day))
		return call_invalid(run->call, "/from_date", "is not a date");
	/* Nobody studies in the past: from an earlier day on means from today on. */
	if (request.from_day < run->today)
		request.from_day = run->today;
	for (size_t i = 0; i < run->count; i++)
		items[i] = (struct replan_item){.day = run->items[i].day,
		                                .minutes = (int)run->items[i].minutes,
		                                .kind = (enum plan_kind)run->items[i].kind,
		                                .done = run->items[i].done_ms != 0,
		                                .first_topic = run->items[i].first_topic,
		                                .topic_count = run->items[i].topic_count,
		                                .title = run->items[i].title};
	status = replan_make(arena, &request, &run->outcome);
	/* By today there is nothing to be done about it but say so; a later day was a choice. */
	if (status == STATUS_OK && run->outcome.no_day_left && request.from_day > run->today)
		return call_invalid(run->call, "/from_date", "leaves no day of the plan for study");
	return status;
}

/* Stores what has changed, removes what was left out (from run->items, too), and gives the plan its
 * next version if anything has. */
static enum status
replan_store(struct replan_run *run, struct db *tx)
{
	struct planner_item *changed = arena_calloc(task_arena(), run->count + 1, sizeof *changed);
	enum status status = STATUS_OK;
	size_t changes = 0;
	size_t kept = 0;

	if (changed == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < run->count && status == STATUS_OK; i++) {
		struct planner_item item = run->items[i];

		if (run->outcome.left_out[i]) {
			status = planner_store_delete_item(tx, run->plan.id, item.id);
			continue;
		}
		if (item.day != run->outcome.day[i] ||
		    item.minutes != (uint32_t)run->outcome.minutes[i]) {
			item.day = run->outcome.day[i];
			item.minutes = (uint32_t)run->outcome.minutes[i];
			item.version++;
			item.changed_ms = planner_now_ms();
			changed[changes++] = item;
		}
		run->items[kept++] = item;
	}
	if (status == STATUS_OK && changes == 0 && kept == run->count)
		return STATUS_OK;
	run->count = kept;
	if (status == STATUS_OK && changes > 0)
		status = planner_store_put_items(tx, call_user(run->call), changed, changes);
	return status == STATUS_OK ? planner_store_put(tx, &run->plan) : status;
}

static enum status
replan_tx(struct db *tx, void *arg)
{
	struct replan_run *run = arg;
	enum status status =
	    planner_store_get(tx, call_user(run->call), run->request->id, true, &run->plan);

	if (status == STATUS_OK)
		status = planner_store_items(tx, run->plan.id, &run->items, &run->count);
	if (status == STATUS_OK)
		status = replan_compute(run);
	if (status != STATUS_OK)
		return status;
	return replan_store(run, tx);
}

static int
replan_compare_items(const void *a, const void *b)
{
	const struct planner_item *x = a, *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return strcmp(x->id, y->id);
}

static bool
replan_add_warnings(const struct replan_run *run, Planner__ReplanResult *reply)
{
	struct arena *arena = task_arena();
	const char *code[REPLAN_MAX_WARNINGS], *detail[REPLAN_MAX_WARNINGS];
	int count = replan_warnings(arena, &run->outcome, plan_locale_of(&run->plan), code, detail);
	Planner__Warning *warnings;

	if (count < 0)
		return false;
	warnings = arena_calloc(arena, (size_t)count + 1, sizeof *warnings);
	reply->warnings = arena_calloc(arena, (size_t)count + 1, sizeof *reply->warnings);
	if (warnings == NULL || reply->warnings == NULL)
		return false;
	for (int i = 0; i < count; i++) {
		planner__warning__init(&warnings[i]);
		warnings[i].code = (char *)(uintptr_t)code[i];
		warnings[i].detail = (char *)(uintptr_t)detail[i];
		reply->warnings[reply->n_warnings++] = &warnings[i];
	}
	return true;
}

enum status
planner_replan(struct call *call, const void *message, void *out)
{
	Planner__ReplanResult *reply = out;
	struct replan_run run = {.call = call, .request = message, .today = planner_today(call)};
	Planner__Plan *plan = arena_alloc(task_arena(), sizeof *plan);
	enum status status = db_transact(planner_of(call)->db, replan_tx, &run);

	if (status != STATUS_OK)
		return status;
	qsort(run.items, run.count, sizeof run.items[0], replan_compare_items);
	if (plan == NULL || !plan_message(&run.plan, run.items, run.count, run.today, plan) ||
	    !replan_add_warnings(&run, reply))
		return STATUS_OVERLOADED;
	reply->plan = plan;
	reply->has_moved = true;
	reply->moved = (uint32_t)run.outcome.moved;
	return STATUS_OK;
}

/* --- calendar ------------------------------------------------------------------------------------
 */

static void
calendar_free_buf(void *arg)
{
	buf_fini(arg);
}

enum status
planner_get_calendar(struct call *call, const void *message, void *out)
{
	const Planner__GetPlanRequest *request = message;
	Planner__Calendar *reply = out;
	struct arena *arena = task_arena();
	struct db *db = planner_of(call)->db;
	struct planner_plan plan;
	struct planner_item *items;
	struct ical_event *events;
	struct buf *text = arena_alloc(arena, sizeof *text);
	size_t count;
	enum status status = planner_store_get(db, call_user(call), request->id, false, &plan);

	if (status == STATUS_OK)
		status = planner_store_items(db, plan.id, &items, &count);
	if (status != STATUS_OK)
		return status;
	events = arena_calloc(arena, count + 1, sizeof *events);
	if (events == NULL || text == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++)
		events[i] = (struct ical_event){.id = items[i].id,
		                                .day = items[i].day,
		                                .title = items[i].title,
		                                .minutes = (int)items[i].minutes,
		                                .kind = (enum plan_kind)items[i].kind,
		                                .done = items[i].done_ms != 0,
		                                .sequence = (int)items[i].version - 1,
		                                .changed_us = items[i].changed_ms * 1000};
	buf_init(text, CALENDAR_LIMIT);
	if (arena_adopt(arena, text, calendar_free_buf) != 0)
		return STATUS_OVERLOADED;
	ical_write(text, &(struct ical_calendar){.name = plan.head->goal,
	                                         .locale = plan_locale_of(&plan),
	                                         .events = events,
	                                         .event_count = count});
	if (buf_failed(text))
		return STATUS_OVERLOADED;
	call_set_header(call, "etag", "\"%u\"", plan.version);
	reply->has_data = true;
	reply->data = (ProtobufCBinaryData){text->length, (uint8_t *)text->bytes};
	return STATUS_OK;
}
