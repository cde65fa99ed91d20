/* SPDX-License-Identifier: MIT
 * A shorter page cut out of a packed one is the page that would have been packed. */
#include "common/base/arena.h"
#include "common/base/ids.h"
#include "services/history/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define EVENTS 25

static struct arena *arena;
static struct history_event events[EVENTS];
static char ids[EVENTS][16];
static char long_note[300];

static int
page_test_set_up(void **state)
{
	(void)state;
	arena = arena_new(0);
	memset(long_note, 'n', sizeof long_note - 1);
	for (int i = 0; i < EVENTS; i++) {
		snprintf(ids[i], sizeof ids[i], "e%d", i);
		events[i] = (struct history_event){.id = ids[i],
		                                   .type = i % 6,
		                                   .at_ms = 1763822593123 - i * 777,
		                                   .subject = i % 3 == 0 ? NULL : "수학",
		                                   .has_minutes = i % 2 == 0,
		                                   .minutes = 30,
		                                   .note = i % 4 == 0 ? long_note : NULL};
	}
	return arena != NULL ? 0 : -1;
}

static int
page_test_tear_down(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void
page_test_cut_equals_packed(void **state)
{
	static const size_t counts[] = {0, 1, 5, 19, 20, 21};

	(void)state;
	for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
		size_t whole_length;
		const void *whole =
		    page_pack(arena, PAGE_LIST, "u", events, counts[c], 20, &whole_length);

		assert_non_null(whole);
		for (size_t limit = 1; limit <= 20; limit++) {
			size_t length, expected_length;
			const void *cut = page_cut(arena, "u", whole, whole_length, limit, &length);
			const void *expected = page_pack(arena, PAGE_LIST, "u", events, counts[c],
			                                 limit, &expected_length);

			assert_non_null(cut);
			assert_int_equal(length, expected_length);
			assert_memory_equal(cut, expected, length);
		}
	}
}

static void
page_test_cursor_names_the_last_item(void **state)
{
	History__EventPage *page;
	struct cursor cursor;
	size_t length;
	const void *bytes = page_pack(arena, PAGE_LIST, "u", events, 11, 10, &length);

	(void)state;
	page = history__event_page__unpack(arena_allocator(arena), length, bytes);
	assert_non_null(page);
	assert_int_equal(page->n_items, 10);
	assert_string_equal(page->items[0]->at, "2025-11-22T14:43:13.123Z");
	assert_true(cursor_parse(page->next_cursor, PAGE_LIST, "u", &cursor));
	assert_int_equal(cursor.key, events[9].at_ms);
	assert_string_equal(cursor.id, events[9].id);
}

static void
page_test_rubbish_is_no_page(void **state)
{
	static const unsigned char short_item[] = {0x0a, 0x05, 0x01};
	static const unsigned char endless[] = {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const unsigned char no_event[] = {0x0a, 0x01, 0xff, 0x0a, 0x00};
	size_t length;

	(void)state;
	/* Without a whole item there is nothing to cut; with one that is no event, no page. */
	assert_ptr_equal(page_cut(arena, "u", short_item, sizeof short_item, 1, &length),
	                 short_item);
	assert_ptr_equal(page_cut(arena, "u", endless, sizeof endless, 1, &length), endless);
	assert_null(page_cut(arena, "u", no_event, sizeof no_event, 1, &length));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(page_test_cut_equals_packed),
	    cmocka_unit_test(page_test_cursor_names_the_last_item),
	    cmocka_unit_test(page_test_rubbish_is_no_page),
	};

	if (ids_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, page_test_set_up, page_test_tear_down);
}
