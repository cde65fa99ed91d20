/* SPDX-License-Identifier: MIT
 *
 * What the parts of the voice service share: its state and its handlers.
 */
#ifndef STUDYHALL_VOICE_VOICE_H
#define STUDYHALL_VOICE_VOICE_H

#include "common/service/call.h"

#include <stdint.h>

struct cache;
struct counters;
struct db;
struct db_batch;
struct hearing;
struct outbox;
struct pool;
struct rpc;
struct service;
struct speech;
struct tutor_ai;

/* Filled from the configuration before the process starts. */
struct voice_settings {
	int64_t user_minute_turns; /* 0: no limit */
	const char *prompts_dir;   /* NULL: those beside the program */
};
extern struct voice_settings voice_settings;

/* Made by voice_start(), lives as long as the process. */
struct voice {
	struct db *db;
	struct db_batch *turns; /* that are written together */
	struct cache *cache;
	struct counters *counters; /* limits count here while Redis is away */
	struct outbox *outbox;
	struct pool *pool;
	struct rpc *planner, *history;
	struct hearing *hearing; /* the engines on this machine */
	struct speech *speech;   /* all engines, in their order */
	struct tutor_ai *tutor;  /* the AI providers */
};

enum status voice_check(struct service *service);
enum status voice_start(struct service *service);
void voice_stop(struct service *service);
struct voice *voice_of(struct call *call);
int64_t voice_now_ms(void);

/* handlers_turn.c */
enum status voice_create_turn(struct call *call, const void *request, void *reply);
/* handlers.c */
enum status voice_list_conversations(struct call *call, const void *request, void *reply);
enum status voice_get_conversation(struct call *call, const void *request, void *reply);
enum status voice_delete_conversation(struct call *call, const void *request, void *reply);
enum status voice_export(struct call *call, const void *request, void *reply);
enum status voice_erase(struct call *call, const void *request, void *reply);

#endif
