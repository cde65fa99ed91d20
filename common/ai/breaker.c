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

bool
breaker_admit(struct breaker *breaker, uint64_t now_ms, uint32_t *ticket)
{
	if (breaker->state == BREAKER_OPEN && now_ms >= breaker->until_ms)
		breaker_change(breaker, BREAKER_HALF_OPEN, now_ms);
	if (breaker->state == BREAKER_OPEN ||
	    (breaker->state == BREAKER_HALF_OPEN && breaker->probing >= breaker->options.probes))
		return false;
	if (breaker->state == BREAKER_HALF_OPEN)
		breaker->probing++;
	*ticket = breaker->period;
	return true;
}

static bool
breaker_must_open(const struct breaker *breaker, uint64_t number)
{
	unsigned good = 0, bad = 0;

	if (breaker->row >= breaker->options.in_a_row)
		return true;
	for (unsigned i = 0; i < BREAKER_SLICES; i++) {
		if (breaker->slices[i].number + BREAKER_SLICES > number) {
			good += breaker->slices[i].good;
			bad += breaker->slices[i].bad;
		}
	}
	return good + bad >= breaker->options.least &&
	       (uint64_t)bad * 100 >= (uint64_t)(good + bad) * breaker->options.percent;
}

static void
breaker_count(struct breaker *breaker, uint64_t now_ms, bool good)
{
	uint64_t number = now_ms / (breaker->options.window_ms / BREAKER_SLICES);
	unsigned i = (unsigned)(number % BREAKER_SLICES);

	if (breaker->slices[i].number != number) {
		breaker->slices[i].number = number;
		breaker->slices[i].good = breaker->slices[i].bad = 0;
	}
	if (good) {
		breaker->slices[i].good++;
		breaker->row = 0;
		return;
	}
	breaker->slices[i].bad++;
	breaker->row++;
	if (breaker_must_open(breaker, number))
		breaker_change(breaker, BREAKER_OPEN, now_ms);
}

void
breaker_report(struct breaker *breaker, uint32_t ticket, uint64_t now_ms,
               enum breaker_report report)
{
	if (ticket != breaker->period)
		return;
	if (breaker->state == BREAKER_CLOSED) {
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
