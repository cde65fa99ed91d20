/* SPDX-License-Identifier: MIT
 * Checks a message against its service's table of rules, and normalizes its texts. */
#include "common/base/rules.h"

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/date.h"
#include "common/base/ids.h"
#include "common/base/obj.h"
#include "common/base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RULES_MAX_VIOLATIONS 20
#define RULES_MAX_PLAIN      4096 /* bytes of a string that has no rule */
#define RULES_DAY_US         ((int64_t)86400 * 1000000)

/* Where in the message the check is: a field, within what holds it. */
struct rules_place {
	const struct rules_place *parent;
	const char *name;
	int64_t index; /* -1: the field itself */
};

struct rules_check {
	const struct rule_table *table;
	struct arena *arena;
	struct violation *first, **last;
	unsigned count;
	bool no_memory;
};

static void rules_message(struct rules_check *check, const struct rules_place *parent,
                          ProtobufCMessage *message);

const struct rule *
rules_find(const struct rule_table *table, const ProtobufCMessageDescriptor *message,
           const char *field)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->rules[i].message == message && strcmp(table->rules[i].field, field) == 0)
			return &table->rules[i];
	return NULL;
}

static void
rules_put_place(struct buf *out, const struct rules_place *place)
{
	if (place->parent != NULL)
		rules_put_place(out, place->parent);
	buf_printf(out, "/%s", place->name);
	if (place->index >= 0)
		buf_printf(out, "/%" PRId64, place->index);
}

static void __attribute__((format(printf, 3, 4)))
rules_violate(struct rules_check *check, const struct rules_place *place, const char *format, ...)
{
	if (check->count >= RULES_MAX_VIOLATIONS || check->no_memory)
		return;
	struct buf pointer;
	buf_init(&pointer, 1024);
	rules_put_place(&pointer, place);
	va_list args;
	va_start(args, format);
	char *detail = arena_vprintf(check->arena, format, args);
	va_end(args);
	struct violation *violation = arena_alloc(check->arena, sizeof *violation);
	char *text = buf_failed(&pointer) ? NULL : arena_strdup(check->arena, pointer.bytes);
	buf_fini(&pointer);
	if (violation == NULL || detail == NULL || text == NULL) {
		check->no_memory = true;
		return;
	}
	*violation = (struct violation){.pointer = text, .detail = detail};
	*check->last = violation;
	check->last = &violation->next;
	check->count++;
}

static void
rules_length(struct rules_check *check, const struct rules_place *place, const struct rule *rule,
             size_t length, const char *unit)
{
	if (rule->min == 1 && length == 0)
		rules_violate(check, place, "must not be empty");
	else if ((int64_t)length < rule->min || (int64_t)length > rule->max)
		rules_violate(check, place, "must have %" PRId64 " to %" PRId64 " %s, has %zu",
		              rule->min, rule->max, unit, length);
}

static bool
rules_email(const char *text)
{
	const char *at = strchr(text, '@');
	if (at == NULL || at == text || strchr(at + 1, '@') != NULL)
		return false;
	const char *domain = at + 1;
	size_t length = strlen(domain);
	if (length == 0 || domain[0] == '.' || domain[length - 1] == '.' ||
	    strstr(domain, "..") != NULL)
		return false;
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
		if (*c <= ' ' || *c == 0x7f || strchr("<>(),;:\"\\[]", *c) != NULL)
			return false;
	return !text_has_controls(text);
}

/* Normalizes *text by the rule's format; NULL after a violation or without memory. */
static char *
rules_normalize(struct rules_check *check, const struct rules_place *place, const struct rule *rule,
                char *text)
{
	char *normal = text;
	if (rule->format == RULE_TEXT || rule->format == RULE_EMAIL)
		normal = text_trim(check->arena, text);
	else if (rule->format == RULE_SECRET)
		normal = text_nfc(check->arena, text);
	if (normal == NULL && arena_alloc(check->arena, 4 * strlen(text) + 1) == NULL)
		check->no_memory = true;
	else if (normal == NULL)
		rules_violate(check, place, "must not pile up combining marks");
	return normal;
}

/* Of an instant; its first year is told in the same words whatever else is wrong. */
static void
rules_instant(struct rules_check *check, const struct rules_place *place, const struct rule *rule,
              const char *text)
{
	int64_t first_year = rule->min > 0 ? rule->min : 1970, instant;
	char first[32];
	int32_t day = 0;
	snprintf(first, sizeof first, "%04" PRId64 "-01-01", first_year);
	bool good = date_parse(first, &day);
	assert(good);
	if (!instant_parse(text, &instant) || instant < day * RULES_DAY_US)
		rules_violate(check, place, "must be a time as in RFC 3339, from %" PRId64 " on",
		              first_year);
}

static void
rules_string(struct rules_check *check, const struct rules_place *place, const struct rule *rule,
             char **text)
{
	size_t bytes = strlen(*text);
	if (!text_valid(*text, bytes)) {
		rules_violate(check, place, "must be valid UTF-8");
		return;
	}
	if (rule == NULL || rule->format == RULE_ANY || rule->format == RULE_NUMBER) {
		if (bytes > RULES_MAX_PLAIN)
			rules_violate(check, place, "must have at most %d bytes", RULES_MAX_PLAIN);
		return;
	}
	char *normal = rules_normalize(check, place, rule, *text);
	if (normal == NULL)
		return;
	*text = normal;
	int32_t day;
	switch (rule->format) {
	case RULE_TEXT:
		if (text_has_controls(normal))
			rules_violate(check, place, "must not hold control characters");
		else
			rules_length(check, place, rule, text_length(normal), "characters");
		break;
	case RULE_SECRET:
		rules_length(check, place, rule, text_length(normal), "characters");
		break;
	case RULE_OPAQUE: rules_length(check, place, rule, bytes, "bytes"); break;
	case RULE_EMAIL:
		if ((int64_t)text_length(normal) > rule->max)
			rules_violate(check, place, "must have at most %" PRId64 " characters",
			              rule->max);
		else if (!rules_email(normal))
			rules_violate(check, place, "must be an email address");
		break;
	case RULE_DATE:
		if (!date_parse(normal, &day))
			rules_violate(check, place, "must be a date, YYYY-MM-DD, from 1970 on");
		break;
	case RULE_INSTANT: rules_instant(check, place, rule, normal); break;
	case RULE_ZONE:
		if (zone_find(normal) == NULL)
			rules_violate(check, place, "must be a time zone of the IANA database");
		break;
	case RULE_ID:
		if (!ids_valid(normal))
			rules_violate(check, place, "must be 1 to 36 letters, digits, '_' or '-'");
		break;
	case RULE_NUMBER:
	case RULE_ANY: break;
	}
}

static void
rules_number(struct rules_check *check, const struct rules_place *place, const struct rule *rule,
             int64_t number)
{
	if (rule != NULL && rule->format == RULE_NUMBER &&
	    (number < rule->min || number > rule->max))
		rules_violate(check, place, "must be %" PRId64 " to %" PRId64, rule->min,
		              rule->max);
}

static void
rules_value(struct rules_check *check, const struct rules_place *place, const struct rule *rule,
            const ProtobufCFieldDescriptor *field, void *value)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		if (*(char **)value != NULL)
			rules_string(check, place, rule, value);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		if (rule != NULL && rule->format == RULE_OPAQUE)
			rules_length(check, place, rule, ((ProtobufCBinaryData *)value)->len,
			             "bytes");
		break;
	case PROTOBUF_C_TYPE_ENUM:
		if (protobuf_c_enum_descriptor_get_value(field->descriptor, *(int *)value) == NULL)
			rules_violate(check, place, "is not one of the values allowed");
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		if (*(ProtobufCMessage **)value != NULL)
			rules_message(check, place, *(ProtobufCMessage **)value);
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: rules_number(check, place, rule, *(uint32_t *)value); break;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32: rules_number(check, place, rule, *(int32_t *)value); break;
	default: break; /* booleans and 64-bit numbers of internal messages: any value */
	}
}

size_t
rules_value_size(const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE: return 8;
	default: return 4;
	}
}

static bool
rules_same(const ProtobufCFieldDescriptor *field, const char *a, const char *b)
{
	if (field->type == PROTOBUF_C_TYPE_STRING)
		return strcmp(*(char *const *)(const void *)a, *(char *const *)(const void *)b) ==
		       0;
	return memcmp(a, b, rules_value_size(field)) == 0;
}

static void
rules_list(struct rules_check *check, struct rules_place *place, const struct rule *rule,
           const ProtobufCFieldDescriptor *field, char *values, size_t count)
{
	if (rule != NULL && rule->required && count == 0)
		rules_violate(check, place, "must not be empty");
	if (rule != NULL && rule->max_items > 0 && count > rule->max_items) {
		rules_violate(check, place, "must have at most %" PRIu32 " items, has %zu",
		              rule->max_items, count);
		return;
	}
	size_t size = rules_value_size(field);
	for (size_t i = 0; i < count && check->count < RULES_MAX_VIOLATIONS; i++) {
		place->index = (int64_t)i;
		rules_value(check, place, rule, field, values + i * size);
		for (size_t j = 0; rule != NULL && rule->unique && j < i; j++) {
			if (!rules_same(field, values + i * size, values + j * size))
				continue;
			rules_violate(check, place, "must not be given twice");
			break;
		}
	}
}

/* The names of fields that a PATCH sets to null. */
static void
rules_cleared(struct rules_check *check, const struct rules_place *parent,
              const ProtobufCMessageDescriptor *type, char **names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!text_valid(names[i], strlen(names[i])) || strlen(names[i]) > 64)
			continue; /* no field has that name */
		const struct rule *rule = rules_find(check->table, type, names[i]);
		struct rules_place place = {parent, names[i], -1};
		if (rule == NULL || !rule->nullable)
			rules_violate(check, &place, "must not be null");
	}
}

static bool
rules_present(const ProtobufCFieldDescriptor *field, const char *base)
{
	const char *value = base + field->offset;
	if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(void *const *)(const void *)value != NULL;
	return field->label == PROTOBUF_C_LABEL_REQUIRED ||
	       *(const protobuf_c_boolean *)(const void *)(base + field->quantifier_offset);
}

static void
rules_message(struct rules_check *check, const struct rules_place *parent,
              ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;
	char *base = (char *)message;
	for (unsigned i = 0; i < type->n_fields && !check->no_memory; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		const struct rule *rule = rules_find(check->table, type, field->name);
		struct rules_place place = {parent, field->name, -1};
		char *value = base + field->offset;
		if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			size_t count = *(size_t *)(void *)(base + field->quantifier_offset);
			char *values = *(char **)(void *)value;
			if (strcmp(field->name, "cleared") == 0)
				rules_cleared(check, parent, type, (char **)(void *)values, count);
			else
				rules_list(check, &place, rule, field, values, count);
		} else if (rules_present(field, base)) {
			rules_value(check, &place, rule, field, value);
		} else if (rule != NULL && rule->required) {
			rules_violate(check, &place, "is required");
		}
	}
}

enum status
rules_check(const struct rule_table *table, ProtobufCMessage *message, struct arena *arena,
            struct violation **violations)
{
	struct rules_check check = {.table = table, .arena = arena};
	check.last = &check.first;
	rules_message(&check, NULL, message);
	*violations = check.first;
	if (check.no_memory)
		return STATUS_OVERLOADED;
	return check.first == NULL ? STATUS_OK : STATUS_VALIDATION;
}
