/* SPDX-License-Identifier: MIT
 * A connection's inside, shared by cache_conn.c (its life) and cache_command.c (what it carries).
 */
#ifndef STUDYHALL_IO_CACHE_WIRE_H
#define STUDYHALL_IO_CACHE_WIRE_H

#include "common/io/cache_conn.h"
#include "common/task/task.h"

#include <hiredis/async.h>

#define CACHE_SHA_SIZE 41

enum cache_state {
	CACHE_DOWN,
	CACHE_RESOLVING,
	CACHE_CONNECTING,
	CACHE_UP,
	CACHE_CLOSED
};

struct cache_conn {
	unsigned magic;
	struct cache_shared *shared;
	uv_loop_t *loop;
	enum cache_state state;
	redisAsyncContext *redis;
	struct cache_command *head, *tail; /* sent, not answered */
	uv_timer_t late;      /* the oldest command, or the connecting, takes too long */
	uint64_t late_due_ms; /* when that timer should fire */
	uint64_t excused_ms;  /* nothing is late before: a reply came, or the loop itself slept */
	bool suspected;       /* late, and given a last turn */
	uv_timer_t retry;
	unsigned pause_ms;
	uv_getaddrinfo_t resolving;
	unsigned busy; /* handles and requests that the loop still has */
	unsigned greetings;
	char sha[CACHE_SCRIPTS][CACHE_SHA_SIZE];
};

struct cache_command {
	struct cache_conn *conn;
	struct cache_command *next;
	uint64_t late_ms;
	struct arena *arena;
	struct wait wait;
	bool left;
	struct cache_reply reply;
};

/* Looks at `due_ms` whether the oldest command is late. */
void cache_conn_watch(struct cache_conn *conn, uint64_t due_ms);

#endif
