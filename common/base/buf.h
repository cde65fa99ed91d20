/* SPDX-License-Identifier: MIT
 *
 * A growing byte buffer with a limit and a sticky error: append as often as you like, look at
 * buf_failed() once at the end. Not thread-safe.
 */
#ifndef STUDYHALL_BASE_BUF_H
#define STUDYHALL_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *bytes;   /* malloc'ed; may be NULL while empty; NUL-terminated when not NULL */
	size_t length; /* bytes in use */
	size_t space;  /* bytes allocated */
	size_t limit;  /* greatest length; 0: none */
	bool failed;   /* an append did not fit or memory ran out; later appends do nothing */
};

void buf_init(struct buf *buf, size_t limit);
/* Frees the bytes and leaves an empty buffer with the same limit. */
void buf_fini(struct buf *buf);
/* Forgets the content and the error, keeps the memory. */
void buf_clear(struct buf *buf);
/* Hands the bytes over (to be freed with free()); the buffer is empty afterwards. NULL if failed
 * or never written. */
char *buf_take(struct buf *buf, size_t *length);

bool buf_failed(const struct buf *buf);
/* Room for `more` bytes behind the content, or NULL (then failed). Follow with buf_advance. */
char *buf_reserve(struct buf *buf, size_t more);
void buf_advance(struct buf *buf, size_t length);
void buf_append(struct buf *buf, const void *bytes, size_t length);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* `text` as a JSON string with its quotes, escaped as RFC 8259 asks. Valid UTF-8 expected. */
void buf_put_json_string(struct buf *buf, const char *text, size_t length);
/* Drops the first `length` bytes. */
void buf_consume(struct buf *buf, size_t length);

#endif
