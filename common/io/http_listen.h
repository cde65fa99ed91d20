/* SPDX-License-Identifier: MIT
 *
 * What the HTTP servers of one listening address share: the sockets, and the limits that hold for
 * all of them together.
 */
#ifndef STUDYHALL_IO_HTTP_LISTEN_H
#define STUDYHALL_IO_HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define HTTP_ADDRESS_SIZE 128 /* an address as text, and NUL */

/* Opens `count` listening sockets on "127.0.0.1:8080", "[::1]:8080", "localhost:8080" or
 * "unix:/path" into fds[]: one for each server (SO_REUSEPORT spreads the connections). Port 0 takes
 * a free one. A socket file left behind by a dead process is replaced, no other file is; every user
 * who reaches its directory may connect (mode 0666). Blocking; at start. Returns 0, or -1 with one
 * line in `error` ("127.0.0.1:8080 is in use by another process"). */
int http_listen(const char *address, unsigned count, int *fds, char *error, size_t error_size);
/* Could that address be listened on, if nobody did? As http_listen(), but any port is free. */
int http_listen_check(const char *address, char *error, size_t error_size);
/* Removes the socket file of that address, if it is one; while its sockets are still open, so that
 * it cannot be another process's by then. */
void http_listen_remove(const char *address);
/* The address a socket is bound to, in the form http_listen() takes. */
void http_listen_address(int fd, char out[HTTP_ADDRESS_SIZE]);

/* Limits and counters, shared by all servers of one address. Thread-safe. */
struct http_limits;

struct http_limits_options {
	const char *name;             /* the metrics' label: "public", "admin"; must stay valid */
	unsigned max_connections;     /* 0: 10000. Cut to what the open-files limit allows */
	unsigned address_connections; /* for one address (IPv6: one /64); 0: no bound */
	size_t body_bytes;            /* of requests held at one time; 0: 64 MB */
	/* Addresses that address_connections is not for, such as trusted proxies; may be NULL.
	 * Called on the workers' threads. */
	bool (*exempt)(const struct sockaddr *address, void *arg);
	void *arg;
};

/* NULL without memory. Registers the metrics studyhall_http_*{listener="name"}. Raises the
 * process's soft limit of open files to the hard one, and says so in the log when that is not
 * enough for max_connections. */
struct http_limits *http_limits_new(const struct http_limits_options *options);
/* After the servers. The metrics stay. */
void http_limits_free(struct http_limits **limits);
/* Connections the process can hold, after the cut. */
unsigned http_limits_connections(const struct http_limits *limits);

#endif
