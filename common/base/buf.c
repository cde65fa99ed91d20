/* SPDX-License-Identifier: MIT
 * The growing byte buffer: capacity doubles, there is always a NUL behind the content. */
#include "common/base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/obj.h"

#define BUF_LEAST_SPACE 128

void
buf_init(struct buf *buf, size_t limit)
{
	*buf = (struct buf){.limit = limit};
}

void
buf_fini(struct buf *buf)
{
	free(buf->bytes);
	buf_init(buf, buf->limit);
}

void
buf_clear(struct buf *buf)
{
	buf->length = 0;
	buf->failed = false;
	if (buf->bytes != NULL)
		buf->bytes[0] = '\0';
}

char *
buf_take(struct buf *buf, size_t *length)
{
	if (buf->failed)
		buf_fini(buf);
	char *bytes = buf->bytes;
	if (length != NULL)
		*length = buf->length;
	buf_init(buf, buf->limit);
	return bytes;
}

bool
buf_failed(const struct buf *buf)
{
	return buf->failed;
}

static char *
buf_fail(struct buf *buf)
{
	buf->failed = true;
	return NULL;
}

/* Never inlined: the callers' fast path is the space that is already there. */
static __attribute__((noinline)) char *
buf_grow(struct buf *buf, size_t more)
{
	/* Less than half of the address space, so that neither doubling nor adding overflows. */
	size_t greatest =
	    buf->limit != 0 && buf->limit < PTRDIFF_MAX ? buf->limit : PTRDIFF_MAX - 1;
	if (buf->length > greatest || more > greatest - buf->length)
		return buf_fail(buf);
	size_t need = buf->length + more + 1;
	size_t space = buf->space * 2;
	if (space < BUF_LEAST_SPACE)
		space = BUF_LEAST_SPACE;
	if (space < need)
		space = need;
	if (space > greatest + 1)
		space = greatest + 1;
	if (space > buf->space) {
		char *bytes = realloc(buf->bytes, space);
		if (bytes == NULL)
			return buf_fail(buf);
		buf->bytes = bytes;
		buf->space = space;
		bytes[buf->length] = '\0';
	}
	return buf->bytes + buf->length;
}

char *
buf_reserve(struct buf *buf, size_t more)
{
	if (buf->failed)
		return NULL;
	/* space never exceeds limit + 1 */
	if (buf->bytes != NULL && more < buf->space - buf->length)
		return buf->bytes + buf->length;
	return buf_grow(buf, more);
}

void
buf_advance(struct buf *buf, size_t length)
{
	if (buf->failed)
		return;
	assert(buf->bytes != NULL && length < buf->space - buf->length);
	buf->length += length;
	buf->bytes[buf->length] = '\0';
}

void
buf_append(struct buf *buf, const void *bytes, size_t length)
{
	char *to = buf_reserve(buf, length);
	if (to == NULL)
		return;
	if (length > 0)
		memcpy(to, bytes, length);
	buf->length += length;
	to[length] = '\0';
}

void
buf_puts(struct buf *buf, const char *text)
{
	buf_append(buf, text, strlen(text));
}

void
buf_putc(struct buf *buf, char c)
{
	char *to = buf_reserve(buf, 1);
	if (to == NULL)
		return;
	to[0] = c;
	to[1] = '\0';
	buf->length++;
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	buf_vprintf(buf, format, args);
	va_end(args);
}

void
buf_vprintf(struct buf *buf, const char *format, va_list args)
{
	char *to = buf_reserve(buf, 0);
	if (to == NULL)
		return;
	va_list again;
	va_copy(again, args);
	size_t room = buf->space - buf->length;
	int length = vsnprintf(to, room, format, args);
	if (length < 0) {
		to[0] = '\0';
		buf_fail(buf);
	} else if ((size_t)length < room) {
		buf->length += (size_t)length;
	} else {
		to[0] = '\0';
		to = buf_reserve(buf, (size_t)length);
		if (to != NULL) {
			vsnprintf(to, (size_t)length + 1, format, again);
			buf->length += (size_t)length;
		}
	}
	va_end(again);
}

/* Bytes from `from` on that JSON takes as they are. Eight at a time: a byte of `word` is below 0x20
 * or equal to a quote or a backslash when a borrow reaches its top bit ("Bit Twiddling Hacks",
 * Sean Anderson; bytes of 0x80 and above are masked out). The loop below finds the exact place. */
static size_t
buf_json_run(const unsigned char *from, const unsigned char *end)
{
	const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
	const unsigned char *at = from;
	while (end - at >= 8) {
		uint64_t word;
		memcpy(&word, at, sizeof word);
		uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
		uint64_t found = (word - ones * 0x20) | (quote - ones) | (slash - ones);
		if ((found & ~word & tops) != 0)
			break;
		at += 8;
	}
	while (at < end && *at >= 0x20 && *at != '"' && *at != '\\')
		at++;
	return (size_t)(at - from);
}

static void
buf_put_json_escape(struct buf *buf, unsigned char c)
{
	static const char names[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
	                             ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
	static const char hex[] = "0123456789abcdef";
	if (names[c] != 0) {
		const char text[2] = {'\\', names[c]};
		buf_append(buf, text, sizeof text);
	} else {
		const char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
		buf_append(buf, text, sizeof text);
	}
}

void
buf_put_json_string(struct buf *buf, const char *text, size_t length)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + length;
	buf_putc(buf, '"');
	while (at < end && !buf->failed) {
		size_t run = buf_json_run(at, end);
		if (run > 0)
			buf_append(buf, at, run);
		at += run;
		if (at < end)
			buf_put_json_escape(buf, *at++);
	}
	buf_putc(buf, '"');
}

void
buf_consume(struct buf *buf, size_t length)
{
	assert(length <= buf->length);
	if (length == 0)
		return;
	buf->length -= length;
	memmove(buf->bytes, buf->bytes + length, buf->length + 1);
}
