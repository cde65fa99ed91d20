/* SPDX-License-Identifier: MIT
 * A chain of blocks with a bump pointer; the arena itself lives at the start of its first block. */
#include "common/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/obj.h"

#define ARENA_MAGIC       0x4152454eu
#define ARENA_FIRST_BLOCK 1024
#define ARENA_NEXT_BLOCK  512 /* at first; most tasks need little more than the first one */
#define ARENA_GREAT_BLOCK (1 << 20)

struct arena_block {
	struct arena_block *next; /* older */
	size_t size;              /* of `bytes` */
	size_t used;
	alignas(max_align_t) char bytes[];
};

struct arena_adopted {
	struct arena_adopted *next; /* handed over earlier */
	void *thing;
	void (*release)(void *thing);
};

struct arena {
	unsigned magic;
	struct arena_block *current;
	struct arena_block *first;
	size_t budget;
	size_t held;       /* bytes of all blocks, their headers included */
	size_t used;       /* bytes handed out */
	size_t next_block; /* size of the next block, its header included: half of all so far */
	struct arena_adopted *adopted;
	ProtobufCAllocator allocator;
};

static void *arena_protobuf_alloc(void *data, size_t size);
static void arena_protobuf_free(void *data, void *pointer);

struct arena *
arena_new(size_t budget)
{
	size_t least = sizeof(struct arena_block) + sizeof(struct arena);
	size_t size = ARENA_FIRST_BLOCK;
	if (budget != 0 && budget < size)
		size = budget > least ? budget : least;
	struct arena_block *block = malloc(size);
	if (block == NULL)
		return NULL;
	block->next = NULL;
	block->size = size - sizeof *block;
	block->used = sizeof(struct arena);

	struct arena *arena = (struct arena *)(void *)block->bytes;
	*arena = (struct arena){
	    .current = block,
	    .first = block,
	    .budget = budget,
	    .held = size,
	    .next_block = ARENA_NEXT_BLOCK,
	    .allocator = {arena_protobuf_alloc, arena_protobuf_free, arena},
	};
	OBJ_INIT(arena, ARENA_MAGIC);
	return arena;
}

static void
arena_release_adopted(struct arena *arena)
{
	while (arena->adopted != NULL) {
		struct arena_adopted *adopted = arena->adopted;
		arena->adopted = adopted->next;
		adopted->release(adopted->thing);
	}
}

static void
arena_free_blocks(struct arena *arena)
{
	struct arena_block *block = arena->current;
	while (block != NULL) {
		struct arena_block *next = block->next;
		if (block != arena->first)
			free(block);
		block = next;
	}
	arena->first->next = NULL;
	arena->current = arena->first;
}

void
arena_free(struct arena **arena)
{
	if (*arena == NULL)
		return;
	OBJ_CHECK(*arena, ARENA_MAGIC);
	arena_release_adopted(*arena);
	arena_free_blocks(*arena);
	struct arena_block *first = (*arena)->first;
	OBJ_FINI(*arena);
	free(first);
	*arena = NULL;
}

void
arena_reset(struct arena *arena)
{
	OBJ_CHECK(arena, ARENA_MAGIC);
	arena_release_adopted(arena);
	arena_free_blocks(arena);
	arena->first->used = sizeof(struct arena);
	arena->held = arena->first->size + sizeof(struct arena_block);
	arena->used = 0;
	arena->next_block = ARENA_NEXT_BLOCK;
}

/* A block with room for `size` bytes. One that is for a single great piece goes behind the current
 * block, whose rest stays in use. */
static struct arena_block *
arena_grow(struct arena *arena, size_t size)
{
	size_t room = arena->budget == 0 ? SIZE_MAX : arena->budget;
	room = room > arena->held ? room - arena->held : 0;
	if (room < sizeof(struct arena_block) || size > room - sizeof(struct arena_block))
		return NULL;

	size_t exact = size + sizeof(struct arena_block);
	size_t total = exact > arena->next_block / 4 ? exact : arena->next_block;
	if (total > room)
		total = room;
	struct arena_block *block = malloc(total);
	if (block == NULL)
		return NULL;
	block->size = total - sizeof *block;
	block->used = 0;
	arena->held += total;

	if (total == exact) {
		block->next = arena->current->next;
		arena->current->next = block;
	} else {
		block->next = arena->current;
		arena->current = block;
		if (arena->held / 2 > arena->next_block && arena->next_block < ARENA_GREAT_BLOCK)
			arena->next_block = arena->held / 2;
	}
	return block;
}

/* `size` bytes as they are. */
static void *
arena_take(struct arena *arena, size_t size, size_t align)
{
	OBJ_CHECK(arena, ARENA_MAGIC);
	if (size == 0)
		size = 1;
	struct arena_block *block = arena->current;
	size_t at = (block->used + align - 1) & ~(align - 1);
	if (at > block->size || size > block->size - at) {
		block = arena_grow(arena, size);
		if (block == NULL)
			return NULL;
		at = 0;
	}
	block->used = at + size;
	arena->used += size;
	return block->bytes + at;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	void *bytes = arena_take(arena, size, alignof(max_align_t));
	return bytes == NULL ? NULL : memset(bytes, 0, size);
}

void *
arena_calloc(struct arena *arena, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return arena_alloc(arena, total);
}

char *
arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *
arena_strndup(struct arena *arena, const char *text, size_t length)
{
	assert(length < SIZE_MAX);
	char *copy = arena_take(arena, length + 1, 1);
	if (copy == NULL)
		return NULL;
	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

void *
arena_memdup(struct arena *arena, const void *bytes, size_t length)
{
	void *copy = arena_take(arena, length, alignof(max_align_t));
	if (copy != NULL && length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}

char *
arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	char short_text[256];
	va_list again;
	va_copy(again, args);
	int length = vsnprintf(short_text, sizeof short_text, format, args);
	char *text = NULL;
	if (length < 0)
		goto done;
	if ((size_t)length < sizeof short_text) {
		text = arena_strndup(arena, short_text, (size_t)length);
		goto done;
	}
	text = arena_take(arena, (size_t)length + 1, 1);
	if (text != NULL)
		vsnprintf(text, (size_t)length + 1, format, again);
done:
	va_end(again);
	return text;
}

int
arena_adopt(struct arena *arena, void *thing, void (*release)(void *thing))
{
	struct arena_adopted *adopted =
	    arena_take(arena, sizeof *adopted, alignof(struct arena_adopted));
	if (adopted == NULL) {
		release(thing);
		return -1;
	}
	*adopted = (struct arena_adopted){arena->adopted, thing, release};
	arena->adopted = adopted;
	return 0;
}

size_t
arena_used(const struct arena *arena)
{
	OBJ_CHECK(arena, ARENA_MAGIC);
	return arena->used;
}

static void *
arena_protobuf_alloc(void *data, size_t size)
{
	return arena_take(data, size, alignof(max_align_t));
}

static void
arena_protobuf_free(void *data, void *pointer)
{
	(void)data;
	(void)pointer;
}

ProtobufCAllocator *
arena_allocator(struct arena *arena)
{
	OBJ_CHECK(arena, ARENA_MAGIC);
	return &arena->allocator;
}
