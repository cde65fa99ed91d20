/* SPDX-License-Identifier: MIT
 * Field values, dates, targets: what strangers write, read strictly. */
#include "common/io/http.h"

#include "common/base/obj.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void
test_dates_are_imf_fixdate(void **state)
{
	char text[HTTP_DATE_SIZE];

	(void)state;
	http_date_format(784111777, text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	http_date_format(0, text);
	assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_int_equal(strlen(http_date_now()), 29);
}

static void
test_all_three_date_forms_are_read(void **state)
{
	static const char *const good[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
	                                   "Sunday, 06-Nov-94 08:49:37 GMT",
	                                   "Sun Nov  6 08:49:37 1994"};
	static const char *const bad[] = {"",
	                                  "Sun, 06 Nov 1994 08:49:37",
	                                  "Sun, 31 Feb 1994 08:49:37 GMT",
	                                  "Sun, 06 Nov 1994 24:49:37 GMT",
	                                  "Sun, 06 Foo 1994 08:49:37 GMT",
	                                  "Sun, 06 Nov 1994 08:49:37 GMT ",
	                                  "1994-11-06T08:49:37Z"};
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_true(http_date_parse(good[i], &seconds));
		assert_int_equal(seconds, 784111777);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(http_date_parse(bad[i], &seconds));
	assert_false(http_date_parse(NULL, &seconds));
}

static void
test_list_elements_are_found_without_case(void **state)
{
	char value[8];

	(void)state;
	assert_true(http_list_find("respond-async, Wait=10; x=y", "wait", value, sizeof value));
	assert_string_equal(value, "10");
	assert_true(http_list_find("wait = \"1\\\"0\"", "wait", value, sizeof value));
	assert_string_equal(value, "1\"0");
	assert_true(http_list_find("a,, Respond-Async", "respond-async", value, sizeof value));
	assert_string_equal(value, "");
	assert_false(http_list_find("x=\"wait=1, wait=2\"", "wait", value, sizeof value));
	assert_false(http_list_find("await=1, wait2=3", "wait", value, sizeof value));
	assert_false(http_list_find("wait=12345678", "wait", value, sizeof value));
	assert_false(http_list_find(NULL, "wait", value, sizeof value));
}

static void
test_media_types_compare_without_parameters(void **state)
{
	char value[16];

	(void)state;
	assert_true(http_media_type_is("Application/JSON; charset=utf-8", "application/json"));
	assert_true(http_media_type_is(" application/json ", "application/json"));
	assert_false(http_media_type_is("application/jsonx", "application/json"));
	assert_false(http_media_type_is(NULL, "application/json"));
	assert_true(http_media_type_parameter("text/plain; charset=\"UTF-8\"", "Charset", value,
	                                      sizeof value));
	assert_string_equal(value, "UTF-8");
	assert_false(http_media_type_parameter("text/plain; a=b", "charset", value, sizeof value));
}

static void
test_accept_prefers_the_specific_range(void **state)
{
	static const char *const offers[] = {"application/json", "text/event-stream", "audio/wav"};

	(void)state;
	assert_int_equal(http_accept_quality(NULL, "a/b"), 1000);
	assert_int_equal(http_accept_quality("", "a/b"), 1000);
	assert_int_equal(http_accept_quality("a/*;q=0.5, */*;q=0.1, a/b;q=0.25", "a/b"), 250);
	assert_int_equal(http_accept_quality("a/*;q=0.5, */*;q=0.1", "a/b"), 500);
	assert_int_equal(http_accept_quality("a/*;q=0.5, */*;q=0.1", "c/b"), 100);
	assert_int_equal(http_accept_quality("a/b;q=0, */*", "a/b"), 0);
	assert_int_equal(http_accept_quality("text/html", "a/b"), 0);
	assert_int_equal(http_accept_quality("a/b;q=7", "a/b"), 0);
	assert_int_equal(http_accept_best(NULL, offers, 3), 0);
	assert_int_equal(http_accept_best("audio/*", offers, 3), 2);
	assert_int_equal(http_accept_best("text/event-stream, */*;q=0.1", offers, 3), 1);
	assert_int_equal(http_accept_best("text/html", offers, 3), -1);
}

static void
test_identity_is_fine_unless_excluded(void **state)
{
	(void)state;
	assert_int_equal(http_coding_quality("gzip;q=0.5, br", "br"), 1000);
	assert_int_equal(http_coding_quality("gzip;q=0.5, br", "gzip"), 500);
	assert_int_equal(http_coding_quality("gzip", "br"), 0);
	assert_int_equal(http_coding_quality("*", "br"), 1000);
	assert_int_equal(http_coding_quality(NULL, "gzip"), 0);
	assert_int_equal(http_coding_quality("gzip", "identity"), 1000);
	assert_int_equal(http_coding_quality("*;q=0", "identity"), 0);
	assert_int_equal(http_coding_quality("identity;q=0", "identity"), 0);
}

static void
test_etags_match_weakly_or_strongly(void **state)
{
	(void)state;
	assert_true(http_etag_match_weak("\"a\", W/\"b\"", "\"b\""));
	assert_false(http_etag_match_strong("\"a\", W/\"b\"", "\"b\""));
	assert_true(http_etag_match_strong("\"a\", \"b,c\"", "\"b,c\""));
	assert_false(http_etag_match_strong("W/\"a\"", "W/\"a\""));
	assert_true(http_etag_match_strong("*", "\"x\""));
	assert_false(http_etag_match_strong("*", NULL));
	assert_false(http_etag_match_weak("\"A\"", "\"a\""));
	assert_false(http_etag_match_weak("a", "\"a\""));
	assert_false(http_etag_match_weak(NULL, "\"a\""));
}

static void
test_a_cookie_given_twice_counts_for_nothing(void **state)
{
	char value[8];

	(void)state;
	assert_true(http_cookie_find("a=1; session=tok=en; b=2", "session", value, sizeof value));
	assert_string_equal(value, "tok=en");
	assert_false(http_cookie_find("session=1; session=2", "session", value, sizeof value));
	assert_false(http_cookie_find("Session=1", "session", value, sizeof value));
	assert_false(http_cookie_find("session=12345678", "session", value, sizeof value));
	assert_false(http_cookie_find(NULL, "session", value, sizeof value));
}

static void
test_traceparent_must_be_exact(void **state)
{
	static const char good[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	char text[sizeof good];

	(void)state;
	assert_true(http_traceparent_valid(good));
	for (size_t i = 0; i < sizeof good - 1; i++) {
		memcpy(text, good, sizeof good);
		text[i] = 'X';
		assert_false(http_traceparent_valid(text));
	}
	assert_false(
	    http_traceparent_valid("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
	assert_false(
	    http_traceparent_valid("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
	assert_false(http_traceparent_valid(NULL));
}

static bool
parse(struct http_target *target, const char *method, const char *text)
{
	static char *scratch; /* just as large as is asked for: AddressSanitizer watches its end */

	free(scratch);
	scratch = malloc(http_target_room(text, strlen(text)));
	assert_non_null(scratch);
	return http_target_parse(target, method, text, strlen(text), scratch);
}

static void
test_targets_are_taken_apart(void **state)
{
	struct http_target t;

	(void)state;
	assert_true(parse(&t, "GET", "/v1/pl%61ns/%ED%95%9C?limit=10&q=a+b%26c&flag&=&x=1=2"));
	assert_int_equal(t.segment_count, 3);
	assert_string_equal(t.segments[1], "plans");
	assert_string_equal(t.segments[2], "\xed\x95\x9c");
	assert_int_equal(t.path_length, strlen("/v1/pl%61ns/%ED%95%9C"));
	assert_int_equal(t.param_count, 5);
	assert_string_equal(t.params[0].name, "limit");
	assert_string_equal(t.params[0].value, "10");
	assert_string_equal(t.params[1].value, "a b&c");
	assert_string_equal(t.params[2].name, "flag");
	assert_string_equal(t.params[2].value, "");
	assert_string_equal(t.params[4].value, "1=2");
	assert_true(parse(&t, "GET", "/"));
	assert_int_equal(t.segment_count, 0);
	assert_true(parse(&t, "GET", "/a/"));
	assert_int_equal(t.segment_count, 2);
	assert_string_equal(t.segments[1], "");
	assert_true(parse(&t, "GET", "/a%2Fb"));
	assert_int_equal(t.segment_count, 1);
	assert_string_equal(t.segments[0], "a/b");
}

static void
test_absolute_and_asterisk_forms_are_known(void **state)
{
	struct http_target t;

	(void)state;
	assert_true(parse(&t, "GET", "HTTP://example.com:80/a?b"));
	assert_int_equal(t.authority_length, strlen("example.com:80"));
	assert_string_equal(t.segments[0], "a");
	assert_true(parse(&t, "GET", "http://[::1]:80"));
	assert_int_equal(t.path_length, 1);
	assert_true(parse(&t, "OPTIONS", "*"));
	assert_false(parse(&t, "GET", "*"));
	assert_false(parse(&t, "GET", "http://user@host/"));
	assert_false(parse(&t, "GET", "http:///x"));
	assert_false(parse(&t, "GET", "ftp://host/"));
	assert_false(parse(&t, "CONNECT", "host:80"));
}

static void
test_bad_targets_are_refused(void **state)
{
	static const char *const bad[] = {"",        "a",     "/%",   "/%4",       "/%zz", "/%00",
	                                  "/a/../b", "/.",    "/%2e", "/%2E.",     "/a#b", "/a b",
	                                  "/a\x7f",  "/\xff", "/%ff", "/a/%2e%2e", "/<",   "/a\\b",
	                                  "/\x01",   "/\"",   "//.."};
	char many[400] = "", params[400] = "/?";
	struct http_target t;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(parse(&t, "GET", bad[i]));
	for (size_t i = 0; i <= HTTP_SEGMENTS; i++) {
		assert_int_equal(i == 0 || parse(&t, "GET", many), true);
		strcat(many, "/x");
	}
	assert_false(parse(&t, "GET", many));
	for (size_t i = 0; i <= HTTP_PARAMS; i++) {
		assert_true(parse(&t, "GET", params));
		strcat(params, "a&");
	}
	assert_false(parse(&t, "GET", params));
}

static void
test_malformed_parameters_are_left_to_who_knows_them(void **state)
{
	static const char *const values[] = {"/?a=%", "/?a=%u", "/?a=%C3%28", "/?a=1%00", "/?a=%4"};
	static const char *const names[] = {"/?%=1", "/?%00=1", "/?a%ff", "/?%zz=%zz"};
	struct http_target t;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		assert_true(parse(&t, "GET", values[i]));
		assert_int_equal(t.param_count, 1);
		assert_string_equal(t.params[0].name, "a");
		assert_null(t.params[0].value);
	}
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		assert_true(parse(&t, "GET", names[i]));
		assert_int_equal(t.param_count, 0);
	}
	assert_true(parse(&t, "GET", "/?%ff=1&x=%ff&b=2"));
	assert_int_equal(t.param_count, 2);
	assert_string_equal(t.params[1].name, "b");
	assert_string_equal(t.params[1].value, "2");
}

static void
test_hosts_are_names_addresses_and_ports(void **state)
{
	static const char *const good[] = {"a",        "example.com", "example.com:8080", "[::1]",
	                                   "[::1]:80", "127.0.0.1:1", "under_score",      "a:"};
	static const char *const bad[] = {"",     "a b",   "a:b",    "a:99999", "a:123456",
	                                  "[::1", "[]",    "[x]:80", "a/b",     "a@b",
	                                  ":80",  "a:1:2", "a\"",    "[::1]x",  "\xc3\xa4"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(http_host_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(http_host_valid(bad[i], strlen(bad[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dates_are_imf_fixdate),
	    cmocka_unit_test(test_all_three_date_forms_are_read),
	    cmocka_unit_test(test_list_elements_are_found_without_case),
	    cmocka_unit_test(test_media_types_compare_without_parameters),
	    cmocka_unit_test(test_accept_prefers_the_specific_range),
	    cmocka_unit_test(test_identity_is_fine_unless_excluded),
	    cmocka_unit_test(test_etags_match_weakly_or_strongly),
	    cmocka_unit_test(test_a_cookie_given_twice_counts_for_nothing),
	    cmocka_unit_test(test_traceparent_must_be_exact),
	    cmocka_unit_test(test_targets_are_taken_apart),
	    cmocka_unit_test(test_absolute_and_asterisk_forms_are_known),
	    cmocka_unit_test(test_bad_targets_are_refused),
	    cmocka_unit_test(test_malformed_parameters_are_left_to_who_knows_them),
	    cmocka_unit_test(test_hosts_are_names_addresses_and_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
