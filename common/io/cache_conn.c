/* SPDX-License-Identifier: MIT
 * A connection to Redis that is up, or fails at once. Commands are answered in their order and all
 * may take equally long, so one timer watches the oldest; when it is late the whole connection is
 * dropped, and with it every reply that could still come. */
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/cache_poll.h"
#include "common/io/cache_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_CONN_MAGIC    0xcac4e001u
#define CACHE_CONNECT_MS    1000
#define CACHE_RECONNECT_MIN 50
#define CACHE_RECONNECT_MAX 2000
#define CACHE_SLEPT_MS      30

static void cache_conn_connect(struct cache_conn *conn);

/* --- up and down ---------------------------------------------------------------------------- */

static void
cache_conn_released(struct cache_conn *conn)
{
	if (--conn->busy > 0 || conn->state != CACHE_CLOSED)
		return;
	OBJ_FINI(conn);
	free(conn);
}

static void
cache_conn_closed_cb(uv_handle_t *handle)
{
	cache_conn_released(handle->data);
}

static void
cache_conn_retry_cb(uv_timer_t *timer)
{
	OBJ_CAST(struct cache_conn, conn, timer->data, CACHE_CONN_MAGIC);

	cache_conn_connect(conn);
}

/* The one place that leaves a state for CACHE_DOWN. `why` is NULL when nobody needs to know. */
static void
cache_conn_went_down(struct cache_conn *conn, const char *why)
{
	unsigned pause;

	if (conn->state == CACHE_DOWN || conn->state == CACHE_CLOSED)
		return;
	atomic_fetch_add(&conn->shared->generation, 1);
	if (conn->state == CACHE_UP) {
		atomic_fetch_sub(&conn->shared->connected, 1);
		if (why != NULL)
			LOG_WARN("cache is not available", LOG_TEXT("error", why));
	}
	conn->state = CACHE_DOWN;
	uv_timer_stop(&conn->late);
	pause = conn->pause_ms / 2 + ids_below(conn->pause_ms);
	conn->pause_ms =
	    conn->pause_ms * 2 < CACHE_RECONNECT_MAX ? conn->pause_ms * 2 : CACHE_RECONNECT_MAX;
	uv_timer_start(&conn->retry, cache_conn_retry_cb, pause, 0);
}

/* Ends the connection at once; every command under way is answered with nothing. */
static void
cache_conn_drop(struct cache_conn *conn, const char *why)
{
	redisAsyncContext *redis = conn->redis;

	cache_conn_went_down(conn, why);
	conn->redis = NULL;
	if (redis != NULL) {
		redis->data = NULL;
		redisAsyncFree(redis);
	}
}

/* hiredis frees the context after these two, when they tell of an end. */
static void
cache_conn_disconnected_cb(const redisAsyncContext *redis, int status)
{
	struct cache_conn *conn = redis->data;

	(void)status;
	if (conn == NULL || conn->redis != redis)
		return;
	OBJ_CHECK(conn, CACHE_CONN_MAGIC);
	conn->redis = NULL;
	cache_conn_went_down(conn, redis->errstr != NULL ? redis->errstr : "closed");
}

static void
cache_conn_connected_cb(const redisAsyncContext *redis, int status)
{
	if (status != REDIS_OK)
		cache_conn_disconnected_cb(redis, status);
}

static void cache_conn_late_cb(uv_timer_t *timer);

void
cache_conn_watch(struct cache_conn *conn, uint64_t due_ms)
{
	uint64_t now = clock_ms();

	conn->late_due_ms = due_ms;
	uv_update_time(conn->loop);
	uv_timer_start(&conn->late, cache_conn_late_cb, due_ms > now ? due_ms - now : 0, 0);
}

/* The oldest command is late. But if it was this loop that slept, the reply may be there already,
 * or the command not even sent: timers run before sockets. */
static void
cache_conn_late_cb(uv_timer_t *timer)
{
	OBJ_CAST(struct cache_conn, conn, timer->data, CACHE_CONN_MAGIC);
	uint64_t now = clock_ms(), due;

	if (conn->state == CACHE_RESOLVING || conn->state == CACHE_CONNECTING) {
		cache_conn_drop(conn, "connecting took too long");
		return;
	}
	if (conn->head == NULL)
		return;
	if (now > conn->late_due_ms + CACHE_SLEPT_MS)
		conn->excused_ms = now + conn->shared->timeout_ms;
	due = conn->head->late_ms > conn->excused_ms ? conn->head->late_ms : conn->excused_ms;
	if (now >= due && !conn->suspected) {
		conn->suspected = true;
		due = now + CACHE_SLEPT_MS;
	}
	if (now >= due)
		cache_conn_drop(conn, "no reply");
	else
		cache_conn_watch(conn, due);
}

/* --- greeting ------------------------------------------------------------------------------- */

static void
cache_conn_came_up(struct cache_conn *conn)
{
	conn->state = CACHE_UP;
	conn->pause_ms = CACHE_RECONNECT_MIN;
	uv_timer_stop(&conn->late);
	atomic_fetch_add(&conn->shared->generation, 1);
	atomic_fetch_add(&conn->shared->connected, 1);
}

/* A pipe of AUTH, SELECT, INFO and SCRIPT LOADs; the last answer makes the connection usable. */
static void
cache_conn_greeted(redisAsyncContext *redis, void *answer, bool needed)
{
	struct cache_conn *conn = redis->data;
	const redisReply *reply = answer;

	if (conn == NULL || conn->redis != redis || conn->state != CACHE_CONNECTING ||
	    reply == NULL)
		return;
	if (needed && reply->type == REDIS_REPLY_ERROR) {
		LOG_ERROR("cache refuses us", LOG_TEXT("error", reply->str));
		cache_conn_drop(conn, "refused");
		return;
	}
	if (--conn->greetings == 0)
		cache_conn_came_up(conn);
}

static void
cache_conn_needed_cb(redisAsyncContext *redis, void *answer, void *arg)
{
	(void)arg;
	cache_conn_greeted(redis, answer, true);
}

/* Which Redis is it? One that does not tell is taken for always the same. */
static void
cache_conn_info_cb(redisAsyncContext *redis, void *answer, void *arg)
{
	struct cache_conn *conn = redis->data;
	const redisReply *reply = answer;
	const char *at;

	(void)arg;
	if (conn != NULL && reply != NULL && reply->type != REDIS_REPLY_ERROR &&
	    reply->str != NULL && (at = strstr(reply->str, "run_id:")) != NULL) {
		at += strlen("run_id:");
		pthread_mutex_lock(&conn->shared->lock);
		snprintf(conn->shared->run_id, CACHE_RUN_ID_SIZE, "%.*s", (int)strcspn(at, "\r\n"),
		         at);
		pthread_mutex_unlock(&conn->shared->lock);
	}
	cache_conn_greeted(redis, answer, false);
}

static void
cache_conn_script_cb(redisAsyncContext *redis, void *answer, void *arg)
{
	struct cache_conn *conn = redis->data;
	const redisReply *reply = answer;

	if (conn != NULL && reply != NULL && reply->type == REDIS_REPLY_STRING)
		snprintf(conn->sha[(uintptr_t)arg], CACHE_SHA_SIZE, "%s", reply->str);
	cache_conn_greeted(redis, answer, true);
}

static void
cache_conn_greet(struct cache_conn *conn)
{
	const struct url *url = &conn->shared->url;
	int failed = 0;

	conn->greetings = 1 + CACHE_SCRIPTS;
	if (url->password != NULL) {
		conn->greetings++;
		if (url->user != NULL && strcmp(url->user, "default") != 0)
			failed |= redisAsyncCommand(conn->redis, cache_conn_needed_cb, NULL,
			                            "AUTH %s %s", url->user, url->password);
		else
			failed |= redisAsyncCommand(conn->redis, cache_conn_needed_cb, NULL,
			                            "AUTH %s", url->password);
	}
	if (conn->shared->database != 0) {
		conn->greetings++;
		failed |= redisAsyncCommand(conn->redis, cache_conn_needed_cb, NULL, "SELECT %u",
		                            conn->shared->database);
	}
	for (uintptr_t i = 0; i < CACHE_SCRIPTS; i++)
		failed |= redisAsyncCommand(conn->redis, cache_conn_script_cb, (void *)i,
		                            "SCRIPT LOAD %s", cache_scripts[i]);
	failed |= redisAsyncCommand(conn->redis, cache_conn_info_cb, NULL, "INFO server");
	if (failed != REDIS_OK)
		cache_conn_drop(conn, "cannot send");
}

/* --- connecting ----------------------------------------------------------------------------- */

static void
cache_conn_begin(struct cache_conn *conn, redisAsyncContext *redis)
{
	conn->state = CACHE_CONNECTING;
	if (redis == NULL || redis->err != 0 || cache_poll_attach(redis, conn->loop) != 0) {
		if (redis != NULL)
			redisAsyncFree(redis);
		cache_conn_went_down(conn, "cannot connect");
		return;
	}
	conn->redis = redis;
	redis->data = conn;
	redisAsyncSetConnectCallback(redis, cache_conn_connected_cb);
	redisAsyncSetDisconnectCallback(redis, cache_conn_disconnected_cb);
	cache_conn_greet(conn);
}

static void
cache_conn_resolved_cb(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	OBJ_CAST(struct cache_conn, conn, request->data, CACHE_CONN_MAGIC);
	char address[64] = "";

	if (status == 0 && list->ai_family == AF_INET)
		uv_ip4_name((const struct sockaddr_in *)(const void *)list->ai_addr, address,
		            sizeof address);
	else if (status == 0 && list->ai_family == AF_INET6)
		uv_ip6_name((const struct sockaddr_in6 *)(const void *)list->ai_addr, address,
		            sizeof address);
	uv_freeaddrinfo(list);
	if (conn->state == CACHE_RESOLVING && address[0] != '\0')
		cache_conn_begin(conn, redisAsyncConnect(address, (int)conn->shared->url.port));
	else if (conn->state == CACHE_RESOLVING)
		cache_conn_went_down(conn, "the host's name cannot be resolved");
	else if (conn->state == CACHE_DOWN) /* given up meanwhile; the request can be used again */
		uv_timer_start(&conn->retry, cache_conn_retry_cb, conn->pause_ms, 0);
	conn->resolving.data = NULL;
	cache_conn_released(conn);
}

static void
cache_conn_connect(struct cache_conn *conn)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

	if (conn->resolving.data != NULL)
		return; /* the last try's resolver is still at it */
	conn->state = CACHE_CONNECTING;
	cache_conn_watch(conn, clock_ms() + CACHE_CONNECT_MS);
	if (conn->shared->unix_path != NULL) {
		cache_conn_begin(conn, redisAsyncConnectUnix(conn->shared->unix_path));
		return;
	}
	conn->state = CACHE_RESOLVING;
	conn->resolving.data = conn;
	if (uv_getaddrinfo(conn->loop, &conn->resolving, cache_conn_resolved_cb,
	                   conn->shared->url.host, NULL, &hints) == 0) {
		conn->busy++;
		return;
	}
	conn->resolving.data = NULL;
	cache_conn_went_down(conn, "cannot resolve the host's name");
}

struct cache_conn *
cache_conn_new(struct cache_shared *shared, uv_loop_t *loop)
{
	struct cache_conn *conn = calloc(1, sizeof *conn);

	if (conn == NULL)
		return NULL;
	OBJ_INIT(conn, CACHE_CONN_MAGIC);
	conn->shared = shared;
	conn->loop = loop;
	conn->pause_ms = CACHE_RECONNECT_MIN;
	uv_timer_init(loop, &conn->late);
	uv_timer_init(loop, &conn->retry);
	conn->late.data = conn->retry.data = conn;
	conn->busy = 2;
	atomic_fetch_add(&shared->attached, 1);
	cache_conn_connect(conn);
	return conn;
}

void
cache_conn_close(struct cache_conn **conn)
{
	struct cache_conn *gone = *conn;

	*conn = NULL;
	if (gone == NULL)
		return;
	OBJ_CHECK(gone, CACHE_CONN_MAGIC);
	cache_conn_drop(gone, NULL);
	gone->state = CACHE_CLOSED;
	atomic_fetch_sub(&gone->shared->attached, 1);
	if (gone->resolving.data != NULL)
		uv_cancel((uv_req_t *)&gone->resolving);
	uv_close((uv_handle_t *)&gone->late, cache_conn_closed_cb);
	uv_close((uv_handle_t *)&gone->retry, cache_conn_closed_cb);
}

bool
cache_conn_up(const struct cache_conn *conn)
{
	return conn->state == CACHE_UP;
}

const char *
cache_conn_sha(const struct cache_conn *conn, enum cache_script script)
{
	return conn->sha[script];
}
