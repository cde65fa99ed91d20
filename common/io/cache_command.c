/* SPDX-License-Identifier: MIT
 * Commands and their replies, which hiredis frees after the callback: what is wanted of them is
 * copied into the task's arena. */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/io/cache_wire.h"

#include <stdlib.h>

static void
cache_command_take(struct cache_command *command, const redisReply *reply)
{
	struct cache_reply *out = &command->reply;

	switch (reply->type) {
	case REDIS_REPLY_NIL: out->kind = CACHE_REPLY_NIL; return;
	case REDIS_REPLY_INTEGER:
		out->kind = CACHE_REPLY_INTEGER;
		out->integer = reply->integer;
		return;
	case REDIS_REPLY_STRING:
	case REDIS_REPLY_STATUS:
	case REDIS_REPLY_ERROR:
		out->bytes = arena_strndup(command->arena, reply->str, (size_t)reply->len);
		out->length = (size_t)reply->len;
		if (out->bytes != NULL)
			out->kind = reply->type == REDIS_REPLY_ERROR ? CACHE_REPLY_ERROR
			                                             : CACHE_REPLY_BYTES;
		return;
	default: return;
	}
}

/* Called for every command, with NULL when the connection has ended. */
static void
cache_command_cb(redisAsyncContext *redis, void *answer, void *arg)
{
	struct cache_command *command = arg;
	struct cache_conn *conn = command->conn;

	(void)redis;
	assert(conn->head == command);
	conn->head = command->next;
	if (conn->head == NULL)
		conn->tail = NULL;
	if (answer != NULL)
		conn->excused_ms = clock_ms() + conn->shared->timeout_ms;
	conn->suspected = false;
	if (command->left) {
		free(command);
		return;
	}
	if (answer != NULL)
		cache_command_take(command, answer);
	wait_done(&command->wait);
}

struct cache_command *
cache_send(struct cache_conn *conn, struct arena *arena, int argc, const char **argv,
           const size_t *lengths)
{
	struct cache_command *command;

	if (conn->state != CACHE_UP || conn->redis == NULL)
		return NULL;
	command = calloc(1, sizeof *command);
	if (command == NULL)
		return NULL;
	command->conn = conn;
	command->arena = arena;
	command->late_ms = clock_ms() + conn->shared->timeout_ms;
	wait_init(&command->wait);
	if (redisAsyncCommandArgv(conn->redis, cache_command_cb, command, argc, argv, lengths) !=
	    REDIS_OK) {
		free(command);
		return NULL;
	}
	if (conn->tail != NULL)
		conn->tail->next = command;
	else
		conn->head = command;
	conn->tail = command;
	if (!uv_is_active((uv_handle_t *)&conn->late))
		cache_conn_watch(conn, command->late_ms);
	return command;
}

enum status
cache_await(struct cache_command **command, bool interruptible, struct cache_reply *reply)
{
	struct cache_command *sent = *command;
	enum status status = STATUS_OK;

	*command = NULL;
	*reply = (struct cache_reply){0};
	if (sent == NULL)
		return STATUS_DEPENDENCY_DOWN;
	if (interruptible)
		status = wait_for(&sent->wait);
	else
		wait_uninterrupted(&sent->wait);
	if (status != STATUS_OK) {
		sent->left = true;
		return status;
	}
	*reply = sent->reply;
	free(sent);
	return reply->kind == CACHE_REPLY_NONE ? STATUS_DEPENDENCY_DOWN : STATUS_OK;
}
