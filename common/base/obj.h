/* SPDX-License-Identifier: MIT
 *
 * Checked casts from the void * of a callback to the object it must be.
 *
 * Every object that travels through a void * starts with `unsigned magic;`, set once by OBJ_INIT
 * and wiped by OBJ_FINI, so a stale or foreign pointer is caught where it enters instead of where
 * it hurts. Assertions stay on in production: a bug ends the process, the supervisor restarts it.
 */
#ifndef STUDYHALL_BASE_OBJ_H
#define STUDYHALL_BASE_OBJ_H

#ifdef NDEBUG
#error "assertions are part of the program: do not define NDEBUG"
#endif

#include <assert.h>
#include <stddef.h>

#define OBJ_INIT(object, number) ((object)->magic = (number))
#define OBJ_FINI(object)         ((object)->magic = 0xdeadbeefu)
#define OBJ_CHECK(object, number)                                                                  \
	do {                                                                                       \
		assert((object) != NULL);                                                          \
		assert((object)->magic == (number));                                               \
	} while (0)

/* Declares `type *name`, taken from the void pointer `from` after checking its magic number. */
#define OBJ_CAST(type, name, from, number)                                                         \
	type *name = (from);                                                                       \
	OBJ_CHECK(name, number)

/* The object that contains `member` at address `ptr`. */
#define OBJ_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
