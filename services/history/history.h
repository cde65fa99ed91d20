/* SPDX-License-Identifier: MIT
 *
 * What the parts of the history service share: its state and its handlers.
 */
#ifndef STUDYHALL_HISTORY_HISTORY_H
#define STUDYHALL_HISTORY_HISTORY_H

#include "common/service/call.h"

struct cache;
struct db;
struct flight;
struct service;

/* Made by history_start(), lives as long as the process. */
struct history {
	struct db *db;
	struct cache *cache;
	struct flight *flight;
};

enum status history_start(struct service *service);
struct history *history_of(struct call *call);

/* The key under which a user's first page is cached. */
#define HISTORY_CACHE_KEY_SIZE 48
void history_cache_key(const char *user, char out[HISTORY_CACHE_KEY_SIZE]);

/* handlers.c: a learner's events. */
enum status history_list(struct call *call, const void *request, void *reply);
enum status history_record(struct call *call, const void *request, void *reply);
enum status history_update(struct call *call, const void *request, void *reply);
enum status history_delete(struct call *call, const void *request, void *reply);
/* handlers_summary.c */
enum status history_summarize(struct call *call, const void *request, void *reply);
/* handlers_internal.c: for the other services. */
enum status history_ingest(struct call *call, const void *request, void *reply);
enum status history_export(struct call *call, const void *request, void *reply);
enum status history_erase(struct call *call, const void *request, void *reply);

#endif
