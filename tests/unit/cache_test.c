/* SPDX-License-Identifier: MIT
 * cache: marks, fills and counters against a real Redis, and what tasks see when it is gone. */
#include "tests/unit/io_servers.h"

#include "common/base/arena.h"
#include "common/io/cache.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct server redis;
static struct cache *cache;
static char redis_url[128];

#define TIMEOUT_MS 300

/* --- harness -------------------------------------------------------------------------------- */

/* One inline command past the cache; gives the first line of the reply. */
static void
redis_say(const char *command, char *reply, size_t reply_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t got;

	snprintf(address.sun_path, sizeof address.sun_path, "%s", redis.socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(write(fd, command, strlen(command)), strlen(command));
	assert_int_equal(write(fd, "\r\n", 2), 2);
	got = read(fd, reply, reply_size - 1);
	assert_true(got > 0);
	reply[got] = '\0';
	reply[strcspn(reply, "\r\n")] = '\0';
	close(fd);
}

static void
redis_do(const char *command)
{
	char reply[200];

	redis_say(command, reply, sizeof reply);
	assert_string_equal(reply, "+OK");
}

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
await_health(bool wanted)
{
	for (int i = 0; i < 30000 && cache_healthy(cache) != wanted; i++)
		usleep(1000);
	assert_int_equal(cache_healthy(cache), wanted);
}

static void
trust(uint64_t epoch)
{
	cache_set_epoch(cache, epoch, cache_generation(cache));
}

/* --- values --------------------------------------------------------------------------------- */

static void
fill_task(void *arg)
{
	static const char bytes[] = "\0\r\n$3 \377";
	struct cache_entry entry;

	(void)arg;
	CHECK(!cache_get(cache, "a", &entry) && entry.value == NULL && entry.mark[0] == 'T');
	cache_fill(cache, "a", &entry, bytes, sizeof bytes, 60);
	CHECK(cache_get(cache, "a", &entry));
	CHECK(entry.length == sizeof bytes && memcmp(entry.value, bytes, sizeof bytes) == 0);
	CHECK(((const char *)entry.value)[entry.length] == '\0');
	CHECK(!cache_get(cache, "empty", &entry));
	cache_fill(cache, "empty", &entry, NULL, 0, 60);
	CHECK(cache_get(cache, "empty", &entry) && entry.length == 0 && entry.value != NULL);
	CHECK(!cache_get(cache, "short", &entry));
	cache_fill(cache, "short", &entry, "x", 1, 1);
	CHECK(cache_get(cache, "short", &entry));
	CHECK(task_sleep(1200) == STATUS_OK);
	CHECK(!cache_get(cache, "short", &entry));
}

static void
test_fill(void **state)
{
	(void)state;
	test_run(fill_task, NULL, 0);
}

/* A reader that read before the write must not fill after its invalidation. */
static void
race_task(void *arg)
{
	static const char *const keys[] = {"r1", "r2"};
	struct cache_entry before, after, again;

	(void)arg;
	CHECK(!cache_get(cache, "r1", &before));
	CHECK(cache_invalidate(cache, keys, 2) == STATUS_OK);
	cache_fill(cache, "r1", &before, "old", 3, 60);
	CHECK(!cache_get(cache, "r1", &after));
	CHECK(after.mark[0] == 'T' && strcmp(after.mark, before.mark) != 0);
	cache_fill(cache, "r1", &after, "new", 3, 60);
	cache_fill(cache, "r1", &before, "old", 3, 60);
	CHECK(cache_get(cache, "r1", &again) && memcmp(again.value, "new", 3) == 0);
	/* Two that saw the same: the first fills. */
	CHECK(cache_invalidate(cache, keys, 2) == STATUS_OK);
	CHECK(!cache_get(cache, "r1", &before) && !cache_get(cache, "r1", &after));
	CHECK(strcmp(before.mark, after.mark) == 0);
	cache_fill(cache, "r1", &after, "1st", 3, 60);
	cache_fill(cache, "r1", &before, "2nd", 3, 60);
	CHECK(cache_get(cache, "r1", &again) && memcmp(again.value, "1st", 3) == 0);
}

static void
test_race(void **state)
{
	(void)state;
	test_run(race_task, NULL, 0);
}

static void
lock_task(void *arg)
{
	static const char *const keys[] = {"l"};
	struct cache_entry before, during, after;

	(void)arg;
	CHECK(!cache_get(cache, "l", &before));
	CHECK(cache_lock(cache, keys, 1) == STATUS_OK);
	CHECK(!cache_get(cache, "l", &during) && during.mark[0] == '\0');
	cache_fill(cache, "l", &before, "old", 3, 60);
	cache_fill(cache, "l", &during, "old", 3, 60);
	CHECK(!cache_get(cache, "l", &after) && after.mark[0] == '\0');
	CHECK(cache_invalidate(cache, keys, 1) == STATUS_OK);
	CHECK(!cache_get(cache, "l", &after) && after.mark[0] == 'T');
	cache_fill(cache, "l", &after, "new", 3, 60);
	CHECK(cache_get(cache, "l", &after));
}

static void
test_lock(void **state)
{
	(void)state;
	test_run(lock_task, NULL, 0);
}

static struct cache_entry seen;

static void
see_task(void *arg)
{
	(void)arg;
	CHECK(!cache_get(cache, "flushed", &seen) && seen.mark[0] == 'T');
}

static void
fill_seen_task(void *arg)
{
	struct cache_entry entry;

	(void)arg;
	cache_fill(cache, "flushed", &seen, "old", 3, 60);
	CHECK(!cache_get(cache, "flushed", &entry));
}

/* Redis emptied between the miss and the fill: with it went every tombstone, so no fill. */
static void
test_flush(void **state)
{
	(void)state;
	test_run(see_task, NULL, 0);
	redis_do("FLUSHALL");
	test_run(fill_seen_task, NULL, 0);
	redis_do("SCRIPT FLUSH");
	test_run(race_task, NULL, 0);
}

static void
epoch_task(void *arg)
{
	struct cache_entry entry, older;

	(void)arg;
	CHECK(!cache_get(cache, "e", &entry));
	cache_fill(cache, "e", &entry, "old", 3, 60);
	CHECK(!cache_get(cache, "slow", &older));
	CHECK(cache_get(cache, "e", &entry));
	trust(8);
	CHECK(!cache_get(cache, "e", &entry) && entry.mark[0] == 'T');
	cache_fill(cache, "e", &entry, "new", 3, 60);
	CHECK(cache_get(cache, "e", &entry) && memcmp(entry.value, "new", 3) == 0);
	/* What was read under the old epoch does not count when it is filled in later. */
	cache_fill(cache, "slow", &older, "old", 3, 60);
	CHECK(!cache_get(cache, "slow", &entry));
	cache_distrust(cache);
	CHECK(!cache_get(cache, "e", &entry) && entry.mark[0] == '\0');
	trust(8);
	CHECK(cache_get(cache, "e", &entry));
}

static void
test_epoch(void **state)
{
	(void)state;
	trust(7);
	test_run(epoch_task, NULL, 0);
}

static void
counter_task(void *arg)
{
	int64_t sum = -1;

	(void)arg;
	CHECK(cache_incr(cache, "n", 0, 1, &sum) == STATUS_OK && sum == 0);
	CHECK(cache_incr(cache, "n", 2, 1, &sum) == STATUS_OK && sum == 2);
	CHECK(task_sleep(600) == STATUS_OK);
	CHECK(cache_incr(cache, "n", 3, 1, &sum) == STATUS_OK && sum == 5);
	CHECK(cache_incr(cache, "n", 0, 1, &sum) == STATUS_OK && sum == 5);
	/* It ends by its first increment's time. */
	CHECK(task_sleep(600) == STATUS_OK);
	CHECK(cache_incr(cache, "n", 1, 1, &sum) == STATUS_OK && sum == 1);
	CHECK(cache_forget(cache, "n") == STATUS_OK);
	CHECK(cache_incr(cache, "n", 0, 1, &sum) == STATUS_OK && sum == 0);
}

static void
test_counter(void **state)
{
	(void)state;
	test_run(counter_task, NULL, 0);
}

static struct cache *patient; /* a busy machine is no fault */

static void
crowd_task(void *arg)
{
	struct cache_entry entry;
	int64_t sum;
	char key[32];

	snprintf(key, sizeof key, "crowd-%d", (int)(intptr_t)arg % 10);
	for (int i = 0; i < 20; i++)
		if (!cache_get(patient, key, &entry))
			cache_fill(patient, key, &entry, key, strlen(key), 60);
		else
			CHECK(strcmp(entry.value, key) == 0);
	CHECK(cache_incr(patient, "crowd-sum", 1, 60, &sum) == STATUS_OK);
}

static void
crowd_verify(void *arg)
{
	int64_t sum;

	(void)arg;
	CHECK(cache_incr(patient, "crowd-sum", 0, 60, &sum) == STATUS_OK && sum == 1000);
}

static void
test_crowd(void **state)
{
	enum {
		CROWD = 1000
	};
	struct test_task *tasks = calloc(CROWD, sizeof *tasks);
	struct cache_options options = {
	    .url = redis_url, .prefix = "crowd", .timeout_ms = 3000, .no_epoch = true};
	char error[200];
	uint64_t begun;

	(void)state;
	patient = cache_open(&options, error, sizeof error);
	on_both_workers(attach_task, patient);
	for (int i = 0; i < 3000 && !cache_healthy(patient); i++)
		usleep(1000);
	begun = clock_ms();
	for (int i = 0; i < CROWD; i++)
		test_start(&tasks[i], (unsigned)i, crowd_task, (void *)(intptr_t)i, 0);
	for (int i = 0; i < CROWD; i++)
		test_await(&tasks[i]);
	printf("1,000 tasks, 21,000 commands: %d ms\n", (int)(clock_ms() - begun));
	test_run(crowd_verify, NULL, 0);
	on_both_workers(detach_task, patient);
	cache_close(&patient);
	free(tasks);
}

/* --- trouble -------------------------------------------------------------------------------- */

static struct {
	bool hit;
	uint64_t took_ms;
	enum status locked, counted;
} seen_now;

static void
look_task(void *arg)
{
	static const char *const keys[] = {"look-lock"};
	struct cache_entry entry;
	uint64_t begun = clock_ms();
	int64_t sum;

	(void)arg;
	seen_now.hit = cache_get(cache, "look", &entry);
	seen_now.took_ms = clock_ms() - begun;
	if (!seen_now.hit)
		cache_fill(cache, "look", &entry, "x", 1, 60);
	seen_now.locked = cache_lock(cache, keys, 1);
	seen_now.counted = cache_incr(cache, "look-n", 1, 60, &sum);
}

static void
look(void)
{
	test_run(look_task, NULL, 0);
}

/* With nothing to wait for a look takes no time, unless a busy machine takes some. */
static void
look_at_once(void)
{
	for (int i = 0; i < 50; i++) {
		look();
		if (seen_now.took_ms < TIMEOUT_MS / 2)
			return;
	}
	fail_msg("each look took time, the last %d ms", (int)seen_now.took_ms);
}

static void
test_kill(void **state)
{
	(void)state;
	look();
	look();
	assert_true(seen_now.hit);
	server_kill(&redis);
	await_health(false);
	look_at_once();
	assert_false(seen_now.hit);
	assert_int_equal(seen_now.locked, STATUS_DEPENDENCY_DOWN);
	assert_int_equal(seen_now.counted, STATUS_DEPENDENCY_DOWN);
	redis_start(&redis);
	await_health(true);
	/* Connected, but the epoch has to be read first. */
	look();
	assert_false(seen_now.hit);
	assert_int_equal(seen_now.locked, STATUS_OK);
	look();
	assert_false(seen_now.hit);
	trust(8);
	look();
	look();
	assert_true(seen_now.hit);
}

static void
test_stop(void **state)
{
	(void)state;
	server_signal(&redis, SIGSTOP);
	look();
	assert_false(seen_now.hit);
	assert_in_range(seen_now.took_ms, TIMEOUT_MS - 20, 10000);
	assert_int_equal(seen_now.locked, STATUS_DEPENDENCY_DOWN);
	look_at_once();
	assert_false(cache_healthy(cache));
	server_signal(&redis, SIGCONT);
	for (int i = 0; i < 4000 && seen_now.locked != STATUS_OK; i++) {
		look();
		usleep(1000);
	}
	assert_int_equal(seen_now.locked, STATUS_OK);
	assert_false(seen_now.hit);
	trust(8);
	look();
	assert_true(seen_now.hit);
}

/* This loop's own sleep is not taken for Redis's. */
static void
sleepy_get_task(void *arg)
{
	struct cache_entry entry;

	(void)arg;
	CHECK(cache_get(cache, "look", &entry));
}

static void
sleepy_block_task(void *arg)
{
	(void)arg;
	usleep(3 * TIMEOUT_MS * 1000);
}

static void
test_sleepy_loop(void **state)
{
	struct test_task get, block;

	(void)state;
	await_health(true);
	trust(8);
	look();
	test_start(&get, 0, sleepy_get_task, NULL, 0);
	test_start(&block, 0, sleepy_block_task, NULL, 0);
	test_await(&block);
	test_await(&get);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
	assert_true(cache_healthy(cache));
}

/* A cancelled task leaves at once; its reply, never or late, finds nobody. A lock is awaited
 * though. */
static void
leave_task(void *arg)
{
	static const char *const keys[] = {"leave"};
	struct cache_entry entry;

	(void)arg;
	CHECK(!cache_get(cache, "look", &entry));
	CHECK(task_cancelled() && cache_healthy(cache)); /* nobody has waited for Redis */
	CHECK(cache_invalidate(cache, keys, 1) == STATUS_DEPENDENCY_DOWN);
}

static void
test_leave(void **state)
{
	struct test_task test;

	(void)state;
	server_signal(&redis, SIGSTOP);
	test_start(&test, 0, leave_task, NULL, 0);
	usleep(30000);
	test_cancel(&test, 0);
	test_await(&test);
	server_signal(&redis, SIGCONT);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
	for (int i = 0; i < 100; i++) {
		test_start(&test, (unsigned)i, look_task, NULL, 1 + (uint64_t)i % 3);
		test_await(&test);
	}
	atomic_exchange(&check_failures, 0);
	await_health(true);
}

/* --- opening -------------------------------------------------------------------------------- */

static void
test_options(void **state)
{
	static const char *const bad[] = {"localhost",   "http://h",    "unix://",
	                                  "redis://h/x", "redis://h:0", "unix:///s?db=-1"};
	static const char *const good[] = {
	    "redis://h", "redis://:p@h:1/2", "redis://u:p@[::1]/", "unix:///s?db=1&password=p", "",
	    NULL};
	char error[200];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct cache_options options = {.url = bad[i], .prefix = "x"};

		error[0] = '\0';
		assert_null(cache_open(&options, error, sizeof error));
		assert_string_not_equal(error, "");
	}
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct cache_options options = {.url = good[i], .prefix = "x"};
		struct cache *opened = cache_open(&options, error, sizeof error);

		assert_non_null(opened);
		cache_close(&opened);
	}
}

static void
off_task(void *arg)
{
	static const char *const keys[] = {"off"};
	struct cache_entry entry;

	CHECK(cache_attach(arg) == STATUS_OK && cache_healthy(arg));
	CHECK(!cache_get(arg, "off", &entry) && entry.mark[0] == '\0');
	CHECK(cache_lock(arg, keys, 1) == STATUS_OK);
	CHECK(cache_invalidate(arg, keys, 1) == STATUS_OK);
	cache_detach(arg);
}

static void
test_off(void **state)
{
	struct cache_options options = {.prefix = "off"};
	char error[200];
	struct cache *off = cache_open(&options, error, sizeof error);

	(void)state;
	test_run(off_task, off, 0);
	cache_close(&off);
}

static int
free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	return ntohs(address.sin_port);
}

/* A name to resolve (which 127.1 is), a password, a database: over TCP. Then the wrong password. */
static void
password_task(void *arg)
{
	struct cache_entry entry;

	CHECK(!cache_get(arg, "p", &entry));
	cache_fill(arg, "p", &entry, "x", 1, 60);
	CHECK(cache_get(arg, "p", &entry));
}

static void
test_password(void **state)
{
	struct cache_options options = {.prefix = "tcp", .no_epoch = true};
	char error[200], url[128], command[64];
	struct cache *opened;
	int port = free_port();

	(void)state;
	snprintf(command, sizeof command, "CONFIG SET port %d", port);
	redis_do(command);
	redis_do("CONFIG SET requirepass sec:ret");
	for (int right = 1; right >= 0; right--) {
		snprintf(url, sizeof url, "redis://:%s@127.1:%d/0", right ? "sec%3aret" : "wrong",
		         port);
		options.url = url;
		opened = cache_open(&options, error, sizeof error);
		assert_non_null(opened);
		on_both_workers(attach_task, opened);
		for (int i = 0; i < (right ? 30000 : 300) && !cache_healthy(opened); i++)
			usleep(1000);
		assert_int_equal(cache_healthy(opened), right);
		if (right)
			test_run(password_task, opened, 0);
		on_both_workers(detach_task, opened);
		cache_close(&opened);
	}
}

static int
setup(void **state)
{
	char error[200];
	/* Longer than the default: a busy machine is no silent Redis. */
	struct cache_options options = {
	    .url = redis_url, .prefix = "test", .timeout_ms = TIMEOUT_MS};

	(void)state;
	test_workers_start();
	server_make_dir();
	redis_start(&redis);
	snprintf(redis_url, sizeof redis_url, "unix://%s", redis.socket);
	cache = cache_open(&options, error, sizeof error);
	on_both_workers(attach_task, cache);
	await_health(true);
	trust(1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	on_both_workers(detach_task, cache);
	test_workers_stop();
	cache_close(&cache);
	server_kill(&redis);
	server_remove_dir();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_options), cmocka_unit_test(test_off),
	    cmocka_unit_test(test_fill),    cmocka_unit_test(test_race),
	    cmocka_unit_test(test_lock),    cmocka_unit_test(test_flush),
	    cmocka_unit_test(test_epoch),   cmocka_unit_test(test_counter),
	    cmocka_unit_test(test_crowd),   cmocka_unit_test(test_kill),
	    cmocka_unit_test(test_stop),    cmocka_unit_test(test_sleepy_loop),
	    cmocka_unit_test(test_leave),   cmocka_unit_test(test_password),
	};

	return cmocka_run_group_tests_name("cache", tests, setup, teardown);
}
