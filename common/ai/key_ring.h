/* SPDX-License-Identifier: MIT
 *
 * The API keys of one provider: one is in use until the provider throttles or refuses it, then the
 * next. It also knows how to keep them out of texts. Pure: the caller brings the time (clock_ms())
 * and, where threads share it, the lock.
 */
#ifndef STUDYHALL_AI_KEY_RING_H
#define STUDYHALL_AI_KEY_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_RING_MOST 64

struct key_ring_key {
	char *text;
	uint64_t usable_ms; /* rests until */
};

struct key_ring {
	struct key_ring_key keys[KEY_RING_MOST];
	size_t count, current;
};

/* `list`: keys with commas between them, blanks around them and empty ones don't matter; NULL is
 * an empty list. NULL, or what is wrong: a key that is no visible ASCII, too many, no memory. */
const char *key_ring_init(struct key_ring *ring, const char *list);
void key_ring_fini(struct key_ring *ring);

/* The key to use now, or -1 with the time until one is usable in *wait_ms. There must be a key. */
int key_ring_pick(struct key_ring *ring, uint64_t now_ms, uint64_t *wait_ms);
/* Lets a key rest (throttled, or refused as invalid); the next one is in use then. A rest that is
 * under way is only made longer. */
void key_ring_rest(struct key_ring *ring, int key, uint64_t until_ms);

/* Replaces every key, and every piece of one of KEY_RING_PIECE characters or more, by asterisks. */
#define KEY_RING_PIECE 6
void key_ring_scrub(const struct key_ring *ring, char *text);

#endif
