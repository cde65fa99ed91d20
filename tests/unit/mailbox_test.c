/* SPDX-License-Identifier: MIT
 * The mailbox: to the least busy worker, else queued, else refused; taken out again; drained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/actor/mailbox.h"
#include "tests/unit/task_fixture.h"

#define WORKERS     3
#define CONNECTIONS 4
#define QUEUE       5
#define MOST        64
#define PARKED      2 /* marks a request */

static struct worker *workers[WORKERS];
static struct mailbox *mailbox;
static struct incoming requests[MOST];
static _Atomic unsigned taken, begun, by_worker[WORKERS];
static struct incoming *_Atomic order[MOST];

static void
work(void *arg, struct incoming *incoming)
{
	assert(arg == &begun && worker_current() == incoming->worker);
	order[taken++] = incoming;
	for (unsigned i = 0; i < WORKERS; i++)
		by_worker[i] += workers[i] == incoming->worker;
	begun++;
}

static int
setup(void **state)
{
	struct mailbox_options options = {.workers = workers,
	                                  .worker_count = WORKERS,
	                                  .connections = CONNECTIONS,
	                                  .queue_limit = QUEUE,
	                                  .work = work,
	                                  .arg = &begun};

	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = fixture_worker("work");
		by_worker[i] = 0;
	}
	memset(requests, 0, sizeof requests);
	taken = begun = 0;
	mailbox = mailbox_new(&options);
	return mailbox != NULL ? 0 : -1;
}

static void
finish_task(void *arg)
{
	const struct incoming *incoming = arg;

	mailbox_done(mailbox, incoming->worker, incoming->call == PARKED);
}

static void
finish(struct incoming *incoming)
{
	run_task(incoming->worker, finish_task, incoming);
}

static void
wait_begun(unsigned count)
{
	for (int i = 0; i < 2000 && begun < count; i++)
		pause_ms(1);
	assert_int_equal(begun, count);
}

static int
teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; mailbox_running(mailbox) > 0; i++) {
		assert_true(i < begun);
		if (order[i]->worker != NULL && order[i]->call != 1)
			finish(order[i]);
		pause_ms(1);
	}
	mailbox_free(&mailbox);
	assert_null(mailbox);
	for (unsigned i = 0; i < WORKERS; i++)
		fixture_end(workers[i]);
	return 0;
}

/* Marked, so that the teardown does not do it again. */
static void
finish_marked(struct incoming *incoming)
{
	finish(incoming);
	incoming->call = 1;
}

static void
park_task(void *arg)
{
	struct incoming *incoming = arg;

	if (mailbox_park(mailbox, incoming->worker))
		incoming->call = PARKED;
}

static void
fill(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		requests[i].arrived_us = clock_us();
		assert_true(mailbox_put(mailbox, &requests[i]));
	}
}

static void
test_work_goes_to_the_least_busy_worker(void **state)
{
	(void)state;
	fill(WORKERS * CONNECTIONS);
	wait_begun(WORKERS * CONNECTIONS);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(by_worker[i], CONNECTIONS);
	assert_int_equal(mailbox_queued(mailbox), 0);
	assert_int_equal(mailbox_oldest_us(mailbox), 0);
}

static void
test_what_does_not_fit_waits_and_then_is_refused(void **state)
{
	unsigned room = WORKERS * CONNECTIONS;

	(void)state;
	fill(room + QUEUE);
	assert_false(mailbox_put(mailbox, &requests[room + QUEUE]));
	wait_begun(room);
	pause_ms(20);
	assert_int_equal(mailbox_queued(mailbox), QUEUE);
	assert_int_equal(mailbox_running(mailbox), room);
	assert_true(mailbox_oldest_us(mailbox) >= 20000);
	/* The oldest goes first, to the worker that has become free. */
	for (unsigned i = 0; i < QUEUE; i++) {
		finish_marked(order[i]);
		wait_begun(room + i + 1);
		assert_ptr_equal(order[room + i], &requests[room + i]);
		assert_ptr_equal(order[room + i]->worker, order[i]->worker);
	}
	assert_int_equal(mailbox_queued(mailbox), 0);
	assert_int_equal(mailbox_running(mailbox), room);
}

/* As many again as there are places. */
static void
test_parked_requests_are_in_nobodys_way(void **state)
{
	unsigned room = WORKERS * CONNECTIONS;

	(void)state;
	fill(room + 1);
	wait_begun(room);
	for (unsigned i = 0; i < room; i++)
		run_task(order[i]->worker, park_task, order[i]);
	wait_begun(room + 1);
	assert_int_equal(mailbox_queued(mailbox), 0);
	assert_int_equal(mailbox_running(mailbox), room + 1);
	for (unsigned i = room + 1; i < 2 * room; i++)
		assert_true(mailbox_put(mailbox, &requests[i]));
	wait_begun(2 * room);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(by_worker[i], 2 * CONNECTIONS);
	run_task(order[room]->worker, park_task, order[room]);
	assert_int_equal(order[room]->call, 0); /* too many are */
	finish_marked(order[0]);                /* a parked one: its place was given away */
	assert_true(mailbox_put(mailbox, &requests[2 * room]));
	assert_int_equal(mailbox_queued(mailbox), 1);
	finish_marked(order[room]);
	wait_begun(2 * room + 1);
	assert_int_equal(mailbox_queued(mailbox), 0);
}

static void
test_a_waiting_request_can_be_taken_out(void **state)
{
	unsigned room = WORKERS * CONNECTIONS;

	(void)state;
	fill(room + 3);
	wait_begun(room);
	assert_false(mailbox_remove(mailbox, &requests[0])); /* somebody works on it */
	assert_true(mailbox_remove(mailbox, &requests[room + 1]));
	assert_false(mailbox_remove(mailbox, &requests[room + 1]));
	assert_int_equal(mailbox_queued(mailbox), 2);
	finish_marked(order[0]);
	wait_begun(room + 1);
	finish_marked(order[1]);
	wait_begun(room + 2);
	assert_ptr_equal(order[room], &requests[room]);
	assert_ptr_equal(order[room + 1], &requests[room + 2]);
	assert_false(mailbox_remove(mailbox, &requests[room])); /* it has left the queue */
}

static void
test_a_worker_that_ends_first_gets_the_next(void **state)
{
	(void)state;
	fill(WORKERS * CONNECTIONS);
	wait_begun(WORKERS * CONNECTIONS);
	/* One worker is done with all of its own: what comes goes there, nowhere else. */
	for (unsigned i = 0; i < WORKERS * CONNECTIONS; i++)
		if (order[i]->worker == workers[1])
			finish_marked(order[i]);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		assert_true(mailbox_put(mailbox, &requests[40 + i]));
	wait_begun(WORKERS * CONNECTIONS + CONNECTIONS);
	assert_int_equal(by_worker[1], 2 * CONNECTIONS);
	assert_true(mailbox_put(mailbox, &requests[50]));
	assert_int_equal(mailbox_queued(mailbox), 1);
	assert_true(mailbox_remove(mailbox, &requests[50]));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_work_goes_to_the_least_busy_worker),
	    TEST(test_what_does_not_fit_waits_and_then_is_refused),
	    TEST(test_parked_requests_are_in_nobodys_way),
	    TEST(test_a_waiting_request_can_be_taken_out),
	    TEST(test_a_worker_that_ends_first_gets_the_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
