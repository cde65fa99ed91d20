/* SPDX-License-Identifier: MIT
 * Items: listed over all plans, shown, added, ticked, moved, removed. */
#include "services/planner/planner.h"

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/base/ids.h"
#include "common/io/db.h"
#include "common/service/outbox.h"
#include "common/task/task.h"
#include "services/planner/builtin/terms.h"
#include "services/planner/plan.h"
#include "services/planner/store.h"

#include <string.h>

#define ITEMS_DEFAULT_LIMIT 20
#define ITEMS_LIST          "planner.ListItems"

enum status
planner_list_items(struct call *call, const void *message, void *out)
{
	const Planner__ListItemsRequest *request = message;
	Planner__ItemPage *reply = out;
	struct arena *arena = task_arena();
	size_t limit = request->has_limit ? request->limit : ITEMS_DEFAULT_LIMIT, count;
	struct planner_item_filter filter = {.from_day = INT32_MIN,
	                                     .to_day = INT32_MAX,
	                                     .done = request->has_done ? request->done : -1};
	struct planner_item *items;
	Planner__Item *messages;
	struct cursor cursor;
	const char *list;
	enum status status;

	if (request->from != NULL && !date_parse(request->from, &filter.from_day))
		return call_invalid(call, "/from", "is not a date");
	if (request->to != NULL && !date_parse(request->to, &filter.to_day))
		return call_invalid(call, "/to", "is not a date");
	if (filter.to_day < filter.from_day)
		return call_invalid(call, "/to", "is before `from`");
	list = arena_printf(arena, ITEMS_LIST "?from=%d&to=%d&done=%d", filter.from_day,
	                    filter.to_day, filter.done);
	if (list == NULL)
		return STATUS_OVERLOADED;
	if (request->cursor != NULL &&
	    !cursor_parse(request->cursor, list, call_user(call), &cursor))
		return call_invalid(call, "/cursor",
		                    "is not a cursor of this list with these filters");
	status = planner_store_find_items(planner_of(call)->db, call_user(call), &filter,
	                                  request->cursor != NULL ? &cursor : NULL, limit + 1,
	                                  &items, &count);
	if (status != STATUS_OK)
		return status;
	messages = arena_calloc(arena, limit + 1, sizeof *messages);
	reply->items = arena_calloc(arena, limit + 1, sizeof *reply->items);
	if (messages == NULL || reply->items == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count && i < limit; i++) {
		if (!plan_item_message(&items[i], &messages[i]))
			return STATUS_OVERLOADED;
		reply->items[reply->n_items++] = &messages[i];
	}
	if (count > limit) {
		struct cursor last = {.key = items[limit - 1].day};

		strncpy(last.id, items[limit - 1].id, sizeof last.id - 1);
		reply->next_cursor = arena_alloc(arena, CURSOR_TEXT_SIZE);
		if (reply->next_cursor == NULL)
			return STATUS_OVERLOADED;
		cursor_format(&last, list, call_user(call), reply->next_cursor);
	}
	return STATUS_OK;
}

/* --- changing ------------------------------------------------------------------------------------
 */

struct item_change {
	struct call *call;
	const void *request;
	struct planner_plan plan;
	struct planner_item item;
	bool recorded; /* history hears of it */
};

/* An item may lie anywhere in the plan's span and the year from its start. */
static enum status
item_check_day(struct item_change *change, struct db *tx, int32_t day)
{
	const struct planner_plan *plan = &change->plan;
	size_t count;
	enum status status;

	if (day < plan->start_day || day - plan->start_day >= PLAN_MAX_DAYS)
		return call_invalid(change->call, "/date",
		                    "is not within %d days from the plan's start_date",
		                    PLAN_MAX_DAYS);
	status = planner_store_count_day(tx, plan->id, day, change->item.id, &count);
	if (status == STATUS_OK && count >= PLAN_MAX_ITEMS)
		return call_invalid(change->call, "/date", "has %d items already", PLAN_MAX_ITEMS);
	return status;
}

/* Stores the item, and the plan with its next version. */
static enum status
item_store(struct item_change *change, struct db *tx)
{
	const char *user = call_user(change->call);
	enum status status = planner_store_put_items(tx, user, &change->item, 1);

	if (status == STATUS_OK)
		status = planner_store_put(tx, &change->plan);
	if (status == STATUS_OK && change->recorded)
		status = plan_record_done(tx, user, &change->plan, &change->item);
	return status;
}

static enum status
item_add_tx(struct db *tx, void *arg)
{
	struct item_change *change = arg;
	const Planner__AddItemRequest *request = change->request;
	enum status status =
	    planner_store_get(tx, call_user(change->call), request->id, true, &change->plan);

	if (status != STATUS_OK)
		return status;
	change->item = (struct planner_item){.plan_id = change->plan.id,
	                                     .id = change->item.id,
	                                     .version = 1,
	                                     .title = request->title,
	                                     .minutes = request->minutes,
	                                     .kind = request->has_kind ? (int)request->kind : 0,
	                                     .changed_ms = planner_now_ms()};
	if (!date_parse(request->date, &change->item.day))
		return call_invalid(change->call, "/date", "is not a date");
	status = item_check_day(change, tx, change->item.day);
	return status == STATUS_OK ? item_store(change, tx) : status;
}

static enum status
item_answer(struct item_change *change, Planner__Item *reply)
{
	if (change->recorded)
		outbox_nudge(planner_of(change->call)->outbox, "history");
	plan_set_etag(change->call, change->item.version, NULL, 0);
	return plan_item_message(&change->item, reply) ? STATUS_OK : STATUS_OVERLOADED;
}

enum status
planner_add_item(struct call *call, const void *message, void *reply)
{
	struct item_change change = {.call = call, .request = message};
	char *id = arena_alloc(task_arena(), ID_SIZE);
	enum status status;

	if (id == NULL)
		return STATUS_OVERLOADED;
	ids_new(id);
	change.item.id = id;
	status = db_transact(planner_of(call)->db, item_add_tx, &change);
	if (status != STATUS_OK)
		return status;
	call_set_outcome(call, OUTCOME_CREATED);
	return item_answer(&change, reply);
}

/* The plan and its item, both of this user. */
static enum status
item_find(struct item_change *change, struct db *db, const char *plan, const char *item, bool lock)
{
	enum status status =
	    planner_store_get(db, call_user(change->call), plan, lock, &change->plan);

	return status == STATUS_OK ? planner_store_item(db, plan, item, &change->item) : status;
}

enum status
planner_get_item(struct call *call, const void *message, void *reply)
{
	const Planner__GetItemRequest *request = message;
	struct item_change change = {.call = call, .request = message};
	enum status status =
	    item_find(&change, planner_of(call)->db, request->id, request->item_id, false);

	return status == STATUS_OK ? item_answer(&change, reply) : status;
}

static enum status
item_lock(struct item_change *change, struct db *tx, const char *plan, const char *item)
{
	enum status status = item_find(change, tx, plan, item, true);

	if (status == STATUS_OK)
		status = plan_check_match(change->call, change->item.version);
	return status;
}

/* In what a learner may change. */
static bool
item_same(const struct planner_item *one, const struct planner_item *other)
{
	return one->day == other->day && one->minutes == other->minutes &&
	       one->done_ms == other->done_ms && strcmp(one->title, other->title) == 0;
}

/* What changes nothing makes no new version. */
static enum status
item_update_tx(struct db *tx, void *arg)
{
	struct item_change *change = arg;
	const Planner__UpdateItemRequest *request = change->request;
	struct planner_item *item = &change->item;
	enum status status = item_lock(change, tx, request->id, request->item_id);
	struct planner_item before;
	bool was_done;
	int32_t day;

	if (status != STATUS_OK)
		return status;
	before = *item;
	was_done = item->done_ms != 0;
	if (request->date != NULL) {
		if (!date_parse(request->date, &day))
			return call_invalid(change->call, "/date", "is not a date");
		status = day != item->day ? item_check_day(change, tx, day) : STATUS_OK;
		if (status != STATUS_OK)
			return status;
		item->day = day;
	}
	if (request->title != NULL)
		item->title = request->title;
	if (request->has_minutes)
		item->minutes = request->minutes;
	if (request->has_done && request->done != was_done)
		item->done_ms = request->done ? planner_now_ms() : 0;
	if (item_same(item, &before))
		return STATUS_OK;
	item->version++;
	item->changed_ms = planner_now_ms();
	change->recorded = was_done || item->done_ms != 0;
	return item_store(change, tx);
}

enum status
planner_update_item(struct call *call, const void *message, void *reply)
{
	struct item_change change = {.call = call, .request = message};
	enum status status = db_transact(planner_of(call)->db, item_update_tx, &change);

	return status == STATUS_OK ? item_answer(&change, reply) : status;
}

static enum status
item_delete_tx(struct db *tx, void *arg)
{
	struct item_change *change = arg;
	const Planner__DeleteItemRequest *request = change->request;
	enum status status = item_lock(change, tx, request->id, request->item_id);

	if (status == STATUS_OK)
		status = planner_store_delete_item(tx, change->plan.id, change->item.id);
	return status == STATUS_OK ? planner_store_put(tx, &change->plan) : status;
}

enum status
planner_delete_item(struct call *call, const void *message, void *reply)
{
	struct item_change change = {.call = call, .request = message};
	enum status status = db_transact(planner_of(call)->db, item_delete_tx, &change);

	(void)reply;
	if (status == STATUS_OK)
		call_set_outcome(call, OUTCOME_NO_CONTENT);
	return status;
}
