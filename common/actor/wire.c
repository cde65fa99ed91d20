/* SPDX-License-Identifier: MIT
 * Protobuf's wire format (protobuf.dev/programming-guides/encoding) for the two outer layers, by
 * hand: the inner messages are protobuf-c's. */
#include "common/actor/wire.h"

#include "common/base/buf.h"
#include "common/base/obj.h"

#include <stdlib.h>
#include <string.h>

enum {
	VARINT = 0,
	FIXED64 = 1,
	BYTES = 2,
	FIXED32 = 5
};

#define TAG(field, type) ((uint8_t)((field) << 3 | (type)))
#define TAG_ROLE         TAG(1, VARINT)
#define TAG_BOOT         TAG(2, FIXED64)
#define TAG_ENVELOPE     TAG(3, BYTES)
#define TAG_NUMBER       TAG(4, FIXED64)
#define TAG_CALL         TAG(1, VARINT)

/* The call id always takes this many bytes (padded with continuation bits, which the format
 * allows), so that an item can be numbered after it was encoded. */
#define CALL_BYTES 9

/* Of a batch's role and boot, and of its number. */
#define HEAD_BYTES   11
#define NUMBER_BYTES 9

static size_t
varint_size(uint64_t value)
{
	size_t size = 1;

	while (value >= 0x80) {
		value >>= 7;
		size++;
	}
	return size;
}

static uint8_t *
varint_write(uint8_t *at, uint64_t value)
{
	while (value >= 0x80) {
		*at++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*at++ = (uint8_t)value;
	return at;
}

static bool
varint_read(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
	uint64_t result = 0;

	for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
		uint8_t byte = *(*at)++;

		result |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			*value = result;
			return true;
		}
	}
	return false;
}

static void
call_write(uint8_t *at, uint64_t call)
{
	for (int i = 0; i < CALL_BYTES; i++) {
		at[i] = (uint8_t)((call & 0x7f) | (i < CALL_BYTES - 1 ? 0x80 : 0));
		call >>= 7;
	}
	assert(call == 0);
}

struct wire_item *
wire_item_new(uint64_t call, enum wire_kind kind, const ProtobufCMessage *payload)
{
	size_t payload_size = protobuf_c_message_get_packed_size(payload);
	size_t envelope_size = 1 + CALL_BYTES + 1 + varint_size(payload_size) + payload_size;
	size_t size = 1 + varint_size(envelope_size) + envelope_size;
	struct wire_item *item;
	uint8_t *at;

	if (size > WIRE_MESSAGE_LIMIT - WIRE_BATCH_LIMIT)
		return NULL;
	item = malloc(sizeof *item + size);
	if (item == NULL)
		return NULL;
	*item = (struct wire_item){.call = call, .length = size};
	at = item->bytes;
	*at++ = TAG_ENVELOPE;
	at = varint_write(at, envelope_size);
	*at++ = TAG_CALL;
	call_write(at, call);
	at += CALL_BYTES;
	*at++ = TAG(kind, BYTES);
	at = varint_write(at, payload_size);
	at += protobuf_c_message_pack(payload, at);
	assert((size_t)(at - item->bytes) == size);
	return item;
}

void
wire_item_number(struct wire_item *item, uint64_t call)
{
	uint8_t *at = item->bytes + 1;

	while (*at++ & 0x80)
		; /* the envelope's size */
	assert(*at == TAG_CALL);
	call_write(at + 1, call);
	item->call = call;
}

void
wire_queue_put(struct wire_queue *queue, struct wire_item *item)
{
	item->next = NULL;
	if (queue->tail != NULL)
		queue->tail->next = item;
	else
		queue->head = item;
	queue->tail = item;
	queue->bytes += item->length;
}

struct wire_item *
wire_queue_take(struct wire_queue *queue)
{
	struct wire_item *item = queue->head;

	if (item == NULL)
		return NULL;
	queue->head = item->next;
	if (queue->head == NULL)
		queue->tail = NULL;
	queue->bytes -= item->length;
	return item;
}

void
wire_queue_clear(struct wire_queue *queue)
{
	struct wire_item *item;

	while ((item = wire_queue_take(queue)) != NULL)
		free(item);
}

static void
fixed64_write(uint8_t *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t
fixed64_read(const uint8_t *at)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

void
wire_batch_begin(struct buf *batch, enum wire_role role, uint64_t boot)
{
	uint8_t head[HEAD_BYTES] = {TAG_ROLE, (uint8_t)role, TAG_BOOT};

	fixed64_write(head + 3, boot);
	buf_append(batch, head, sizeof head);
}

void
wire_batch_begin_numbered(struct buf *batch, uint64_t boot, uint64_t number)
{
	uint8_t more[NUMBER_BYTES] = {TAG_NUMBER};

	wire_batch_begin(batch, WIRE_NUMBERED, boot);
	fixed64_write(more + 1, number);
	buf_append(batch, more, sizeof more);
}

void
wire_batch_add(struct buf *batch, const struct wire_item *item)
{
	buf_append(batch, item->bytes, item->length);
}

bool
wire_read(struct wire_reader *reader, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	*reader = (struct wire_reader){.end = at + length};
	if (length < HEAD_BYTES || at[0] != TAG_ROLE || at[1] > WIRE_NUMBERED || at[2] != TAG_BOOT)
		return false;
	reader->role = (enum wire_role)at[1];
	reader->boot = fixed64_read(at + 3);
	reader->at = at + HEAD_BYTES;
	if (reader->role != WIRE_NUMBERED)
		return true;
	if (length < HEAD_BYTES + NUMBER_BYTES || *reader->at != TAG_NUMBER)
		return false;
	reader->number = fixed64_read(reader->at + 1);
	reader->at += NUMBER_BYTES;
	return true;
}

/* Skips or takes one field; bytes fields give their span. */
static bool
field_read(const uint8_t **at, const uint8_t *end, uint64_t *tag, uint64_t *number,
           const uint8_t **span)
{
	if (!varint_read(at, end, tag))
		return false;
	switch (*tag & 7) {
	case VARINT: return varint_read(at, end, number);
	case FIXED64:
	case FIXED32: *number = (*tag & 7) == FIXED64 ? 8 : 4; break;
	case BYTES:
		if (!varint_read(at, end, number))
			return false;
		break;
	default: return false;
	}
	if (*number > (uint64_t)(end - *at))
		return false;
	*span = *at;
	*at += *number;
	return true;
}

static bool
envelope_read(const uint8_t *at, const uint8_t *end, struct wire_envelope *envelope)
{
	*envelope = (struct wire_envelope){0};
	while (at < end) {
		uint64_t tag, number;
		const uint8_t *span = NULL;

		if (!field_read(&at, end, &tag, &number, &span))
			return false;
		if (tag == TAG_CALL)
			envelope->call = number;
		if ((tag & 7) == BYTES && tag >> 3 >= WIRE_HELLO && tag >> 3 <= WIRE_WINDOW_OF) {
			envelope->kind = (enum wire_kind)(tag >> 3);
			envelope->payload = span;
			envelope->length = (size_t)number;
		}
	}
	return true;
}

int
wire_next(struct wire_reader *reader, struct wire_envelope *envelope)
{
	while (reader->at < reader->end) {
		uint64_t tag, number;
		const uint8_t *span = NULL;

		if (!field_read(&reader->at, reader->end, &tag, &number, &span))
			return -1;
		if (tag != TAG_ENVELOPE)
			continue;
		if (!envelope_read(span, span + number, envelope))
			return -1;
		if (envelope->payload != NULL)
			return 1;
	}
	return 0;
}

bool
wire_peek(const void *message, size_t length, unsigned field, uint64_t fallback, uint64_t *value)
{
	const uint8_t *at = message, *end = at + length;

	*value = fallback;
	while (at < end) {
		uint64_t tag, number;
		const uint8_t *span = NULL;

		if (!field_read(&at, end, &tag, &number, &span))
			return false;
		if (tag == TAG(field, VARINT))
			*value = number;
	}
	return true;
}

bool
wire_read_piece(const void *message, size_t length, struct wire_piece *piece)
{
	const uint8_t *at = message, *end = at + length;

	*piece = (struct wire_piece){.bytes = at, .problem = ""};
	while (at < end) {
		uint64_t tag, number;
		const uint8_t *span = NULL;

		if (!field_read(&at, end, &tag, &number, &span))
			return false;
		switch (tag) {
		case TAG(1, BYTES):
			piece->bytes = span;
			piece->length = (size_t)number;
			break;
		case TAG(2, VARINT): piece->end = number != 0; break;
		case TAG(3, VARINT): piece->status = (int)(int64_t)number; break;
		case TAG(4, BYTES):
			piece->problem = (const char *)span;
			piece->problem_length = (size_t)number;
			break;
		default: break;
		}
	}
	return true;
}
