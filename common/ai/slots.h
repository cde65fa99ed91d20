/* SPDX-License-Identifier: MIT
 *
 * So many at a time, over all workers of the process, first come first served. Who waits longer
 * than it wants to, or is cancelled, leaves the line.
 */
#ifndef STUDYHALL_AI_SLOTS_H
#define STUDYHALL_AI_SLOTS_H

#include "common/base/status.h"

#include <stdint.h>

struct slots;

/* NULL without memory. `limit` is at least 1. */
struct slots *slots_new(unsigned limit);
/* Nobody may hold a slot or wait. */
void slots_free(struct slots **slots);

/* From a task: takes a slot, waiting for one at most `wait_ms`. OK: to be given back with
 * slots_give(). OVERLOADED: none in time (or no memory). CANCELLED, DEADLINE: the task's. */
enum status slots_take(struct slots *slots, uint32_t wait_ms);
/* From any thread; whoever waits longest gets it. Never yields. */
void slots_give(struct slots *slots);

/* Now; any thread. */
unsigned slots_taken(struct slots *slots);
unsigned slots_waiting(struct slots *slots);

#endif
