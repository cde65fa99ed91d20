/* SPDX-License-Identifier: MIT
 *
 * Calls that wait until a test lets them go on: no clock has to be guessed. One thread.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_HOLD_H
#define STUDYHALL_TESTS_UPSTREAM_HOLD_H

#include <stdbool.h>
#include <stddef.h>

struct hold; /* a call that waits */

struct holds {
	struct hold *first, *last; /* oldest first */
	size_t count;
};

/* Waits, from a task. `mark` may be NULL and stays valid. False: the task was cancelled. */
bool hold_wait(struct holds *holds, const char *mark);
/* Lets go at most `most` calls, the oldest first, whose mark begins with `mark` (NULL: all); gives
 * how many. */
size_t hold_release(struct holds *holds, const char *mark, size_t most);

#endif
