/* SPDX-License-Identifier: MIT
 *
 * How an answer goes out: whole or as a stream, and with what the call's fault does to bytes and
 * connections. From the call's task; sets its outcome and the times in its entry.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_DELIVER_H
#define STUDYHALL_TESTS_UPSTREAM_DELIVER_H

#include "tests/upstream/call.h"

/* Stands in a text where the 10 MB of FAULT_HUGE come. */
#define DELIVER_HUGE_MARK "@@huge@@"

/* An error answer, as it is. Content-Type is JSON unless the call has headers that say otherwise.
 */
void deliver_error(struct call *call, int status, const struct buf *body);
/* A whole answer of status 200 with the call's headers. */
void deliver_whole(struct call *call, const void *bytes, size_t length);

/* The same in pieces. False: it is over (the client has gone), don't go on. */
bool deliver_begin(struct call *call);
bool deliver_piece(struct call *call, const void *bytes, size_t length);
void deliver_end(struct call *call);

/* What the fault does to the connection: resets or closes it, or waits until the client does. */
void deliver_break(struct call *call);

#endif
