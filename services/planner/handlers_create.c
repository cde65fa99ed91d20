/* SPDX-License-Identifier: MIT
 * CreatePlan: makes a job, and waits for it as long as the caller likes to (RFC 7240). */
#include "services/planner/planner.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/io/http_prefer.h"
#include "common/service/call.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_admit.h"
#include "services/planner/jobs/job_cancel.h"
#include "services/planner/jobs/job_follow.h"
#include "services/planner/jobs/job_message.h"
#include "services/planner/jobs/job_wait.h"
#include "services/planner/plan.h"
#include "services/planner/quota.h"

#include <string.h>

#define WAIT_LEFT_MS 2000 /* before the call's own deadline, to answer with the job */
#define DAY_S        86400

/* --- what is preferred -------------------------------------------------------------------------
 */

struct preference {
	uint32_t wait_s;
	bool detached; /* the work goes on when the caller has gone */
};

static struct preference
create_preference(struct call *call)
{
	struct http_prefer prefer;
	char applied[HTTP_PREFER_SIZE];

	http_prefer_parse(call_header(call, "prefer"), &prefer);
	http_prefer_format(&prefer, applied);
	if (applied[0] != '\0')
		call_set_header(call, "preference-applied", "%s", applied);
	return (struct preference){
	    .wait_s = http_prefer_wait_s(&prefer),
	    .detached = prefer.respond_async || call_idempotency_key(call) != NULL,
	};
}

/* IETF draft-ietf-httpapi-ratelimit-headers. */
static void
create_set_rate_limit(struct call *call, uint32_t used)
{
	uint32_t limit = planner_daily_plans();

	if (limit == UINT32_MAX)
		return;
	call_set_header(call, "ratelimit-policy", "\"plans\";q=%u;w=%d", limit, DAY_S);
	call_set_header(call, "ratelimit", "\"plans\";r=%u;t=%u", used < limit ? limit - used : 0,
	                quota_seconds_left(call_time_zone(call)));
}

static enum status
create_rate_limit(struct call *call, const struct job_admission *admission)
{
	uint32_t plans = admission->used, tokens;
	enum status status = STATUS_OK;

	if (!admission->has_used && planner_daily_plans() != UINT32_MAX)
		status = planner_store_quota(planner_of(call)->db, call_user(call),
		                             planner_today(call), &plans, &tokens);
	if (status == STATUS_OK)
		create_set_rate_limit(call, plans);
	return status;
}

/* --- answering ---------------------------------------------------------------------------------
 */

static enum status
create_answer_plan(struct call *call, const char *id, const void *answer, size_t length,
                   int32_t days_left)
{
	Planner__Plan plan = PLANNER__PLAN__INIT;

	plan.days_left = days_left;
	plan_set_first_etag(call, &plan);
	call_set_header(call, "location", "/v1/plans/%s", id);
	call_set_outcome(call, OUTCOME_CREATED);
	call_reply_packed(call, answer, length);
	return STATUS_OK;
}

/* What an earlier request with the same key was answered. */
static enum status
create_answer_again(struct call *call, const struct job_admission *admission)
{
	Planner__PlanAnswer *first = planner__plan_answer__unpack(
	    arena_allocator(task_arena()), admission->length, admission->answer);

	if (first == NULL || first->plan == NULL)
		return STATUS_INTERNAL;
	return create_answer_plan(call, admission->id, admission->answer, admission->length,
	                          first->plan->days_left);
}

/* A plan that another replica made. */
static enum status
create_answer_stored(struct call *call, const char *id, Planner__PlanAnswer *reply)
{
	struct db *db = planner_of(call)->db;
	struct planner_plan plan;
	struct planner_item *items;
	size_t count;
	enum status status = planner_store_get(db, call_user(call), id, false, &plan);

	if (status == STATUS_OK)
		status = planner_store_items(db, id, &items, &count);
	if (status != STATUS_OK)
		return status;
	reply->plan = arena_alloc(task_arena(), sizeof *reply->plan);
	if (reply->plan == NULL ||
	    !plan_message(&plan, items, count, planner_today(call), reply->plan))
		return STATUS_OVERLOADED;
	plan_set_etag(call, plan.version, &plan, planner_today(call));
	call_set_header(call, "location", "/v1/plans/%s", id);
	call_set_outcome(call, OUTCOME_CREATED);
	return STATUS_OK;
}

static enum status
create_answer_job(struct call *call, const char *id, Planner__PlanAnswer *reply)
{
	struct planner *planner = planner_of(call);
	struct job_row row;
	enum status status = job_store_get(planner->db, call_user(call), id, false, &row);

	if (status != STATUS_OK)
		return status;
	reply->job = arena_alloc(task_arena(), sizeof *reply->job);
	if (reply->job == NULL)
		return STATUS_OVERLOADED;
	call_set_header(call, "location", "/v1/jobs/%s", id);
	call_set_outcome(call, OUTCOME_ACCEPTED);
	return job_message(planner->jobs, &row, reply->job);
}

static enum status
create_answer_end(struct call *call, const char *id, const struct job_end *end,
                  Planner__PlanAnswer *reply)
{
	enum status failure = end->failure;

	call_add_ai_time(call, (uint64_t)end->ai_ms * 1000);
	if (end->status == JOB_CANCELLED)
		return call_fail(call, STATUS_CONFLICT, "the job was cancelled");
	if (end->status == JOB_FAILED) {
		/* The job's time ran out, not the caller's: nobody here has to wait longer. */
		if (end->failure == STATUS_DEADLINE)
			failure = STATUS_PROVIDERS_FAILED;
		if (end->failure == STATUS_QUOTA_EXCEEDED)
			call_set_retry_after(call, quota_seconds_left(call_time_zone(call)));
		if (end->detail == NULL)
			return call_fail(call, failure, NULL);
		return call_fail(call, failure, "%s", end->detail);
	}
	if (end->answer == NULL)
		return create_answer_stored(call, id, reply);
	return create_answer_plan(call, id, end->answer, end->length, end->days_left);
}

/* --- the handler -------------------------------------------------------------------------------
 */

static uint64_t
create_wait_until(const struct preference *preference)
{
	uint64_t until = clock_ms() + (uint64_t)preference->wait_s * 1000;

	if (task_deadline() != UINT64_MAX && until + WAIT_LEFT_MS > task_deadline())
		until = task_deadline() > WAIT_LEFT_MS ? task_deadline() - WAIT_LEFT_MS : 0;
	return until;
}

static enum status
create_wait(struct call *call, const struct preference *preference,
            const struct job_admission *admission, Planner__PlanAnswer *reply)
{
	struct planner *planner = planner_of(call);
	struct job_end end = {0};
	enum status status = STATUS_OK;

	call_park(call);
	if (preference->wait_s > 0)
		status = job_wait(planner->jobs, call_user(call), admission->id,
		                  create_wait_until(preference), &end);
	if (status == STATUS_CANCELLED && !preference->detached)
		job_cancel_soon(planner->jobs, call_user(call), admission->id);
	if (status != STATUS_OK)
		return status;
	if (end.ended)
		return create_answer_end(call, admission->id, &end, reply);
	return create_answer_job(call, admission->id, reply);
}

static bool
create_is_stream(struct call *call)
{
	const char *accept = call_header(call, "accept");

	return accept != NULL && strcmp(accept, "text/event-stream") == 0;
}

static enum status
create_stream(struct call *call, const struct preference *preference,
              const struct job_admission *admission)
{
	struct planner *planner = planner_of(call);
	const struct job_follow_options options = {.user = call_user(call), .id = admission->id};
	bool nothing;
	enum status status;

	call_set_header(call, "location", "/v1/jobs/%s", admission->id);
	status = job_follow(call, planner->jobs, &options, &nothing);
	if (status == STATUS_CANCELLED && !preference->detached)
		job_cancel_soon(planner->jobs, call_user(call), admission->id);
	return status;
}

enum status
planner_create_plan(struct call *call, const void *message, void *reply)
{
	struct planner *planner = planner_of(call);
	struct preference preference = create_preference(call);
	struct job_admission admission;
	enum status status =
	    job_admit(call, planner->jobs, message,
	              preference.wait_s > 0 ? JOB_WAITED_FOR : JOB_BACKGROUND, &admission);

	/* A commit of which nobody heard may have made a job all the same; but nobody was promised
	 * one. */
	if (!preference.detached && (status == STATUS_CANCELLED || status == STATUS_DEADLINE ||
	                             status == STATUS_DEPENDENCY_DOWN))
		job_cancel_soon(planner->jobs, call_user(call), admission.id);
	if (status == STATUS_QUOTA_EXCEEDED && admission.has_used) {
		create_set_rate_limit(call, admission.used);
		call_set_retry_after(call, quota_seconds_left(call_time_zone(call)));
		return call_fail(call, status, "the plans of this day are spent");
	}
	if (status == STATUS_OK)
		status = create_rate_limit(call, &admission);
	if (status != STATUS_OK)
		return status;
	if (create_is_stream(call))
		return create_stream(call, &preference, &admission);
	if (admission.answer != NULL)
		return create_answer_again(call, &admission);
	return create_wait(call, &preference, &admission, reply);
}
