/* SPDX-License-Identifier: MIT
 * A counting semaphore for tasks of several workers.
 *
 * A slot that is given while somebody waits stays taken and changes hands: the waiter is taken out
 * of the line under the lock (`granted`) and told by a post to its worker. Should its task no
 * longer wait when the post arrives (`left`, the worker's own), the post frees it. */
#include "common/ai/slots.h"

#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <pthread.h>
#include <stdlib.h>

struct slots_waiter {
	struct post post;
	struct worker *worker;
	struct slots_waiter *next, *prev;
	struct wait wait;
	bool granted;
	bool left;
};

struct slots {
	pthread_mutex_t lock;
	unsigned limit, taken, waiting;
	struct slots_waiter *head, *tail;
};

struct slots *
slots_new(unsigned limit)
{
	struct slots *slots = calloc(1, sizeof *slots);

	assert(limit > 0);
	if (slots == NULL)
		return NULL;
	pthread_mutex_init(&slots->lock, NULL);
	slots->limit = limit;
	return slots;
}

void
slots_free(struct slots **slots)
{
	struct slots *gone = *slots;

	*slots = NULL;
	if (gone == NULL)
		return;
	assert(gone->taken == 0 && gone->waiting == 0);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
}

static void
slots_granted_fn(struct post *post)
{
	struct slots_waiter *waiter = OBJ_CONTAINER(post, struct slots_waiter, post);

	if (waiter->left)
		free(waiter);
	else
		wait_done(&waiter->wait);
}

/* With the lock held. */
static void
slots_enqueue(struct slots *slots, struct slots_waiter *waiter)
{
	waiter->prev = slots->tail;
	if (slots->tail != NULL)
		slots->tail->next = waiter;
	else
		slots->head = waiter;
	slots->tail = waiter;
	slots->waiting++;
}

/* With the lock held. */
static void
slots_dequeue(struct slots *slots, struct slots_waiter *waiter)
{
	if (waiter->prev != NULL)
		waiter->prev->next = waiter->next;
	else
		slots->head = waiter->next;
	if (waiter->next != NULL)
		waiter->next->prev = waiter->prev;
	else
		slots->tail = waiter->prev;
	slots->waiting--;
}

void
slots_give(struct slots *slots)
{
	struct slots_waiter *waiter;

	pthread_mutex_lock(&slots->lock);
	waiter = slots->head;
	if (waiter != NULL) {
		slots_dequeue(slots, waiter);
		waiter->granted = true;
		worker_post(waiter->worker, &waiter->post);
	} else {
		assert(slots->taken > 0);
		slots->taken--;
	}
	pthread_mutex_unlock(&slots->lock);
}

/* The wait has ended without the post: the line is left, unless the slot is on its way. */
static enum status
slots_leave(struct slots *slots, struct slots_waiter *waiter, enum status status)
{
	bool granted;

	waiter->left = true;
	pthread_mutex_lock(&slots->lock);
	granted = waiter->granted;
	if (!granted)
		slots_dequeue(slots, waiter);
	pthread_mutex_unlock(&slots->lock);
	if (!granted)
		free(waiter);
	if (status == STATUS_DEADLINE && task_time_left() > 0)
		return granted ? STATUS_OK : STATUS_OVERLOADED;
	if (granted)
		slots_give(slots);
	return status;
}

enum status
slots_take(struct slots *slots, uint32_t wait_ms)
{
	struct slots_waiter *waiter = NULL;
	bool free_slot, full = false;
	enum status status;

	assert(task_self() != NULL);
	pthread_mutex_lock(&slots->lock);
	free_slot = slots->taken < slots->limit;
	if (free_slot) {
		slots->taken++;
	} else {
		waiter = wait_ms > 0 ? calloc(1, sizeof *waiter) : NULL;
		full = waiter == NULL;
		if (!full) {
			waiter->worker = worker_current();
			waiter->post.fn = slots_granted_fn;
			wait_init(&waiter->wait);
			slots_enqueue(slots, waiter);
		}
	}
	pthread_mutex_unlock(&slots->lock);
	if (free_slot)
		return STATUS_OK;
	if (full)
		return STATUS_OVERLOADED;
	status = wait_until(&waiter->wait, clock_ms() + wait_ms);
	if (status != STATUS_OK)
		return slots_leave(slots, waiter, status);
	free(waiter);
	return STATUS_OK;
}

unsigned
slots_taken(struct slots *slots)
{
	unsigned taken;

	pthread_mutex_lock(&slots->lock);
	taken = slots->taken;
	pthread_mutex_unlock(&slots->lock);
	return taken;
}

unsigned
slots_waiting(struct slots *slots)
{
	unsigned waiting;

	pthread_mutex_lock(&slots->lock);
	waiting = slots->waiting;
	pthread_mutex_unlock(&slots->lock);
	return waiting;
}
