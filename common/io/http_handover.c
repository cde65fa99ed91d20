/* SPDX-License-Identifier: MIT
 * One message is all there is: the address as its text, the socket as its descriptor. */
#include "common/io/http_handover.h"

#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/task/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HANDOVER_MAGIC   0x4a4d0e01u
#define HANDOVER_BACKLOG 4
#define HANDOVER_WAIT_MS 1000
#define HANDOVER_ADDRESS 256

struct http_handover {
	unsigned magic;
	const char *address;
	int fd;     /* a copy of what is offered */
	int listen; /* the offer's own socket */
	bool taken;
	uv_poll_t poll;
};

static bool
handover_address(struct sockaddr_un *un, const char *path, const char *suffix)
{
	*un = (struct sockaddr_un){.sun_family = AF_UNIX};
	return (size_t)snprintf(un->sun_path, sizeof un->sun_path, "%s%s", path, suffix) <
	       sizeof un->sun_path;
}

/* Is the other side a process of our own user? */
static bool
handover_peer_is_ours(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	       peer.uid == geteuid();
}

/* --- taking ----------------------------------------------------------------------------------- */

union handover_control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* The descriptor that came with the message, or -1. */
static int
handover_receive(int from, char text[HANDOVER_ADDRESS])
{
	union handover_control control;
	struct iovec part = {text, HANDOVER_ADDRESS - 1};
	struct msghdr message = {.msg_iov = &part,
	                         .msg_iovlen = 1,
	                         .msg_control = &control,
	                         .msg_controllen = sizeof control};
	struct cmsghdr *head;
	int fd = -1;
	ssize_t length = recvmsg(from, &message, MSG_CMSG_CLOEXEC);

	if (length < 0)
		return -1;
	text[length] = '\0';
	head = CMSG_FIRSTHDR(&message);
	if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(head), sizeof fd);
	return fd;
}

int
http_handover_take(const char *path, const char *address)
{
	struct timeval limit = {.tv_sec = HANDOVER_WAIT_MS / 1000};
	char text[HANDOVER_ADDRESS];
	struct sockaddr_un un;
	int fd = -1, from = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (from < 0)
		return -1;
	(void)setsockopt(from, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (handover_address(&un, path, "") &&
	    connect(from, (struct sockaddr *)&un, sizeof un) == 0 && handover_peer_is_ours(from))
		fd = handover_receive(from, text);
	close(from);
	if (fd >= 0 && strcmp(text, address) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* --- offering --------------------------------------------------------------------------------- */

static bool
handover_send(const struct http_handover *handover, int to)
{
	union handover_control control = {.bytes = {0}};
	struct iovec part = {(char *)(uintptr_t)handover->address, strlen(handover->address)};
	struct msghdr message = {.msg_iov = &part,
	                         .msg_iovlen = 1,
	                         .msg_control = &control,
	                         .msg_controllen = sizeof control};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof handover->fd);
	memcpy(CMSG_DATA(head), &handover->fd, sizeof handover->fd);
	return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

static void
handover_asked_cb(uv_poll_t *poll, int status, int events)
{
	OBJ_CAST(struct http_handover, handover, poll->data, HANDOVER_MAGIC);
	int to = accept4(handover->listen, NULL, NULL, SOCK_CLOEXEC);

	(void)status;
	(void)events;
	if (to < 0)
		return;
	if (handover_peer_is_ours(to) && handover_send(handover, to)) {
		handover->taken = true;
		LOG_INFO("listening socket handed over");
	}
	close(to);
}

/* Listens at `path`, in place of who did: first beside it, so that there is always somebody. */
static int
handover_listen(const char *path)
{
	struct sockaddr_un un, beside;
	int fd = -1;

	if (!handover_address(&un, path, "") || !handover_address(&beside, path, ".new")) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)unlink(beside.sun_path);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&beside, sizeof beside) == 0 &&
	    chmod(beside.sun_path, 0600) == 0 && listen(fd, HANDOVER_BACKLOG) == 0 &&
	    rename(beside.sun_path, un.sun_path) == 0)
		return fd;
	if (fd >= 0) {
		int saved = errno;

		(void)unlink(beside.sun_path);
		close(fd);
		errno = saved;
	}
	return -1;
}

struct http_handover *
http_handover_offer(struct worker *worker, const char *path, const char *address, int fd,
                    char *error, size_t size)
{
	struct http_handover *handover = calloc(1, sizeof *handover);

	if (handover == NULL)
		goto fail;
	OBJ_INIT(handover, HANDOVER_MAGIC);
	handover->address = address;
	handover->listen = handover_listen(path);
	handover->fd = handover->listen < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (handover->fd < 0)
		goto fail;
	uv_poll_init(worker_loop(worker), &handover->poll, handover->listen);
	handover->poll.data = handover;
	uv_poll_start(&handover->poll, UV_READABLE, handover_asked_cb);
	return handover;
fail:
	snprintf(error, size, "%s: %s", path, strerror(errno));
	if (handover != NULL && handover->listen >= 0)
		close(handover->listen);
	free(handover);
	return NULL;
}

bool
http_handover_taken(const struct http_handover *handover)
{
	return handover != NULL && handover->taken;
}

static void
handover_closed_cb(uv_handle_t *handle)
{
	OBJ_CAST(struct http_handover, handover, handle->data, HANDOVER_MAGIC);

	close(handover->listen);
	OBJ_FINI(handover);
	free(handover);
}

void
http_handover_close(struct http_handover **handoverp)
{
	struct http_handover *handover = *handoverp;

	if (handover == NULL)
		return;
	OBJ_CHECK(handover, HANDOVER_MAGIC);
	*handoverp = NULL;
	close(handover->fd);
	uv_close((uv_handle_t *)&handover->poll, handover_closed_cb);
}
