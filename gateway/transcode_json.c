/* SPDX-License-Identifier: MIT
 * A JSON body into a protobuf message, with a pointer to everything that does not fit. */
#include "gateway/transcode.h"

#include "common/base/arena.h"
#include "common/base/base64.h"
#include "common/base/buf.h"
#include "common/base/json.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRANSCODE_MAX_NAME 128 /* bytes of an unknown member's name that are repeated */

struct transcode_place {
	const struct transcode_place *parent;
	const char *name; /* NULL: an item of a list */
	size_t index;
};

static void transcode_object(struct transcode *in, const struct transcode_place *place,
                             ProtobufCMessage *message, json_t *object, const char *elsewhere);

static void
transcode_put_place(struct buf *out, const struct transcode_place *place)
{
	if (place == NULL)
		return;
	transcode_put_place(out, place->parent);
	buf_putc(out, '/');
	if (place->name == NULL)
		buf_printf(out, "%zu", place->index);
	for (const char *c = place->name; c != NULL && *c != '\0'; c++) {
		if (*c == '~')
			buf_puts(out, "~0");
		else if (*c == '/')
			buf_puts(out, "~1");
		else
			buf_putc(out, *c);
	}
}

static void
transcode_violate(struct transcode *in, const struct transcode_place *place, const char *detail)
{
	if (in->count >= TRANSCODE_MAX_VIOLATIONS)
		return;
	struct buf pointer;
	buf_init(&pointer, 4096);
	transcode_put_place(&pointer, place);
	const char *text = pointer.bytes == NULL ? "" : pointer.bytes;
	transcode_add(in, buf_failed(&pointer) ? NULL : arena_strdup(in->arena, text), detail);
	buf_fini(&pointer);
}

static size_t
transcode_size(const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
	default: return sizeof(uint32_t);
	}
}

static void
transcode_string(struct transcode *in, const struct transcode_place *place, json_t *value,
                 char **slot)
{
	if (!json_is_string(value)) {
		transcode_violate(in, place, "must be a string");
		return;
	}
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);
	if (memchr(text, '\0', length) != NULL) {
		transcode_violate(in, place, "must not hold U+0000");
		return;
	}
	*slot = arena_strndup(in->arena, text, length);
	in->no_memory |= *slot == NULL;
}

static void
transcode_bytes(struct transcode *in, const struct transcode_place *place, json_t *value,
                ProtobufCBinaryData *slot)
{
	size_t length = json_is_string(value) ? json_string_length(value) : 0;
	uint8_t *bytes = arena_alloc(in->arena, BASE64_ROOM(length));
	if (bytes == NULL) {
		in->no_memory = true;
		return;
	}
	const char *text = json_string_value(value);
	size_t size;
	if (text == NULL || !base64_read(text, length, bytes, &size)) {
		transcode_violate(in, place, "must be bytes in base64");
		return;
	}
	*slot = (ProtobufCBinaryData){.len = size, .data = bytes};
}

static void
transcode_number(struct transcode *in, const struct transcode_place *place,
                 const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field,
                 json_t *value, void *slot)
{
	bool is_unsigned = field->type == PROTOBUF_C_TYPE_UINT32;
	double number = json_number_value(value);
	double min = is_unsigned ? 0 : INT32_MIN, max = is_unsigned ? UINT32_MAX : INT32_MAX;
	if (!json_is_number(value) || number != trunc(number))
		transcode_violate(in, place, "must be a whole number");
	else if (number < min || number > max)
		transcode_violate(in, place, transcode_range_detail(in, type, field));
	else if (is_unsigned)
		*(uint32_t *)slot = (uint32_t)number;
	else
		*(int32_t *)slot = (int32_t)number;
}

static void
transcode_enum(struct transcode *in, const struct transcode_place *place,
               const ProtobufCEnumDescriptor *type, const char *name, int *slot)
{
	const ProtobufCEnumValue *value =
	    name == NULL ? NULL : protobuf_c_enum_descriptor_get_value_by_name(type, name);
	if (value == NULL)
		transcode_violate(in, place, transcode_enum_detail(in, type));
	else
		*slot = value->value;
}

/* The value of one field of `owner`, or of one item of a list, into `slot`. */
static void
transcode_value(struct transcode *in, const struct transcode_place *place,
                const ProtobufCMessageDescriptor *owner, const ProtobufCFieldDescriptor *field,
                json_t *value, void *slot)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING: transcode_string(in, place, value, slot); break;
	case PROTOBUF_C_TYPE_BYTES: transcode_bytes(in, place, value, slot); break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_INT32: transcode_number(in, place, owner, field, value, slot); break;
	case PROTOBUF_C_TYPE_BOOL:
		if (!json_is_boolean(value))
			transcode_violate(in, place, "must be true or false");
		else
			*(protobuf_c_boolean *)slot = json_is_true(value);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		transcode_enum(in, place, field->descriptor, json_string_value(value), slot);
		break;
	case PROTOBUF_C_TYPE_MESSAGE: {
		const ProtobufCMessageDescriptor *type = field->descriptor;
		ProtobufCMessage *message = arena_alloc(in->arena, type->sizeof_message);
		if (message == NULL) {
			in->no_memory = true;
			break;
		}
		protobuf_c_message_init(type, message);
		*(ProtobufCMessage **)slot = message;
		transcode_object(in, place, message, value, NULL);
		break;
	}
	default: transcode_violate(in, place, "cannot be set"); break;
	}
}

static void
transcode_list(struct transcode *in, const struct transcode_place *place,
               const ProtobufCFieldDescriptor *field, json_t *list, char *base)
{
	const ProtobufCMessageDescriptor *owner = ((ProtobufCMessage *)(void *)base)->descriptor;
	if (!json_is_array(list)) {
		transcode_violate(in, place, "must be a list");
		return;
	}
	size_t count = json_array_size(list), size = transcode_size(field);
	char *items = arena_calloc(in->arena, count == 0 ? 1 : count, size);
	if (items == NULL) {
		in->no_memory = true;
		return;
	}
	for (size_t i = 0; i < count && !in->no_memory && in->count < TRANSCODE_MAX_VIOLATIONS;
	     i++) {
		struct transcode_place item = {place, NULL, i};
		transcode_value(in, &item, owner, field, json_array_get(list, i), items + i * size);
	}
	*(void **)(void *)(base + field->offset) = items;
	*(size_t *)(void *)(base + field->quantifier_offset) = count;
}

/* Remembers that a member was null. Its list has room for every field. */
static void
transcode_clear(struct transcode *in, const ProtobufCFieldDescriptor *cleared,
                const ProtobufCFieldDescriptor *field, char *base)
{
	const ProtobufCMessageDescriptor *type = ((ProtobufCMessage *)(void *)base)->descriptor;
	char ***list = (char ***)(void *)(base + cleared->offset);
	size_t *count = (size_t *)(void *)(base + cleared->quantifier_offset);
	if (*list == NULL)
		*list = arena_calloc(in->arena, type->n_fields, sizeof **list);
	if (*list == NULL)
		in->no_memory = true;
	else
		(*list)[(*count)++] = (char *)field->name;
}

static void
transcode_object(struct transcode *in, const struct transcode_place *place,
                 ProtobufCMessage *message, json_t *object, const char *elsewhere)
{
	if (!json_is_object(object)) {
		transcode_violate(in, place, "must be an object");
		return;
	}
	const ProtobufCMessageDescriptor *type = message->descriptor;
	const ProtobufCFieldDescriptor *cleared =
	    protobuf_c_message_descriptor_get_field_by_name(type, "cleared");
	char *base = (char *)message;
	const char *name;
	json_t *value;
	json_object_foreach(object, name, value)
	{
		const ProtobufCFieldDescriptor *field =
		    protobuf_c_message_descriptor_get_field_by_name(type, name);
		struct transcode_place member = {place, name, 0};
		if (in->no_memory || in->count >= TRANSCODE_MAX_VIOLATIONS)
			return;
		if (field == NULL || field == cleared || transcode_listed(elsewhere, name)) {
			bool is_long = strlen(name) > TRANSCODE_MAX_NAME;
			transcode_violate(in, is_long ? place : &member,
			                  is_long ? "has an unknown field" : "is not a field here");
		} else if (json_is_null(value)) {
			if (cleared != NULL)
				transcode_clear(in, cleared, field, base);
		} else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			transcode_list(in, &member, field, value, base);
		} else {
			transcode_value(in, &member, type, field, value, base + field->offset);
			transcode_set_present(field, base);
		}
	}
}

/* Numbers that no double can hold are valid JSON, but jansson refuses to read them. Replaces each
 * by one that is out of every field's range, and tells whether there was any. */
static bool
transcode_tame_numbers(char *text, size_t length)
{
	bool tamed = false, in_string = false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\\' && in_string)
			i++;
		else if (text[i] == '"')
			in_string = !in_string;
		else if (!in_string && text[i] >= '0' && text[i] <= '9') {
			size_t size = strspn(text + i, "0123456789.eE+-");
			if (size >= 5 && isinf(strtod(text + i, NULL))) {
				memset(text + i, ' ', size);
				memcpy(text + i, "9e99", 4);
				tamed = true;
			}
			i += size - 1;
		}
	}
	return tamed;
}

/* All numbers are read as doubles: exact for every integer a field can hold. U+0000 is let through
 * to be refused with its pointer. */
static json_t *
transcode_parse(struct transcode *in, const char *text, size_t length)
{
	const size_t flags =
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
	if (json_depth(text, length) > JSON_DEPTH_LIMIT) {
		snprintf(in->detail, sizeof in->detail, "nested deeper than %d levels",
		         JSON_DEPTH_LIMIT);
		return NULL;
	}
	json_error_t error;
	json_t *value = json_loadb(text, length, flags, &error);
	if (value == NULL && json_error_code(&error) == json_error_numeric_overflow) {
		char *copy = arena_strndup(in->arena, text, length);
		if (copy != NULL && transcode_tame_numbers(copy, length))
			value = json_loadb(copy, length, flags, &error);
	}
	if (value == NULL) {
		snprintf(in->detail, sizeof in->detail, "line %d, column %d: %.100s", error.line,
		         error.column, error.text);
		for (char *c = in->detail; *c != '\0'; c++)
			if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
				*c = '?';
		in->no_memory = json_error_code(&error) == json_error_out_of_memory;
	}
	return value;
}

enum status
transcode_json(struct transcode *in, const char *text, size_t length)
{
	json_t *value = transcode_parse(in, text, length);
	if (value == NULL)
		return in->no_memory ? STATUS_OVERLOADED : STATUS_INVALID_JSON;
	transcode_object(in, NULL, in->message, value, in->elsewhere);
	json_decref(value);
	return transcode_status(in);
}
