/* SPDX-License-Identifier: MIT
 * What a well-behaved client may rely on: answers, order, bodies, streams, listening. */
#include "tests/unit/http_fixture.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>
#include <sys/un.h>

static void
test_a_connection_serves_many_requests(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);

	(void)state;
	for (int i = 0; i < 100; i++) {
		client_send(fd, POST("/echo") "Content-Length: 5\r\n\r\nhello");
		client_expect(fd,
		              "HTTP/1.1 200 OK\r\nDate: ", "\r\nContent-Length: 5\r\n\r\nhello");
	}
	client_send(fd, GET("/address"));
	client_expect(fd, "HTTP/1.1 200", "127.0.0.1");
	close(fd);
	fixture_stop(f);
}

static void
test_pipelined_requests_are_answered_in_order(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);
	char text[20000] = "", expected[40];
	const char *answers, *at;

	(void)state;
	for (int i = 0; i < 200; i++)
		sprintf(text + strlen(text), POST("/echo") "Content-Length: 3\r\n\r\n%03d", i);
	client_send(fd, GET("/sleep?ms=30"));
	client_send(fd, text);
	client_send(fd, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	answers = client_read(fd, NULL, 5000);
	at = strstr(answers, "slept");
	for (int i = 0; i < 200; i++) {
		sprintf(expected, "\r\n\r\n%03dHTTP/1.1 200", i);
		at = at != NULL ? strstr(at, expected) : NULL;
		assert_non_null(at);
	}
	assert_non_null(strstr(at, "Connection: close\r\n"));
	client_expect_closed(fd, 1000);
	assert_int_equal(f->handled, 202);
	fixture_stop(f);
}

static void
test_pipelined_early_answers_do_not_pile_up(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);
	char *text = malloc(100000);
	const char *answers;
	int count = 0;

	(void)state;
	text[0] = '\0';
	for (int i = 0; i < 1000; i++)
		memcpy(text + i * 42, "GET /denied HTTP/1.1\r\nHost: a\r\nX: abcd\r\n\r\n", 43);
	client_send(fd, text);
	shutdown(fd, SHUT_WR);
	for (;;) {
		answers = client_read(fd, NULL, 3000);
		if (answers[0] == '\0')
			break;
		for (; (answers = strstr(answers, "HTTP/1.1 401")) != NULL; answers++)
			count++;
	}
	assert_in_range(count, 990, 1000); /* a status line may lie across two reads */
	close(fd);
	free(text);
	fixture_stop(f);
}

static void
test_chunked_bodies_come_through(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);

	(void)state;
	client_send(fd, POST("/echo") "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
	usleep(20000);
	client_send(fd, "6;ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\n" GET("/echo"));
	client_expect(fd, "HTTP/1.1 200", "hello worldHTTP/1.1 200");
	close(fd);
	fixture_stop(f);
}

static void
test_head_204_and_304_have_no_body(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);
	const char *text;

	(void)state;
	client_send(fd, "HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n");
	client_send(fd, GET("/status/204") GET("/status/304"));
	client_send(fd, "HEAD /stream?blocks=3 HTTP/1.1\r\nHost: a\r\n\r\n" GET("/status/404"));
	text = client_read(fd, "\r\n\r\nbody", 3000);
	text = strstr(text, "Content-Length: 12000000\r\n\r\nHTTP/1.1 204 No Content\r\n");
	assert_non_null(text);
	text = strstr(text, "GMT\r\n\r\nHTTP/1.1 304 Not Modified\r\n");
	assert_non_null(text);
	text = strstr(text, "GMT\r\n\r\nHTTP/1.1 200 OK\r\n");
	assert_non_null(text);
	text = strstr(text, "GMT\r\n\r\nHTTP/1.1 404 Not Found\r\n");
	assert_non_null(text);
	assert_non_null(strstr(text, "Content-Length: 4\r\n\r\nbody"));
	close(fd);
	fixture_stop(f);
}

static void
test_100_continue_is_sent_when_the_body_is_welcome(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);

	(void)state;
	client_send(fd, POST("/echo") "Content-Length: 2\r\nExpect: 100-Continue\r\n\r\n");
	client_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n", "Continue\r\n\r\n");
	client_send(fd, "ok");
	client_expect(fd, "HTTP/1.1 200", "\r\n\r\nok");
	client_send(fd, POST("/denied") "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	client_expect(fd, "HTTP/1.1 401", "Connection: close");
	client_expect_closed(fd, 3000);
	client_refused(f, POST("/small") "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n",
	               "HTTP/1.1 413");
	fixture_stop(f);
}

static void
test_http_1_0_is_answered_and_closed(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);

	(void)state;
	client_send(fd, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	client_expect(fd, "HTTP/1.1 200", "Connection: close\r\n");
	client_expect_closed(fd, 1000);
	fd = client_connect(f);
	client_send(fd, "GET /stream?blocks=1 HTTP/1.0\r\n\r\n");
	client_expect(fd, "HTTP/1.1 200", "Connection: close\r\n\r\nbbbb");
	client_expect_closed(fd, 1000);
	fixture_stop(f);
}

static size_t
read_all(int fd)
{
	static char text[65536];
	size_t total = 0;
	ssize_t n;

	while ((n = recv(fd, text, sizeof text, 0)) > 0)
		total += (size_t)n;
	return total;
}

static void
test_large_answers_wait_for_slow_readers(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect_slow(f);

	(void)state;
	client_send(fd, "GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	usleep(100000);
	assert_int_equal(f->ended, -1); /* the handler waits */
	assert_in_range(read_all(fd), 12000000, 12000300);
	assert_int_equal(fixture_wait_ended(f, 1000), STATUS_OK);
	close(fd);
	f->ended = -1;
	fd = client_connect_slow(f);
	client_send(fd, GET("/stream?blocks=120"));
	shutdown(fd, SHUT_WR);
	usleep(100000);
	assert_int_equal(f->ended, -1);
	assert_in_range(read_all(fd), 12000000, 12002000);
	close(fd);
	fixture_stop(f);
}

static void
test_a_stream_that_is_not_ended_is_cut(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);
	const char *text;

	(void)state;
	client_send(fd, GET("/stream?blocks=1&cut"));
	text = client_read(fd, NULL, 3000);
	assert_non_null(strstr(text, "Transfer-Encoding: chunked\r\n\r\n186a0\r\nbbb"));
	assert_null(strstr(text, "\r\n0\r\n\r\n"));
	client_expect_closed(fd, 1000);
	fd = client_connect(f);
	client_send(fd, GET("/stream?blocks=1") GET("/echo"));
	client_expect(fd, "HTTP/1.1 200", "b\r\n0\r\n\r\nHTTP/1.1 200");
	close(fd);
	fixture_stop(f);
}

static void
test_early_answers_keep_the_connection_when_the_body_is_small(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);

	(void)state;
	client_send(fd, POST("/denied") "Content-Length: 5\r\n\r\nhel");
	client_expect(fd, "HTTP/1.1 401", "}");
	client_send(fd, "lo" POST("/early") "Content-Length: 1\r\n\r\nx" GET("/echo"));
	client_expect(fd, "HTTP/1.1 200", "earlyHTTP/1.1 200");
	client_send(fd, POST("/denied") "Content-Length: 100000\r\n\r\n");
	client_expect(fd, "HTTP/1.1 401", "Connection: close");
	client_expect_closed(fd, 3000);
	assert_int_equal(f->handled, 1);
	fixture_stop(f);
}

static void
test_a_half_closed_client_gets_its_answer(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);

	(void)state;
	client_send(fd, GET("/sleep?ms=50") GET("/echo"));
	shutdown(fd, SHUT_WR);
	client_expect(fd, "HTTP/1.1 200", "sleptHTTP/1.1 200");
	client_expect_closed(fd, 1000);
	assert_int_equal(fixture_wait_ended(f, 1000), STATUS_OK);
	fixture_stop(f);
}

static void
test_a_hang_up_cancels_who_asked_for_it(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);

	(void)state;
	client_send(fd, GET("/sleep?ms=10000&hangup"));
	usleep(50000);
	assert_int_equal(f->ended, -1);
	shutdown(fd, SHUT_WR);
	assert_int_equal(fixture_wait_ended(f, 1000), STATUS_CANCELLED);
	close(fd);
	f->ended = -1;
	fd = client_connect(f); /* the FIN is there before the handler runs */
	client_send(fd, GET("/sleep?ms=10000&hangup"));
	close(fd);
	assert_int_equal(fixture_wait_ended(f, 1000), STATUS_CANCELLED);
	f->ended = -1;
	fd = client_connect(f); /* behind a pipelined request */
	client_send(fd, GET("/sleep?ms=10000&hangup") GET("/echo"));
	usleep(50000);
	close(fd);
	assert_int_equal(fixture_wait_ended(f, 1000), STATUS_CANCELLED);
	fixture_stop(f);
}

static void
test_handlers_that_fail_their_duty_get_a_500(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);
	const char *text;

	(void)state;
	client_send(fd, GET("/silent"));
	client_expect(fd, "HTTP/1.1 500", "\"status\":500");
	client_send(fd, GET("/inject"));
	text = client_read(fd, "}", 3000);
	assert_non_null(strstr(text, "HTTP/1.1 500"));
	assert_null(strstr(text, "Set-Cookie"));
	assert_int_equal(fixture_wait_ended(f, 1000), STATUS_INTERNAL);
	client_send(fd, GET("/echo"));
	client_expect(fd, "HTTP/1.1 200", "\r\n\r\n");
	close(fd);
	fixture_stop(f);
}

static void
test_a_drain_finishes_what_is_in_flight(void **state)
{
	struct fixture *f = fixture_started();
	int busy = client_connect(f), idle = client_connect(f), half = client_connect(f), late;
	struct timespec soon;

	(void)state;
	client_send(idle, GET("/echo"));
	client_expect(idle, "HTTP/1.1 200", "\r\n\r\n");
	client_send(busy, GET("/sleep?ms=300"));
	client_send(half, "GET /echo HTTP");
	usleep(50000);
	fixture_call(f, fixture_drain_fn);
	late = client_connect(f); /* the kernel may still accept: then it is served */
	client_send(late, GET("/echo"));
	client_expect_closed(idle, 3000);
	client_send(half, "/1.1\r\nHost: a\r\n\r\n");
	client_expect(half, "HTTP/1.1 200", "Connection: close");
	client_expect(late, "HTTP/1.1 200", "Connection: close");
	client_expect(busy, "HTTP/1.1 200", "Connection: close\r\nContent-Length: 5\r\n\r\nslept");
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_sec += 3;
	assert_int_equal(sem_timedwait(&f->drained, &soon), 0);
	close(busy);
	close(half);
	close(late);
	assert_null(f->server);
	fixture_stop(f);
}

static void
test_a_drain_hears_what_is_on_its_way(void **state)
{
	struct fixture *f = fixture_started();
	int connected = client_connect(f), kept = client_connect(f);

	(void)state;
	client_send(kept, GET("/echo"));
	client_expect(kept, "HTTP/1.1 200", "\r\n\r\n");
	while (http_server_connections(f->server) < 2)
		usleep(1000);
	fixture_call(f, fixture_drain_fn);
	client_send(connected, GET("/echo"));
	client_send(kept, GET("/echo"));
	client_expect(connected, "HTTP/1.1 200", "Connection: close");
	client_expect(kept, "HTTP/1.1 200", "Connection: close");
	sem_wait(&f->drained);
	close(connected);
	close(kept);
	fixture_stop(f);
}

static void
test_an_abort_cancels_handlers(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f), other = client_connect(f);

	(void)state;
	client_send(fd, GET("/sleep?ms=60000"));
	client_send(other, GET("/big"));
	usleep(50000);
	fixture_call(f, fixture_drain_fn);
	fixture_call(f, fixture_abort_fn);
	assert_int_equal(fixture_wait_ended(f, 1000), STATUS_CANCELLED);
	sem_wait(&f->drained);
	client_expect_closed(fd, 1000);
	close(other);
	fixture_stop(f);
}

static void
test_listening_says_what_is_wrong(void **state)
{
	static const char *const bad[] = {
	    "8080",  "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "no.such.host.invalid:1",
	    "unix:x"};
	char error[200], address[HTTP_ADDRESS_SIZE], path[300] = "unix:/";
	int fd, other, several[4];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(http_listen(bad[i], 1, &fd, error, sizeof error), -1);
		assert_non_null(strstr(error, bad[i]));
	}
	memset(path + 6, 'x', 110);
	assert_int_equal(http_listen(path, 1, &fd, error, sizeof error), -1);
	assert_int_equal(http_listen("127.0.0.1:0", 4, several, error, sizeof error), 0);
	http_listen_address(several[3], address);
	assert_int_equal(http_listen(address, 1, &other, error, sizeof error), -1);
	assert_non_null(strstr(error, "is in use by another process"));
	assert_int_equal(http_listen(address, 2, several, error, sizeof error), -1);
	for (int i = 0; i < 4; i++)
		close(several[i]);
	if (http_listen("[::1]:0", 1, &fd, error, sizeof error) == 0) {
		http_listen_address(fd, address);
		assert_int_equal(strncmp(address, "[::1]:", 6), 0);
		close(fd);
	}
}

static void
test_two_workers_share_a_port(void **state)
{
	struct fixture *f = fixture_make(), *g = fixture_make();
	char error[200];
	int fds[2], clients[50];

	(void)state;
	assert_int_equal(http_listen("127.0.0.1:0", 2, fds, error, sizeof error), 0);
	f->options.fd = fds[0];
	g->options.fd = fds[1];
	fixture_start(f);
	fixture_start(g);
	assert_int_equal(f->port, g->port);
	for (size_t i = 0; i < COUNT_OF(clients); i++) {
		clients[i] = client_connect(f);
		client_send(clients[i], GET("/echo"));
		client_expect(clients[i], "HTTP/1.1 200", "\r\n\r\n");
		close(clients[i]);
	}
	assert_true(f->handled > 0 && g->handled > 0);
	assert_int_equal(f->handled + g->handled, COUNT_OF(clients));
	fixture_stop(f);
	fixture_stop(g);
}

static void
test_unix_sockets_replace_what_a_dead_process_left(void **state)
{
	struct fixture *f = fixture_make();
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char directory[] = "/tmp/http-test-XXXXXX", address[200], error[200];
	int fd, other;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(address, sizeof address, "unix:%s/socket", directory);
	assert_int_equal(http_listen(address, 1, &fd, error, sizeof error), 0);
	assert_int_equal(http_listen(address, 1, &other, error, sizeof error), -1);
	assert_non_null(strstr(error, "is in use"));
	close(fd);
	fixture_start(f);
	fixture_call(f, fixture_drain_fn);
	sem_wait(&f->drained);
	assert_int_equal(http_listen(address, 1, &f->options.fd, error, sizeof error), 0);
	fixture_call(f, fixture_new_fn);
	snprintf(un.sun_path, sizeof un.sun_path, "%s/socket", directory);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof un), 0);
	client_send(fd, GET("/address"));
	client_expect(fd, "HTTP/1.1 200", "unix");
	close(fd);
	fixture_stop(f);
	unlink(un.sun_path);
	rmdir(directory);
}

static void
test_socket_file_is_for_every_user_and_takes_no_other_files_place(void **state)
{
	char directory[] = "/tmp/http-test-XXXXXX", address[200], error[200];
	const char *path = address + strlen("unix:");
	struct stat file;
	mode_t before = umask(077);
	int fd;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(address, sizeof address, "unix:%s/socket", directory);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(http_listen(address, 1, &fd, error, sizeof error), -1);
	assert_non_null(strstr(error, "no socket"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(http_listen(address, 1, &fd, error, sizeof error), 0);
	assert_int_equal(lstat(path, &file), 0);
	assert_int_equal(file.st_mode, S_IFSOCK | 0666);
	http_listen_remove("127.0.0.1:1");
	http_listen_remove(address);
	assert_int_equal(rmdir(directory), 0);
	close(fd);
	umask(before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_connection_serves_many_requests),
	    cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
	    cmocka_unit_test(test_pipelined_early_answers_do_not_pile_up),
	    cmocka_unit_test(test_chunked_bodies_come_through),
	    cmocka_unit_test(test_head_204_and_304_have_no_body),
	    cmocka_unit_test(test_100_continue_is_sent_when_the_body_is_welcome),
	    cmocka_unit_test(test_http_1_0_is_answered_and_closed),
	    cmocka_unit_test(test_large_answers_wait_for_slow_readers),
	    cmocka_unit_test(test_a_stream_that_is_not_ended_is_cut),
	    cmocka_unit_test(test_early_answers_keep_the_connection_when_the_body_is_small),
	    cmocka_unit_test(test_a_half_closed_client_gets_its_answer),
	    cmocka_unit_test(test_a_hang_up_cancels_who_asked_for_it),
	    cmocka_unit_test(test_handlers_that_fail_their_duty_get_a_500),
	    cmocka_unit_test(test_a_drain_finishes_what_is_in_flight),
	    cmocka_unit_test(test_a_drain_hears_what_is_on_its_way),
	    cmocka_unit_test(test_an_abort_cancels_handlers),
	    cmocka_unit_test(test_listening_says_what_is_wrong),
	    cmocka_unit_test(test_two_workers_share_a_port),
	    cmocka_unit_test(test_unix_sockets_replace_what_a_dead_process_left),
	    cmocka_unit_test(test_socket_file_is_for_every_user_and_takes_no_other_files_place),
	};

	return cmocka_run_group_tests(tests, fixture_group_setup, NULL);
}
