/* SPDX-License-Identifier: MIT
 * slots: never more than the limit over two workers, in the order of asking, and nobody who leaves
 * the line takes a slot with it. */
#include "tests/unit/io_servers.h"

#include "common/ai/slots.h"

static struct slots *slots;
static _Atomic int holding, most, done;

static void
hold_task(void *arg)
{
	int now;

	(void)arg;
	CHECK(slots_take(slots, 60000) == STATUS_OK);
	now = atomic_fetch_add(&holding, 1) + 1;
	if (now > atomic_load(&most))
		atomic_store(&most, now);
	CHECK(task_yield() == STATUS_OK);
	CHECK(task_yield() == STATUS_OK);
	atomic_fetch_sub(&holding, 1);
	slots_give(slots);
	atomic_fetch_add(&done, 1);
}

static void
test_limit(void **state)
{
	enum {
		TASKS = 300
	};
	static struct test_task tasks[TASKS];

	(void)state;
	slots = slots_new(7);
	most = done = 0;
	for (int i = 0; i < TASKS; i++)
		test_start(&tasks[i], (unsigned)i, hold_task, NULL, 0);
	for (int i = 0; i < TASKS; i++)
		test_await(&tasks[i]);
	assert_int_equal(done, TASKS);
	assert_in_range(most, 2, 7);
	assert_int_equal(slots_taken(slots), 0);
	assert_int_equal(slots_waiting(slots), 0);
	slots_free(&slots);
	assert_int_equal(check_failures, 0);
}

static enum status outcome;

static void
take_task(void *arg)
{
	outcome = slots_take(slots, *(uint32_t *)arg);
}

static void
await_waiting(unsigned count)
{
	while (slots_waiting(slots) != count)
		usleep(1000);
}

static void
test_leaving(void **state)
{
	uint32_t no_wait = 0, short_wait = 30, long_wait = 600000;
	struct test_task task;

	(void)state;
	slots = slots_new(1);
	test_run(take_task, &no_wait, 0);
	assert_int_equal(outcome, STATUS_OK);
	test_run(take_task, &no_wait, 0);
	assert_int_equal(outcome, STATUS_OVERLOADED);
	test_run(take_task, &short_wait, 0);
	assert_int_equal(outcome, STATUS_OVERLOADED);
	test_start(&task, 0, take_task, &long_wait, 50);
	test_await(&task);
	assert_int_equal(outcome, STATUS_DEADLINE);
	test_start(&task, 0, take_task, &long_wait, 0);
	await_waiting(1);
	test_cancel(&task, 0);
	test_await(&task);
	assert_int_equal(outcome, STATUS_CANCELLED);
	assert_int_equal(slots_waiting(slots), 0);
	assert_int_equal(slots_taken(slots), 1);
	/* Who still waits gets it. */
	test_start(&task, 1, take_task, &long_wait, 0);
	await_waiting(1);
	slots_give(slots);
	test_await(&task);
	assert_int_equal(outcome, STATUS_OK);
	slots_give(slots);
	assert_int_equal(slots_taken(slots), 0);
	slots_free(&slots);
}

static void
hasty_task(void *arg)
{
	enum status status = slots_take(slots, (uint32_t)(uintptr_t)arg % 5);

	CHECK(status == STATUS_OK || status == STATUS_OVERLOADED || status == STATUS_DEADLINE);
	if (status != STATUS_OK)
		return;
	(void)task_sleep(1);
	slots_give(slots);
}

/* Giving, and leaving the line, at the same moment on two threads. */
static void
test_storm(void **state)
{
	enum {
		TASKS = 200
	};
	static struct test_task tasks[TASKS];

	(void)state;
	slots = slots_new(3);
	for (int round = 0; round < 20; round++) {
		for (uintptr_t i = 0; i < TASKS; i++)
			test_start(&tasks[i], (unsigned)i, hasty_task, (void *)i, 1 + i % 9);
		for (int i = 0; i < TASKS; i++)
			test_await(&tasks[i]);
		assert_int_equal(slots_taken(slots), 0);
		assert_int_equal(slots_waiting(slots), 0);
	}
	slots_free(&slots);
	assert_int_equal(check_failures, 0);
}

static int
setup(void **state)
{
	(void)state;
	test_workers_start();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	test_workers_stop();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_leaving),
	    cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests_name("slots", tests, setup, teardown);
}
