/* SPDX-License-Identifier: MIT
 * Packs pages, and cuts shorter ones out of packed ones without unpacking what stays. */
#include "services/history/page.h"

#include "common/base/arena.h"
#include "common/base/date.h"

#include <string.h>

#define PAGE_ITEM_TAG ((1 << 3) | 2) /* EventPage.items, length-delimited */

bool
page_event(struct arena *arena, const struct history_event *event, History__Event *message)
{
	history__event__init(message);
	message->at = arena_alloc(arena, INSTANT_TEXT_SIZE);
	if (message->at == NULL)
		return false;
	instant_format(event->at_ms * 1000, message->at);
	message->id = (char *)event->id;
	message->has_type = 1;
	message->type = (Common__Event__Type)event->type;
	message->subject = (char *)event->subject;
	message->has_minutes = event->has_minutes;
	message->minutes = event->minutes;
	message->note = (char *)event->note;
	message->ref = (char *)event->ref;
	return true;
}

static char *
page_cursor(struct arena *arena, const char *list, const char *user, int64_t at_ms, const char *id)
{
	struct cursor cursor = {.key = at_ms};
	char *text = arena_alloc(arena, CURSOR_TEXT_SIZE);

	if (text == NULL || strlen(id) >= sizeof cursor.id)
		return NULL;
	strncpy(cursor.id, id, sizeof cursor.id - 1);
	cursor_format(&cursor, list, user, text);
	return text;
}

const void *
page_pack(struct arena *arena, const char *list, const char *user,
          const struct history_event *events, size_t count, size_t limit, size_t *length)
{
	History__EventPage page = HISTORY__EVENT_PAGE__INIT;
	size_t shown = count < limit ? count : limit;
	History__Event *messages = arena_calloc(arena, shown + 1, sizeof *messages);
	void *bytes;

	page.items = arena_calloc(arena, shown + 1, sizeof(History__Event *));
	if (messages == NULL || page.items == NULL)
		return NULL;
	for (size_t i = 0; i < shown; i++) {
		if (!page_event(arena, &events[i], &messages[i]))
			return NULL;
		page.items[page.n_items++] = &messages[i];
	}
	if (count > limit && shown > 0) {
		page.next_cursor =
		    page_cursor(arena, list, user, events[shown - 1].at_ms, events[shown - 1].id);
		if (page.next_cursor == NULL)
			return NULL;
	}
	*length = history__event_page__get_packed_size(&page);
	bytes = arena_alloc(arena, *length + 1);
	if (bytes != NULL)
		history__event_page__pack(&page, bytes);
	return bytes;
}

/* The bytes of one more item at `at`; 0: there is none. *payload is its message. */
static size_t
page_item(const unsigned char *at, const unsigned char *end, const unsigned char **payload,
          size_t *payload_length)
{
	const unsigned char *start = at;
	size_t length = 0;
	unsigned shift = 0;

	if (at == end || *at++ != PAGE_ITEM_TAG)
		return 0;
	do {
		if (at == end || shift > 28)
			return 0;
		length |= (size_t)(*at & 0x7f) << shift;
		shift += 7;
	} while (*at++ & 0x80);
	if (length > (size_t)(end - at))
		return 0;
	*payload = at;
	*payload_length = length;
	return (size_t)(at + length - start);
}

const void *
page_cut(struct arena *arena, const char *user, const void *page, size_t page_length, size_t limit,
         size_t *length)
{
	const unsigned char *at = page, *end = at + page_length, *payload = NULL;
	size_t step, payload_length = 0, items = 0;
	History__EventPage tail = HISTORY__EVENT_PAGE__INIT;
	History__Event *last;
	int64_t last_us;
	unsigned char *bytes;

	while (items < limit && (step = page_item(at, end, &payload, &payload_length)) > 0) {
		at += step;
		items++;
	}
	if (items == 0 || page_item(at, end, &(const unsigned char *){NULL}, &(size_t){0}) == 0) {
		*length = page_length;
		return page;
	}
	last = history__event__unpack(arena_allocator(arena), payload_length, payload);
	if (last == NULL || last->id == NULL || last->at == NULL ||
	    !instant_parse(last->at, &last_us))
		return NULL;
	tail.next_cursor = page_cursor(arena, PAGE_LIST, user, last_us / 1000, last->id);
	if (tail.next_cursor == NULL)
		return NULL;
	*length = (size_t)(at - (const unsigned char *)page);
	bytes = arena_alloc(arena, *length + history__event_page__get_packed_size(&tail) + 1);
	if (bytes == NULL)
		return NULL;
	memcpy(bytes, page, *length);
	*length += history__event_page__pack(&tail, bytes + *length);
	return bytes;
}
