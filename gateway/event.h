/* SPDX-License-Identifier: MIT
 *
 * One message of an event stream as server-sent text. The message has an `id` and a oneof: the
 * member that is set names the event and is its data, as JSON in one line. Pure.
 */
#ifndef STUDYHALL_GATEWAY_EVENT_H
#define STUDYHALL_GATEWAY_EVENT_H

#include "common/base/status.h"

#include <protobuf-c/protobuf-c.h>

struct buf;

/* Appends the event that the packed message is; nothing for a kind that only a newer service knows.
 * A `problem` becomes a problem document (RFC 9457) with `trace`. INTERNAL: it is no such message;
 * OVERLOADED without memory. */
enum status event_put(struct buf *out, const ProtobufCMessageDescriptor *type, const void *bytes,
                      size_t length, const char *trace);

#endif
