/* SPDX-License-Identifier: MIT
 * JSON Schemas (2020-12) of messages, from their descriptors and rules. */
#include "gateway/openapi.h"

#include "common/base/buf.h"
#include "gateway/transcode.h"

#include <inttypes.h>
#include <string.h>

void
openapi_put_text(struct buf *out, const char *text)
{
	buf_put_json_string(out, text, strlen(text));
}

static void
schema_put_enum(struct buf *out, const ProtobufCEnumDescriptor *type, bool nullable)
{
	buf_putc(out, '[');
	for (unsigned i = 0; i < type->n_values; i++) {
		buf_puts(out, i == 0 ? "" : ",");
		openapi_put_text(out, type->values[i].name);
	}
	buf_puts(out, nullable ? ",null]" : "]");
}

static const char *
schema_type(const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_BOOL: return "boolean";
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE: return "number";
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: return "integer";
	default: return "string"; /* 64-bit numbers too */
	}
}

static void
schema_put_type(struct buf *out, const ProtobufCFieldDescriptor *field, bool nullable)
{
	buf_printf(out, nullable ? "\"type\":[\"%s\",\"null\"]" : "\"type\":\"%s\"",
	           schema_type(field));
}

static void
schema_put_length(struct buf *out, const struct rule *rule)
{
	if (rule->min > 0)
		buf_printf(out, ",\"minLength\":%" PRId64, rule->min);
	if (rule->max > 0)
		buf_printf(out, ",\"maxLength\":%" PRId64, rule->max);
}

static void
schema_put_rule(struct buf *out, const struct rule *rule)
{
	switch (rule->format) {
	case RULE_TEXT:
	case RULE_OPAQUE: schema_put_length(out, rule); break;
	case RULE_SECRET:
		buf_puts(out, ",\"format\":\"password\"");
		schema_put_length(out, rule);
		break;
	case RULE_EMAIL:
		buf_puts(out, ",\"format\":\"email\"");
		schema_put_length(out, rule);
		break;
	case RULE_DATE: buf_puts(out, ",\"format\":\"date\""); break;
	case RULE_INSTANT: buf_puts(out, ",\"format\":\"date-time\""); break;
	case RULE_ZONE: buf_puts(out, ",\"examples\":[\"Asia/Seoul\"]"); break;
	case RULE_ID: buf_puts(out, ",\"pattern\":\"^[A-Za-z0-9_-]{1,36}$\""); break;
	case RULE_NUMBER:
		buf_printf(out, ",\"minimum\":%" PRId64 ",\"maximum\":%" PRId64, rule->min,
		           rule->max);
		break;
	case RULE_ANY: break;
	}
}

/* A value, or an item of a list. */
static void
schema_put_value(struct buf *out, const ProtobufCFieldDescriptor *field, const struct rule *rule,
                 bool nullable)
{
	schema_put_type(out, field, nullable);
	if (field->type == PROTOBUF_C_TYPE_ENUM) {
		buf_puts(out, ",\"enum\":");
		schema_put_enum(out, field->descriptor, nullable);
	} else if (field->type == PROTOBUF_C_TYPE_UINT32 &&
	           (rule == NULL || rule->format != RULE_NUMBER)) {
		buf_puts(out, ",\"minimum\":0,\"maximum\":4294967295");
	} else if (field->type == PROTOBUF_C_TYPE_BYTES) {
		buf_puts(out, ",\"contentEncoding\":\"base64\"");
	}
	if (rule != NULL)
		schema_put_rule(out, rule);
}

void
openapi_put_field(struct buf *out, const ProtobufCFieldDescriptor *field, const struct rule *rule,
                  bool nullable)
{
	buf_putc(out, '{');
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		buf_puts(out, nullable ? "\"type\":[\"array\",\"null\"]" : "\"type\":\"array\"");
		buf_puts(out, ",\"items\":{");
		schema_put_value(out, field, rule, false);
		buf_putc(out, '}');
		if (rule != NULL && rule->max_items > 0)
			buf_printf(out, ",\"maxItems\":%" PRIu32, rule->max_items);
		if (rule != NULL && rule->required)
			buf_puts(out, ",\"minItems\":1");
		if (rule != NULL && rule->unique)
			buf_puts(out, ",\"uniqueItems\":true");
	} else {
		schema_put_value(out, field, rule, nullable);
	}
	if (rule != NULL && rule->help != NULL) {
		buf_puts(out, ",\"description\":");
		openapi_put_text(out, rule->help);
	}
	buf_putc(out, '}');
}

static bool
schema_in_body(const ProtobufCFieldDescriptor *field, const char *elsewhere)
{
	return strcmp(field->name, "cleared") != 0 && !transcode_listed(elsewhere, field->name) &&
	       field->type != PROTOBUF_C_TYPE_MESSAGE;
}

void
openapi_put_request(struct buf *out, const ProtobufCMessageDescriptor *type,
                    const struct rule_table *rules, const char *elsewhere)
{
	bool is_patch = protobuf_c_message_descriptor_get_field_by_name(type, "cleared") != NULL;
	bool first = true;
	buf_puts(out, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		const struct rule *rule = rules_find(rules, type, field->name);
		if (!schema_in_body(field, elsewhere))
			continue;
		bool nullable =
		    is_patch ? rule != NULL && rule->nullable : rule == NULL || !rule->required;
		buf_printf(out, "%s\"%s\":", first ? "" : ",", field->name);
		openapi_put_field(out, field, rule, nullable);
		first = false;
	}
	buf_putc(out, '}');
	first = true;
	for (unsigned i = 0; i < type->n_fields; i++) {
		const struct rule *rule = rules_find(rules, type, type->fields[i].name);
		if (rule == NULL || !rule->required || !schema_in_body(&type->fields[i], elsewhere))
			continue;
		buf_printf(out, "%s\"%s\"", first ? ",\"required\":[" : ",", rule->field);
		first = false;
	}
	buf_puts(out, first ? "}" : "]}");
}

static bool
schema_ends_with(const char *name, const char *suffix)
{
	size_t length = strlen(name), size = strlen(suffix);
	return length >= size && strcmp(name + length - size, suffix) == 0;
}

/* What goes out has no rules: clients must accept more than is documented. */
static void
schema_put_reply_value(struct buf *out, const ProtobufCFieldDescriptor *field, bool nullable)
{
	if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
		const ProtobufCMessageDescriptor *type = field->descriptor;
		buf_printf(out,
		           nullable ? "{\"anyOf\":[{\"$ref\":\"#/components/schemas/%s\"},"
		                      "{\"type\":\"null\"}]}"
		                    : "{\"$ref\":\"#/components/schemas/%s\"}",
		           type->name);
		return;
	}
	buf_putc(out, '{');
	schema_put_type(out, field, nullable);
	if (field->type == PROTOBUF_C_TYPE_ENUM) {
		buf_puts(out, ",\"x-extensible-enum\":");
		schema_put_enum(out, field->descriptor, false);
	} else if (field->type == PROTOBUF_C_TYPE_BYTES) {
		buf_puts(out, ",\"contentEncoding\":\"base64\"");
	} else if (field->type == PROTOBUF_C_TYPE_STRING) {
		if (strcmp(field->name, "at") == 0 || schema_ends_with(field->name, "_at"))
			buf_puts(out, ",\"format\":\"date-time\"");
		else if (strcmp(field->name, "date") == 0 || schema_ends_with(field->name, "_date"))
			buf_puts(out, ",\"format\":\"date\"");
	}
	buf_putc(out, '}');
}

void
openapi_put_reply(struct buf *out, const ProtobufCMessageDescriptor *type)
{
	buf_puts(out, "{\"type\":\"object\",\"properties\":{");
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		bool is_list = field->label == PROTOBUF_C_LABEL_REPEATED;
		buf_printf(out, "%s\"%s\":", i == 0 ? "" : ",", field->name);
		buf_puts(out, is_list ? "{\"type\":\"array\",\"items\":" : "");
		schema_put_reply_value(out, field, !is_list);
		buf_puts(out, is_list ? "}" : "");
	}
	buf_puts(out, "},\"required\":[");
	for (unsigned i = 0; i < type->n_fields; i++)
		buf_printf(out, "%s\"%s\"", i == 0 ? "" : ",", type->fields[i].name);
	buf_puts(out, "]}");
}
