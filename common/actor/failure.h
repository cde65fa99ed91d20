/* SPDX-License-Identifier: MIT
 *
 * A failure by itself, as bytes: how it travels with a request that its caller has refused, and how
 * it is kept for a repeat of the request. From any thread that owns the arena.
 */
#ifndef STUDYHALL_ACTOR_FAILURE_H
#define STUDYHALL_ACTOR_FAILURE_H

#include "common/actor/message.h"

struct arena;

/* Status, detail and violations of the reply, packed in the arena; NULL without memory. */
const void *failure_pack(const struct reply *reply, struct arena *arena, size_t *length);
/* The reverse, in the arena. INTERNAL if the bytes are no failure, OVERLOADED without memory. */
enum status failure_unpack(const void *bytes, size_t length, struct arena *arena,
                           struct reply *reply);

#endif
