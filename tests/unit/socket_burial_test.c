/* SPDX-License-Identifier: MIT
 * A pipe that nng cannot bury, because a callback of its receiving never returns, is noticed after
 * five seconds of asking; one that is buried is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/actor/socket_private.h"
#include "common/base/obj.h"
#include "tests/unit/actor_fixture.h"

#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

static struct pipes pipes;
static struct worker *io;
static nng_socket caller, answerer;
static nng_aio *answer;
static sem_t answered, release;
static _Atomic unsigned ups, downs;

static void
count_up(struct pipes *which, uint32_t id)
{
	(void)which;
	(void)id;
	ups++;
}

static void
count_down(struct pipes *which, uint32_t id)
{
	(void)which;
	(void)id;
	downs++;
}

/* On nng's thread that receives on the pipe. */
static void
answer_cb(void *arg)
{
	(void)arg;
	if (nng_aio_result(answer) == 0)
		nng_msg_free(nng_aio_get_msg(answer));
	sem_post(&answered);
	sem_wait(&release);
}

static void
await(const _Atomic unsigned *count)
{
	while (*count == 0)
		pause_ms(5);
}

static void
connect_both(void)
{
	char url[64];

	io = fixture_worker("links");
	ups = downs = 0;
	sem_init(&answered, 0, 0);
	sem_init(&release, 0, 0);
	assert_int_equal(nng_rep0_open(&answerer), 0);
	do
		free_url(url);
	while (nng_listen(answerer, url, NULL, 0) != 0);
	assert_int_equal(nng_req0_open(&caller), 0);
	pipes_init(&pipes, io, 2);
	pipes.up = count_up;
	pipes.down = count_down;
	assert_int_equal(pipes_watch(&pipes, caller), 0);
	assert_int_equal(nng_aio_alloc(&answer, answer_cb, NULL), 0);
	assert_int_equal(nng_dial(caller, url, NULL, 0), 0);
	await(&ups);
}

static void
end_both(void)
{
	nng_close(caller);
	nng_close(answerer);
	nng_aio_free(answer);
	while (pipes_any(&pipes))
		pause_ms(5);
	pipes_fini(&pipes);
	fixture_end(io);
}

static void
test_a_buried_pipe_is_no_hang(void **state)
{
	(void)state;
	connect_both();
	nng_close(answerer);
	await(&downs);
	for (int quiet = 0; quiet < 10; pause_ms(5))
		quiet = socket_hangs() ? 0 : quiet + 1;
	end_both();
}

static void
test_a_pipe_that_cannot_be_buried_is_noticed(void **state)
{
	nng_msg *message;
	nng_pipe pipe;

	(void)state;
	connect_both();
	assert_int_equal(nng_msg_alloc(&message, 1), 0);
	assert_int_equal(nng_sendmsg(caller, message, 0), 0);
	nng_recv_aio(caller, answer);
	assert_int_equal(nng_recvmsg(answerer, &message, 0), 0);
	pipe = nng_msg_get_pipe(message);
	assert_int_equal(nng_sendmsg(answerer, message, 0), 0);
	sem_wait(&answered);
	assert_false(socket_hangs());
	nng_pipe_close(pipe); /* not its socket: that would wait for the pipe to be buried */
	await(&downs);
	for (int i = 0; i < 4; i++)
		assert_false(socket_hangs());
	assert_true(socket_hangs());
	assert_false(pipes_end(&pipes)); /* and does not wait for ever */
	sem_post(&release);
	while (socket_hangs())
		pause_ms(5);
	end_both();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_buried_pipe_is_no_hang),
	    cmocka_unit_test(test_a_pipe_that_cannot_be_buried_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
