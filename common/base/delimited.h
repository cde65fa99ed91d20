/* SPDX-License-Identifier: MIT
 *
 * Messages in a stream of bytes, each preceded by its length as a varint (what protobuf's own
 * libraries call delimited). Pure; one thread at a time.
 */
#ifndef STUDYHALL_BASE_DELIMITED_H
#define STUDYHALL_BASE_DELIMITED_H

#include "common/base/buf.h"

#include <protobuf-c/protobuf-c.h>

/* Appends the message. */
void delimited_put(struct buf *out, const ProtobufCMessage *message);
/* One that is packed already. */
void delimited_put_packed(struct buf *out, const void *bytes, size_t length);

/* The reading end: bytes go in as they come, packed messages come out. */
struct delimited {
	struct buf bytes;
	size_t used;  /* of them, by messages already given */
	size_t limit; /* of one message */
};

void delimited_init(struct delimited *reader, size_t limit);
void delimited_fini(struct delimited *reader);
/* Adds bytes. False without memory. */
bool delimited_feed(struct delimited *reader, const void *bytes, size_t length);
/* 1: a message, valid until the next call; 0: it takes more bytes; -1: not a length, or one beyond
 * the limit: there is nothing more to be had. */
int delimited_next(struct delimited *reader, const void **message, size_t *length);

#endif
