/* SPDX-License-Identifier: MIT
 * Plans: listed, read, renamed, removed; and the start of the service. */
#include "services/planner/planner.h"

#include "common/ai/settings.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/db_batch.h"
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
#define PLANS_STEP          25        /* rows read at a time; the greatest have 170 KB */
#define PLANS_PAGE_BYTES    (1 << 20) /* beyond which a page ends early */
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
	planner->reserves = planner_reserve_batch(planner->db);
	planner->settles = planner_settle_batch(planner->db);
	planner->outbox = outbox_start(service, actors);
	if (planner->reserves == NULL || planner->settles == NULL || planner->outbox == NULL) {
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
	db_batch_free(&planner->reserves);
	db_batch_free(&planner->settles);
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

/* A page in the making. */
struct plans_page {
	struct call *call;
	Planner__PlanPage *reply;
	size_t limit, bytes;
	struct cursor last; /* what was taken last */
	bool more;          /* something follows what was taken */
};

static enum status
plans_page_take(struct plans_page *page, const struct planner_plan *plan)
{
	int32_t today = planner_today(page->call);
	Planner__PlanSummary *summary = arena_calloc(task_arena(), 1, sizeof *summary);
	struct planner_counts counts;
	enum status status =
	    planner_store_counts(planner_of(page->call)->db, plan->id, today, &counts);

	if (status != STATUS_OK)
		return status;
	if (summary == NULL || !plan_summary(plan, &counts, today, summary))
		return STATUS_OVERLOADED;
	page->reply->items[page->reply->n_items++] = summary;
	page->bytes += protobuf_c_message_get_packed_size(&summary->base);
	page->last = (struct cursor){.key = plan->created_ms};
	strncpy(page->last.id, plan->id, sizeof page->last.id - 1);
	return STATUS_OK;
}

/* Takes plans beyond `after`, in steps whose rows are small enough, until the page is full. */
static enum status
plans_page_fill(struct plans_page *page, const struct cursor *after)
{
	struct planner_plan *plans;
	size_t count = 0, step;
	enum status status;

	do {
		step = page->limit + 1 - page->reply->n_items;
		if (step > PLANS_STEP)
			step = PLANS_STEP;
		status = planner_store_list(planner_of(page->call)->db, call_user(page->call),
		                            after, step, &plans, &count);
		for (size_t i = 0; i < count && status == STATUS_OK && !page->more; i++) {
			page->more =
			    page->reply->n_items == page->limit || page->bytes > PLANS_PAGE_BYTES;
			if (!page->more)
				status = plans_page_take(page, &plans[i]);
		}
		after = &page->last;
	} while (status == STATUS_OK && count == step && !page->more);
	return status;
}

enum status
planner_list_plans(struct call *call, const void *message, void *out)
{
	const Planner__ListPlansRequest *request = message;
	struct plans_page page = {.call = call,
	                          .reply = out,
	                          .limit =
	                              request->has_limit ? request->limit : PLANS_DEFAULT_LIMIT};
	struct cursor cursor;
	enum status status;

	if (request->cursor != NULL &&
	    !cursor_parse(request->cursor, PLANS_LIST, call_user(call), &cursor))
		return call_invalid(call, "/cursor", "is not a cursor of this list");
	page.reply->items = arena_calloc(task_arena(), page.limit + 1, sizeof *page.reply->items);
	if (page.reply->items == NULL)
		return STATUS_OVERLOADED;
	status = plans_page_fill(&page, request->cursor != NULL ? &cursor : NULL);
	if (status != STATUS_OK || !page.more)
		return status;
	page.reply->next_cursor = arena_alloc(task_arena(), CURSOR_TEXT_SIZE);
	if (page.reply->next_cursor == NULL)
		return STATUS_OVERLOADED;
	cursor_format(&page.last, PLANS_LIST, call_user(call), page.reply->next_cursor);
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

static bool
plan_same_text(const char *one, const char *other)
{
	return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

/* What changes nothing makes no new version. */
static enum status
plan_update_tx(struct db *tx, void *arg)
{
	struct plan_change *change = arg;
	const Planner__UpdatePlanRequest *request = change->request;
	enum status status =
	    planner_store_get(tx, call_user(change->call), request->id, true, &change->plan);

	Planner__Plan *head;
	char *goal, *subject;

	if (status == STATUS_OK)
		status = plan_check_match(change->call, change->plan.version);
	if (status != STATUS_OK)
		return status;
	head = change->plan.head;
	goal = head->goal;
	subject = head->subject;
	if (request->goal != NULL)
		goal = request->goal;
	if (request->subject != NULL)
		subject = *request->subject != '\0' ? request->subject : NULL;
	for (size_t i = 0; i < request->n_cleared; i++)
		if (strcmp(request->cleared[i], "subject") == 0)
			subject = NULL;
	if (plan_same_text(goal, head->goal) && plan_same_text(subject, head->subject))
		return STATUS_OK;
	head->goal = goal;
	head->subject = subject;
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
