/* SPDX-License-Identifier: MIT
 *
 * Numbered batches of one sender, put back into their order: they come over one connection, but
 * through several contexts, whose callbacks run on nng's threads and may overtake each other. Pure;
 * not thread-safe.
 */
#ifndef STUDYHALL_ACTOR_LINK_ORDER_H
#define STUDYHALL_ACTOR_LINK_ORDER_H

#include "common/actor/socket.h"

/* A batch that came before its turn. */
struct link_early {
	uint64_t number;
	void *bytes; /* a copy */
	size_t length;
	void *context; /* whatever came with it */
};

/* Starts zeroed. */
struct link_order {
	uint64_t next; /* the number that is expected */
	struct link_early early[DIAL_LANES];
	unsigned early_count;
};

enum link_turn {
	LINK_TURN_NOW,    /* to be heard; the next number is expected from now on */
	LINK_TURN_EARLY,  /* kept until its turn; link_order_next() gives it then */
	LINK_TURN_STALE,  /* of before link_order_begin(), or heard already */
	LINK_TURN_BROKEN, /* no sender of ours is so far ahead; or no memory */
};

/* Forgets what is kept (whose contexts are the caller's to end first), and expects `first`. */
void link_order_begin(struct link_order *order, uint64_t first);
enum link_turn link_order_take(struct link_order *order, uint64_t number, const void *bytes,
                               size_t length, void *context);
/* After a batch was heard: is the next one here already? Its bytes are the caller's to free. */
bool link_order_next(struct link_order *order, struct link_early *early);

#endif
