/* SPDX-License-Identifier: MIT
 *
 * Hands a listening socket from a process to its successor, through a socket file of their own
 * (SCM_RIGHTS, unix(7)). Both then accept from one queue, so whichever ends loses no connection,
 * not even one that nobody has accepted yet; with SO_REUSEPORT each would have a queue that dies
 * with it.
 */
#ifndef STUDYHALL_IO_HTTP_HANDOVER_H
#define STUDYHALL_IO_HTTP_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>

struct http_handover;
struct worker;

/* The listening socket of the process that offers one at `path` for `address` (as both were told
 * it, letter by letter), for the caller to close; or -1: nobody does. Waits a second at most. At
 * start. */
int http_handover_take(const char *path, const char *address);

/* Offers a copy of `fd` at `path` from now on, in place of whoever did so before, to processes of
 * the same user. On the worker's thread, which must stay the caller's; the strings must stay valid.
 * NULL with one line in `error`. */
struct http_handover *http_handover_offer(struct worker *worker, const char *path,
                                          const char *address, int fd, char *error, size_t size);
/* Has a successor taken it? Then a socket file of the address is the successor's to remove. */
bool http_handover_taken(const struct http_handover *handover);
/* Ends the offer; the file stays, for it may be the successor's by now. NULL inside is fine. */
void http_handover_close(struct http_handover **handover);

#endif
