/* SPDX-License-Identifier: MIT
 *
 * hiredis on libuv, for 0.14 and 1.2. Unlike hiredis's own adapter, a poll error is an end.
 */
#ifndef STUDYHALL_IO_CACHE_POLL_H
#define STUDYHALL_IO_CACHE_POLL_H

#include <hiredis/async.h>
#include <uv.h>

/* Lets the loop drive the context until hiredis frees it. 0, or -1. */
int cache_poll_attach(redisAsyncContext *redis, uv_loop_t *loop);

#endif
