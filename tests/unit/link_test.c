/* SPDX-License-Identifier: MIT
 * Links between two workers of one process, over inproc:// and tcp://: order, batches, bodies in
 * pieces, streams and their windows, calls taken off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/actor_fixture.h"

static struct test_service service;
static struct test_caller caller;
static char url[64];

static int
open_both(const char *where)
{
	service_start(&service, where);
	if (!service_listen(&service))
		return -1;
	caller = (struct test_caller){.options.max_in_flight = 20000};
	caller_start(&caller, where);
	return caller_wait_up(&caller, 1, 5000) ? 0 : -1;
}

static int
setup_inproc(void **state)
{
	(void)state;
	return open_both("inproc://link-test");
}

static int
setup_tcp(void **state)
{
	(void)state;
	return open_both(free_url(url));
}

static int
teardown(void **state)
{
	(void)state;
	caller_end(&caller);
	service_end(&service);
	return 0;
}

/* --- order and batches ----------------------------------------------------------------------- */

#define CALLS (FIXTURE_SLOW ? 3000u : 10000u)

static unsigned ended, failed;

static void
note_one(void *arg)
{
	uint32_t number = (uint32_t)(uintptr_t)arg;
	struct reply reply;

	if (call_method(caller.rpc, "Note", &number, sizeof number, &reply) != STATUS_OK ||
	    reply.body_length != sizeof number || memcmp(reply.body, &number, sizeof number) != 0)
		failed++;
	ended++;
}

static void
note_many(void *arg)
{
	(void)arg;
	ended = failed = 0;
	for (uintptr_t i = 0; i < CALLS; i++) {
		spawn("note", note_one, (void *)i);
		if (i % 1000 == 999)
			assert(task_sleep(FIXTURE_SLOW ? 100 : 10) == STATUS_OK);
	}
	while (ended < CALLS)
		assert(task_sleep(2) == STATUS_OK);
}

static void
test_calls_are_executed_once_and_in_order(void **state)
{
	(void)state;
	run_task(caller.worker, note_many, NULL);
	assert_int_equal(failed, 0);
	assert_int_equal(service.noted, CALLS);
	for (uint32_t i = 0; i < CALLS; i++)
		if (service.notes[i] != i)
			fail_msg("number %u came at place %u", service.notes[i], i);
}

/* --- bodies ---------------------------------------------------------------------------------- */

static void
echo_sizes(void *arg)
{
	static const size_t sizes[] = {0,
	                               1,
	                               WIRE_PIECE - 1,
	                               WIRE_PIECE,
	                               WIRE_PIECE + 1,
	                               WIRE_WINDOW,
	                               WIRE_WINDOW + WIRE_PIECE + 7,
	                               1 << 20,
	                               10 << 20};
	uint8_t *body = malloc(10 << 20);
	struct reply reply;

	(void)arg;
	assert(body != NULL);
	for (size_t i = 0; i < 10 << 20; i++)
		body[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		assert(call_method(caller.rpc, "Echo", body, sizes[i], &reply) == STATUS_OK);
		assert(reply.body_length == sizes[i]);
		assert(sizes[i] == 0 || memcmp(reply.body, body, sizes[i]) == 0);
		arena_reset(task_arena());
	}
	free(body);
}

static void
test_bodies_of_every_size_come_back(void **state)
{
	(void)state;
	run_task(caller.worker, echo_sizes, NULL);
	assert_int_equal(service.budget.used, 0);
}

static void
echo_big(void *arg)
{
	static uint8_t body[3 << 20];
	struct reply reply;

	(void)arg;
	assert(call_method(caller.rpc, "Echo", body, sizeof body, &reply) == STATUS_OK);
	assert(reply.body_length == sizeof body);
	ended++;
}

static void
small_beside_big(void *arg)
{
	uint64_t worst = 0, began;
	struct reply reply;

	(void)arg;
	ended = 0;
	for (int i = 0; i < 4; i++)
		spawn("big", echo_big, NULL);
	while (ended < 4) {
		began = clock_ms();
		assert(call_method(caller.rpc, "Echo", "x", 1, &reply) == STATUS_OK);
		worst = clock_ms() - began > worst ? clock_ms() - began : worst;
	}
	print_message("a small call beside four big bodies took at most %lu ms\n",
	              (unsigned long)worst);
	assert(worst < 500);
}

static void
test_big_bodies_do_not_block_the_line(void **state)
{
	(void)state;
	run_task(caller.worker, small_beside_big, NULL);
}

static void
echo_too_big(void *arg)
{
	struct reply reply;
	uint8_t *body = calloc(1, MESSAGE_MAX_BODY + 1);

	(void)arg;
	assert(body != NULL);
	assert(call_method(caller.rpc, "Echo", body, MESSAGE_MAX_BODY + 1, &reply) ==
	       STATUS_TOO_LARGE);
	free(body);
}

static void
ask_for_what_is_missing(void *arg)
{
	struct reply reply;

	(void)arg;
	assert(call_method(caller.rpc, "Missing", NULL, 0, &reply) == STATUS_NOT_FOUND);
	assert(reply.status == STATUS_NOT_FOUND && strcmp(reply.detail, "there is none") == 0);
}

static void
test_errors_travel(void **state)
{
	(void)state;
	run_task(caller.worker, echo_too_big, NULL);
	run_task(caller.worker, ask_for_what_is_missing, NULL);
}

static void
overdraw(void *arg)
{
	struct reply reply;
	static uint8_t body[1 << 20];

	(void)arg;
	assert(call_method(caller.rpc, "Echo", body, sizeof body, &reply) == STATUS_OVERLOADED);
	assert(reply.retry_after_s == 1);
	assert(call_method(caller.rpc, "Echo", body, 1000, &reply) == STATUS_OK);
}

static void
test_a_body_beyond_the_budget_is_refused(void **state)
{
	(void)state;
	service.budget.limit = 512 << 10;
	run_task(caller.worker, overdraw, NULL);
	assert_int_equal(service.requests, 1);
}

/* --- streams --------------------------------------------------------------------------------- */

#define STREAM_BYTES "3000000"

static size_t
read_stream(struct rpc_stream *stream, uint32_t pause, size_t most)
{
	const void *bytes;
	size_t length, total = 0;

	while (total < most) {
		enum status status = rpc_stream_read(stream, 0, &bytes, &length);

		assert(status == STATUS_OK);
		if (length == 0)
			break;
		for (size_t i = 0; i < length; i++)
			assert(((const char *)bytes)[i] == (char)('a' + (total + i) % 26));
		total += length;
		if (pause > 0)
			assert(task_sleep(pause) == STATUS_OK);
	}
	return total;
}

static struct rpc_stream *
open_stream(const char *count)
{
	struct rpc_request request = {
	    .method = "Stream", .body = count, .body_length = strlen(count)};
	struct rpc_stream *stream;
	struct reply reply;

	assert(rpc_stream_open(caller.rpc, &request, &reply, &stream) == STATUS_OK);
	assert(stream != NULL);
	return stream;
}

static void
stream_all(void *arg)
{
	struct rpc_stream *stream = open_stream(STREAM_BYTES);

	(void)arg;
	assert(read_stream(stream, 0, SIZE_MAX) == 3000000);
	rpc_stream_close(&stream);
	assert(stream == NULL);
	stream = open_stream("0");
	assert(read_stream(stream, 0, SIZE_MAX) == 0);
	rpc_stream_close(&stream);
}

static void
test_a_stream_arrives_whole(void **state)
{
	(void)state;
	run_task(caller.worker, stream_all, NULL);
}

static void
read_slowly(void *arg)
{
	struct rpc_stream *slow = open_stream(STREAM_BYTES), *quick;
	const void *bytes;
	size_t length;

	(void)arg;
	assert(rpc_stream_read(slow, 0, &bytes, &length) == STATUS_OK && length > 0);
	assert(task_sleep(100) == STATUS_OK);
	/* A window and what was granted for the first read, no more, however long we wait. */
	assert(service.sent <= WIRE_WINDOW + WIRE_PIECE);
	/* Meanwhile another stream on the same link runs at full speed. */
	quick = open_stream(STREAM_BYTES);
	assert(read_stream(quick, 0, SIZE_MAX) == 3000000);
	rpc_stream_close(&quick);
	assert(service.sent <= 3000000 + WIRE_WINDOW + WIRE_PIECE);
	rpc_stream_close(&slow);
	while (service.running > 0)
		assert(task_sleep(1) == STATUS_OK);
}

static void
test_a_slow_reader_holds_back_only_itself(void **state)
{
	(void)state;
	run_task(caller.worker, read_slowly, NULL);
	assert_int_equal(service.cancels, 1); /* the slow one was closed early */
}

static void
read_with_limit(void *arg)
{
	struct rpc_request request = {.method = "Stream", .body = "100", .body_length = 3};
	struct rpc_stream *stream;
	struct reply reply;
	const void *bytes;
	size_t length;

	(void)arg;
	service.hold = false;
	assert(rpc_stream_open(caller.rpc, &request, &reply, &stream) == STATUS_OK);
	assert(read_stream(stream, 0, SIZE_MAX) == 100);
	/* After the end it says the end again. */
	assert(rpc_stream_read(stream, clock_ms() + 10, &bytes, &length) == STATUS_OK);
	assert(length == 0);
	rpc_stream_close(&stream);
	stream = open_stream("200000");
	assert(read_stream(stream, 0, 100000) >= 100000);
	rpc_stream_close(&stream); /* in the middle */
	assert(call_method(caller.rpc, "Stream", "100", 3, &reply) == STATUS_INTERNAL);
}

static void
test_streams_end_early_and_twice(void **state)
{
	(void)state;
	run_task(caller.worker, read_with_limit, NULL);
}

#define BOTH(name)                                                                                 \
	{#name "_inproc", name, setup_inproc, teardown, NULL},                                     \
	{                                                                                          \
#name "_tcp", name, setup_tcp, teardown, NULL                                      \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOTH(test_calls_are_executed_once_and_in_order),
	    BOTH(test_bodies_of_every_size_come_back),
	    BOTH(test_big_bodies_do_not_block_the_line),
	    BOTH(test_errors_travel),
	    BOTH(test_a_body_beyond_the_budget_is_refused),
	    BOTH(test_a_stream_arrives_whole),
	    BOTH(test_a_slow_reader_holds_back_only_itself),
	    BOTH(test_streams_end_early_and_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
