/* SPDX-License-Identifier: MIT
 *
 * The two clocks. Deadlines and durations use the monotonic one, what people read the wall clock.
 * Thread-safe.
 */
#ifndef STUDYHALL_BASE_CLOCK_H
#define STUDYHALL_BASE_CLOCK_H

#include <stdint.h>

/* Monotonic time, never 0: microseconds, milliseconds. */
uint64_t clock_us(void);
uint64_t clock_ms(void);
/* Microseconds since 1970-01-01 UTC. */
int64_t clock_wall_us(void);

#endif
