/* SPDX-License-Identifier: MIT
 * A binary heap before one timerfd, which always shows its first moment. */
#include "tests/bench/openload/agenda.h"

#include "common/base/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define AGENDA_TURN 256 /* entries */

/* Sets the timer to the first entry; without one it stays quiet. */
static void
agenda_arm(const struct agenda *agenda)
{
	struct itimerspec when = {.it_value = {0}};

	if (agenda->count > 0) {
		uint64_t due = agenda->entries[0].due_us;

		when.it_value.tv_sec = (time_t)(due / 1000000);
		when.it_value.tv_nsec = (long)(due % 1000000) * 1000 + 1;
	}
	timerfd_settime(agenda->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void
agenda_sink(struct agenda *agenda, struct agenda_entry entry)
{
	size_t hole = 0, child;

	while ((child = 2 * hole + 1) < agenda->count) {
		if (child + 1 < agenda->count &&
		    agenda->entries[child + 1].due_us < agenda->entries[child].due_us)
			child++;
		if (entry.due_us <= agenda->entries[child].due_us)
			break;
		agenda->entries[hole] = agenda->entries[child];
		hole = child;
	}
	agenda->entries[hole] = entry;
}

static void
agenda_poll_cb(uv_poll_t *poll, int status, int events)
{
	struct agenda *agenda = poll->data;
	uint64_t now, expirations;

	(void)status;
	(void)events;
	(void)!read(agenda->timer, &expirations, sizeof expirations);
	agenda->running = true;
	/* Then what has come is looked at, however much is due. */
	for (unsigned i = 0; i < AGENDA_TURN && agenda->count > 0 &&
	                     agenda->entries[0].due_us <= (now = clock_us());
	     i++) {
		struct agenda_entry due = agenda->entries[0];

		agenda->count--;
		if (agenda->count > 0)
			agenda_sink(agenda, agenda->entries[agenda->count]);
		if (now - due.due_us > agenda->late_us)
			agenda->late_us = now - due.due_us;
		due.fn(due.arg, due.due_us);
	}
	agenda->running = false;
	agenda_arm(agenda);
}

int
agenda_open(struct agenda *agenda, uv_loop_t *loop)
{
	*agenda =
	    (struct agenda){.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
	if (agenda->timer < 0 || uv_poll_init(loop, &agenda->poll, agenda->timer) != 0)
		return -1;
	agenda->poll.data = agenda;
	return uv_poll_start(&agenda->poll, UV_READABLE, agenda_poll_cb);
}

void
agenda_add(struct agenda *agenda, uint64_t due_us, agenda_fn *fn, void *arg)
{
	struct agenda_entry entry = {due_us, fn, arg};
	size_t hole = agenda->count++;

	if (agenda->count > agenda->space) {
		agenda->space = agenda->space > 0 ? 2 * agenda->space : 1024;
		agenda->entries =
		    realloc(agenda->entries, agenda->space * sizeof agenda->entries[0]);
		assert(agenda->entries != NULL);
	}
	for (; hole > 0 && agenda->entries[(hole - 1) / 2].due_us > due_us; hole = (hole - 1) / 2)
		agenda->entries[hole] = agenda->entries[(hole - 1) / 2];
	agenda->entries[hole] = entry;
	if (hole == 0 && !agenda->running)
		agenda_arm(agenda);
}

void
agenda_close(struct agenda *agenda)
{
	uv_poll_stop(&agenda->poll);
	uv_close((uv_handle_t *)&agenda->poll, NULL);
	agenda->count = 0;
	free(agenda->entries);
	agenda->entries = NULL;
}
