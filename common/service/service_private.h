/* SPDX-License-Identifier: MIT
 * What service.c (serving) and service_main.c (command line) share. */
#ifndef STUDYHALL_SERVICE_SERVICE_PRIVATE_H
#define STUDYHALL_SERVICE_SERVICE_PRIVATE_H

#include "common/io/cache_epoch.h"
#include "common/service/process.h"
#include "common/service/service.h"

#define SERVICE_MAX_CALLS 8 /* actors that one service calls */

struct background {
	struct service *service;
	struct task *task; /* once it runs */
	void (*fn)(void *arg);
	void *arg;
	struct background *next;
};

struct service_settings {
	const char *listen;
	int64_t workers, worker_connections, queue_limit;
	const char *database_url;
	int64_t database_connections;
	const char *redis_url;
	int64_t cpu_threads;
};

struct service {
	const struct service_spec *spec;
	struct process_settings common;
	struct service_settings settings;
	const char *actor_urls[SERVICE_MAX_CALLS];
	struct process *process; /* NULL while a command runs */
	uint64_t boot_id;
	struct server *server;
	struct db *db;
	struct cache *cache;
	struct cache_epoch epoch;
	struct pool *pool;
	struct rpc *rpcs[SERVICE_MAX_CALLS];
	size_t rpc_count;
	struct background *background;
	bool ending, seen_database;
	void *state;
};

int service_serve(struct service *service);
/* Logs that the setting ACTOR_NAME, called so in .env.example, is unusable. */
void service_bad_setting(const char *actor, const char *name, const char *error);
/* Pieces of serving that commands need, too. */
int service_open_stores(struct service *service);
void service_close_stores(struct service *service);
void service_attach_cache(void *service);
void service_detach_cache(void *service);
enum status service_open_rpcs(struct service *service);
void service_close_rpcs(struct service *service);

/* The command that argv begins with, or NULL. */
const struct service_command *service_command_find(const struct service_spec *spec, int argc,
                                                   char **argv);
/* Has it as many words as its usage says? Otherwise prints that. */
bool service_command_fits(const struct service_spec *spec, const struct service_command *command,
                          int argc);
int service_command_run(struct service *service, const struct service_command *command, int argc,
                        char **argv);
/* Can every setting be used? 0, or 1 after a line that says which cannot. Starts nothing. */
int service_check(struct service *service);

#endif
