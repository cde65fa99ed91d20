/* SPDX-License-Identifier: MIT
 * One worker for all tests of a program: setup and teardown of their group. */
#ifndef STUDYHALL_TESTS_WORKER_FIXTURE_H
#define STUDYHALL_TESTS_WORKER_FIXTURE_H

#include "tests/unit/task_fixture.h"

static struct worker *worker;

static int
setup(void **state)
{
	(void)state;
	worker = fixture_worker("test");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fixture_end(worker);
	return 0;
}

#endif
