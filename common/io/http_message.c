/* SPDX-License-Identifier: MIT
 * A request as an object: made, used again, asked for its fields. */
#include "common/io/http_message.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int
http_head_complete_cb(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED; /* whether a body follows is decided here, not there */
}

static const llhttp_settings_t http_settings = {
    .on_headers_complete = http_head_complete_cb,
    .on_chunk_header = http_body_chunk_cb,
    .on_body = http_body_bytes_cb,
};

void
http_message_init(struct http_message *message)
{
	memset(message, 0, sizeof *message);
	llhttp_init(&message->parser, HTTP_REQUEST, &http_settings);
	message->parser.data = message;
}

void
http_message_reset(struct http_message *message, http_reserve_fn *reserve, void *arg)
{
	char *bytes = message->bytes;
	size_t space = message->space;

	free(message->body.bytes);
	memset(&message->body, 0, sizeof message->body);
	if (space > HTTP_HEAD_FREE) {
		free(bytes);
		bytes = NULL;
		space = 0;
	}
	/* `fields` and `target` need no wiping: they are set when a head is complete. */
	message->detail = NULL;
	message->failure = STATUS_OK;
	message->reserve = reserve;
	message->arg = arg;
	message->reserved = 0;
	message->bytes = bytes;
	message->space = space;
	message->length = message->line = 0;
	message->lines = message->blank = 0;
	message->last = '\0';
	message->head_complete = message->keep_alive = false;
	message->chunked = message->expect_continue = false;
	message->method = message->host = NULL;
	message->minor = 1;
	message->content_length = 0;
	message->field_count = 0;
	llhttp_init(&message->parser, HTTP_REQUEST, &http_settings);
	message->parser.data = message;
}

void
http_message_fini(struct http_message *message)
{
	free(message->body.bytes);
	free(message->bytes);
	message->body.bytes = message->bytes = NULL;
}

bool
http_message_begun(const struct http_message *message)
{
	return message->length > 0;
}

bool
http_message_reserve(struct http_message *message, size_t more)
{
	if (message->reserve != NULL && !message->reserve(message->arg, more))
		return false;
	message->reserved += more;
	return true;
}

enum status
http_message_fail(struct http_message *message, enum status status, const char *detail)
{
	message->failure = status;
	message->detail = detail;
	return status;
}

/* --- looking up ---------------------------------------------------------------------------- */

const char *
http_head_find_next(const struct http_message *message, const char *name, const char *after)
{
	size_t length = strlen(name);
	bool passed = after == NULL;

	for (size_t i = 0; i < message->field_count; i++) {
		const struct http_field *field = &message->fields[i];

		if (passed && field->name_length == length &&
		    strncasecmp(field->name, name, length) == 0)
			return field->value;
		passed = passed || field->value == after;
	}
	return NULL;
}

const char *
http_head_find(const struct http_message *message, const char *name)
{
	return http_head_find_next(message, name, NULL);
}
