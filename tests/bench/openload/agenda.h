/* SPDX-License-Identifier: MIT
 *
 * What is due when: a heap of moments on a loop, kept by a timer of microseconds (libuv's own know
 * milliseconds). Loop thread only.
 */
#ifndef STUDYHALL_TESTS_OPENLOAD_AGENDA_H
#define STUDYHALL_TESTS_OPENLOAD_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* `due_us`: when it was to be, on clock_us(); what is late is told so. */
typedef void agenda_fn(void *arg, uint64_t due_us);

struct agenda_entry {
	uint64_t due_us;
	agenda_fn *fn;
	void *arg;
};

struct agenda {
	uv_poll_t poll;
	int timer;
	struct agenda_entry *entries; /* a heap */
	size_t count, space;
	uint64_t late_us; /* the greatest lateness so far */
	bool running;     /* sets the timer itself when it is done */
};

/* -1: no timer. The agenda must stay until the loop has ended. */
int agenda_open(struct agenda *agenda, uv_loop_t *loop);
/* Runs fn once, at that moment or as soon as the loop can. */
void agenda_add(struct agenda *agenda, uint64_t due_us, agenda_fn *fn, void *arg);
/* Nothing runs any more; lets the loop end. */
void agenda_close(struct agenda *agenda);

#endif
