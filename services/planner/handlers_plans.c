/* SPDX-License-Identifier: MIT
 * Plans: made, listed, read, renamed, removed. */
#include "services/planner/planner.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/service/idempotency.h"
#include "common/service/outbox.h"
#include "common/service/service.h"
#include "common/task/task.h"
#include "services/planner/draft.h"
#include "services/planner/plan.h"
#include "services/planner/store.h"

#include <stdlib.h>
#include <string.h>

#define PLANS_DEFAULT_LIMIT 20
#define PLANS_LIST          "planner.ListPlans"
#define PLANS_CREATE        "CreatePlan"
#define DAY_S               86400

struct planner_settings planner_settings;

enum status
planner_start(struct service *service)
{
	static const char *const actors[] = {"history", NULL};
	struct planner *planner = calloc(1, sizeof *planner);

	if (planner == NULL)
		return STATUS_OVERLOADED;
	planner->db = service_db(service);
	planner->outbox = outbox_start(service, actors);
	if (planner->outbox == NULL) {
		free(planner);
		return STATUS_OVERLOADED;
	}
	service_set_state(service, planner);
	return idempotency_start(service);
}

struct planner *
planner_of(struct call *call)
{
	return service_state(call_service(call));
}

int64_t
planner_now_ms(void)
{
	return clock_wall_us() / 1000;
}

static const struct zone *
planner_zone(const struct call *call)
{
	const struct zone *zone = zone_find(call_time_zone(call));

	return zone != NULL ? zone : zone_find("UTC");
}

int32_t
planner_today(const struct call *call)
{
	return zone_day(planner_zone(call), clock_wall_us());
}

/* --- making --------------------------------------------------------------------------------------
 */

struct plan_creation {
	struct call *call;
	struct draft draft;
	int32_t today;
	struct idempotency key;
	const void *answer;
	size_t length;
	bool granted;
	uint32_t used;
};

static enum status
plan_pack_answer(struct plan_creation *creation)
{
	struct draft *draft = &creation->draft;
	Planner__PlanAnswer message = PLANNER__PLAN_ANSWER__INIT;
	Planner__Plan plan;
	uint8_t *bytes;

	if (!plan_message(&draft->plan, draft->items, draft->item_count, creation->today, &plan))
		return STATUS_OVERLOADED;
	message.plan = &plan;
	creation->length = planner__plan_answer__get_packed_size(&message);
	bytes = arena_alloc(task_arena(), creation->length + 1);
	if (bytes == NULL)
		return STATUS_OVERLOADED;
	planner__plan_answer__pack(&message, bytes);
	creation->answer = bytes;
	return STATUS_OK;
}

static uint32_t
plan_daily_limit(void)
{
	int64_t limit = planner_settings.user_daily_plans;

	return limit > 0 ? (uint32_t)limit : UINT32_MAX;
}

static uint32_t
plan_seconds_to_midnight(const struct call *call)
{
	int64_t end = zone_day_start(planner_zone(call), planner_today(call) + 1);

	return (uint32_t)((end - clock_wall_us()) / 1000000 + 1);
}

/* IETF draft-ietf-httpapi-ratelimit-headers. */
static void
plan_set_rate_limit(struct call *call, uint32_t used)
{
	uint32_t limit = plan_daily_limit();

	if (limit == UINT32_MAX)
		return;
	call_set_header(call, "ratelimit-policy", "\"plans\";q=%u;w=%d", limit, DAY_S);
	call_set_header(call, "ratelimit", "\"plans\";r=%u;t=%u", used < limit ? limit - used : 0,
	                plan_seconds_to_midnight(call));
}

static enum status
plan_create_tx(struct db *tx, void *arg)
{
	struct plan_creation *creation = arg;
	struct call *call = creation->call;
	struct draft *draft = &creation->draft;
	const char *user = call_user(call);
	bool erased = false;
	enum status status;

	status = planner_store_take_plan(tx, user, creation->today, plan_daily_limit(),
	                                 &creation->granted, &creation->used);
	if (status == STATUS_OK && !creation->granted)
		return STATUS_QUOTA_EXCEEDED;
	if (status == STATUS_OK)
		status = planner_store_insert(tx, user, &draft->plan);
	if (status == STATUS_OK)
		status = planner_store_put_items(tx, user, draft->items, draft->item_count);
	if (status == STATUS_OK)
		status = plan_record_created(tx, user, &draft->plan);
	if (status == STATUS_OK)
		status = planner_store_is_erased(tx, user, &erased);
	if (status == STATUS_OK && erased)
		return STATUS_UNAUTHENTICATED;
	if (status == STATUS_OK)
		status = idempotency_end(call, tx, PLANS_CREATE, &creation->key, status,
		                         creation->answer, creation->length);
	return status;
}

/* The first request with this key has been answered: the same again, and what is left of today's
 * plans now. */
static enum status
plan_replay(struct call *call, const struct idempotency *key)
{
	Planner__PlanAnswer *first =
	    planner__plan_answer__unpack(arena_allocator(task_arena()), key->length, key->answer);
	uint32_t plans, tokens;
	enum status status = planner_store_quota(planner_of(call)->db, call_user(call),
	                                         planner_today(call), &plans, &tokens);

	if (status != STATUS_OK)
		return status;
	if (first == NULL || first->plan == NULL)
		return STATUS_INTERNAL;
	plan_set_rate_limit(call, plans);
	plan_set_first_etag(call, first->plan);
	call_set_header(call, "location", "/v1/plans/%s", first->plan->id);
	call_set_outcome(call, OUTCOME_CREATED);
	call_reply_packed(call, key->answer, key->length);
	return STATUS_OK;
}

static enum status
plan_create(struct plan_creation *creation, const Planner__CreatePlanRequest *request)
{
	struct call *call = creation->call;
	enum status status = draft_make(call, request, &creation->draft);

	if (status == STATUS_OK)
		status = plan_pack_answer(creation);
	if (status == STATUS_OK)
		status = db_transact(planner_of(call)->db, plan_create_tx, creation);
	if (status == STATUS_QUOTA_EXCEEDED) {
		plan_set_rate_limit(call, creation->used);
		call_set_retry_after(call, plan_seconds_to_midnight(call));
		return call_fail(call, status, "the plans of this day are spent");
	}
	return status;
}

enum status
planner_create_plan(struct call *call, const void *message, void *reply)
{
	struct planner *planner = planner_of(call);
	struct plan_creation creation = {.call = call, .today = planner_today(call)};
	enum status status = idempotency_begin(call, planner->db, PLANS_CREATE, &creation.key);

	(void)reply;
	if (status != STATUS_OK)
		return status;
	if (creation.key.found)
		return plan_replay(call, &creation.key);
	status = plan_create(&creation, message);
	if (status != STATUS_OK)
		return idempotency_end(call, planner->db, PLANS_CREATE, &creation.key, status, NULL,
		                       0);
	outbox_nudge(planner->outbox);
	plan_set_rate_limit(call, creation.used);
	plan_set_etag(call, 1, &creation.draft.plan, creation.today);
	call_set_header(call, "location", "/v1/plans/%s", creation.draft.plan.id);
	call_set_outcome(call, OUTCOME_CREATED);
	call_reply_packed(call, creation.answer, creation.length);
	return STATUS_OK;
}

/* --- reading -------------------------------------------------------------------------------------
 */

enum status
planner_list_plans(struct call *call, const void *message, void *out)
{
	const Planner__ListPlansRequest *request = message;
	Planner__PlanPage *reply = out;
	struct arena *arena = task_arena();
	size_t limit = request->has_limit ? request->limit : PLANS_DEFAULT_LIMIT, count;
	int32_t today = planner_today(call);
	struct db *db = planner_of(call)->db;
	struct planner_plan *plans;
	Planner__PlanSummary *summaries;
	struct cursor cursor;
	enum status status;

	if (request->cursor != NULL &&
	    !cursor_parse(request->cursor, PLANS_LIST, call_user(call), &cursor))
		return call_invalid(call, "/cursor", "is not a cursor of this list");
	status = planner_store_list(db, call_user(call), request->cursor != NULL ? &cursor : NULL,
	                            limit + 1, &plans, &count);
	if (status != STATUS_OK)
		return status;
	summaries = arena_calloc(arena, limit + 1, sizeof *summaries);
	reply->items = arena_calloc(arena, limit + 1, sizeof *reply->items);
	if (summaries == NULL || reply->items == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count && i < limit; i++) {
		struct planner_counts counts;

		status = planner_store_counts(db, plans[i].id, today, &counts);
		if (status != STATUS_OK)
			return status;
		if (!plan_summary(&plans[i], &counts, today, &summaries[i]))
			return STATUS_OVERLOADED;
		reply->items[reply->n_items++] = &summaries[i];
	}
	if (count > limit) {
		struct cursor last = {.key = plans[limit - 1].created_ms};

		strncpy(last.id, plans[limit - 1].id, sizeof last.id - 1);
		reply->next_cursor = arena_alloc(arena, CURSOR_TEXT_SIZE);
		if (reply->next_cursor == NULL)
			return STATUS_OVERLOADED;
		cursor_format(&last, PLANS_LIST, call_user(call), reply->next_cursor);
	}
	return STATUS_OK;
}

/* Answers with the plan as it is now. */
static enum status
plan_answer(struct call *call, const struct planner_plan *plan, Planner__Plan *reply)
{
	int32_t today = planner_today(call);
	struct planner_item *items;
	size_t count;
	enum status status = planner_store_items(planner_of(call)->db, plan->id, &items, &count);

	if (status != STATUS_OK)
		return status;
	plan_set_etag(call, plan->version, plan, today);
	return plan_message(plan, items, count, today, reply) ? STATUS_OK : STATUS_OVERLOADED;
}

enum status
planner_get_plan(struct call *call, const void *message, void *reply)
{
	const Planner__GetPlanRequest *request = message;
	struct planner_plan plan;
	enum status status =
	    planner_store_get(planner_of(call)->db, call_user(call), request->id, false, &plan);

	return status == STATUS_OK ? plan_answer(call, &plan, reply) : status;
}

/* --- changing ------------------------------------------------------------------------------------
 */

struct plan_change {
	struct call *call;
	const void *request;
	struct planner_plan plan;
};

static enum status
plan_update_tx(struct db *tx, void *arg)
{
	struct plan_change *change = arg;
	const Planner__UpdatePlanRequest *request = change->request;
	enum status status =
	    planner_store_get(tx, call_user(change->call), request->id, true, &change->plan);

	if (status == STATUS_OK)
		status = plan_check_match(change->call, change->plan.version);
	if (status != STATUS_OK)
		return status;
	if (request->goal != NULL)
		change->plan.head->goal = request->goal;
	if (request->subject != NULL)
		change->plan.head->subject = *request->subject != '\0' ? request->subject : NULL;
	for (size_t i = 0; i < request->n_cleared; i++)
		if (strcmp(request->cleared[i], "subject") == 0)
			change->plan.head->subject = NULL;
	return planner_store_put(tx, &change->plan);
}

enum status
planner_update_plan(struct call *call, const void *message, void *reply)
{
	struct plan_change change = {.call = call, .request = message};
	enum status status = db_transact(planner_of(call)->db, plan_update_tx, &change);

	return status == STATUS_OK ? plan_answer(call, &change.plan, reply) : status;
}

static enum status
plan_delete_tx(struct db *tx, void *arg)
{
	struct plan_change *change = arg;
	const Planner__DeletePlanRequest *request = change->request;
	enum status status =
	    planner_store_get(tx, call_user(change->call), request->id, true, &change->plan);

	if (status == STATUS_OK)
		status = plan_check_match(change->call, change->plan.version);
	return status == STATUS_OK ? planner_store_delete(tx, change->plan.id) : status;
}

enum status
planner_delete_plan(struct call *call, const void *message, void *reply)
{
	struct plan_change change = {.call = call, .request = message};
	enum status status = db_transact(planner_of(call)->db, plan_delete_tx, &change);

	(void)reply;
	if (status == STATUS_OK)
		call_set_outcome(call, OUTCOME_NO_CONTENT);
	return status;
}
