/* SPDX-License-Identifier: MIT
 * A number of bytes that may be in use at once, shared by threads. */
#ifndef STUDYHALL_ACTOR_BUDGET_H
#define STUDYHALL_ACTOR_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
	_Atomic size_t used;
	size_t limit;
};

/* True when the bytes fit; then they are to be given back with budget_release(). */
static inline bool
budget_take(struct budget *budget, size_t bytes)
{
	size_t before = atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);

	if (before + bytes <= budget->limit && before + bytes >= before)
		return true;
	atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
	return false;
}

static inline void
budget_release(struct budget *budget, size_t bytes)
{
	atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}

#endif
