/* SPDX-License-Identifier: MIT
 * flight: one task works, all get the result, whoever is cancelled. */
#include "tests/unit/io_servers.h"

#include "common/task/flight.h"

static struct flight *flight;
static _Atomic int runs, successes, failures_seen, cancelled;

struct job {
	uint32_t ms;         /* how long the work takes */
	enum status outcome; /* of the work */
};

static enum status
work(void *arg, const void **bytes, size_t *length)
{
	const struct job *job = arg;
	enum status status;

	atomic_fetch_add(&runs, 1);
	status = task_sleep(job->ms);
	if (status != STATUS_OK)
		return status;
	*bytes = arena_strdup(task_arena(), "result");
	*length = 6;
	return job->outcome;
}

static void
join_task(void *arg)
{
	const void *bytes;
	size_t length;
	enum status status = flight_join(flight, "key", 3, work, arg, &bytes, &length);

	if (status == STATUS_OK) {
		CHECK(length == 6 && strcmp(bytes, "result") == 0);
		atomic_fetch_add(&successes, 1);
	} else if (status == STATUS_CANCELLED || status == STATUS_DEADLINE) {
		atomic_fetch_add(&cancelled, 1);
	} else {
		CHECK(status == STATUS_NOT_FOUND);
		atomic_fetch_add(&failures_seen, 1);
	}
}

static void
join_other_key_task(void *arg)
{
	const void *bytes;
	size_t length;

	CHECK(flight_join(flight, "other", 5, work, arg, &bytes, &length) == STATUS_OK);
}

enum {
	CROWD = 1000
};
static struct test_task tasks[CROWD];

static void
reset(void)
{
	runs = successes = failures_seen = cancelled = 0;
}

static void
start(int count, struct job *job)
{
	for (int i = 0; i < count; i++)
		test_start(&tasks[i], (unsigned)i, join_task, job, 0);
}

static void
await(int count)
{
	for (int i = 0; i < count; i++)
		test_await(&tasks[i]);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
}

/* A thousand tasks on two workers: one does the work. */
static void
test_one_works(void **state)
{
	struct job job = {300, STATUS_OK};

	(void)state;
	reset();
	start(CROWD, &job);
	await(CROWD);
	assert_int_equal(runs, 1);
	assert_int_equal(successes, CROWD);
}

static void
test_failure_is_shared(void **state)
{
	struct job job = {200, STATUS_NOT_FOUND};

	(void)state;
	reset();
	start(100, &job);
	await(100);
	assert_int_equal(runs, 1);
	assert_int_equal(failures_seen, 100);
}

/* The leader is cancelled: exactly one other takes over. So it is again when that one is. */
static void
test_leader_cancelled(void **state)
{
	struct job job = {300, STATUS_OK};

	(void)state;
	reset();
	test_start(&tasks[0], 0, join_task, &job, 0);
	usleep(50000);
	for (int i = 1; i < 50; i++)
		test_start(&tasks[i], (unsigned)i, join_task, &job, i == 1 ? 150 : 0);
	usleep(50000);
	test_cancel(&tasks[0], 0);
	await(50);
	assert_int_equal(cancelled, 2);
	assert_int_equal(successes, 48);
	assert_in_range(runs, 2, 3);
}

/* Who waits may leave, the leader's work goes on. */
static void
test_waiters_leave(void **state)
{
	struct job job = {300, STATUS_OK};

	(void)state;
	reset();
	test_start(&tasks[0], 0, join_task, &job, 0);
	usleep(30000);
	for (int i = 1; i < 50; i++)
		test_start(&tasks[i], (unsigned)i, join_task, &job, i % 2 == 0 ? 100 : 0);
	await(50);
	assert_int_equal(runs, 1);
	assert_int_equal(successes, 26);
	assert_int_equal(cancelled, 24);
}

/* Everybody leaves, and nothing is left behind (flight_free asserts). */
static void
test_all_leave(void **state)
{
	struct job job = {2000, STATUS_OK};

	(void)state;
	reset();
	for (int i = 0; i < 50; i++)
		test_start(&tasks[i], (unsigned)i, join_task, &job, 100);
	await(50);
	assert_int_equal(successes, 0);
	assert_int_equal(cancelled, 50);
}

static void
test_keys_differ(void **state)
{
	struct job job = {100, STATUS_OK};

	(void)state;
	reset();
	test_start(&tasks[0], 0, join_task, &job, 0);
	test_start(&tasks[1], 0, join_other_key_task, &job, 0);
	await(2);
	assert_int_equal(runs, 2);
}

/* Deadlines that end just when the work does: for the sanitizers. */
static void
test_storm(void **state)
{
	static struct job job = {3, STATUS_OK};

	(void)state;
	reset();
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 50; i++)
			test_start(&tasks[i], (unsigned)i, join_task, &job, 1 + (uint64_t)i % 8);
		await(50);
	}
	assert_int_equal(successes + cancelled, 1000);
}

static int
setup(void **state)
{
	(void)state;
	test_workers_start();
	flight = flight_new();
	return flight != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	test_workers_stop();
	flight_free(&flight);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_works),
	    cmocka_unit_test(test_failure_is_shared),
	    cmocka_unit_test(test_leader_cancelled),
	    cmocka_unit_test(test_waiters_leave),
	    cmocka_unit_test(test_all_leave),
	    cmocka_unit_test(test_keys_differ),
	    cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests_name("flight", tests, setup, teardown);
}
