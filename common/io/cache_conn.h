/* SPDX-License-Identifier: MIT
 *
 * One worker's connection to Redis. Private to cache*.c; everything on the worker's thread, except
 * what cache_shared says of itself.
 */
#ifndef STUDYHALL_IO_CACHE_CONN_H
#define STUDYHALL_IO_CACHE_CONN_H

#include "common/io/cache.h"
#include "common/io/url.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

struct arena;
struct cache_conn;
struct cache_command;

#define CACHE_RUN_ID_SIZE 64

/* What all connections of a cache share; atomic, or under the lock. */
struct cache_shared {
	struct url url;
	char *unix_path; /* or NULL */
	unsigned database;
	uint32_t timeout_ms;
	_Atomic unsigned attached, connected;
	_Atomic uint64_t generation; /* rises with every loss and every new connection */
	pthread_mutex_t lock;
	char run_id[CACHE_RUN_ID_SIZE]; /* of the Redis connected to last */
};

enum cache_script {
	CACHE_SCRIPT_MISS,
	CACHE_SCRIPT_FILL,
	CACHE_SCRIPT_INCR,
	CACHE_SCRIPTS
};
extern const char *const cache_scripts[CACHE_SCRIPTS];

enum cache_reply_kind {
	CACHE_REPLY_NONE, /* lost, late, or not waited for */
	CACHE_REPLY_NIL,
	CACHE_REPLY_INTEGER,
	CACHE_REPLY_BYTES, /* of a bulk string or a status line */
	CACHE_REPLY_ERROR,
};

struct cache_reply {
	enum cache_reply_kind kind;
	int64_t integer;
	const char *bytes; /* in the arena, a NUL behind them */
	size_t length;
};

/* Starts connecting, and goes on doing so. NULL without memory. */
struct cache_conn *cache_conn_new(struct cache_shared *shared, uv_loop_t *loop);
/* Fails what is under way; frees itself once the loop has closed its handles. */
void cache_conn_close(struct cache_conn **conn);
bool cache_conn_up(const struct cache_conn *conn);
/* The name of a script at this server, for EVALSHA. */
const char *cache_conn_sha(const struct cache_conn *conn, enum cache_script script);

/* From a task: sends a command, whose reply will be put into `arena`. NULL when not connected. To
 * be ended with cache_await(). */
struct cache_command *cache_send(struct cache_conn *conn, struct arena *arena, int argc,
                                 const char **argv, const size_t *lengths);
/* Waits for the reply. Not interruptible: for timeout_ms at most, whatever the task's state. OK, or
 * the task's state, or DEPENDENCY_DOWN; an error reply of Redis's is OK here. */
enum status cache_await(struct cache_command **command, bool interruptible,
                        struct cache_reply *reply);

#endif
