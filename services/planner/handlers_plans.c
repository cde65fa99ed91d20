/* SPDX-License-Identifier: MIT
 * Plans: listed, read, renamed, removed; and the start of the service. */
#include "services/planner/planner.h"

#include "common/ai/settings.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/service/idempotency.h"
#include "common/service/outbox.h"
#include "common/service/periodic.h"
#include "common/service/service.h"
#include "common/task/task.h"
#include "services/planner/ai/plan_ai.h"
#include "services/planner/jobs/jobs.h"
#include "services/planner/plan.h"
#include "services/planner/store.h"

#include <stdlib.h>
#include <string.h>

#define PLANS_DEFAULT_LIMIT 20
#define PLANS_LIST          "planner.ListPlans"
#define PLANNER_PURGE_MS    60000

struct planner_settings planner_settings;

static enum status
planner_ask_ai(void *arg, const struct plan_ask *ask, const struct plan_ai_sink *sink,
               struct plan_ai_result *result)
{
	return plan_ai_make(arg, ask, sink, result);
}

/* Who makes plans. Without a provider that has a key, the built-in planner alone. */
static enum status
planner_start_ai(struct planner *planner, struct jobs_options *jobs)
{
	char error[256];

	planner->ai = plan_ai_new(&ai_settings, planner_settings.prompts_dir, error, sizeof error);
	if (planner->ai == NULL) {
		LOG_ERROR("cannot ask AI providers", LOG_TEXT("error", error));
		return STATUS_INTERNAL;
	}
	planner->by_ai = (struct job_planner){planner_ask_ai, planner->ai};
	if (plan_ai_providers(planner->ai) > 0)
		jobs->planner = &planner->by_ai;
	jobs->builtin = plan_ai_builtin(planner->ai);
	return STATUS_OK;
}

enum status
planner_check(struct service *service)
{
	struct jobs_options jobs = {0};
	struct planner planner = {0};
	enum status status = planner_start_ai(&planner, &jobs);

	(void)service;
	if (status == STATUS_OK)
		plan_ai_free(&planner.ai);
	return status;
}

enum status
planner_start(struct service *service)
{
	static const char *const actors[] = {"history", NULL};
	struct planner *planner = calloc(1, sizeof *planner);
	struct jobs_options jobs = {.db = service_db(service),
	                            .connections = service_connections(service),
	                            .boot_id = service_boot_id(service),
	                            .peers = service_rpc(service, "planner")};
	const struct periodic_options purge = {.name = "holds",
	                                       .fn = planner_purge_holds,
	                                       .arg = planner,
	                                       .first_ms = PLANNER_PURGE_MS};
	enum status status;

	if (planner == NULL)
		return STATUS_OVERLOADED;
	jobs.workers = service_workers(service, &jobs.worker_count);
	planner->db = service_db(service);
	planner->outbox = outbox_start(service, actors);
	if (planner->outbox == NULL) {
		free(planner);
		return STATUS_OVERLOADED;
	}
	jobs.outbox = planner->outbox;
	status = planner_start_ai(planner, &jobs);
	if (status != STATUS_OK) {
		free(planner);
		return status;
	}
	planner->jobs = jobs_start(service, &jobs);
	if (planner->jobs == NULL) {
		free(planner);
		return STATUS_OVERLOADED;
	}
	service_set_state(service, planner);
	if (periodic_start(service, &purge) == NULL)
		return STATUS_OVERLOADED;
	return idempotency_start(service);
}

void
planner_stop(struct service *service)
{
	struct planner *planner = service_state(service);

	jobs_stop(planner->jobs);
	plan_ai_free(&planner->ai);
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

uint32_t
planner_daily_plans(void)
{
	int64_t limit = planner_settings.user_daily_plans;

	return limit > 0 ? (uint32_t)limit : UINT32_MAX;
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
