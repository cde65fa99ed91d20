/* SPDX-License-Identifier: MIT
 * One packed message of any size into JSON, field by field as they arrive.
 *
 * Fields that are not repeated are held (packed) until their turn in the order of numbers has come;
 * an item of a repeated field is written at once, after everything that belongs before it. */
#include "gateway/transcode.h"

#include "common/base/buf.h"
#include "common/base/obj.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TRANSCODE_STREAM_MAGIC 0x57a35c0du
#define TRANSCODE_MAX_HELD     ((size_t)1 << 20)

struct transcode_stream {
	unsigned magic;
	const ProtobufCMessageDescriptor *type;
	struct buf pending; /* bytes of a field that is not complete */
	struct buf held;    /* fields, packed, that are not repeated */
	unsigned next;      /* index of the field that is to be written, or being written */
	bool in_list;       /* its list has been opened */
	bool begun;
};

/* One field as it is packed. */
struct transcode_wire {
	uint32_t number;
	const uint8_t *start;
	size_t size;
};

struct transcode_stream *
transcode_stream_new(const ProtobufCMessageDescriptor *type)
{
	struct transcode_stream *stream = calloc(1, sizeof *stream);
	if (stream == NULL)
		return NULL;
	OBJ_INIT(stream, TRANSCODE_STREAM_MAGIC);
	stream->type = type;
	buf_init(&stream->pending, 2 * TRANSCODE_MAX_FIELD);
	buf_init(&stream->held, TRANSCODE_MAX_HELD);
	return stream;
}

void
transcode_stream_free(struct transcode_stream **stream)
{
	if (*stream == NULL)
		return;
	OBJ_CHECK(*stream, TRANSCODE_STREAM_MAGIC);
	buf_fini(&(*stream)->pending);
	buf_fini(&(*stream)->held);
	OBJ_FINI(*stream);
	free(*stream);
	*stream = NULL;
}

/* 1: read; 0: more bytes are needed; -1: malformed. */
static int
transcode_varint(const uint8_t *bytes, size_t length, size_t *at, uint64_t *number)
{
	*number = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (*at >= length)
			return 0;
		uint8_t byte = bytes[(*at)++];
		*number |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return 1;
	}
	return -1;
}

static int
transcode_next_wire(const uint8_t *bytes, size_t length, struct transcode_wire *wire)
{
	uint64_t tag, size = 0;
	size_t at = 0;
	int read = transcode_varint(bytes, length, &at, &tag);
	if (read != 1)
		return read;
	if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3)
		return -1;
	switch (tag & 7) {
	case 0: read = transcode_varint(bytes, length, &at, &size); break;
	case 1: at += 8; break;
	case 5: at += 4; break;
	case 2:
		read = transcode_varint(bytes, length, &at, &size);
		if (read != 1)
			return read;
		if (size > TRANSCODE_MAX_FIELD)
			return -1;
		at += (size_t)size;
		break;
	default: return -1;
	}
	if (read != 1)
		return read;
	if (at > length)
		return 0;
	*wire = (struct transcode_wire){(uint32_t)(tag >> 3), bytes, at};
	return 1;
}

static const ProtobufCFieldDescriptor *
transcode_stream_field(const struct transcode_stream *stream)
{
	return &stream->type->fields[stream->next];
}

static void
transcode_put_key(struct transcode_stream *stream, struct buf *out)
{
	const char *name = transcode_stream_field(stream)->name;
	buf_putc(out, stream->begun ? ',' : '{');
	stream->begun = true;
	buf_put_json_string(out, name, strlen(name));
	buf_putc(out, ':');
}

/* Writes the field whose turn it is, as far as it has not been, and goes on to the next. */
static int
transcode_finish_field(struct transcode_stream *stream, struct buf *out)
{
	const ProtobufCFieldDescriptor *field = transcode_stream_field(stream);
	if (stream->in_list) {
		buf_putc(out, ']');
	} else {
		transcode_put_key(stream, out);
		ProtobufCMessage *message = protobuf_c_message_unpack(
		    stream->type, NULL, stream->held.length, (const uint8_t *)stream->held.bytes);
		if (message == NULL)
			return -1;
		transcode_write_field(out, message, field);
		protobuf_c_message_free_unpacked(message, NULL);
	}
	stream->in_list = false;
	stream->next++;
	return 0;
}

/* An item: unpacked as a message of the stream's type that holds nothing else. */
static int
transcode_put_item(struct transcode_stream *stream, const struct transcode_wire *wire,
                   struct buf *out)
{
	if (!stream->in_list)
		transcode_put_key(stream, out);
	size_t mark = out->length;
	ProtobufCMessage *message =
	    protobuf_c_message_unpack(stream->type, NULL, wire->size, wire->start);
	if (message == NULL)
		return -1;
	transcode_write_field(out, message, transcode_stream_field(stream));
	protobuf_c_message_free_unpacked(message, NULL);
	if (buf_failed(out))
		return -1;
	/* "[item]" becomes "[item" or ",item". */
	if (stream->in_list)
		out->bytes[mark] = ',';
	out->bytes[--out->length] = '\0';
	stream->in_list = true;
	return 0;
}

static int
transcode_take(struct transcode_stream *stream, const struct transcode_wire *wire, struct buf *out)
{
	const ProtobufCFieldDescriptor *field =
	    protobuf_c_message_descriptor_get_field(stream->type, wire->number);
	if (field == NULL)
		return 0;
	unsigned index = (unsigned)(field - stream->type->fields);
	if (index < stream->next)
		return -1;
	if (field->label != PROTOBUF_C_LABEL_REPEATED) {
		buf_append(&stream->held, wire->start, wire->size);
		return buf_failed(&stream->held) ? -1 : 0;
	}
	while (stream->next < index)
		if (transcode_finish_field(stream, out) != 0)
			return -1;
	return transcode_put_item(stream, wire, out);
}

int
transcode_stream_feed(struct transcode_stream *stream, const void *bytes, size_t length,
                      struct buf *out)
{
	OBJ_CHECK(stream, TRANSCODE_STREAM_MAGIC);
	buf_append(&stream->pending, bytes, length);
	if (buf_failed(&stream->pending))
		return -1;
	size_t at = 0;
	struct transcode_wire wire;
	int found = 0;
	while (at < stream->pending.length) {
		found = transcode_next_wire((const uint8_t *)stream->pending.bytes + at,
		                            stream->pending.length - at, &wire);
		if (found != 1)
			break;
		if (transcode_take(stream, &wire, out) != 0)
			return -1;
		at += wire.size;
	}
	buf_consume(&stream->pending, at);
	return found < 0 || buf_failed(out) ? -1 : 0;
}

int
transcode_stream_end(struct transcode_stream *stream, struct buf *out)
{
	OBJ_CHECK(stream, TRANSCODE_STREAM_MAGIC);
	if (stream->pending.length > 0)
		return -1;
	while (stream->next < stream->type->n_fields)
		if (transcode_finish_field(stream, out) != 0)
			return -1;
	buf_puts(out, stream->begun ? "}" : "{}");
	return buf_failed(out) ? -1 : 0;
}
