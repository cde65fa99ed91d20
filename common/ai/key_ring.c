/* SPDX-License-Identifier: MIT
 * The ring of API keys. */
#include "common/ai/key_ring.h"

#include <stdlib.h>
#include <string.h>

static const char *
key_ring_add(struct key_ring *ring, const char *text, size_t length)
{
	char *key;

	for (size_t i = 0; i < length; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return "a key holds a character that no key has";
	for (size_t i = 0; i < ring->count; i++)
		if (strlen(ring->keys[i].text) == length &&
		    memcmp(ring->keys[i].text, text, length) == 0)
			return NULL;
	if (ring->count == KEY_RING_MOST)
		return "too many keys";
	key = strndup(text, length);
	if (key == NULL)
		return "no memory";
	ring->keys[ring->count++].text = key;
	return NULL;
}

const char *
key_ring_init(struct key_ring *ring, const char *list)
{
	const char *wrong = NULL;

	*ring = (struct key_ring){0};
	while (list != NULL && *list != '\0' && wrong == NULL) {
		size_t length;

		list += strspn(list, ", \t\r\n");
		length = strcspn(list, ",");
		while (length > 0 && strchr(" \t\r\n", list[length - 1]) != NULL)
			length--;
		if (length > 0)
			wrong = key_ring_add(ring, list, length);
		list += strcspn(list, ",");
	}
	if (wrong != NULL)
		key_ring_fini(ring);
	return wrong;
}

void
key_ring_fini(struct key_ring *ring)
{
	for (size_t i = 0; i < ring->count; i++)
		free(ring->keys[i].text);
	*ring = (struct key_ring){0};
}

int
key_ring_pick(struct key_ring *ring, uint64_t now_ms, uint64_t *wait_ms)
{
	uint64_t soonest = UINT64_MAX;

	*wait_ms = 0;
	for (size_t i = 0; i < ring->count; i++) {
		size_t key = (ring->current + i) % ring->count;

		if (ring->keys[key].usable_ms <= now_ms) {
			ring->current = key;
			return (int)key;
		}
		if (ring->keys[key].usable_ms < soonest)
			soonest = ring->keys[key].usable_ms;
	}
	*wait_ms = soonest - now_ms;
	return -1;
}

void
key_ring_rest(struct key_ring *ring, int key, uint64_t until_ms)
{
	struct key_ring_key *resting = &ring->keys[key];

	if (until_ms > resting->usable_ms)
		resting->usable_ms = until_ms;
	if (ring->current == (size_t)key)
		ring->current = (ring->current + 1) % ring->count;
}

/* Characters at the beginning of `text` that are somewhere in `key`, the longest run. */
static size_t
key_ring_run(const char *text, const char *key)
{
	size_t longest = 0;

	for (; *key != '\0'; key++) {
		size_t run = 0;

		while (key[run] != '\0' && key[run] == text[run])
			run++;
		if (run > longest)
			longest = run;
	}
	return longest;
}

void
key_ring_scrub(const struct key_ring *ring, char *text)
{
	while (*text != '\0') {
		size_t hidden = 0;

		for (size_t i = 0; i < ring->count; i++) {
			const char *key = ring->keys[i].text;
			size_t run = key_ring_run(text, key), whole = strlen(key);

			if ((run >= KEY_RING_PIECE || run == whole) && run > hidden)
				hidden = run;
		}
		memset(text, '*', hidden);
		text += hidden > 0 ? hidden : 1;
	}
}
