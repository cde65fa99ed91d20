/* SPDX-License-Identifier: MIT
 * The head of a request: gathered until its empty line, then judged as a whole. */
#include "common/io/http_message.h"

#include "common/base/obj.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_STEP        ((size_t)512) /* a head's room grows by; a waiting request keeps it */
#define HEAD_BLANK_LINES 4             /* RFC 9112, 2.2 asks for one; old clients send a few */

static enum status
http_head_bad(struct http_message *message, const char *detail)
{
	return http_message_fail(message, STATUS_BAD_REQUEST, detail);
}

/* --- judging a complete head --------------------------------------------------------------- */

/* Every LF is known to follow a CR; so if there are as many CRs, none is alone. */
static bool
http_head_characters(const struct http_message *message)
{
	size_t cr = 0;

	for (size_t i = 0; i < message->length; i++) {
		unsigned char c = (unsigned char)message->bytes[i];

		if (c >= ' ' && c != 0x7f)
			continue;
		if (c == '\r')
			cr++;
		else if (c != '\n' && c != '\t')
			return false;
	}
	return cr == message->lines + 1;
}

/* Cuts one field line, [at, end) without its line end. */
static enum status
http_head_field(struct http_message *message, char *at, char *end)
{
	char *colon = memchr(at, ':', (size_t)(end - at));
	struct http_field *field = &message->fields[message->field_count];

	assert(message->field_count + 1 < message->lines);
	if (*at == ' ' || *at == '\t')
		return http_head_bad(message, "A header field is folded over lines");
	if (colon == NULL || !http_token_valid(at, (size_t)(colon - at)))
		return http_head_bad(message, "A header field's name is malformed");
	field->name = at;
	field->name_length = (size_t)(colon - at);
	*colon = '\0';
	at = colon + 1;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0'; /* white space, or the CR */
	field->value = at;
	message->field_count++;
	return STATUS_OK;
}

/* METHOD SP target SP HTTP/1.x; the target is taken apart into `scratch`. */
static enum status
http_head_request_line(struct http_message *message, char *line, size_t length, char *scratch)
{
	char *space = memchr(line, ' ', length), *version = line + length - 9;

	if (length < 12 || space == NULL || memcmp(version, " HTTP/", 6) != 0 || space >= version)
		return http_head_bad(message, "The request line is malformed");
	if (memcmp(version + 6, "1.1", 3) != 0 && memcmp(version + 6, "1.0", 3) != 0)
		return http_head_bad(message, "Only HTTP/1.1 and HTTP/1.0 are spoken here");
	message->minor = version[8] == '1';
	*space = *version = '\0';
	if (!http_target_parse(&message->target, line, space + 1, (size_t)(version - space - 1),
	                       scratch))
		return http_head_bad(message, "The request target is malformed");
	message->method = line;
	return STATUS_OK;
}

static enum status
http_head_length(struct http_message *message, const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return http_head_bad(message, "Content-Length is not a number");
	message->content_length = strtoull(text, NULL, 10);
	return STATUS_OK;
}

/* What must be there once, and what frames the body. */
static enum status
http_head_semantics(struct http_message *message)
{
	static const char *const once[] = {"Host", "Content-Length", "Transfer-Encoding",
	                                   "Authorization", "Content-Type"};
	const char *values[COUNT_OF(once)], *expect;

	for (size_t i = 0; i < COUNT_OF(once); i++) {
		values[i] = http_head_find(message, once[i]);
		if (values[i] != NULL && http_head_find_next(message, once[i], values[i]) != NULL)
			return http_head_bad(message, "A header field stands twice");
	}
	if (values[0] == NULL && message->minor == 1)
		return http_head_bad(message, "Host is missing");
	if (values[0] != NULL && !http_host_valid(values[0], strlen(values[0])))
		return http_head_bad(message, "Host is malformed");
	message->host = values[0];
	if (values[1] != NULL && values[2] != NULL)
		return http_head_bad(message, "Both Content-Length and Transfer-Encoding");
	if (values[1] != NULL && http_head_length(message, values[1]) != STATUS_OK)
		return message->failure;
	if (values[2] != NULL && (strcasecmp(values[2], "chunked") != 0 || message->minor == 0))
		return http_head_bad(message, "Transfer-Encoding other than chunked");
	message->chunked = values[2] != NULL;
	expect = http_head_find(message, "Expect");
	message->expect_continue =
	    message->minor == 1 && expect != NULL && strcasecmp(expect, "100-continue") == 0;
	return STATUS_OK;
}

/* llhttp reads the whole head in one go and must stop exactly behind it. */
static enum status
http_head_second_opinion(struct http_message *message)
{
	llhttp_errno_t error = llhttp_execute(&message->parser, message->bytes, message->length);

	if (error != HPE_PAUSED ||
	    llhttp_get_error_pos(&message->parser) != message->bytes + message->length)
		return http_head_bad(message, "The request head is malformed");
	message->keep_alive = llhttp_get_http_minor(&message->parser) == 1 &&
	                      llhttp_should_keep_alive(&message->parser);
	return STATUS_OK;
}

static enum status
http_head_judge(struct http_message *message, char *scratch)
{
	char *at = message->bytes, *end = at + message->length - 2;
	char *line_end = memchr(at, '\r', message->length);
	enum status status;

	if (!http_head_characters(message))
		return http_head_bad(message, "The request head holds a control character");
	if (http_head_second_opinion(message) != STATUS_OK)
		return message->failure;
	status = http_head_request_line(message, at, (size_t)(line_end - at), scratch);
	for (at = line_end + 2; at < end && status == STATUS_OK; at = line_end + 2) {
		line_end = memchr(at, '\r', (size_t)(end - at));
		status = http_head_field(message, at, line_end);
	}
	if (status == STATUS_OK)
		status = http_head_semantics(message);
	message->head_complete = status == STATUS_OK;
	return status;
}

/* --- gathering ----------------------------------------------------------------------------- */

/* Makes room for `need` bytes. */
static enum status
http_head_grow(struct http_message *message, size_t need)
{
	size_t space = (need + HEAD_STEP - 1) / HEAD_STEP * HEAD_STEP;
	char *grown;

	if (need <= message->space)
		return STATUS_OK;
	if (space > HTTP_HEAD_FREE && !http_message_reserve(message, space - message->space))
		return http_message_fail(message, STATUS_OVERLOADED,
		                         "Too many large requests are under way");
	grown = realloc(message->bytes, space);
	if (grown == NULL)
		return http_message_fail(message, STATUS_OVERLOADED, "No memory");
	message->bytes = grown;
	message->space = space;
	return STATUS_OK;
}

static enum status
http_head_append(struct http_message *message, const char *bytes, size_t length)
{
	if (http_head_grow(message, message->length + length) != STATUS_OK)
		return message->failure;
	memcpy(message->bytes + message->length, bytes, length);
	message->length += length;
	return STATUS_OK;
}

enum http_scan {
	SCAN_MORE,  /* the head goes on */
	SCAN_BLANK, /* an empty line before the request */
	SCAN_END,
	SCAN_BAD,
};

/* Looks at lines up to the first empty one; *used bytes were looked at. */
static enum http_scan
http_head_scan(struct http_message *message, const char *bytes, size_t length, size_t *used)
{
	size_t at = 0;

	while (at < length) {
		const char *lf = memchr(bytes + at, '\n', length - at);
		size_t stop = lf != NULL ? (size_t)(lf - bytes) : length;

		message->line += stop - at;
		if (lf == NULL)
			break;
		if ((stop > 0 ? bytes[stop - 1] : message->last) != '\r')
			return SCAN_BAD;
		at = *used = stop + 1;
		message->last = '\n';
		if (message->line == 1) {
			message->line = 0;
			return message->lines == 0 ? SCAN_BLANK : SCAN_END;
		}
		message->line = 0;
		message->lines++;
	}
	*used = length;
	message->last = bytes[length - 1];
	return SCAN_MORE;
}

/* What the head is taken apart into goes behind it: its fields, and then its target, for which the
 * request line has more than enough room. */
static enum status
http_head_complete(struct http_message *message)
{
	const char *line_end = memchr(message->bytes, '\r', message->length);
	size_t line = (size_t)(line_end - message->bytes);
	size_t at = (message->length + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	size_t fields = (message->lines - 1) * sizeof *message->fields;

	if (http_head_grow(message, at + fields + http_target_room(message->bytes, line)) !=
	    STATUS_OK)
		return message->failure;
	message->fields = (struct http_field *)(void *)(message->bytes + at);
	return http_head_judge(message, message->bytes + at + fields);
}

enum status
http_head_feed(struct http_message *message, const char *bytes, size_t length, size_t *used)
{
	size_t taken = 0;
	enum http_scan scan;

	*used = 0;
	while (*used < length) {
		const char *at = bytes + *used;

		if (message->length == 0 && *at != '\r' && (*at < 'A' || *at > 'Z'))
			return http_head_bad(message, "This is no HTTP request");
		scan = http_head_scan(message, at, length - *used, &taken);
		if (scan == SCAN_BAD)
			return http_head_bad(message, "A line ends without CR");
		*used += taken;
		if (scan == SCAN_BLANK) {
			message->length = 0;
			if (++message->blank > HEAD_BLANK_LINES)
				return http_head_bad(message, "Empty lines before the request");
			continue;
		}
		if (message->length + taken > HTTP_HEAD_LIMIT ||
		    message->lines > HTTP_FIELDS_LIMIT + 1)
			return http_message_fail(message, STATUS_HEADERS_TOO_LARGE,
			                         "The request head is too large");
		if (http_head_append(message, at, taken) != STATUS_OK)
			return message->failure;
		if (scan == SCAN_END)
			return http_head_complete(message);
	}
	return STATUS_OK;
}
