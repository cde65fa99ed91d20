/* SPDX-License-Identifier: MIT
 * A process's heap when a crowd has left. */
#include "common/service/heap.h"
#include "tests/unit/slow_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define BLOCKS 20000
#define BLOCK  8192

static char *blocks[BLOCKS];

static size_t
resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long all = 0, here = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &all, &here), 2);
	fclose(file);
	return here * (size_t)sysconf(_SC_PAGESIZE);
}

/* All but the last block, which holds the heap's top. */
static void
make_holes(void)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(BLOCK);
		assert_non_null(blocks[i]);
		memset(blocks[i], 1, BLOCK);
	}
	for (size_t i = 0; i + 1 < BLOCKS; i++)
		free(blocks[i]);
}

static void
test_memory_goes_back_when_a_crowd_has_gone(void **state)
{
	struct heap_crowd crowd = {0};
	size_t before;

	(void)state;
	heap_limit();
	make_holes();
	before = resident();
	assert_false(heap_trim(&crowd, 5000));
	assert_false(heap_trim(&crowd, 20));
	assert_false(heap_trim(&crowd, 20));
	assert_true(heap_trim(&crowd, 20));
	/* The sanitizers have a heap of their own, which gives nothing back. */
	if (!FIXTURE_SLOW)
		assert_true(resident() + (size_t)BLOCKS * BLOCK / 2 < before);
	assert_true(before > 0);
	free(blocks[BLOCKS - 1]);
}

static void
test_a_crowd_that_changes_or_is_small_costs_nothing(void **state)
{
	struct heap_crowd crowd = {0};

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_false(heap_trim(&crowd, i % 3 == 0 ? 5000 : 100));
	crowd = (struct heap_crowd){0};
	assert_false(heap_trim(&crowd, 200));
	for (int i = 0; i < 20; i++)
		assert_false(heap_trim(&crowd, 0));
	crowd = (struct heap_crowd){0};
	assert_false(heap_trim(&crowd, 5000));
	for (int i = 0; i < 20; i++)
		assert_false(heap_trim(&crowd, 3000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_memory_goes_back_when_a_crowd_has_gone),
	    cmocka_unit_test(test_a_crowd_that_changes_or_is_small_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
