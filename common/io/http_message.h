/* SPDX-License-Identifier: MIT
 *
 * A request as it arrives (RFC 9112): bytes go in as the network cuts them, a checked head and a
 * body come out. No I/O. Lines are cut and characters checked here, strictly; llhttp must agree
 * with all of it, and decodes the chunks. Once a call has failed the connection is beyond help:
 * answer with the status (`detail` says what was wrong) and close.
 */
#ifndef STUDYHALL_IO_HTTP_MESSAGE_H
#define STUDYHALL_IO_HTTP_MESSAGE_H

#include "common/io/http.h"

#include <llhttp.h>

#define HTTP_HEAD_LIMIT    ((size_t)16384) /* request line, fields and line ends */
#define HTTP_HEAD_FREE     ((size_t)4096)  /* of a head, whatever `reserve` says */
#define HTTP_FIELDS_LIMIT  100
#define HTTP_TRAILER_LIMIT ((size_t)8192)
/* What chunk sizes and extensions may take: this much, and eight times the body. */
#define HTTP_CHUNK_OVERHEAD ((size_t)16384)

struct http_field {
	const char *name;  /* as sent */
	const char *value; /* white space cut */
	size_t name_length;
};

/* Grants `more` bytes of memory, or refuses (STATUS_OVERLOADED then). */
typedef bool http_reserve_fn(void *arg, size_t more);

struct http_body {
	char *bytes; /* malloc'ed, NUL behind; NULL while empty or discarded */
	size_t length;
	size_t space;
	size_t limit; /* greatest length */
	bool discard; /* count, don't keep */
	bool complete;
	size_t overhead; /* chunk framing so far */
	size_t trailer_length;
	int trailer_state;
};

struct http_message {
	llhttp_t parser;
	const char *detail; /* of a failure */
	enum status failure;
	http_reserve_fn *reserve; /* asked for heads beyond HTTP_HEAD_FREE and bodies; or NULL */
	void *arg;
	size_t reserved; /* granted since the last reset */

	char *bytes; /* the head */
	size_t length, space;
	size_t line;    /* length of the line begun */
	unsigned lines; /* complete ones */
	unsigned blank; /* empty lines before the request */
	char last;

	/* Set when the head is complete: */
	bool head_complete;
	const char *method; /* NULL before */
	struct http_target target;
	const char *host; /* the Host field; NULL: none (HTTP/1.0) */
	unsigned minor;   /* HTTP/1.minor */
	bool keep_alive;
	bool chunked;
	bool expect_continue;
	uint64_t content_length;   /* 0 without one */
	struct http_field *fields; /* behind the head, as what the target is made of */
	size_t field_count;

	struct http_body body;
};

/* For memory of any content; _reset makes it ready for the next request and keeps some memory
 * (look at `reserved` before: it is forgotten); _fini frees what it owns. */
void http_message_init(struct http_message *message);
void http_message_reset(struct http_message *message, http_reserve_fn *reserve, void *arg);
void http_message_fini(struct http_message *message);

/* Any byte of a request here? */
bool http_message_begun(const struct http_message *message);
/* Takes bytes of the head; *used of them were, all unless it is complete now. */
enum status http_head_feed(struct http_message *message, const char *bytes, size_t length,
                           size_t *used);
/* The first value of a field, or the next one behind `after` (a value returned before). */
const char *http_head_find(const struct http_message *message, const char *name);
const char *http_head_find_next(const struct http_message *message, const char *name,
                                const char *after);

/* After the head: TOO_LARGE if Content-Length is above `limit`, OVERLOADED if there is no memory
 * for it; body.complete at once if there is none to come. */
enum status http_body_begin(struct http_message *message, size_t limit, bool discard);
/* Takes bytes of the body; *used of them were, all unless it is complete now. */
enum status http_body_feed(struct http_message *message, const char *bytes, size_t length,
                           size_t *used);

/* For the two files of this module: llhttp's events, failing, asking for memory. */
int http_body_chunk_cb(llhttp_t *parser);
int http_body_bytes_cb(llhttp_t *parser, const char *bytes, size_t length);
bool http_message_reserve(struct http_message *message, size_t more);
enum status http_message_fail(struct http_message *message, enum status status, const char *detail);

#endif
