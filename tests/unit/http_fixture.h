/* SPDX-License-Identifier: MIT
 *
 * A server on a worker thread of its own, and raw sockets to treat it badly with. The handler's
 * behaviour is chosen by the first segment of the path.
 */
#ifndef STUDYHALL_TESTS_HTTP_FIXTURE_H
#define STUDYHALL_TESTS_HTTP_FIXTURE_H

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/obj.h"
#include "common/io/http_server.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: a\r\n"

struct fixture {
	struct worker *worker;
	struct http_limits *limits;
	struct http_server *server;
	struct http_server_options options;
	struct http_limits_options limits_options;
	char address[HTTP_ADDRESS_SIZE];
	uint16_t port;
	struct post post;
	sem_t done;
	sem_t drained;
	_Atomic int
	    ended; /* status of the last wait or write of a handler, once it ended; else -1 */
	_Atomic int handled;
};

static void
fixture_stream(struct fixture *f, struct http_request *request)
{
	static char block[100000];
	const char *count = http_request_param(request, "blocks");
	enum status status;

	memset(block, 'b', sizeof block);
	status = http_reply_begin(request, 200, NULL, 0);
	for (int i = 0; i < (count != NULL ? atoi(count) : 0) && status == STATUS_OK; i++)
		status = http_reply_write(request, block, sizeof block);
	if (http_request_param(request, "cut") == NULL && status == STATUS_OK)
		status = http_reply_end(request);
	f->ended = (int)status;
}

static void
fixture_handler(struct http_request *request, void *arg)
{
	static char big[12000000];
	const struct http_header evil = {"X-Evil", "a\r\nSet-Cookie: b"};
	const char *what = http_request_segment(request, 0),
	           *ms = http_request_param(request, "ms");
	struct fixture *f = arg;
	size_t length;
	const char *body = http_request_body(request, &length);

	f->handled++;
	what = what != NULL ? what : "";
	if (strcmp(what, "sleep") == 0) {
		if (http_request_param(request, "hangup") != NULL)
			http_request_cancel_on_hangup(request, true);
		f->ended = (int)task_sleep((uint32_t)atoi(ms));
		body = "slept";
		length = 5;
	} else if (strcmp(what, "stream") == 0) {
		fixture_stream(f, request);
		return;
	} else if (strcmp(what, "big") == 0) {
		memset(big, 'B', sizeof big);
		f->ended = (int)http_reply(request, 200, NULL, 0, big, sizeof big);
		return;
	} else if (strcmp(what, "silent") == 0) {
		return;
	} else if (strcmp(what, "inject") == 0) {
		f->ended = (int)http_reply(request, 200, &evil, 1, "", 0);
		return;
	} else if (strcmp(what, "status") == 0) {
		http_reply(request, atoi(http_request_segment(request, 1)), NULL, 0, "body", 4);
		return;
	} else if (strcmp(what, "address") == 0) {
		body = http_request_address(request);
		length = strlen(body);
	}
	http_reply(request, 200, NULL, 0, body, length);
}

/* /denied is 401 before its body is read; /early answers by itself; /small takes 10 bytes. */
static enum status
fixture_head(struct http_request *request, void *arg)
{
	const char *what = http_request_segment(request, 0);

	(void)arg;
	what = what != NULL ? what : "";
	if (strcmp(what, "denied") == 0)
		return STATUS_UNAUTHENTICATED;
	if (strcmp(what, "early") == 0)
		http_reply(request, 200, NULL, 0, "early", 5);
	if (strcmp(what, "small") == 0)
		http_request_set_body_limit(request, 10);
	if (http_request_param(request, "lane") != NULL)
		http_request_set_lane(request, (unsigned)atoi(http_request_param(request, "lane")));
	http_request_set_task(request, "test", 60000, 0);
	return STATUS_OK;
}

/* --- on the worker ---------------------------------------------------------------------------- */

static void
fixture_new_fn(struct post *post)
{
	struct fixture *f = OBJ_CONTAINER(post, struct fixture, post);

	f->server = http_server_new(f->worker, &f->options);
	sem_post(&f->done);
}

static void
fixture_drained(void *arg)
{
	struct fixture *f = arg;

	http_server_free(&f->server);
	sem_post(&f->drained);
}

static void
fixture_drain_fn(struct post *post)
{
	struct fixture *f = OBJ_CONTAINER(post, struct fixture, post);

	http_server_drain(f->server, fixture_drained, f);
	sem_post(&f->done);
}

static inline void
fixture_abort_fn(struct post *post)
{
	struct fixture *f = OBJ_CONTAINER(post, struct fixture, post);

	if (f->server != NULL)
		http_server_abort(f->server);
	sem_post(&f->done);
}

static void
fixture_call(struct fixture *f, void (*fn)(struct post *post))
{
	f->post.fn = fn;
	worker_post(f->worker, &f->post);
	sem_wait(&f->done);
}

/* --- from the test ------------------------------------------------------------------------------
 */

/* A fixture with the defaults; change the options (a socket of your own, too), then start. */
static inline struct fixture *
fixture_make(void)
{
	struct fixture *f = calloc(1, sizeof *f);

	sem_init(&f->done, 0, 0);
	sem_init(&f->drained, 0, 0);
	f->ended = -1;
	f->limits_options.name = "test";
	f->options.handler_fn = fixture_handler;
	f->options.head_fn = fixture_head;
	f->options.arg = f;
	return f;
}

static inline void
fixture_start(struct fixture *f)
{
	char error[200] = "";

	if (f->options.fd == 0)
		assert_int_equal(http_listen("127.0.0.1:0", 1, &f->options.fd, error, sizeof error),
		                 0);
	http_listen_address(f->options.fd, f->address);
	f->port = (uint16_t)atoi(strrchr(f->address, ':') + 1);
	f->limits = http_limits_new(&f->limits_options);
	f->options.limits = f->limits;
	f->worker = worker_start("http-test");
	fixture_call(f, fixture_new_fn);
}

static inline struct fixture *
fixture_started(void)
{
	struct fixture *f = fixture_make();

	fixture_start(f);
	return f;
}

/* Whatever the test left open is dropped. */
static inline void
fixture_stop(struct fixture *f)
{
	if (f->server != NULL) {
		fixture_call(f, fixture_drain_fn);
		fixture_call(f, fixture_abort_fn);
		sem_wait(&f->drained);
	}
	worker_stop(f->worker);
	worker_free(&f->worker);
	http_limits_free(&f->limits);
	sem_destroy(&f->done);
	sem_destroy(&f->drained);
	free(f);
}

static inline int
client_connect_with(const struct fixture *f, int receive_buffer)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(f->port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	if (receive_buffer > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static inline int
client_connect(const struct fixture *f)
{
	return client_connect_with(f, 0);
}

/* A client that does not take much at a time. */
static inline int
client_connect_slow(const struct fixture *f)
{
	return client_connect_with(f, 16384);
}

static inline void
client_send(int fd, const char *text)
{
	size_t length = strlen(text), sent = 0;

	while (sent < length) {
		ssize_t n = send(fd, text + sent, length - sent, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		sent += (size_t)n;
	}
}

/* Reads until the text holds `until`, the end, or nothing for `ms`. Returns what came; static. */
static inline const char *
client_read(int fd, const char *until, int ms)
{
	static char text[200000];
	size_t length = 0;
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	text[0] = '\0';
	while (length + 1 < sizeof text && (until == NULL || strstr(text, until) == NULL) &&
	       poll(&poll_fd, 1, ms) > 0) {
		ssize_t n = recv(fd, text + length, sizeof text - 1 - length, 0);

		if (n <= 0)
			break;
		length += (size_t)n;
		text[length] = '\0';
	}
	return text;
}

/* Has the server closed its side within `ms`? Reads away what is there. */
static inline bool
client_closed(int fd, int ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char text[4096];

	while (poll(&poll_fd, 1, ms) > 0) {
		if (recv(fd, text, sizeof text, 0) <= 0)
			return true;
	}
	return false;
}

/* The answer starts with `status` and holds `part`. */
static inline void
client_expect(int fd, const char *status, const char *part)
{
	const char *text = client_read(fd, part, 5000);

	if (strncmp(text, status, strlen(status)) != 0 || strstr(text, part) == NULL)
		print_message("expected %s ... %s, got: %.300s\n", status, part, text);
	assert_int_equal(strncmp(text, status, strlen(status)), 0);
	assert_non_null(strstr(text, part));
}

static inline void
client_expect_closed(int fd, int ms)
{
	assert_true(client_closed(fd, ms));
	close(fd);
}

/* One request on a connection of its own: a 4xx or 5xx, and the end. */
static inline void
client_refused(const struct fixture *f, const char *request, const char *status)
{
	int fd = client_connect(f);

	client_send(fd, request);
	client_expect(fd, status, "application/problem+json");
	client_expect_closed(fd, 3000);
}

/* Waits until a handler has ended; its status. */
static inline int
fixture_wait_ended(struct fixture *f, int ms)
{
	for (int i = 0; i < ms / 5 && f->ended == -1; i++)
		usleep(5000);
	return f->ended;
}

static inline int
fixture_group_setup(void **state)
{
	(void)state;
	return ids_init();
}

#endif
