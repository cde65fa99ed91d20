/* SPDX-License-Identifier: MIT
 * The pipes of a socket: their beginning and end, told to the io worker, and how we end one.
 *
 * nng (1.5.2 to 1.10.1) loses a receive for ever when a pipe is closed between the header and the
 * body of a message (nni_aio_begin() fails silently in tcptran_pipe_recv_cb()): the thread that
 * buries pipes then waits for it, and no end of any pipe of the process is reported again. So we
 * never close a pipe that is in use. We shut down its TCP connection, nng reads the end of the
 * stream, and closes the pipe when no receive is under way. With TLS the same holds for a send,
 * which goes out in three parts (tlstran_pipe_send_cb()): we let it finish first.
 *
 * When a peer dies while we speak to it, nng closes the pipe by itself, and we cannot help it.
 * Under load and TLS one death in sixty hung nng so; without TLS it took a peer that floods us and
 * reads nothing. socket_hangs() notices; the process then ends. */
#include "common/actor/socket_private.h"

#include "common/base/log.h"
#include "common/base/obj.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIPES_END_ROUNDS    30   /* of 100 ms: longer than that, and nng hangs */
#define PIPES_BURIAL_ROUNDS 2000 /* of 1 ms */
#define PIPES_GONE_LIMIT    3    /* rounds without a descriptor */
#define PIPE_MAX_READS      512  /* of 16 KB each: more than a socket holds */

struct pipe_record {
	struct post up, down;
	struct pipes *pipes;
	uint32_t id;
	unsigned gone; /* rounds of pipes_end() that found no descriptor */
	struct pipe_record *next;
};

void
pipes_init(struct pipes *pipes, struct worker *io, unsigned limit)
{
	*pipes = (struct pipes){.io = io, .limit = limit};
	pthread_mutex_init(&pipes->lock, NULL);
	pthread_cond_init(&pipes->empty, NULL);
	pthread_rwlock_init(&pipes->use, NULL);
}

void
pipes_fini(struct pipes *pipes)
{
	pthread_mutex_destroy(&pipes->lock);
	pthread_cond_destroy(&pipes->empty);
	pthread_rwlock_destroy(&pipes->use);
}

static void
pipes_up_fn(struct post *post)
{
	struct pipe_record *record = OBJ_CONTAINER(post, struct pipe_record, up);

	record->pipes->up(record->pipes, record->id);
}

static void
pipes_down_fn(struct post *post)
{
	struct pipe_record *record = OBJ_CONTAINER(post, struct pipe_record, down);
	struct pipes *pipes = record->pipes;
	uint32_t id = record->id;

	free(record);
	pthread_mutex_lock(&pipes->lock);
	pipes->live--;
	pthread_mutex_unlock(&pipes->lock);
	pipes->down(pipes, id);
}

bool
pipes_any(struct pipes *pipes)
{
	bool any;

	pthread_mutex_lock(&pipes->lock);
	any = pipes->live > 0;
	pthread_mutex_unlock(&pipes->lock);
	return any;
}

bool
pipes_connected(struct pipes *pipes)
{
	bool connected;

	pthread_mutex_lock(&pipes->lock);
	connected = pipes->count > 0;
	pthread_mutex_unlock(&pipes->lock);
	return connected;
}

static void
pipes_added(struct pipes *pipes, nng_pipe pipe)
{
	struct pipe_record *record = malloc(sizeof *record);

	if (record == NULL || pipes->count >= pipes->limit) {
		free(record);
		nng_pipe_close(pipe);
		return;
	}
	*record = (struct pipe_record){.up.fn = pipes_up_fn,
	                               .down.fn = pipes_down_fn,
	                               .pipes = pipes,
	                               .id = (uint32_t)nng_pipe_id(pipe),
	                               .next = pipes->records};
	pipes->records = record;
	pipes->count++;
	pipes->live++;
	worker_post(pipes->io, &record->up);
}

static void
pipes_removed(struct pipes *pipes, nng_pipe pipe)
{
	uint32_t id = (uint32_t)nng_pipe_id(pipe);

	for (struct pipe_record **at = &pipes->records; *at != NULL; at = &(*at)->next) {
		struct pipe_record *record = *at;

		if (record->id == id) {
			*at = record->next;
			pipes->count--;
			if (pipes->count == 0)
				pthread_cond_broadcast(&pipes->empty);
			worker_post(pipes->io, &record->down);
			return;
		}
	}
}

static void
pipes_event_cb(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	struct pipes *pipes = arg;

	pthread_mutex_lock(&pipes->lock);
	if (event == NNG_PIPE_EV_ADD_PRE)
		pipes_added(pipes, pipe);
	else
		pipes_removed(pipes, pipe);
	pthread_mutex_unlock(&pipes->lock);
	if (event != NNG_PIPE_EV_ADD_PRE)
		burial_begins((uint32_t)nng_pipe_id(pipe));
}

/* ADD_PRE, because a pipe already receives when ADD_POST is called: its first message would come
 * before we know it. */
int
pipes_watch(struct pipes *pipes, nng_socket socket)
{
	int error = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_PRE, pipes_event_cb, pipes);

	if (error == 0)
		error = nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, pipes_event_cb, pipes);
	return error;
}

/* --- ending ---------------------------------------------------------------------------------- */

/* Is this the end of a socket with the address that nng reports? */
static bool
pipe_address_equal(const struct sockaddr_storage *address, const nng_sockaddr *expected)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->ss_family == AF_INET && expected->s_family == NNG_AF_INET)
		return v4->sin_port == expected->s_in.sa_port &&
		       v4->sin_addr.s_addr == expected->s_in.sa_addr;
	if (address->ss_family == AF_INET6 && expected->s_family == NNG_AF_INET6)
		return v6->sin6_port == expected->s_in6.sa_port &&
		       memcmp(&v6->sin6_addr, expected->s_in6.sa_addr, 16) == 0;
	return false;
}

static bool
pipe_is_at(int fd, const nng_sockaddr *local, const nng_sockaddr *remote)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;

	if (getpeername(fd, (struct sockaddr *)&address, &length) != 0 ||
	    !pipe_address_equal(&address, remote))
		return false;
	length = sizeof address;
	return getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
	       pipe_address_equal(&address, local);
}

/* A descriptor of our own for the pipe's connection, for nng does not tell its. Duplicated before
 * it is looked at: nng may close its own at any time, and another be opened under the same number.
 * -1: there is none (inproc), or it is gone. */
static int
pipe_descriptor(nng_pipe pipe)
{
	nng_sockaddr local, remote;
	struct dirent *entry;
	int found = -1;
	DIR *open_files;

	if (nng_pipe_get_addr(pipe, NNG_OPT_LOCADDR, &local) != 0 ||
	    nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &remote) != 0)
		return -1;
	open_files = opendir("/proc/self/fd");
	if (open_files == NULL)
		return -1;
	while (found < 0 && (entry = readdir(open_files)) != NULL) {
		found = fcntl(atoi(entry->d_name), F_DUPFD_CLOEXEC, 0);
		if (found >= 0 && !pipe_is_at(found, &local, &remote)) {
			close(found);
			found = -1;
		}
	}
	closedir(open_files);
	return found;
}

/* What has arrived is thrown away, and what still comes as well: Linux goes on to receive after
 * SHUT_RD, for a peer that floods us. False: there is no descriptor. */
static bool
pipe_end_stream(nng_pipe pipe)
{
	int fd = pipe_descriptor(pipe), rounds = PIPE_MAX_READS;
	char rest[16384];

	if (fd < 0)
		return false;
	shutdown(fd, SHUT_RD);
	while (rounds-- > 0 && recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
		;
	close(fd);
	return true;
}

void
pipe_shut(nng_pipe pipe)
{
	if (!pipe_end_stream(pipe))
		nng_pipe_close(pipe);
}

static bool
pipe_is_inproc(nng_pipe pipe)
{
	nng_sockaddr local;

	return nng_pipe_get_addr(pipe, NNG_OPT_LOCADDR, &local) == 0 &&
	       local.s_family == NNG_AF_INPROC;
}

/* Waits until there are none, or for a tenth of a second. */
static void
pipes_wait_empty(struct pipes *pipes)
{
	struct timespec limit;
	int error = 0;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_nsec += 100000000;
	if (limit.tv_nsec >= 1000000000) {
		limit.tv_nsec -= 1000000000;
		limit.tv_sec++;
	}
	while (pipes->count > 0 && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&pipes->empty, &pipes->lock, &limit);
}

/* Again and again: nng's TLS forgets that a connection has ended when it was not just reading. Its
 * descriptor is gone then, and closing the pipe is safe once nng has handled what it had read. */
static void
pipes_end_all(struct pipes *pipes)
{
	pthread_mutex_lock(&pipes->lock);
	pipes->limit = 0;
	for (int i = 0; i < PIPES_END_ROUNDS && pipes->count > 0; i++) {
		for (struct pipe_record *record = pipes->records; record != NULL;
		     record = record->next) {
			nng_pipe pipe = {.id = record->id};

			if (!pipe_end_stream(pipe) &&
			    (++record->gone == PIPES_GONE_LIMIT || pipe_is_inproc(pipe)))
				nng_pipe_close(pipe);
		}
		pipes_wait_empty(pipes);
	}
	pthread_mutex_unlock(&pipes->lock);
}

bool
pipes_end(struct pipes *pipes)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	pipes_end_all(pipes);
	for (int i = 0; i < PIPES_BURIAL_ROUNDS && !pipes_connected(pipes); i++) {
		if (burial_done())
			return true;
		(void)nanosleep(&pause, NULL);
	}
	LOG_ERROR("nng does not let go of its connections");
	return false;
}

/* --- closing --------------------------------------------------------------------------------- */

bool
pipes_enter(struct pipes *pipes)
{
	pthread_rwlock_rdlock(&pipes->use);
	if (!pipes->closing)
		return true;
	pthread_rwlock_unlock(&pipes->use);
	return false;
}

void
pipes_leave(struct pipes *pipes)
{
	pthread_rwlock_unlock(&pipes->use);
}

void
pipes_close(struct pipes *pipes, nng_socket socket)
{
	pthread_rwlock_wrlock(&pipes->use);
	pipes->closing = true;
	pthread_rwlock_unlock(&pipes->use);
	nng_close(socket);
}
