/* SPDX-License-Identifier: MIT
 * The quota, and what the other services ask of the planner. */
#include "services/planner/planner.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/service/idempotency.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_store.h"
#include "services/planner/jobs/jobs.h"
#include "services/planner/plan.h"
#include "services/planner/store.h"
#include "services/planner/store_holds.h"

#include <stdlib.h>
#include <string.h>

/* --- quota
 * ---------------------------------------------------------------------------------------- */

static void
quota_fill(Planner__Allowance *allowance, int64_t limit, uint32_t used)
{
	planner__allowance__init(allowance);
	allowance->has_limit = limit > 0;
	allowance->limit = limit > 0 ? (uint32_t)limit : 0;
	allowance->has_used = true;
	allowance->used = used;
}

enum status
planner_get_quota(struct call *call, const void *message, void *out)
{
	Planner__Quota *reply = out;
	struct arena *arena = task_arena();
	const struct zone *zone = zone_find(call_time_zone(call));
	int32_t today = planner_today(call);
	uint32_t plans, tokens;
	enum status status =
	    planner_store_quota(planner_of(call)->db, call_user(call), today, &plans, &tokens);

	(void)message;
	if (status != STATUS_OK)
		return status;
	reply->plans = arena_alloc(arena, sizeof *reply->plans);
	reply->tokens = arena_alloc(arena, sizeof *reply->tokens);
	reply->resets_at = arena_alloc(arena, INSTANT_TEXT_SIZE);
	if (reply->plans == NULL || reply->tokens == NULL || reply->resets_at == NULL)
		return STATUS_OVERLOADED;
	quota_fill(reply->plans, planner_settings.user_daily_plans, plans);
	quota_fill(reply->tokens, planner_settings.user_daily_tokens, tokens);
	instant_format(zone_day_start(zone != NULL ? zone : zone_find("UTC"), today + 1),
	               reply->resets_at);
	return STATUS_OK;
}

/* --- the tutor's context
 * --------------------------------------------------------------------------- */

#define CONTEXT_ITEMS 50 /* of each list: more than anybody wants to hear */

/* A list of `count` items as messages. */
static enum status
context_list(const struct planner_item *items, size_t count, Planner__Item ***list, size_t *listed)
{
	struct arena *arena = task_arena();
	Planner__Item *messages = arena_calloc(arena, count + 1, sizeof *messages);

	*listed = count;
	*list = arena_calloc(arena, count + 1, sizeof **list);
	if (messages == NULL || *list == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		if (!plan_item_message(&items[i], &messages[i]))
			return STATUS_OVERLOADED;
		(*list)[i] = &messages[i];
	}
	return STATUS_OK;
}

/* Today's are told of when done, too. */
static enum status
context_items(struct call *call, int32_t today, Planner__TutorContext *reply)
{
	struct planner_item *items;
	size_t count, late = 0, due = 0;
	enum status status = planner_store_items_around(planner_of(call)->db, call_user(call),
	                                                today, CONTEXT_ITEMS, &items, &count);

	if (status != STATUS_OK)
		return status;
	while (late < count && items[late].day < today)
		late++;
	while (late + due < count && items[late + due].day == today)
		due++;
	status = context_list(items, late, &reply->late, &reply->n_late);
	if (status == STATUS_OK)
		status = context_list(items + late, due, &reply->due, &reply->n_due);
	if (status == STATUS_OK)
		status = context_list(items + late + due, count - late - due, &reply->next,
		                      &reply->n_next);
	return status;
}

/* Goal, topics and exam of the latest plan that is not over. */
static enum status
context_plan(struct call *call, int32_t today, Planner__TutorContext *reply)
{
	struct planner_plan plan;
	enum status status =
	    planner_store_current(planner_of(call)->db, call_user(call), today, &plan);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	reply->goal = plan.head->goal;
	reply->topics = plan.head->topics;
	reply->n_topics = plan.head->n_topics;
	reply->exam_date = plan.head->exam_date;
	return STATUS_OK;
}

enum status
planner_get_tutor_context(struct call *call, const void *message, void *out)
{
	Planner__TutorContext *reply = out;
	int32_t today = planner_today(call);
	enum status status;

	(void)message;
	reply->today = plan_date(today);
	if (reply->today == NULL)
		return STATUS_OVERLOADED;
	status = context_items(call, today, reply);
	return status == STATUS_OK ? context_plan(call, today, reply) : status;
}

/* --- erasure
 * ---------------------------------------------------------------------------------------- */

struct planner_erasure {
	const char *user;
	bool more;
};

static enum status
planner_mark_erased_tx(struct db *tx, void *arg)
{
	struct planner_erasure *erasure = arg;

	return planner_store_mark_erased(tx, erasure->user, planner_now_ms());
}

static enum status
planner_erase_plan_tx(struct db *tx, void *arg)
{
	struct planner_erasure *erasure = arg;

	return planner_store_erase_plan(tx, erasure->user, &erasure->more);
}

static enum status
planner_erase_job_tx(struct db *tx, void *arg)
{
	struct planner_erasure *erasure = arg;

	return job_store_erase(tx, erasure->user, &erasure->more);
}

static enum status
planner_erase_rest_tx(struct db *tx, void *arg)
{
	struct planner_erasure *erasure = arg;
	enum status status = planner_store_erase_quota(tx, erasure->user);

	if (status == STATUS_OK)
		status = hold_store_erase(tx, erasure->user);
	return status == STATUS_OK ? idempotency_erase(tx, erasure->user) : status;
}

enum status
planner_erase(struct call *call, const void *message, void *reply)
{
	const Common__EraseRequest *request = message;
	struct db *db = planner_of(call)->db;
	struct planner_erasure erasure = {.user = request->user_id, .more = true};
	enum status status = db_transact(db, planner_mark_erased_tx, &erasure);

	(void)reply;
	while (status == STATUS_OK && erasure.more)
		status = db_transact(db, planner_erase_job_tx, &erasure);
	/* What still runs finds its row gone; its provider need not finish. */
	jobs_forget(planner_of(call)->jobs, request->user_id);
	erasure.more = true;
	while (status == STATUS_OK && erasure.more)
		status = db_transact(db, planner_erase_plan_tx, &erasure);
	return status == STATUS_OK ? db_transact(db, planner_erase_rest_tx, &erasure) : status;
}
