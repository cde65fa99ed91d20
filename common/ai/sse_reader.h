/* SPDX-License-Identifier: MIT
 *
 * Reads server-sent events (WHATWG HTML, 9.2.6) from bytes that come in any pieces. Pure; one task.
 * Fields other than `event` and `data` mean nothing to one who does not connect again: they are
 * skipped. An event without its empty line at the end of the stream is no event.
 *
 *	sse_reader_give(&reader, bytes, length);
 *	while ((found = sse_reader_next(&reader, &event)) == 1) ...
 */
#ifndef STUDYHALL_AI_SSE_READER_H
#define STUDYHALL_AI_SSE_READER_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct sse_event {
	const char *type; /* "message" unless the stream says otherwise */
	const char *data; /* NUL-terminated; may hold NULs */
	size_t length;
};

struct sse_reader {
	struct buf line; /* the beginning of a line whose end has not come */
	struct buf type, data;
	const char *bytes; /* given, not yet read */
	size_t length;
	size_t limit;
	bool begun;    /* the first line is behind us, and with it a byte order mark */
	bool after_cr; /* a LF now belongs to the line end before */
	bool gave;     /* type and data belong to the event given last */
};

/* No event, and no line, may have more than `limit` bytes. */
void sse_reader_init(struct sse_reader *reader, size_t limit);
void sse_reader_fini(struct sse_reader *reader);
/* `bytes` must stay until sse_reader_next() has returned 0. */
void sse_reader_give(struct sse_reader *reader, const char *bytes, size_t length);
/* 1: an event, valid until the next call. 0: more bytes are needed. -1: beyond the limit, or no
 * memory; reading cannot go on. */
int sse_reader_next(struct sse_reader *reader, struct sse_event *event);

#endif
