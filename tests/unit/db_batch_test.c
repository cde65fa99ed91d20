/* SPDX-License-Identifier: MIT
 * db_batch and db_many against a real MariaDB: what comes together is written together, and what is
 * wrong with one unit is its own affair. */
#include "tests/unit/io_servers.h"

#include "common/io/db_batch.h"
#include "common/io/db_many.h"
#include "common/io/db_migrate.h"

#include <stdatomic.h>

#define UNITS 300

static struct server mariadb;
static struct db *db;
static struct db_batch *batch;
static _Atomic unsigned batches, singles;

struct unit {
	int64_t number;
	unsigned sleep_s; /* of the statement that writes it alone */
	enum status status;
};

static int64_t
count_rows(const char *sql)
{
	struct db_rows *rows;

	if (DB_QUERY(db, &rows, sql) != STATUS_OK || db_count(rows) != 1)
		return -1;
	return db_int(rows, 0, 0);
}

static enum status
write_one(struct db *tx, void *arg)
{
	const struct unit *unit = arg;
	struct db_rows *rows;
	enum status status = STATUS_OK;

	atomic_fetch_add(&singles, 1);
	if (unit->sleep_s > 0)
		status = DB_QUERY(tx, &rows, "SELECT SLEEP(?)", DB_UINT(unit->sleep_s));
	if (status != STATUS_OK)
		return status;
	return DB_EXEC(tx, NULL, "INSERT INTO n (number) VALUES (?)", DB_INT(unit->number));
}

static enum status
write_many(struct db *tx, void *const *units, size_t count)
{
	struct db_value args[DB_BATCH_MOST];

	CHECK(count <= DB_BATCH_MOST && db_many_padded(count) == count);
	for (size_t i = 0; i < count; i++) {
		const struct unit *unit = units[i];

		if (unit->sleep_s > 0)
			return STATUS_CONFLICT; /* not as usual */
		args[i] = DB_INT(unit->number);
	}
	atomic_fetch_add(&batches, 1);
	return db_many_rows(tx, NULL, "INSERT INTO n (number) VALUES {(?)|, }", args, 1, count);
}

static void
unit_task(void *arg)
{
	struct unit *unit = arg;

	unit->status = db_batch_transact(batch, unit);
}

static void
prepare_task(void *arg)
{
	(void)arg;
	CHECK(DB_EXEC(db, NULL, "DROP TABLE IF EXISTS n") == STATUS_OK);
	CHECK(DB_EXEC(db, NULL, "CREATE TABLE n (number INT NOT NULL PRIMARY KEY)") == STATUS_OK);
	batches = singles = 0;
}

static void
verify_task(void *arg)
{
	int64_t expected = (int64_t)(intptr_t)arg;

	CHECK(count_rows("SELECT COUNT(*) FROM n") == expected);
}

/* `period`: so many units after the other have the same number. */
static void
run_units(struct unit *units, unsigned period)
{
	static struct test_task tasks[UNITS];

	test_run(prepare_task, NULL, 0);
	for (int i = 0; i < UNITS; i++) {
		units[i] = (struct unit){.number = i / (int)period, .status = STATUS_INTERNAL};
		test_start(&tasks[i], (unsigned)i % 2, unit_task, &units[i], 0);
	}
	for (int i = 0; i < UNITS; i++)
		test_await(&tasks[i]);
}

static void
test_together(void **state)
{
	static struct unit units[UNITS];

	(void)state;
	run_units(units, 1);
	for (int i = 0; i < UNITS; i++)
		assert_int_equal(units[i].status, STATUS_OK);
	test_run(verify_task, (void *)(intptr_t)UNITS, 0);
	assert_in_range(batches, 1, UNITS / 2);
	assert_in_range(singles + batches, 2, UNITS / 2);
}

/* Of ten units with the same number one is written and nine are refused, each of them told so. */
static void
test_refused(void **state)
{
	static struct unit units[UNITS];
	int written = 0;

	(void)state;
	run_units(units, 10);
	for (int i = 0; i < UNITS; i++) {
		written += units[i].status == STATUS_OK;
		assert_true(units[i].status == STATUS_OK || units[i].status == STATUS_CONFLICT);
	}
	assert_int_equal(written, UNITS / 10);
	test_run(verify_task, (void *)(intptr_t)(UNITS / 10), 0);
}

/* While one is being written, others wait; one of them is cancelled, and leaves at once. */
static void
test_cancelled(void **state)
{
	struct unit slow = {.number = 1, .sleep_s = 1}, gone = {.number = 2}, stays = {.number = 3};
	struct test_task a, b, c;

	(void)state;
	test_run(prepare_task, NULL, 0);
	test_start(&a, 0, unit_task, &slow, 0);
	while (singles == 0)
		usleep(1000);
	test_start(&b, 1, unit_task, &gone, 0);
	test_start(&c, 1, unit_task, &stays, 0);
	usleep(20000);
	test_cancel(&b, 1);
	test_await(&b);
	test_await(&c);
	test_await(&a);
	assert_int_equal(gone.status, STATUS_CANCELLED);
	assert_int_equal(slow.status, STATUS_OK);
	assert_int_equal(stays.status, STATUS_OK);
	test_run(verify_task, (void *)(intptr_t)2, 0);
}

static void
many_task(void *arg)
{
	struct db_value args[45 * 2];
	uint64_t affected = 0;
	struct db_rows *rows;

	(void)arg;
	CHECK(DB_EXEC(db, NULL, "CREATE TABLE m (a INT PRIMARY KEY, b INT)") == STATUS_OK);
	for (int i = 0; i < 45; i++) {
		args[2 * i] = DB_INT(i);
		args[2 * i + 1] = DB_INT(1000 + i);
	}
	CHECK(db_many_rows(db, &affected, "INSERT INTO m (a, b) VALUES {(?, ?)|, }", args, 2, 45) ==
	      STATUS_OK);
	CHECK(affected == 45);
	CHECK(db_many_rows(db, &affected, "INSERT INTO m (a, b) VALUES {(?, ?)|, }", args, 2, 0) ==
	      STATUS_OK);
	CHECK(affected == 0);
	/* Two parts, three rows of each. */
	args[6] = args[0];
	args[7] = args[2];
	args[8] = args[4];
	CHECK(db_many_exec(db, &affected,
	                   "UPDATE m SET b = CASE a {WHEN ? THEN ?| } END + 1 WHERE a IN ({?|, })",
	                   3, args, 9) == STATUS_OK);
	CHECK(affected == 3);
	CHECK(db_many_query(db, &rows, "SELECT a FROM m WHERE b IN ({?|, }) ORDER BY a", 2,
	                    (struct db_value[]){DB_INT(1001), DB_INT(1044)}, 2) == STATUS_OK);
	CHECK(db_count(rows) == 2 && db_int(rows, 0, 0) == 0 && db_int(rows, 1, 0) == 44);
}

static void
test_many(void **state)
{
	(void)state;
	test_run(many_task, NULL, 0);
	assert_int_equal(db_many_padded(1), 1);
	assert_int_equal(db_many_padded(5), 8);
}

static int
setup(void **state)
{
	static const struct db_migration create = {1, "create", "CREATE DATABASE study"};
	char url[192], error[200];
	struct db_options options = {.url = url, .connections = 4, .queue_limit = 5000};

	(void)state;
	test_workers_start();
	server_make_dir();
	mariadb_start(&mariadb);
	snprintf(url, sizeof url, "mysql://root@/mysql?socket=%s", mariadb.socket);
	assert_int_equal(db_migrate(url, &create, 1, 10, error, sizeof error), 0);
	snprintf(url, sizeof url, "mysql://root@/study?socket=%s", mariadb.socket);
	db = db_open(&options, error, sizeof error);
	assert_non_null(db);
	batch = db_batch_new(db, "test-batch", write_many, write_one);
	assert_non_null(batch);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_workers_stop();
	db_batch_free(&batch);
	db_close(&db);
	server_kill(&mariadb);
	server_remove_dir();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_together),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_cancelled),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("db_batch", tests, setup, teardown);
}
