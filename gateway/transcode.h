/* SPDX-License-Identifier: MIT
 *
 * JSON <-> protobuf, generic over protobuf-c's descriptors: protobuf's JSON mapping with the names
 * of the .proto (snake_case), enums by name, bytes in base64 (RFC 4648, 4). Pure: no I/O, never
 * yields, knows no rule but types (rules.h has the rest, at the services).
 */
#ifndef STUDYHALL_GATEWAY_TRANSCODE_H
#define STUDYHALL_GATEWAY_TRANSCODE_H

#include "common/base/rules.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;

/* A message on its way in. Everything lives in the arena. */
struct transcode {
	struct arena *arena;
	ProtobufCMessage *message;
	const struct rule_table
	    *rules;                   /* for the words of a refusal; NULL: set nothing after init */
	const char *elsewhere;        /* names of fields that come from the path, the query or a
	                               * header, separated by spaces: a body may not hold them */
	struct violation *violations; /* at most 20; a parameter's has its name as `pointer` */
	struct violation **last;
	unsigned count;
	bool no_memory;
	char detail[160]; /* with STATUS_INVALID_JSON: what and where */
};

/* Begins with an empty message of that type. -1 without memory. */
int transcode_init(struct transcode *in, const ProtobufCMessageDescriptor *type,
                   const char *elsewhere, struct arena *arena);
/* Fills the message from a JSON object. null is absent; in a message with the field `cleared`
 * (a PATCH) null puts the member's name there. STATUS_OK; STATUS_INVALID_JSON; STATUS_VALIDATION
 * with the violations; STATUS_OVERLOADED without memory. */
enum status transcode_json(struct transcode *in, const char *text, size_t length);
/* Sets a field from the text of a query parameter: strings, whole numbers, true and false, enums.
 * A malformed or repeated one becomes a violation, as does NULL for what could not be decoded; a
 * name the message does not have is ignored. */
void transcode_parameter(struct transcode *in, const char *name, const char *value);
/* Sets a string field; the text is borrowed. False if there is no such field. */
bool transcode_set_text(struct transcode *in, const char *name, const char *value);
/* Sets a bytes field; the bytes are borrowed. */
bool transcode_set_bytes(struct transcode *in, const char *name, const void *bytes, size_t length);
/* What all of it came to: OK, VALIDATION or OVERLOADED. */
enum status transcode_status(const struct transcode *in);

/* For the parts of this module. */
#define TRANSCODE_MAX_VIOLATIONS 20
void transcode_add(struct transcode *in, const char *pointer, const char *detail);
/* Between what a number of this field of `type` must be: as its rule says, if there is one. */
const char *transcode_range_detail(struct transcode *in, const ProtobufCMessageDescriptor *type,
                                   const ProtobufCFieldDescriptor *field);
const char *transcode_enum_detail(struct transcode *in, const ProtobufCEnumDescriptor *type);
void transcode_set_present(const ProtobufCFieldDescriptor *field, char *base);

/* Is `name` one of the words of `names`? `names` may be NULL. */
bool transcode_listed(const char *names, const char *name);

/* Appends the message as JSON. Every field is there: unset ones as null, lists as []. */
void transcode_write(struct buf *out, const ProtobufCMessage *message);
/* Appends the value of one field, without its name. */
void transcode_write_field(struct buf *out, const ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *field);

/* A message of any size that arrives in pieces and leaves as JSON in pieces. Fields must arrive in
 * the order of their numbers, but ones that are not repeated may come early. Memory is bounded by
 * the greatest field, which is at most TRANSCODE_MAX_FIELD bytes. */
#define TRANSCODE_MAX_FIELD ((size_t)8 << 20)
struct transcode_stream;
/* NULL without memory. */
struct transcode_stream *transcode_stream_new(const ProtobufCMessageDescriptor *type);
void transcode_stream_free(struct transcode_stream **stream);
/* Takes the next bytes and appends what they complete. -1: malformed, out of order or no memory;
 * then the stream can only be freed. */
int transcode_stream_feed(struct transcode_stream *stream, const void *bytes, size_t length,
                          struct buf *out);
/* Appends the rest of the document. -1 if the message ended in the middle of a field. */
int transcode_stream_end(struct transcode_stream *stream, struct buf *out);

#endif
