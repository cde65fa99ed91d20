/* SPDX-License-Identifier: MIT
 * cache_aside, cache_epoch: a read after a write sees it, whatever happens to Redis. */
#include "tests/unit/io_servers.h"

#include "common/base/arena.h"
#include "common/io/cache.h"
#include "common/io/cache_aside.h"
#include "common/io/cache_epoch.h"
#include "common/io/db.h"
#include "common/io/db_migrate.h"
#include "common/task/flight.h"

/* Two caches on the same Redis and database stand for two processes. */
enum {
	SIDES = 2,
	KEYS = 8
};

static struct server mariadb, redis;
static struct db *db;
static struct cache *caches[SIDES];
static struct cache_epoch epochs[SIDES];
static struct test_task epoch_tasks[SIDES];
static struct flight *flights[SIDES];
static _Atomic int loads;
static int
    subject; /* the id that a test is about: what a stopped Redis locks late stays so for 30 s */

/* --- harness -------------------------------------------------------------------------------- */

static void
attach_task(void *arg)
{
	CHECK(cache_attach(arg) == STATUS_OK);
}

static void
detach_task(void *arg)
{
	cache_detach(arg);
}

static void
on_both_workers(task_fn *fn, void *arg)
{
	for (unsigned i = 0; i < 2; i++) {
		struct test_task test;

		test_start(&test, i, fn, arg, 0);
		test_await(&test);
	}
}

static void
await_trust(void)
{
	for (int i = 0; i < 60000; i++) {
		bool well = true;

		for (int side = 0; side < SIDES; side++)
			well &= cache_healthy(caches[side]) && cache_trusted(caches[side]);
		if (well)
			return;
		usleep(1000);
	}
	fail_msg("the caches are not trusted again");
}

static void
redis_say(const char *line)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char reply[100];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", redis.socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	assert_true(read(fd, reply, sizeof reply) > 0);
	assert_int_equal(reply[0], '+');
	close(fd);
}

static enum status
load_n(void *arg, const void **bytes, size_t *length)
{
	struct db_rows *rows;
	enum status status;

	atomic_fetch_add(&loads, 1);
	status = DB_QUERY(db, &rows, "SELECT n, SLEEP(IF(id = 1, 0.1, 0)) FROM c WHERE id = ?",
	                  DB_INT((intptr_t)arg));
	if (status != STATUS_OK)
		return status;
	*bytes = db_text(rows, 0, 0);
	*length = strlen(*bytes);
	return STATUS_OK;
}

/* -1: the read failed. */
static int64_t
read_n(int side, intptr_t id, bool *hit)
{
	const void *bytes;
	size_t length;
	char key[32];
	struct cache_read read = {.cache = caches[side],
	                          .flight = flights[side],
	                          .key = key,
	                          .ttl_s = 600,
	                          .load = load_n,
	                          .arg = (void *)id};

	snprintf(key, sizeof key, "c-%d", (int)id);
	if (cache_read(&read, &bytes, &length, hit) != STATUS_OK)
		return -1;
	return strtoll(bytes, NULL, 10);
}

static enum status
write_n_tx(struct db *tx, void *arg)
{
	return DB_EXEC(tx, NULL, "UPDATE c SET n = n + 1 WHERE id = ?", DB_INT((intptr_t)arg));
}

static enum status
write_n(int side, intptr_t id)
{
	char key[32];
	const char *keys[] = {key};

	snprintf(key, sizeof key, "c-%d", (int)id);
	return cache_transact(caches[side], db, keys, 1, write_n_tx, (void *)id);
}

/* --- reading -------------------------------------------------------------------------------- */

static void
read_one_task(void *arg)
{
	CHECK(read_n((int)(intptr_t)arg, 1, NULL) == 0);
}

static void
crowd_reads(struct test_task *tasks, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		test_start(&tasks[i], i, read_one_task, (void *)0, 0);
	for (unsigned i = 0; i < count; i++)
		test_await(&tasks[i]);
}

/* Changes when a cache lost its trust in Redis. A busy machine may keep Redis silent for longer
 * than the cache waits: then there are no hits, and a try that wants them says nothing. */
static uint64_t
generations(void)
{
	return cache_generation(caches[0]) + cache_generation(caches[1]);
}

/* A thousand misses make one query; then all are hits. */
static void
test_single_flight(void **state)
{
	enum {
		CROWD = 1000,
		TRIES = 50
	};
	struct test_task *tasks = calloc(CROWD, sizeof *tasks);
	bool steady = false;

	(void)state;
	for (int i = 0; i < TRIES && !steady; i++) {
		uint64_t generation;

		await_trust();
		redis_say("FLUSHALL\r\n");
		generation = generations();
		loads = 0;
		crowd_reads(tasks, CROWD);
		crowd_reads(tasks, CROWD);
		steady = generations() == generation;
	}
	free(tasks);
	assert_true(steady);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
	assert_int_equal(loads, 1);
}

static void
write_then_read_task(void *arg)
{
	int rounds = 0;

	(void)arg;
	for (int i = 0; i < 500 && rounds < 5; i++) {
		uint64_t generation = generations();
		int64_t before = read_n(0, 2, NULL);
		bool trusted = cache_trusted(caches[0]) && cache_trusted(caches[1]), hits[3];

		CHECK(read_n(1, 2, &hits[0]) == before);
		CHECK(write_n(0, 2) == STATUS_OK);
		CHECK(read_n(1, 2, &hits[1]) == before + 1);
		CHECK(read_n(0, 2, &hits[2]) == before + 1);
		if (!trusted || generations() != generation) {
			(void)task_sleep(20);
			continue;
		}
		CHECK(hits[0] && !hits[1] && hits[2]);
		rounds++;
	}
	CHECK(rounds == 5);
}

static void
test_write_then_read(void **state)
{
	(void)state;
	await_trust();
	test_run(write_then_read_task, NULL, 0);
}

/* --- Redis stops and goes on ---------------------------------------------------------------- */

static void
write_while_stopped_task(void *arg)
{
	int64_t *n = arg;

	CHECK(write_n(0, subject) == STATUS_OK);
	CHECK(read_n(0, subject, NULL) == *n + 1);
	*n += 1;
}

static void
read_for_a_while_task(void *arg)
{
	int64_t n = *(int64_t *)arg;
	uint64_t begun = clock_ms();
	while (clock_ms() - begun < 3000) {
		CHECK(read_n(0, subject, NULL) == n);
		/* The other process had nothing to do with Redis: it learns of the epoch within its
		 * period. */
		if (read_n(1, subject, NULL) != n)
			CHECK(clock_ms() - begun < CACHE_EPOCH_PERIOD_MS + 1500);
		(void)task_sleep(5);
	}
}

static void
fill_both_task(void *arg)
{
	bool first = false, second = false;

	for (int i = 0; i < 500 && !(first && second); i++) {
		if (i > 0)
			(void)task_sleep(20);
		*(int64_t *)arg = read_n(0, subject, NULL);
		CHECK(read_n(0, subject, &first) == *(int64_t *)arg);
		CHECK(read_n(1, subject, &second) == *(int64_t *)arg);
	}
	CHECK(first && second);
}

static void
test_stopped_redis_revives_nothing(void **state)
{
	int64_t n = 0;

	(void)state;
	subject = 3;
	await_trust();
	test_run(fill_both_task, &n, 0);
	server_signal(&redis, SIGSTOP);
	test_run(write_while_stopped_task, &n, 0);
	server_signal(&redis, SIGCONT);
	test_run(read_for_a_while_task, &n, 0);
}

/* Redis comes back from a snapshot that is older than the last writes. */
static void
save_task(void *arg)
{
	struct cache_entry entry;

	(void)arg;
	CHECK(cache_get(caches[0], "c-5", &entry));
}

static void
write_task(void *arg)
{
	int64_t *n = arg;

	CHECK(write_n(0, subject) == STATUS_OK);
	*n += 1;
}

static void
test_old_snapshot_revives_nothing(void **state)
{
	int64_t n = 0;

	(void)state;
	subject = 5;
	await_trust();
	test_run(fill_both_task, &n, 0);
	test_run(save_task, NULL, 0);
	redis_say("SAVE\r\n");
	test_run(write_task, &n, 0);
	server_kill(&redis);
	redis_start(&redis);
	for (int i = 0; i < 30000 && !cache_healthy(caches[0]); i++)
		usleep(1000);
	test_run(read_for_a_while_task, &n, 0);
}

/* --- MariaDB stops -------------------------------------------------------------------------- */

static void
cached_read_task(void *arg)
{
	bool hit = false;

	CHECK(read_n(0, subject, &hit) == *(int64_t *)arg && hit);
	CHECK(read_n(0, 4, NULL) == -1);
	CHECK(write_n(0, subject) == STATUS_DEPENDENCY_DOWN);
	/* What the database did not take changes nothing. */
	CHECK(read_n(0, subject, &hit) == *(int64_t *)arg && hit);
}

static void
after_outage_task(void *arg)
{
	struct db_rows *rows;

	(void)arg;
	CHECK(DB_QUERY(db, &rows, "SELECT n FROM c WHERE id = 6") == STATUS_OK);
	CHECK(read_n(0, subject, NULL) == db_int(rows, 0, 0));
}

static void
test_database_down(void **state)
{
	int64_t n = 0;

	(void)state;
	subject = 6;
	await_trust();
	test_run(fill_both_task, &n, 0);
	server_kill(&mariadb);
	for (int i = 0; i < 30000 && db_healthy(db); i++)
		usleep(1000);
	usleep(700000);
	test_run(cached_read_task, &n, 0);
	mariadb_start(&mariadb);
	for (int i = 0; i < 30000 && !db_healthy(db); i++)
		usleep(1000);
	await_trust();
	test_run(after_outage_task, &n, 0);
}

/* --- a storm -------------------------------------------------------------------------------- */

static _Atomic int64_t written[KEYS]; /* the least that a read from now on must show */
static _Atomic bool storm_over;
static _Atomic int reads, hits, writes;

static void
storm_reader_task(void *arg)
{
	while (!storm_over) {
		int id = (int)ids_below(KEYS);
		int64_t least = written[id], n;
		bool hit = false;

		n = read_n(0, 10 + id, &hit);
		CHECK(n == -1 || n >= least);
		atomic_fetch_add(&reads, n != -1);
		atomic_fetch_add(&hits, hit);
		if (task_sleep(ids_below(4)) != STATUS_OK)
			break;
	}
	(void)arg;
}

static void
storm_writer_task(void *arg)
{
	int id = (int)(intptr_t)arg; /* the only writer of its key */

	while (!storm_over) {
		if (write_n(0, 10 + id) == STATUS_OK) {
			atomic_fetch_add(&written[id], 1);
			atomic_fetch_add(&writes, 1);
		}
		if (task_sleep(ids_below(300)) != STATUS_OK)
			break;
	}
}

static void
test_storm(void **state)
{
	struct test_task tasks[40 + KEYS];

	(void)state;
	await_trust();
	storm_over = false;
	for (int i = 0; i < KEYS; i++)
		test_start(&tasks[i], (unsigned)i, storm_writer_task, (void *)(intptr_t)i, 0);
	for (int i = KEYS; i < 40 + KEYS; i++)
		test_start(&tasks[i], (unsigned)i, storm_reader_task, NULL, 0);
	for (int round = 0; round < 6; round++) {
		usleep(400000);
		if (round % 3 == 2) {
			server_kill(&redis);
			usleep(100000);
			redis_start(&redis);
		} else {
			server_signal(&redis, SIGSTOP);
			usleep(50000 + ids_below(200000));
			server_signal(&redis, SIGCONT);
		}
	}
	usleep(1500000);
	storm_over = true;
	for (int i = 0; i < 40 + KEYS; i++)
		test_await(&tasks[i]);
	printf("storm: %d reads, %d hits, %d writes\n", reads, hits, writes);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
	assert_true(hits > 1000 && writes > 50);
}

/* --- set-up --------------------------------------------------------------------------------- */

static void
open_database(void)
{
	static const struct db_migration create = {1, "create", "CREATE DATABASE study"};
	static const struct db_migration schema[] = {
	    {1, "epoch", CACHE_EPOCH_SCHEMA},
	    {2, "c",
	     "CREATE TABLE c (id INT PRIMARY KEY, n BIGINT NOT NULL);\n"
	     "INSERT INTO c VALUES (1,0), (2,0), (3,0), (4,0), (5,0), (6,0), (10,0), (11,0), "
	     "(12,0), "
	     "(13,0), (14,0), (15,0), (16,0), (17,0);\n"},
	};
	char url[192], error[200];
	struct db_options options = {.url = url};

	snprintf(url, sizeof url, "mysql://root@/mysql?socket=%s", mariadb.socket);
	assert_int_equal(db_migrate(url, &create, 1, 10, error, sizeof error), 0);
	snprintf(url, sizeof url, "mysql://root@/study?socket=%s", mariadb.socket);
	assert_int_equal(db_migrate(url, schema, 2, 10, error, sizeof error), 0);
	db = db_open(&options, error, sizeof error);
	assert_non_null(db);
}

static int
setup(void **state)
{
	char url[128], error[200];
	struct cache_options options = {.url = url, .prefix = "aside"};

	(void)state;
	test_workers_start();
	server_make_dir();
	mariadb_start(&mariadb);
	redis_start(&redis);
	open_database();
	snprintf(url, sizeof url, "unix://%s", redis.socket);
	for (int side = 0; side < SIDES; side++) {
		caches[side] = cache_open(&options, error, sizeof error);
		flights[side] = flight_new();
		on_both_workers(attach_task, caches[side]);
		epochs[side] = (struct cache_epoch){caches[side], db};
		test_start(&epoch_tasks[side], (unsigned)side, cache_epoch_run, &epochs[side], 0);
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (int side = 0; side < SIDES; side++) {
		test_cancel(&epoch_tasks[side], (unsigned)side);
		test_await(&epoch_tasks[side]);
		on_both_workers(detach_task, caches[side]);
	}
	test_workers_stop();
	for (int side = 0; side < SIDES; side++) {
		cache_close(&caches[side]);
		flight_free(&flights[side]);
	}
	db_close(&db);
	server_kill(&redis);
	server_kill(&mariadb);
	server_remove_dir();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_single_flight),
	    cmocka_unit_test(test_write_then_read),
	    cmocka_unit_test(test_stopped_redis_revives_nothing),
	    cmocka_unit_test(test_old_snapshot_revives_nothing),
	    cmocka_unit_test(test_database_down),
	    cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests_name("cache_aside", tests, setup, teardown);
}
