/* SPDX-License-Identifier: MIT
 * One transaction makes a job: its key, its place among the day's plans, its row. With room it is
 * owned by this replica from its first moment on: no claim, no wake-up, one commit less. */
#include "services/planner/jobs/job_admit.h"

#include "common/base/arena.h"
#include "common/base/ids.h"
#include "common/io/db.h"
#include "common/io/db_batch.h"
#include "common/service/call.h"
#include "common/service/idempotency.h"
#include "common/service/service.h"
#include "common/task/task.h"
#include "services/planner/draft.h"
#include "services/planner/jobs/job_owner.h"
#include "services/planner/jobs/job_store_many.h"
#include "services/planner/jobs/jobs_private.h"
#include "services/planner/planner.h"
#include "services/planner/store_many.h"

#include <string.h>

#define ANSWER_SIZE 64 /* of a packed answer that holds a job's id */

struct admit {
	struct call *call;
	struct jobs *jobs;
	const Planner__CreatePlanRequest *request;
	struct job_admission *out;
	struct job_row row;
	struct job *job; /* with room for it; NULL: it will wait in the queue */
	int32_t today;
	enum status judgement;
	struct draft_flaw flaw;
	struct idempotency key;
};

static enum status
job_admit_pack(struct admit *admit)
{
	struct call *call = admit->call;
	Planner__JobRequest message = PLANNER__JOB_REQUEST__INIT;
	uint8_t *bytes;

	message.plan = (Planner__CreatePlanRequest *)(uintptr_t)admit->request;
	message.locale = (char *)(uintptr_t)call_locale(call);
	message.time_zone = (char *)(uintptr_t)call_time_zone(call);
	message.has_today = true;
	message.today = admit->today;
	message.traceparent = (char *)(uintptr_t)task_traceparent();
	admit->row.request_length = planner__job_request__get_packed_size(&message);
	bytes = arena_alloc(task_arena(), admit->row.request_length + 1);
	if (bytes == NULL)
		return STATUS_OVERLOADED;
	planner__job_request__pack(&message, bytes);
	admit->row.request = bytes;
	return STATUS_OK;
}

/* The key's answer until there is one: which job to wait for. Returns its length. */
static size_t
job_admit_pack_answer(const struct admit *admit, uint8_t bytes[ANSWER_SIZE])
{
	Planner__PlanAnswer answer = PLANNER__PLAN_ANSWER__INIT;
	Planner__Job job = PLANNER__JOB__INIT;

	job.id = (char *)(uintptr_t)admit->row.id;
	answer.job = &job;
	return planner__plan_answer__pack(&answer, bytes);
}

static enum status
job_admit_key(struct db *tx, const struct admit *admit)
{
	uint8_t bytes[ANSWER_SIZE];
	size_t length = job_admit_pack_answer(admit, bytes);

	return idempotency_store(admit->call, tx, PLANNER_CREATE_PLAN, bytes, length);
}

static enum status
job_admit_insert(struct db *tx, struct admit *admit)
{
	struct job_row *row = &admit->row;
	bool erased = false;
	enum status status = STATUS_OK;

	if (admit->job == NULL)
		status = job_store_round(tx, row->user, row->created_ms, &row->round);
	if (status == STATUS_OK)
		status = job_store_insert(tx, row);
	if (status == STATUS_OK)
		status = planner_store_is_erased(tx, row->user, &erased);
	return status == STATUS_OK && erased ? STATUS_UNAUTHENTICATED : status;
}

static enum status
job_admit_tx(struct db *tx, void *arg)
{
	struct admit *admit = arg;
	bool granted = false;
	enum status status;

	admit->out->has_used = false;
	status = idempotency_claim(admit->call, tx, PLANNER_CREATE_PLAN, &admit->key);

	if (status != STATUS_OK || admit->key.found)
		return status;
	if (admit->judgement != STATUS_OK)
		return admit->judgement;
	status = planner_store_take_plan(tx, admit->row.user, admit->today, planner_daily_plans(),
	                                 &granted, &admit->out->used);
	admit->out->has_used = status == STATUS_OK;
	if (status == STATUS_OK && !granted)
		return STATUS_QUOTA_EXCEEDED;
	if (status == STATUS_OK)
		status = job_admit_insert(tx, admit);
	if (status == STATUS_OK)
		status = job_admit_key(tx, admit);
	return status;
}

/* --- many at once, all of which have room --------------------------------------------------------
 */

/* The keys' answers until there are plans. */
static enum status
job_admit_keys(struct db *tx, void *const *units, size_t count)
{
	struct idempotency_first *firsts = arena_calloc(task_arena(), count, sizeof *firsts);

	if (firsts == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		const struct admit *admit = units[i];
		void *bytes = arena_alloc(task_arena(), ANSWER_SIZE);

		if (bytes == NULL)
			return STATUS_OVERLOADED;
		firsts[i] = (struct idempotency_first){admit->call, bytes,
		                                       job_admit_pack_answer(admit, bytes)};
	}
	return idempotency_store_many(tx, PLANNER_CREATE_PLAN, firsts, count);
}

static enum status
job_admit_plans(struct db *tx, void *const *units, size_t count)
{
	struct planner_take *takes = arena_calloc(task_arena(), count, sizeof *takes);
	enum status status;

	if (takes == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		const struct admit *admit = units[i];

		takes[i] = (struct planner_take){.user = admit->row.user, .day = admit->today};
	}
	status = planner_store_take_plans(tx, takes, count, planner_daily_plans());
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		const struct admit *admit = units[i];

		admit->out->used = takes[i].used;
		admit->out->has_used = planner_daily_plans() != UINT32_MAX;
	}
	return status;
}

static enum status
job_admit_many(struct db *tx, void *const *units, size_t count)
{
	const struct job_row **rows = arena_calloc(task_arena(), count, sizeof *rows);
	const char **users = arena_calloc(task_arena(), count, sizeof *users);
	enum status status;

	if (rows == NULL || users == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		const struct admit *admit = units[i];

		rows[i] = &admit->row;
		users[i] = admit->row.user;
	}
	status = job_admit_keys(tx, units, count);
	if (status == STATUS_OK)
		status = job_admit_plans(tx, units, count);
	if (status == STATUS_OK)
		status = job_store_insert_many(tx, rows, count);
	if (status == STATUS_OK)
		status = planner_store_none_erased(tx, users, count);
	return status;
}

struct db_batch *
job_admit_batch(struct db *db)
{
	return db_batch_new(db, "jobs-admit", job_admit_many, job_admit_tx);
}

/* --- after the transaction -----------------------------------------------------------------------
 */

/* An earlier request with the same key: its answer, or the job to wait for. */
static enum status
job_admit_replay(struct admit *admit)
{
	struct job_admission *out = admit->out;
	Planner__PlanAnswer *answer = planner__plan_answer__unpack(
	    arena_allocator(task_arena()), admit->key.length, admit->key.answer);
	const char *id;

	if (admit->key.length == 0)
		return STATUS_OVERLOADED; /* the other request is just being refused */
	if (answer == NULL || (answer->plan == NULL && answer->job == NULL))
		return STATUS_INTERNAL;
	id = answer->plan != NULL ? answer->plan->id : answer->job->id;
	if (id == NULL)
		return STATUS_INTERNAL;
	strncpy(out->id, id, sizeof out->id - 1);
	out->replayed = true;
	if (answer->plan != NULL) {
		out->answer = admit->key.answer;
		out->length = admit->key.length;
	}
	return STATUS_OK;
}

/* Room is taken before the commit, so that no row is ever ours without our knowing. */
static void
job_admit_take_room(struct admit *admit)
{
	struct job_row *row = &admit->row;

	row->owner = job_owner_number(admit->jobs->owner);
	row->status = JOB_RUNNING;
	row->attempt = row->epoch = 1;
	row->started_ms = row->created_ms;
	if (row->owner != 0 && !service_draining(admit->jobs->service))
		admit->job = jobs_add(admit->jobs, row, false);
	if (admit->job != NULL)
		return;
	row->owner = 0;
	row->status = JOB_QUEUED;
	row->attempt = row->epoch = 0;
	row->started_ms = 0;
}

static enum status
job_admit_prepare(struct admit *admit)
{
	struct schedule_request schedule;

	admit->judgement = draft_read(admit->request, admit->today, call_locale(admit->call),
	                              &schedule, &admit->flaw);
	ids_new(admit->out->id);
	admit->row.id = admit->out->id;
	admit->row.user = call_user(admit->call);
	admit->row.key = call_idempotency_key(admit->call);
	admit->row.created_ms = admit->row.run_ms = planner_now_ms();
	return job_admit_pack(admit);
}

/* The outcome of the transaction. */
static enum status
job_admit_end(struct admit *admit, enum status status)
{
	struct call *call = admit->call;

	if (status == STATUS_OK && !admit->key.found) {
		if (admit->job != NULL)
			job_begin(admit->job, worker_current());
		else
			jobs_queued(admit->jobs);
		return STATUS_OK;
	}
	if (admit->job != NULL) {
		/* Committed after all? Then it is found among ours. */
		if (status == STATUS_DEPENDENCY_DOWN || status == STATUS_CANCELLED ||
		    status == STATUS_DEADLINE)
			jobs_suspect(admit->jobs);
		job_over(admit->job, JOB_LEFT);
		job_release(&admit->job);
	}
	if (status == STATUS_OK)
		return job_admit_replay(admit);
	if (status == STATUS_VALIDATION && admit->judgement == STATUS_VALIDATION) {
		status = call_invalid(call, admit->flaw.pointer, "%s", admit->flaw.detail);
		return idempotency_refuse(call, admit->jobs->db, PLANNER_CREATE_PLAN, status);
	}
	return status;
}

enum status
job_admit(struct call *call, struct jobs *jobs, const Planner__CreatePlanRequest *request,
          enum job_priority priority, struct job_admission *admission)
{
	struct admit admit = {.call = call,
	                      .jobs = jobs,
	                      .request = request,
	                      .out = admission,
	                      .row = {.priority = priority},
	                      .today = planner_today(call)};
	enum status status;

	*admission = (struct job_admission){0};
	status = job_admit_prepare(&admit);
	if (status != STATUS_OK)
		return status;
	if (admit.judgement == STATUS_OK)
		job_admit_take_room(&admit);
	if (admit.job != NULL)
		status = db_batch_transact(jobs->admissions, &admit);
	else
		status = db_transact(jobs->db, job_admit_tx, &admit);
	return job_admit_end(&admit, status);
}
