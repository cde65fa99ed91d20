/* SPDX-License-Identifier: MIT
 *
 * Replicas of the planner's jobs in one process, over a MariaDB of their own, with an AI planner
 * that is told what to do.
 */
#ifndef STUDYHALL_TESTS_JOBS_FIXTURE_H
#define STUDYHALL_TESTS_JOBS_FIXTURE_H

#include "tests/unit/io_servers.h"

#include "common/io/db.h"
#include "common/io/db_migrate.h"
#include "common/service/call_private.h"
#include "common/service/outbox.h"
#include "common/service/service_private.h"
#include "services/planner/builtin/study_days.h"
#include "services/planner/jobs/job_admit.h"
#include "services/planner/jobs/job_cancel.h"
#include "services/planner/jobs/job_owner.h"
#include "services/planner/jobs/job_record.h"
#include "services/planner/jobs/job_store_parts.h"
#include "services/planner/jobs/job_wait.h"
#include "services/planner/jobs/jobs_private.h"
#include "services/planner/planner.h"

extern const struct db_migration planner_migrations[];
extern const size_t planner_migration_count;

static struct server mariadb;
static struct db *db;

/* --- the AI planner ------------------------------------------------------------------------------
 */

static struct {
	uint32_t day_ms;     /* between days */
	unsigned stop_after; /* days, after which it stands still until it is cancelled; 0: never */
	enum status fails;   /* after its call, without a day */
	_Atomic unsigned calls, aborted, had;
} fake;

#define FAKE_RESERVED   1000
#define FAKE_PROMPT     100
#define FAKE_COMPLETION 200

static inline enum status
fake_days(const struct plan_ask *ask, const struct plan_ai_sink *sink)
{
	const struct schedule_request *request = ask->request;
	struct study_span span = {request->start_day, request->end_day, request->has_exam,
	                          request->exam_day, request->rest_days};
	struct plan_day_item item = {"Chapter 1", 30, PLAN_STUDY};
	struct study_days days;
	enum status status = STATUS_OK;

	study_days_of(&span, &days);
	for (int i = (int)ask->had_count; i < days.count && status == STATUS_OK; i++) {
		struct plan_day day = {days.day[i], &item, 1};

		if (fake.stop_after > 0 && (unsigned)i >= fake.stop_after)
			return task_sleep(600000);
		if (fake.day_ms > 0)
			status = task_sleep(fake.day_ms);
		if (status == STATUS_OK)
			status = sink->day(sink->arg, &day);
	}
	return status;
}

static inline enum status
fake_make(void *arg, const struct plan_ask *ask, const struct plan_ai_sink *sink,
          struct plan_ai_result *result)
{
	unsigned number;
	enum status status =
	    sink->call_starts(sink->arg, "gemini", "fake-1", FAKE_RESERVED, &number);

	(void)arg;
	if (status != STATUS_OK)
		return status;
	atomic_fetch_add(&fake.calls, 1);
	atomic_fetch_add(&fake.had, (unsigned)ask->had_count);
	if (fake.fails != STATUS_OK) {
		sink->call_ended(sink->arg, number, AI_FAILED, 0, 0, "told to");
		return fake.fails;
	}
	status = fake_days(ask, sink);
	if (status != STATUS_OK) {
		atomic_fetch_add(&fake.aborted, 1);
		sink->call_ended(sink->arg, number, AI_CANCELLED, FAKE_PROMPT, 0, "aborted");
		return status;
	}
	sink->call_ended(sink->arg, number, AI_ANSWERED, FAKE_PROMPT, FAKE_COMPLETION, "");
	result->provider = "gemini";
	result->model = "fake-1";
	return STATUS_OK;
}

/* --- replicas
 * -------------------------------------------------------------------------------------
 */

struct replica {
	struct service service;
	struct jobs *jobs;
	unsigned connections;
	bool only_builtin;
};

static inline void
replica_start_task(void *arg)
{
	static const struct job_planner planner = {fake_make, NULL};
	static const char *const actors[] = {NULL};
	struct replica *replica = arg;
	struct jobs_options options = {
	    .db = db,
	    .outbox = outbox_start(&replica->service, actors),
	    .workers = test_workers,
	    .worker_count = 2,
	    .connections = replica->connections,
	    .boot_id = ids_boot(),
	    .planner = replica->only_builtin ? NULL : &planner,
	    .builtin = true,
	};

	replica->service.db = db;
	replica->jobs = jobs_start(&replica->service, &options);
	CHECK(replica->jobs != NULL);
	while (replica->jobs != NULL && job_owner_number(replica->jobs->owner) == 0)
		(void)task_sleep(1);
}

static inline void
replica_start(struct replica *replica, unsigned connections)
{
	*replica = (struct replica){.connections = connections};
	test_run(replica_start_task, replica, 0);
}

/* Ends its rounds: the lease is renewed no more. */
static inline void
replica_end_rounds(void *arg)
{
	struct replica *replica = arg;

	replica->service.ending = true;
	for (struct background *at = replica->service.background; at != NULL; at = at->next)
		if (at->task != NULL)
			task_cancel(at->task);
	while (replica->service.background != NULL)
		(void)task_yield();
}

static inline void
replica_stop_task(void *arg)
{
	struct replica *replica = arg;

	replica_end_rounds(replica);
	jobs_stop(replica->jobs);
}

static inline void
replica_stop(struct replica *replica)
{
	test_run(replica_stop_task, replica, 0);
}

/* --- requests
 * -------------------------------------------------------------------------------------
 */

struct asker {
	struct jobs *jobs;
	const char *user, *key;
	bool no_fallback, leave;
	/* Out: */
	enum status status;
	struct job_admission admission;
	struct job_end end;
	struct call call;
	Wire__Request wire;
};

static inline struct call *
asker_call(struct asker *asker)
{
	asker->call = (struct call){.magic = CALL_MAGIC};
	wire__request__init(&asker->wire);
	asker->wire.method = (char *)"planner.Planner/CreatePlan";
	asker->wire.idempotency_key = (char *)(uintptr_t)asker->key;
	asker->call.request = &asker->wire;
	asker->call.body = "body";
	asker->call.body_length = 4;
	asker->call.identity.user = asker->user;
	asker->call.identity.locale = "en";
	asker->call.identity.time_zone = "UTC";
	asker->call.violation_tail = &asker->call.reply.violations;
	return &asker->call;
}

/* Asks for a plan of ten days and, unless it leaves, waits for it. */
static inline void
asker_run(void *arg)
{
	struct asker *asker = arg;
	Planner__CreatePlanRequest request = PLANNER__CREATE_PLAN_REQUEST__INIT;

	request.goal = (char *)"chapters 1-3";
	request.start_date = (char *)"2031-03-03";
	request.end_date = (char *)"2031-03-12";
	request.has_fallback = asker->no_fallback;
	asker->status =
	    job_admit(asker_call(asker), asker->jobs, &request, JOB_WAITED_FOR, &asker->admission);
	if (asker->status == STATUS_OK && !asker->leave)
		asker->status = job_wait(asker->jobs, asker->user, asker->admission.id,
		                         clock_ms() + 60000, &asker->end);
	/* The answer lives as long as this task. */
	asker->end.answer = NULL;
}

/* One number from the database. */
struct look {
	const char *sql;
	int64_t number;
};

static inline void
look_task(void *arg)
{
	struct look *look = arg;
	struct db_rows *rows;

	look->number = -1;
	CHECK(DB_QUERY(db, &rows, look->sql) == STATUS_OK);
	if (db_count(rows) > 0)
		look->number = db_int(rows, 0, 0);
}

static inline int64_t
look(const char *sql)
{
	struct look one = {.sql = sql};

	test_run(look_task, &one, 0);
	return one.number;
}

static inline void
change_task(void *arg)
{
	CHECK(DB_EXEC(db, NULL, arg) == STATUS_OK);
}

static inline void
change(const char *sql)
{
	test_run(change_task, (void *)(uintptr_t)sql, 0);
}

static inline void
await_look(const char *sql, int64_t number)
{
	while (look(sql) != number)
		usleep(5000);
}

static inline int
jobs_fixture_set_up(void **state)
{
	static const struct db_migration create = {1, "create", "CREATE DATABASE planner"};
	char url[192], error[256];
	struct db_options options = {.url = url, .connections = 4};

	(void)state;
	planner_settings = (struct planner_settings){.timeout_s = 120};
	test_workers_start();
	server_make_dir();
	mariadb_start(&mariadb);
	snprintf(url, sizeof url, "mysql://root@/mysql?socket=%s", mariadb.socket);
	assert_int_equal(db_migrate(url, &create, 1, 10, error, sizeof error), 0);
	snprintf(url, sizeof url, "mysql://root@/planner?socket=%s", mariadb.socket);
	if (db_migrate(url, planner_migrations, planner_migration_count, 10, error, sizeof error) !=
	    0) {
		fprintf(stderr, "%s\n", error);
		return -1;
	}
	db = db_open(&options, error, sizeof error);
	return db != NULL ? 0 : -1;
}

static inline int
jobs_fixture_tear_down(void **state)
{
	(void)state;
	test_workers_stop();
	db_close(&db);
	server_kill(&mariadb);
	server_remove_dir();
	return 0;
}

#endif
