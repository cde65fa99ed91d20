/* SPDX-License-Identifier: MIT
 * Pieces of a task's work: they end with their caller, or although it has ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/service/subtask.h"
#include "tests/unit/worker_fixture.h"

struct piece {
	enum status slept, ended;
	bool finish; /* subtask_finish() instead of subtask_run() */
	bool cancelled;
};

static void
piece_sleep(void *arg)
{
	struct piece *piece = arg;

	piece->slept = task_sleep(30);
}

static void
piece_task(void *arg)
{
	struct piece *piece = arg;

	if (piece->cancelled)
		task_cancel(task_self());
	else if (task_deadline() != UINT64_MAX)
		assert(task_sleep(10000) == STATUS_DEADLINE);
	piece->ended = piece->finish ? subtask_finish("piece", 10000, piece_sleep, piece)
	                             : subtask_run("piece", 10000, piece_sleep, piece);
}

static void
test_a_piece_ends_with_its_task(void **state)
{
	struct piece well = {.slept = STATUS_INTERNAL}, late = well, cancelled = well;

	(void)state;
	cancelled.cancelled = true;
	run_task(worker, piece_task, &well);
	assert_int_equal(well.slept, STATUS_OK);
	assert_int_equal(well.ended, STATUS_OK);
	run_task_until(worker, clock_ms() + 1, piece_task, &late);
	assert_int_not_equal(late.slept, STATUS_OK);
	assert_int_equal(late.ended, STATUS_DEADLINE);
	run_task(worker, piece_task, &cancelled);
	assert_int_equal(cancelled.slept, STATUS_INTERNAL); /* called off before it began */
	assert_int_equal(cancelled.ended, STATUS_CANCELLED);
}

static void
test_what_must_be_finished_is(void **state)
{
	struct piece late = {.slept = STATUS_INTERNAL, .finish = true}, cancelled = late;

	(void)state;
	cancelled.cancelled = true;
	run_task_until(worker, clock_ms() + 1, piece_task, &late);
	assert_int_equal(late.slept, STATUS_OK);
	assert_int_equal(late.ended, STATUS_OK);
	run_task(worker, piece_task, &cancelled);
	assert_int_equal(cancelled.slept, STATUS_OK);
	assert_int_equal(cancelled.ended, STATUS_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_piece_ends_with_its_task),
	    cmocka_unit_test(test_what_must_be_finished_is),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
