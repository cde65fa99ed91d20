/* SPDX-License-Identifier: MIT
 * A message on its way in: its fields from path, query and header, and what is wrong with it. */
#include "gateway/transcode.h"

#include "common/base/arena.h"
#include "common/base/buf.h"

#include <inttypes.h>
#include <string.h>

bool
transcode_listed(const char *names, const char *name)
{
	size_t length = strlen(name);
	for (const char *at = names; at != NULL && length > 0; at += length) {
		at = strstr(at, name);
		if (at == NULL)
			return false;
		if ((at == names || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return true;
	}
	return false;
}

int
transcode_init(struct transcode *in, const ProtobufCMessageDescriptor *type, const char *elsewhere,
               struct arena *arena)
{
	*in = (struct transcode){.arena = arena, .elsewhere = elsewhere};
	in->last = &in->violations;
	in->message = arena_alloc(arena, type->sizeof_message);
	if (in->message == NULL)
		return -1;
	protobuf_c_message_init(type, in->message);
	return 0;
}

enum status
transcode_status(const struct transcode *in)
{
	if (in->no_memory)
		return STATUS_OVERLOADED;
	return in->violations == NULL ? STATUS_OK : STATUS_VALIDATION;
}

void
transcode_add(struct transcode *in, const char *pointer, const char *detail)
{
	struct violation *violation = arena_alloc(in->arena, sizeof *violation);
	if (violation == NULL || pointer == NULL || detail == NULL) {
		in->no_memory = true;
		return;
	}
	*violation = (struct violation){.pointer = pointer, .detail = detail};
	*in->last = violation;
	in->last = &violation->next;
	in->count++;
}

const char *
transcode_enum_detail(struct transcode *in, const ProtobufCEnumDescriptor *type)
{
	struct buf text;
	buf_init(&text, 1024);
	buf_puts(&text, "must be one of");
	for (unsigned i = 0; i < type->n_values; i++)
		buf_printf(&text, "%s %s", i == 0 ? "" : ",", type->values[i].name);
	const char *detail = buf_failed(&text) ? NULL : arena_strdup(in->arena, text.bytes);
	buf_fini(&text);
	in->no_memory |= detail == NULL;
	return detail;
}

const char *
transcode_range_detail(struct transcode *in, const ProtobufCMessageDescriptor *type,
                       const ProtobufCFieldDescriptor *field)
{
	const struct rule *rule =
	    in->rules == NULL ? NULL : rules_find(in->rules, type, field->name);
	bool is_unsigned = field->type == PROTOBUF_C_TYPE_UINT32;
	int64_t min = is_unsigned ? 0 : INT32_MIN, max = is_unsigned ? UINT32_MAX : INT32_MAX;
	if (rule != NULL && rule->format == RULE_NUMBER) {
		min = rule->min;
		max = rule->max;
	}
	const char *detail = arena_printf(in->arena, "must be %" PRId64 " to %" PRId64, min, max);
	in->no_memory |= detail == NULL;
	return detail;
}

void
transcode_set_present(const ProtobufCFieldDescriptor *field, char *base)
{
	if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING &&
	    field->type != PROTOBUF_C_TYPE_MESSAGE)
		*(protobuf_c_boolean *)(void *)(base + field->quantifier_offset) = 1;
}

static const ProtobufCFieldDescriptor *
transcode_field(const struct transcode *in, const char *name)
{
	return protobuf_c_message_descriptor_get_field_by_name(in->message->descriptor, name);
}

bool
transcode_set_text(struct transcode *in, const char *name, const char *value)
{
	const ProtobufCFieldDescriptor *field = transcode_field(in, name);
	if (field == NULL || field->type != PROTOBUF_C_TYPE_STRING ||
	    field->label == PROTOBUF_C_LABEL_REPEATED)
		return false;
	*(const char **)(void *)((char *)in->message + field->offset) = value;
	return true;
}

bool
transcode_set_bytes(struct transcode *in, const char *name, const void *bytes, size_t length)
{
	const ProtobufCFieldDescriptor *field = transcode_field(in, name);
	if (field == NULL || field->type != PROTOBUF_C_TYPE_BYTES ||
	    field->label == PROTOBUF_C_LABEL_REPEATED)
		return false;
	*(ProtobufCBinaryData *)(void *)((char *)in->message + field->offset) =
	    (ProtobufCBinaryData){.len = length, .data = (uint8_t *)bytes};
	transcode_set_present(field, (char *)in->message);
	return true;
}

/* Digits alone, or behind a '-'; how many. 0: it is no whole number. */
static size_t
transcode_digits(const char *text)
{
	text += *text == '-';
	size_t length = strspn(text, "0123456789");
	return text[length] == '\0' ? length : 0;
}

/* Of digits: false if there is a sign, or if they are more than `greatest`. */
static bool
transcode_whole(const char *text, uint64_t greatest, uint64_t *number)
{
	for (*number = 0; *text != '\0'; text++) {
		if (*text == '-')
			return false;
		*number = *number * 10 + (uint64_t)(*text - '0');
		if (*number > greatest)
			return false;
	}
	return true;
}

/* No name of a time zone has a blank, but a '+' in a query that was not encoded has become one:
 * "Etc/GMT+9". NULL without memory. */
static const char *
transcode_zone(struct transcode *in, const char *value)
{
	char *zone = arena_strdup(in->arena, value);
	in->no_memory |= zone == NULL;
	for (char *c = zone; c != NULL && *c != '\0'; c++)
		if (*c == ' ')
			*c = '+';
	return zone;
}

/* NULL when it was set (or without memory), else what is wrong. */
static const char *
transcode_parse_parameter(struct transcode *in, const ProtobufCFieldDescriptor *field,
                          const char *value, void *slot)
{
	uint64_t number;
	const ProtobufCEnumValue *choice;
	const struct rule *rule;
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		rule = in->rules == NULL
		           ? NULL
		           : rules_find(in->rules, in->message->descriptor, field->name);
		if (rule != NULL && rule->format == RULE_ZONE)
			value = transcode_zone(in, value);
		*(const char **)slot = value;
		return NULL;
	case PROTOBUF_C_TYPE_UINT32:
		if (transcode_digits(value) == 0)
			return "must be a whole number";
		if (!transcode_whole(value, UINT32_MAX, &number))
			return transcode_range_detail(in, in->message->descriptor, field);
		*(uint32_t *)slot = (uint32_t)number;
		return NULL;
	case PROTOBUF_C_TYPE_BOOL:
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return "must be true or false";
		*(protobuf_c_boolean *)slot = value[0] == 't';
		return NULL;
	case PROTOBUF_C_TYPE_ENUM:
		choice = protobuf_c_enum_descriptor_get_value_by_name(field->descriptor, value);
		if (choice == NULL)
			return transcode_enum_detail(in, field->descriptor);
		*(int *)slot = choice->value;
		return NULL;
	default: return "cannot be given here";
	}
}

static bool
transcode_is_set(const ProtobufCFieldDescriptor *field, const char *base)
{
	if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(void *const *)(const void *)(base + field->offset) != NULL;
	return *(const protobuf_c_boolean *)(const void *)(base + field->quantifier_offset);
}

void
transcode_parameter(struct transcode *in, const char *name, const char *value)
{
	const ProtobufCFieldDescriptor *field = transcode_field(in, name);
	char *base = (char *)in->message;
	if (field == NULL || field->label != PROTOBUF_C_LABEL_OPTIONAL ||
	    in->count >= TRANSCODE_MAX_VIOLATIONS)
		return;
	if (transcode_is_set(field, base)) {
		transcode_add(in, field->name, "must not be given twice");
		return;
	}
	const char *wrong = value == NULL
	                        ? "must be UTF-8 without NUL, percent-encoded"
	                        : transcode_parse_parameter(in, field, value, base + field->offset);
	if (wrong != NULL)
		transcode_add(in, field->name, wrong);
	else
		transcode_set_present(field, base);
}
