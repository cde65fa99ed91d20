/* SPDX-License-Identifier: MIT
 * Runs, queues or refuses, and counts (varnish's Pool_Task); one lock, held for a few instructions.
 */
#include "common/actor/mailbox.h"

#include "common/base/clock.h"
#include "common/base/obj.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#define MAILBOX_MAGIC 0x3a11b0c5u

struct mailbox {
	unsigned magic;
	struct mailbox_options options;
	pthread_mutex_t lock;
	struct incoming *head, *tail;
	_Atomic size_t queued, running;
	struct mailbox_load {
		unsigned busy, parked; /* requests */
	} load[];                      /* of each worker */
};

struct mailbox *
mailbox_new(const struct mailbox_options *options)
{
	struct mailbox *mailbox =
	    calloc(1, sizeof *mailbox + options->worker_count * sizeof mailbox->load[0]);

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
	mailbox->load[worker].busy++;
	atomic_fetch_add(&mailbox->running, 1);
	incoming->worker = mailbox->options.workers[worker];
	incoming->dispatch.fn = mailbox_dispatch_fn;
	worker_post(incoming->worker, &incoming->dispatch);
}

/* The least busy worker that has room; -1: none. The lock is held. */
static int
mailbox_choose(const struct mailbox *mailbox)
{
	unsigned least = UINT_MAX;
	int best = -1;

	for (unsigned i = 0; i < mailbox->options.worker_count; i++) {
		const struct mailbox_load *load = &mailbox->load[i];

		if (load->busy < mailbox->options.connections &&
		    load->busy + load->parked < least) {
			least = load->busy + load->parked;
			best = (int)i;
		}
	}
	return best;
}

bool
mailbox_put(struct mailbox *mailbox, struct incoming *incoming)
{
	bool taken = true;
	int best;

	OBJ_CHECK(mailbox, MAILBOX_MAGIC);
	incoming->mailbox = mailbox;
	pthread_mutex_lock(&mailbox->lock);
	best = mailbox_choose(mailbox);
	if (best >= 0)
		mailbox_assign(mailbox, incoming, (unsigned)best);
	else if (atomic_load(&mailbox->queued) < mailbox->options.queue_limit)
		mailbox_enqueue(mailbox, incoming);
	else
		taken = false;
	pthread_mutex_unlock(&mailbox->lock);
	return taken;
}

static unsigned
mailbox_index(const struct mailbox *mailbox, const struct worker *worker)
{
	unsigned index = 0;

	while (mailbox->options.workers[index] != worker)
		index++;
	return index;
}

/* The worker has a place for another. The lock is held. */
static void
mailbox_pull(struct mailbox *mailbox, unsigned worker)
{
	struct incoming *next = mailbox->head;

	assert(mailbox->load[worker].busy > 0);
	mailbox->load[worker].busy--;
	if (next == NULL)
		return;
	mailbox_dequeue(mailbox, next);
	mailbox_assign(mailbox, next, worker);
}

void
mailbox_done(struct mailbox *mailbox, struct worker *worker, bool parked)
{
	unsigned index;

	OBJ_CHECK(mailbox, MAILBOX_MAGIC);
	pthread_mutex_lock(&mailbox->lock);
	index = mailbox_index(mailbox, worker);
	atomic_fetch_sub(&mailbox->running, 1);
	if (parked)
		mailbox->load[index].parked--;
	else
		mailbox_pull(mailbox, index);
	pthread_mutex_unlock(&mailbox->lock);
}

bool
mailbox_park(struct mailbox *mailbox, struct worker *worker)
{
	unsigned index;
	bool room;

	OBJ_CHECK(mailbox, MAILBOX_MAGIC);
	pthread_mutex_lock(&mailbox->lock);
	index = mailbox_index(mailbox, worker);
	room = mailbox->load[index].parked < mailbox->options.connections;
	if (room) {
		mailbox->load[index].parked++;
		mailbox_pull(mailbox, index);
	}
	pthread_mutex_unlock(&mailbox->lock);
	return room;
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
