/* SPDX-License-Identifier: MIT
 * Walks from boundary to boundary. */
#include "tests/upstream/multipart.h"

#include "common/io/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MULTIPART_HEAD 1024

/* Does the part's head (a copy with NUL) name the field? */
static bool
multipart_named(const char *head, const char *name, bool *file)
{
	char quoted[128];
	const char *disposition = strcasestr(head, "content-disposition:");

	snprintf(quoted, sizeof quoted, " name=\"%s\"", name);
	*file = disposition != NULL && strcasestr(disposition, "filename=") != NULL;
	return disposition != NULL && strstr(disposition, quoted) != NULL;
}

bool
multipart_find(const char *content_type, const char *body, size_t length, const char *name,
               struct multipart_field *field)
{
	char boundary[100], line[112], head[MULTIPART_HEAD];
	const char *end = body + length, *at, *content, *next;
	size_t line_length;

	if (!http_media_type_is(content_type, "multipart/form-data") ||
	    !http_media_type_parameter(content_type, "boundary", boundary, sizeof boundary))
		return false;
	line_length = (size_t)snprintf(line, sizeof line, "\r\n--%s", boundary);
	/* The first one has no line end before it. */
	at = memmem(body, length, line + 2, line_length - 2);
	if (at != NULL)
		at += line_length - 2;
	while (at != NULL) {
		content = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
		if (content == NULL || (size_t)(content - at) >= sizeof head)
			return false;
		memcpy(head, at, (size_t)(content - at));
		head[content - at] = '\0';
		content += 4;
		next = memmem(content, (size_t)(end - content), line, line_length);
		if (next == NULL)
			return false;
		if (multipart_named(head, name, &field->file)) {
			field->bytes = content;
			field->length = (size_t)(next - content);
			return true;
		}
		at = next + line_length;
	}
	return false;
}
