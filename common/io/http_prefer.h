/* SPDX-License-Identifier: MIT
 *
 * What a client prefers of the time its answer takes (RFC 7240, 4.1 and 4.3): `respond-async`, and
 * `wait` with seconds. Pure; any thread.
 */
#ifndef STUDYHALL_IO_HTTP_PREFER_H
#define STUDYHALL_IO_HTTP_PREFER_H

#include <stdbool.h>
#include <stdint.h>

#define HTTP_PREFER_WAIT_MAX_S 110 /* a longer wait counts as this, and is the default */
#define HTTP_PREFER_SIZE       32  /* of the text */

struct http_prefer {
	bool respond_async;
	bool has_wait;
	uint32_t wait_s; /* 0..HTTP_PREFER_WAIT_MAX_S */
};

/* Reads a Prefer field, its lines joined with commas; NULL: none. Of a preference that stands there
 * twice the first counts; what is malformed or unknown is as if it were not there. */
void http_prefer_parse(const char *field, struct http_prefer *prefer);
/* "respond-async, wait=10": the same in its plainest form, as services get it, and as
 * Preference-Applied says it. "" when nothing is preferred. */
void http_prefer_format(const struct http_prefer *prefer, char out[HTTP_PREFER_SIZE]);
/* How long to wait for the answer before saying that it will take longer: `wait` where it was
 * given, else not at all with `respond-async`, else as long as we ever do. */
uint32_t http_prefer_wait_s(const struct http_prefer *prefer);

#endif
