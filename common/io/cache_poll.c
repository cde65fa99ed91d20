/* SPDX-License-Identifier: MIT
 * hiredis's event hooks on a uv_poll_t. hiredis calls `cleanup` before it closes the descriptor, so
 * the poll handle never watches a closed one; its memory goes in the close callback. */
#include "common/io/cache_poll.h"

#include <stdlib.h>

struct cache_poll {
	uv_poll_t handle;
	redisAsyncContext *redis; /* NULL: being closed */
	int events;
};

static void
cache_poll_cb(uv_poll_t *handle, int status, int events)
{
	struct cache_poll *poll = handle->data;

	/* On an error both directions are tried: the read or write fails and hiredis disconnects.
	 */
	if (status < 0)
		events = UV_READABLE | UV_WRITABLE;
	if (poll->redis != NULL && (events & UV_READABLE) != 0)
		redisAsyncHandleRead(poll->redis);
	if (poll->redis != NULL && (events & UV_WRITABLE) != 0)
		redisAsyncHandleWrite(poll->redis);
	if (status < 0 && poll->redis != NULL)
		redisAsyncFree(poll->redis);
}

static void
cache_poll_watch(struct cache_poll *poll, int events)
{
	if (events == poll->events)
		return;
	poll->events = events;
	if (events != 0)
		uv_poll_start(&poll->handle, events, cache_poll_cb);
	else
		uv_poll_stop(&poll->handle);
}

static void
cache_poll_add_read(void *arg)
{
	struct cache_poll *poll = arg;

	cache_poll_watch(poll, poll->events | UV_READABLE);
}

static void
cache_poll_del_read(void *arg)
{
	struct cache_poll *poll = arg;

	cache_poll_watch(poll, poll->events & ~UV_READABLE);
}

static void
cache_poll_add_write(void *arg)
{
	struct cache_poll *poll = arg;

	cache_poll_watch(poll, poll->events | UV_WRITABLE);
}

static void
cache_poll_del_write(void *arg)
{
	struct cache_poll *poll = arg;

	cache_poll_watch(poll, poll->events & ~UV_WRITABLE);
}

static void
cache_poll_closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

static void
cache_poll_cleanup(void *arg)
{
	struct cache_poll *poll = arg;

	if (poll->redis == NULL)
		return;
	poll->redis = NULL;
	uv_poll_stop(&poll->handle);
	uv_close((uv_handle_t *)&poll->handle, cache_poll_closed_cb);
}

int
cache_poll_attach(redisAsyncContext *redis, uv_loop_t *loop)
{
	struct cache_poll *poll = calloc(1, sizeof *poll);

	if (poll == NULL)
		return -1;
	if (uv_poll_init(loop, &poll->handle, redis->c.fd) != 0) {
		free(poll);
		return -1;
	}
	poll->handle.data = poll;
	poll->redis = redis;
	redis->ev.data = poll;
	redis->ev.addRead = cache_poll_add_read;
	redis->ev.delRead = cache_poll_del_read;
	redis->ev.addWrite = cache_poll_add_write;
	redis->ev.delWrite = cache_poll_del_write;
	redis->ev.cleanup = cache_poll_cleanup;
	return 0;
}
