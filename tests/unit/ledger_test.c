/* SPDX-License-Identifier: MIT
 * The stand-in's ledger: bounded, and safe to empty under calls that are under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/upstream/counts.h"
#include "tests/upstream/ledger.h"

static int
setup(void **state)
{
	*state = ledger_new();
	return *state != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	ledger_free((struct ledger **)state);
	return 0;
}

static struct ledger_ref
begin(struct ledger *ledger, const char *key, const char *mark)
{
	return ledger_begin(ledger, "gemini", "generateContent", key, mark);
}

static void
test_an_entry_shows_only_the_end_of_a_key(void **state)
{
	struct ledger *ledger = *state;

	assert_string_equal(ledger_entry(ledger, begin(ledger, "secret-abcd", "m"))->key, "abcd");
	assert_string_equal(ledger_entry(ledger, begin(ledger, "abc", "m"))->key, "abc");
	assert_string_equal(ledger_entry(ledger, begin(ledger, NULL, NULL))->key, "");
}

static void
test_a_long_mark_is_cut(void **state)
{
	struct ledger *ledger = *state;
	char mark[200];
	const struct ledger_entry *entry;

	memset(mark, 'm', sizeof mark - 1);
	mark[sizeof mark - 1] = '\0';
	entry = ledger_entry(ledger, begin(ledger, "k", mark));
	assert_int_equal(strlen(entry->mark), LEDGER_MARK_SIZE - 1);
}

static void
test_beyond_the_cap_calls_are_counted_and_not_kept(void **state)
{
	struct ledger *ledger = *state;
	struct ledger_ref ref;
	struct counts_filter filter = {.jobs = true};
	struct buf out;

	for (int i = 0; i < LEDGER_CAP; i++)
		assert_non_null(ledger_entry(ledger, begin(ledger, "k", "job:1:1")));
	ref = begin(ledger, "k", "job:1:1");
	assert_null(ledger_entry(ledger, ref));
	ledger_note_day(ledger, ref, 0, 1);
	ledger_end(ledger, ref, LEDGER_DELIVERED);
	assert_int_equal(ledger_calls(ledger), LEDGER_CAP + 1);
	assert_int_equal(ledger_recorded(ledger), LEDGER_CAP);
	buf_init(&out, 0);
	assert_true(counts_write(ledger, &filter, &out));
	assert_non_null(strstr(out.bytes, "\"calls\":1000001,\"complete\":false"));
	assert_non_null(strstr(out.bytes, "{\"name\":\"job\",\"calls\":1000000,"));
	buf_fini(&out);
}

static void
test_a_call_that_began_before_the_ledger_was_emptied_is_forgotten(void **state)
{
	struct ledger *ledger = *state;
	struct ledger_ref old = begin(ledger, "k", "old"), fresh;

	ledger_note_day(ledger, old, 0, 3);
	ledger_clear(ledger);
	fresh = begin(ledger, "k", "fresh");
	assert_null(ledger_entry(ledger, old));
	ledger_end(ledger, old, LEDGER_DELIVERED);
	assert_int_equal(ledger_entry(ledger, fresh)->outcome, LEDGER_OPEN);
	assert_int_equal(ledger_entry(ledger, fresh)->number, 1);
}

static void
test_groups_whose_names_begin_alike_stay_apart(void **state)
{
	static const char *const marks[] = {"a:1:1", "ab:1:1", "a:1:1", "a", "", "a:1:10"};
	struct ledger *ledger = *state;
	struct counts_filter filter = {.jobs = false};
	struct buf out;

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
		ledger_end(ledger, begin(ledger, "k", marks[i]),
		           i == 0 ? LEDGER_FAILED : LEDGER_DELIVERED);
	buf_init(&out, 0);
	assert_true(counts_write(ledger, &filter, &out));
	assert_non_null(strstr(out.bytes, "{\"name\":\"a\",\"calls\":1,"));
	assert_non_null(strstr(out.bytes, "{\"name\":\"a:1:1\",\"calls\":2,\"open\":0,"
	                                  "\"delivered\":1,\"aborted\":0,\"failed\":1}"));
	assert_non_null(strstr(out.bytes, "\"distinct\":4,\"marked\":5,\"calls\":6"));
	buf_clear(&out);
	filter = (struct counts_filter){.jobs = true, .min_calls = 2};
	assert_true(counts_write(ledger, &filter, &out));
	assert_non_null(strstr(out.bytes, "{\"name\":\"a\",\"calls\":4,"));
	assert_null(strstr(out.bytes, "\"ab\""));
	buf_fini(&out);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_an_entry_shows_only_the_end_of_a_key),
	    TEST(test_a_long_mark_is_cut),
	    TEST(test_beyond_the_cap_calls_are_counted_and_not_kept),
	    TEST(test_a_call_that_began_before_the_ledger_was_emptied_is_forgotten),
	    TEST(test_groups_whose_names_begin_alike_stay_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
