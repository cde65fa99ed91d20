/* SPDX-License-Identifier: MIT
 * Numbered batches: their order, and what a service does with those of a peer that counts as it
 * likes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/actor/link_order.h"
#include "common/base/buf.h"
#include "tests/unit/actor_fixture.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

#define FIRST 41

static void
test_batches_get_their_order_back(void **state)
{
	struct link_order order = {0};
	struct link_early early;

	(void)state;
	link_order_begin(&order, FIRST);
	assert_int_equal(link_order_take(&order, FIRST + 2, "c", 2, "two"), LINK_TURN_EARLY);
	assert_int_equal(link_order_take(&order, FIRST + 1, "b", 2, "one"), LINK_TURN_EARLY);
	assert_false(link_order_next(&order, &early));
	assert_int_equal(link_order_take(&order, FIRST, "a", 2, NULL), LINK_TURN_NOW);
	for (unsigned i = 1; i <= 2; i++) {
		assert_true(link_order_next(&order, &early));
		assert_int_equal(early.number, FIRST + i);
		assert_string_equal(early.bytes, i == 1 ? "b" : "c");
		assert_string_equal(early.context, i == 1 ? "one" : "two");
		free(early.bytes);
	}
	assert_false(link_order_next(&order, &early));
	assert_int_equal(link_order_take(&order, FIRST + 3, "d", 2, NULL), LINK_TURN_NOW);
}

static void
test_what_is_heard_or_of_before_is_stale(void **state)
{
	struct link_order order = {0};

	(void)state;
	link_order_begin(&order, FIRST);
	assert_int_equal(link_order_take(&order, FIRST - 1, "x", 1, NULL), LINK_TURN_STALE);
	assert_int_equal(link_order_take(&order, FIRST, "a", 1, NULL), LINK_TURN_NOW);
	assert_int_equal(link_order_take(&order, FIRST, "a", 1, NULL), LINK_TURN_STALE);
}

static void
test_who_counts_wrongly_is_found_out(void **state)
{
	struct link_order order = {0};

	(void)state;
	link_order_begin(&order, FIRST);
	assert_int_equal(link_order_take(&order, FIRST + DIAL_LANES, "x", 1, NULL),
	                 LINK_TURN_BROKEN);
	assert_int_equal(link_order_take(&order, UINT64_MAX, "x", 1, NULL), LINK_TURN_BROKEN);
	assert_int_equal(link_order_take(&order, FIRST + 1, "b", 1, NULL), LINK_TURN_EARLY);
	assert_int_equal(link_order_take(&order, FIRST + 1, "b", 1, NULL), LINK_TURN_BROKEN);
	link_order_begin(&order, 0); /* frees what was kept */
}

/* --- a service, and a peer that speaks nng -----------------------------------------------------
 */

static struct test_service service;
static char url[64];
static nng_socket peer;
static nng_ctx ctx[DIAL_LANES + 1];
static nng_aio *aio[DIAL_LANES + 1];

static int
setup(void **state)
{
	(void)state;
	service_start(&service, free_url(url));
	if (!service_listen(&service))
		return -1;
	assert_int_equal(nng_req0_open(&peer), 0);
	nng_socket_set_ms(peer, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	assert_int_equal(nng_dial(peer, url, NULL, 0), 0);
	for (unsigned i = 0; i <= DIAL_LANES; i++) {
		assert_int_equal(nng_ctx_open(&ctx[i], peer), 0);
		assert_int_equal(nng_aio_alloc(&aio[i], NULL, NULL), 0);
		nng_aio_set_timeout(aio[i], 5000);
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	nng_close(peer);
	for (unsigned i = 0; i <= DIAL_LANES; i++)
		nng_aio_free(aio[i]);
	service_end(&service);
	return 0;
}

static void
peer_send(unsigned lane, struct buf *batch)
{
	nng_msg *msg;

	assert_int_equal(nng_msg_alloc(&msg, 0), 0);
	assert_int_equal(nng_msg_append(msg, batch->bytes, batch->length), 0);
	buf_fini(batch);
	nng_aio_set_msg(aio[lane], msg);
	nng_ctx_send(ctx[lane], aio[lane]);
	nng_aio_wait(aio[lane]);
	assert_int_equal(nng_aio_result(aio[lane]), 0);
	nng_ctx_recv(ctx[lane], aio[lane]);
}

static void
peer_add(struct buf *batch, uint64_t call, enum wire_kind kind, const ProtobufCMessage *payload)
{
	struct wire_item *item = wire_item_new(call, kind, payload);

	assert_non_null(item);
	wire_batch_add(batch, item);
	free(item);
}

/* A batch that asks for a Note of its number. */
static void
peer_note(unsigned lane, uint64_t number)
{
	Wire__Request request = WIRE__REQUEST__INIT;
	uint32_t note = (uint32_t)number;
	struct buf batch;

	request.method = (char *)(uintptr_t) "Note";
	request.has_body = true;
	request.body = (ProtobufCBinaryData){sizeof note, (uint8_t *)&note};
	buf_init(&batch, 0);
	wire_batch_begin_numbered(&batch, link_server_boot(service.server), number);
	peer_add(&batch, number, WIRE_REQUEST, &request.base);
	peer_send(lane, &batch);
}

/* The answer's only or first envelope; false when the connection was closed. */
static bool
peer_answer(unsigned lane, struct wire_reader *head, struct wire_envelope *envelope)
{
	static nng_msg *last;

	nng_aio_wait(aio[lane]);
	if (nng_aio_result(aio[lane]) != 0)
		return false;
	if (last != NULL)
		nng_msg_free(last);
	last = nng_aio_get_msg(aio[lane]);
	assert_true(wire_read(head, nng_msg_body(last), nng_msg_len(last)));
	*envelope = (struct wire_envelope){0};
	(void)wire_next(head, envelope);
	return true;
}

static void
peer_greet(void)
{
	Wire__Hello hello = WIRE__HELLO__INIT;
	struct wire_reader head;
	struct wire_envelope envelope;
	struct buf batch;
	uint64_t first;

	hello.has_version = hello.has_first = true;
	hello.version = WIRE_VERSION;
	hello.first = FIRST;
	buf_init(&batch, 0);
	wire_batch_begin(&batch, WIRE_POST, 0);
	peer_add(&batch, WIRE_NO_CALL, WIRE_HELLO, &hello.base);
	peer_send(0, &batch);
	assert_true(peer_answer(0, &head, &envelope));
	assert_int_equal(envelope.kind, WIRE_HELLO);
	assert_true(wire_peek(envelope.payload, envelope.length, 5, 0, &first));
	assert_int_equal(first, 1);
}

static void
test_a_service_hears_in_order_and_answers_with_replies_alone(void **state)
{
	struct wire_reader head;
	struct wire_envelope envelope;

	(void)state;
	peer_greet();
	peer_note(1, FIRST + 1);
	peer_note(0, FIRST);
	/* The context of who was heard first is spoken in first, perhaps with both replies. */
	for (unsigned lane = 0; lane < 2; lane++) {
		assert_true(peer_answer(lane, &head, &envelope));
		assert_int_equal(head.role, WIRE_NUMBERED);
		assert_int_equal(head.number, lane + 1);
		if (lane == 0)
			assert_int_equal(envelope.call, FIRST);
	}
	assert_int_equal(service.noted, 2);
	assert_int_equal(service.notes[0], FIRST);
	assert_int_equal(service.notes[1], FIRST + 1);
}

static void
test_a_batch_of_before_the_greeting_is_not_executed(void **state)
{
	struct wire_reader head;
	struct wire_envelope envelope;

	(void)state;
	peer_note(0, FIRST); /* has not greeted at all */
	assert_true(peer_answer(0, &head, &envelope));
	assert_int_equal(envelope.kind, WIRE_HELLO);
	peer_greet();
	peer_note(0, FIRST - 1);
	assert_true(peer_answer(0, &head, &envelope));
	assert_int_equal(envelope.kind, WIRE_HELLO);
	assert_int_equal(service.noted, 0);
}

static void
test_a_number_too_far_ahead_costs_the_connection(void **state)
{
	struct wire_reader head;
	struct wire_envelope envelope;

	(void)state;
	peer_greet();
	peer_note(0, FIRST + DIAL_LANES);
	assert_false(peer_answer(0, &head, &envelope));
	assert_int_equal(service.noted, 0);
}

static void
test_a_number_that_never_comes_costs_the_connection(void **state)
{
	(void)state;
	peer_greet();
	nng_aio_set_timeout(aio[1], 60000);
	peer_note(1, FIRST + 1);
	nng_aio_wait(aio[1]);
	assert_int_equal(nng_aio_result(aio[1]), NNG_ECONNRESET);
	assert_int_equal(service.noted, 0);
}

#define ROUNDS 60 /* each of which would take a fifth of a second at least */

static void
test_who_has_no_lane_left_is_answered_at_once(void **state)
{
	struct wire_reader head;
	struct wire_envelope envelope;
	struct buf batch;
	uint64_t began = clock_ms();

	(void)state;
	peer_greet();
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned lane = i % DIAL_LANES;

		if (i >= DIAL_LANES) {
			assert_true(peer_answer(lane, &head, &envelope));
			assert_int_equal(head.number, i - DIAL_LANES + 1);
		}
		buf_init(&batch, 0);
		wire_batch_begin_numbered(&batch, link_server_boot(service.server), FIRST + i);
		peer_send(lane, &batch);
	}
	assert_in_range(clock_ms() - began, 0, ROUNDS * 200 / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_batches_get_their_order_back),
	    cmocka_unit_test(test_what_is_heard_or_of_before_is_stale),
	    cmocka_unit_test(test_who_counts_wrongly_is_found_out),
	    cmocka_unit_test_setup_teardown(
	        test_a_service_hears_in_order_and_answers_with_replies_alone, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_batch_of_before_the_greeting_is_not_executed,
	                                    setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_number_too_far_ahead_costs_the_connection, setup,
	                                    teardown),
	    cmocka_unit_test_setup_teardown(test_a_number_that_never_comes_costs_the_connection,
	                                    setup, teardown),
	    cmocka_unit_test_setup_teardown(test_who_has_no_lane_left_is_answered_at_once, setup,
	                                    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
