/* SPDX-License-Identifier: MIT
 * Workers: posts from many threads in order, posts to oneself, stopping, being watched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/unit/task_fixture.h"

#define SENDERS 4
#define POSTS   20000u

/* --- from many threads ----------------------------------------------------------------------- */

struct numbered {
	struct post post;
	unsigned sender, number;
};

static struct {
	struct worker *worker;
	unsigned next[SENDERS];
	unsigned total;
	bool out_of_order;
} inbox;

static void
numbered_fn(struct post *post)
{
	struct numbered *one = OBJ_CONTAINER(post, struct numbered, post);

	assert(worker_current() == inbox.worker);
	if (one->number != inbox.next[one->sender]++)
		inbox.out_of_order = true;
	inbox.total++;
	free(one);
}

static void *
sender_main(void *arg)
{
	unsigned sender = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < POSTS; i++) {
		struct numbered *one = malloc(sizeof *one);

		assert(one != NULL);
		*one = (struct numbered){{.fn = numbered_fn}, sender, i};
		worker_post(inbox.worker, &one->post);
	}
	return NULL;
}

static void
test_posts_of_each_thread_arrive_in_order(void **state)
{
	pthread_t threads[SENDERS];
	struct worker *worker;

	(void)state;
	memset(&inbox, 0, sizeof inbox);
	inbox.worker = worker = fixture_worker("inbox");
	for (uintptr_t i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sender_main, (void *)i), 0);
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	fixture_end(worker); /* what was posted before is called before it ends */
	assert_int_equal(inbox.total, SENDERS * POSTS);
	assert_false(inbox.out_of_order);
}

/* One at a time, with pauses in which the worker falls asleep: no wake-up may be lost. */
struct echo {
	struct post post;
	sem_t done;
};

static void
echo_fn(struct post *post)
{
	sem_post(&OBJ_CONTAINER(post, struct echo, post)->done);
}

static void
test_no_wake_up_is_lost(void **state)
{
	struct worker *worker = fixture_worker("sleepy");
	struct echo echo = {.post.fn = echo_fn};
	struct timespec limit;
	unsigned seed = 1;

	(void)state;
	sem_init(&echo.done, 0, 0);
	for (unsigned i = 0; i < (FIXTURE_SLOW ? 5000 : 50000); i++) {
		seed = seed * 1103515245u + 12345u;
		for (volatile unsigned spin = (seed >> 16) % 2000; spin > 0; spin--)
			;
		worker_post(worker, &echo.post);
		clock_gettime(CLOCK_REALTIME, &limit);
		limit.tv_sec += 20;
		/* The tick comes each second: later than that is lost. */
		assert_int_equal(sem_timedwait(&echo.done, &limit), 0);
	}
	sem_destroy(&echo.done);
	fixture_end(worker);
}

static void
test_posting_wakes_within_milliseconds(void **state)
{
	struct worker *worker = fixture_worker("sleepy");
	struct echo echo = {.post.fn = echo_fn};
	unsigned late = 0;

	(void)state;
	sem_init(&echo.done, 0, 0);
	for (unsigned i = 0; i < 200; i++) {
		uint64_t began = clock_ms();

		worker_post(worker, &echo.post);
		sem_wait(&echo.done);
		if (clock_ms() - began > 300)
			late++;
		if (i % 10 == 0)
			pause_ms(2);
	}
	assert_in_range(late, 0, 2);
	sem_destroy(&echo.done);
	fixture_end(worker);
}

/* --- to oneself ------------------------------------------------------------------------------ */

static char trail[8];

static void
mark_a(struct post *post)
{
	(void)post;
	strcat(trail, "a");
}

static void
mark_b(struct post *post)
{
	(void)post;
	strcat(trail, "b");
}

static void
post_to_self(void *arg)
{
	struct post a = {.fn = mark_a}, b = {.fn = mark_b};

	(void)arg;
	trail[0] = '\0';
	worker_post(worker_current(), &a);
	worker_post(worker_current(), &b);
	assert(trail[0] == '\0'); /* never called in the middle of something */
	assert(task_yield() == STATUS_OK && task_yield() == STATUS_OK);
	assert(strcmp(trail, "ab") == 0);
	worker_post(worker_current(), &a); /* the same node, once it was called */
	assert(task_yield() == STATUS_OK && task_yield() == STATUS_OK);
	assert(strcmp(trail, "aba") == 0);
}

static void
test_posts_to_oneself_come_later_and_in_order(void **state)
{
	struct worker *worker = fixture_worker("self");

	(void)state;
	run_task(worker, post_to_self, NULL);
	fixture_end(worker);
}

static struct {
	struct post post;
	bool stop;
	uint64_t count;
} endless;

static void
post_again(struct post *post)
{
	endless.count++;
	if (!endless.stop)
		worker_post(worker_current(), post);
}

static void
sleep_beside_posts(void *arg)
{
	uint64_t began = clock_ms();

	(void)arg;
	memset(&endless, 0, sizeof endless);
	endless.post.fn = post_again;
	worker_post(worker_current(), &endless.post);
	assert(task_sleep(20) == STATUS_OK);
	assert(clock_ms() - began < 2000);
	assert(endless.count > 20);
	endless.stop = true;
	assert(task_yield() == STATUS_OK && task_yield() == STATUS_OK);
}

static void
test_a_post_that_posts_itself_starves_nobody(void **state)
{
	struct worker *worker = fixture_worker("endless");

	(void)state;
	run_task(worker, sleep_beside_posts, NULL);
	fixture_end(worker);
}

/* --- the end --------------------------------------------------------------------------------- */

static void
park_for_ever(void *arg)
{
	struct wait never;

	(void)arg;
	wait_init(&never);
	wait_uninterrupted(&never);
}

static void
spawn_parked(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++)
		spawn("abandoned", park_for_ever, NULL);
}

static void
test_parked_tasks_are_abandoned_at_the_end(void **state)
{
	struct worker *worker = fixture_worker("end");

	(void)state;
	run_task(worker, spawn_parked, NULL);
	pause_ms(10);
	assert_in_range(worker_tasks(worker), 10, 11);
	fixture_end(worker); /* the leak check sees to it that their stacks are freed */
}

static _Atomic bool called;

static void
call_fn(struct post *post)
{
	(void)post;
	atomic_store(&called, true);
	worker_stop(worker_current());
}

static void
test_a_worker_may_run_on_the_calling_thread(void **state)
{
	struct post post = {.fn = call_fn};
	struct worker *worker = worker_new("main");

	(void)state;
	assert_non_null(worker);
	assert_null(worker_current());
	worker_post(worker, &post);
	worker_run(worker);
	assert_true(called);
	assert_null(worker_current());
	worker_free(&worker);
	assert_null(worker);
}

static void
block(void *arg)
{
	(void)arg;
	pause_ms(400);
}

static void *
block_main(void *arg)
{
	run_task(arg, block, NULL);
	return NULL;
}

static void
test_a_loop_that_hangs_is_seen_from_outside(void **state)
{
	struct worker *worker = fixture_worker("hangs");
	uint64_t most = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, block_main, worker), 0);
	for (int i = 0; i < 45; i++) {
		uint64_t stalled = worker_stalled_ms(worker);

		most = stalled > most ? stalled : most;
		pause_ms(10);
	}
	pthread_join(thread, NULL);
	assert_true(most >= 200);
	fixture_end(worker);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_posts_of_each_thread_arrive_in_order),
	    cmocka_unit_test(test_no_wake_up_is_lost),
	    cmocka_unit_test(test_posting_wakes_within_milliseconds),
	    cmocka_unit_test(test_posts_to_oneself_come_later_and_in_order),
	    cmocka_unit_test(test_a_post_that_posts_itself_starves_nobody),
	    cmocka_unit_test(test_parked_tasks_are_abandoned_at_the_end),
	    cmocka_unit_test(test_a_worker_may_run_on_the_calling_thread),
	    cmocka_unit_test(test_a_loop_that_hangs_is_seen_from_outside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
