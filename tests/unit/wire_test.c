/* SPDX-License-Identifier: MIT
 * Batches of envelopes: written by hand, read by protobuf-c, and the other way round; malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/actor/wire.h"
#include "common/base/buf.h"
#include "envelope.pb-c.h"

#define BOOT 0x8877665544332211u

static struct wire_item *
make_request(uint64_t call, const char *method, size_t body_length)
{
	Wire__Request request = WIRE__REQUEST__INIT;
	struct wire_item *item;
	uint8_t *body = calloc(1, body_length + 1);

	assert_non_null(body);
	request.method = (char *)(uintptr_t)method;
	request.has_body = true;
	request.body = (ProtobufCBinaryData){body_length, body};
	item = wire_item_new(call, WIRE_REQUEST, &request.base);
	free(body);
	return item;
}

static void
test_a_batch_is_the_protobuf_it_claims_to_be(void **state)
{
	struct wire_item *a = make_request(WIRE_NO_CALL, "auth.Auth/SignIn", 1000);
	struct wire_item *b = make_request(1, "planner.Planner/GetPlan", 0);
	struct buf bytes;
	Wire__Batch *batch;

	(void)state;
	wire_item_number(a, (UINT64_C(1) << 62) + 5);
	wire_item_number(b, 7);
	buf_init(&bytes, 0);
	wire_batch_begin(&bytes, WIRE_POLL, BOOT);
	wire_batch_add(&bytes, a);
	wire_batch_add(&bytes, b);
	batch = wire__batch__unpack(NULL, bytes.length, (uint8_t *)bytes.bytes);
	assert_non_null(batch);
	assert_int_equal(batch->role, WIRE__BATCH__ROLE__POLL);
	assert_true(batch->boot == BOOT);
	assert_int_equal(batch->n_envelopes, 2);
	assert_true(batch->envelopes[0]->call == (UINT64_C(1) << 62) + 5 &&
	            a->call == batch->envelopes[0]->call);
	assert_int_equal(batch->envelopes[0]->request->body.len, 1000);
	assert_true(batch->envelopes[1]->call == 7);
	assert_string_equal(batch->envelopes[1]->request->method, "planner.Planner/GetPlan");
	wire__batch__free_unpacked(batch, NULL);
	buf_fini(&bytes);
	free(a);
	free(b);
}

static void
test_what_protobuf_writes_is_read(void **state)
{
	Wire__Batch batch = WIRE__BATCH__INIT;
	Wire__Envelope envelope = WIRE__ENVELOPE__INIT, *envelopes[] = {&envelope};
	Wire__Window window = WIRE__WINDOW__INIT;
	struct wire_reader reader;
	struct wire_envelope read;
	uint8_t bytes[256];
	uint64_t value;
	size_t length;

	(void)state;
	window.has_bytes = true;
	window.bytes = 70000;
	envelope.has_call = true;
	envelope.call = 300;
	envelope.kind_case = WIRE__ENVELOPE__KIND_WINDOW;
	envelope.window = &window;
	batch.has_role = batch.has_boot = true;
	batch.role = WIRE__BATCH__ROLE__POST;
	batch.boot = BOOT;
	batch.n_envelopes = 1;
	batch.envelopes = envelopes;
	length = wire__batch__pack(&batch, bytes);
	assert_true(wire_read(&reader, bytes, length));
	assert_int_equal(reader.role, WIRE_POST);
	assert_true(reader.boot == BOOT);
	assert_int_equal(wire_next(&reader, &read), 1);
	assert_int_equal(read.call, 300);
	assert_int_equal(read.kind, WIRE_WINDOW_OF);
	assert_true(wire_peek(read.payload, read.length, 1, 0, &value) && value == 70000);
	assert_int_equal(wire_next(&reader, &read), 0);
	assert_int_equal(wire_next(&reader, &read), 0);
}

static void
test_kinds_of_a_newer_version_are_skipped(void **state)
{
	/* role 0, boot 0; an envelope of kind 9; one of kind 6 (cancel) for call 5; field 4 */
	static const uint8_t bytes[] = {0x08, 0,    0x11, 0,    0,    0,    0,    0, 0,
	                                0,    0,    0x1a, 0x04, 0x08, 3,    0x4a, 0, 0x1a,
	                                0x04, 0x08, 5,    0x32, 0,    0x20, 0x01};
	struct wire_reader reader;
	struct wire_envelope envelope;

	(void)state;
	assert_true(wire_read(&reader, bytes, sizeof bytes));
	assert_int_equal(wire_next(&reader, &envelope), 1);
	assert_int_equal(envelope.kind, WIRE_CANCEL);
	assert_int_equal(envelope.call, 5);
	assert_int_equal(envelope.length, 0);
	assert_int_equal(wire_next(&reader, &envelope), 0);
}

/* Every batch cut short, and every byte of one changed: read to its end without a stray access (the
 * copy is exactly as long as the message). */
static void
read_all(const char *bytes, size_t length)
{
	char *copy = malloc(length);
	struct wire_reader reader;
	struct wire_envelope envelope;
	struct wire_piece piece;
	uint64_t value;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	if (wire_read(&reader, copy, length))
		while (wire_next(&reader, &envelope) == 1) {
			(void)wire_peek(envelope.payload, envelope.length, 11, 0, &value);
			(void)wire_read_piece(envelope.payload, envelope.length, &piece);
		}
	free(copy);
}

static void
test_malformed_batches_are_refused(void **state)
{
	struct wire_item *item = make_request(77, "a.B/C", 20);
	struct buf bytes;

	(void)state;
	buf_init(&bytes, 0);
	wire_batch_begin(&bytes, WIRE_POST, BOOT);
	wire_batch_add(&bytes, item);
	for (size_t length = 1; length <= bytes.length; length++)
		read_all(bytes.bytes, length);
	for (size_t at = 0; at < bytes.length; at++)
		for (int value = 0; value < 256; value++) {
			char before = bytes.bytes[at];

			bytes.bytes[at] = (char)value;
			read_all(bytes.bytes, bytes.length);
			bytes.bytes[at] = before;
		}
	for (size_t length = 11; length < bytes.length; length++) {
		struct wire_reader reader;
		struct wire_envelope envelope;

		assert_true(wire_read(&reader, bytes.bytes, length));
		assert_int_equal(wire_next(&reader, &envelope), length == 11 ? 0 : -1);
	}
	buf_fini(&bytes);
	free(item);
}

static bool
head_is_read(const char *bytes, size_t length)
{
	struct wire_reader reader;

	return wire_read(&reader, bytes, length);
}

static int
first(const char *tail, size_t length)
{
	char bytes[64] = {0x08, 0, 0x11};
	struct wire_reader reader;
	struct wire_envelope envelope;

	memcpy(bytes + 11, tail, length);
	assert_true(wire_read(&reader, bytes, 11 + length));
	return wire_next(&reader, &envelope);
}

static void
test_heads_lengths_and_varints_that_lie(void **state)
{
	(void)state;
	assert_false(head_is_read("", 0));
	assert_false(head_is_read("GET / HTTP/1.1\r\n\r\n", 18));
	assert_false(head_is_read("\x08\x02\x11\0\0\0\0\0\0\0\0", 11)); /* no such role */
	assert_false(head_is_read("\x08\x00\x11\0\0\0\0\0\0\0", 10));   /* half a boot id */
	assert_true(head_is_read("\x08\x01\x11\0\0\0\0\0\0\0\0", 11));
	assert_int_equal(first("\x1a\x05\x08\x01", 4), -1); /* longer than it is */
	assert_int_equal(first("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11),
	                 -1); /* 2^64-1 */
	assert_int_equal(first("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12), -1);
	assert_int_equal(first("\x1b\x00", 2), -1);         /* a group */
	assert_int_equal(first("\x1a\x02\x32\x7f", 4), -1); /* a payload beyond its envelope */
	assert_int_equal(first("\x1a\x02\x32\x00", 4), 1);
}

static void
test_an_item_is_no_larger_than_a_socket_takes(void **state)
{
	struct wire_item *item = make_request(1, "a.B/C", WIRE_MESSAGE_LIMIT - WIRE_BATCH_LIMIT);

	(void)state;
	assert_null(item);
	item = make_request(1, "a.B/C", WIRE_PIECE);
	assert_non_null(item);
	free(item);
}

static void
test_a_piece_is_read_where_it_lies(void **state)
{
	Wire__Piece wire = WIRE__PIECE__INIT;
	struct wire_piece piece;
	uint8_t bytes[64], content[] = {1, 2, 3};
	size_t length;

	(void)state;
	wire.has_bytes = wire.has_end = wire.has_status = true;
	wire.bytes = (ProtobufCBinaryData){3, content};
	wire.end = true;
	wire.status = -1;
	wire.problem = (char *)(uintptr_t) "deadline";
	length = wire__piece__pack(&wire, bytes);
	assert_true(wire_read_piece(bytes, length, &piece));
	assert_int_equal(piece.length, 3);
	assert_memory_equal(piece.bytes, content, 3);
	assert_true(piece.bytes > bytes && piece.bytes < bytes + length);
	assert_true(piece.end);
	assert_int_equal(piece.status, -1);
	assert_int_equal(piece.problem_length, 8);
	assert_memory_equal(piece.problem, "deadline", 8);
	assert_true(wire_read_piece(bytes, 0, &piece));
	assert_int_equal(piece.length, 0);
	assert_false(piece.end);
	for (size_t cut = 1; cut < length; cut++)
		(void)wire_read_piece(bytes, cut, &piece);
	assert_false(wire_read_piece(bytes, 3, &piece));
}

static void
test_queues_are_first_in_first_out(void **state)
{
	struct wire_queue queue = {0};
	struct wire_item *a = make_request(1, "a", 1), *b = make_request(2, "b", 2);

	(void)state;
	assert_null(wire_queue_take(&queue));
	wire_queue_put(&queue, a);
	wire_queue_put(&queue, b);
	assert_int_equal(queue.bytes, a->length + b->length);
	assert_ptr_equal(wire_queue_take(&queue), a);
	wire_queue_put(&queue, a);
	assert_ptr_equal(wire_queue_take(&queue), b);
	free(b);
	wire_queue_clear(&queue);
	assert_int_equal(queue.bytes, 0);
	assert_null(queue.head);
	assert_null(queue.tail);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_batch_is_the_protobuf_it_claims_to_be),
	    cmocka_unit_test(test_what_protobuf_writes_is_read),
	    cmocka_unit_test(test_kinds_of_a_newer_version_are_skipped),
	    cmocka_unit_test(test_malformed_batches_are_refused),
	    cmocka_unit_test(test_heads_lengths_and_varints_that_lie),
	    cmocka_unit_test(test_an_item_is_no_larger_than_a_socket_takes),
	    cmocka_unit_test(test_a_piece_is_read_where_it_lies),
	    cmocka_unit_test(test_queues_are_first_in_first_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
