/* SPDX-License-Identifier: MIT
 * From rows to messages. */
#include "services/planner/plan.h"

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/service/call.h"
#include "common/service/outbox.h"
#include "common/task/task.h"

#include <stdlib.h>
#include <string.h>

char *
plan_date(int32_t day)
{
	char text[DATE_TEXT_SIZE];

	date_format(day, text);
	return arena_strdup(task_arena(), text);
}

static char *
plan_instant(int64_t ms)
{
	char text[INSTANT_TEXT_SIZE];

	instant_format(ms * 1000, text);
	return arena_strdup(task_arena(), text);
}

static char *
plan_text(const char *text)
{
	return (char *)(uintptr_t)text; /* messages are only read from here on */
}

bool
plan_item_message(const struct planner_item *item, Planner__Item *message)
{
	planner__item__init(message);
	message->id = plan_text(item->id);
	message->plan_id = plan_text(item->plan_id);
	message->date = plan_date(item->day);
	message->title = plan_text(item->title);
	message->has_minutes = true;
	message->minutes = item->minutes;
	message->has_kind = true;
	message->kind = (Planner__Item__Kind)item->kind;
	message->has_done = true;
	message->done = item->done_ms != 0;
	if (item->done_ms != 0) {
		message->done_at = plan_instant(item->done_ms);
		if (message->done_at == NULL)
			return false;
	}
	return message->date != NULL;
}

/* Days until the exam, or the end where there is none; 0 when that is past. */
static int32_t
plan_days_left(const struct planner_plan *plan, int32_t today)
{
	int32_t last = plan->has_exam ? plan->exam_day : plan->end_day;

	return last > today ? last - today : 0;
}

bool
plan_message(const struct planner_plan *plan, const struct planner_item *items, size_t count,
             int32_t today, Planner__Plan *message)
{
	struct arena *arena = task_arena();
	Planner__Item *messages = arena_calloc(arena, count + 1, sizeof *messages);

	*message = *plan->head;
	message->id = plan_text(plan->id);
	message->created_at = plan_instant(plan->created_ms);
	message->has_days_left = true;
	message->days_left = plan_days_left(plan, today);
	message->items = arena_calloc(arena, count + 1, sizeof *message->items);
	if (messages == NULL || message->items == NULL || message->created_at == NULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!plan_item_message(&items[i], &messages[i]))
			return false;
		message->items[i] = &messages[i];
	}
	message->n_items = count;
	return true;
}

bool
plan_summary(const struct planner_plan *plan, const struct planner_counts *counts, int32_t today,
             Planner__PlanSummary *message)
{
	const Planner__Plan *head = plan->head;

	planner__plan_summary__init(message);
	message->id = plan_text(plan->id);
	message->goal = head->goal;
	message->n_topics = head->n_topics;
	message->topics = head->topics;
	message->subject = head->subject;
	message->locale = head->locale;
	message->level = head->level;
	message->start_date = head->start_date;
	message->end_date = head->end_date;
	message->exam_date = head->exam_date;
	message->has_days_left = true;
	message->days_left = plan_days_left(plan, today);
	message->has_minutes_per_day = head->has_minutes_per_day;
	message->minutes_per_day = head->minutes_per_day;
	message->n_rest_days = head->n_rest_days;
	message->rest_days = head->rest_days;
	message->provider = head->provider;
	message->model = head->model;
	message->usage = head->usage;
	message->n_warnings = head->n_warnings;
	message->warnings = head->warnings;
	message->created_at = plan_instant(plan->created_ms);
	message->has_items_total = message->has_items_done = true;
	message->items_total = counts->items;
	message->items_done = counts->done;
	if (counts->has_next) {
		message->next_date = plan_date(counts->next_day);
		if (message->next_date == NULL)
			return false;
	}
	return message->created_at != NULL;
}

/* --- entity tags -------------------------------------------------------------------------------
 */

void
plan_set_etag(struct call *call, uint32_t version, const struct planner_plan *plan, int32_t today)
{
	if (plan != NULL)
		call_set_header(call, "etag", "\"%u.%d\"", version, plan_days_left(plan, today));
	else
		call_set_header(call, "etag", "\"%u\"", version);
}

void
plan_set_first_etag(struct call *call, const Planner__Plan *answer)
{
	call_set_header(call, "etag", "\"1.%d\"", answer->days_left);
}

enum status
plan_check_match(struct call *call, uint32_t version)
{
	const char *match = call_header(call, "if-match");

	if (match == NULL || strcmp(match, "*") == 0)
		return STATUS_OK;
	/* A list of tags (RFC 9110, 13.1.1); weak ones never match. */
	for (const char *at = strchr(match, '"'); at != NULL;) {
		bool weak = at - match >= 2 && strncmp(at - 2, "W/", 2) == 0;
		char *end;
		unsigned long number = strtoul(at + 1, &end, 10);

		if (!weak && end != at + 1 && number == version && (*end == '"' || *end == '.'))
			return STATUS_OK;
		at = strchr(at + 1, '"'); /* the closing one */
		at = at != NULL ? strchr(at + 1, '"') : NULL;
	}
	return call_fail(call, STATUS_PRECONDITION_FAILED,
	                 "it has been changed meanwhile: read it again");
}

/* --- history -------------------------------------------------------------------------------------
 */

static bool
plan_created_event(const char *user, const struct planner_plan *plan, Common__Event *event)
{
	common__event__init(event);
	event->id = arena_printf(task_arena(), "plan-%s", plan->id);
	event->has_version = true;
	event->version = 1;
	event->user_id = plan_text(user);
	event->has_type = true;
	event->type = COMMON__EVENT__TYPE__plan_created;
	event->at = plan_instant(plan->created_ms);
	event->subject = plan->head->subject;
	event->note = plan->head->goal;
	event->ref = plan_text(plan->id);
	return event->id != NULL && event->at != NULL;
}

enum status
plan_record_created(struct db *tx, const char *user, const struct planner_plan *plan)
{
	Common__Event event;

	if (!plan_created_event(user, plan, &event))
		return STATUS_OVERLOADED;
	return outbox_put_event(tx, &event);
}

enum status
plan_record_created_many(struct db *tx, const struct planner_new_plan *plans, size_t count)
{
	Common__Event *events = arena_calloc(task_arena(), count, sizeof *events);
	Common__Event **list = arena_calloc(task_arena(), count, sizeof *list);

	if (events == NULL || list == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		list[i] = &events[i];
		if (!plan_created_event(plans[i].user, plans[i].plan, list[i]))
			return STATUS_OVERLOADED;
	}
	return outbox_put_events(tx, list, count);
}

enum status
plan_record_done(struct db *tx, const char *user, const struct planner_plan *plan,
                 const struct planner_item *item)
{
	Common__Event event = COMMON__EVENT__INIT;

	event.id = arena_printf(task_arena(), "item-%s", item->id);
	event.has_version = true;
	event.version = item->version;
	event.user_id = plan_text(user);
	event.has_type = true;
	event.type = COMMON__EVENT__TYPE__item_done;
	event.at = plan_instant(item->done_ms != 0 ? item->done_ms : item->changed_ms);
	event.has_gone = true;
	event.gone = item->done_ms == 0;
	event.subject = plan->head->subject;
	event.has_minutes = true;
	event.minutes = item->minutes;
	event.note = plan_text(item->title);
	event.ref = plan_text(item->id);
	if (event.id == NULL || event.at == NULL)
		return STATUS_OVERLOADED;
	return outbox_put_event(tx, &event);
}
