/* SPDX-License-Identifier: MIT
 * libuv's TCP and llhttp's response parser around one request at a time. */
#include "tests/bench/openload/client.h"

#include "common/base/obj.h"

#include <string.h>

#define CLIENT_MAGIC 0x6f6c636cu
#define CLIENT_CHUNK ((size_t)65536)

static char client_chunk[CLIENT_CHUNK]; /* one loop, one read at a time */
static const char client_event_mark[] = "\nevent:";

static void
client_end(struct client *client, int status)
{
	client->busy = false;
	client->done_fn(client->arg, status);
}

static void client_open(struct client *client);

static void
client_closed_cb(uv_handle_t *handle)
{
	OBJ_CAST(struct client, client, handle->data, CLIENT_MAGIC);

	client->state = CLIENT_IDLE;
	if (client->busy)
		client_open(client);
}

static void
client_close(struct client *client)
{
	client->state = CLIENT_CLOSING;
	uv_close((uv_handle_t *)&client->tcp, client_closed_cb);
}

/* The connection is of no more use; whoever waits for an answer is told. */
static void
client_fail(struct client *client, int status)
{
	if (client->state != CLIENT_CLOSING)
		client_close(client);
	if (client->busy)
		client_end(client, status);
}

/* --- what comes ------------------------------------------------------------------------------- */

static int
client_body_cb(llhttp_t *parser, const char *bytes, size_t length)
{
	OBJ_CAST(struct client, client, parser->data, CLIENT_MAGIC);
	size_t matched = client->event_matched;

	if (client->event_fn == NULL)
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (matched == 0) {
			const char *line = memchr(bytes + i, '\n', length - i);

			if (line == NULL)
				break;
			i = (size_t)(line - bytes);
		}
		matched = bytes[i] == client_event_mark[matched] ? matched + 1 : bytes[i] == '\n';
		if (matched == sizeof client_event_mark - 1) {
			matched = 0;
			client->event_fn(client->arg);
		}
	}
	client->event_matched = matched;
	return 0;
}

static int
client_complete_cb(llhttp_t *parser)
{
	OBJ_CAST(struct client, client, parser->data, CLIENT_MAGIC);
	int status = parser->status_code;

	/* Such as 100 Continue: the answer is still to come. */
	if (status < 200)
		return 0;
	client->keep_alive = llhttp_should_keep_alive(parser);
	return HPE_PAUSED;
}

static const llhttp_settings_t client_settings = {.on_body = client_body_cb,
                                                  .on_message_complete = client_complete_cb};

static void
client_take(struct client *client, const char *bytes, size_t length)
{
	enum llhttp_errno outcome = llhttp_execute(&client->parser, bytes, length);

	if (outcome == HPE_OK)
		return;
	if (outcome != HPE_PAUSED || !client->busy) {
		client_fail(client, CLIENT_BROKEN);
		return;
	}
	/* Refused before all was sent: what is still going out belongs to nobody. */
	if (!client->keep_alive || client->writing)
		client_close(client);
	client_end(client, client->parser.status_code);
}

static void
client_alloc_cb(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	(void)handle;
	(void)size;
	*buf = uv_buf_init(client_chunk, CLIENT_CHUNK);
}

static void
client_read_cb(uv_stream_t *stream, ssize_t length, const uv_buf_t *buf)
{
	OBJ_CAST(struct client, client, stream->data, CLIENT_MAGIC);

	if (length > 0) {
		client_take(client, buf->base, (size_t)length);
	} else if (length < 0) {
		/* A body without a length ends with the connection. */
		if (client->busy && llhttp_finish(&client->parser) == HPE_PAUSED) {
			client_close(client);
			client_end(client, client->parser.status_code);
			return;
		}
		client_fail(client, CLIENT_CLOSED);
	}
}

/* --- what goes -------------------------------------------------------------------------------- */

static void
client_write_cb(uv_write_t *request, int status)
{
	struct client *client = request->data;

	client->writing = false;
	if (status != 0 && status != UV_ECANCELED && client->state == CLIENT_READY)
		client_fail(client, CLIENT_CLOSED);
}

static void
client_write(struct client *client)
{
	uv_buf_t parts[2] = {uv_buf_init(client->head.bytes, (unsigned)client->head.length),
	                     uv_buf_init((char *)client->body, (unsigned)client->body_length)};

	llhttp_init(&client->parser, HTTP_RESPONSE, &client_settings);
	client->parser.data = client;
	client->event_matched = 0;
	client->write.data = client;
	client->writing = true;
	if (uv_write(&client->write, (uv_stream_t *)&client->tcp, parts,
	             client->body_length > 0 ? 2 : 1, client_write_cb) != 0)
		client_fail(client, CLIENT_CLOSED);
}

static void
client_connect_cb(uv_connect_t *request, int status)
{
	OBJ_CAST(struct client, client, request->data, CLIENT_MAGIC);

	if (client->state != CLIENT_CONNECTING)
		return;
	if (status != 0) {
		client_fail(client, CLIENT_NOT_CONNECTED);
		return;
	}
	client->state = CLIENT_READY;
	uv_tcp_nodelay(&client->tcp, 1);
	uv_read_start((uv_stream_t *)&client->tcp, client_alloc_cb, client_read_cb);
	if (client->head.length > 0)
		client_write(client);
}

static void
client_open(struct client *client)
{
	struct sockaddr_in address;

	uv_ip4_addr("127.0.0.1", client->port, &address);
	uv_tcp_init(client->loop, &client->tcp);
	client->tcp.data = client->connect.data = client;
	client->state = CLIENT_CONNECTING;
	if (uv_tcp_connect(&client->connect, &client->tcp, (const struct sockaddr *)&address,
	                   client_connect_cb) != 0)
		client_fail(client, CLIENT_NOT_CONNECTED);
}

void
client_init(struct client *client, uv_loop_t *loop, int port, client_done_fn *done_fn,
            client_event_fn *event_fn, void *arg)
{
	*client = (struct client){
	    .loop = loop, .port = port, .done_fn = done_fn, .event_fn = event_fn, .arg = arg};
	OBJ_INIT(client, CLIENT_MAGIC);
	buf_init(&client->head, 0);
}

void
client_send(struct client *client, const char *body, size_t body_length)
{
	assert(!client->busy);
	client->busy = true;
	client->body = body;
	client->body_length = body_length;
	if (client->state == CLIENT_READY)
		client_write(client);
	else if (client->state == CLIENT_IDLE)
		client_open(client);
	/* Else it is sent when what is closing has closed, or what is connecting has connected. */
}

void
client_connect(struct client *client)
{
	assert(client->state == CLIENT_IDLE);
	client->busy = true;
	client_open(client);
}
