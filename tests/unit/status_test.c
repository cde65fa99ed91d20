/* SPDX-License-Identifier: MIT
 * Outcomes: what the HTTP contract promises of each code, and that any wire value maps to one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/base/obj.h"
#include "common/base/status.h"

static void
test_http_contract(void **state)
{
	(void)state;
	static const struct {
		const char *slug;
		int http;
	} contract[] = {
	    {"invalid-json", 400},
	    {"bad-request", 400},
	    {"unauthenticated", 401},
	    {"forbidden-origin", 403},
	    {"not-found", 404},
	    {"method-not-allowed", 405},
	    {"not-acceptable", 406},
	    {"request-timeout", 408},
	    {"email-taken", 409},
	    {"conflict", 409},
	    {"precondition-failed", 412},
	    {"too-large", 413},
	    {"unsupported-media", 415},
	    {"validation", 422},
	    {"idempotency-key-reused", 422},
	    {"headers-too-large", 431},
	    {"throttled", 429},
	    {"quota-exceeded", 429},
	    {"internal", 500},
	    {"providers-failed", 502},
	    {"overloaded", 503},
	    {"dependency-down", 503},
	    {"deadline", 504},
	};
	for (size_t i = 0; i < COUNT_OF(contract); i++) {
		enum status status = status_from_wire(contract[i].slug, 13);
		assert_string_equal(status_slug(status), contract[i].slug);
		assert_int_equal(status_http(status), contract[i].http);
		assert_true(strlen(status_title(status)) > 0);
	}
}

static void
test_each_row_comes_back_from_the_wire(void **state)
{
	(void)state;
	for (int i = 0; i < STATUS_COUNT; i++) {
		enum status status = (enum status)i;
		assert_int_equal(status_from_wire(status_slug(status), status_grpc(status)),
		                 status);
		assert_in_range(status_grpc(status), 0, 16);
	}
}

static void
test_unknown_values(void **state)
{
	(void)state;
	assert_int_equal(status_from_wire("from-the-future", 5), STATUS_NOT_FOUND);
	assert_int_equal(status_from_wire(NULL, 16), STATUS_UNAUTHENTICATED);
	assert_int_equal(status_from_wire("from-the-future", 99), STATUS_INTERNAL);
	assert_int_equal(status_from_wire(NULL, -1), STATUS_INTERNAL);
	assert_string_equal(status_slug((enum status)STATUS_COUNT), "internal");
	assert_int_equal(status_http((enum status)1000), 500);
	assert_int_equal(status_http((enum status) - 1), 500);
}

static void
test_only_overload_and_outage_are_retryable(void **state)
{
	(void)state;
	for (int i = 0; i < STATUS_COUNT; i++)
		assert_int_equal(status_retryable((enum status)i),
		                 status_http((enum status)i) == 503);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_http_contract),
	    cmocka_unit_test(test_each_row_comes_back_from_the_wire),
	    cmocka_unit_test(test_unknown_values),
	    cmocka_unit_test(test_only_overload_and_outage_are_retryable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
