/* SPDX-License-Identifier: MIT
 * Green tasks: arenas and their budgets, stacks by the thousand, names and traces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/task/task_private.h"
#include "tests/unit/worker_fixture.h"

#define MANY (FIXTURE_SLOW ? 3000 : 10000)

/* --- arenas ---------------------------------------------------------------------------------- */

static _Atomic unsigned released;

static void
count_release(void *thing)
{
	(void)thing;
	released++;
}

static void
use_arena(void *arg)
{
	struct arena *arena = task_arena();

	(void)arg;
	assert(arena_used(arena) == 0);
	assert(arena_alloc(arena, 100000) != NULL);
	assert(arena_adopt(arena, arena, count_release) == 0);
	assert(released == 0);
}

static void
test_the_arena_ends_with_the_task(void **state)
{
	(void)state;
	released = 0;
	run_task(worker, use_arena, NULL);
	pause_ms(20);
	assert_int_equal(released, 1);
	released = 0;
	run_task(worker, use_arena, NULL); /* the pooled one starts empty */
}

static size_t fits;

static void
fill_arena(void *arg)
{
	(void)arg;
	fits = 0;
	while (fits < 1024 && arena_alloc(task_arena(), 1 << 20) != NULL)
		fits++;
}

static void
spawn_with_budget(void *arg)
{
	struct task_options options = {.name = "small", .arena_budget = *(size_t *)arg};

	for (int i = 0; i < 2; i++) {
		fits = SIZE_MAX;
		assert(task_spawn(&options, fill_arena, NULL) == STATUS_OK);
		while (fits == SIZE_MAX)
			assert(task_yield() == STATUS_OK);
	}
}

static void
test_the_arena_has_the_budget_asked_for(void **state)
{
	size_t small = (size_t)4 << 20, standard = 0;

	(void)state;
	run_task(worker, spawn_with_budget, &small);
	assert_in_range(fits, 2, 3);
	run_task(worker, spawn_with_budget, &standard);
	assert_in_range(fits, 28, 31);
	run_task(worker, spawn_with_budget, &small);
	assert_in_range(fits, 2, 3);
}

/* --- many ------------------------------------------------------------------------------------ */

static size_t
resident_kib(void)
{
	unsigned long total = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	assert(file != NULL && fscanf(file, "%lu %lu", &total, &resident) == 2);
	fclose(file);
	return resident * 4;
}

static unsigned parked, ended;
static bool go;

static void
park_deep(void *arg)
{
	volatile char deep[40000];

	memset((char *)(uintptr_t)deep, (int)(uintptr_t)arg, sizeof deep);
	parked++;
	while (!go)
		if (task_sleep(20) != STATUS_OK)
			break;
	assert(deep[0] == (char)(uintptr_t)arg && deep[39999] == deep[0]);
	ended++;
}

static void
park_many(void *arg)
{
	(void)arg;
	parked = ended = 0;
	go = false;
	for (uintptr_t i = 0; i < MANY; i++)
		spawn("parked", park_deep, (void *)(i & 0x7f));
	while (parked < MANY)
		assert(task_yield() == STATUS_OK);
	assert(worker_tasks(worker_current()) == MANY + 1);
	go = true;
	while (ended < MANY)
		assert(task_sleep(5) == STATUS_OK);
	assert(task_yield() == STATUS_OK);
	assert(worker_tasks(worker_current()) == 1);
}

static void
test_thousands_of_tasks_leave_little_behind(void **state)
{
	size_t before, after;

	(void)state;
	run_task(worker, park_many, NULL);
	before = resident_kib();
	run_task(worker, park_many, NULL);
	pause_ms(50);
	after = resident_kib();
	/* They touched 400 MB together; the pool keeps 32 warm stacks of some 48 KB. */
	printf("%u tasks: resident %zu KiB after the first time, %zu after the second\n", MANY,
	       before, after);
	if (!FIXTURE_SLOW)
		assert_in_range(after, 0, 40 << 10);
}

static struct wait waits[1000];

static __attribute__((noinline)) void
touch_deep(unsigned number)
{
	volatile char deep[60000];

	memset((char *)(uintptr_t)deep, (int)number, sizeof deep);
	assert(deep[sizeof deep / 2] == (char)number);
}

static void
park_long(void *arg)
{
	struct wait *wait = arg;
	unsigned number = (unsigned)(wait - waits);
	unsigned own[500];

	for (unsigned i = 0; i < COUNT_OF(own); i++)
		own[i] = number + i;
	touch_deep(number);
	parked++;
	assert(wait_for(wait) == STATUS_OK);
	for (unsigned i = 0; i < COUNT_OF(own); i++)
		assert(own[i] == number + i);
	touch_deep(number); /* all of it is there again */
	ended++;
}

static void
park_waits(void *arg)
{
	(void)arg;
	parked = ended = 0;
	for (size_t i = 0; i < COUNT_OF(waits); i++) {
		wait_init(&waits[i]);
		spawn("parked", park_long, &waits[i]);
	}
	while (parked < COUNT_OF(waits))
		assert(task_yield() == STATUS_OK);
}

static void
end_waits(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < COUNT_OF(waits); i++)
		wait_done(&waits[i]);
	while (ended < COUNT_OF(waits))
		assert(task_yield() == STATUS_OK);
}

static void
test_who_waits_for_long_keeps_only_its_frames(void **state)
{
	size_t before = resident_kib(), after;

	(void)state;
	run_task(worker, park_waits, NULL);
	after = resident_kib();
	assert_true(FIXTURE_SLOW || after > before + COUNT_OF(waits) * 40);
	for (int i = 0; i < 1000 && after > before + COUNT_OF(waits) * 20; i++) {
		pause_ms(20);
		after = resident_kib();
	}
	printf("%zu parked tasks: %zu KiB more\n", COUNT_OF(waits), after - before);
	assert_true(FIXTURE_SLOW || after <= before + COUNT_OF(waits) * 20);
	run_task(worker, end_waits, NULL);
}

static void
touch_stack(void *arg)
{
	volatile char bytes[4096];

	bytes[0] = 1;
	if (*(unsigned *)arg > 0) {
		(*(unsigned *)arg)--;
		touch_stack(arg);
	}
	assert(bytes[0] == 1);
}

static void
test_a_stack_holds_200_kib(void **state)
{
	unsigned depth = FIXTURE_SLOW ? 30 : 46;

	(void)state;
	run_task(worker, touch_stack, &depth);
}

/* In a process of its own, for it must die of it; nng is not involved, so fork() is safe. */
static void
test_an_overflow_hits_the_guard_page(void **state)
{
	int status;
	pid_t child;

	(void)state;
	if (FIXTURE_SLOW)
		return; /* the sanitizer's own death looks otherwise */
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		static const struct rlimit no_core = {0, 0};
		struct worker *own = worker_start("overflow");
		unsigned depth = 1000;

		setrlimit(RLIMIT_CORE, &no_core);
		if (own == NULL)
			_exit(3);
		run_task(own, touch_stack, &depth);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

/* --- names ----------------------------------------------------------------------------------- */

static void
describe(void *arg)
{
	static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

	(void)arg;
	assert(strlen(task_trace()) == 32 && strlen(task_traceparent()) == 55);
	task_describe("planner.Planner/GetPlan, a name that is longer than there is room for",
	              parent);
	assert(strcmp(task_trace(), "0af7651916cd43dd8448eb211c80319c") == 0);
	assert(strncmp(task_traceparent(), parent, 36) == 0);
	assert(strcmp(task_traceparent(), parent) != 0); /* a span of its own */
	assert(strlen(task_self()->name) == TASK_NAME_SIZE - 1);
}

static void
test_names_and_traces(void **state)
{
	(void)state;
	run_task(worker, describe, NULL);
	assert_string_equal(task_trace(), ""); /* not in a task */
	assert_null(task_self());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_overflow_hits_the_guard_page),
	    cmocka_unit_test(test_the_arena_ends_with_the_task),
	    cmocka_unit_test(test_the_arena_has_the_budget_asked_for),
	    cmocka_unit_test(test_thousands_of_tasks_leave_little_behind),
	    cmocka_unit_test(test_who_waits_for_long_keeps_only_its_frames),
	    cmocka_unit_test(test_a_stack_holds_200_kib),
	    cmocka_unit_test(test_names_and_traces),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
