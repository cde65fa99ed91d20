/* SPDX-License-Identifier: MIT
 * Notices that nng's one thread that buries pipes waits for ever (socket_pipes.c says why it may).
 *
 * nng reports the end of a pipe, ends its operations, which is where it waits, and then takes the
 * pipe out of its statistics. One pipe is buried at a time, so the last one reported tells. */
#include "common/actor/socket_private.h"

#include <string.h>

#define BURIAL_LIMIT 5 /* calls of socket_hangs() */

static struct {
	pthread_mutex_t lock;
	uint32_t id;    /* of the last pipe reported; 0: it is buried */
	unsigned calls; /* that found it unburied */
} burial = {.lock = PTHREAD_MUTEX_INITIALIZER};

void
burial_begins(uint32_t id)
{
	pthread_mutex_lock(&burial.lock);
	burial.id = id;
	burial.calls = 0;
	pthread_mutex_unlock(&burial.lock);
}

static bool
burial_find(nng_stat *stat, uint32_t id)
{
	bool is_pipe = strcmp(nng_stat_name(stat), "pipe") == 0;

	for (nng_stat *child = nng_stat_child(stat); child != NULL; child = nng_stat_next(child)) {
		if (is_pipe && strcmp(nng_stat_name(child), "id") == 0 &&
		    nng_stat_value(child) == id)
			return true;
		if (burial_find(child, id))
			return true;
	}
	return false;
}

static bool
burial_is_over(uint32_t id)
{
	nng_stat *all;
	bool found;

	if (nng_stats_get(&all) != 0)
		return true; /* built without statistics: we cannot know */
	found = burial_find(all, id);
	nng_stats_free(all);
	return !found;
}

/* Is nng done with the last pipe it reported? `*calls`: how often socket_hangs() has asked. */
static bool
burial_ask(unsigned *calls)
{
	bool over;
	uint32_t id;

	pthread_mutex_lock(&burial.lock);
	id = burial.id;
	pthread_mutex_unlock(&burial.lock);
	over = id == 0 || burial_is_over(id);
	pthread_mutex_lock(&burial.lock);
	if (burial.id == id && over)
		burial.id = 0;
	else if (burial.id == id && calls != NULL)
		*calls = ++burial.calls;
	pthread_mutex_unlock(&burial.lock);
	return over;
}

bool
burial_done(void)
{
	return burial_ask(NULL);
}

bool
socket_hangs(void)
{
	unsigned calls = 0;

	return !burial_ask(&calls) && calls >= BURIAL_LIMIT;
}
