/* SPDX-License-Identifier: MIT
 * The body of a request: counted by Content-Length, or in chunks that llhttp decodes. The trailer
 * is checked and thrown away here, because llhttp would let a bare CR pass there. */
#include "common/io/http_message.h"

#include "common/base/obj.h"

#include <stdlib.h>
#include <string.h>

#define BODY_FIRST_SPACE ((size_t)4096)

enum trailer_state {
	TRAILER_NONE, /* still among the chunks */
	TRAILER_LINE,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_CR,
	TRAILER_LAST_CR,
};

static enum status
http_body_bad(struct http_message *message, const char *detail)
{
	return http_message_fail(message, STATUS_BAD_REQUEST, detail);
}

/* Makes room for `length` bytes and a NUL. */
static enum status
http_body_grow(struct http_message *message, size_t length)
{
	struct http_body *body = &message->body;
	size_t space = body->space;
	char *grown;

	if (body->bytes != NULL && length <= space)
		return STATUS_OK;
	if (space < BODY_FIRST_SPACE)
		space = BODY_FIRST_SPACE;
	while (space < length)
		space *= 2;
	if (space > body->limit)
		space = body->limit;
	if (!message->chunked)
		space = length; /* it is known */
	if (space > body->space && !http_message_reserve(message, space - body->space))
		return http_message_fail(message, STATUS_OVERLOADED,
		                         "Too many large requests are under way");
	body->space = space > body->space ? space : body->space;
	grown = realloc(body->bytes, body->space + 1);
	if (grown == NULL)
		return http_message_fail(message, STATUS_OVERLOADED, "No memory");
	body->bytes = grown;
	return STATUS_OK;
}

static enum status
http_body_append(struct http_message *message, const char *bytes, size_t length)
{
	struct http_body *body = &message->body;

	if (!body->discard) {
		if (http_body_grow(message, body->length + length) != STATUS_OK)
			return message->failure;
		memcpy(body->bytes + body->length, bytes, length);
		body->bytes[body->length + length] = '\0';
	}
	body->length += length;
	return STATUS_OK;
}

enum status
http_body_begin(struct http_message *message, size_t limit, bool discard)
{
	struct http_body *body = &message->body;

	assert(message->head_complete);
	body->limit = limit;
	body->discard = discard;
	if (message->content_length > limit)
		return http_message_fail(message, STATUS_TOO_LARGE, "The body is above the limit");
	body->complete = !message->chunked && message->content_length == 0;
	if (message->chunked)
		llhttp_resume(&message->parser);
	if (body->complete || discard || message->chunked)
		return STATUS_OK;
	return http_body_grow(message, (size_t)message->content_length);
}

/* --- chunks -------------------------------------------------------------------------------- */

int
http_body_chunk_cb(llhttp_t *parser)
{
	struct http_message *message = parser->data;
	struct http_body *body = &message->body;

	if (parser->content_length == 0)
		return HPE_PAUSED; /* the last one */
	if (parser->content_length > body->limit - body->length) {
		http_message_fail(message, STATUS_TOO_LARGE, "The body is above the limit");
		return HPE_USER;
	}
	return 0;
}

int
http_body_bytes_cb(llhttp_t *parser, const char *bytes, size_t length)
{
	return http_body_append(parser->data, bytes, length) == STATUS_OK ? 0 : HPE_USER;
}

static enum trailer_state
http_trailer_next(enum trailer_state state, char c, bool *bad)
{
	switch (state) {
	case TRAILER_LINE:
		if (c == '\r')
			return TRAILER_LAST_CR;
		*bad = !http_token_valid(&c, 1);
		return TRAILER_NAME;
	case TRAILER_NAME:
		if (c == ':')
			return TRAILER_VALUE;
		*bad = !http_token_valid(&c, 1);
		return TRAILER_NAME;
	case TRAILER_VALUE:
		if (c == '\r')
			return TRAILER_CR;
		*bad = !http_value_valid(&c, 1);
		return TRAILER_VALUE;
	case TRAILER_CR:
	case TRAILER_LAST_CR: *bad = c != '\n'; return TRAILER_LINE;
	default: assert(!"trailer state");
	}
}

static enum status
http_trailer_feed(struct http_message *message, const char *bytes, size_t length, size_t *used)
{
	struct http_body *body = &message->body;
	bool bad = false;

	while (*used < length && !body->complete) {
		bool last = body->trailer_state == TRAILER_LAST_CR;

		body->trailer_state = (int)http_trailer_next(
		    (enum trailer_state)body->trailer_state, bytes[*used], &bad);
		if (bad)
			return http_body_bad(message, "The trailer is malformed");
		body->complete = last;
		(*used)++;
		if (++body->trailer_length > HTTP_TRAILER_LIMIT)
			return http_message_fail(message, STATUS_HEADERS_TOO_LARGE,
			                         "The trailer is too large");
	}
	return STATUS_OK;
}

static enum status
http_chunks_feed(struct http_message *message, const char *bytes, size_t length, size_t *used)
{
	struct http_body *body = &message->body;
	size_t before = body->length, kept;
	llhttp_errno_t error;

	*used = length;
	error = llhttp_execute(&message->parser, bytes, length);
	if (error != HPE_OK && error != HPE_PAUSED)
		return message->failure != STATUS_OK
		           ? message->failure
		           : http_body_bad(message, "The body's chunks are malformed");
	if (error == HPE_PAUSED) {
		*used = (size_t)(llhttp_get_error_pos(&message->parser) - bytes);
		body->trailer_state = TRAILER_LINE;
	}
	kept = body->length - before;
	body->overhead += *used - kept;
	if (body->overhead > HTTP_CHUNK_OVERHEAD + 8 * body->length)
		return http_body_bad(message, "The chunks hold more framing than body");
	if (error != HPE_PAUSED)
		return STATUS_OK;
	return http_trailer_feed(message, bytes, length, used);
}

enum status
http_body_feed(struct http_message *message, const char *bytes, size_t length, size_t *used)
{
	struct http_body *body = &message->body;
	size_t rest;

	*used = 0;
	if (body->complete || length == 0)
		return STATUS_OK;
	if (message->chunked)
		return body->trailer_state == TRAILER_NONE
		           ? http_chunks_feed(message, bytes, length, used)
		           : http_trailer_feed(message, bytes, length, used);
	rest = (size_t)message->content_length - body->length;
	*used = length < rest ? length : rest;
	if (http_body_append(message, bytes, *used) != STATUS_OK)
		return message->failure;
	body->complete = body->length == message->content_length;
	return STATUS_OK;
}
