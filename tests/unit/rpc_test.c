/* SPDX-License-Identifier: MIT
 * Calls to replicas: the choice by load, bounds, deadlines and cancellation, ejection, retries and
 * their budget, replicas that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/actor/rpc_private.h"
#include "tests/unit/actor_fixture.h"

static struct test_service a, b;
static struct test_caller caller;
static char url_a[64], url_b[64], both[160];

static void
open_service(struct test_service *service, const char *url)
{
	*service = (struct test_service){0};
	service_start(service, url);
	assert_true(service_listen(service));
}

static int
setup(void **state)
{
	(void)state;
	open_service(&a, free_url(url_a));
	open_service(&b, free_url(url_b));
	snprintf(both, sizeof both, "%s, %s", url_a, url_b);
	caller = (struct test_caller){0};
	caller_start(&caller, both);
	return caller_wait_up(&caller, 2, 5000) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	caller_end(&caller);
	service_end(&a);
	service_end(&b);
	return 0;
}

/* --- many calls at once ---------------------------------------------------------------------- */

static struct {
	unsigned started, ended, count[STATUS_COUNT];
	uint64_t deadline_ms;
	bool idempotent;
	struct task *last;
} calls;

static void
one_call(void *arg)
{
	struct rpc_request request = {
	    .method = "Echo", .body = "x", .body_length = 1, .idempotent = calls.idempotent};
	struct reply reply;

	(void)arg;
	calls.last = task_self();
	if (calls.deadline_ms != 0)
		task_limit(calls.deadline_ms);
	calls.count[rpc_call(caller.rpc, &request, &reply)]++;
	calls.ended++;
}

static void
start_calls(unsigned count)
{
	calls.started += count;
	for (unsigned i = 0; i < count; i++)
		spawn("call", one_call, NULL);
}

static void
await_calls(void)
{
	while (calls.ended < calls.started)
		assert(task_sleep(1) == STATUS_OK);
}

static void
run_calls(unsigned count)
{
	start_calls(count);
	await_calls();
}

static void
begin(bool idempotent, uint32_t time_ms)
{
	memset(&calls, 0, sizeof calls);
	calls.idempotent = idempotent;
	calls.deadline_ms = time_ms != 0 ? clock_ms() + time_ms : 0;
}

/* --- the choice ------------------------------------------------------------------------------ */

static void
ten_at_a_time(void *arg)
{
	(void)arg;
	begin(false, 0);
	for (unsigned i = 0; i < 300; i++) {
		while (calls.started - calls.ended >= 10)
			assert(task_sleep(1) == STATUS_OK);
		start_calls(1);
	}
	await_calls();
}

static void
test_the_quick_replica_gets_most(void **state)
{
	unsigned least = 300;

	(void)state;
	a.delay_ms = 10;
	b.delay_ms = 100;
	/* A machine that stands still for a moment makes both as slow. */
	for (int i = 0; i < 4 && least >= 75; i++) {
		unsigned before_a = a.requests, before_b = b.requests;
		uint64_t began = clock_ms();

		run_task(caller.worker, ten_at_a_time, NULL);
		print_message("300 calls, ten at a time, over a 10 ms and a 100 ms replica: "
		              "%u and %u, %lu ms\n",
		              a.requests - before_a, b.requests - before_b,
		              (unsigned long)(clock_ms() - began));
		assert_int_equal(calls.count[STATUS_OK], 300);
		if (b.requests - before_b < least)
			least = b.requests - before_b;
	}
	/* The ideal is five to five in flight: a serves ten times as many. Half at random is 10/1
	 * too, but a choice that ignores the load gives b half of them. */
	assert_true(least < 75);
}

static void
hundred(void *arg)
{
	(void)arg;
	begin(false, 0);
	run_calls(100);
}

/* --- bounds ---------------------------------------------------------------------------------- */

static void
overfill(void *arg)
{
	(void)arg;
	begin(false, 0);
	start_calls(30);
	while (calls.ended < 10)
		assert(task_sleep(1) == STATUS_OK);
	assert(calls.count[STATUS_OVERLOADED] == 10);
	assert(task_sleep(50) == STATUS_OK && calls.ended == 10);
	a.hold = b.hold = false;
	await_calls();
}

static int
setup_bounded(void **state)
{
	(void)state;
	open_service(&a, free_url(url_a));
	open_service(&b, free_url(url_b));
	snprintf(both, sizeof both, "%s,%s", url_a, url_b);
	caller = (struct test_caller){.options.max_in_flight = 10};
	caller_start(&caller, both);
	return caller_wait_up(&caller, 2, 5000) ? 0 : -1;
}

static void
test_in_flight_is_bounded_per_replica(void **state)
{
	(void)state;
	a.hold = b.hold = true;
	run_task(caller.worker, overfill, NULL);
	assert_int_equal(calls.count[STATUS_OK], 20);
	assert_int_equal(a.most, 10);
	assert_int_equal(b.most, 10);
}

/* --- deadline and cancellation --------------------------------------------------------------- */

static void
run_late(void *arg)
{
	uint64_t began = clock_ms();

	(void)arg;
	begin(false, 50);
	run_calls(4);
	assert(calls.count[STATUS_DEADLINE] == 4 && clock_ms() - began < 2000);
	while (a.running + b.running > 0 && clock_ms() - began < 3000)
		assert(task_sleep(1) == STATUS_OK);
}

static void
test_a_deadline_ends_the_call_on_both_sides(void **state)
{
	(void)state;
	a.hold = b.hold = true;
	run_task(caller.worker, run_late, NULL);
	assert_int_equal(a.cancels + b.cancels, 4);
	assert_int_equal(a.running + b.running, 0);
}

static void
run_cancelled(void *arg)
{
	(void)arg;
	begin(false, 0);
	start_calls(1);
	while (a.running + b.running == 0)
		assert(task_sleep(1) == STATUS_OK);
	task_cancel(calls.last);
	await_calls();
	assert(calls.count[STATUS_CANCELLED] == 1);
	while (a.running + b.running > 0)
		assert(task_sleep(1) == STATUS_OK);
}

static void
test_cancelling_reaches_the_replica(void **state)
{
	(void)state;
	a.hold = b.hold = true;
	run_task(caller.worker, run_cancelled, NULL);
	assert_int_equal(a.cancels + b.cancels, 1);
}

static void
run_impatient(void *arg)
{
	struct rpc_request request = {.method = "Stream", .body = "10", .body_length = 2};
	struct rpc_stream *stream;
	struct reply reply;
	uint64_t began = clock_ms();
	const void *bytes;
	size_t length;

	(void)arg;
	request.answer_by_ms = clock_ms() + 50;
	assert(rpc_stream_open(caller.rpc, &request, &reply, &stream) == STATUS_DEADLINE);
	assert(stream == NULL && clock_ms() - began >= 50);
	while (a.cancels + b.cancels == 0)
		assert(task_sleep(1) == STATUS_OK);
	a.hold = b.hold = false;
	/* It is the head that must be there in time. */
	request.answer_by_ms = clock_ms() + 2000;
	assert(rpc_stream_open(caller.rpc, &request, &reply, &stream) == STATUS_OK);
	while (clock_ms() <= request.answer_by_ms)
		assert(task_sleep(100) == STATUS_OK);
	assert(rpc_stream_read(stream, 0, &bytes, &length) == STATUS_OK && length == 10);
	rpc_stream_close(&stream);
}

static void
test_an_answer_has_a_time_of_its_own(void **state)
{
	(void)state;
	a.hold = b.hold = true;
	run_task(caller.worker, run_impatient, NULL);
	assert_int_equal(a.cancels + b.cancels, 1);
}

/* --- ejection -------------------------------------------------------------------------------- */

static void
run_ejected(void *arg)
{
	unsigned before;

	(void)arg;
	/* b answers nothing: five calls in a row run out of time there. */
	for (int i = 0; i < 40 && b.requests < 5; i++) {
		begin(false, FIXTURE_SLOW ? 400 : 100); /* enough to arrive */
		run_calls(2);
	}
	assert(b.requests >= 5);
	before = b.requests;
	begin(false, 0);
	run_calls(60);
	assert(calls.count[STATUS_OK] == 60);
	assert(b.requests - before <= 2); /* it is left alone */
	b.hold = false;
	assert(task_sleep(1500) == STATUS_OK);
	before = b.requests;
	a.delay_ms = b.delay_ms = 5;
	begin(false, 0);
	run_calls(60);
	assert(calls.count[STATUS_OK] == 60 && b.requests > before + 5); /* back, slowly */
}

static void
test_a_replica_that_stalls_is_ejected_for_a_while(void **state)
{
	(void)state;
	b.hold = true;
	run_task(caller.worker, run_ejected, NULL);
}

/* --- replicas that go ------------------------------------------------------------------------ */

static void
start_held(void *arg)
{
	(void)arg;
	start_calls(10);
	while (a.running + b.running < 10)
		assert(task_sleep(1) == STATUS_OK);
}

static void
await_held(void *arg)
{
	uint64_t began = clock_ms();

	(void)arg;
	await_calls();
	assert(clock_ms() - began < 3000);
}

/* `a` goes while five calls are held at each. */
static void
lose_one(bool idempotent)
{
	a.hold = b.hold = true;
	begin(idempotent, 0);
	run_task(caller.worker, start_held, NULL);
	assert_int_equal(a.running, 5);
	service_hush(&a);
	b.hold = false;
	run_task(caller.worker, await_held, NULL);
	assert_int_equal(a.cancels, 5);
}

static void
test_what_was_in_flight_fails_at_once(void **state)
{
	(void)state;
	lose_one(false);
	assert_int_equal(calls.count[STATUS_OK], 5);
	assert_int_equal(calls.count[STATUS_DEPENDENCY_DOWN], 5);
	assert_int_equal(b.requests, 5);
}

static void
test_what_is_idempotent_is_sent_again(void **state)
{
	(void)state;
	lose_one(true);
	assert_int_equal(calls.count[STATUS_OK], 10);
	assert_int_equal(b.requests, 10);
}

static void
test_retries_have_a_budget(void **state)
{
	(void)state;
	caller.rpc->retry_tokens = 30; /* three retries; ten calls earn another */
	lose_one(true);
	assert_int_equal(calls.count[STATUS_OK], 5 + 4);
	assert_int_equal(calls.count[STATUS_DEPENDENCY_DOWN], 1);
}

static void
test_nobody_there_fails_at_once(void **state)
{
	uint64_t began;

	(void)state;
	service_hush(&a);
	service_hush(&b);
	assert_true(caller_wait_up(&caller, 0, 5000));
	assert_false(rpc_ready(caller.rpc));
	began = clock_ms();
	run_task(caller.worker, hundred, NULL);
	assert_int_equal(calls.count[STATUS_DEPENDENCY_DOWN], 100);
	assert_true(clock_ms() - began < 3000);
	assert_int_equal(caller.rpc->retry_tokens, RPC_RETRY_LIMIT); /* not wasted */
	assert_true(service_listen(&a));
	assert_true(caller_wait_up(&caller, 1, 5000));
	run_task(caller.worker, hundred, NULL);
	assert_int_equal(calls.count[STATUS_OK], 100);
}

/* --- what travels beside the body ------------------------------------------------------------- */

static void
invoke(void *arg)
{
	Wire__Header body = WIRE__HEADER__INIT, *answer;
	ProtobufCMessage *message;
	struct header headers[] = {{"prefer", "wait=3"}};
	struct rpc_request request = {.method = "Echo",
	                              .message = &body.base,
	                              .identity = {.user = "u", .session = "s", .locale = "ko"},
	                              .idempotency_key = "key",
	                              .headers = headers,
	                              .header_count = 1};
	struct reply reply;
	char *large = malloc(100001);

	(void)arg;
	assert(large != NULL);
	memset(large, 'v', 100000);
	large[100000] = '\0';
	body.name = (char *)(uintptr_t) "n";
	body.value = large; /* packed once, sent in pieces */
	assert(rpc_invoke(caller.rpc, &request, &wire__header__descriptor, &message, &reply) ==
	       STATUS_OK);
	answer = (Wire__Header *)message;
	assert(strcmp(answer->value, large) == 0 && strcmp(answer->name, "n") == 0);
	free(large);
	request.body = "not protobuf", request.body_length = 12, request.message = NULL;
	assert(rpc_invoke(caller.rpc, &request, &wire__header__descriptor, &message, &reply) ==
	       STATUS_INTERNAL);
	assert(message == NULL);
}

static void
test_messages_in_and_out(void **state)
{
	(void)state;
	run_task(caller.worker, invoke, NULL);
}

/* --- one process and no other ----------------------------------------------------------------- */

static struct directed {
	uint64_t boot_id;
	unsigned calls;
	enum status last;
} directed;

static void
call_directed(void *arg)
{
	struct rpc_request request = {.method = "Echo",
	                              .body = "x",
	                              .body_length = 1,
	                              .idempotent = true,
	                              .boot_id = directed.boot_id};
	struct reply reply;

	(void)arg;
	for (unsigned i = 0; i < directed.calls; i++)
		directed.last = rpc_call(caller.rpc, &request, &reply);
}

static enum status
direct(uint64_t boot_id, unsigned count)
{
	directed = (struct directed){boot_id, count, STATUS_COUNT};
	run_task(caller.worker, call_directed, NULL);
	return directed.last;
}

static void
test_a_boot_id_names_one_replica(void **state)
{
	uint64_t first = link_server_boot(a.server), second = link_server_boot(b.server);
	unsigned requests;

	(void)state;
	assert_int_equal(direct(first, 20), STATUS_OK);
	assert_int_equal(a.requests, 20);
	assert_int_equal(b.requests, 0);
	assert_int_equal(direct(second, 20), STATUS_OK);
	assert_int_equal(a.requests, 20);
	assert_int_equal(b.requests, 20);
	assert_int_equal(direct(first ^ 1, 1), STATUS_DEPENDENCY_DOWN);
	/* What listens there next is somebody else, though all the others are idle. */
	service_hush(&a);
	assert_true(caller_wait_up(&caller, 1, 5000));
	assert_int_equal(direct(first, 1), STATUS_DEPENDENCY_DOWN);
	assert_true(service_listen(&a));
	assert_true(caller_wait_up(&caller, 2, 5000));
	requests = a.requests + b.requests;
	assert_int_equal(direct(first, 1), STATUS_DEPENDENCY_DOWN);
	assert_int_equal(a.requests + b.requests, requests);
	assert_int_equal(direct(link_server_boot(a.server), 1), STATUS_OK);
	/* Unless it says that it is who it was. */
	service_hush(&a);
	assert_true(caller_wait_up(&caller, 1, 5000));
	a.boot_id = first;
	assert_true(service_listen(&a));
	assert_true(caller_wait_up(&caller, 2, 5000));
	assert_int_equal(direct(first, 1), STATUS_OK);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_the_quick_replica_gets_most),
	    cmocka_unit_test_setup_teardown(test_in_flight_is_bounded_per_replica, setup_bounded,
	                                    teardown),
	    TEST(test_a_deadline_ends_the_call_on_both_sides),
	    TEST(test_cancelling_reaches_the_replica),
	    TEST(test_an_answer_has_a_time_of_its_own),
	    TEST(test_a_replica_that_stalls_is_ejected_for_a_while),
	    TEST(test_what_was_in_flight_fails_at_once),
	    TEST(test_what_is_idempotent_is_sent_again),
	    TEST(test_retries_have_a_budget),
	    TEST(test_nobody_there_fails_at_once),
	    TEST(test_messages_in_and_out),
	    TEST(test_a_boot_id_names_one_replica),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
