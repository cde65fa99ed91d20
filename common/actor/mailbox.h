/* SPDX-License-Identifier: MIT
 *
 * The receiving end of a service: a bounded queue between the links and the workers. A request goes
 * at once to the least busy worker that has room; else it waits; else it is refused. When a worker
 * ends a task it pulls the oldest that waits. Thread-safe.
 *
 * A request that from now on only waits for something that takes long (a job) is parked: its place
 * is another's, so that those who wait are in nobody's way. As many may be parked as there are
 * places.
 */
#ifndef STUDYHALL_ACTOR_MAILBOX_H
#define STUDYHALL_ACTOR_MAILBOX_H

#include "common/actor/link_server.h"

#include <stddef.h>

struct mailbox;

struct mailbox_options {
	struct worker *const *workers;
	unsigned worker_count;
	unsigned connections; /* tasks at a time on one worker */
	size_t queue_limit;   /* requests that wait */
	/* On the worker's thread: starts to work on it. Must end in mailbox_done(). */
	void (*work)(void *arg, struct incoming *incoming);
	void *arg;
};

/* `workers` must stay valid. NULL without memory. */
struct mailbox *mailbox_new(const struct mailbox_options *options);
void mailbox_free(struct mailbox **mailbox);

/* Takes over the reference. False when in flight and queue are full: the reference stays with the
 * caller, who answers RESOURCE_EXHAUSTED. */
bool mailbox_put(struct mailbox *mailbox, struct incoming *incoming);
/* On the worker's thread: it has finished one request. Hands it the next, if one waits. */
void mailbox_done(struct mailbox *mailbox, struct worker *worker, bool parked);
/* On the worker's thread, for a request being worked on. False: too many are, it keeps its place.
 */
bool mailbox_park(struct mailbox *mailbox, struct worker *worker);
/* Takes a waiting request out again: true, and the reference is the caller's. False when a worker
 * has it (incoming->worker says which) or had it. */
bool mailbox_remove(struct mailbox *mailbox, struct incoming *incoming);

size_t mailbox_queued(const struct mailbox *mailbox);
size_t mailbox_running(const struct mailbox *mailbox);
/* Microseconds the oldest waiting request has waited; 0 when none waits. */
uint64_t mailbox_oldest_us(struct mailbox *mailbox);

#endif
