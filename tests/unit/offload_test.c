/* SPDX-License-Identifier: MIT
 * The pool for blocking work: bounded, cancellable while queued, told to stop while it runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/task/offload.h"
#include "tests/unit/worker_fixture.h"

static struct pool *pool;

/* What the tasks of one test did. */
static struct {
	_Atomic bool started, release, saw_stop;
	struct task *caller;
	unsigned ended, ok, overloaded, cancelled, late, dropped;
	pthread_t thread;
} seen;

static void
reset(unsigned lanes, size_t queue_limit)
{
	memset(&seen, 0, sizeof seen);
	pool = pool_new("test", lanes, queue_limit);
	assert_non_null(pool);
}

static void
count(enum status status)
{
	seen.ended++;
	seen.ok += status == STATUS_OK;
	seen.overloaded += status == STATUS_OVERLOADED;
	seen.cancelled += status == STATUS_CANCELLED;
	seen.late += status == STATUS_DEADLINE;
	seen.dropped += status == STATUS_DEPENDENCY_DOWN;
}

static void
hold_fn(void *arg, const _Atomic bool *stop)
{
	(void)arg;
	seen.started = true;
	while (!seen.release && !*stop)
		usleep(500);
	seen.saw_stop = *stop;
}

static void
hold(void *arg)
{
	seen.caller = task_self();
	count(offload(pool, hold_fn, arg));
}

static void
wait_started(void)
{
	while (!seen.started)
		assert(task_sleep(1) == STATUS_OK);
}

static void
wait_ended(unsigned count)
{
	while (seen.ended < count)
		assert(task_sleep(1) == STATUS_OK);
}

/* --- the plain case -------------------------------------------------------------------------- */

static void
square_fn(void *arg, const _Atomic bool *stop)
{
	int *number = arg; /* on the task's stack */

	assert(worker_current() == NULL && !*stop);
	*number *= *number;
}

static void
square(void *arg)
{
	int number = (int)(intptr_t)arg;

	assert(offload(pool, square_fn, &number) == STATUS_OK);
	assert(number == (int)(intptr_t)arg * (int)(intptr_t)arg);
	seen.ended++;
}

static void
square_many(void *arg)
{
	(void)arg;
	for (intptr_t i = 0; i < 500; i++)
		spawn("square", square, (void *)i);
	wait_ended(500);
}

static void
test_work_is_done_elsewhere_and_awaited(void **state)
{
	(void)state;
	reset(3, 1000);
	run_task(worker, square_many, NULL);
	assert_int_equal(pool_queued(pool), 0);
	assert_int_equal(pool_running(pool), 0);
	pool_free(&pool);
	assert_null(pool);
}

/* --- priority -------------------------------------------------------------------------------- */

enum {
	NICEST = 19
};

/* How much nicer than the process the call's thread is. */
static void
nice_fn(void *arg, const _Atomic bool *stop)
{
	int *nicer = arg;

	(void)stop;
	*nicer = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid)) -
	         getpriority(PRIO_PROCESS, (id_t)getpid());
}

static void
ask_nice(void *nicer)
{
	count(offload(pool, nice_fn, nicer));
}

static void
burst(void *arg)
{
	int nicer[3] = {-1, -1, -1}, room = NICEST - getpriority(PRIO_PROCESS, (id_t)getpid());
	int patient = room < 5 ? room : 5;

	(void)arg;
	ask_nice(&nicer[0]);
	assert(nicer[0] == 0);
	/* A pair is no crowd. */
	spawn("runs", hold, NULL);
	wait_started();
	spawn("waits alone", ask_nice, &nicer[1]);
	assert(task_yield() == STATUS_OK);
	seen.release = true;
	wait_ended(3);
	assert(nicer[1] == 0);
	seen.ended = 1;
	for (int i = 0; i < 2; i++) {
		seen.started = seen.release = false;
		spawn("runs", hold, NULL);
		wait_started();
		for (int j = 0; j < 3; j++)
			spawn("waits", ask_nice, &nicer[j]);
		assert(task_yield() == STATUS_OK);
		seen.release = true;
		wait_ended(1 + 5 * (unsigned)i + 4);
		assert(nicer[0] == patient && nicer[1] == patient && nicer[2] == patient);
		/* Who comes later is prompt again, when the patient thread has found nothing left
		 * and handed the lane back: soon, but not before the answer to its last call. */
		do {
			assert(task_sleep(1) == STATUS_OK);
			ask_nice(&nicer[0]);
			seen.ended--;
		} while (nicer[0] != 0);
		seen.ended++;
	}
}

static void
test_a_crowd_runs_nicer(void **state)
{
	(void)state;
	reset(1, 10);
	run_task(worker, burst, NULL);
	pool_free(&pool);
}

/* --- bounds ---------------------------------------------------------------------------------- */

static void
overfill(void *arg)
{
	(void)arg;
	spawn("runs", hold, NULL);
	wait_started();
	for (int i = 0; i < 5; i++)
		spawn("queued or not", hold, NULL);
	assert(task_yield() == STATUS_OK && task_yield() == STATUS_OK);
	assert(seen.ended == 3 && seen.overloaded == 3);
	assert(pool_queued(pool) == 2 && pool_running(pool) == 1);
	seen.release = true;
	wait_ended(6);
}

static void
test_a_full_queue_refuses_at_once(void **state)
{
	(void)state;
	reset(1, 2);
	run_task(worker, overfill, NULL);
	assert_int_equal(seen.ok, 3);
	pool_free(&pool);
}

/* --- fairness -------------------------------------------------------------------------------- */

static struct {
	char order[16]; /* the names of those it was done for */
	unsigned count, throttled;
} turns;

static void
note_fn(void *arg, const _Atomic bool *stop)
{
	(void)stop;
	turns.order[turns.count++] = *(const char *)arg; /* one thread */
}

static void
hold_for(void *arg)
{
	seen.caller = task_self();
	count(offload_for(pool, arg, hold_fn, arg));
}

static void
take_turn(void *arg)
{
	enum status status = offload_for(pool, arg, note_fn, arg);

	turns.throttled += status == STATUS_THROTTLED;
	count(status);
}

static void
ask_in_turns(void *arg)
{
	static char names[] = "a\0b\0c";
	static const int asks[] = {0, 0, 0, 0, 0, 2, 4, 2, 0};

	(void)arg;
	spawn("runs", hold_for, names);
	wait_started();
	for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
		spawn("takes a turn", take_turn, names + asks[i]);
		assert(task_yield() == STATUS_OK);
	}
	seen.release = true;
	wait_ended(10);
}

/* For a one runs and four wait (of sixteen; two more are refused) before b and c come. */
static void
test_those_it_is_done_for_take_turns(void **state)
{
	(void)state;
	memset(&turns, 0, sizeof turns);
	reset(1, 16);
	run_task(worker, ask_in_turns, NULL);
	assert_int_equal(turns.throttled, 2);
	assert_string_equal(turns.order, "bcabaaa");
	pool_free(&pool);
}

/* --- cancellation ---------------------------------------------------------------------------- */

static void
cancel_queued(void *arg)
{
	(void)arg;
	spawn("runs", hold, NULL);
	wait_started();
	spawn("waits", hold, NULL);
	assert(task_yield() == STATUS_OK);
	assert(pool_queued(pool) == 1);
	task_cancel(seen.caller);
	wait_ended(1);
	assert(seen.cancelled == 1 && pool_queued(pool) == 0);
	seen.release = true;
	wait_ended(2);
	assert(seen.ok == 1 && !seen.saw_stop);
}

static void
test_cancelled_while_queued_is_taken_back(void **state)
{
	(void)state;
	reset(1, 10);
	run_task(worker, cancel_queued, NULL);
	pool_free(&pool);
}

static void
cancel_running(void *arg)
{
	(void)arg;
	spawn("runs", hold, NULL);
	wait_started();
	task_cancel(seen.caller);
	wait_ended(1);
	assert(seen.cancelled == 1 && seen.saw_stop && pool_running(pool) == 0);
}

static void
test_cancelled_while_running_is_stopped_and_awaited(void **state)
{
	(void)state;
	reset(1, 10);
	run_task(worker, cancel_running, NULL);
	pool_free(&pool);
}

static void
be_late(void *arg)
{
	(void)arg;
	hold(NULL);
}

static void
test_a_deadline_stops_it_too(void **state)
{
	(void)state;
	reset(1, 10);
	run_task_until(worker, clock_ms() + 30, be_late, NULL);
	assert_int_equal(seen.late, 1);
	assert_true(seen.saw_stop);
	pool_free(&pool);
}

/* --- the pool ends --------------------------------------------------------------------------- */

static void *
free_pool_main(void *arg)
{
	pool_free(arg);
	return NULL;
}

static void
end_under_work(void *arg)
{
	(void)arg;
	spawn("runs", hold, NULL);
	wait_started();
	for (int i = 0; i < 4; i++)
		spawn("waits", hold, NULL);
	assert(task_yield() == STATUS_OK);
	assert(pthread_create(&seen.thread, NULL, free_pool_main, &pool) == 0);
	assert(task_sleep(20) == STATUS_OK);
	/* The one that waits is cancelled while the pool is about to drop it. */
	task_cancel(seen.caller);
	seen.release = true;
	wait_ended(5);
}

static void
test_what_waits_when_the_pool_ends_is_not_run(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		reset(1, 10);
		run_task(worker, end_under_work, NULL);
		pthread_join(seen.thread, NULL);
		assert_int_equal(seen.ok, 1);
		assert_int_equal(seen.cancelled + seen.dropped, 4);
		assert_null(pool);
	}
}

/* The same with the patient thread at work. */
static void
end_under_patience(void *arg)
{
	(void)arg;
	spawn("runs", hold, NULL);
	wait_started();
	spawn("waits, then runs", hold, NULL);
	spawn("waits", hold, NULL);
	assert(task_yield() == STATUS_OK);
	seen.started = false;
	seen.release = true;
	wait_ended(1);
	seen.release = false;
	wait_started();
	assert(pthread_create(&seen.thread, NULL, free_pool_main, &pool) == 0);
	assert(task_sleep(5) == STATUS_OK);
	seen.release = true;
	wait_ended(3);
}

static void
test_the_pool_ends_while_a_patient_thread_runs(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		reset(1, 10);
		run_task(worker, end_under_patience, NULL);
		pthread_join(seen.thread, NULL);
		assert_int_equal(seen.ok + seen.dropped, 3);
		assert_true(seen.ok >= 2);
		assert_null(pool);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_work_is_done_elsewhere_and_awaited),
	    cmocka_unit_test(test_a_crowd_runs_nicer),
	    cmocka_unit_test(test_a_full_queue_refuses_at_once),
	    cmocka_unit_test(test_those_it_is_done_for_take_turns),
	    cmocka_unit_test(test_cancelled_while_queued_is_taken_back),
	    cmocka_unit_test(test_cancelled_while_running_is_stopped_and_awaited),
	    cmocka_unit_test(test_a_deadline_stops_it_too),
	    cmocka_unit_test(test_what_waits_when_the_pool_ends_is_not_run),
	    cmocka_unit_test(test_the_pool_ends_while_a_patient_thread_runs),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
