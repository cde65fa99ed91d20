/* SPDX-License-Identifier: MIT
 * What a bad, slow or greedy client gets: an error, and the end of its connection. */
#include "tests/unit/http_fixture.h"

#include <malloc.h>
#include <sys/resource.h>

static void
test_malformed_requests_get_400_and_the_end(void **state)
{
	static const char *const bad[] = {
	    "GET / HTTP/1.1\r\n\r\n",
	    "GET / HTTP/1.1\nHost: a\n\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n",
	    POST("/") "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    POST("/") "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	    POST("/") "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
	    "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
	    "GET /../secret HTTP/1.1\r\nHost: a\r\n\r\n",
	    "\x16\x03\x01",
	};
	struct fixture *f = fixture_started();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		client_refused(f, bad[i], "HTTP/1.1 400 Bad Request\r\n");
	assert_int_equal(f->handled, 0);
	fixture_stop(f);
}

static void
test_nothing_is_read_behind_a_malformed_request(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);
	const char *text;

	(void)state;
	client_send(fd, GET("/echo") "GET / HTTP/1.1\r\n\r\n" GET("/echo"));
	text = client_read(fd, "}", 3000);
	assert_int_equal(strncmp(text, "HTTP/1.1 200", 12), 0);
	assert_non_null(strstr(text, "HTTP/1.1 400"));
	client_expect_closed(fd, 3000);
	assert_int_equal(f->handled, 1);
	fixture_stop(f);
}

static void
test_half_requests_are_waited_for(void **state)
{
	static const char whole[] = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r";
	static const size_t lengths[] = {1, 4, 10, 11, 15, 19, 20, 21, 24, 26, 27, 36, 37, 38, 39};
	struct fixture *f = fixture_started();
	int fds[COUNT_OF(lengths)];
	char part[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		fds[i] = client_connect(f);
		snprintf(part, sizeof part, "%.*s", (int)lengths[i], whole);
		client_send(fds[i], part);
	}
	assert_false(client_closed(fds[0], 300));
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		assert_string_equal(client_read(fds[i], NULL, 1), "");
		snprintf(part, sizeof part, "%s\n", whole + lengths[i]);
		client_send(fds[i], part);
		client_expect(fds[i], "HTTP/1.1 200", "\r\n\r\n");
		close(fds[i]);
	}
	fixture_stop(f);
}

static void
test_a_request_that_ends_in_the_middle_is_400(void **state)
{
	struct fixture *f = fixture_started();
	int fd = client_connect(f);

	(void)state;
	client_send(fd, "GET / HTTP/1.1\r\nHos");
	shutdown(fd, SHUT_WR);
	client_expect(fd, "HTTP/1.1 400", "in the middle");
	client_expect_closed(fd, 1000);
	fd = client_connect(f);
	client_send(fd, POST("/echo") "Content-Length: 5\r\n\r\nhel");
	shutdown(fd, SHUT_WR);
	client_expect(fd, "HTTP/1.1 400", "in the middle");
	client_expect_closed(fd, 1000);
	assert_int_equal(f->handled, 0);
	fixture_stop(f);
}

static void
test_large_heads_get_431(void **state)
{
	static char text[30000];
	struct fixture *f = fixture_started();
	size_t length;

	(void)state;
	sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\nX: %020000d\r\n\r\n", 0);
	client_refused(f, text, "HTTP/1.1 431 ");
	length = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 100; i++)
		length += (size_t)sprintf(text + length, "X: y\r\n");
	sprintf(text + length, "\r\n");
	client_refused(f, text, "HTTP/1.1 431 ");
	fixture_stop(f);
}

static void
test_large_bodies_get_413_before_they_are_read(void **state)
{
	struct fixture *f = fixture_started();

	(void)state;
	client_refused(f, POST("/small") "Content-Length: 11\r\n\r\n", "HTTP/1.1 413 ");
	client_refused(f, POST("/small") "Transfer-Encoding: chunked\r\n\r\nb\r\n",
	               "HTTP/1.1 413 ");
	client_refused(f, POST("/small") "Transfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n",
	               "HTTP/1.1 413 ");
	client_refused(f, POST("/echo") "Content-Length: 1048577\r\n\r\n", "HTTP/1.1 413 ");
	fixture_stop(f);
}

/* The client sends two megabytes whatever is answered: it must see the answer and an orderly end,
 * for a RST may cost it the answer. */
static void
test_a_refused_upload_still_sees_its_answer(void **state)
{
	static char text[2000000];
	struct fixture *f = fixture_started();
	int fd = client_connect(f);
	ssize_t n;

	(void)state;
	memset(text, 'x', sizeof text - 1);
	client_send(fd, POST("/small") "Content-Length: 1999999\r\n\r\n");
	client_send(fd, text);
	client_expect(fd, "HTTP/1.1 413", "}");
	while ((n = recv(fd, text, sizeof text, 0)) > 0)
		;
	assert_int_equal(n, 0);
	close(fd);
	fixture_stop(f);
}

static void
test_slow_heads_and_bodies_get_408(void **state)
{
	struct fixture *f = fixture_make();
	int head, body, steady;

	(void)state;
	f->options.head_ms = 200;
	f->options.body_ms = 200;
	f->options.body_progress = 3;
	fixture_start(f);
	head = client_connect(f);
	body = client_connect(f);
	steady = client_connect(f);
	client_send(head, "GET / HTTP/1.1\r\n");
	client_send(body, POST("/echo") "Content-Length: 100\r\n\r\n");
	client_send(steady, POST("/echo") "Content-Length: 100\r\n\r\n");
	for (int i = 0; i < 10; i++) {
		usleep(50000);
		client_send(head, "X: y\r\n");
		client_send(body, i % 4 == 0 ? "x" : "");
		client_send(steady, "0123456789");
	}
	client_expect(steady, "HTTP/1.1 200", "0123456789");
	client_expect(head, "HTTP/1.1 408", "too slowly");
	client_expect_closed(head, 3000);
	client_expect(body, "HTTP/1.1 408", "too slowly");
	client_expect_closed(body, 3000);
	close(steady);
	fixture_stop(f);
}

static void
test_idle_connections_are_closed_silently(void **state)
{
	struct fixture *f = fixture_make();
	int fresh, used, blank;

	(void)state;
	f->options.keepalive_ms = 200;
	f->options.head_ms = 200;
	fixture_start(f);
	fresh = client_connect(f);
	used = client_connect(f);
	blank = client_connect(f);
	client_send(used, GET("/echo"));
	client_expect(used, "HTTP/1.1 200", "\r\n\r\n");
	client_send(blank, "\r\n");
	assert_string_equal(client_read(fresh, NULL, 2000), "");
	client_expect_closed(fresh, 10);
	assert_string_equal(client_read(used, NULL, 2000), "");
	client_expect_closed(used, 10);
	assert_string_equal(client_read(blank, NULL, 2000), "");
	client_expect_closed(blank, 10);
	fixture_stop(f);
}

static void
test_clients_that_take_nothing_are_dropped(void **state)
{
	struct fixture *f = fixture_make();
	int fd;

	(void)state;
	f->options.write_ms = 200;
	f->options.linger_ms = 200;
	fixture_start(f);
	fd = client_connect_slow(f);
	client_send(fd, GET("/big"));
	assert_int_equal(fixture_wait_ended(f, 3000), STATUS_CANCELLED);
	close(fd);
	fixture_stop(f);
}

static void
test_connections_beyond_the_limit_get_503(void **state)
{
	struct fixture *f = fixture_make();
	int first, second, third;

	(void)state;
	f->limits_options.max_connections = 2;
	fixture_start(f);
	first = client_connect(f);
	second = client_connect(f);
	client_send(first, GET("/echo"));
	client_expect(first, "HTTP/1.1 200", "\r\n\r\n");
	third = client_connect(f);
	client_expect(third, "HTTP/1.1 503", "Retry-After: 1\r\n");
	client_expect_closed(third, 3000);
	close(first);
	usleep(50000);
	third = client_connect(f);
	client_send(third, GET("/echo"));
	client_expect(third, "HTTP/1.1 200", "\r\n\r\n");
	close(second);
	close(third);
	fixture_stop(f);
}

static bool
is_exempt(const struct sockaddr *address, void *arg)
{
	(void)address;
	return *(_Atomic bool *)arg;
}

static void
test_an_address_has_its_own_limit(void **state)
{
	struct fixture *f = fixture_make();
	_Atomic bool exempt = false;
	int first, second;

	(void)state;
	f->limits_options.address_connections = 1;
	f->limits_options.exempt = is_exempt;
	f->limits_options.arg = &exempt;
	fixture_start(f);
	first = client_connect(f);
	client_send(first, GET("/echo"));
	client_expect(first, "HTTP/1.1 200", "\r\n\r\n");
	second = client_connect(f);
	client_expect(second, "HTTP/1.1 429", "Retry-After: 1\r\n");
	client_expect_closed(second, 3000);
	exempt = true;
	second = client_connect(f);
	client_send(second, GET("/echo"));
	client_expect(second, "HTTP/1.1 200", "\r\n\r\n");
	close(second);
	exempt = false;
	close(first);
	usleep(50000);
	first = client_connect(f);
	client_send(first, GET("/echo"));
	client_expect(first, "HTTP/1.1 200", "\r\n\r\n");
	close(first);
	fixture_stop(f);
}

static void
test_bodies_have_a_budget(void **state)
{
	struct fixture *f = fixture_make();
	int first, second;

	(void)state;
	f->limits_options.body_bytes = 150000;
	fixture_start(f);
	first = client_connect(f);
	second = client_connect(f);
	client_send(first, POST("/echo") "Content-Length: 100000\r\n\r\nx");
	usleep(50000);
	client_send(second, POST("/echo") "Content-Length: 100000\r\n\r\n");
	client_expect(second, "HTTP/1.1 503", "Retry-After");
	client_expect_closed(second, 3000);
	close(first);
	usleep(50000);
	second = client_connect(f);
	client_send(second, POST("/echo") "Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n");
	client_expect(second, "HTTP/1.1 100", "\r\n\r\n");
	close(second);
	fixture_stop(f);
}

static void
test_requests_beyond_the_limit_get_503_and_keep_their_connection(void **state)
{
	struct fixture *f = fixture_make();
	int first, second;

	(void)state;
	f->options.max_requests = 1;
	fixture_start(f);
	first = client_connect(f);
	second = client_connect(f);
	client_send(first, GET("/sleep?ms=300"));
	usleep(50000);
	client_send(second, POST("/echo") "Content-Length: 5\r\n\r\nhello");
	client_expect(second, "HTTP/1.1 503", "}");
	client_expect(first, "HTTP/1.1 200", "slept");
	client_send(second, GET("/echo"));
	client_expect(second, "HTTP/1.1 200", "\r\n\r\n");
	close(first);
	close(second);
	fixture_stop(f);
}

static void
test_requests_of_a_lane_wait_their_turn(void **state)
{
	struct fixture *f = fixture_make();
	int clients[4];

	(void)state;
	f->options.lane_requests = 1;
	fixture_start(f);
	for (int i = 0; i < 4; i++)
		clients[i] = client_connect(f);
	client_send(clients[0], GET("/sleep?ms=300&lane=1"));
	usleep(50000);
	for (int i = 1; i < 3; i++)
		client_send(clients[i], POST("/echo?lane=1") "Content-Length: 5\r\n\r\nhello");
	usleep(50000);
	close(clients[1]); /* gone before its turn */
	client_send(clients[3], POST("/echo?lane=2") "Content-Length: 5\r\n\r\nother");
	client_expect(clients[3], "HTTP/1.1 200", "other");
	client_send(clients[3], POST("/echo") "Content-Length: 5\r\n\r\nthird");
	client_expect(clients[3], "HTTP/1.1 200", "third");
	assert_int_equal(f->ended, -1); /* the first one still sleeps */
	client_expect(clients[2], "HTTP/1.1 200", "hello");
	assert_int_equal(f->ended, STATUS_OK);
	client_expect(clients[0], "HTTP/1.1 200", "slept");
	client_send(clients[0], GET("/echo?lane=1"));
	client_expect(clients[0], "HTTP/1.1 200", "\r\n\r\n");
	for (int i = 0; i < 4; i++)
		if (i != 1)
			close(clients[i]);
	fixture_stop(f);
}

static void
test_who_would_wait_too_long_for_a_lane_is_refused(void **state)
{
	struct fixture *f = fixture_make();
	int first, second, third;

	(void)state;
	f->options.lane_requests = 1;
	fixture_start(f);
	first = client_connect(f);
	second = client_connect(f);
	third = client_connect(f);
	client_send(first, GET("/sleep?ms=6000&lane=1"));
	usleep(50000);
	client_send(second, GET("/echo?lane=1"));
	client_expect(second, "HTTP/1.1 503", "Retry-After"); /* though no place became free */
	assert_int_equal(f->ended, -1);
	client_send(third, GET("/echo?lane=1")); /* waits anew, behind nobody */
	client_expect(third, "HTTP/1.1 503", "Retry-After");
	assert_int_equal(f->ended, -1);
	client_expect(first, "HTTP/1.1 200", "slept");
	client_send(second, GET("/echo?lane=1"));
	client_expect(second, "HTTP/1.1 200", "\r\n\r\n");
	close(first);
	close(second);
	close(third);
	fixture_stop(f);
}

/* A client that does not read its answer must not keep others of its lane from theirs. */
static void
test_who_reads_slowly_holds_no_place_of_a_lane(void **state)
{
	struct fixture *f = fixture_make();
	int slow, other;

	(void)state;
	f->options.lane_requests = 1;
	fixture_start(f);
	slow = client_connect_slow(f);
	other = client_connect(f);
	client_send(slow, GET("/big?lane=1"));
	usleep(50000);
	for (int i = 0; i < 2; i++) {
		client_send(other, GET("/echo?lane=1"));
		client_expect(other, "HTTP/1.1 200", "\r\n\r\n");
	}
	close(slow);
	client_send(other, GET("/echo?lane=1"));
	client_expect(other, "HTTP/1.1 200", "\r\n\r\n");
	close(other);
	fixture_stop(f);
}

/* Without descriptors the server must neither spin nor die. */
static void
test_running_out_of_files_does_not_spin(void **state)
{
	struct fixture *f = fixture_started();
	struct rlimit files, tight;
	int fds[20], count = 0, probe = client_connect(f);
	struct timespec before, after;

	(void)state;
	client_send(probe, GET("/echo"));
	client_expect(probe, "HTTP/1.1 200", "\r\n\r\n");
	getrlimit(RLIMIT_NOFILE, &files);
	for (; count < 20; count++)
		fds[count] = socket(AF_INET, SOCK_STREAM, 0);
	tight = files;
	tight.rlim_cur = (rlim_t)fds[19] + 3;
	setrlimit(RLIMIT_NOFILE, &tight);
	for (int i = 0; i < count; i++) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(f->port)};

		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		connect(fds[i], (struct sockaddr *)&in, sizeof in);
	}
	usleep(100000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	usleep(500000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	setrlimit(RLIMIT_NOFILE, &files);
	assert_in_range((after.tv_sec - before.tv_sec) * 1000 +
	                    (after.tv_nsec - before.tv_nsec) / 1000000,
	                0, 100);
	client_send(probe, GET("/echo"));
	client_expect(probe, "HTTP/1.1 200", "\r\n\r\n");
	for (int i = 0; i < count; i++)
		close(fds[i]);
	close(probe);
	fixture_stop(f);
}

/* Also under the sanitizers, where only the counts are checked. */
static void
test_idle_connections_cost_little(void **state)
{
	struct fixture *f = fixture_started();
	enum {
		MANY = 1000
	};
	int fds[MANY];
	struct mallinfo2 before, after;

	(void)state;
	for (int i = 0; i < 50; i++) { /* the pools have their size */
		fds[i] = client_connect(f);
		client_send(fds[i], GET("/echo"));
		client_expect(fds[i], "HTTP/1.1 200", "\r\n\r\n");
	}
	before = mallinfo2();
	for (int i = 50; i < MANY; i++) {
		fds[i] = client_connect(f);
		client_send(fds[i], GET("/echo"));
		client_expect(fds[i], "HTTP/1.1 200", "\r\n\r\n");
	}
	after = mallinfo2();
	print_message("%zu bytes for an idle connection\n",
	              (after.uordblks - before.uordblks) / (MANY - 50));
	assert_in_range((after.uordblks - before.uordblks) / (MANY - 50), 0, 1024);
	assert_int_equal(http_server_connections(f->server), MANY);
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	fixture_stop(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_malformed_requests_get_400_and_the_end),
	    cmocka_unit_test(test_nothing_is_read_behind_a_malformed_request),
	    cmocka_unit_test(test_half_requests_are_waited_for),
	    cmocka_unit_test(test_a_request_that_ends_in_the_middle_is_400),
	    cmocka_unit_test(test_large_heads_get_431),
	    cmocka_unit_test(test_large_bodies_get_413_before_they_are_read),
	    cmocka_unit_test(test_a_refused_upload_still_sees_its_answer),
	    cmocka_unit_test(test_slow_heads_and_bodies_get_408),
	    cmocka_unit_test(test_idle_connections_are_closed_silently),
	    cmocka_unit_test(test_clients_that_take_nothing_are_dropped),
	    cmocka_unit_test(test_connections_beyond_the_limit_get_503),
	    cmocka_unit_test(test_an_address_has_its_own_limit),
	    cmocka_unit_test(test_bodies_have_a_budget),
	    cmocka_unit_test(test_requests_beyond_the_limit_get_503_and_keep_their_connection),
	    cmocka_unit_test(test_requests_of_a_lane_wait_their_turn),
	    cmocka_unit_test(test_who_would_wait_too_long_for_a_lane_is_refused),
	    cmocka_unit_test(test_who_reads_slowly_holds_no_place_of_a_lane),
	    cmocka_unit_test(test_running_out_of_files_does_not_spin),
	    cmocka_unit_test(test_idle_connections_cost_little),
	};

	return cmocka_run_group_tests(tests, fixture_group_setup, NULL);
}
