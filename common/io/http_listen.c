/* SPDX-License-Identifier: MIT
 * Listening sockets. SO_REUSEPORT would let a second process share the port unnoticed, so the
 * first bind is tried without it. */
#include "common/io/http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <fcntl.h>

#define LISTEN_BACKLOG 4096
#define LISTEN_WRONG   "%s is not an address to listen on (host:port or unix:/path)"
#define LISTEN_MODE    0666 /* of a socket file: who may connect is for its directory to say */

/* A bound address, of either family. */
union http_bound {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static int
http_listen_failed(const char *address, char *error, size_t size)
{
	struct stat file;

	if (errno == EADDRINUSE && strncmp(address, "unix:", 5) == 0 &&
	    lstat(address + 5, &file) == 0 && !S_ISSOCK(file.st_mode))
		snprintf(error, size, "%s: the file is no socket", address);
	else if (errno == EADDRINUSE)
		snprintf(error, size, "%s is in use by another process", address);
	else if (errno == EACCES)
		snprintf(error, size, "%s: no right to listen there", address);
	else
		snprintf(error, size, "cannot listen on %s: %s", address, strerror(errno));
	return -1;
}

static int
http_socket(const union http_bound *bound, socklen_t length, bool reuse_port)
{
	int on = 1, saved;
	int fd = socket(bound->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (bound->any.sa_family != AF_UNIX &&
	    (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	     (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)))
		goto fail;
	if (bind(fd, &bound->any, length) == 0)
		return fd;
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Takes a socket file that nobody listens on any more out of the way. */
static void
http_remove_stale(const union http_bound *bound, socklen_t length)
{
	struct stat file;
	int fd;

	/* A connect() to another kind of file is refused too. */
	if (lstat(bound->un.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, &bound->any, length) != 0 && errno == ECONNREFUSED)
		unlink(bound->un.sun_path);
	close(fd);
}

/* One socket, handed out several times: each server accepts from it. */
static int
http_listen_unix(const char *address, unsigned count, int *fds, char *error, size_t size)
{
	union http_bound bound = {.un = {.sun_family = AF_UNIX}};
	const char *path = address + strlen("unix:");

	if (path[0] != '/' || strlen(path) >= sizeof bound.un.sun_path) {
		snprintf(error, size, "%s: not an absolute path of at most %zu bytes", address,
		         sizeof bound.un.sun_path - 1);
		return -1;
	}
	memcpy(bound.un.sun_path, path, strlen(path) + 1);
	http_remove_stale(&bound, sizeof bound.un);
	fds[0] = http_socket(&bound, sizeof bound.un, false);
	if (fds[0] < 0 || chmod(path, LISTEN_MODE) != 0)
		return http_listen_failed(address, error, size);
	for (unsigned i = 1; i < count; i++) {
		fds[i] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
		if (fds[i] < 0)
			return http_listen_failed(address, error, size);
	}
	return 0;
}

/* Splits "host:port" and resolves it. */
static int
http_resolve(const char *address, union http_bound *bound, socklen_t *length)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	const char *colon = strrchr(address, ':');
	struct addrinfo *found;
	char host[256];
	size_t host_length;

	if (colon == NULL || colon[1] == '\0' ||
	    colon[1 + strspn(colon + 1, "0123456789")] != '\0' || strlen(colon + 1) > 5 ||
	    atoi(colon + 1) > 65535)
		return -1;
	host_length = (size_t)(colon - address);
	if (host_length >= 2 && address[0] == '[' && colon[-1] == ']') {
		address++;
		host_length -= 2;
	}
	if (host_length >= sizeof host)
		return -1;
	memcpy(host, address, host_length);
	host[host_length] = '\0';
	if (getaddrinfo(host_length > 0 ? host : NULL, colon + 1, &hints, &found) != 0)
		return -1;
	memcpy(bound, found->ai_addr, found->ai_addrlen);
	*length = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* A socket file's directory is there and ours to write to. */
static int
http_check_unix(const char *path, char *error, size_t size)
{
	char directory[sizeof(struct sockaddr_un)];
	size_t length = (size_t)(strrchr(path, '/') - path);
	struct stat file;

	snprintf(directory, sizeof directory, "%.*s/", (int)length, path);
	if (access(directory, W_OK | X_OK) != 0) {
		snprintf(error, size, "unix:%s: %s", path, strerror(errno));
		return -1;
	}
	if (lstat(path, &file) == 0 && !S_ISSOCK(file.st_mode)) {
		snprintf(error, size, "unix:%s: the file is no socket", path);
		return -1;
	}
	return 0;
}

int
http_listen_check(const char *address, char *error, size_t error_size)
{
	union http_bound bound = {0};
	socklen_t length = 0;
	int fd;

	if (strncmp(address, "unix:/", 6) == 0 && strlen(address + 5) < sizeof bound.un.sun_path)
		return http_check_unix(address + 5, error, error_size);
	if (http_resolve(address, &bound, &length) != 0) {
		snprintf(error, error_size, LISTEN_WRONG, address);
		return -1;
	}
	if (bound.any.sa_family == AF_INET6)
		bound.in6.sin6_port = 0;
	else
		bound.in.sin_port = 0;
	fd = http_socket(&bound, length, false);
	if (fd < 0)
		return http_listen_failed(address, error, error_size);
	close(fd);
	return 0;
}

static int
http_listen_tcp(const char *address, unsigned count, int *fds, char *error, size_t size)
{
	union http_bound bound = {0};
	socklen_t length = 0;

	if (http_resolve(address, &bound, &length) != 0) {
		snprintf(error, size, LISTEN_WRONG, address);
		return -1;
	}
	fds[0] = http_socket(&bound, length, false);
	if (fds[0] < 0 || getsockname(fds[0], &bound.any, &length) != 0)
		return http_listen_failed(address, error, size);
	if (count == 1)
		return 0;
	close(fds[0]);
	fds[0] = -1;
	for (unsigned i = 0; i < count; i++) {
		fds[i] = http_socket(&bound, length, true);
		if (fds[i] < 0)
			return http_listen_failed(address, error, size);
	}
	return 0;
}

int
http_listen(const char *address, unsigned count, int *fds, char *error, size_t error_size)
{
	int result;

	for (unsigned i = 0; i < count; i++)
		fds[i] = -1;
	if (strncmp(address, "unix:", 5) == 0)
		result = http_listen_unix(address, count, fds, error, error_size);
	else
		result = http_listen_tcp(address, count, fds, error, error_size);
	for (unsigned i = 0; i < count && result == 0; i++) {
		if (listen(fds[i], LISTEN_BACKLOG) != 0)
			result = http_listen_failed(address, error, error_size);
	}
	for (unsigned i = 0; i < count && result != 0; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
	return result;
}

void
http_listen_remove(const char *address)
{
	if (strncmp(address, "unix:", 5) == 0)
		(void)unlink(address + 5);
}

void
http_listen_address(int fd, char out[HTTP_ADDRESS_SIZE])
{
	union http_bound bound = {0};
	socklen_t length = sizeof bound;
	char text[INET6_ADDRSTRLEN] = "";

	if (getsockname(fd, &bound.any, &length) != 0)
		bound.any.sa_family = AF_UNSPEC;
	switch (bound.any.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &bound.in.sin_addr, text, sizeof text);
		snprintf(out, HTTP_ADDRESS_SIZE, "%s:%u", text, ntohs(bound.in.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &bound.in6.sin6_addr, text, sizeof text);
		snprintf(out, HTTP_ADDRESS_SIZE, "[%s]:%u", text, ntohs(bound.in6.sin6_port));
		break;
	case AF_UNIX: snprintf(out, HTTP_ADDRESS_SIZE, "unix:%s", bound.un.sun_path); break;
	default: out[0] = '\0';
	}
}
