/* SPDX-License-Identifier: MIT
 * The text/event-stream format. */
#include "gateway/sse.h"

#include "common/base/buf.h"
#include "common/base/obj.h"

#include <string.h>

static void
sse_put_field(struct buf *out, const char *name, const char *value)
{
	assert(strpbrk(value, "\r\n") == NULL);
	buf_puts(out, name);
	buf_puts(out, value);
	buf_putc(out, '\n');
}

static size_t
sse_line(const char *text, size_t length)
{
	size_t at = 0;
	while (at < length && text[at] != '\r' && text[at] != '\n')
		at++;
	return at;
}

void
sse_put_event(struct buf *out, const char *id, const char *event, const char *data, size_t length)
{
	if (id != NULL)
		sse_put_field(out, "id: ", id);
	if (event != NULL)
		sse_put_field(out, "event: ", event);
	for (size_t at = 0;;) {
		size_t size = sse_line(data + at, length - at);
		buf_puts(out, "data: ");
		buf_append(out, data + at, size);
		buf_putc(out, '\n');
		at += size;
		if (at == length)
			break;
		at += data[at] == '\r' && at + 1 < length && data[at + 1] == '\n' ? 2 : 1;
	}
	buf_putc(out, '\n');
}

void
sse_put_comment(struct buf *out)
{
	buf_puts(out, ":\n\n");
}

void
sse_put_retry(struct buf *out, unsigned milliseconds)
{
	buf_printf(out, "retry: %u\n\n", milliseconds);
}

bool
sse_id_valid(const char *id)
{
	size_t length = 0;
	for (; id != NULL && id[length] != '\0' && length <= SSE_MAX_ID; length++)
		if (id[length] <= 0x20 || id[length] >= 0x7f)
			return false;
	return length >= 1 && length <= SSE_MAX_ID;
}
