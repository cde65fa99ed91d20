/* SPDX-License-Identifier: MIT
 * A list of waits, each on its task's stack. Who is let go is taken off the list there and then,
 * who is cancelled takes itself off: nobody touches a wait that is gone. */
#include "tests/upstream/hold.h"

#include "common/task/task.h"

#include <string.h>

struct hold {
	struct hold *previous, *next;
	const char *mark; /* "" if none */
	struct wait wait;
	bool held;
};

static void
hold_unlink(struct holds *holds, struct hold *hold)
{
	if (hold->previous != NULL)
		hold->previous->next = hold->next;
	else
		holds->first = hold->next;
	if (hold->next != NULL)
		hold->next->previous = hold->previous;
	else
		holds->last = hold->previous;
	holds->count--;
	hold->held = false;
}

bool
hold_wait(struct holds *holds, const char *mark)
{
	struct hold hold = {.mark = mark != NULL ? mark : "", .held = true};
	enum status status;

	wait_init(&hold.wait);
	hold.previous = holds->last;
	if (holds->last != NULL)
		holds->last->next = &hold;
	else
		holds->first = &hold;
	holds->last = &hold;
	holds->count++;
	status = wait_for(&hold.wait);
	if (hold.held)
		hold_unlink(holds, &hold);
	return status == STATUS_OK;
}

size_t
hold_release(struct holds *holds, const char *mark, size_t most)
{
	struct hold *hold = holds->first, *next;
	size_t released = 0;

	for (; hold != NULL && released < most; hold = next) {
		next = hold->next;
		if (mark != NULL && strncmp(hold->mark, mark, strlen(mark)) != 0)
			continue;
		hold_unlink(holds, hold);
		wait_done(&hold->wait);
		released++;
	}
	return released;
}
