/* SPDX-License-Identifier: MIT
 *
 * /openapi.json (OpenAPI 3.1), written once at start from the table of routes, protobuf-c's
 * descriptors and the rules: it cannot say anything else than what the gateway does.
 */
#ifndef STUDYHALL_GATEWAY_OPENAPI_H
#define STUDYHALL_GATEWAY_OPENAPI_H

#include "common/base/rules.h"

#include <stddef.h>

struct buf;
struct route;

struct openapi {
	char *json;
	size_t length;
	char etag[28];
};

/* After routes_bind(). `server` is PUBLIC_URL, or NULL. NULL without memory. */
struct openapi *openapi_new(const char *server);
void openapi_free(struct openapi **openapi);

/* Appends the schema of a message as it comes in: `elsewhere` names fields that are not part of a
 * body. Or as it goes out. (openapi_schema.c) */
void openapi_put_request(struct buf *out, const ProtobufCMessageDescriptor *type,
                         const struct rule_table *rules, const char *elsewhere);
void openapi_put_reply(struct buf *out, const ProtobufCMessageDescriptor *type);
/* The "responses" of a row's operation. (openapi_answer.c) */
void openapi_put_responses(struct buf *out, const struct route *route);
/* A JSON string. */
void openapi_put_text(struct buf *out, const char *text);
/* The schema of one field that comes in, as a parameter: never null. */
void openapi_put_field(struct buf *out, const ProtobufCFieldDescriptor *field,
                       const struct rule *rule, bool nullable);

#endif
