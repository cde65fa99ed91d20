/* SPDX-License-Identifier: MIT
 *
 * libcurl's multi handle on a worker's loop. Private to fetch*.c; everything on the worker's
 * thread. Nothing here runs tasks, so curl is never entered from one of its own callbacks.
 */
#ifndef STUDYHALL_IO_FETCH_MULTI_H
#define STUDYHALL_IO_FETCH_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>

struct fetch_multi;

/* A transfer has ended; it is out of the multi handle already. `arg` is the CURLOPT_PRIVATE. */
typedef void fetch_ended_fn(void *arg, CURLcode result);

/* One of the running thread's with few transfers; NULL: the thread is not attached. */
struct fetch_multi *fetch_multi_here(void);
/* False if libcurl takes it not. The multi handle's own options are set on the easy handle too. */
bool fetch_multi_add(struct fetch_multi *multi, CURL *easy);
/* Aborts a transfer that has not ended. */
void fetch_multi_remove(struct fetch_multi *multi, CURL *easy);

/* What ended transfers call: fetch.c's. */
extern fetch_ended_fn fetch_ended;

#endif
