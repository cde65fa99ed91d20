/* SPDX-License-Identifier: MIT
 * The Prefer field: what counts, what is cut, and what is as if it were not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/obj.h"
#include "common/io/http_prefer.h"

struct example {
	const char *field, *text;
	uint32_t wait_s;
};

static void
check(const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct http_prefer prefer;
		char text[HTTP_PREFER_SIZE];
		http_prefer_parse(examples[i].field, &prefer);
		http_prefer_format(&prefer, text);
		if (strcmp(text, examples[i].text) != 0 ||
		    http_prefer_wait_s(&prefer) != examples[i].wait_s)
			fail_msg("%s reads as \"%s\" and waits %u s", examples[i].field, text,
			         http_prefer_wait_s(&prefer));
	}
}

static void
preferences_are_read(void **state)
{
	(void)state;
	static const struct example examples[] = {
	    {NULL, "", 110},
	    {"", "", 110},
	    {"respond-async", "respond-async", 0},
	    {"Respond-Async", "respond-async", 0},
	    {"respond-async=\"\"", "respond-async", 0},
	    {"wait=10", "wait=10", 10},
	    {"wait=\"10\"", "wait=10", 10},
	    {"WAIT = 10", "wait=10", 10},
	    {"wait=0", "wait=0", 0},
	    {"wait=007", "wait=7", 7},
	    {"wait=10, respond-async", "respond-async, wait=10", 10},
	    {"respond-async;x=\"a, b\";y, wait=5;z=1", "respond-async, wait=5", 5},
	    {"handling=lenient,, return=minimal , wait=3", "wait=3", 3},
	};
	check(examples, COUNT_OF(examples));
}

static void
the_first_of_a_kind_counts(void **state)
{
	(void)state;
	static const struct example examples[] = {
	    {"wait=3, wait=9", "wait=3", 3},
	    {"wait=soon, wait=9", "", 110},
	    {"respond-async=1, respond-async", "", 110},
	};
	check(examples, COUNT_OF(examples));
}

static void
a_longer_wait_is_cut(void **state)
{
	(void)state;
	static const struct example examples[] = {
	    {"wait=110", "wait=110", 110},
	    {"wait=111", "wait=110", 110},
	    {"wait=4294967297", "wait=110", 110},
	    {"wait=99999999999999999999999999999999", "wait=110", 110},
	};
	check(examples, COUNT_OF(examples));
}

static void
what_is_malformed_is_ignored(void **state)
{
	(void)state;
	static const struct example examples[] = {
	    {"wait", "", 110},
	    {"wait=", "", 110},
	    {"wait=\"\"", "", 110},
	    {"wait=-1", "", 110},
	    {"wait=+1", "", 110},
	    {"wait=1.5", "", 110},
	    {"wait=1s", "", 110},
	    {"wait=1 0", "", 110},
	    {"wait=\"10", "", 110},
	    {"wait=0x10", "", 110},
	    {"wait;x=5", "", 110},
	    {"await=5, wait-for=5", "", 110},
	    {"x=\"wait=5, respond-async\"", "", 110},
	    {"x=\"never closed, respond-async", "", 110},
	    {"respond async", "", 110},
	    {"=5, ;, \"wait\"=5", "", 110},
	    {"wait=5;respond-async", "wait=5", 5},
	};
	check(examples, COUNT_OF(examples));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(preferences_are_read),
	    cmocka_unit_test(the_first_of_a_kind_counts),
	    cmocka_unit_test(a_longer_wait_is_cut),
	    cmocka_unit_test(what_is_malformed_is_ignored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
