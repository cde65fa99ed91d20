/* SPDX-License-Identifier: MIT
 *
 * What a message's fields may hold. One table per service (proto/NAME_rules.c) feeds both the
 * validator, which every service runs before a handler sees a request, and /openapi.json.
 * Pure and thread-safe.
 */
#ifndef STUDYHALL_BASE_RULES_H
#define STUDYHALL_BASE_RULES_H

#include "common/base/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;

enum rule_format {
	RULE_TEXT,    /* UTF-8 of min..max code points, normalized to NFC, no control characters
	               * other than tab and line feed; white space at both ends is cut */
	RULE_SECRET,  /* min..max code points after NFC; nothing cut: passwords */
	RULE_EMAIL,   /* trimmed, one @, at most max code points */
	RULE_DATE,    /* YYYY-MM-DD */
	RULE_INSTANT, /* RFC 3339, from the year `min` on, which is 1970 by default */
	RULE_ZONE,    /* an IANA time zone's name */
	RULE_ID,      /* [A-Za-z0-9_-]{1,36} */
	RULE_NUMBER,  /* min..max */
	RULE_OPAQUE,  /* bytes or text of min..max bytes, as it is: tokens, cursors, audio */
	RULE_ANY,     /* booleans and enums: only `required`, and `max_items` of lists */
};

struct rule {
	const ProtobufCMessageDescriptor *message;
	const char *field;
	enum rule_format format;
	int64_t min, max;
	bool required;
	uint32_t max_items; /* of a repeated field */
	bool unique;        /* a repeated field's items differ */
	bool nullable;      /* may be named in `cleared` of a PATCH message */
	const char *help;   /* one line for /openapi.json; may be NULL */
};

struct rule_table {
	const struct rule *rules;
	size_t count;
};

struct violation {
	const char *pointer; /* RFC 6901: "/topics/3"; or the field's name for parameters */
	const char *detail;
	struct violation *next;
};

/* A row of a table: RULE(auth__sign_in_request, email, TEXT, .max = 254, .required = true). */
#define RULE(type, name, kind, ...)                                                                \
	{                                                                                          \
		.message = &type##__descriptor, .field = #name, .format = RULE_##kind,             \
		##__VA_ARGS__                                                                      \
	}

/* The rule of a field, or NULL. */
const struct rule *rules_find(const struct rule_table *table,
                              const ProtobufCMessageDescriptor *message, const char *field);
/* Checks and normalizes `message` in place (new strings come from the arena). Every string field
 * without a rule is refused above 4,096 bytes; enums out of range and invalid UTF-8 are refused
 * everywhere. STATUS_OK; STATUS_VALIDATION with the list of what is wrong in *violations (at most
 * 20); STATUS_OVERLOADED without memory. */
enum status rules_check(const struct rule_table *table, ProtobufCMessage *message,
                        struct arena *arena, struct violation **violations);

/* Bytes that one value of the field takes in its message, or in the array of a repeated one. */
size_t rules_value_size(const ProtobufCFieldDescriptor *field);

#endif
