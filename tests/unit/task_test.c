/* SPDX-License-Identifier: MIT
 * Green tasks: turns, waits, deadlines, cancellation, arenas, stacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/task/task_private.h"
#include "tests/unit/worker_fixture.h"

static struct task *victim;
static enum status victim_status;

/* --- turns ----------------------------------------------------------------------------------- */

static struct {
	char order[64];
	size_t length;
	unsigned ended;
} trail;

static void
leave_mark(void *arg)
{
	for (int i = 0; i < 3; i++) {
		trail.order[trail.length++] = *(const char *)arg;
		assert(task_yield() == STATUS_OK);
	}
	trail.ended++;
}

static void
take_turns(void *arg)
{
	(void)arg;
	memset(&trail, 0, sizeof trail);
	spawn("a", leave_mark, "a");
	spawn("b", leave_mark, "b");
	spawn("c", leave_mark, "c");
	assert(trail.length == 0); /* spawned is not started */
	while (trail.ended < 3)
		assert(task_yield() == STATUS_OK);
}

static void
test_tasks_take_turns(void **state)
{
	(void)state;
	run_task(worker, take_turns, NULL);
	assert_string_equal(trail.order, "abcabcabc");
}

static void
spin_and_see_timers(void *arg)
{
	uint64_t until = clock_ms() + 50;

	(void)arg;
	/* Another task's sleep ends although this one is always ready. */
	while (clock_ms() < until)
		assert(task_yield() == STATUS_OK);
	assert(trail.ended == 1);
}

static void
sleep_a_little(void *arg)
{
	(void)arg;
	assert(task_sleep(5) == STATUS_OK);
	trail.ended++;
}

static void
spin(void *arg)
{
	(void)arg;
	memset(&trail, 0, sizeof trail);
	spawn("sleeper", sleep_a_little, NULL);
	spin_and_see_timers(NULL);
}

static void
test_yielding_for_ever_starves_nobody(void **state)
{
	(void)state;
	run_task(worker, spin, NULL);
}

/* --- waits ----------------------------------------------------------------------------------- */

static struct wait gate;

static void
open_gate(void *arg)
{
	(void)arg;
	wait_done(&gate);
}

static void
wait_both_orders(void *arg)
{
	(void)arg;
	wait_init(&gate);
	wait_done(&gate);
	assert(wait_for(&gate) == STATUS_OK); /* done before */
	wait_init(&gate);
	spawn("opener", open_gate, NULL);
	assert(wait_for(&gate) == STATUS_OK); /* done after */
	wait_init(&gate);
	spawn("opener", open_gate, NULL);
	wait_uninterrupted(&gate);
	assert(gate.done);
}

static void
test_a_wait_may_be_done_before_and_after(void **state)
{
	(void)state;
	run_task(worker, wait_both_orders, NULL);
}

static void
wait_with_limits(void *arg)
{
	uint64_t began = clock_ms();

	(void)arg;
	wait_init(&gate);
	assert(wait_until(&gate, began + 20) == STATUS_DEADLINE);
	assert(clock_ms() >= began + 20);
	/* The same wait again, and this time it comes. */
	spawn("opener", open_gate, NULL);
	assert(wait_until(&gate, clock_ms() + 10000) == STATUS_OK);
	wait_init(&gate);
	assert(wait_until(&gate, 1) == STATUS_DEADLINE); /* long past */
}

static void
test_a_limit_ends_one_wait_only(void **state)
{
	(void)state;
	run_task(worker, wait_with_limits, NULL);
}

static void
cancel_then_done(void *arg)
{
	struct task *task = arg;

	task_cancel(task); /* ready, not yet running */
	wait_done(&gate);  /* and now the thing happens as well */
}

static void
be_cancelled_and_done(void *arg)
{
	(void)arg;
	wait_init(&gate);
	spawn("both", cancel_then_done, task_self());
	assert(wait_for(&gate) == STATUS_OK); /* what has happened wins */
	wait_init(&gate);
	assert(wait_for(&gate) == STATUS_CANCELLED);
}

static void
test_a_wait_that_is_done_is_ok_even_if_cancelled(void **state)
{
	(void)state;
	run_task(worker, be_cancelled_and_done, NULL);
}

/* --- deadlines ------------------------------------------------------------------------------- */

static void
run_into_deadline(void *arg)
{
	uint64_t deadline = task_deadline();

	(void)arg;
	assert(task_time_left() <= 30);
	assert(task_sleep(1) == STATUS_OK);
	assert(task_sleep(10000) == STATUS_DEADLINE);
	assert(clock_ms() >= deadline && clock_ms() < deadline + 5000);
	assert(task_time_left() == 0);
	assert(task_sleep(1) == STATUS_DEADLINE && task_yield() == STATUS_DEADLINE);
	wait_init(&gate);
	assert(wait_for(&gate) == STATUS_DEADLINE);
	wait_done(&gate);
	assert(wait_for(&gate) == STATUS_OK); /* no wait needed */
}

static void
limit_only_forward(void *arg)
{
	uint64_t now = clock_ms();

	(void)arg;
	assert(task_deadline() == UINT64_MAX && task_time_left() == UINT32_MAX);
	task_limit(now + 5000);
	task_limit(now + 9000);
	assert(task_deadline() == now + 5000);
	task_limit(now);
	assert(task_yield() == STATUS_DEADLINE);
}

static void
test_after_the_deadline_every_wait_ends(void **state)
{
	(void)state;
	run_task_until(worker, clock_ms() + 30, run_into_deadline, NULL);
	run_task(worker, limit_only_forward, NULL);
}

#define SLEEPERS (FIXTURE_SLOW ? 500 : 3000)

static unsigned awake;

static void
sleep_often(void *arg)
{
	unsigned step = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < 20; i++) {
		uint64_t began = clock_ms();
		uint32_t time = 1 + (step + i) % 7;

		assert(task_sleep(time) == STATUS_OK);
		assert(clock_ms() >= began + time);
	}
	awake++;
}

static void
many_sleep(void *arg)
{
	uint64_t limit = clock_ms() + 60000;

	(void)arg;
	awake = 0;
	for (uintptr_t i = 0; i < SLEEPERS; i++)
		spawn("sleeper", sleep_often, (void *)i);
	/* Spinning, so that the loop looks at its timers all the time: one that is a fraction of a
	 * millisecond early must not be taken for nothing. */
	while (awake < SLEEPERS && clock_ms() < limit)
		assert(task_yield() == STATUS_OK);
	assert(awake == SLEEPERS);
}

static void
test_no_sleeper_is_forgotten(void **state)
{
	(void)state;
	run_task(worker, many_sleep, NULL);
}

static void
sleep_20(void *arg)
{
	(void)arg;
	victim = task_self();
	victim_status = task_sleep(20);
	wait_done(&gate);
}

static void
fire_early(void *arg)
{
	(void)arg;
	victim_status = STATUS_INTERNAL;
	wait_init(&gate);
	spawn("sleeper", sleep_20, NULL);
	assert(task_yield() == STATUS_OK);
	/* As the loop's clock does, seldom, by a fraction of a millisecond. */
	uv_timer_start(&victim->timer, victim->timer.timer_cb, 0, 0);
	assert(task_sleep(2) == STATUS_OK && victim_status == STATUS_INTERNAL);
	assert(wait_until(&gate, clock_ms() + 5000) == STATUS_OK);
	assert(victim_status == STATUS_OK);
}

static void
test_a_timer_that_is_early_is_set_again(void **state)
{
	(void)state;
	run_task(worker, fire_early, NULL);
}

/* --- cancellation ---------------------------------------------------------------------------- */

static void
be_victim(void *arg)
{
	(void)arg;
	victim = task_self();
	victim_status = task_sleep(10000);
	assert(task_cancelled() == (victim_status == STATUS_CANCELLED));
	assert(task_yield() == victim_status); /* and so does every later wait */
	wait_done(&gate);
}

static void
be_stubborn(void *arg)
{
	struct wait *own = arg;

	victim = task_self();
	wait_uninterrupted(own);
	assert(own->done && task_cancelled());
	victim_status = task_yield();
	wait_done(&gate);
}

static void
cancel_before_start(void *arg)
{
	(void)arg;
	wait_init(&gate);
	spawn("victim", be_victim, NULL);
	task_cancel(worker_current()->scheduler.ready_tail);
	wait_uninterrupted(&gate);
	assert(victim_status == STATUS_CANCELLED);
}

static void
cancel_parked(void *arg)
{
	(void)arg;
	wait_init(&gate);
	spawn("victim", be_victim, NULL);
	assert(task_yield() == STATUS_OK);
	assert(victim->state == TASK_PARKED);
	task_cancel(victim);
	task_cancel(victim); /* again is the same */
	assert(victim->state == TASK_READY);
	wait_uninterrupted(&gate);
	assert(victim_status == STATUS_CANCELLED);
}

static void
cancel_stubborn(void *arg)
{
	struct wait own;

	(void)arg;
	wait_init(&gate);
	wait_init(&own);
	spawn("stubborn", be_stubborn, &own);
	assert(task_yield() == STATUS_OK);
	task_cancel(victim);
	assert(task_yield() == STATUS_OK && victim->state == TASK_PARKED);
	wait_done(&own);
	wait_uninterrupted(&gate);
	assert(victim_status == STATUS_CANCELLED);
}

static void
test_cancelled_before_it_started(void **state)
{
	(void)state;
	run_task(worker, cancel_before_start, NULL);
}

static void
test_cancelled_while_parked(void **state)
{
	(void)state;
	run_task(worker, cancel_parked, NULL);
}

static void
test_cancelled_where_it_may_not_be(void **state)
{
	(void)state;
	run_task(worker, cancel_stubborn, NULL);
}

/* A pooled task is new to the next who gets it. */
static void
reuse_after_cancel(void *arg)
{
	(void)arg;
	cancel_parked(NULL);
	assert(task_yield() == STATUS_OK);
	wait_init(&gate);
	spawn("opener", open_gate, NULL);
	assert(wait_for(&gate) == STATUS_OK);
	assert(!task_cancelled());
}

static void
test_nothing_of_a_task_is_left_for_the_next(void **state)
{
	(void)state;
	run_task(worker, reuse_after_cancel, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tasks_take_turns),
	    cmocka_unit_test(test_yielding_for_ever_starves_nobody),
	    cmocka_unit_test(test_a_wait_may_be_done_before_and_after),
	    cmocka_unit_test(test_a_limit_ends_one_wait_only),
	    cmocka_unit_test(test_a_wait_that_is_done_is_ok_even_if_cancelled),
	    cmocka_unit_test(test_after_the_deadline_every_wait_ends),
	    cmocka_unit_test(test_a_timer_that_is_early_is_set_again),
	    cmocka_unit_test(test_no_sleeper_is_forgotten),
	    cmocka_unit_test(test_cancelled_before_it_started),
	    cmocka_unit_test(test_cancelled_while_parked),
	    cmocka_unit_test(test_cancelled_where_it_may_not_be),
	    cmocka_unit_test(test_nothing_of_a_task_is_left_for_the_next),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
