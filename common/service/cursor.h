/* SPDX-License-Identifier: MIT
 *
 * Cursors of keyset paging: where a page ended, as an opaque text. A cursor is sealed with a
 * checksum over itself, the list it belongs to and its user, so one that was cut, edited or taken
 * from another list or user is refused. It grants nothing: every query is bound to the user anyway,
 * hence no secret is needed and every replica reads every cursor. Pure and thread-safe.
 */
#ifndef STUDYHALL_SERVICE_CURSOR_H
#define STUDYHALL_SERVICE_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#define CURSOR_ID_SIZE   37 /* an id of the HTTP contract and NUL */
#define CURSOR_TEXT_SIZE 80 /* a cursor's text and NUL */

/* The sort key and the id of the last row of a page. */
struct cursor {
	int64_t key;
	char id[CURSOR_ID_SIZE];
};

/* `list` names what is paged, with the filters that rule what is in it: "history.List?type=4". The
 * id has at most 36 bytes (asserted). */
void cursor_format(const struct cursor *cursor, const char *list, const char *user,
                   char out[CURSOR_TEXT_SIZE]);
/* False if the text is no cursor of this list, these filters and this user. */
bool cursor_parse(const char *text, const char *list, const char *user, struct cursor *cursor);

#endif
