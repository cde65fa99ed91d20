/* SPDX-License-Identifier: MIT
 * Arena: alignment, zeroing, budget, adoption order, reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/obj.h"

static void
test_pieces_are_zeroed_aligned_and_apart(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	unsigned char *pieces[400];
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		size_t size = i * 7 % 1500;
		pieces[i] = arena_alloc(arena, size);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % 16, 0);
		for (size_t j = 0; j < size; j++)
			assert_int_equal(pieces[i][j], 0);
		memset(pieces[i], (int)(i & 0xff), size);
	}
	for (size_t i = 0; i < COUNT_OF(pieces); i++)
		for (size_t j = 0; j < i * 7 % 1500; j++)
			assert_int_equal(pieces[i][j], i & 0xff);
	arena_free(&arena);
	assert_null(arena);
	arena_free(&arena);
}

/* A block filled to its last byte, and one byte too much for it; the sanitizer sees an overrun. */
static void
test_block_edges(void **state)
{
	(void)state;
	char text[5000];
	memset(text, 'x', sizeof text);
	for (size_t size = 1; size < 4500; size++) {
		struct arena *arena = arena_new(0);
		for (int i = 0; i < 3; i++) {
			const char *copy = arena_strndup(arena, text, size);
			assert_int_equal(strlen(copy), size);
		}
		arena_free(&arena);
	}
}

static void
test_memory_is_zeroed_after_reset_too(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	memset(arena_alloc(arena, 3000), 0xff, 3000);
	arena_reset(arena);
	assert_int_equal(arena_used(arena), 0);
	const unsigned char *bytes = arena_alloc(arena, 3000);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(bytes[i], 0);
	assert_int_equal(arena_used(arena), 3000);
	arena_free(&arena);
}

static void
test_budget_bounds_what_is_held(void **state)
{
	(void)state;
	struct arena *arena = arena_new(100000);
	assert_null(arena_alloc(arena, 100000));
	assert_null(arena_alloc(arena, SIZE_MAX));
	assert_null(arena_alloc(arena, SIZE_MAX - 16));
	size_t total = 0;
	while (arena_alloc(arena, 1000) != NULL)
		total += 1000;
	assert_in_range(total, 80000, 100000);
	assert_int_equal(arena_used(arena), total);
	assert_null(arena_alloc(arena, 5000));
	arena_reset(arena);
	assert_non_null(arena_alloc(arena, 90000));
	arena_free(&arena);

	arena = arena_new(1);
	assert_non_null(arena);
	assert_null(arena_alloc(arena, 1));
	arena_free(&arena);
}

static void
test_calloc_refuses_an_overflow(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	assert_null(arena_calloc(arena, SIZE_MAX / 2, 3));
	const int *numbers = arena_calloc(arena, 10, sizeof *numbers);
	assert_int_equal(numbers[9], 0);
	arena_free(&arena);
}

static void
test_texts(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	assert_string_equal(arena_strdup(arena, "history"), "history");
	assert_string_equal(arena_strndup(arena, "history", 4), "hist");
	assert_string_equal(arena_strndup(arena, NULL, 0), "");
	assert_memory_equal(arena_memdup(arena, "a\0b", 3), "a\0b", 3);
	assert_string_equal(arena_printf(arena, "%d-%s", 7, "x"), "7-x");
	for (int width = 250; width < 260; width++) {
		const char *text = arena_printf(arena, "%0*d", width, 5);
		assert_int_equal(strlen(text), width);
		assert_int_equal(text[width - 1], '5');
	}
	arena_free(&arena);
}

static char released[16];

static void
release_letter(void *thing)
{
	strncat(released, thing, 1);
}

static void
test_adopted_things_go_in_reverse_order(void **state)
{
	(void)state;
	released[0] = '\0';
	struct arena *arena = arena_new(0);
	assert_int_equal(arena_adopt(arena, "a", release_letter), 0);
	assert_non_null(arena_alloc(arena, 50000));
	assert_int_equal(arena_adopt(arena, "b", release_letter), 0);
	arena_reset(arena);
	assert_string_equal(released, "ba");
	assert_int_equal(arena_adopt(arena, "c", release_letter), 0);
	arena_free(&arena);
	assert_string_equal(released, "bac");

	arena = arena_new(1);
	assert_int_equal(arena_adopt(arena, "d", release_letter), -1);
	assert_string_equal(released, "bacd");
	arena_free(&arena);
	assert_string_equal(released, "bacd");
}

static void
test_protobuf_allocator_keeps_the_budget(void **state)
{
	(void)state;
	struct arena *arena = arena_new(20000);
	ProtobufCAllocator *allocator = arena_allocator(arena);
	void *bytes = allocator->alloc(allocator->allocator_data, 0);
	assert_non_null(bytes);
	allocator->free(allocator->allocator_data, bytes);
	assert_null(allocator->alloc(allocator->allocator_data, 30000));
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pieces_are_zeroed_aligned_and_apart),
	    cmocka_unit_test(test_block_edges),
	    cmocka_unit_test(test_memory_is_zeroed_after_reset_too),
	    cmocka_unit_test(test_budget_bounds_what_is_held),
	    cmocka_unit_test(test_calloc_refuses_an_overflow),
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_adopted_things_go_in_reverse_order),
	    cmocka_unit_test(test_protobuf_allocator_keeps_the_budget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
