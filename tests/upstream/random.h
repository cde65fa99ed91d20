/* SPDX-License-Identifier: MIT
 *
 * Seeded random numbers (splitmix64). Each call has a stream of its own, made from the seed and the
 * call's number, so what happens to the n-th call does not depend on what others draw meanwhile.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_RANDOM_H
#define STUDYHALL_TESTS_UPSTREAM_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t
random_next(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline void
random_init(struct random *random, uint64_t seed, uint64_t number)
{
	random->state = seed;
	random->state = random_next(random) ^ (number * 0xd1342543de82ef95u);
	(void)random_next(random);
}

/* 0 <= x < 1. */
static inline double
random_unit(struct random *random)
{
	return (double)(random_next(random) >> 11) * 0x1p-53;
}

/* 0..bound-1; 0 if bound is 0. */
static inline size_t
random_below(struct random *random, size_t bound)
{
	return bound > 0 ? (size_t)(random_unit(random) * (double)bound) : 0;
}

#endif
