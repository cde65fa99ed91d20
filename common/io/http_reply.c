/* SPDX-License-Identifier: MIT
 * Answers: a head, a body or chunks, written at once if the socket takes them, else awaited. */
#include "common/io/http_private.h"

#include "common/base/obj.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEND_BUFS 3

/* --- writing ------------------------------------------------------------------------------- */

static void
http_written_cb(uv_write_t *write, int error)
{
	struct http_request *request = OBJ_CONTAINER(write, struct http_request, write);

	OBJ_CHECK(request, HTTP_REQUEST_MAGIC);
	request->writing = false;
	request->write_error = error;
	free(request->tail);
	request->tail = NULL;
	if (request->task != NULL)
		wait_done(&request->written);
	else
		http_connection_replied(request->connection);
}

/* From the loop nobody can wait, so what is left is copied. */
static bool
http_send_copy(struct http_request *request, uv_buf_t *bufs, unsigned count)
{
	size_t length = 0;

	for (unsigned i = 0; i < count; i++)
		length += bufs[i].len;
	request->tail = malloc(length);
	if (request->tail == NULL)
		return false;
	length = 0;
	for (unsigned i = 0; i < count; i++) {
		memcpy(request->tail + length, bufs[i].base, bufs[i].len);
		length += bufs[i].len;
	}
	bufs[0] = uv_buf_init(request->tail, (unsigned)length);
	return true;
}

/* What the socket did not take at once. */
static enum status
http_send_rest(struct http_request *request, uv_buf_t *bufs, unsigned count)
{
	struct http_connection *c = request->connection;
	bool on_loop = request->task == NULL;

	if (on_loop) {
		if (!http_send_copy(request, bufs, count))
			goto fail;
		count = 1;
	}
	wait_init(&request->written);
	if (uv_write(&request->write, &c->uv.stream, bufs, count, http_written_cb) != 0)
		goto fail;
	request->writing = true;
	http_connection_enter(c, CONNECTION_WRITING);
	if (on_loop)
		return STATUS_OK;
	http_lane_leave(request); /* how long a client reads is no other one's time */
	wait_uninterrupted(&request->written);
	if (request->write_error != 0)
		goto fail;
	if (c->state == CONNECTION_WRITING)
		http_connection_enter(c, CONNECTION_HANDLING);
	return STATUS_OK;
fail:
	http_connection_close(c);
	return STATUS_CANCELLED;
}

static enum status
http_send(struct http_request *request, uv_buf_t *bufs, unsigned count)
{
	struct http_connection *c = request->connection;
	size_t length = 0, sent;
	int result;

	if (c->state == CONNECTION_CLOSING)
		return STATUS_CANCELLED;
	for (unsigned i = 0; i < count; i++)
		length += bufs[i].len;
	http_limits_count(c->server->options.limits, HTTP_METRIC_SENT, (int64_t)length);
	result = uv_try_write(&c->uv.stream, bufs, count);
	if (result < 0 && result != UV_EAGAIN) {
		http_connection_close(c);
		return STATUS_CANCELLED;
	}
	sent = result > 0 ? (size_t)result : 0;
	if (sent == length)
		return STATUS_OK;
	while (sent >= bufs->len) {
		sent -= bufs->len;
		bufs++;
		count--;
	}
	bufs->base += sent;
	bufs->len -= sent;
	return http_send_rest(request, bufs, count);
}

bool
http_send_continue(struct http_request *request)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)text, sizeof text - 1);

	return uv_try_write(&request->connection->uv.stream, &buf, 1) == (int)sizeof text - 1;
}

/* --- heads --------------------------------------------------------------------------------- */

static bool
http_headers_valid(const struct http_header *headers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!http_token_valid(headers[i].name, strlen(headers[i].name)) ||
		    !http_value_valid(headers[i].value, strlen(headers[i].value)))
			return false;
	}
	return true;
}

/* Will the connection be of use after this answer? */
static bool
http_reply_must_close(const struct http_request *request)
{
	const struct http_message *message = &request->message;

	return request->refused || !message->head_complete || !message->keep_alive ||
	       request->connection->server->draining || request->connection->server->leaving ||
	       (!message->body.complete && !http_request_drainable(request));
}

/* Writes the head into request->head, all but its last line. */
static void
http_reply_head(struct http_request *request, int status, const struct http_header *headers,
                size_t count)
{
	struct buf *head = &request->head;
	const char start[] = {'H',
	                      'T',
	                      'T',
	                      'P',
	                      '/',
	                      '1',
	                      '.',
	                      '1',
	                      ' ',
	                      (char)('0' + status / 100),
	                      (char)('0' + status / 10 % 10),
	                      (char)('0' + status % 10),
	                      ' '};

	assert(request->status == 0 && status >= 200 && status <= 599);
	request->status = status;
	request->close = request->close || http_reply_must_close(request);
	request->bodiless =
	    status == 204 || status == 304 || strcmp(http_request_method(request), "HEAD") == 0;
	buf_clear(head);
	buf_append(head, start, sizeof start);
	buf_puts(head, http_reason(status));
	buf_puts(head, "\r\nDate: ");
	buf_append(head, http_date_now(), HTTP_DATE_SIZE - 1);
	buf_append(head, "\r\n", 2);
	for (size_t i = 0; i < count; i++) {
		buf_puts(head, headers[i].name);
		buf_append(head, ": ", 2);
		buf_puts(head, headers[i].value);
		buf_append(head, "\r\n", 2);
	}
	if (request->close)
		buf_puts(head, "Connection: close\r\n");
}

/* A number in decimal, faster than printf. */
static void
http_put_number(struct buf *buf, size_t number)
{
	char text[24], *at = text + sizeof text;

	do
		*--at = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	buf_append(buf, at, (size_t)(text + sizeof text - at));
}

static enum status
http_reply_broken(struct http_request *request)
{
	if (request->status == 0 && !request->failing) {
		http_reply_error(request, STATUS_INTERNAL, "The answer's header is not valid");
	} else {
		request->status = 500;
		http_connection_close(request->connection);
	}
	return STATUS_INTERNAL;
}

enum status
http_reply(struct http_request *request, int status, const struct http_header *headers,
           size_t count, const void *body, size_t length)
{
	uv_buf_t bufs[SEND_BUFS];

	OBJ_CHECK(request, HTTP_REQUEST_MAGIC);
	if (!http_headers_valid(headers, count))
		return http_reply_broken(request);
	http_reply_head(request, status, headers, count);
	if (status != 204 && status != 304) {
		buf_puts(&request->head, "Content-Length: ");
		http_put_number(&request->head, length);
		buf_append(&request->head, "\r\n", 2);
	}
	buf_append(&request->head, "\r\n", 2);
	if (buf_failed(&request->head)) {
		http_connection_close(request->connection);
		return STATUS_OVERLOADED;
	}
	bufs[0] = uv_buf_init(request->head.bytes, (unsigned)request->head.length);
	bufs[1] = uv_buf_init((char *)(uintptr_t)body, 0);
	bufs[1].len = length;
	return http_send(request, bufs, length > 0 && !request->bodiless ? 2 : 1);
}

/* --- in pieces ----------------------------------------------------------------------------- */

enum status
http_reply_begin(struct http_request *request, int status, const struct http_header *headers,
                 size_t count)
{
	enum status sent;
	uv_buf_t buf;

	OBJ_CHECK(request, HTTP_REQUEST_MAGIC);
	assert(request->task != NULL);
	if (!http_headers_valid(headers, count))
		return http_reply_broken(request);
	request->chunked = request->message.minor == 1;
	if (!request->chunked)
		request->close = true;
	http_reply_head(request, status, headers, count);
	request->chunked = request->chunked && !request->bodiless;
	request->streaming = true;
	if (request->chunked)
		buf_puts(&request->head, "Transfer-Encoding: chunked\r\n");
	buf_append(&request->head, "\r\n", 2);
	if (buf_failed(&request->head)) {
		http_connection_close(request->connection);
		return STATUS_OVERLOADED;
	}
	buf = uv_buf_init(request->head.bytes, (unsigned)request->head.length);
	sent = http_send(request, &buf, 1);
	buf_fini(&request->head); /* what follows may take long */
	return sent;
}

enum status
http_reply_write(struct http_request *request, const void *bytes, size_t length)
{
	static const char line_end[] = "\r\n";
	char size[24];
	uv_buf_t bufs[SEND_BUFS];
	int size_length;

	OBJ_CHECK(request, HTTP_REQUEST_MAGIC);
	assert(request->streaming);
	if (length == 0 || request->bodiless)
		return http_request_hung_up(request) &&
		               request->connection->state == CONNECTION_CLOSING
		           ? STATUS_CANCELLED
		           : STATUS_OK;
	size_length = snprintf(size, sizeof size, "%zx\r\n", length);
	bufs[0] = uv_buf_init(size, (unsigned)size_length);
	bufs[1] = uv_buf_init((char *)(uintptr_t)bytes, 0);
	bufs[1].len = length;
	bufs[2] = uv_buf_init((char *)(uintptr_t)line_end, 2);
	return request->chunked ? http_send(request, bufs, 3) : http_send(request, bufs + 1, 1);
}

enum status
http_reply_end(struct http_request *request)
{
	static const char last[] = "0\r\n\r\n";
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)last, sizeof last - 1);

	OBJ_CHECK(request, HTTP_REQUEST_MAGIC);
	assert(request->streaming);
	request->streaming = false;
	return request->chunked ? http_send(request, &buf, 1) : STATUS_OK;
}

/* --- errors -------------------------------------------------------------------------------- */

void
http_default_error(struct http_request *request, enum status status, const char *detail, void *arg)
{
	struct http_header headers[3] = {{"Content-Type", "application/problem+json"},
	                                 {"Cache-Control", "no-store"}};
	size_t count = 2;
	struct buf body;

	(void)arg;
	buf_init(&body, 4096);
	buf_puts(&body, "{\"type\":\"/problems/");
	buf_puts(&body, status_slug(status));
	buf_puts(&body, "\",\"title\":");
	buf_put_json_string(&body, status_title(status), strlen(status_title(status)));
	buf_printf(&body, ",\"status\":%d,\"detail\":", status_http(status));
	buf_put_json_string(&body, detail, strlen(detail));
	buf_puts(&body, "}");
	if (status_http(status) == 503 || status_http(status) == 429)
		headers[count++] = (struct http_header){"Retry-After", "1"};
	if (status == STATUS_UNAUTHENTICATED)
		headers[count++] = (struct http_header){"WWW-Authenticate", "Bearer"};
	http_reply(request, status_http(status), headers, count, body.bytes,
	           buf_failed(&body) ? 0 : body.length);
	buf_fini(&body);
}

void
http_reply_error(struct http_request *request, enum status status, const char *detail)
{
	const struct http_server_options *options = &request->connection->server->options;

	assert(request->status == 0);
	request->failing = true;
	options->error_fn(request, status, detail, options->arg);
	request->failing = false;
	if (request->status == 0) /* it did not do its one duty */
		http_connection_close(request->connection);
}
