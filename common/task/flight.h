/* SPDX-License-Identifier: MIT
 *
 * Single flight: of many tasks, on any workers of the process, that want the same thing at the same
 * time, one (the leader) does the work and all get its result. Who joins gets what was begun before
 * it asked: where that matters, the key must name the version (cache_aside.c does).
 */
#ifndef STUDYHALL_TASK_FLIGHT_H
#define STUDYHALL_TASK_FLIGHT_H

#include "common/base/status.h"

#include <stddef.h>

struct flight;

#define FLIGHT_KEY_LIMIT 255

/* Runs in the leader's task; gives bytes that live until that task ends (its arena). */
typedef enum status flight_fn(void *arg, const void **bytes, size_t *length);

/* NULL without memory. */
struct flight *flight_new(void);
/* Nobody may be in flight. */
void flight_free(struct flight **flight);

/* From a task. Runs fn(arg), or waits for the task that already does for the same key (at most
 * FLIGHT_KEY_LIMIT bytes). The bytes are the caller's own: in its arena, a NUL behind them. fn's
 * failure is handed to all who wait, except CANCELLED and DEADLINE, which are the leader's own
 * affair: then one of those who wait takes over. OVERLOADED without memory. */
enum status flight_join(struct flight *flight, const void *key, size_t key_length, flight_fn *fn,
                        void *arg, const void **bytes, size_t *length);

#endif
