/* SPDX-License-Identifier: MIT
 *
 * Sends a chat's answer as server-sent events over the time and in the pieces that the pace says.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_STREAM_H
#define STUDYHALL_TESTS_UPSTREAM_STREAM_H

#include "tests/upstream/chat.h"

/* From the call's task. */
void stream_run(struct chat *chat, const struct chat_dialect *dialect);

#endif
