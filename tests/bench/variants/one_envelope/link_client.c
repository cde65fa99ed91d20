/* SPDX-License-Identifier: MIT
 * The calling end of a link that says one thing a message: a batch is full when it has more than
 * its own head, which takes 20 bytes at most. */
#include "common/actor/wire.h"

#undef WIRE_BATCH_LIMIT
#define WIRE_BATCH_LIMIT 24

#include "common/actor/link_client.c"
