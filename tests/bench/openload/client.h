/* SPDX-License-Identifier: MIT
 *
 * One keep-alive connection to 127.0.0.1: a request at a time, connected when it is first needed
 * and again after it broke; nothing is ever sent twice. Loop thread only.
 */
#ifndef STUDYHALL_TESTS_OPENLOAD_CLIENT_H
#define STUDYHALL_TESTS_OPENLOAD_CLIENT_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "common/base/buf.h"

struct client;

/* status: of HTTP, or one of these. The client may be used again at once. */
enum {
	CLIENT_NOT_CONNECTED = 1, /* refused, no port, no file */
	CLIENT_CLOSED = 2,        /* before the answer was whole */
	CLIENT_BROKEN = 3         /* what came is not HTTP */
};
typedef void client_done_fn(void *arg, int status);
/* An event of a stream has begun. */
typedef void client_event_fn(void *arg);

enum client_state {
	CLIENT_IDLE,
	CLIENT_CONNECTING,
	CLIENT_READY,
	CLIENT_CLOSING
};

struct client {
	unsigned magic;
	enum client_state state;
	bool busy, keep_alive, writing;
	int port;
	uv_loop_t *loop;
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	struct buf head; /* of the request */
	const char *body;
	size_t body_length;
	llhttp_t parser;
	size_t event_matched; /* bytes of "\nevent:" seen last */
	client_done_fn *done_fn;
	client_event_fn *event_fn;
	void *arg;
};

void client_init(struct client *client, uv_loop_t *loop, int port, client_done_fn *done_fn,
                 client_event_fn *event_fn, void *arg);
/* `head` is written by the caller into client->head before; the body must stay until the answer.
 * done_fn is called exactly once, perhaps before this returns. Not while busy. */
void client_send(struct client *client, const char *body, size_t body_length);
/* Connects and asks nothing; done_fn only if that fails or the other side closes. */
void client_connect(struct client *client);

#endif
