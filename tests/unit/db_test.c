/* SPDX-License-Identifier: MIT
 * db: values, errors and transactions against a real MariaDB. Faults are in db_fault_test.c. */
#include "tests/unit/io_servers.h"

#include "common/io/db.h"
#include "common/io/db_migrate.h"
#include "common/io/url.h"

static struct server mariadb;
static struct db *db;
static char db_url[192];

static struct db *
open_db(unsigned connections, size_t queue_limit)
{
	char error[200];
	struct db_options options = {.url = db_url,
	                             .connections = connections,
	                             .queue_limit = queue_limit,
	                             .idle_tx_timeout_ms = 600};
	struct db *opened = db_open(&options, error, sizeof error);

	assert_non_null(opened);
	return opened;
}

static int64_t
count_rows(const char *sql)
{
	struct db_rows *rows;

	if (DB_QUERY(db, &rows, sql) != STATUS_OK || db_count(rows) != 1)
		return -1;
	return db_int(rows, 0, 0);
}

/* --- values --------------------------------------------------------------------------------- */

static void
values_task(void *arg)
{
	static const char blob[] = "\0\1\377 ' \" \\ \0";
	char *big = malloc(1000001);
	struct db_rows *rows;
	size_t length = 0;
	uint64_t affected = 0;

	(void)arg;
	memset(big, 'x', 1000000);
	big[1000000] = '\0';
	CHECK(DB_EXEC(
	          db, NULL,
	          "CREATE TABLE v (id INT PRIMARY KEY, i BIGINT, u BIGINT UNSIGNED, t TEXT, b BLOB,"
	          " big LONGTEXT, small TINYINT, real8 DOUBLE, at DATETIME(6))") == STATUS_OK);
	CHECK(DB_EXEC(db, &affected, "INSERT INTO v VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", DB_INT(1),
	              DB_INT(INT64_MIN), DB_UINT(UINT64_MAX), DB_TEXT("한국어 😀"),
	              DB_BLOB(blob, sizeof blob), DB_TEXT(big), DB_INT(-7), DB_TEXT("0.1"),
	              DB_TEXT("2026-05-04 09:30:00.250000")) == STATUS_OK);
	CHECK(affected == 1);
	CHECK(DB_EXEC(db, NULL, "INSERT INTO v (id, i, t, b) VALUES (2, ?, ?, ?)", DB_NULL,
	              DB_TEXT(NULL), DB_BLOB("", 0)) == STATUS_OK);
	CHECK(DB_QUERY(db, &rows, "SELECT i, u, t, b, big, small, real8, at FROM v ORDER BY id") ==
	      STATUS_OK);
	CHECK(db_count(rows) == 2);
	CHECK(db_int(rows, 0, 0) == INT64_MIN);
	CHECK(strcmp(db_text(rows, 0, 0), "-9223372036854775808") == 0);
	CHECK(db_uint(rows, 0, 1) == UINT64_MAX);
	CHECK(strcmp(db_text(rows, 0, 1), "18446744073709551615") == 0);
	CHECK(strcmp(db_text(rows, 0, 2), "한국어 😀") == 0);
	CHECK(memcmp(db_blob(rows, 0, 3, &length), blob, sizeof blob) == 0);
	CHECK(length == sizeof blob);
	CHECK(strcmp(db_text(rows, 0, 4), big) == 0);
	CHECK(db_int(rows, 0, 5) == -7);
	CHECK(strtod(db_text(rows, 0, 6), NULL) == 0.1);
	CHECK(strcmp(db_text(rows, 0, 7), "2026-05-04 09:30:00.250000") == 0);
	CHECK(db_is_null(rows, 1, 0) && db_int(rows, 1, 0) == 0);
	CHECK(db_text(rows, 1, 2) == NULL && db_blob(rows, 1, 2, &length) == NULL);
	CHECK(!db_is_null(rows, 1, 3) && db_blob(rows, 1, 3, &length) != NULL && length == 0);
	CHECK(DB_QUERY(db, &rows, "SELECT SUM(small), COUNT(*) FROM v") == STATUS_OK);
	CHECK(db_int(rows, 0, 0) == -7 && db_int(rows, 0, 1) == 2);
	CHECK(DB_QUERY(db, &rows, "SELECT id FROM v WHERE id > ?", DB_INT(9)) == STATUS_OK);
	CHECK(db_count(rows) == 0);
	/* An UPDATE counts what it matched. */
	CHECK(DB_EXEC(db, &affected, "UPDATE v SET small = -7 WHERE id = 1") == STATUS_OK);
	CHECK(affected == 1);
	free(big);
}

static void
test_values(void **state)
{
	(void)state;
	test_run(values_task, NULL, 0);
}

static void
session_task(void *arg)
{
	struct db_rows *rows;

	(void)arg;
	CHECK(DB_QUERY(db, &rows,
	               "SELECT @@tx_isolation, @@time_zone, @@innodb_lock_wait_timeout, "
	               "@@character_set_client, @@character_set_results, @@sql_mode, "
	               "@@max_statement_time") == STATUS_OK);
	CHECK(strcmp(db_text(rows, 0, 0), "READ-COMMITTED") == 0);
	CHECK(strcmp(db_text(rows, 0, 1), "+00:00") == 0);
	CHECK(db_int(rows, 0, 2) == 2);
	CHECK(strcmp(db_text(rows, 0, 3), "utf8mb4") == 0);
	CHECK(strcmp(db_text(rows, 0, 4), "utf8mb4") == 0);
	CHECK(strstr(db_text(rows, 0, 5), "STRICT_ALL_TABLES") != NULL);
	CHECK(strncmp(db_text(rows, 0, 6), "4.5", 3) == 0);
	/* Strict: a value that does not fit is an error, not cut. */
	CHECK(DB_EXEC(db, NULL, "CREATE TABLE narrow (t VARCHAR(3))") == STATUS_OK);
	CHECK(DB_EXEC(db, NULL, "INSERT INTO narrow VALUES (?)", DB_TEXT("long")) ==
	      STATUS_INTERNAL);
	CHECK(DB_EXEC(db, NULL, "this is no SQL") == STATUS_INTERNAL);
	CHECK(count_rows("SELECT COUNT(*) FROM narrow") == 0);
}

static void
test_session(void **state)
{
	(void)state;
	test_run(session_task, NULL, 0);
}

/* More distinct texts than a connection keeps prepared, then the first again. */
static void
many_texts_task(void *arg)
{
	struct db_rows *rows;
	char sql[64];

	(void)arg;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 250; i++) {
			snprintf(sql, sizeof sql, "SELECT %d + ?", i);
			CHECK(DB_QUERY(db, &rows, sql, DB_INT(1000)) == STATUS_OK);
			CHECK(db_int(rows, 0, 0) == 1000 + i);
		}
	}
	/* The same text before and after the table changed. */
	CHECK(DB_EXEC(db, NULL, "CREATE TABLE shape (a INT)") == STATUS_OK);
	CHECK(DB_EXEC(db, NULL, "INSERT INTO shape VALUES (1)") == STATUS_OK);
	CHECK(DB_QUERY(db, &rows, "SELECT * FROM shape") == STATUS_OK);
	CHECK(DB_EXEC(db, NULL, "ALTER TABLE shape ADD b VARCHAR(9) DEFAULT 'new'") == STATUS_OK);
	for (int i = 0; i < 8; i++) {
		CHECK(DB_QUERY(db, &rows, "SELECT * FROM shape") == STATUS_OK);
		CHECK(strcmp(db_text(rows, 0, 1), "new") == 0);
	}
}

static void
test_many_texts(void **state)
{
	(void)state;
	test_run(many_texts_task, NULL, 0);
}

static void
too_large_task(void *arg)
{
	struct db_rows *rows;
	size_t length;

	(void)arg;
	CHECK(DB_QUERY(db, &rows, "SELECT a.seq FROM seq_1_to_200 a, seq_1_to_101 b") ==
	      STATUS_TOO_LARGE);
	CHECK(DB_QUERY(db, &rows, "SELECT REPEAT('x', 15000000)") == STATUS_OK);
	CHECK(db_blob(rows, 0, 0, &length) != NULL && length == 15000000);
	CHECK(DB_QUERY(db, &rows, "SELECT REPEAT('x', 9000000), REPEAT('x', 9000000)") ==
	      STATUS_TOO_LARGE);
	CHECK(count_rows("SELECT 5") == 5);
}

static void
test_too_large(void **state)
{
	(void)state;
	test_run(too_large_task, NULL, 0);
}

/* --- constraints ---------------------------------------------------------------------------- */

static void
conflict_task(void *arg)
{
	struct db *tx = NULL;

	(void)arg;
	CHECK(DB_EXEC(db, NULL,
	              "CREATE TABLE u (id INT PRIMARY KEY, email VARCHAR(99),"
	              " UNIQUE KEY u_email (email))") == STATUS_OK);
	CHECK(
	    DB_EXEC(db, NULL, "CREATE TABLE s (user INT, FOREIGN KEY (user) REFERENCES u (id))") ==
	    STATUS_OK);
	CHECK(DB_EXEC(db, NULL, "INSERT INTO u VALUES (1, 'a for key ''x''')") == STATUS_OK);
	CHECK(DB_EXEC(db, NULL, "INSERT INTO u VALUES (2, ?)", DB_TEXT("a for key 'x'")) ==
	      STATUS_CONFLICT);
	CHECK(db_duplicate_key("u_email") && !db_duplicate_key("PRIMARY"));
	CHECK(DB_EXEC(db, NULL, "INSERT INTO u VALUES (1, 'b')") == STATUS_CONFLICT);
	CHECK(db_duplicate_key("PRIMARY") && !db_duplicate_key("u_email"));
	CHECK(DB_EXEC(db, NULL, "INSERT INTO s VALUES (9)") == STATUS_CONFLICT);
	CHECK(!db_duplicate_key("PRIMARY") && !db_duplicate_key("u_email"));
	/* Within a transaction it is no end, and the key is known after the rollback. */
	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "INSERT INTO u VALUES (3, 'c')") == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "INSERT INTO u VALUES (3, 'd')") == STATUS_CONFLICT);
	CHECK(DB_EXEC(tx, NULL, "INSERT INTO u VALUES (4, 'd')") == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "INSERT INTO u VALUES (5, 'd')") == STATUS_CONFLICT);
	db_rollback(&tx);
	CHECK(tx == NULL && db_duplicate_key("u_email"));
	CHECK(count_rows("SELECT COUNT(*) FROM u") == 1);
	CHECK(!db_duplicate_key("u_email"));
}

static void
test_conflict(void **state)
{
	(void)state;
	test_run(conflict_task, NULL, 0);
}

/* --- transactions --------------------------------------------------------------------------- */

static void
transaction_task(void *arg)
{
	struct db *tx = NULL, *other = NULL;
	struct db_rows *rows;

	(void)arg;
	CHECK(DB_EXEC(db, NULL, "CREATE TABLE t (id INT PRIMARY KEY, n INT)") == STATUS_OK);
	CHECK(db_begin(db, &tx) == STATUS_OK && db_begin(db, &other) == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "INSERT INTO t VALUES (1, 1)") == STATUS_OK);
	CHECK(DB_QUERY(other, &rows, "SELECT id FROM t") == STATUS_OK && db_count(rows) == 0);
	CHECK(DB_QUERY(tx, &rows, "SELECT id FROM t") == STATUS_OK && db_count(rows) == 1);
	CHECK(db_commit(&tx) == STATUS_OK && tx == NULL);
	CHECK(DB_QUERY(other, &rows, "SELECT id FROM t") == STATUS_OK && db_count(rows) == 1);
	CHECK(DB_EXEC(other, NULL, "DELETE FROM t") == STATUS_OK);
	db_rollback(&other);
	db_rollback(&other);
	CHECK(count_rows("SELECT COUNT(*) FROM t") == 1);
	/* Without any statement. */
	CHECK(db_begin(db, &tx) == STATUS_OK && db_commit(&tx) == STATUS_OK);
	CHECK(db_begin(db, &tx) == STATUS_OK);
	db_rollback(&tx);
	/* Left idle for too long: rolled back, and it says so. */
	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "INSERT INTO t VALUES (2, 2)") == STATUS_OK);
	CHECK(task_sleep(900) == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "INSERT INTO t VALUES (3, 3)") == STATUS_DEPENDENCY_DOWN);
	CHECK(db_commit(&tx) == STATUS_DEPENDENCY_DOWN);
	CHECK(count_rows("SELECT COUNT(*) FROM t") == 1);
}

static void
test_transaction(void **state)
{
	(void)state;
	test_run(transaction_task, NULL, 0);
}

struct deadlock {
	int first, second;
	_Atomic int *met;
	_Atomic int *runs;
	enum status status;
};

static enum status
deadlock_fn(struct db *tx, void *arg)
{
	struct deadlock *deadlock = arg;
	enum status status;

	atomic_fetch_add(deadlock->runs, 1);
	status = DB_EXEC(tx, NULL, "UPDATE d SET n = n + 1 WHERE id = ?", DB_INT(deadlock->first));
	if (status != STATUS_OK)
		return status;
	/* Both have their first lock before either wants its second. */
	atomic_fetch_add(deadlock->met, 1);
	for (int i = 0; i < 200 && atomic_load(deadlock->met) < 2; i++)
		(void)task_sleep(5);
	return DB_EXEC(tx, NULL, "UPDATE d SET n = n + 1 WHERE id = ?", DB_INT(deadlock->second));
}

static void
deadlock_task(void *arg)
{
	struct deadlock *deadlock = arg;

	deadlock->status = db_transact(db, deadlock_fn, deadlock);
}

static void
deadlock_prepare(void *arg)
{
	(void)arg;
	CHECK(DB_EXEC(db, NULL, "CREATE TABLE d (id INT PRIMARY KEY, n INT)") == STATUS_OK);
	CHECK(DB_EXEC(db, NULL, "INSERT INTO d VALUES (1, 0), (2, 0)") == STATUS_OK);
}

static void
deadlock_verify(void *arg)
{
	(void)arg;
	CHECK(count_rows("SELECT SUM(n) FROM d") == 4);
}

static void
test_deadlock(void **state)
{
	_Atomic int met = 0, runs = 0;
	struct deadlock a = {1, 2, &met, &runs, STATUS_INTERNAL};
	struct deadlock b = {2, 1, &met, &runs, STATUS_INTERNAL};
	struct test_task first, second;

	(void)state;
	test_run(deadlock_prepare, NULL, 0);
	test_start(&first, 0, deadlock_task, &a, 0);
	test_start(&second, 1, deadlock_task, &b, 0);
	test_await(&first);
	test_await(&second);
	assert_int_equal(a.status, STATUS_OK);
	assert_int_equal(b.status, STATUS_OK);
	assert_int_equal(runs, 3); /* one of the two was run again */
	test_run(deadlock_verify, NULL, 0);
}

static void
lock_holder_task(void *arg)
{
	struct db *tx;

	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "UPDATE l SET n = 1 WHERE id = 1") == STATUS_OK);
	atomic_store((_Atomic int *)arg, 1);
	CHECK(DB_EXEC(tx, NULL, "DO SLEEP(3.8)") == STATUS_OK);
	db_rollback(&tx);
}

static void
lock_wait_task(void *arg)
{
	struct db *tx;
	uint64_t begun;

	while (atomic_load((_Atomic int *)arg) == 0)
		(void)task_sleep(5);
	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "UPDATE l SET n = 5 WHERE id = 2") == STATUS_OK);
	begun = clock_ms();
	CHECK(DB_EXEC(tx, NULL, "UPDATE l SET n = 5 WHERE id = 1") == STATUS_OVERLOADED);
	CHECK(clock_ms() - begun >= 1500);
	/* Doomed: nothing more, and nothing of it stays. */
	CHECK(DB_EXEC(tx, NULL, "UPDATE l SET n = 6 WHERE id = 2") == STATUS_OVERLOADED);
	CHECK(db_commit(&tx) == STATUS_OVERLOADED);
	CHECK(count_rows("SELECT SUM(n) FROM l WHERE id = 2") == 0);
}

static void
lock_prepare(void *arg)
{
	(void)arg;
	CHECK(DB_EXEC(db, NULL, "CREATE TABLE l (id INT PRIMARY KEY, n INT)") == STATUS_OK);
	CHECK(DB_EXEC(db, NULL, "INSERT INTO l VALUES (1, 0), (2, 0)") == STATUS_OK);
}

static void
test_lock_wait(void **state)
{
	_Atomic int held = 0;
	struct test_task holder;

	(void)state;
	test_run(lock_prepare, NULL, 0);
	test_start(&holder, 1, lock_holder_task, &held, 0);
	test_run(lock_wait_task, &held, 0);
	test_await(&holder);
}

/* --- cancellation and deadlines ------------------------------------------------------------- */

static void
abandon_task(void *arg)
{
	struct db_rows *rows;

	*(enum status *)arg = DB_QUERY(db, &rows, "SELECT SLEEP(3)");
}

static void
test_cancel_in_query(void **state)
{
	enum status status = STATUS_OK;
	struct test_task test;
	uint64_t begun;

	(void)state;
	test_start(&test, 0, abandon_task, &status, 0);
	usleep(100000);
	begun = clock_ms();
	test_cancel(&test, 0);
	test_await(&test);
	assert_int_equal(status, STATUS_CANCELLED);
	assert_true(clock_ms() - begun < 2500);

	begun = clock_ms();
	test_start(&test, 1, abandon_task, &status, 200);
	test_await(&test);
	assert_int_equal(status, STATUS_DEADLINE);
	assert_in_range(clock_ms() - begun, 150, 2500);
}

static void
abandon_tx_task(void *arg)
{
	struct db *tx;
	enum status *statuses = arg;

	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "UPDATE l SET n = 100 WHERE id = 1") == STATUS_OK);
	statuses[0] = DB_EXEC(tx, NULL, "DO SLEEP(0.5)");
	statuses[1] = DB_EXEC(tx, NULL, "UPDATE l SET n = 100 WHERE id = 2");
	statuses[2] = db_commit(&tx);
}

static void
after_abandoned_tx(void *arg)
{
	(void)arg;
	/* The row's lock is free as soon as the statement that ran has ended. */
	CHECK(DB_EXEC(db, NULL, "UPDATE l SET n = n + 1 WHERE id = 1") == STATUS_OK);
	CHECK(count_rows("SELECT SUM(n) FROM l") == 1);
}

static void
test_cancel_in_transaction(void **state)
{
	enum status statuses[3];
	struct test_task test;

	(void)state;
	test_start(&test, 0, abandon_tx_task, statuses, 0);
	usleep(150000);
	test_cancel(&test, 0);
	test_await(&test);
	for (int i = 0; i < 3; i++)
		assert_int_equal(statuses[i], STATUS_CANCELLED);
	test_run(after_abandoned_tx, NULL, 0);
}

/* --- queue ---------------------------------------------------------------------------------- */

static struct db *narrow;

static void
narrow_busy_task(void *arg)
{
	(void)arg;
	CHECK(DB_EXEC(narrow, NULL, "DO SLEEP(0.6)") == STATUS_OK);
}

static void
narrow_insert_task(void *arg)
{
	*(enum status *)arg = DB_EXEC(narrow, NULL, "INSERT INTO q VALUES (1)");
}

static void
narrow_verify_task(void *arg)
{
	(void)arg;
	CHECK(count_rows("SELECT COUNT(*) FROM q") == 1);
}

static void
narrow_prepare_task(void *arg)
{
	(void)arg;
	CHECK(DB_EXEC(narrow, NULL, "CREATE TABLE q (n INT)") == STATUS_OK);
}

/* One connection that is busy, room for two in the queue: one goes through, one is taken back in
 * time, the third is refused at once. */
static void
test_queue(void **state)
{
	enum status through = STATUS_INTERNAL, late = STATUS_OK, refused = STATUS_OK;
	struct test_task busy, a, b, c;

	(void)state;
	narrow = open_db(1, 2);
	test_run(narrow_prepare_task, NULL, 0);
	test_start(&busy, 0, narrow_busy_task, NULL, 0);
	usleep(100000);
	test_start(&a, 0, narrow_insert_task, &through, 0);
	test_start(&b, 1, narrow_insert_task, &late, 200);
	usleep(50000);
	test_start(&c, 1, narrow_insert_task, &refused, 0);
	test_await(&c);
	test_await(&b);
	test_await(&a);
	test_await(&busy);
	assert_int_equal(refused, STATUS_OVERLOADED);
	assert_int_equal(late, STATUS_DEADLINE);
	assert_int_equal(through, STATUS_OK);
	test_run(narrow_verify_task, NULL, 0);
	db_close(&narrow);
}

static void
crowd_task(void *arg)
{
	struct db *tx;
	int64_t n = (int64_t)(intptr_t)arg;

	for (int i = 0; i < 3; i++)
		CHECK(DB_EXEC(db, NULL, "INSERT INTO crowd (n) VALUES (?)", DB_INT(n)) ==
		      STATUS_OK);
	CHECK(db_begin(db, &tx) == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "DELETE FROM crowd WHERE n = ? LIMIT 2", DB_INT(n)) == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "INSERT INTO crowd (n) VALUES (?)", DB_INT(n)) == STATUS_OK);
	if (n % 2 == 0)
		CHECK(db_commit(&tx) == STATUS_OK);
	else
		db_rollback(&tx);
}

static void
crowd_prepare(void *arg)
{
	(void)arg;
	CHECK(DB_EXEC(db, NULL,
	              "CREATE TABLE crowd (id INT AUTO_INCREMENT PRIMARY KEY, n INT,"
	              " KEY (n))") == STATUS_OK);
}

static void
crowd_verify(void *arg)
{
	(void)arg;
	CHECK(count_rows("SELECT COUNT(*) FROM crowd") == 500 * 2 + 500 * 3);
}

static void
test_crowd(void **state)
{
	enum {
		CROWD = 1000
	};
	struct test_task *tasks = calloc(CROWD, sizeof *tasks);
	uint64_t begun;

	(void)state;
	test_run(crowd_prepare, NULL, 0);
	begun = clock_ms();
	for (int i = 0; i < CROWD; i++)
		test_start(&tasks[i], (unsigned)i, crowd_task, (void *)(intptr_t)i, 0);
	for (int i = 0; i < CROWD; i++)
		test_await(&tasks[i]);
	printf("1,000 tasks, 5,500 statements: %d ms\n", (int)(clock_ms() - begun));
	test_run(crowd_verify, NULL, 0);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
	free(tasks);
}

/* --- migrations ----------------------------------------------------------------------------- */

static const struct db_migration migrations[] = {
    {1, "first",
     "-- a comment; with a semicolon\n"
     "CREATE TABLE m (a INT,\n  b VARCHAR(9) DEFAULT ';');\n\n"
     "INSERT INTO m (a) VALUES (1);\n"},
    {2, "second", "ALTER TABLE m ADD c INT;\nUPDATE m SET c = 2"},
};
static const struct db_migration broken[] = {
    {3, "third", "ALTER TABLE m ADD d INT;\nALTER TABLE none ADD d INT;\n"},
};
static const struct db_migration mended[] = {
    {3, "third", "ALTER TABLE m ADD d INT;\nUPDATE m SET d = 3;\n"},
};

static void *
migrate_thread(void *arg)
{
	char error[300];

	*(int *)arg = db_migrate(db_url, migrations, 2, 0, error, sizeof error);
	return NULL;
}

static void
migrate_verify(void *arg)
{
	(void)arg;
	CHECK(count_rows("SELECT COUNT(*) FROM m WHERE a = 1 AND b = ';' AND c = 2") == 1);
	CHECK(count_rows("SELECT COUNT(*) FROM schema_migration WHERE complete = 1") == 2);
}

static void
migrate_verify_mended(void *arg)
{
	(void)arg;
	CHECK(count_rows("SELECT d FROM m") == 3);
}

/* As if the process had died between doing a statement and writing that down. */
static void
migrate_forget(void *arg)
{
	(void)arg;
	CHECK(DB_EXEC(db, NULL,
	              "UPDATE schema_migration SET complete = 0, done = 0, begun = 1 "
	              "WHERE number = 3") == STATUS_OK);
}

static void
test_migrate(void **state)
{
	pthread_t threads[2];
	int outcomes[2];
	char error[300] = "";

	(void)state;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, migrate_thread, &outcomes[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(outcomes[0], 0);
	assert_int_equal(outcomes[1], 0);
	test_run(migrate_verify, NULL, 0);
	assert_int_equal(db_migrate(db_url, broken, 1, 0, error, sizeof error), -1);
	assert_non_null(strstr(error, "003_third, statement 2"));
	assert_int_equal(db_migrate(db_url, mended, 1, 0, error, sizeof error), 0);
	test_run(migrate_verify_mended, NULL, 0);
	test_run(migrate_forget, NULL, 0);
	assert_int_equal(db_migrate(db_url, mended, 1, 0, error, sizeof error), 0);
	assert_int_equal(
	    db_migrate("mysql://root@/d?socket=/nowhere", mended, 1, 0, error, sizeof error), -1);
}

/* --- set-up --------------------------------------------------------------------------------- */

static void
test_url(void **state)
{
	static const char *const bad[] = {"",
	                                  "mysql:",
	                                  "redis://h/d",
	                                  "mysql://h",
	                                  "mysql://h/",
	                                  "mysql://h:0/d",
	                                  "mysql://h:70000/d",
	                                  "mysql://h:x/d",
	                                  "mysql://u%zz@h/d",
	                                  "mysql://[::1/d",
	                                  "mysql://h/d%00"};
	struct url url;
	char error[200];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct db_options options = {.url = bad[i]};

		error[0] = '\0';
		assert_null(db_open(&options, error, sizeof error));
		assert_string_not_equal(error, "");
	}
	assert_int_equal(url_parse(&url, "mysql://us%40er:p%3a%2F@[::1]:3307/d?socket=%2fa&x",
	                           error, sizeof error),
	                 0);
	assert_string_equal(url.user, "us@er");
	assert_string_equal(url.password, "p:/");
	assert_string_equal(url.host, "::1");
	assert_int_equal(url.port, 3307);
	assert_string_equal(url.path, "d");
	assert_string_equal(url_param(&url, "socket"), "/a");
	assert_string_equal(url_param(&url, "x"), "");
	assert_null(url_param(&url, "y"));
	url_fini(&url);
}

static void
create_database(void)
{
	static const struct db_migration create = {1, "create", "CREATE DATABASE study"};
	char url[192], error[200];

	snprintf(url, sizeof url, "mysql://root@/mysql?socket=%s", mariadb.socket);
	assert_int_equal(db_migrate(url, &create, 1, 10, error, sizeof error), 0);
	snprintf(db_url, sizeof db_url, "mysql://root@/study?socket=%s", mariadb.socket);
	/* Makes the database utf8mb4. */
	assert_int_equal(db_migrate(db_url, NULL, 0, 10, error, sizeof error), 0);
}

static int
setup(void **state)
{
	(void)state;
	test_workers_start();
	server_make_dir();
	mariadb_start(&mariadb);
	create_database();
	db = open_db(4, 5000);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_workers_stop();
	db_close(&db);
	server_kill(&mariadb);
	server_remove_dir();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_url),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_session),
	    cmocka_unit_test(test_many_texts),
	    cmocka_unit_test(test_too_large),
	    cmocka_unit_test(test_conflict),
	    cmocka_unit_test(test_transaction),
	    cmocka_unit_test(test_deadlock),
	    cmocka_unit_test(test_lock_wait),
	    cmocka_unit_test(test_cancel_in_query),
	    cmocka_unit_test(test_cancel_in_transaction),
	    cmocka_unit_test(test_queue),
	    cmocka_unit_test(test_crowd),
	    cmocka_unit_test(test_migrate),
	};

	return cmocka_run_group_tests_name("db", tests, setup, teardown);
}
