/* SPDX-License-Identifier: MIT
 *
 * Base64 (RFC 4648, section 4: with padding, without line breaks) of what is long and no secret,
 * such as speech: a hundredth of the time that libsodium's arithmetic takes, but how long it takes
 * depends on the bytes. Keys and tokens go through libsodium. Thread-safe.
 */
#ifndef STUDYHALL_BASE_BASE64_H
#define STUDYHALL_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Bytes that base64_read() wants for a text of `length` characters. */
#define BASE64_ROOM(length) ((length) / 4 * 3 + 3)

void base64_put(struct buf *out, const void *bytes, size_t length);
/* False: the text is not base64, to the last padding bit; what stands in `bytes` means nothing
 * then. */
bool base64_read(const char *text, size_t length, void *bytes, size_t *size);

#endif
