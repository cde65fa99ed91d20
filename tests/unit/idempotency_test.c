/* SPDX-License-Identifier: MIT
 * One key, one answer: whoever asks again, at the same time, or after the first one died. */
#include "tests/unit/io_servers.h"

#include "common/io/db.h"
#include "common/io/db_migrate.h"
#include "common/service/call_private.h"
#include "common/service/idempotency.h"
#include "common/service/service_private.h"

static struct server mariadb;
static struct db *db;
static _Atomic int worked;

static int
idempotency_test_set_up(void **state)
{
	static const struct db_migration create = {1, "create", "CREATE DATABASE keys_test"};
	static const struct db_migration schema = {1, "idempotency", IDEMPOTENCY_SCHEMA};
	char url[192], error[256];
	struct db_options options = {.url = url, .connections = 4};

	(void)state;
	test_workers_start();
	server_make_dir();
	mariadb_start(&mariadb);
	snprintf(url, sizeof url, "mysql://root@/mysql?socket=%s", mariadb.socket);
	assert_int_equal(db_migrate(url, &create, 1, 10, error, sizeof error), 0);
	snprintf(url, sizeof url, "mysql://root@/keys_test?socket=%s", mariadb.socket);
	assert_int_equal(db_migrate(url, &schema, 1, 10, error, sizeof error), 0);
	db = db_open(&options, error, sizeof error);
	return db != NULL ? 0 : -1;
}

static int
idempotency_test_tear_down(void **state)
{
	(void)state;
	test_workers_stop();
	db_close(&db);
	server_kill(&mariadb);
	server_remove_dir();
	return 0;
}

/* A request as a handler would see it. */
struct request {
	struct call call;
	Wire__Request wire;
};

static struct call *
idempotency_test_call(struct request *request, const char *user, const char *key, const char *body)
{
	*request = (struct request){.call = {.magic = CALL_MAGIC}};
	wire__request__init(&request->wire);
	request->wire.method = (char *)"test.Test/Work";
	request->wire.idempotency_key = (char *)key;
	request->call.request = &request->wire;
	request->call.body = body;
	request->call.body_length = strlen(body);
	request->call.identity.user = user;
	request->call.violation_tail = &request->call.reply.violations;
	return &request->call;
}

static bool
idempotency_test_replayed(const struct call *call)
{
	return header_find(call->reply.headers, call->reply.header_count, "idempotency-replayed") !=
	       NULL;
}

/* --- with a lease ----------------------------------------------------------------------------- */

static void
idempotency_test_keeps_task(void *arg)
{
	struct request request;
	struct idempotency key;
	struct call *call;

	(void)arg;
	call = idempotency_test_call(&request, "keeps", "k", "body");
	CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_OK && !key.found);
	CHECK(idempotency_end(call, db, "Work", &key, STATUS_OK, "answer", 6) == STATUS_OK);
	CHECK(!idempotency_test_replayed(call));

	call = idempotency_test_call(&request, "keeps", "k", "body");
	CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_OK && key.found);
	CHECK(key.length == 6 && memcmp(key.answer, "answer", 6) == 0);
	CHECK(idempotency_test_replayed(call));

	call = idempotency_test_call(&request, "keeps", "k", "another body");
	CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_IDEMPOTENCY_KEY_REUSED);
	/* Another key, another user and another route are other requests. */
	call = idempotency_test_call(&request, "keeps", "K", "another body");
	CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_OK && !key.found);
	CHECK(idempotency_end(call, db, "Work", &key, STATUS_INTERNAL, NULL, 0) == STATUS_INTERNAL);
	call = idempotency_test_call(&request, "other", "k", "another body");
	CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_OK && !key.found);
	CHECK(idempotency_end(call, db, "Work", &key, STATUS_INTERNAL, NULL, 0) == STATUS_INTERNAL);
	call = idempotency_test_call(&request, "keeps", "k", "another body");
	CHECK(idempotency_begin(call, db, "Other", &key) == STATUS_OK && !key.found);
	CHECK(idempotency_end(call, db, "Other", &key, STATUS_OK, "", 0) == STATUS_OK);
	/* Without a key nothing is kept. */
	call = idempotency_test_call(&request, "keeps", NULL, "body");
	CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_OK && !key.found);
	CHECK(idempotency_end(call, db, "Work", &key, STATUS_OK, "x", 1) == STATUS_OK);
}

static void
idempotency_test_keeps_the_first_answer(void **state)
{
	(void)state;
	test_run(idempotency_test_keeps_task, NULL, 0);
}

static void
idempotency_test_failures_task(void *arg)
{
	static const struct {
		enum status status;
		bool kept;
	} cases[] = {
	    {STATUS_VALIDATION, true},  {STATUS_NOT_FOUND, true},
	    {STATUS_CONFLICT, true},    {STATUS_THROTTLED, false},
	    {STATUS_INTERNAL, false},   {STATUS_REQUEST_TIMEOUT, false},
	    {STATUS_OVERLOADED, false}, {STATUS_DEADLINE, false},
	    {STATUS_CANCELLED, false},  {STATUS_DEPENDENCY_DOWN, false},
	};
	struct request request;
	struct idempotency key;
	struct call *call;
	enum status status;
	char name[16];

	(void)arg;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(name, sizeof name, "fail-%zu", i);
		call = idempotency_test_call(&request, "fails", name, "body");
		CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_OK && !key.found);
		(void)call_fail(call, cases[i].status, "because %d", 7);
		if (cases[i].status == STATUS_VALIDATION)
			(void)call_invalid(call, "/field", "is %s", "bad");
		CHECK(idempotency_end(call, db, "Work", &key, cases[i].status, NULL, 0) ==
		      cases[i].status);

		call = idempotency_test_call(&request, "fails", name, "body");
		status = idempotency_begin(call, db, "Work", &key);
		CHECK(key.found == cases[i].kept);
		CHECK(status == (cases[i].kept ? cases[i].status : STATUS_OK));
		CHECK(idempotency_test_replayed(call) == cases[i].kept);
		if (!cases[i].kept)
			(void)idempotency_end(call, db, "Work", &key, STATUS_OK, "", 0);
		else
			CHECK(strcmp(call->reply.detail, "because 7") == 0);
		if (cases[i].status == STATUS_VALIDATION)
			CHECK(strcmp(call->reply.violations->pointer, "/field") == 0 &&
			      strcmp(call->reply.violations->detail, "is bad") == 0);
	}
}

static void
idempotency_test_keeps_some_failures(void **state)
{
	(void)state;
	test_run(idempotency_test_failures_task, NULL, 0);
}

/* What is refused before the work begins: the first refusal is kept and told again, an answer or a
 * refusal of another body wins over it, and what is no 4xx leaves no trace. */
static void
idempotency_test_refuse_task(void *arg)
{
	struct request request;
	struct idempotency key;
	struct call *call = idempotency_test_call(&request, "refused", "k", "body");

	(void)arg;
	CHECK(idempotency_refuse(call, db, "Work", call_invalid(call, "/field", "is bad")) ==
	      STATUS_VALIDATION);
	CHECK(!idempotency_test_replayed(call));
	call = idempotency_test_call(&request, "refused", "k", "body");
	CHECK(idempotency_refuse(call, db, "Work", call_invalid(call, "/later", "is worse")) ==
	      STATUS_VALIDATION);
	CHECK(idempotency_test_replayed(call));
	CHECK(strcmp(call->reply.violations->pointer, "/field") == 0);
	CHECK(call->reply.violations->next == NULL);
	call = idempotency_test_call(&request, "refused", "k", "another body");
	CHECK(idempotency_refuse(call, db, "Work", STATUS_VALIDATION) ==
	      STATUS_IDEMPOTENCY_KEY_REUSED);
	CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_IDEMPOTENCY_KEY_REUSED);

	call = idempotency_test_call(&request, "refused", "busy", "body");
	CHECK(idempotency_refuse(call, db, "Work", STATUS_OVERLOADED) == STATUS_OVERLOADED);
	CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_OK && !key.found);
	CHECK(idempotency_end(call, db, "Work", &key, STATUS_OK, "", 0) == STATUS_OK);
	call = idempotency_test_call(&request, "refused", NULL, "body");
	CHECK(idempotency_refuse(call, db, "Work", STATUS_NOT_FOUND) == STATUS_NOT_FOUND);
}

static void
idempotency_test_refusals_are_kept(void **state)
{
	(void)state;
	test_run(idempotency_test_refuse_task, NULL, 0);
}

static void
idempotency_test_crowd_task(void *arg)
{
	struct request request;
	struct idempotency key;
	struct call *call = idempotency_test_call(&request, "crowd", "k", "body");
	enum status status = idempotency_begin(call, db, "Work", &key);

	(void)arg;
	CHECK(status == STATUS_OK);
	if (status != STATUS_OK)
		return;
	if (key.found) {
		CHECK(key.length == 4 && memcmp(key.answer, "done", 4) == 0);
		return;
	}
	atomic_fetch_add(&worked, 1);
	CHECK(task_sleep(300) == STATUS_OK);
	CHECK(idempotency_end(call, db, "Work", &key, STATUS_OK, "done", 4) == STATUS_OK);
}

static void
idempotency_test_crowd_works_once(void **state)
{
	static struct test_task tasks[40];

	(void)state;
	worked = 0;
	for (unsigned i = 0; i < COUNT_OF(tasks); i++)
		test_start(&tasks[i], i, idempotency_test_crowd_task, NULL, 10000);
	for (unsigned i = 0; i < COUNT_OF(tasks); i++)
		test_await(&tasks[i]);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
	assert_int_equal(worked, 1);
}

/* A row as a process left it that died in the middle, or a day ago. */
static void
idempotency_test_dead_task(void *arg)
{
	struct request request;
	struct idempotency key;
	struct call *call = idempotency_test_call(&request, "dead", "k", "body");
	int64_t now = clock_wall_us() / 1000;
	uint64_t began;

	(void)arg;
	CHECK(DB_EXEC(db, NULL,
	              "INSERT INTO idempotency (user_id, route, idempotency_key, fingerprint,"
	              " created_at, owner, alive_until) VALUES ('dead', 'Work', 'k', ?, ?, 77, ?)",
	              DB_TEXT(call_fingerprint(call)), DB_INT(now),
	              DB_INT(now + 500)) == STATUS_OK);
	began = clock_ms();
	CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_OK && !key.found);
	CHECK(clock_ms() - began >= 400 && clock_ms() - began < 3000);
	CHECK(idempotency_end(call, db, "Work", &key, STATUS_OK, "mine", 4) == STATUS_OK);
	CHECK(DB_EXEC(db, NULL, "UPDATE idempotency SET created_at = ? WHERE user_id = 'dead'",
	              DB_INT(now - (int64_t)24 * 3600 * 1000 - 1000)) == STATUS_OK);
	call = idempotency_test_call(&request, "dead", "k", "quite another body");
	CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_OK && !key.found);
	CHECK(idempotency_end(call, db, "Work", &key, STATUS_OK, "", 0) == STATUS_OK);
}

static void
idempotency_test_dead_owner_is_relieved(void **state)
{
	(void)state;
	test_run(idempotency_test_dead_task, NULL, 0);
}

/* --- leases are renewed ----------------------------------------------------------------------- */

static struct service test_service;

static void
idempotency_test_start_task(void *arg)
{
	(void)arg;
	test_service.db = db;
	CHECK(idempotency_start(&test_service) == STATUS_OK);
}

static void
idempotency_test_long_task(void *arg)
{
	struct request request;
	struct idempotency key;
	struct call *call = idempotency_test_call(&request, "long", "k", "body");
	struct db_rows *rows;
	int64_t before;

	(void)arg;
	CHECK(idempotency_begin(call, db, "Work", &key) == STATUS_OK && !key.found);
	CHECK(DB_QUERY(db, &rows, "SELECT alive_until FROM idempotency WHERE user_id = 'long'") ==
	      STATUS_OK);
	before = db_int(rows, 0, 0);
	CHECK(task_sleep(4000) == STATUS_OK);
	CHECK(DB_QUERY(db, &rows, "SELECT alive_until FROM idempotency WHERE user_id = 'long'") ==
	      STATUS_OK);
	CHECK(db_int(rows, 0, 0) >= before + 2000);
	CHECK(idempotency_end(call, db, "Work", &key, STATUS_OK, "", 0) == STATUS_OK);
}

static void
idempotency_test_end_task(void *arg)
{
	(void)arg;
	for (struct background *at = test_service.background; at != NULL; at = at->next)
		task_cancel(at->task);
	while (test_service.background != NULL)
		(void)task_yield();
}

static void
idempotency_test_lease_is_renewed(void **state)
{
	(void)state;
	test_run(idempotency_test_start_task, NULL, 0);
	test_run(idempotency_test_long_task, NULL, 0);
	test_run(idempotency_test_end_task, NULL, 0);
}

/* --- in one transaction ------------------------------------------------------------------------
 */

static enum status
idempotency_test_tx(struct db *tx, void *arg)
{
	struct request request;
	struct idempotency key;
	struct call *call = idempotency_test_call(&request, "tx", arg, "body");
	enum status status = idempotency_claim(call, tx, "Work", &key);

	if (status != STATUS_OK)
		return status;
	if (key.found) {
		CHECK(key.length == 4 && memcmp(key.answer, "done", 4) == 0);
		CHECK(idempotency_test_replayed(call));
		return STATUS_OK;
	}
	status = DB_EXEC(tx, NULL, "INSERT INTO work (name) VALUES (?)", DB_TEXT(arg));
	if (status == STATUS_OK)
		status = idempotency_store(call, tx, "Work", "done", 4);
	return status;
}

static void
idempotency_test_tx_task(void *arg)
{
	CHECK(db_transact(db, idempotency_test_tx, arg) == STATUS_OK);
}

static void
idempotency_test_count_task(void *arg)
{
	struct db_rows *rows;

	CHECK(DB_QUERY(db, &rows, "SELECT COUNT(*) FROM work") == STATUS_OK);
	CHECK(db_int(rows, 0, 0) == *(const int *)arg);
}

static void
idempotency_test_table_task(void *arg)
{
	(void)arg;
	CHECK(DB_EXEC(db, NULL, "CREATE TABLE work (name VARCHAR(64))") == STATUS_OK);
}

static void
idempotency_test_transactions_work_once(void **state)
{
	static struct test_task tasks[30];
	static char names[3][8] = {"a", "b", "c"};
	int expected = 3;

	(void)state;
	test_run(idempotency_test_table_task, NULL, 0);
	for (unsigned i = 0; i < COUNT_OF(tasks); i++)
		test_start(&tasks[i], i, idempotency_test_tx_task, names[i % 3], 20000);
	for (unsigned i = 0; i < COUNT_OF(tasks); i++)
		test_await(&tasks[i]);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
	test_run(idempotency_test_count_task, &expected, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(idempotency_test_keeps_the_first_answer),
	    cmocka_unit_test(idempotency_test_keeps_some_failures),
	    cmocka_unit_test(idempotency_test_refusals_are_kept),
	    cmocka_unit_test(idempotency_test_crowd_works_once),
	    cmocka_unit_test(idempotency_test_dead_owner_is_relieved),
	    cmocka_unit_test(idempotency_test_lease_is_renewed),
	    cmocka_unit_test(idempotency_test_transactions_work_once),
	};

	return cmocka_run_group_tests_name("idempotency", tests, idempotency_test_set_up,
	                                   idempotency_test_tear_down);
}
