/* SPDX-License-Identifier: MIT
 * Whole requests, in one piece and cut at every byte: the outcome must be the same. */
#include "common/io/http_message.h"

#include "common/base/obj.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define LIMIT 1000

/* Feeds `length` bytes in pieces of `piece`; the rest, unused, is told in *left. */
static enum status
feed(struct http_message *m, const char *bytes, size_t length, size_t piece, size_t *left)
{
	enum status status = STATUS_OK;
	size_t at = 0;

	http_message_reset(m, NULL, NULL);
	while (at < length && status == STATUS_OK && !m->body.complete) {
		size_t now = length - at < piece ? length - at : piece, used;

		if (!m->head_complete) {
			status = http_head_feed(m, bytes + at, now, &used);
			if (status == STATUS_OK && m->head_complete)
				status = http_body_begin(m, LIMIT, false);
		} else {
			status = http_body_feed(m, bytes + at, now, &used);
		}
		at += used;
	}
	*left = length - at;
	return status;
}

static enum status
feed_all_ways(struct http_message *m, const char *bytes, size_t length, size_t *left)
{
	size_t other_left;
	enum status status = feed(m, bytes, length, length, left);
	bool complete = m->body.complete;

	for (size_t piece = 1; piece <= 7; piece++) {
		assert_int_equal(feed(m, bytes, length, piece, &other_left), status);
		assert_int_equal(m->body.complete, complete);
		if (status == STATUS_OK)
			assert_int_equal(other_left, *left);
	}
	return status;
}

static int
setup(void **state)
{
	struct http_message *m = malloc(sizeof *m);

	http_message_init(m);
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	struct http_message *m = *state;

	http_message_fini(m);
	free(m);
	return 0;
}

static void
test_a_request_is_read_with_its_body_and_no_more(void **state)
{
	static const char text[] =
	    "\r\nPOST /a?b=c HTTP/1.1\r\nhost: \t example.com \r\nX-Empty:\r\nContent-Length: "
	    "5\r\n\r\nhelloGET";
	struct http_message *m = *state;
	size_t left;

	assert_int_equal(feed_all_ways(m, text, sizeof text - 1, &left), STATUS_OK);
	assert_true(m->body.complete && m->keep_alive);
	assert_int_equal(left, 3);
	assert_string_equal(m->method, "POST");
	assert_string_equal(m->body.bytes, "hello");
	assert_string_equal(m->host, "example.com");
	assert_string_equal(http_head_find(m, "x-empty"), "");
	assert_null(http_head_find(m, "x-other"));
	assert_string_equal(m->target.params[0].value, "c");
}

static void
test_chunks_extensions_and_trailers_are_read(void **state)
{
	static const char text[] =
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
	    "5\r\nhello\r\n00006;a=\"b c\"\r\n world\r\n0;x\r\n"
	    "Trailer: yes\r\nContent-Length: 9\r\n\r\nX";
	struct http_message *m = *state;
	size_t left;

	assert_int_equal(feed_all_ways(m, text, sizeof text - 1, &left), STATUS_OK);
	assert_true(m->body.complete);
	assert_int_equal(left, 1);
	assert_string_equal(m->body.bytes, "hello world");
	assert_null(http_head_find(m, "Trailer"));
}

static void
test_repeated_fields_are_found_one_by_one(void **state)
{
	static const char text[] =
	    "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-b: 2\r\nx-a: 3\r\nX-A: 4\r\n\r\n";
	struct http_message *m = *state;
	const char *value;
	size_t left;

	assert_int_equal(feed(m, text, sizeof text - 1, 99, &left), STATUS_OK);
	value = http_head_find(m, "x-A");
	assert_string_equal(value, "1");
	value = http_head_find_next(m, "x-A", value);
	assert_string_equal(value, "3");
	value = http_head_find_next(m, "x-A", value);
	assert_string_equal(value, "4");
	assert_null(http_head_find_next(m, "x-A", value));
}

static void
test_connection_and_version_decide_keep_alive(void **state)
{
	static const struct {
		const char *text;
		bool keep;
	} cases[] = {
	    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
	    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false},
	    {"GET / HTTP/1.0\r\n\r\n", false},
	    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false},
	    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", true},
	    {"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
	     "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	     true},
	};
	struct http_message *m = *state;
	size_t left;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(feed_all_ways(m, cases[i].text, strlen(cases[i].text), &left),
		                 STATUS_OK);
		assert_true(m->body.complete);
		assert_int_equal(m->keep_alive, cases[i].keep);
	}
}

#define HEAD  "GET / HTTP/1.1\r\nHost: a\r\n"
#define CHUNK "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define ROW(text)                                                                                  \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct {
	const char *text;
	size_t length;
} malformed[] = {
    ROW(HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW(HEAD "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
    ROW(HEAD "X-Folded: a\r\n b\r\n\r\n"),
    ROW(HEAD "X-Folded: a\r\n\tb\r\n\r\n"),
    ROW("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    ROW(HEAD "X: a\nY: b\r\n\r\n"),
    ROW(HEAD "X: a\rY: b\r\n\r\n"),
    ROW(HEAD "X: a\r\r\n\r\n"),
    ROW("GET / HTTP/1.1\nHost: a\n\n"),
    ROW(HEAD "\n"),
    ROW(HEAD "\rX: y\r\n\r\n"),
    ROW(HEAD "X: a\0b\r\n\r\n"),
    ROW(HEAD "X: a\x01\r\n\r\n"),
    ROW(HEAD "X: a\x7f\r\n\r\n"),
    ROW(HEAD "X : a\r\n\r\n"),
    ROW(HEAD "X\t: a\r\n\r\n"),
    ROW(HEAD ": a\r\n\r\n"),
    ROW(HEAD "X\r\n\r\n"),
    ROW(HEAD "X[]: a\r\n\r\n"),
    ROW(HEAD "X\xc3\xa4: a\r\n\r\n"),
    ROW(HEAD "Host: a\r\n\r\n"),
    ROW(HEAD "hOST: b\r\n\r\n"),
    ROW(HEAD "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
    ROW(HEAD "Authorization: a\r\nAuthorization: b\r\n\r\n"),
    ROW(HEAD "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n"),
    ROW(HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW(HEAD "Content-Length: -1\r\n\r\n"),
    ROW(HEAD "Content-Length: +1\r\n\r\nx"),
    ROW(HEAD "Content-Length: 1,1\r\n\r\nx"),
    ROW(HEAD "Content-Length: 0x1\r\n\r\nx"),
    ROW(HEAD "Content-Length: 1 1\r\n\r\nx"),
    ROW(HEAD "Content-Length: \r\n\r\nx"),
    ROW(HEAD "Content-Length: 18446744073709551617\r\n\r\nx"),
    ROW(HEAD "Transfer-Encoding: gzip\r\n\r\n"),
    ROW(HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ROW(HEAD "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ROW(HEAD "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    ROW(HEAD "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ROW(HEAD "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n0\r\n\r\n"),
    ROW("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW("GET / HTTP/1.1\r\n\r\n"),
    ROW("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ROW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ROW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ROW("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    ROW("GET / \r\n\r\n"),
    ROW("GET /\r\n\r\n"),
    ROW("GET\r\n\r\n"),
    ROW("GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    ROW("GET / HTTP/9.9\r\nHost: a\r\n\r\n"),
    ROW("GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ROW("GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
    ROW("GET / http/1.1\r\nHost: a\r\n\r\n"),
    ROW("GET / ICE/1.0\r\nHost: a\r\n\r\n"),
    ROW("GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
    ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ROW("get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("FOO / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("Extra lineGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW("\x16\x03\x01\x02\x00\x01"),
    ROW("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ROW(CHUNK "5\nhello\r\n0\r\n\r\n"),
    ROW(CHUNK "5\r\nhello\n0\r\n\r\n"),
    ROW(CHUNK "5\r\nhello\rX0\r\n\r\n"),
    ROW(CHUNK "5\rXhello\r\n0\r\n\r\n"),
    ROW(CHUNK "5;a=b\rX\r\nhello\r\n0\r\n\r\n"),
    ROW(CHUNK "5;a=b\nhello\r\n0\r\n\r\n"),
    ROW(CHUNK "5 \r\nhello\r\n0\r\n\r\n"),
    ROW(CHUNK "0x5\r\nhello\r\n0\r\n\r\n"),
    ROW(CHUNK "-5\r\nhello\r\n0\r\n\r\n"),
    ROW(CHUNK "\r\n"),
    ROW(CHUNK "fffffffffffffffff\r\n"),
    ROW(CHUNK "5\r\nhelloo\r\n0\r\n\r\n"),
    ROW(CHUNK "0\r\nX: a\nY: b\r\n\r\n"),
    ROW(CHUNK "0\r\nX: a\rY: b\r\n\r\n"),
    ROW(CHUNK "0\r\nX: a\rYY: b\r\n\r\n"),
    ROW(CHUNK "0\r\n\rX"),
    ROW(CHUNK "0\r\nX : a\r\n\r\n"),
    ROW(CHUNK "0\r\n X: a\r\n\r\n"),
    ROW(CHUNK "0\r\nX\r\n\r\n"),
    ROW(CHUNK "0\r\nX: a\x01\r\n\r\n"),
    ROW(CHUNK "0\r\n\n"),
};

static void
test_malformed_requests_are_refused(void **state)
{
	struct http_message *m = *state;
	size_t left;

	for (size_t i = 0; i < COUNT_OF(malformed); i++) {
		enum status status =
		    feed_all_ways(m, malformed[i].text, malformed[i].length, &left);

		if (status != STATUS_BAD_REQUEST)
			print_message("row %zu: %s\n", i, malformed[i].text);
		assert_int_equal(status, STATUS_BAD_REQUEST);
		assert_non_null(m->detail);
	}
}

static void
test_a_head_has_limits_of_size_and_fields(void **state)
{
	static char text[40000];
	struct http_message *m = *state;
	size_t length, left;

	length = (size_t)sprintf(text, HEAD "X: %0*d\r\n\r\n", (int)HTTP_HEAD_LIMIT - 32, 0);
	assert_int_equal(length, HTTP_HEAD_LIMIT);
	assert_int_equal(feed_all_ways(m, text, length, &left), STATUS_OK);
	length = (size_t)sprintf(text, HEAD "X: %0*d\r\n\r\n", (int)HTTP_HEAD_LIMIT - 31, 0);
	assert_int_equal(feed_all_ways(m, text, length, &left), STATUS_HEADERS_TOO_LARGE);
	length = (size_t)sprintf(text, HEAD "X: %020000d", 0);
	assert_int_equal(feed_all_ways(m, text, length, &left), STATUS_HEADERS_TOO_LARGE);
	for (unsigned fields = HTTP_FIELDS_LIMIT - 1; fields <= HTTP_FIELDS_LIMIT; fields++) {
		length = (size_t)sprintf(text, HEAD);
		for (unsigned i = 0; i < fields; i++)
			length += (size_t)sprintf(text + length, "X: y\r\n");
		length += (size_t)sprintf(text + length, "\r\n");
		assert_int_equal(feed_all_ways(m, text, length, &left),
		                 fields < HTTP_FIELDS_LIMIT ? STATUS_OK : STATUS_HEADERS_TOO_LARGE);
	}
}

static void
test_a_body_has_a_limit(void **state)
{
	static const struct {
		const char *text;
		enum status status;
	} cases[] = {
	    {HEAD "Content-Length: 1001\r\n\r\n", STATUS_TOO_LARGE},
	    {HEAD "Content-Length: 999999999999999999\r\n\r\n", STATUS_TOO_LARGE},
	    {CHUNK "3e9\r\n", STATUS_TOO_LARGE},
	    {CHUNK "1\r\nx\r\n3e8\r\n", STATUS_TOO_LARGE},
	    {CHUNK "ffffffffffffffff\r\n", STATUS_TOO_LARGE},
	    {CHUNK "3e8\r\n", STATUS_OK},
	};
	struct http_message *m = *state;
	size_t left;

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(feed_all_ways(m, cases[i].text, strlen(cases[i].text), &left),
		                 cases[i].status);
}

static void
test_chunk_framing_and_trailers_have_limits(void **state)
{
	static char text[40000];
	struct http_message *m = *state;
	size_t length, left;

	length = (size_t)sprintf(text, CHUNK "5;%020000d", 0);
	assert_int_equal(feed_all_ways(m, text, length, &left), STATUS_BAD_REQUEST);
	length = (size_t)sprintf(text, CHUNK "0\r\nX: %09000d", 0);
	assert_int_equal(feed_all_ways(m, text, length, &left), STATUS_HEADERS_TOO_LARGE);
	length = (size_t)sprintf(text, CHUNK);
	for (int i = 0; i < 900; i++)
		length += (size_t)sprintf(text + length, "1\r\nx\r\n");
	length += (size_t)sprintf(text + length, "0\r\n\r\n");
	assert_int_equal(feed_all_ways(m, text, length, &left), STATUS_OK);
	assert_int_equal(m->body.length, 900);
}

static bool
reserve(void *arg, size_t more)
{
	size_t *left = arg;

	if (more > *left)
		return false;
	*left -= more;
	return true;
}

static void
test_memory_is_asked_for_before_it_is_taken(void **state)
{
	static const char fixed[] = HEAD "Content-Length: 5\r\n\r\n",
	                  chunked[] = CHUNK "5\r\nhello";
	static char large[9000];
	struct http_message *m = *state;
	size_t budget = 4, used, head;

	http_message_reset(m, reserve, &budget);
	http_head_feed(m, fixed, sizeof fixed - 1, &used);
	assert_int_equal(http_body_begin(m, LIMIT, false), STATUS_OVERLOADED);
	assert_int_equal(m->reserved, 0);
	budget = 5;
	assert_int_equal(http_body_begin(m, LIMIT, false), STATUS_OK);
	assert_int_equal(budget, 0);
	assert_int_equal(m->reserved, 5);
	http_message_reset(m, reserve, &budget);
	http_head_feed(m, chunked, sizeof chunked - 1, &head);
	assert_int_equal(http_body_begin(m, LIMIT, false), STATUS_OK);
	assert_int_equal(http_body_feed(m, chunked + head, sizeof chunked - 1 - head, &used),
	                 STATUS_OVERLOADED);
	assert_int_equal(m->reserved, 0);
	memset(large, 'x', sizeof large - 1);
	memcpy(large, HEAD "X: ", sizeof(HEAD "X: ") - 1);
	http_message_reset(m, reserve, &budget);
	assert_int_equal(http_head_feed(m, large, 4000, &used), STATUS_OK);
	assert_int_equal(http_head_feed(m, large + 4000, 4000, &used), STATUS_OVERLOADED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_request_is_read_with_its_body_and_no_more),
	    cmocka_unit_test(test_chunks_extensions_and_trailers_are_read),
	    cmocka_unit_test(test_repeated_fields_are_found_one_by_one),
	    cmocka_unit_test(test_connection_and_version_decide_keep_alive),
	    cmocka_unit_test(test_malformed_requests_are_refused),
	    cmocka_unit_test(test_a_head_has_limits_of_size_and_fields),
	    cmocka_unit_test(test_a_body_has_a_limit),
	    cmocka_unit_test(test_chunk_framing_and_trailers_have_limits),
	    cmocka_unit_test(test_memory_is_asked_for_before_it_is_taken),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
