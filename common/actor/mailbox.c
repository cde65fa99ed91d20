/* SPDX-License-Identifier: MIT
 * Runs, queues or refuses, and counts (varnish's Pool_Task); one lock, held for a few instructions.
 */
#include "common/actor/mailbox.h"

#include "common/base/clock.h"
#include "common/base/obj.h"

#include <pthread.h>
#include <stdlib.h>

#define MAILBOX_MAGIC 0x3a11b0c5u

struct mailbox {
	unsigned magic;
	struct mailbox_options options;
	pthread_mutex_t lock;
	struct incoming *head, *tail;
	_Atomic size_t queued, running;
	unsigned busy[]; /* requests per worker */
};

struct mailbox *
mailbox_new(const struct mailbox_options *options)
{
	struct mailbox *mailbox =
	    calloc(1, sizeof *mailbox + options->worker_count * sizeof mailbox->busy[0]);

	if (mailbox == NULL)
		return NULL;
	OBJ_INIT(mailbox, MAILBOX_MAGIC);
	mailbox->options = *options;
	pthread_mutex_init(&mailbox->lock, NULL);
	return mailbox;
}

void
mailbox_free(struct mailbox **mailboxp)
{
	struct mailbox *mailbox = *mailboxp;

	if (mailbox == NULL)
		return;
	OBJ_CHECK(mailbox, MAILBOX_MAGIC);
	assert(mailbox->head == NULL);
	*mailboxp = NULL;
	pthread_mutex_destroy(&mailbox->lock);
	OBJ_FINI(mailbox);
	free(mailbox);
}

static void
mailbox_dispatch_fn(struct post *post)
{
	struct incoming *incoming = OBJ_CONTAINER(post, struct incoming, dispatch);
	struct mailbox *mailbox = incoming->mailbox;

	mailbox->options.work(mailbox->options.arg, incoming);
}

static void
mailbox_enqueue(struct mailbox *mailbox, struct incoming *incoming)
{
	incoming->queued = true;
	incoming->queue_next = NULL;
	incoming->queue_prev = mailbox->tail;
	if (mailbox->tail != NULL)
		mailbox->tail->queue_next = incoming;
	else
		mailbox->head = incoming;
	mailbox->tail = incoming;
	atomic_fetch_add(&mailbox->queued, 1);
}

static void
mailbox_dequeue(struct mailbox *mailbox, struct incoming *incoming)
{
	incoming->queued = false;
	if (incoming->queue_prev != NULL)
		incoming->queue_prev->queue_next = incoming->queue_next;
	else
		mailbox->head = incoming->queue_next;
	if (incoming->queue_next != NULL)
		incoming->queue_next->queue_prev = incoming->queue_prev;
	else
		mailbox->tail = incoming->queue_prev;
	atomic_fetch_sub(&mailbox->queued, 1);
}

/* The lock is held. */
static void
mailbox_assign(struct mailbox *mailbox, struct incoming *incoming, unsigned worker)
{
	mailbox->busy[worker]++;
	atomic_fetch_add(&mailbox->running, 1);
	incoming->worker = mailbox->options.workers[worker];
	incoming->dispatch.fn = mailbox_dispatch_fn;
	worker_post(incoming->worker, &incoming->dispatch);
}

bool
mailbox_put(struct mailbox *mailbox, struct incoming *incoming)
{
	unsigned best = 0;
	bool taken = true;

	OBJ_CHECK(mailbox, MAILBOX_MAGIC);
	incoming->mailbox = mailbox;
	pthread_mutex_lock(&mailbox->lock);
	for (unsigned i = 1; i < mailbox->options.worker_count; i++)
		if (mailbox->busy[i] < mailbox->busy[best])
			best = i;
	if (mailbox->busy[best] < mailbox->options.connections)
		mailbox_assign(mailbox, incoming, best);
	else if (atomic_load(&mailbox->queued) < mailbox->options.queue_limit)
		mailbox_enqueue(mailbox, incoming);
	else
		taken = false;
	pthread_mutex_unlock(&mailbox->lock);
	return taken;
}

void
mailbox_done(struct mailbox *mailbox, struct worker *worker)
{
	unsigned index = 0;
	struct incoming *next;

	OBJ_CHECK(mailbox, MAILBOX_MAGIC);
	pthread_mutex_lock(&mailbox->lock);
	while (mailbox->options.workers[index] != worker)
		index++;
	assert(mailbox->busy[index] > 0);
	mailbox->busy[index]--;
	atomic_fetch_sub(&mailbox->running, 1);
	next = mailbox->head;
	if (next != NULL) {
		mailbox_dequeue(mailbox, next);
		mailbox_assign(mailbox, next, index);
	}
	pthread_mutex_unlock(&mailbox->lock);
}

bool
mailbox_remove(struct mailbox *mailbox, struct incoming *incoming)
{
	bool waiting;

	pthread_mutex_lock(&mailbox->lock);
	waiting = incoming->queued;
	if (waiting)
		mailbox_dequeue(mailbox, incoming);
	pthread_mutex_unlock(&mailbox->lock);
	return waiting;
}

size_t
mailbox_queued(const struct mailbox *mailbox)
{
	return atomic_load(&mailbox->queued);
}

size_t
mailbox_running(const struct mailbox *mailbox)
{
	return atomic_load(&mailbox->running);
}

uint64_t
mailbox_oldest_us(struct mailbox *mailbox)
{
	uint64_t arrived = 0;

	pthread_mutex_lock(&mailbox->lock);
	if (mailbox->head != NULL)
		arrived = mailbox->head->arrived_us;
	pthread_mutex_unlock(&mailbox->lock);
	return arrived != 0 ? clock_us() - arrived : 0;
}
