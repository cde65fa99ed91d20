/* SPDX-License-Identifier: MIT
 * fetch: requests against a small server in this process that behaves well, badly, or not at all.
 */
#include "tests/unit/io_servers.h"

#include "common/base/arena.h"
#include "common/io/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

/* --- the server ------------------------------------------------------------------------------ */

static int server_fd, server_port;
static _Atomic int server_requests, server_connections, server_open;
static _Atomic int64_t server_sent;

static bool
say(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		atomic_fetch_add(&server_sent, sent);
		bytes += sent;
		length -= (size_t)sent;
	}
	return true;
}

static bool
say_text(int fd, const char *text)
{
	return say(fd, text, strlen(text));
}

static void
answer_echo(int fd, const char *request, const char *body)
{
	char head[256];
	const char *header = strstr(request, "X-Test: ");
	int line = (int)strcspn(request, "\r");

	snprintf(
	    head, sizeof head,
	    "HTTP/1.1 201 Created\r\nContent-Length: %zu\r\nX-Line: %.*s\r\nx-seen:  %.*s \r\n\r\n",
	    strlen(body), line, request, header != NULL ? (int)strcspn(header, "\r") - 8 : 0,
	    header != NULL ? header + 8 : "");
	say_text(fd, head);
	say_text(fd, body);
}

static void
answer_endless(int fd)
{
	char piece[8192];

	memset(piece, 'e', sizeof piece);
	say_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	while (say(fd, piece, sizeof piece))
		;
}

static void
answer_drip(int fd)
{
	say_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
	for (int i = 0; i < 10; i++) {
		say_text(fd, "d");
		usleep(60000);
	}
}

/* Sleeps, unless the other side goes away. */
static bool
linger(int fd, int milliseconds)
{
	struct pollfd watched = {.fd = fd, .events = POLLRDHUP};

	return poll(&watched, 1, milliseconds) == 0;
}

/* False: close the connection. `nth`: on this connection, from 1. */
static bool
answer(int fd, const char *request, const char *body, int nth)
{
	const char *path = strchr(request, ' ') + 1;

	if (strncmp(path, "/echo", 5) == 0) {
		answer_echo(fd, request, body);
		return true;
	}
	if (strncmp(path, "/late", 5) == 0)
		return linger(fd, 30000) && say_text(fd, "HTTP/1.1 204 No\r\n\r\n");
	if (strncmp(path, "/stall", 6) == 0)
		return say_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") &&
		       linger(fd, 30000);
	if (strncmp(path, "/cut", 4) == 0)
		return say_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") && false;
	if (strncmp(path, "/endless", 8) == 0)
		answer_endless(fd);
	else if (strncmp(path, "/drip", 5) == 0)
		answer_drip(fd);
	else if (strncmp(path, "/moved", 6) == 0)
		return say_text(fd, "HTTP/1.1 302 Found\r\nLocation: /echo\r\n"
		                    "Content-Length: 0\r\n\r\n");
	else if (strncmp(path, "/hints", 6) == 0)
		return say_text(fd, "HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\nHTTP/1.1 200 OK\r\n"
		                    "X-B: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
		                    "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	else if (strncmp(path, "/once", 5) == 0 && nth == 1)
		return say_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	else if (strncmp(path, "/huge-head", 10) == 0)
		for (say_text(fd, "HTTP/1.1 200 OK\r\n");
		     say_text(fd, "X-H: hhhhhhhhhhhhhhhhhhhh\r\n");)
			;
	return false;
}

static void *
connection_main(void *arg)
{
	int fd = (int)(intptr_t)arg;
	static _Thread_local char request[70000];
	size_t length = 0;

	for (int nth = 1;; nth++) {
		char *end;
		const char *content;
		size_t wanted = 0;

		request[length] = '\0';
		while ((end = strstr(request, "\r\n\r\n")) == NULL ||
		       length < (size_t)(end + 4 - request) + wanted) {
			ssize_t got = read(fd, request + length, sizeof request - 1 - length);

			if (got <= 0)
				goto out;
			length += (size_t)got;
			request[length] = '\0';
			content = strcasestr(request, "\r\nContent-Length:");
			wanted = content != NULL ? strtoul(content + 17, NULL, 10) : 0;
		}
		atomic_fetch_add(&server_requests, 1);
		if (!answer(fd, request, end + 4, nth))
			break;
		length = 0;
	}
out:
	close(fd);
	atomic_fetch_sub(&server_open, 1);
	return NULL;
}

static void *
server_main(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept(server_fd, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			return NULL;
		atomic_fetch_add(&server_connections, 1);
		atomic_fetch_add(&server_open, 1);
		if (pthread_create(&thread, NULL, connection_main, (void *)(intptr_t)fd) != 0)
			abort();
		pthread_detach(thread);
	}
}

static int
listen_somewhere(int *fd)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(*fd, (struct sockaddr *)&address, size) != 0 || listen(*fd, 1000) != 0 ||
	    getsockname(*fd, (struct sockaddr *)&address, &size) != 0)
		abort();
	return ntohs(address.sin_port);
}

/* --- requests -------------------------------------------------------------------------------- */

static const char *
url_of(const char *path)
{
	return arena_printf(task_arena(), "http://127.0.0.1:%d%s", server_port, path);
}

static enum status
get(const char *path, struct fetch_response *response)
{
	struct fetch_request request = {.url = url_of(path), .allow_http = true};

	return http_fetch(&request, response);
}

static void
basic_task(void *arg)
{
	static const char *const headers[] = {"X-Test: a b", NULL};
	struct fetch_response response;
	struct fetch_request request = {
	    .url = url_of("/echo?x=1"), .allow_http = true, .headers = headers};

	(void)arg;
	CHECK(http_fetch(&request, &response) == STATUS_OK && response.status == 201);
	CHECK(response.body_length == 0 && response.body[0] == '\0');
	CHECK(strcmp(fetch_header(&response, "X-LINE"), "GET /echo?x=1 HTTP/1.1") == 0);
	CHECK(strcmp(fetch_header(&response, "X-Seen"), "a b") == 0);
	CHECK(fetch_header(&response, "X-Lin") == NULL &&
	      fetch_header(&response, "X-Lines") == NULL);
	request.body = "{\"a\":1}";
	request.body_length = 7;
	CHECK(http_fetch(&request, &response) == STATUS_OK);
	CHECK(strcmp(response.body, "{\"a\":1}") == 0 && response.body_length == 7);
	CHECK(strncmp(fetch_header(&response, "X-Line"), "POST ", 5) == 0);
	/* A body that is given away: for the leak checker. */
	request.gives_body = true;
	request.body = strdup("{\"b\":1}");
	CHECK(http_fetch(&request, &response) == STATUS_OK);
	CHECK(strcmp(response.body, "{\"b\":1}") == 0);
	request.body = strdup("{\"b\":1}");
	request.url = "http://[";
	CHECK(http_fetch(&request, &response) == STATUS_BAD_REQUEST);
	request.url = url_of("/echo?x=1");
	request.gives_body = false;
	request.body = "{\"a\":1}";
	request.method = "PUT";
	CHECK(http_fetch(&request, &response) == STATUS_OK);
	CHECK(strncmp(fetch_header(&response, "X-Line"), "PUT ", 4) == 0);
	CHECK(strcmp(response.body, "{\"a\":1}") == 0);
	request =
	    (struct fetch_request){.url = url_of("/echo"), .allow_http = true, .method = "DELETE"};
	CHECK(http_fetch(&request, &response) == STATUS_OK);
	CHECK(strncmp(fetch_header(&response, "X-Line"), "DELETE ", 7) == 0);
	/* No redirect is followed, interim responses are dropped, chunks are put together. */
	CHECK(get("/moved", &response) == STATUS_OK && response.status == 302);
	CHECK(get("/hints", &response) == STATUS_OK && response.status == 200);
	CHECK(strcmp(response.body, "abcde") == 0);
	CHECK(fetch_header(&response, "X-A") == NULL && fetch_header(&response, "X-B") != NULL);
}

static void
test_basic(void **state)
{
	int before = server_connections;

	(void)state;
	test_run(basic_task, NULL, 0);
	assert_int_equal(server_connections - before, 1); /* reused */
}

static void
refused_task(void *arg)
{
	static const char *const bad[] = {"X: a\r\nY: b", NULL};
	struct fetch_response response;
	struct fetch_request request = {.url = url_of("/echo")};
	int before = server_connections;

	(void)arg;
	CHECK(http_fetch(&request, &response) == STATUS_BAD_REQUEST);
	request.allow_http = true;
	request.headers = bad;
	CHECK(http_fetch(&request, &response) == STATUS_BAD_REQUEST);
	CHECK(server_connections == before);
	request.headers = NULL;
	request.url = "file:///etc/passwd";
	CHECK(http_fetch(&request, &response) == STATUS_BAD_REQUEST);
	request.url = "http://[";
	CHECK(http_fetch(&request, &response) == STATUS_BAD_REQUEST);
	request.url = "http://127.0.0.1:1/";
	CHECK(http_fetch(&request, &response) == STATUS_DEPENDENCY_DOWN);
	CHECK(fetch_error()[0] != '\0');
}

static void
test_refused(void **state)
{
	(void)state;
	test_run(refused_task, NULL, 0);
}

static void
limits_task(void *arg)
{
	struct fetch_response response;
	struct fetch_request request = {.url = url_of("/late"), .allow_http = true};
	uint64_t begun = clock_ms();

	(void)arg;
	request.first_byte_ms = 150;
	CHECK(http_fetch(&request, &response) == STATUS_DEPENDENCY_DOWN);
	CHECK(clock_ms() - begun < 10000);
	begun = clock_ms();
	request.first_byte_ms = 0;
	request.total_ms = 150;
	CHECK(http_fetch(&request, &response) == STATUS_DEPENDENCY_DOWN);
	CHECK(clock_ms() - begun < 10000);
	begun = clock_ms();
	request = (struct fetch_request){
	    .url = url_of("/stall"), .allow_http = true, .silence_ms = 150, .first_byte_ms = 900};
	CHECK(http_fetch(&request, &response) == STATUS_DEPENDENCY_DOWN);
	CHECK(clock_ms() - begun < 10000);
	/* Slow is not silent. */
	request.url = url_of("/drip");
	request.silence_ms = request.first_byte_ms = 500;
	CHECK(http_fetch(&request, &response) == STATUS_OK && response.body_length == 10);
	CHECK(get("/cut", &response) == STATUS_DEPENDENCY_DOWN);
	CHECK(get("/nothing", &response) == STATUS_DEPENDENCY_DOWN);
	CHECK(get("/endless", &response) == STATUS_TOO_LARGE);
	CHECK(get("/huge-head", &response) == STATUS_TOO_LARGE);
	request =
	    (struct fetch_request){.url = url_of("/stall"), .allow_http = true, .body_limit = 8};
	begun = clock_ms();
	CHECK(http_fetch(&request, &response) == STATUS_TOO_LARGE);
	CHECK(clock_ms() - begun < 10000); /* its Content-Length says so */
}

static void
test_limits(void **state)
{
	(void)state;
	test_run(limits_task, NULL, 0);
}

/* --- ends from outside ------------------------------------------------------------------------ */

static void
abandon_task(void *arg)
{
	struct fetch_response response;

	*(enum status *)arg = get("/late", &response);
}

static void
await_connections(int wanted)
{
	for (int i = 0; i < 10000 && server_open > wanted; i++)
		usleep(1000);
	assert_true(server_open <= wanted);
}

static void
test_cancel_aborts(void **state)
{
	enum status status = STATUS_OK;
	struct test_task test;
	int open_before;
	uint64_t begun;

	(void)state;
	usleep(50000);
	open_before = server_open;
	test_start(&test, 0, abandon_task, &status, 0);
	usleep(100000);
	begun = clock_ms();
	test_cancel(&test, 0);
	test_await(&test);
	assert_int_equal(status, STATUS_CANCELLED);
	await_connections(open_before); /* the server sees it at once */
	assert_true(clock_ms() - begun < 10000);

	begun = clock_ms();
	test_start(&test, 1, abandon_task, &status, 150);
	test_await(&test);
	assert_int_equal(status, STATUS_DEADLINE);
	assert_in_range(clock_ms() - begun, 100, 10000);
}

/* --- streams --------------------------------------------------------------------------------- */

static void
stream_task(void *arg)
{
	struct fetch_response response;
	struct fetch_request request = {.url = url_of("/endless"),
	                                .allow_http = true,
	                                .body_limit = (size_t)1 << 30,
	                                .silence_ms = 300};
	struct fetch *fetch;
	const char *bytes;
	size_t length, total = 0;
	int64_t sent;

	(void)arg;
	CHECK(http_fetch_open(&request, &response, &fetch) == STATUS_OK);
	CHECK(response.status == 200 && response.body == NULL);
	/* Nobody reads: the server is held back, and our silence is not its own. */
	CHECK(task_sleep(400) == STATUS_OK);
	sent = server_sent;
	CHECK(task_sleep(400) == STATUS_OK);
	CHECK(server_sent == sent);
	while (total < (20u << 20)) {
		CHECK(http_fetch_read(fetch, &bytes, &length) == STATUS_OK);
		CHECK(length > 0 && length <= 96u << 10);
		CHECK(bytes[0] == 'e' && bytes[length - 1] == 'e');
		total += length;
	}
	http_fetch_close(&fetch);
	http_fetch_close(&fetch);
	request.url = url_of("/hints");
	CHECK(http_fetch_open(&request, &response, &fetch) == STATUS_OK);
	for (total = 0;; total += length) {
		CHECK(http_fetch_read(fetch, &bytes, &length) == STATUS_OK);
		if (length == 0)
			break;
	}
	CHECK(total == 5);
	CHECK(http_fetch_read(fetch, &bytes, &length) == STATUS_OK && length == 0);
	http_fetch_close(&fetch);
	request.url = url_of("/cut");
	CHECK(http_fetch_open(&request, &response, &fetch) == STATUS_OK);
	CHECK(http_fetch_read(fetch, &bytes, &length) == STATUS_OK && length == 4);
	CHECK(http_fetch_read(fetch, &bytes, &length) == STATUS_DEPENDENCY_DOWN);
	http_fetch_close(&fetch);
	request.url = url_of("/stall");
	request.silence_ms = 300;
	CHECK(http_fetch_open(&request, &response, &fetch) == STATUS_OK);
	CHECK(http_fetch_read(fetch, &bytes, &length) == STATUS_OK && length == 4);
	CHECK(http_fetch_read(fetch, &bytes, &length) == STATUS_DEPENDENCY_DOWN);
	http_fetch_close(&fetch);
}

static void
test_stream(void **state)
{
	(void)state;
	test_run(stream_task, NULL, 0);
}

/* --- paid once ------------------------------------------------------------------------------- */

/* A reused connection dies without a reply: a GET goes out again, a POST must not. */
static void
resend_task(void *arg)
{
	struct fetch_response response;
	struct fetch_request request = {.url = url_of("/once"), .allow_http = true};
	int before;

	(void)arg;
	CHECK(http_fetch(&request, &response) == STATUS_OK);
	before = server_requests;
	CHECK(http_fetch(&request, &response) == STATUS_OK);
	CHECK(server_requests == before + 2);
	request.gives_body = true;
	request.body = strdup("pay");
	request.body_length = 3;
	before = server_requests;
	CHECK(http_fetch(&request, &response) == STATUS_DEPENDENCY_DOWN);
	CHECK(server_requests == before + 1);
	request.gives_body = false;
	request.body = "pay";
	CHECK(http_fetch(&request, &response) == STATUS_OK);
	request.body = NULL;
	request.method = "POST";
	before = server_requests;
	CHECK(http_fetch(&request, &response) == STATUS_OK);
	CHECK(server_requests == before + 1);
}

static void
test_resend(void **state)
{
	(void)state;
	test_run(resend_task, NULL, 0);
}

/* --- many ------------------------------------------------------------------------------------ */

static void
crowd_task(void *arg)
{
	struct fetch_response response;
	char body[16];
	struct fetch_request request = {.url = url_of("/echo"), .allow_http = true, .body = body};

	request.body_length = (size_t)snprintf(body, sizeof body, "n=%d", (int)(intptr_t)arg);
	for (int i = 0; i < 5; i++)
		CHECK(http_fetch(&request, &response) == STATUS_OK &&
		      strcmp(response.body, body) == 0);
}

static void
test_crowd(void **state)
{
	enum {
		CROWD = 200
	};
	static struct test_task tasks[CROWD];
	uint64_t begun = clock_ms();

	(void)state;
	for (int i = 0; i < CROWD; i++)
		test_start(&tasks[i], (unsigned)i, crowd_task, (void *)(intptr_t)i, 0);
	for (int i = 0; i < CROWD; i++)
		test_await(&tasks[i]);
	printf("200 tasks, 1,000 requests: %d ms\n", (int)(clock_ms() - begun));
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
}

static void
hasty_task(void *arg)
{
	struct fetch_response response;

	(void)arg;
	while (get("/echo", &response) == STATUS_OK)
		;
}

/* Ended at every moment: for the sanitizers. */
static void
test_storm(void **state)
{
	static enum status statuses[50];
	static struct test_task tasks[50];

	(void)state;
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 50; i++)
			test_start(&tasks[i], (unsigned)i, i % 2 ? abandon_task : hasty_task,
			           &statuses[i], 1 + (uint64_t)i % 25);
		for (int i = 0; i < 50; i++)
			test_await(&tasks[i]);
	}
	assert_int_equal(check_failures, 0);
}

/* --- TLS ------------------------------------------------------------------------------------- */

static pid_t tls_pid;
static int tls_port;
static char tls_ca[96];

static void
tls_start(void)
{
	char key[96], port[16];
	char *make[] = {"openssl",
	                "req",
	                "-x509",
	                "-newkey",
	                "ec",
	                "-pkeyopt",
	                "ec_paramgen_curve:P-256",
	                "-nodes",
	                "-days",
	                "2",
	                "-subj",
	                "/CN=localhost",
	                "-addext",
	                "subjectAltName=DNS:localhost",
	                "-keyout",
	                key,
	                "-out",
	                tls_ca,
	                NULL};
	char *serve[] = {"setpriv", "--pdeathsig", "KILL",  "openssl", "s_server", "-quiet", "-www",
	                 "-accept", port,          "-cert", tls_ca,    "-key",     key,      NULL};
	int outcome, fd;
	pid_t pid;

	snprintf(key, sizeof key, "%s/key.pem", server_dir);
	snprintf(tls_ca, sizeof tls_ca, "%s/ca.pem", server_dir);
	pid = server_spawn(make, "tls.log");
	assert_true(waitpid(pid, &outcome, 0) == pid && outcome == 0);
	tls_port = listen_somewhere(&fd);
	close(fd);
	snprintf(port, sizeof port, "%d", tls_port);
	tls_pid = server_spawn(serve, "tls.log");
}

static void
tls_task(void *arg)
{
	struct fetch_response response;
	struct fetch_request request = {.ca_file = tls_ca};
	enum status status = STATUS_DEPENDENCY_DOWN;

	(void)arg;
	request.url = arena_printf(task_arena(), "https://localhost:%d/", tls_port);
	for (int i = 0; i < 100 && status != STATUS_OK; i++) {
		status = http_fetch(&request, &response);
		if (status != STATUS_OK)
			(void)task_sleep(30);
	}
	CHECK(status == STATUS_OK && response.status == 200 && response.body_length > 0);
	/* Another name than the certificate's. */
	request.url = arena_printf(task_arena(), "https://127.0.0.1:%d/", tls_port);
	CHECK(http_fetch(&request, &response) == STATUS_DEPENDENCY_DOWN);
	CHECK(strcasestr(fetch_error(), "SSL") != NULL ||
	      strcasestr(fetch_error(), "certificate") != NULL);
	/* An authority that we do not know. */
	request.url = arena_printf(task_arena(), "https://localhost:%d/", tls_port);
	request.ca_file = NULL;
	CHECK(http_fetch(&request, &response) == STATUS_DEPENDENCY_DOWN);
	CHECK(strcasestr(fetch_error(), "SSL") != NULL ||
	      strcasestr(fetch_error(), "certificate") != NULL);
}

static void
test_tls(void **state)
{
	(void)state;
	tls_start();
	test_run(tls_task, NULL, 0);
	kill(tls_pid, SIGKILL);
	waitpid(tls_pid, NULL, 0);
}

/* --- set-up ---------------------------------------------------------------------------------- */

static void
attach_task(void *arg)
{
	(void)arg;
	CHECK(fetch_attach() == STATUS_OK);
}

static void
detach_task(void *arg)
{
	(void)arg;
	fetch_detach();
}

static void
on_both_workers(task_fn *fn)
{
	for (unsigned i = 0; i < 2; i++) {
		struct test_task test;

		test_start(&test, i, fn, NULL, 0);
		test_await(&test);
	}
}

static pthread_t server_thread;

static int
setup(void **state)
{
	(void)state;
	test_workers_start();
	server_make_dir();
	server_port = listen_somewhere(&server_fd);
	if (pthread_create(&server_thread, NULL, server_main, NULL) != 0)
		return -1;
	on_both_workers(attach_task);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	on_both_workers(detach_task);
	test_workers_stop();
	shutdown(server_fd, SHUT_RDWR);
	pthread_join(server_thread, NULL);
	close(server_fd);
	for (int i = 0; i < 3000 && server_open > 0; i++)
		usleep(1000);
	server_remove_dir();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_basic),  cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_limits), cmocka_unit_test(test_cancel_aborts),
	    cmocka_unit_test(test_stream), cmocka_unit_test(test_resend),
	    cmocka_unit_test(test_crowd),  cmocka_unit_test(test_storm),
	    cmocka_unit_test(test_tls),
	};

	return cmocka_run_group_tests_name("fetch", tests, setup, teardown);
}
