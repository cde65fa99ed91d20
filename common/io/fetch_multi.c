/* SPDX-License-Identifier: MIT
 * curl tells which sockets to watch and when to be called; libuv does the watching.
 *
 * curl looks at every connection of a multi handle for each request that begins or ends: with
 * thousands under way that takes more than all else a request needs. So a worker has as many multi
 * handles as it takes for each to have few transfers. The first ones are filled first, and what is
 * empty for a while is closed but the first: its idle connections go on.
 *
 * A poll handle is stopped before its descriptor is closed (curl closes through us), for libuv must
 * never be left watching a closed or reused one (libuv#1495); its memory goes in the close
 * callback. */
#include "common/io/fetch_multi.h"

#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/base/status.h"
#include "common/io/fetch.h"
#include "common/task/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define FETCH_MULTI_MAGIC 0xfe7c4001u
#define FETCH_IDLE_S      15L
#define FETCH_MULTIS      256  /* of a worker */
#define FETCH_TRANSFERS   64   /* of one, unless all have as many */
#define FETCH_CONNECTIONS 128L /* of one that are kept, busy ones counted */

struct fetch_socket {
	uv_poll_t poll;
	struct fetch_multi *multi;
	curl_socket_t fd;
};

struct fetch_multi {
	unsigned magic;
	CURLM *curl;
	uv_loop_t *loop;
	uv_timer_t timer;      /* curl's */
	uv_timer_t idle;       /* until it is closed */
	unsigned place;        /* among the worker's */
	unsigned open_handles; /* of libuv, also those that are closing */
	unsigned transfers;
	bool closing;
};

/* A worker's. */
static _Thread_local struct {
	bool attached;
	struct fetch_multi *multis[FETCH_MULTIS]; /* NULL: none there */
	struct fetch_socket **sockets;            /* being watched, by descriptor; NULL: not */
	size_t socket_space;
} fetch_here;
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static CURLcode fetch_init_result;

static void
fetch_init_once(void)
{
	fetch_init_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* --- after curl has run --------------------------------------------------------------------- */

static void
fetch_multi_collect(struct fetch_multi *multi)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi->curl, &left)) != NULL) {
		CURL *easy = message->easy_handle;
		CURLcode result = message->data.result;
		void *arg = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &arg);
		fetch_multi_remove(multi, easy);
		fetch_ended(arg, result);
	}
}

static void
fetch_multi_run(struct fetch_multi *multi, curl_socket_t fd, int events)
{
	int running;

	(void)curl_multi_socket_action(multi->curl, fd, events, &running);
	fetch_multi_collect(multi);
}

static void
fetch_timer_cb(uv_timer_t *timer)
{
	OBJ_CAST(struct fetch_multi, multi, timer->data, FETCH_MULTI_MAGIC);

	fetch_multi_run(multi, CURL_SOCKET_TIMEOUT, 0);
}

static void
fetch_poll_cb(uv_poll_t *poll, int status, int events)
{
	struct fetch_socket *watched = poll->data;
	int action = 0;

	if (status < 0)
		action = CURL_CSELECT_ERR;
	if ((events & UV_READABLE) != 0)
		action |= CURL_CSELECT_IN;
	if ((events & UV_WRITABLE) != 0)
		action |= CURL_CSELECT_OUT;
	fetch_multi_run(watched->multi, watched->fd, action);
}

/* --- what curl asks for ---------------------------------------------------------------------- */

static void
fetch_handle_closed(struct fetch_multi *multi)
{
	if (--multi->open_handles > 0 || !multi->closing)
		return;
	OBJ_FINI(multi);
	free(multi);
}

static void
fetch_socket_closed_cb(uv_handle_t *handle)
{
	struct fetch_socket *watched = handle->data;

	fetch_handle_closed(watched->multi);
	free(watched);
}

static void
fetch_timer_closed_cb(uv_handle_t *handle)
{
	fetch_handle_closed(handle->data);
}

static struct fetch_socket *
fetch_socket_find(curl_socket_t fd)
{
	return fd >= 0 && (size_t)fd < fetch_here.socket_space ? fetch_here.sockets[fd] : NULL;
}

static bool
fetch_socket_room(curl_socket_t fd)
{
	size_t space = fetch_here.socket_space > 0 ? fetch_here.socket_space : 64;
	struct fetch_socket **grown;

	if (fd < 0)
		return false;
	if ((size_t)fd < fetch_here.socket_space)
		return true;
	while (space <= (size_t)fd)
		space *= 2;
	grown = realloc(fetch_here.sockets, space * sizeof(struct fetch_socket *));
	if (grown == NULL)
		return false;
	for (size_t i = fetch_here.socket_space; i < space; i++)
		grown[i] = NULL;
	fetch_here.sockets = grown;
	fetch_here.socket_space = space;
	return true;
}

static void
fetch_socket_forget(const struct fetch_multi *multi, curl_socket_t fd)
{
	struct fetch_socket *gone = fetch_socket_find(fd);

	if (gone == NULL || gone->multi != multi)
		return;
	fetch_here.sockets[fd] = NULL;
	uv_poll_stop(&gone->poll);
	uv_close((uv_handle_t *)&gone->poll, fetch_socket_closed_cb);
}

static int
fetch_socket_watch(struct fetch_multi *multi, curl_socket_t fd, int what)
{
	struct fetch_socket *watched = fetch_socket_find(fd);
	int events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
	             ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);

	if (watched == NULL) {
		watched = fetch_socket_room(fd) ? calloc(1, sizeof *watched) : NULL;
		if (watched == NULL)
			return -1;
		if (uv_poll_init_socket(multi->loop, &watched->poll, fd) != 0) {
			free(watched);
			return -1;
		}
		watched->poll.data = watched;
		watched->multi = multi;
		watched->fd = fd;
		fetch_here.sockets[fd] = watched;
		multi->open_handles++;
	}
	return uv_poll_start(&watched->poll, events, fetch_poll_cb) == 0 ? 0 : -1;
}

static int
fetch_socket_cb(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	OBJ_CAST(struct fetch_multi, multi, arg, FETCH_MULTI_MAGIC);

	(void)easy;
	(void)socket_arg;
	if (what != CURL_POLL_REMOVE)
		return fetch_socket_watch(multi, fd, what);
	fetch_socket_forget(multi, fd);
	return 0;
}

static int
fetch_close_socket_cb(void *arg, curl_socket_t fd)
{
	OBJ_CAST(struct fetch_multi, multi, arg, FETCH_MULTI_MAGIC);

	fetch_socket_forget(multi, fd);
	return close(fd);
}

/* 0 means soon, which is the loop's next turn: curl must not be entered from its own callback. */
static int
fetch_set_timer_cb(CURLM *curl, long timeout_ms, void *arg)
{
	OBJ_CAST(struct fetch_multi, multi, arg, FETCH_MULTI_MAGIC);

	(void)curl;
	if (timeout_ms < 0) {
		uv_timer_stop(&multi->timer);
		return 0;
	}
	uv_update_time(multi->loop);
	uv_timer_start(&multi->timer, fetch_timer_cb, (uint64_t)timeout_ms, 0);
	return 0;
}

/* --- life ----------------------------------------------------------------------------------- */

static void
fetch_multi_close(struct fetch_multi *multi)
{
	OBJ_CHECK(multi, FETCH_MULTI_MAGIC);
	assert(multi->transfers == 0);
	fetch_here.multis[multi->place] = NULL;
	curl_multi_cleanup(multi->curl);
	for (size_t fd = 0; fd < fetch_here.socket_space; fd++)
		fetch_socket_forget(multi, (curl_socket_t)fd);
	multi->closing = true;
	uv_timer_stop(&multi->timer);
	uv_timer_stop(&multi->idle);
	uv_close((uv_handle_t *)&multi->timer, fetch_timer_closed_cb);
	uv_close((uv_handle_t *)&multi->idle, fetch_timer_closed_cb);
}

static void
fetch_idle_cb(uv_timer_t *timer)
{
	OBJ_CAST(struct fetch_multi, multi, timer->data, FETCH_MULTI_MAGIC);

	fetch_multi_close(multi);
}

static struct fetch_multi *
fetch_multi_open(unsigned place)
{
	struct fetch_multi *multi = calloc(1, sizeof *multi);

	if (multi == NULL)
		return NULL;
	multi->curl = curl_multi_init();
	if (multi->curl == NULL) {
		free(multi);
		return NULL;
	}
	OBJ_INIT(multi, FETCH_MULTI_MAGIC);
	multi->place = place;
	multi->loop = worker_loop(worker_current());
	uv_timer_init(multi->loop, &multi->timer);
	uv_timer_init(multi->loop, &multi->idle);
	multi->timer.data = multi->idle.data = multi;
	multi->open_handles = 2;
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, fetch_socket_cb);
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, fetch_set_timer_cb);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
	curl_multi_setopt(multi->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, FETCH_CONNECTIONS);
	fetch_here.multis[place] = multi;
	return multi;
}

struct fetch_multi *
fetch_multi_here(void)
{
	struct fetch_multi *least = fetch_here.multis[0];

	for (unsigned i = 0; i < FETCH_MULTIS && fetch_here.attached; i++) {
		struct fetch_multi *multi = fetch_here.multis[i];

		if (multi == NULL)
			multi = fetch_multi_open(i);
		if (multi == NULL)
			break;
		if (multi->transfers < least->transfers)
			least = multi;
		if (multi->transfers < FETCH_TRANSFERS)
			return multi;
	}
	return least;
}

enum status
fetch_attach(void)
{
	assert(!fetch_here.attached);
	pthread_once(&fetch_once, fetch_init_once);
	if (fetch_init_result != CURLE_OK || fetch_multi_open(0) == NULL)
		return STATUS_OVERLOADED;
	fetch_here.attached = true;
	return STATUS_OK;
}

void
fetch_detach(void)
{
	if (!fetch_here.attached)
		return;
	for (unsigned i = 0; i < FETCH_MULTIS; i++)
		if (fetch_here.multis[i] != NULL)
			fetch_multi_close(fetch_here.multis[i]);
	free(fetch_here.sockets);
	fetch_here.sockets = NULL;
	fetch_here.socket_space = 0;
	fetch_here.attached = false;
}

bool
fetch_multi_add(struct fetch_multi *multi, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, fetch_close_socket_cb);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, multi);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, FETCH_IDLE_S);
	if (curl_multi_add_handle(multi->curl, easy) != CURLM_OK)
		return false;
	uv_timer_stop(&multi->idle);
	multi->transfers++;
	return true;
}

void
fetch_multi_remove(struct fetch_multi *multi, CURL *easy)
{
	assert(multi->transfers > 0);
	curl_multi_remove_handle(multi->curl, easy);
	if (--multi->transfers == 0 && multi->place > 0)
		uv_timer_start(&multi->idle, fetch_idle_cb, FETCH_IDLE_S * 1000, 0);
}
