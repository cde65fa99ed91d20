/* SPDX-License-Identifier: MIT
 *
 * Counters that vanish after a while, in this process's memory: what limits count with while
 * Redis is away. Bounded: when it is full, the counter that would vanish first makes room.
 * Thread-safe.
 */
#ifndef STUDYHALL_SERVICE_COUNTER_H
#define STUDYHALL_SERVICE_COUNTER_H

#include <stdint.h>

struct counters;

/* NULL without memory. */
struct counters *counters_new(void);
void counters_free(struct counters **counters);
/* Adds `by` to the counter and returns the sum; a new one vanishes ttl_s later. By 0 only reads.
 * `now_ms` is clock_ms(). */
int64_t counters_add(struct counters *counters, const char *key, int64_t by, uint32_t ttl_s,
                     uint64_t now_ms);

#endif
