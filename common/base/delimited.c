/* SPDX-License-Identifier: MIT
 * Length-delimited messages. */
#include "common/base/delimited.h"

#define DELIMITED_LENGTH_SIZE 5 /* 32 bits */

static void
delimited_put_length(struct buf *out, size_t length)
{
	for (; length >= 0x80; length >>= 7)
		buf_putc(out, (char)(0x80 | (length & 0x7f)));
	buf_putc(out, (char)length);
}

void
delimited_put_packed(struct buf *out, const void *bytes, size_t length)
{
	delimited_put_length(out, length);
	buf_append(out, bytes, length);
}

void
delimited_put(struct buf *out, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	char *at;

	delimited_put_length(out, size);
	at = buf_reserve(out, size + 1);
	if (at == NULL)
		return;
	protobuf_c_message_pack(message, (uint8_t *)at);
	buf_advance(out, size);
}

void
delimited_init(struct delimited *reader, size_t limit)
{
	*reader = (struct delimited){.limit = limit};
	buf_init(&reader->bytes, 0);
}

void
delimited_fini(struct delimited *reader)
{
	buf_fini(&reader->bytes);
	reader->used = 0;
}

bool
delimited_feed(struct delimited *reader, const void *bytes, size_t length)
{
	buf_consume(&reader->bytes, reader->used);
	reader->used = 0;
	buf_append(&reader->bytes, bytes, length);
	return !buf_failed(&reader->bytes);
}

int
delimited_next(struct delimited *reader, const void **message, size_t *length)
{
	size_t left = reader->bytes.length - reader->used, head = 0;
	const uint8_t *at;
	uint64_t size = 0;

	if (left == 0) {
		delimited_fini(reader); /* the next one may take long, and many wait */
		return 0;
	}
	at = (const uint8_t *)reader->bytes.bytes + reader->used;
	do {
		if (head == left)
			return 0;
		if (head == DELIMITED_LENGTH_SIZE)
			return -1;
		size |= (uint64_t)(at[head] & 0x7f) << (7 * head);
	} while ((at[head++] & 0x80) != 0);
	if (size > reader->limit)
		return -1;
	if (size > left - head)
		return 0;
	*message = at + head;
	*length = (size_t)size;
	reader->used += head + (size_t)size;
	return 1;
}
