/* SPDX-License-Identifier: MIT
 * The circuit breaker: a sliding window of slices, and three states that only breaker_change()
 * writes. */
#include "common/ai/breaker.h"

#include <string.h>

/* Three calls in ten may fail at random without opening it (one chance in 25,000 at the least count
 * of calls), for retries cope with that. */
const struct breaker_options breaker_defaults = {.window_ms = 30000,
                                                 .least = 20,
                                                 .percent = 70,
                                                 .in_a_row = 12,
                                                 .open_ms = 5000,
                                                 .open_max_ms = 60000,
                                                 .probes = 3};

void
breaker_init(struct breaker *breaker, const struct breaker_options *options)
{
	*breaker = (struct breaker){.options = *options, .open_ms = options->open_ms};
}

static void
breaker_change(struct breaker *breaker, enum breaker_state state, uint64_t now_ms)
{
	breaker->state = state;
	breaker->period++;
	breaker->probing = 0;
	breaker->row = 0;
	memset(breaker->slices, 0, sizeof breaker->slices);
	if (state == BREAKER_CLOSED)
		breaker->open_ms = breaker->options.open_ms;
	if (state != BREAKER_OPEN)
		return;
	breaker->until_ms = now_ms + breaker->open_ms;
	breaker->open_ms = breaker->open_ms > breaker->options.open_max_ms / 2
	                       ? breaker->options.open_max_ms
	                       : breaker->open_ms * 2;
}

static unsigned
breaker_slice(struct breaker *breaker, uint64_t now_ms)
{
	uint64_t number = now_ms / (breaker->options.window_ms / BREAKER_SLICES);
	unsigned i = (unsigned)(number % BREAKER_SLICES);

	if (breaker->slices[i].number != number) {
		memset(&breaker->slices[i], 0, sizeof breaker->slices[i]);
		breaker->slices[i].number = number;
	}
	return i;
}

bool
breaker_admit(struct breaker *breaker, uint64_t now_ms, struct breaker_ticket *ticket)
{
	if (breaker->state == BREAKER_OPEN && now_ms >= breaker->until_ms)
		breaker_change(breaker, BREAKER_HALF_OPEN, now_ms);
	if (breaker->state == BREAKER_OPEN ||
	    (breaker->state == BREAKER_HALF_OPEN && breaker->probing >= breaker->options.probes))
		return false;
	if (breaker->state == BREAKER_HALF_OPEN) {
		breaker->probing++;
		*ticket = (struct breaker_ticket){.period = breaker->period};
	} else {
		unsigned i = breaker_slice(breaker, now_ms);

		breaker->slices[i].pending++;
		*ticket = (struct breaker_ticket){breaker->period, breaker->slices[i].number};
	}
	return true;
}

/* Are so many failures too many among these and the others? */
static bool
breaker_too_many(const struct breaker *breaker, uint64_t bad, uint64_t others)
{
	return bad * 100 >= (bad + others) * breaker->options.percent;
}

static bool
breaker_must_open(const struct breaker *breaker, uint64_t number)
{
	uint64_t good = 0, bad = 0, young = 0;

	for (unsigned i = 0; i < BREAKER_SLICES; i++) {
		if (breaker->slices[i].number + BREAKER_SLICES <= number)
			continue;
		good += breaker->slices[i].good;
		bad += breaker->slices[i].bad;
		if (breaker->slices[i].number + BREAKER_YOUNG > number)
			young += breaker->slices[i].pending;
	}
	if (breaker->row >= breaker->options.in_a_row &&
	    breaker_too_many(breaker, breaker->row, young))
		return true;
	return good + bad >= breaker->options.least && breaker_too_many(breaker, bad, good + young);
}

static void
breaker_count(struct breaker *breaker, uint64_t now_ms, bool good)
{
	unsigned i = breaker_slice(breaker, now_ms);

	if (good) {
		breaker->slices[i].good++;
		breaker->row = 0;
		return;
	}
	breaker->slices[i].bad++;
	breaker->row++;
	if (breaker_must_open(breaker, breaker->slices[i].number))
		breaker_change(breaker, BREAKER_OPEN, now_ms);
}

void
breaker_report(struct breaker *breaker, const struct breaker_ticket *ticket, uint64_t now_ms,
               enum breaker_report report)
{
	if (ticket->period != breaker->period)
		return;
	if (breaker->state == BREAKER_CLOSED) {
		unsigned i = (unsigned)(ticket->slice % BREAKER_SLICES);

		if (breaker->slices[i].number == ticket->slice)
			breaker->slices[i].pending--;
		if (report != BREAKER_NOTHING)
			breaker_count(breaker, now_ms, report == BREAKER_SUCCESS);
		return;
	}
	breaker->probing--;
	if (report == BREAKER_SUCCESS)
		breaker_change(breaker, BREAKER_CLOSED, now_ms);
	else if (report == BREAKER_FAILURE)
		breaker_change(breaker, BREAKER_OPEN, now_ms);
}

enum breaker_state
breaker_state(const struct breaker *breaker, uint64_t now_ms)
{
	if (breaker->state == BREAKER_OPEN && now_ms >= breaker->until_ms)
		return BREAKER_HALF_OPEN;
	return breaker->state;
}
