/* SPDX-License-Identifier: MIT
 *
 * Server-sent events as text (WHATWG HTML, 9.2): what a stream of answers to a browser is made of.
 * Pure.
 */
#ifndef STUDYHALL_GATEWAY_SSE_H
#define STUDYHALL_GATEWAY_SSE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

#define SSE_MAX_ID 64

/* Appends one event. `id` and `event` may be NULL; they hold no line ends (asserted). Each line of
 * `data` gets a field of its own, so any text arrives as it was, with LF for CR and CRLF. */
void sse_put_event(struct buf *out, const char *id, const char *event, const char *data,
                   size_t length);
/* Appends a comment, which keeps proxies from closing a quiet stream. */
void sse_put_comment(struct buf *out);
/* Appends how long a client waits before it connects again. */
void sse_put_retry(struct buf *out, unsigned milliseconds);
/* May this be a Last-Event-ID of ours: 1..SSE_MAX_ID visible ASCII characters? NULL: false. */
bool sse_id_valid(const char *id);

#endif
