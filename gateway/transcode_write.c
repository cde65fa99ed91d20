/* SPDX-License-Identifier: MIT
 * A protobuf message into JSON text: the hot path of every answer, so straight into the buffer. */
#include "gateway/transcode.h"

#include "common/base/base64.h"
#include "common/base/buf.h"
#include "common/base/rules.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void
transcode_put_unsigned(struct buf *out, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;
	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	buf_append(out, digits + at, sizeof digits - at);
}

static void
transcode_put_signed(struct buf *out, int64_t number)
{
	if (number < 0)
		buf_putc(out, '-');
	transcode_put_unsigned(out, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

static void
transcode_put_bytes(struct buf *out, const ProtobufCBinaryData *bytes)
{
	buf_putc(out, '"');
	base64_put(out, bytes->data, bytes->len);
	buf_putc(out, '"');
}

/* The value of a newer peer has no name here: it goes out as a number, as protobuf's mapping says.
 */
static void
transcode_put_enum(struct buf *out, const ProtobufCEnumDescriptor *type, int number)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
	if (value == NULL)
		transcode_put_signed(out, number);
	else
		buf_put_json_string(out, value->name, strlen(value->name));
}

static void
transcode_put_double(struct buf *out, double number)
{
	if (isfinite(number))
		buf_printf(out, "%.17g", number);
	else
		buf_puts(out, "null");
}

/* 64-bit numbers are strings in protobuf's JSON mapping: JavaScript would round them. */
static void
transcode_put_value(struct buf *out, const ProtobufCFieldDescriptor *field, const void *slot)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING: {
		const char *text = *(const char *const *)slot;
		buf_put_json_string(out, text, strlen(text));
		break;
	}
	case PROTOBUF_C_TYPE_BYTES: transcode_put_bytes(out, slot); break;
	case PROTOBUF_C_TYPE_MESSAGE:
		transcode_write(out, *(const ProtobufCMessage *const *)slot);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		buf_puts(out, *(const protobuf_c_boolean *)slot ? "true" : "false");
		break;
	case PROTOBUF_C_TYPE_ENUM:
		transcode_put_enum(out, field->descriptor, *(const int *)slot);
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: transcode_put_unsigned(out, *(const uint32_t *)slot); break;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32: transcode_put_signed(out, *(const int32_t *)slot); break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		buf_printf(out, "\"%" PRIu64 "\"", *(const uint64_t *)slot);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		buf_printf(out, "\"%" PRId64 "\"", *(const int64_t *)slot);
		break;
	case PROTOBUF_C_TYPE_FLOAT: transcode_put_double(out, (double)*(const float *)slot); break;
	case PROTOBUF_C_TYPE_DOUBLE: transcode_put_double(out, *(const double *)slot); break;
	}
}

static bool
transcode_unset(const ProtobufCFieldDescriptor *field, const char *base)
{
	if (field->label == PROTOBUF_C_LABEL_REQUIRED)
		return false;
	if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
		return *(const uint32_t *)(const void *)(base + field->quantifier_offset) !=
		       field->id;
	if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(void *const *)(const void *)(base + field->offset) == NULL;
	return !*(const protobuf_c_boolean *)(const void *)(base + field->quantifier_offset);
}

void
transcode_write_field(struct buf *out, const ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field)
{
	const char *base = (const char *)message;
	if (field->label != PROTOBUF_C_LABEL_REPEATED) {
		if (transcode_unset(field, base))
			buf_append(out, "null", 4);
		else
			transcode_put_value(out, field, base + field->offset);
		return;
	}
	size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
	size_t size = rules_value_size(field);
	const char *items = *(const char *const *)(const void *)(base + field->offset);
	buf_putc(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_putc(out, ',');
		transcode_put_value(out, field, items + i * size);
	}
	buf_putc(out, ']');
}

void
transcode_write(struct buf *out, const ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;
	buf_putc(out, '{');
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		size_t length = strlen(field->name);
		char *key = buf_reserve(out, length + 4);
		if (key == NULL)
			return;
		char *at = key;
		if (i > 0)
			*at++ = ',';
		*at++ = '"';
		memcpy(at, field->name, length);
		at += length;
		*at++ = '"';
		*at++ = ':';
		buf_advance(out, (size_t)(at - key));
		transcode_write_field(out, message, field);
	}
	buf_putc(out, '}');
}
