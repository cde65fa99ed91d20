/* SPDX-License-Identifier: MIT
 * A table of what is being worked on. The leader leaves its result in a block that all who wait
 * share; each copies it into its own arena.
 *
 * One lock guards the table, the groups and who waits. A waiter belongs to its task and to the
 * group: `posted` (under the lock) says that a post is on its way to the worker, `left` (the
 * worker's own) that nobody waits any more; the post then frees it. */
#include "common/task/flight.h"

#include "common/base/obj.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define FLIGHT_BUCKETS 256

struct flight_block {
	_Atomic unsigned references;
	size_t length;
	char bytes[];
};

struct flight_waiter {
	struct post post;
	struct worker *worker;
	struct flight_waiter *next, *prev;
	struct wait wait;
	bool posted;
	bool left;
	bool leads; /* the leader gave up: it is this one's turn */
	enum status status;
	struct flight_block *block;
};

/* What one leader does and others wait for. */
struct flight_group {
	struct flight_group *next;
	struct flight_waiter *head, *tail;
	size_t key_length;
	char key[FLIGHT_KEY_LIMIT];
};

struct flight {
	pthread_mutex_t lock;
	struct flight_group *buckets[FLIGHT_BUCKETS];
};

struct flight *
flight_new(void)
{
	struct flight *flight = calloc(1, sizeof *flight);

	if (flight != NULL)
		pthread_mutex_init(&flight->lock, NULL);
	return flight;
}

void
flight_free(struct flight **flight)
{
	struct flight *gone = *flight;

	*flight = NULL;
	if (gone == NULL)
		return;
	for (size_t i = 0; i < FLIGHT_BUCKETS; i++)
		assert(gone->buckets[i] == NULL);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
}

/* FNV-1a. */
static struct flight_group **
flight_bucket(struct flight *flight, const void *key, size_t length)
{
	const unsigned char *at = key;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * 16777619u;
	return &flight->buckets[(hash ^ hash >> 16) % FLIGHT_BUCKETS];
}

static void
flight_block_release(struct flight_block *block)
{
	if (block != NULL &&
	    atomic_fetch_sub_explicit(&block->references, 1, memory_order_acq_rel) == 1)
		free(block);
}

/* --- waiting -------------------------------------------------------------------------------- */

static void
flight_waiter_free(struct flight_waiter *waiter)
{
	flight_block_release(waiter->block);
	free(waiter);
}

static void
flight_arrived(struct post *post)
{
	struct flight_waiter *waiter = OBJ_CONTAINER(post, struct flight_waiter, post);

	if (waiter->left)
		flight_waiter_free(waiter);
	else
		wait_done(&waiter->wait);
}

static void
flight_unlink(struct flight_group *group, struct flight_waiter *waiter)
{
	if (waiter->prev != NULL)
		waiter->prev->next = waiter->next;
	else
		group->head = waiter->next;
	if (waiter->next != NULL)
		waiter->next->prev = waiter->prev;
	else
		group->tail = waiter->prev;
}

/* With the lock held: takes it out of the group and sends it home. */
static void
flight_send(struct flight_group *group, struct flight_waiter *waiter)
{
	flight_unlink(group, waiter);
	waiter->posted = true;
	waiter->post.fn = flight_arrived;
	worker_post(waiter->worker, &waiter->post);
}

static void
flight_remove(struct flight *flight, struct flight_group *group)
{
	struct flight_group **at = flight_bucket(flight, group->key, group->key_length);

	while (*at != group)
		at = &(*at)->next;
	*at = group->next;
	free(group);
}

/* With the lock held: somebody else leads, or nobody is left and the group ends. */
static void
flight_pass_on(struct flight *flight, struct flight_group *group)
{
	struct flight_waiter *next = group->head;

	if (next == NULL) {
		flight_remove(flight, group);
		return;
	}
	next->leads = true;
	flight_send(group, next);
}

static enum status
flight_copy(const struct flight_block *block, const void **bytes, size_t *length)
{
	*bytes = arena_strndup(task_arena(), block->bytes, block->length);
	*length = block->length;
	return *bytes != NULL ? STATUS_OK : STATUS_OVERLOADED;
}

/* --- leading -------------------------------------------------------------------------------- */

/* With the lock held. */
static void
flight_finish(struct flight *flight, struct flight_group *group, enum status status,
              const void *bytes, size_t length)
{
	struct flight_block *block = NULL;

	if (group->head != NULL && status == STATUS_OK) {
		block = malloc(sizeof *block + length);
		if (block == NULL) {
			status = STATUS_OVERLOADED;
		} else {
			block->references = 1;
			block->length = length;
			if (length > 0)
				memcpy(block->bytes, bytes, length);
		}
	}
	while (group->head != NULL) {
		struct flight_waiter *waiter = group->head;

		if (block != NULL)
			atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
		waiter->block = block;
		waiter->status = status;
		flight_send(group, waiter);
	}
	flight_block_release(block);
	flight_remove(flight, group);
}

static enum status
flight_lead(struct flight *flight, struct flight_group *group, flight_fn *fn, void *arg,
            const void **bytes, size_t *length)
{
	enum status status = fn(arg, bytes, length);

	pthread_mutex_lock(&flight->lock);
	if (status == STATUS_CANCELLED || status == STATUS_DEADLINE)
		flight_pass_on(flight, group);
	else
		flight_finish(flight, group, status, *bytes, *length);
	pthread_mutex_unlock(&flight->lock);
	return status;
}

/* The task will not wait: its waiter leaves the group, or is left to the post that is on its way.
 */
static void
flight_leave(struct flight *flight, struct flight_group *group, struct flight_waiter *waiter)
{
	bool posted;

	waiter->left = true;
	pthread_mutex_lock(&flight->lock);
	posted = waiter->posted;
	if (posted && waiter->leads) {
		flight_pass_on(flight, group);
	} else if (!posted) {
		flight_unlink(group, waiter);
	}
	pthread_mutex_unlock(&flight->lock);
	if (!posted)
		flight_waiter_free(waiter);
}

static enum status
flight_follow(struct flight *flight, struct flight_group *group, struct flight_waiter *waiter,
              bool *leads, const void **bytes, size_t *length)
{
	enum status status = wait_for(&waiter->wait);

	*leads = false;
	if (status != STATUS_OK) {
		flight_leave(flight, group, waiter);
		return status;
	}
	*leads = waiter->leads;
	status = waiter->status;
	if (!*leads && status == STATUS_OK)
		status = flight_copy(waiter->block, bytes, length);
	flight_waiter_free(waiter);
	return status;
}

/* With the lock held: the group of the key; *waiter is made if there is one already. */
static struct flight_group *
flight_enter(struct flight *flight, const void *key, size_t key_length,
             struct flight_waiter **waiter)
{
	struct flight_group **bucket = flight_bucket(flight, key, key_length), *group;

	for (group = *bucket; group != NULL; group = group->next)
		if (group->key_length == key_length && memcmp(group->key, key, key_length) == 0)
			break;
	if (group == NULL) {
		group = calloc(1, sizeof *group);
		if (group == NULL)
			return NULL;
		memcpy(group->key, key, key_length);
		group->key_length = key_length;
		group->next = *bucket;
		*bucket = group;
		return group;
	}
	*waiter = calloc(1, sizeof **waiter);
	if (*waiter == NULL)
		return NULL;
	(*waiter)->worker = worker_current();
	(*waiter)->prev = group->tail;
	if (group->tail != NULL)
		group->tail->next = *waiter;
	else
		group->head = *waiter;
	group->tail = *waiter;
	return group;
}

enum status
flight_join(struct flight *flight, const void *key, size_t key_length, flight_fn *fn, void *arg,
            const void **bytes, size_t *length)
{
	struct flight_waiter *waiter = NULL;
	struct flight_group *group;
	enum status status;
	bool leads = true;

	assert(task_self() != NULL && key_length <= FLIGHT_KEY_LIMIT);
	*bytes = NULL;
	*length = 0;
	pthread_mutex_lock(&flight->lock);
	group = flight_enter(flight, key, key_length, &waiter);
	pthread_mutex_unlock(&flight->lock);
	if (group == NULL)
		return STATUS_OVERLOADED;
	if (waiter != NULL) {
		status = flight_follow(flight, group, waiter, &leads, bytes, length);
		if (!leads)
			return status;
	}
	return flight_lead(flight, group, fn, arg, bytes, length);
}
