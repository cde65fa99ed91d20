/* SPDX-License-Identifier: MIT
 * What the processor does many characters of at a time. */
#ifndef STUDYHALL_BASE_BASE64_PRIVATE_H
#define STUDYHALL_BASE_BASE64_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the beginning of `bytes` as text: how many of them, a multiple of three, and four
 * characters for each three. */
size_t base64_put_wide(const unsigned char *bytes, size_t length, char *to);
/* Reads the beginning of `text`, up to 24 characters before its end or to one that is none of the
 * alphabet: how many, a multiple of four, and three bytes for each four. Writes up to four bytes
 * behind those. */
size_t base64_read_wide(const char *text, size_t length, unsigned char *to);

#endif
