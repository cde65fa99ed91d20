/* SPDX-License-Identifier: MIT
 * A service in a process of its own that is killed, stopped, continued, replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/actor_fixture.h"

static struct test_process process;
static struct test_caller caller;
static char url[64];

static int
setup(void **state)
{
	(void)state;
	process_spawn(&process, free_url(url), -1);
	caller = (struct test_caller){0};
	caller_start(&caller, url);
	return caller_wait_up(&caller, 1, 15000) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	caller_end(&caller);
	process_kill(&process, SIGKILL);
	return 0;
}

static _Atomic unsigned started, ended, counts[STATUS_COUNT];

/* A stream that the reader does not read: it is in flight for as long as the service lives. */
static void
hold_stream(void *arg)
{
	struct rpc_request request = {.method = "Stream", .body = "9000000", .body_length = 7};
	struct rpc_stream *stream;
	struct reply reply;
	enum status status = rpc_stream_open(caller.rpc, &request, &reply, &stream);
	const void *bytes;
	size_t length = 1;

	(void)arg;
	started++;
	if (status == STATUS_OK) {
		while (started < 1000)
			if (task_sleep(5) != STATUS_OK)
				break;
		/* What has come can be read; then it breaks off. */
		while (status == STATUS_OK && length > 0)
			status = rpc_stream_read(stream, 0, &bytes, &length);
		rpc_stream_close(&stream);
	}
	counts[status]++;
	ended++;
}

static void
hold_streams(void *arg)
{
	(void)arg;
	started = ended = 0;
	memset((void *)(uintptr_t)counts, 0, sizeof counts);
	for (int i = 0; i < 5; i++)
		spawn("stream", hold_stream, NULL);
	while (started < 5)
		assert(task_sleep(2) == STATUS_OK);
}

static void
echo_once(void *arg)
{
	struct reply reply;

	*(enum status *)arg = call_method(caller.rpc, "Echo", "x", 1, &reply);
}

static enum status
echo(unsigned limit_ms)
{
	enum status status;

	run_task_until(caller.worker, clock_ms() + limit_ms, echo_once, &status);
	return status;
}

static void
await_ended(unsigned count, unsigned limit_ms)
{
	for (unsigned i = 0; i < limit_ms / 5 && ended < count; i++)
		pause_ms(5);
	assert_int_equal(ended, count);
}

static void
test_killed_in_flight_fails_at_once_and_a_successor_serves(void **state)
{
	uint64_t began;

	(void)state;
	run_task(caller.worker, hold_streams, NULL);
	began = clock_ms();
	process_kill(&process, SIGKILL);
	assert_true(caller_wait_up(&caller, 0, 1000));
	started = 1000;
	await_ended(5, 1000);
	assert_int_equal(counts[STATUS_DEPENDENCY_DOWN], 5);
	assert_int_equal(echo(1000), STATUS_DEPENDENCY_DOWN);
	process_spawn(&process, url, -1);
	assert_true(caller_wait_up(&caller, 1, 15000));
	assert_int_equal(echo(5000), STATUS_OK);
	print_message("killed, failed, replaced and served again in %lu ms\n",
	              (unsigned long)(clock_ms() - began));
}

static void
test_stopped_for_a_second_nothing_is_lost(void **state)
{
	(void)state;
	assert_int_equal(kill(process.pid, SIGSTOP), 0);
	pause_ms(100);
	assert_int_equal(echo(200), STATUS_DEADLINE);
	pause_ms(1000);
	assert_int_equal(rpc_replicas_up(caller.rpc), 1);
	assert_int_equal(kill(process.pid, SIGCONT), 0);
	assert_int_equal(echo(5000), STATUS_OK);
}

static void
test_silent_for_three_seconds_is_dead(void **state)
{
	uint64_t began;

	(void)state;
	run_task(caller.worker, hold_streams, NULL);
	assert_int_equal(kill(process.pid, SIGSTOP), 0);
	began = clock_ms();
	started = 1000;
	assert_true(caller_wait_up(&caller, 0, 6000));
	print_message("given up after %lu ms\n", (unsigned long)(clock_ms() - began));
	assert_in_range(clock_ms() - began, 1500, 5500);
	await_ended(5, 1000);
	assert_int_equal(counts[STATUS_DEPENDENCY_DOWN], 5);
	assert_int_equal(echo(1000), STATUS_DEPENDENCY_DOWN); /* at once */
	assert_int_equal(kill(process.pid, SIGCONT), 0);
	assert_true(caller_wait_up(&caller, 1, 10000));
	assert_int_equal(echo(5000), STATUS_OK);
}

/* Stops both ends for longer than what is death, as a machine does that is moved to another host.
 */
static void
stand_still(void)
{
	pid_t self = getpid(), waker = fork();

	assert(waker >= 0);
	if (waker == 0) {
		kill(process.pid, SIGSTOP);
		kill(self, SIGSTOP);
		sleep(4);
		kill(process.pid, SIGCONT);
		kill(self, SIGCONT);
		_exit(0);
	}
	assert_int_equal(waitpid(waker, NULL, 0), waker);
}

static void
test_a_standstill_is_not_the_peers_silence(void **state)
{
	uint64_t began = clock_ms();

	(void)state;
	run_task(caller.worker, hold_streams, NULL);
	stand_still();
	assert_true(clock_ms() - began >= 4000);
	pause_ms(1500); /* whoever was given up is gone by then */
	assert_int_equal(echo(5000), STATUS_OK);
	assert_int_equal(ended, 0);
	started = 1000;
	await_ended(5, 5000);
	assert_int_equal(counts[STATUS_OK], 5);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_killed_in_flight_fails_at_once_and_a_successor_serves),
	    TEST(test_stopped_for_a_second_nothing_is_lost),
	    TEST(test_silent_for_three_seconds_is_dead),
	    TEST(test_a_standstill_is_not_the_peers_silence),
	};

	if (service_main(argc, argv) == 0)
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
