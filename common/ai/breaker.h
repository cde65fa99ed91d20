/* SPDX-License-Identifier: MIT
 *
 * A circuit breaker: when most calls of the last while have failed, or a dozen in a row, nothing is
 * asked any more for a time; then a few probes go out, and the first that succeeds closes it again.
 * A failure is quick and an answer slow, so calls that began lately and have not ended count as
 * good ones: else the first failures among many calls at once would open it. Pure: the caller
 * brings the time (clock_ms()) and, where threads share it, the lock.
 */
#ifndef STUDYHALL_AI_BREAKER_H
#define STUDYHALL_AI_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_SLICES 12
#define BREAKER_YOUNG  4 /* slices that count as lately */

enum breaker_state {
	BREAKER_CLOSED,
	BREAKER_HALF_OPEN,
	BREAKER_OPEN
};

enum breaker_report {
	BREAKER_SUCCESS,
	BREAKER_FAILURE,
	BREAKER_NOTHING /* the call said nothing about the other side: cancelled, refused for a
	                   reason */
};

struct breaker_options {
	uint32_t window_ms;   /* what counts as the last while */
	unsigned least;       /* calls in the window below which the rate says nothing */
	unsigned percent;     /* of failures that opens it */
	unsigned in_a_row;    /* failures in a row that open it too */
	uint32_t open_ms;     /* for how long at first; doubled with each probe that fails */
	uint32_t open_max_ms; /* at most */
	unsigned probes;      /* at a time */
};
extern const struct breaker_options breaker_defaults;

struct breaker {
	struct breaker_options options;
	enum breaker_state state;
	uint64_t until_ms; /* open until */
	uint32_t open_ms;  /* the next time */
	unsigned probing;
	unsigned row;    /* failures in a row */
	uint32_t period; /* a number for the time between two changes of state */
	struct {
		uint64_t number; /* time / length of a slice */
		unsigned good, bad;
		unsigned pending; /* begun in it, and not ended */
	} slices[BREAKER_SLICES];
};

/* Of a call that was let out. */
struct breaker_ticket {
	uint32_t period;
	uint64_t slice;
};

void breaker_init(struct breaker *breaker, const struct breaker_options *options);
/* May a call go out? Then its outcome must be reported with the ticket, exactly once. */
bool breaker_admit(struct breaker *breaker, uint64_t now_ms, struct breaker_ticket *ticket);
/* Reports of calls that began before the state changed last are ignored. */
void breaker_report(struct breaker *breaker, const struct breaker_ticket *ticket, uint64_t now_ms,
                    enum breaker_report report);
enum breaker_state breaker_state(const struct breaker *breaker, uint64_t now_ms);

#endif
