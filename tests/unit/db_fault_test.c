/* SPDX-License-Identifier: MIT
 * db: what tasks see when MariaDB is killed, stopped, or vanishes in mid-commit. */
#include "tests/unit/io_servers.h"

#include "common/io/db.h"
#include "common/io/db_migrate.h"

static struct server mariadb;
static struct db *db;
static char db_url[192];

static struct {
	enum status status;
	uint64_t took_ms;
} outcome;

static void
ask_task(void *arg)
{
	struct db_rows *rows;
	uint64_t begun = clock_ms();

	outcome.status = DB_QUERY(db, &rows, arg != NULL ? arg : "SELECT 1");
	outcome.took_ms = clock_ms() - begun;
}

static enum status
ask(const char *sql, uint64_t deadline_ms)
{
	struct test_task test;

	test_start(&test, 0, ask_task, (void *)(uintptr_t)sql, deadline_ms);
	test_await(&test);
	return outcome.status;
}

/* Asks until it works; gives the time that took. */
static uint64_t
await_recovery(void)
{
	uint64_t begun = clock_ms();

	while (ask(NULL, 1000) != STATUS_OK && clock_ms() - begun < 60000)
		usleep(10000);
	return clock_ms() - begun;
}

static void
await_health(bool wanted)
{
	for (int i = 0; i < 1000 && db_healthy(db) != wanted; i++)
		usleep(10000);
	assert_int_equal(db_healthy(db), wanted);
}

/* Most of the time at least: a busy machine takes some, too. */
static void
assert_refused_at_once(void)
{
	int quick = 0;

	for (int i = 0; i < 20; i++) {
		assert_int_equal(ask(NULL, 0), STATUS_DEPENDENCY_DOWN);
		quick += outcome.took_ms < 250;
	}
	assert_true(quick > 10);
}

static void
test_kill(void **state)
{
	struct test_task test;
	uint64_t begun;

	(void)state;
	assert_int_equal(ask("CREATE TABLE f (id INT PRIMARY KEY, n INT)", 0), STATUS_OK);
	assert_int_equal(ask("INSERT INTO f VALUES (1, 1)", 0), STATUS_OK);
	test_start(&test, 0, ask_task, "SELECT SLEEP(3)", 0);
	usleep(200000);
	begun = clock_ms();
	server_kill(&mariadb);
	test_await(&test);
	assert_int_equal(outcome.status, STATUS_DEPENDENCY_DOWN);
	assert_true(clock_ms() - begun < 1500); /* sooner than the time limit */
	await_health(false);
	assert_refused_at_once();
	mariadb_start(&mariadb);
	printf("back %d ms after the server\n", (int)await_recovery());
	await_health(true);
	/* All connections, not only the first. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask(NULL, 0), STATUS_OK);
}

/* Idle connections that died are not used: a restart costs nobody an error. */
static void
test_restart_while_idle(void **state)
{
	(void)state;
	assert_int_equal(ask(NULL, 0), STATUS_OK);
	server_kill(&mariadb);
	mariadb_start(&mariadb);
	await_recovery();
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask("INSERT INTO f SELECT MAX(id) + 1, 0 FROM f", 0), STATUS_OK);
}

static void
test_stop(void **state)
{
	uint64_t begun;

	(void)state;
	server_signal(&mariadb, SIGSTOP);
	assert_int_equal(ask(NULL, 300), STATUS_DEADLINE);
	assert_true(outcome.took_ms < 10000);
	/* The connections give up one by one, new ones do not come to be. */
	begun = clock_ms();
	while (db_healthy(db) && clock_ms() - begun < 60000) {
		(void)ask(NULL, 200);
		usleep(20000);
	}
	printf("a stopped server is given up after %d ms\n", (int)(clock_ms() - begun));
	assert_false(db_healthy(db));
	usleep(2500000);
	assert_refused_at_once();
	server_signal(&mariadb, SIGCONT);
	printf("back %d ms after it goes on\n", (int)await_recovery());
	assert_int_equal(ask(NULL, 0), STATUS_OK);
}

/* A statement that takes too long is ended by the server, the connection stays. */
static void
test_slow_statement(void **state)
{
	(void)state;
	assert_int_equal(
	    ask("SELECT SUM(a.seq * b.seq) FROM seq_1_to_100000 a, seq_1_to_100000 b", 0),
	    STATUS_OVERLOADED);
	assert_true(outcome.took_ms < 20000);
	assert_int_equal(ask(NULL, 0), STATUS_OK);
}

/* --- commit --------------------------------------------------------------------------------- */

static struct db *blocker; /* one connection, which holds all commits back */
static struct db *patient; /* waits long for an answer */

struct commit {
	int id;            /* of the row */
	uint32_t limit_ms; /* the task's deadline, from the commit on; 0: none */
	uint64_t begun_ms;
	sem_t begun;
};

static void
commit_task(void *arg)
{
	struct commit *commit = arg;
	struct db *tx;

	CHECK(db_begin(patient, &tx) == STATUS_OK);
	CHECK(DB_EXEC(tx, NULL, "INSERT INTO f VALUES (?, 0)", DB_INT(commit->id)) == STATUS_OK);
	CHECK(DB_EXEC(blocker, NULL, "FLUSH TABLES WITH READ LOCK") == STATUS_OK);
	commit->begun_ms = clock_ms();
	if (commit->limit_ms != 0)
		task_limit(commit->begun_ms + commit->limit_ms);
	sem_post(&commit->begun);
	outcome.status = db_commit(&tx);
	outcome.took_ms = clock_ms() - commit->begun_ms;
	CHECK(tx == NULL);
}

/* Returns with the commit under way. */
static void
commit_start(struct test_task *test, struct commit *commit)
{
	sem_init(&commit->begun, 0, 0);
	test_start(test, 0, commit_task, commit, 0);
	while (sem_wait(&commit->begun) != 0 && errno == EINTR)
		;
	sem_destroy(&commit->begun);
}

struct statement {
	struct db *db;
	const char *sql;
	enum status status;
};

static void
statement_task(void *arg)
{
	struct statement *statement = arg;

	statement->status = DB_EXEC(statement->db, NULL, statement->sql);
}

/* Runs the statement as soon as the server, which may have just come back, takes it. */
static void
await_statement(struct db *by, const char *sql)
{
	struct statement statement = {by, sql, STATUS_DEPENDENCY_DOWN};

	for (int i = 0; i < 1000 && statement.status != STATUS_OK; i++) {
		if (i > 0)
			usleep(10000);
		test_run(statement_task, &statement, 0);
	}
	assert_int_equal(statement.status, STATUS_OK);
}

static void
unblock(void)
{
	await_statement(blocker, "UNLOCK TABLES");
}

static void
test_commit_lost(void **state)
{
	struct commit commit = {.id = 1001};
	struct test_task test;

	(void)state;
	unblock();
	await_statement(patient, "DO 1");
	commit_start(&test, &commit);
	usleep(200000);
	server_kill(&mariadb);
	test_await(&test);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
	assert_int_equal(outcome.status, STATUS_DEPENDENCY_DOWN);
	mariadb_start(&mariadb);
}

static void
found_task(void *arg)
{
	struct db_rows *rows;

	CHECK(DB_QUERY(patient, &rows, "SELECT n FROM f WHERE id = ?", DB_INT((intptr_t)arg)) ==
	          STATUS_OK &&
	      db_count(rows) == 1);
}

/* A commit that is under way when its task's time is over is awaited for a little while. */
static void
test_commit_lingers(void **state)
{
	struct commit commit = {.id = 2000, .limit_ms = 200};
	struct test_task test;
	uint64_t unblocked_ms;

	(void)state;
	unblock();
	await_statement(patient, "DO 1");
	do {
		commit.id++;
		commit_start(&test, &commit);
		usleep(250000);
		unblock();
		unblocked_ms = clock_ms();
		test_await(&test);
		assert_int_equal(atomic_exchange(&check_failures, 0), 0);
		/* A busy machine may come with the unlocking when the little while is over. */
	} while (outcome.status != STATUS_OK && unblocked_ms - commit.begun_ms > 1100 &&
	         commit.id < 2050);
	assert_int_equal(outcome.status, STATUS_OK);
	assert_true(outcome.took_ms >= 200);
	test_run(found_task, (void *)(intptr_t)commit.id, 0);
}

/* But no longer than that. */
static void
test_commit_is_given_up(void **state)
{
	struct commit commit = {.id = 3001};
	struct test_task test;

	(void)state;
	unblock();
	await_statement(patient, "DO 1");
	commit_start(&test, &commit);
	test_cancel(&test, 0);
	test_await(&test);
	assert_int_equal(outcome.status, STATUS_DEPENDENCY_DOWN);
	assert_in_range(outcome.took_ms, 900, 20000);
	unblock();
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
}

static int
setup(void **state)
{
	static const struct db_migration create = {1, "create", "CREATE DATABASE study"};
	char error[200], url[192];
	struct db_options options = {.url = db_url, .connections = 3, .io_timeout_s = 2};

	(void)state;
	test_workers_start();
	server_make_dir();
	mariadb_start(&mariadb);
	snprintf(url, sizeof url, "mysql://root@/mysql?socket=%s", mariadb.socket);
	assert_int_equal(db_migrate(url, &create, 1, 10, error, sizeof error), 0);
	snprintf(db_url, sizeof db_url, "mysql://root@/study?socket=%s", mariadb.socket);
	db = db_open(&options, error, sizeof error);
	options.connections = 1;
	blocker = db_open(&options, error, sizeof error);
	options.io_timeout_s = 60;
	patient = db_open(&options, error, sizeof error);
	return db != NULL && blocker != NULL && patient != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	test_workers_stop();
	db_close(&db);
	db_close(&blocker);
	db_close(&patient);
	server_kill(&mariadb);
	server_remove_dir();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kill),
	    cmocka_unit_test(test_restart_while_idle),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_slow_statement),
	    cmocka_unit_test(test_commit_lost),
	    cmocka_unit_test(test_commit_lingers),
	    cmocka_unit_test(test_commit_is_given_up),
	};

	return cmocka_run_group_tests_name("db_fault", tests, setup, teardown);
}
