/* SPDX-License-Identifier: MIT
 * As many batches as there are lanes can be under way, so the few that came early are searched. */
#include "common/actor/link_order.h"

#include "common/base/obj.h"

#include <stdlib.h>
#include <string.h>

void
link_order_begin(struct link_order *order, uint64_t first)
{
	for (unsigned i = 0; i < order->early_count; i++)
		free(order->early[i].bytes);
	*order = (struct link_order){.next = first};
}

static enum link_turn
link_order_keep(struct link_order *order, const struct link_early *early)
{
	if (order->early_count == COUNT_OF(order->early))
		return LINK_TURN_BROKEN;
	for (unsigned i = 0; i < order->early_count; i++)
		if (order->early[i].number == early->number)
			return LINK_TURN_BROKEN;
	order->early[order->early_count] = *early;
	order->early[order->early_count].bytes = malloc(early->length + 1);
	if (order->early[order->early_count].bytes == NULL)
		return LINK_TURN_BROKEN;
	memcpy(order->early[order->early_count++].bytes, early->bytes, early->length);
	return LINK_TURN_EARLY;
}

enum link_turn
link_order_take(struct link_order *order, uint64_t number, const void *bytes, size_t length,
                void *context)
{
	if (number < order->next)
		return LINK_TURN_STALE;
	if (number > order->next)
		return number - order->next < DIAL_LANES
		           ? link_order_keep(order,
		                             &(struct link_early){number, (void *)(uintptr_t)bytes,
		                                                  length, context})
		           : LINK_TURN_BROKEN;
	order->next++;
	return LINK_TURN_NOW;
}

bool
link_order_next(struct link_order *order, struct link_early *early)
{
	for (unsigned i = 0; i < order->early_count; i++) {
		if (order->early[i].number != order->next)
			continue;
		*early = order->early[i];
		order->early[i] = order->early[--order->early_count];
		order->next++;
		return true;
	}
	return false;
}
