/* SPDX-License-Identifier: MIT
 * A socket is closed when no thread of nng is about to use it, and none begins to afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/actor/socket_private.h"
#include "tests/unit/actor_fixture.h"

#include <nng/protocol/reqrep0/rep.h>

static struct pipes pipes;
static nng_socket answerer;
static nng_ctx context;
static _Atomic bool closed;

static void *
close_thread(void *arg)
{
	(void)arg;
	pipes_close(&pipes, answerer);
	closed = true;
	return NULL;
}

static void
test_closing_waits_for_who_is_within(void **state)
{
	pthread_t closer;
	nng_aio *receive;

	(void)state;
	pipes_init(&pipes, NULL, 2);
	assert_int_equal(nng_rep0_open(&answerer), 0);
	assert_int_equal(nng_ctx_open(&context, answerer), 0);
	assert_int_equal(nng_aio_alloc(&receive, NULL, NULL), 0);
	assert_true(pipes_enter(&pipes));
	assert_true(pipes_enter(&pipes)); /* nng has many threads */
	pipes_leave(&pipes);
	assert_int_equal(pthread_create(&closer, NULL, close_thread, NULL), 0);
	pause_ms(50);
	assert_false(closed);
	nng_ctx_recv(context, receive);
	pipes_leave(&pipes);
	pthread_join(closer, NULL);
	assert_false(pipes_enter(&pipes));
	nng_aio_wait(receive);
	assert_int_equal(nng_aio_result(receive), NNG_ECLOSED);
	nng_aio_free(receive);
	pipes_fini(&pipes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_closing_waits_for_who_is_within)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
