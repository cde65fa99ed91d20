/* SPDX-License-Identifier: MIT
 *
 * An arena: memory that is handed out piece by piece and freed all at once, when a task ends.
 * Not thread-safe: one task, one arena. Functions return NULL when memory or the arena's budget
 * is exhausted; the caller passes that on as STATUS_OVERLOADED.
 */
#ifndef STUDYHALL_BASE_ARENA_H
#define STUDYHALL_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <protobuf-c/protobuf-c.h>

struct arena;

/* An arena that never holds more than `budget` bytes (0: no bound). NULL without memory. */
struct arena *arena_new(size_t budget);
/* Frees everything, the arena too, and nulls the pointer. NULL inside is fine. */
void arena_free(struct arena **arena);
/* Frees all but the first block: the arena is as new. */
void arena_reset(struct arena *arena);

/* `size` zeroed bytes, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);
/* `count` zeroed elements of `size` bytes; NULL when the product overflows. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
/* `length` bytes copied and a NUL behind them. */
char *arena_strndup(struct arena *arena, const char *text, size_t length);
void *arena_memdup(struct arena *arena, const void *bytes, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Hands over something to be released by `release(thing)` when the arena is reset or freed, in
 * reverse order. Returns -1 (and releases it at once) without memory. */
int arena_adopt(struct arena *arena, void *thing, void (*release)(void *thing));

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *arena);

/* protobuf-c's allocator interface over the arena: unpacked messages live as long as the arena
 * and within its budget. Valid as long as the arena. */
ProtobufCAllocator *arena_allocator(struct arena *arena);

#endif
