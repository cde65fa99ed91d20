/* SPDX-License-Identifier: MIT
 *
 * Finds the days in what a model writes, while it writes: each element of the list "days" as soon
 * as its last bracket has come. Whatever stands around the JSON (a fence, a sentence) is skipped; a
 * list of objects without anything around it is taken for the days, too. It does not judge: what it
 * gives is balanced, not valid. Pure.
 *
 *	plan_reader_give(&reader, text, length);
 *	while (plan_reader_next(&reader, &object, &object_length)) ...
 */
#ifndef STUDYHALL_PLANNER_AI_PLAN_READER_H
#define STUDYHALL_PLANNER_AI_PLAN_READER_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define PLAN_READER_LIMIT ((size_t)64 << 10) /* bytes of a day */

enum plan_reader_state {
	PLAN_READER_SEARCH,
	PLAN_READER_KEY,    /* "days" was read */
	PLAN_READER_COLON,  /* and a colon */
	PLAN_READER_BARE,   /* a bracket before any brace */
	PLAN_READER_LIST,   /* between two days */
	PLAN_READER_OBJECT, /* within one */
	PLAN_READER_END
};

struct plan_reader {
	enum plan_reader_state state;
	const char *text; /* given, not yet read */
	size_t length;
	size_t matched; /* characters of the key */
	bool braced;    /* a brace was seen: a bracket is no list of days any more */
	unsigned depth; /* of brackets within the object */
	bool quoted, escaped;
	struct buf object;
	unsigned found;
	bool overflow; /* a day was too large: nothing is read any more */
};

void plan_reader_init(struct plan_reader *reader);
void plan_reader_fini(struct plan_reader *reader);
/* `text` must stay until plan_reader_next() has returned false. */
void plan_reader_give(struct plan_reader *reader, const char *text, size_t length);
/* True: *object, NUL-terminated, valid until the next call, begins with { and ends with }. */
bool plan_reader_next(struct plan_reader *reader, const char **object, size_t *length);

#endif
