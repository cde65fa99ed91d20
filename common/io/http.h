/* SPDX-License-Identifier: MIT
 *
 * HTTP's small parts, without I/O: dates, field values, entity tags, cookies, percent-encoding
 * (RFC 9110, RFC 6265, RFC 3986). Thread-safe. Field values may come from strangers: whatever is
 * malformed matches nothing.
 */
#ifndef STUDYHALL_IO_HTTP_H
#define STUDYHALL_IO_HTTP_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_DATE_SIZE 30 /* Sun, 06 Nov 1994 08:49:37 GMT and NUL */

/* One header field to send. */
struct http_header {
	const char *name;
	const char *value;
};

/* The reason phrase of a status code; "Unknown" if there is none. */
const char *http_reason(int status);

/* Seconds since the epoch, years 1970..9999. The parser takes the three forms of RFC 9110. */
void http_date_format(int64_t seconds, char out[HTTP_DATE_SIZE]);
bool http_date_parse(const char *text, int64_t *seconds);
/* The Date of now, formatted once a second per thread; valid until the thread's next call. */
const char *http_date_now(void);

/* A token (RFC 9110, 5.6.2)? Only characters a field value may have (no CR, LF, NUL, controls)? */
bool http_token_valid(const char *text, size_t length);
bool http_value_valid(const char *text, size_t length);
/* "00-" trace "-" span "-" flags (W3C), lower case, neither all zero? NULL: false. */
bool http_traceparent_valid(const char *text);

/* Does the comma-separated list hold the element `name`, compared without case? Its value (after
 * "=", unquoted) goes to `value`, "" if it has none; false as well if it does not fit `size`. For
 * Connection, Cache-Control, Prefer (http_prefer.h). `list` may be NULL. */
bool http_list_find(const char *list, const char *name, char *value, size_t size);

/* Is the media type of a Content-Type `type` ("application/json"), whatever its parameters? */
bool http_media_type_is(const char *content_type, const char *type);
/* A parameter of a media type, unquoted. False if there is none or it does not fit. */
bool http_media_type_parameter(const char *content_type, const char *name, char *value,
                               size_t size);
/* How much an Accept field wants `type`: 0..1000; the most specific range counts. NULL: 1000. */
unsigned http_accept_quality(const char *accept, const char *type);
/* The offered type that is wanted most (the first of equals), or -1 if none is. */
int http_accept_best(const char *accept, const char *const *offers, size_t count);
/* The same for a content coding in Accept-Encoding; "identity" is fine unless excluded. */
unsigned http_coding_quality(const char *accept, const char *coding);

/* Does a list of entity tags, or "*", match `etag` (with its quotes)? Weakly for If-None-Match,
 * strongly for If-Match. etag NULL (no such object): false, even for "*". */
bool http_etag_match_weak(const char *list, const char *etag);
bool http_etag_match_strong(const char *list, const char *etag);

/* The value of a cookie in a Cookie field; false if absent, given twice, or too long for `size`. */
bool http_cookie_find(const char *cookies, const char *name, char *value, size_t size);

/* Decodes %XX (and, for queries, '+' as a space) and writes a NUL behind; `out` has length + 1
 * bytes and may be `text` itself. False if malformed, NUL, or not UTF-8. */
bool http_percent_decode(const char *text, size_t length, bool plus, char *out, size_t *out_length);

#define HTTP_SEGMENTS 16
#define HTTP_PARAMS   64

struct http_param {
	const char *name;
	const char *value; /* "" without one; NULL: bad percent-encoding, NUL, or not UTF-8 */
};

/* A request target taken apart (RFC 9112, 3.2). */
struct http_target {
	const char *path; /* as sent, not NUL-terminated; "/" if empty; "*" for OPTIONS */
	size_t path_length;
	const char *query; /* as sent, behind the "?"; NULL: none */
	size_t query_length;
	const char *authority; /* of an absolute target, else NULL */
	size_t authority_length;
	const char *segments[HTTP_SEGMENTS]; /* decoded; "/a/b/" has "a", "b", "" and "/" none */
	size_t segment_count;
	struct http_param *params; /* decoded, in order, HTTP_PARAMS at most; those whose name is
	                            * malformed can be no known one and are left out */
	size_t param_count;
};
/* False unless in origin form, absolute form with http or https, or "*" for OPTIONS; and for bad
 * percent-encoding in the path, "." and ".." segments, too many segments or parameters. `scratch`
 * has http_target_room() bytes, aligned for pointers, and takes what is decoded; both must live as
 * long as the target. */
size_t http_target_room(const char *text, size_t length);
bool http_target_parse(struct http_target *target, const char *method, const char *text,
                       size_t length, char *scratch);
/* host[:port] as a Host field has it, not empty? */
bool http_host_valid(const char *host, size_t length);

#endif
