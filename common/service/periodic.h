/* SPDX-License-Identifier: MIT
 *
 * Background work of a service that comes again and again: relays, cleaners, refreshers. Each round
 * runs as a task of its own, so it has a deadline, and its arena is freed when it ends (a task that
 * lived as long as the process would never give memory back). Rounds of one periodic never overlap.
 */
#ifndef STUDYHALL_SERVICE_PERIODIC_H
#define STUDYHALL_SERVICE_PERIODIC_H

#include <stdint.h>

struct periodic;
struct service;

/* One round; returns after how many milliseconds the next one shall begin (0: at once). */
typedef uint32_t periodic_fn(void *arg);

struct periodic_options {
	const char *name; /* for logs; must stay valid */
	periodic_fn *fn;
	void *arg;            /* lives as long as the process */
	uint32_t first_ms;    /* until the first round */
	uint32_t deadline_ms; /* of one round; 0: 10 s */
};

/* From the service's start(). Lives as long as the process; the drain cancels the round in progress
 * and no other follows. NULL without memory. */
struct periodic *periodic_start(struct service *service, const struct periodic_options *options);
/* Begins the next round now, or right after the one in progress. Any thread; never waits; many
 * nudges may become one round. */
void periodic_nudge(struct periodic *periodic);

#endif
