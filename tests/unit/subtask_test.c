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

/* Each of these waits for the others. */
struct meeting {
	unsigned *present;
	bool met;
};
#define MEETING 5

static void
meeting_task(void *arg)
{
	struct meeting *meeting = arg;
	enum status status = STATUS_OK;

	++*meeting->present;
	while (*meeting->present < MEETING && status == STATUS_OK)
		status = task_sleep(1);
	meeting->met = status == STATUS_OK;
}

static void
meetings_task(void *arg)
{
	struct meeting *meetings = arg;

	assert(subtask_each("meet", meeting_task, meetings, sizeof *meetings, MEETING) ==
	       STATUS_OK);
}

static void
pieces_task(void *arg)
{
	struct piece *pieces = arg;

	pieces[0].ended = subtask_each("piece", piece_sleep, pieces, sizeof *pieces, MEETING);
}

static void
test_all_run_at_the_same_time_and_end_with_their_task(void **state)
{
	unsigned present = 0;
	struct meeting meetings[MEETING];
	struct piece pieces[MEETING];

	(void)state;
	for (size_t i = 0; i < MEETING; i++) {
		meetings[i] = (struct meeting){.present = &present};
		pieces[i] =
		    (struct piece){.slept = STATUS_INTERNAL}; /* what it stays if never called */
	}
	run_task(worker, meetings_task, meetings);
	run_task_until(worker, clock_ms() + 1, pieces_task, pieces);
	assert_int_equal(pieces[0].ended, STATUS_DEADLINE);
	for (size_t i = 0; i < MEETING; i++) {
		assert_true(meetings[i].met);
		assert_int_not_equal(pieces[i].slept, STATUS_OK);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_piece_ends_with_its_task),
	    cmocka_unit_test(test_what_must_be_finished_is),
	    cmocka_unit_test(test_all_run_at_the_same_time_and_end_with_their_task),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
