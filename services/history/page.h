/* SPDX-License-Identifier: MIT
 *
 * Pages of events as packed EventPage messages, which is how they are cached and sent. Pure.
 */
#ifndef STUDYHALL_HISTORY_PAGE_H
#define STUDYHALL_HISTORY_PAGE_H

#include "common/service/cursor.h"
#include "services/history/store.h"

struct arena;

#define PAGE_DEFAULT_LIMIT 20
#define PAGE_LIST          "history.List"

/* Fills `message`; its texts are the event's or from the arena. False without memory. */
bool page_event(struct arena *arena, const struct history_event *event, History__Event *message);
/* Packs the first `limit` of `count` events of a list (PAGE_LIST, or that with its filters), with
 * next_cursor when there are more. NULL without memory. */
const void *page_pack(struct arena *arena, const char *list, const char *user,
                      const struct history_event *events, size_t count, size_t limit,
                      size_t *length);
/* The first `limit` events of a packed page of PAGE_LIST (which may be the page itself) with the
 * cursor that belongs there. NULL without memory or when the bytes are no page. */
const void *page_cut(struct arena *arena, const char *user, const void *page, size_t page_length,
                     size_t limit, size_t *length);

#endif
