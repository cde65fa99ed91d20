/* SPDX-License-Identifier: MIT
 *
 * Fields of a multipart/form-data body (RFC 7578). Pure.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_MULTIPART_H
#define STUDYHALL_TESTS_UPSTREAM_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

struct multipart_field {
	const char *bytes; /* within the body */
	size_t length;
	bool file; /* has a filename */
};

/* The field `name`. False: there is none, or the body is not what `content_type` (may be NULL)
 * says. */
bool multipart_find(const char *content_type, const char *body, size_t length, const char *name,
                    struct multipart_field *field);

#endif
