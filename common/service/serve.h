/* SPDX-License-Identifier: MIT
 *
 * Serving: the mailbox, the link server and the table of methods put together. Used by service.c
 * and by tests that want a service without a process.
 */
#ifndef STUDYHALL_SERVICE_SERVE_H
#define STUDYHALL_SERVICE_SERVE_H

#include "common/actor/socket.h"
#include "common/service/service.h"

struct server;
struct worker;

struct server_options {
	struct service *service; /* what call_service() gives */
	const struct service_spec *spec;
	struct worker *const *workers; /* the first owns the links */
	unsigned worker_count;
	unsigned connections; /* per worker */
	size_t queue_limit;
	size_t request_bytes; /* of requests in the house at one time */
	const char *url;
	const struct tls_options *tls;
	uint64_t boot_id; /* told to callers; 0: a new one */
};

/* On worker 0. NULL with a line in `error`; a method of the spec that the .proto does not have is a
 * bug and asserts. */
struct server *server_open(const struct server_options *options, char *error, size_t error_size);
/* Asks the callers to ask another replica, if they have one; takes what comes all the same. On
 * worker 0. */
void server_leave(struct server *server);
/* From now on requests are refused, for another replica to take; waits, from a task, until the last
 * one has been answered. Returns early when the task is cancelled or late. */
void server_drain(struct server *server);
/* On worker 0; cancels what is in progress and waits for it, from a task. */
void server_close(struct server **server);
/* Calls in progress or waiting. */
size_t server_calls(const struct server *server);

#endif
