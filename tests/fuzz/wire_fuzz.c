/* SPDX-License-Identifier: MIT
 * libFuzzer: the hand-written reader of batches stays inside the message, and agrees with
 * protobuf-c on everything that accepts. */
#include "common/actor/wire.h"
#include "envelope.pb-c.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static bool
fuzz_inside(const void *span, size_t span_length, const uint8_t *bytes, size_t length)
{
	const uint8_t *at = span;

	return at >= bytes && span_length <= length && at <= bytes + length - span_length;
}

static void
fuzz_payload(const struct wire_envelope *envelope)
{
	struct wire_piece piece;
	uint64_t value;

	for (unsigned field = 1; field <= 12; field++)
		(void)wire_peek(envelope->payload, envelope->length, field, 7, &value);
	if (!wire_read_piece(envelope->payload, envelope->length, &piece))
		return;
	if (!fuzz_inside(piece.bytes, piece.length, envelope->payload, envelope->length) ||
	    (piece.problem_length > 0 && !fuzz_inside(piece.problem, piece.problem_length,
	                                              envelope->payload, envelope->length)))
		abort();
}

/* protobuf-c reads the whole batch: then the envelopes it finds are the ones we find. */
static void
fuzz_compare(const Wire__Batch *batch, struct wire_reader reader)
{
	struct wire_envelope envelope;

	for (size_t i = 0; i < batch->n_envelopes; i++) {
		const Wire__Envelope *expected = batch->envelopes[i];

		if (expected->kind_case == WIRE__ENVELOPE__KIND__NOT_SET)
			continue; /* a kind that this version does not know */
		if (wire_next(&reader, &envelope) != 1 || envelope.call != expected->call ||
		    (int)envelope.kind != (int)expected->kind_case)
			abort();
	}
	if (wire_next(&reader, &envelope) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct wire_reader reader, again;
	struct wire_envelope envelope;
	Wire__Batch *batch;

	if (!wire_read(&reader, bytes, length))
		return 0;
	again = reader;
	while (wire_next(&reader, &envelope) == 1) {
		if (!fuzz_inside(envelope.payload, envelope.length, bytes, length) ||
		    envelope.kind < WIRE_HELLO || envelope.kind > WIRE_WINDOW_OF)
			abort();
		fuzz_payload(&envelope);
	}
	batch = wire__batch__unpack(NULL, length, bytes);
	if (batch == NULL)
		return 0;
	fuzz_compare(batch, again);
	wire__batch__free_unpacked(batch, NULL);
	return 0;
}
