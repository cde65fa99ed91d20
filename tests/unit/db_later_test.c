/* SPDX-License-Identifier: MIT
 * db_later against a real MariaDB: what was put off comes in order, all or nothing, and a
 * connection that has served a transaction commits single statements by itself again. */
#include "tests/unit/io_servers.h"

#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/io/db_migrate.h"

static struct server mariadb;
static struct db *db, *other; /* of one connection each */

static struct db *
open_db(void)
{
	char url[192], error[200];
	struct db_options options = {.url = url, .connections = 1};
	struct db *opened;

	snprintf(url, sizeof url, "mysql://root@/study?socket=%s", mariadb.socket);
	opened = db_open(&options, error, sizeof error);
	assert_non_null(opened);
	return opened;
}

/* As another connection sees it. */
static int64_t
sum(void)
{
	struct db_rows *rows;

	if (DB_QUERY(other, &rows, "SELECT COALESCE(SUM(b), 0) FROM t") != STATUS_OK)
		return -1;
	return db_int(rows, 0, 0);
}

static void
fill(void)
{
	CHECK(DB_EXEC(db, NULL, "DELETE FROM t") == STATUS_OK);
	CHECK(DB_EXEC(db, NULL, "INSERT INTO t (a, b) VALUES (1, 1)") == STATUS_OK);
}

static enum status
later_insert(struct db *tx, int a, int b)
{
	return DB_LATER(tx, DB_ANY, STATUS_OK, "INSERT INTO t (a, b) VALUES (?, ?)", DB_INT(a),
	                DB_INT(b));
}

static enum status
later_add(struct db *tx, int a, uint64_t rows)
{
	return DB_LATER(tx, rows, STATUS_NOT_FOUND, "UPDATE t SET b = b + 100 WHERE a >= ?",
	                DB_INT(a));
}

/* --- what goes well ------------------------------------------------------------------------- */

static void
commit_task(void *arg)
{
	const struct db_value values[] = {DB_INT(4),  DB_INT(40), DB_INT(5),
	                                  DB_INT(50), DB_INT(6),  DB_INT(60)};
	struct db *tx;

	(void)arg;
	fill();
	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(later_insert(tx, 2, 20) == STATUS_OK);
	CHECK(later_add(tx, 2, 1) == STATUS_OK);
	CHECK(db_many_rows_later(tx, "INSERT INTO t (a, b) VALUES {(?, ?)|, }", values, 2, 3) ==
	      STATUS_OK);
	CHECK(db_many_later(tx, 2, STATUS_NOT_FOUND, "SELECT a FROM t WHERE a IN ({?|, })", 2,
	                    (struct db_value[]){DB_INT(4), DB_INT(6)}, 2) == STATUS_OK);
	CHECK(sum() == 1);
	CHECK(db_commit(&tx) == STATUS_OK);
	CHECK(sum() == 1 + 120 + 150);
}

/* Together with a query, which sees it. */
static void
query_task(void *arg)
{
	struct db_rows *rows;
	struct db *tx;

	(void)arg;
	fill();
	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(later_insert(tx, 2, 20) == STATUS_OK);
	CHECK(DB_QUERY(tx, &rows, "SELECT b FROM t WHERE a = 2") == STATUS_OK);
	CHECK(db_count(rows) == 1 && db_int(rows, 0, 0) == 20);
	CHECK(later_insert(tx, 3, 30) == STATUS_OK);
	CHECK(sum() == 1);
	CHECK(db_commit(&tx) == STATUS_OK);
	CHECK(sum() == 51);
}

static void
test_well(void **state)
{
	(void)state;
	test_run(commit_task, NULL, 0);
	test_run(query_task, NULL, 0);
}

/* --- what does not -------------------------------------------------------------------------- */

static void
mismatch_task(void *arg)
{
	struct db_rows *rows;
	struct db *tx;

	(void)arg;
	fill();
	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(later_insert(tx, 2, 20) == STATUS_OK);
	CHECK(later_add(tx, 1, 1) == STATUS_OK); /* two */
	CHECK(later_insert(tx, 3, 30) == STATUS_OK);
	CHECK(db_commit(&tx) == STATUS_NOT_FOUND && tx == NULL);
	CHECK(sum() == 1);

	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(later_add(tx, 7, 1) == STATUS_OK); /* none */
	CHECK(DB_QUERY(tx, &rows, "SELECT 1") == STATUS_NOT_FOUND);
	CHECK(DB_EXEC(tx, NULL, "DELETE FROM t") == STATUS_NOT_FOUND);
	CHECK(db_commit(&tx) == STATUS_NOT_FOUND);
	CHECK(sum() == 1);

	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(later_insert(tx, 2, 20) == STATUS_OK);
	CHECK(DB_LATER(tx, 0, STATUS_UNAUTHENTICATED, "SELECT a FROM t WHERE a = 2") == STATUS_OK);
	CHECK(db_commit(&tx) == STATUS_UNAUTHENTICATED);
	CHECK(sum() == 1);
}

static void
refused_task(void *arg)
{
	struct db *tx;

	(void)arg;
	fill();
	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(later_insert(tx, 2, 20) == STATUS_OK);
	CHECK(later_insert(tx, 1, 10) == STATUS_OK); /* is there */
	CHECK(later_insert(tx, 3, 30) == STATUS_OK);
	CHECK(db_commit(&tx) == STATUS_CONFLICT);
	CHECK(sum() == 1);
	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(DB_LATER(tx, DB_ANY, STATUS_OK, "no SQL") == STATUS_OK);
	CHECK(db_commit(&tx) == STATUS_INTERNAL);
	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(later_insert(tx, 2, 20) == STATUS_OK);
	db_rollback(&tx);
	CHECK(sum() == 1);
}

static void
test_badly(void **state)
{
	(void)state;
	test_run(mismatch_task, NULL, 0);
	test_run(refused_task, NULL, 0);
}

/* --- the same connection, by turns ----------------------------------------------------------- */

static void
turns_task(void *arg)
{
	struct db *tx;

	(void)arg;
	fill();
	for (int i = 2; i < 6; i++) {
		CHECK(DB_EXEC(db, NULL, "INSERT INTO t (a, b) VALUES (?, 10)", DB_INT(i)) ==
		      STATUS_OK);
		CHECK(sum() == 1 + (i - 1) * 10);
		CHECK(db_begin(db, &tx) == STATUS_OK);
		CHECK(DB_EXEC(tx, NULL, "INSERT INTO t (a, b) VALUES (?, 1000)", DB_INT(100 + i)) ==
		      STATUS_OK);
		CHECK(sum() == 1 + (i - 1) * 10);
		db_rollback(&tx);
	}
	/* With a pool it is a statement like any other. */
	CHECK(later_insert(db, 7, 1) == STATUS_OK);
	CHECK(later_insert(db, 7, 1) == STATUS_CONFLICT);
	CHECK(sum() == 42);
}

static void
test_turns(void **state)
{
	(void)state;
	test_run(turns_task, NULL, 0);
}

static void
create_task(void *arg)
{
	(void)arg;
	CHECK(DB_EXEC(db, NULL, "CREATE TABLE t (a INT PRIMARY KEY, b INT NOT NULL)") == STATUS_OK);
}

static int
setup(void **state)
{
	static const struct db_migration create = {1, "create", "CREATE DATABASE study"};
	char url[192], error[200];

	(void)state;
	test_workers_start();
	server_make_dir();
	mariadb_start(&mariadb);
	snprintf(url, sizeof url, "mysql://root@/mysql?socket=%s", mariadb.socket);
	assert_int_equal(db_migrate(url, &create, 1, 10, error, sizeof error), 0);
	db = open_db();
	other = open_db();
	test_run(create_task, NULL, 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_workers_stop();
	db_close(&db);
	db_close(&other);
	server_kill(&mariadb);
	server_remove_dir();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_well),
	    cmocka_unit_test(test_badly),
	    cmocka_unit_test(test_turns),
	};

	return cmocka_run_group_tests_name("db_later", tests, setup, teardown);
}
