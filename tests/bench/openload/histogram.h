/* SPDX-License-Identifier: MIT
 *
 * Counts of durations, at most 0.8 % wide each (as HdrHistogram's): any number of samples in a
 * fixed 35 KB. Not thread-safe.
 */
#ifndef STUDYHALL_TESTS_OPENLOAD_HISTOGRAM_H
#define STUDYHALL_TESTS_OPENLOAD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_FINE  128u /* counts for each power of two */
#define HISTOGRAM_SLOTS (HISTOGRAM_FINE * 34u)

struct histogram {
	uint64_t count, sum_us, max_us;
	uint64_t slots[HISTOGRAM_SLOTS];
};

/* Microseconds; beyond 2^40 (12 days) it is counted as that. All zero is an empty histogram. */
void histogram_add(struct histogram *histogram, uint64_t us);
/* The least duration that at least this share (0..1) of the samples do not exceed, at most 0.8 %
 * too great and never above the greatest; 0 if there are none. */
uint64_t histogram_at(const struct histogram *histogram, double share);

#endif
