/* SPDX-License-Identifier: MIT
 * What a call between two actors costs: echo round trips over tcp loopback between two processes,
 * with 1, 64 and 1,000 in flight, beside a bare nng REQ/REP ping-pong of the same run; and the
 * switches between tasks per second.
 *
 * usage: rpc_bench [SECONDS]   (3 for each line) */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include "tests/unit/actor_fixture.h"

#define SAMPLES 4000000

static struct test_caller caller;
static uint32_t *samples;
static size_t sample_count;
static unsigned running;
static uint64_t until_us;

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double
report(const char *what, unsigned in_flight, uint64_t elapsed_us)
{
	double rate = (double)sample_count * 1e6 / (double)elapsed_us;

	qsort(samples, sample_count, sizeof samples[0], compare);
	printf("%-28s %5u in flight: %8.0f/s  p50 %7.3f ms  p99 %7.3f ms\n", what, in_flight, rate,
	       samples[sample_count / 2] / 1e3, samples[sample_count * 99 / 100] / 1e3);
	fflush(stdout);
	return rate;
}

static void
sample(uint64_t began_us)
{
	if (sample_count < SAMPLES)
		samples[sample_count++] = (uint32_t)(clock_us() - began_us);
}

/* --- rpc ------------------------------------------------------------------------------------- */

static void
echo_loop(void *arg)
{
	struct reply reply;
	char body[100] = "x";

	(void)arg;
	while (clock_us() < until_us) {
		uint64_t began = clock_us();

		assert(call_method(caller.rpc, "Echo", body, sizeof body, &reply) == STATUS_OK);
		sample(began);
		arena_reset(task_arena());
	}
	running--;
}

static void
echo_many(void *arg)
{
	running = *(unsigned *)arg;
	for (unsigned i = running; i > 0; i--)
		spawn("echo", echo_loop, NULL);
	while (running > 0)
		assert(task_sleep(2) == STATUS_OK);
}

static double
bench_rpc(const char *what, unsigned in_flight, unsigned seconds)
{
	uint64_t began = clock_us();

	sample_count = 0;
	until_us = began + seconds * 1000000u;
	run_task(caller.worker, echo_many, &in_flight);
	return report(what, in_flight, clock_us() - began);
}

/* --- bare nng -------------------------------------------------------------------------------- */

/* `rpc_bench rep URL`: answers with what comes, on as many contexts as it takes. */
struct rep_context {
	nng_ctx ctx;
	nng_aio *aio;
	bool sending;
};

static void
rep_cb(void *arg)
{
	struct rep_context *context = arg;

	if (nng_aio_result(context->aio) != 0)
		return;
	context->sending = !context->sending;
	if (context->sending)
		nng_ctx_send(context->ctx, context->aio); /* the message that has come */
	else
		nng_ctx_recv(context->ctx, context->aio);
}

static int
rep_main(const char *url)
{
	static struct rep_context contexts[64];
	nng_socket socket;
	char byte;

	if (nng_rep0_open(&socket) != 0)
		return 1;
	for (size_t i = 0; i < COUNT_OF(contexts); i++) {
		if (nng_ctx_open(&contexts[i].ctx, socket) != 0 ||
		    nng_aio_alloc(&contexts[i].aio, rep_cb, &contexts[i]) != 0)
			return 1;
		nng_ctx_recv(contexts[i].ctx, contexts[i].aio);
	}
	if (nng_listen(socket, url, NULL, 0) != 0)
		return 1;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	_exit(0);
}

struct req_context {
	nng_ctx ctx;
	nng_aio *aio;
	uint64_t began;
	bool sending;
	sem_t *done;
};

static pthread_mutex_t sample_lock = PTHREAD_MUTEX_INITIALIZER;

static void
req_cb(void *arg)
{
	struct req_context *context = arg;

	assert(nng_aio_result(context->aio) == 0);
	context->sending = !context->sending;
	if (!context->sending) { /* sent */
		nng_ctx_recv(context->ctx, context->aio);
		return;
	}
	pthread_mutex_lock(&sample_lock);
	sample(context->began);
	pthread_mutex_unlock(&sample_lock);
	context->began = clock_us();
	if (context->began < until_us)
		nng_ctx_send(context->ctx, context->aio);
	else
		sem_post(context->done);
}

static double
bench_nng(const char *url, unsigned in_flight, unsigned seconds)
{
	static struct req_context contexts[64];
	char body[100] = "x";
	nng_socket socket;
	uint64_t began;
	sem_t done;

	assert(in_flight <= COUNT_OF(contexts));
	assert(nng_req0_open(&socket) == 0);
	for (int i = 0; nng_dial(socket, url, NULL, 0) != 0; i++) {
		assert(i < 400);
		pause_ms(5);
	}
	sem_init(&done, 0, 0);
	sample_count = 0;
	began = clock_us();
	until_us = began + seconds * 1000000u;
	for (unsigned i = 0; i < in_flight; i++) {
		nng_msg *msg;

		contexts[i] = (struct req_context){.done = &done, .began = began, .sending = true};
		assert(nng_ctx_open(&contexts[i].ctx, socket) == 0);
		assert(nng_aio_alloc(&contexts[i].aio, req_cb, &contexts[i]) == 0);
		assert(nng_msg_alloc(&msg, 0) == 0 && nng_msg_append(msg, body, sizeof body) == 0);
		nng_aio_set_msg(contexts[i].aio, msg);
		nng_ctx_send(contexts[i].ctx, contexts[i].aio);
	}
	for (unsigned i = 0; i < in_flight; i++)
		while (sem_wait(&done) != 0)
			;
	return report("bare nng REQ/REP", in_flight, clock_us() - began);
}

/* --- tasks ----------------------------------------------------------------------------------- */

static void
yield_loop(void *arg)
{
	uint64_t *turns = arg;

	while ((*turns % 64 != 0 || clock_us() < until_us) && task_yield() == STATUS_OK)
		(*turns)++;
	(*turns)++;
	running--;
}

static void
bench_tasks(void *arg)
{
	uint64_t turns = 0, began = clock_us();

	until_us = began + *(unsigned *)arg * 1000000u / 3;
	running = 100;
	for (unsigned i = 0; i < 100; i++)
		spawn("yield", yield_loop, &turns);
	while (running > 0)
		assert(task_sleep(1) == STATUS_OK);
	printf("%-28s %5u tasks:     %8.0f switches to and fro/s\n", "task_yield()", 100,
	       (double)turns * 1e6 / (double)(clock_us() - began));
}

int
main(int argc, char **argv)
{
	struct test_process rep, service;
	char rep_url[64], url[64];
	unsigned seconds = argc == 2 ? (unsigned)atoi(argv[1]) : 3;
	double bare1, bare64, ours1, ours64;

	if (argc == 3 && strcmp(argv[1], "rep") == 0)
		return rep_main(argv[2]);
	if (service_main(argc, argv) == 0)
		return 0;
	samples = malloc(SAMPLES * sizeof samples[0]);
	assert(samples != NULL);
	process_spawn_as(&rep, "rep", free_url(rep_url), -1);
	process_spawn(&service, free_url(url), -1);
	caller_start(&caller, url);
	assert(caller_wait_up(&caller, 1, 5000));
	bare1 = bench_nng(rep_url, 1, seconds);
	ours1 = bench_rpc("rpc_call()", 1, seconds);
	bare64 = bench_nng(rep_url, 64, seconds);
	ours64 = bench_rpc("rpc_call()", 64, seconds);
	bench_rpc("rpc_call()", 1000, seconds);
	printf("%-28s     1: %.2f, 64: %.2f of bare nng's rate\n", "ratio", ours1 / bare1,
	       ours64 / bare64);
	run_task(caller.worker, bench_tasks, &seconds);
	caller_end(&caller);
	process_kill(&rep, SIGKILL);
	process_kill(&service, SIGKILL);
	free(samples);
	return 0;
}
