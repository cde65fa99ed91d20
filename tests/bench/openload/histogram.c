/* SPDX-License-Identifier: MIT
 * Up to 128 us a slot each; above, 128 slots for each power of two. */
#include "tests/bench/openload/histogram.h"

#define HISTOGRAM_LIMIT (((uint64_t)1 << 40) - 1)

static unsigned
histogram_slot(uint64_t us)
{
	unsigned shift;

	if (us < HISTOGRAM_FINE)
		return (unsigned)us;
	shift = 63u - (unsigned)__builtin_clzll(us) - 7u;
	return HISTOGRAM_FINE * (shift + 1) + (unsigned)(us >> shift) - HISTOGRAM_FINE;
}

/* The greatest duration that is counted there. */
static uint64_t
histogram_top(unsigned slot)
{
	unsigned shift;

	if (slot < HISTOGRAM_FINE)
		return slot;
	shift = slot / HISTOGRAM_FINE - 1;
	return (((uint64_t)(slot % HISTOGRAM_FINE) + HISTOGRAM_FINE + 1) << shift) - 1;
}

void
histogram_add(struct histogram *histogram, uint64_t us)
{
	if (us > HISTOGRAM_LIMIT)
		us = HISTOGRAM_LIMIT;
	histogram->slots[histogram_slot(us)]++;
	histogram->count++;
	histogram->sum_us += us;
	if (us > histogram->max_us)
		histogram->max_us = us;
}

uint64_t
histogram_at(const struct histogram *histogram, double share)
{
	double wanted = share * (double)histogram->count;
	uint64_t seen = 0;

	for (unsigned slot = 0; slot < HISTOGRAM_SLOTS; slot++) {
		seen += histogram->slots[slot];
		if (seen > 0 && (double)seen >= wanted) {
			uint64_t top = histogram_top(slot);

			return top < histogram->max_us ? top : histogram->max_us;
		}
	}
	return histogram->max_us;
}
