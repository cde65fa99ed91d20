/* SPDX-License-Identifier: MIT
 * The two clocks of the kernel, in microseconds. */
#include "common/base/clock.h"

#include <time.h>

#include "common/base/obj.h"

uint64_t
clock_us(void)
{
	struct timespec now;
	int rc = clock_gettime(CLOCK_MONOTONIC, &now);
	assert(rc == 0);
	uint64_t us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
	return us + 1;
}

uint64_t
clock_ms(void)
{
	return clock_us() / 1000u + 1;
}

int64_t
clock_wall_us(void)
{
	struct timespec now;
	int rc = clock_gettime(CLOCK_REALTIME, &now);
	assert(rc == 0);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
