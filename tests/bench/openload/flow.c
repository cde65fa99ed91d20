/* SPDX-License-Identifier: MIT
 * Two ways to make requests due: at random moments, or by people who think between their steps. */
#include "tests/bench/openload/flow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/obj.h"
#include "tests/bench/openload/client.h"
#include "tests/bench/openload/tally.h"

#define SLOT_MAGIC 0x6f6c736cu
#define PAUSE_US   1000000u /* at least, after something failed */

/* One connection, and what it is at. */
struct slot {
	unsigned magic;
	struct flow *flow;
	struct client client;
	struct slot *next; /* free one */
	size_t number;     /* of the user */
	size_t step;
	uint64_t due_us;
	bool counted, has_event;
};

struct flow {
	struct run *run;
	const struct flow_plan *plan;
	struct tally *tallies; /* one a step */
	struct slot *slots;
	size_t slot_count, sequence;
	struct slot *free;
	uint64_t *waiting; /* due times that found no connection: a ring */
	size_t waiting_first, waiting_count, waiting_space;
	size_t waiting_counted; /* of them, those that count */
};

static uint64_t
flow_random_us(struct flow *flow, uint64_t least, uint64_t most)
{
	double share = random_unit(&flow->run->random);

	return least + (uint64_t)((double)(most - least) * share);
}

static bool
flow_counts(const struct flow *flow, uint64_t due_us)
{
	return due_us >= flow->run->warm_us && due_us < flow->run->end_us;
}

/* --- one request ------------------------------------------------------------------------------ */

static void
slot_send(struct slot *slot, const struct step *step, size_t number)
{
	const char *token = scenario_token(slot->flow->plan, number);
	struct buf *head = &slot->client.head;
	size_t length;
	const char *body = scenario_body(step, number, &length);

	buf_clear(head);
	buf_printf(head, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", step->method,
	           scenario_path(step, number), step->headers);
	if (token != NULL)
		buf_printf(head, "Authorization: Bearer %s\r\n", token);
	if (step->type != NULL)
		buf_printf(head, "Content-Type: %s\r\n", step->type);
	if (body != NULL)
		buf_printf(head, "Content-Length: %zu\r\n", length);
	buf_puts(head, "\r\n");
	client_send(&slot->client, body, length);
}

static void
slot_begin(struct slot *slot, uint64_t due_us, size_t number)
{
	const struct step *step = &slot->flow->plan->steps[slot->step];
	struct tally *tally = &slot->flow->tallies[slot->step];

	slot->due_us = due_us;
	slot->counted = flow_counts(slot->flow, due_us);
	slot->has_event = false;
	if (slot->counted) {
		tally->sent++;
		tally->open++;
	}
	slot_send(slot, step, number);
}

static void
slot_event(void *arg)
{
	OBJ_CAST(struct slot, slot, arg, SLOT_MAGIC);
	struct tally *tally = &slot->flow->tallies[slot->step];

	if (!slot->counted)
		return;
	tally->events++;
	if (!slot->has_event)
		histogram_add(&tally->first_event, clock_us() - slot->due_us);
	slot->has_event = true;
}

/* Notes what came of the slot's request. */
static void
slot_record(struct slot *slot, int status)
{
	struct tally *tally = &slot->flow->tallies[slot->step];
	uint64_t now = clock_us();

	if (slot->counted)
		tally_add(tally, status, now - slot->due_us);
	if (status >= 200 && status < 300 && flow_counts(slot->flow, now))
		tally->ended++;
}

/* --- random arrivals ---------------------------------------------------------------------------
 */

static void
flow_wait(struct flow *flow, uint64_t due_us)
{
	if (flow->waiting_count == flow->waiting_space) {
		size_t space = flow->waiting_space > 0 ? 2 * flow->waiting_space : 1024;
		uint64_t *ring = malloc(space * sizeof ring[0]);

		assert(ring != NULL);
		for (size_t i = 0; i < flow->waiting_count; i++)
			ring[i] = flow->waiting[(flow->waiting_first + i) % flow->waiting_space];
		free(flow->waiting);
		flow->waiting = ring;
		flow->waiting_first = 0;
		flow->waiting_space = space;
	}
	flow->waiting[(flow->waiting_first + flow->waiting_count++) % flow->waiting_space] = due_us;
	flow->waiting_counted += flow_counts(flow, due_us);
}

static void
arrival_done(void *arg, int status)
{
	OBJ_CAST(struct slot, slot, arg, SLOT_MAGIC);
	struct flow *flow = slot->flow;
	uint64_t due_us;

	slot_record(slot, status);
	/* What was due is sent even when the time is over, or the slowest would not be counted. */
	if (flow->waiting_count == 0) {
		slot->next = flow->free;
		flow->free = slot;
		return;
	}
	due_us = flow->waiting[flow->waiting_first];
	flow->waiting_first = (flow->waiting_first + 1) % flow->waiting_space;
	flow->waiting_count--;
	flow->waiting_counted -= flow_counts(flow, due_us);
	slot->step = flow->sequence % flow->plan->step_count;
	slot_begin(slot, due_us, flow->sequence++);
}

static void
arrival_due(void *arg, uint64_t due_us)
{
	struct flow *flow = arg;
	struct slot *slot = flow->free;
	double pause = -log(1 - random_unit(&flow->run->random)) / flow->plan->rate;

	if (flow->run->over)
		return;
	agenda_add(&flow->run->agenda, due_us + (uint64_t)(pause * 1e6), arrival_due, flow);
	if (slot != NULL) {
		flow->free = slot->next;
	} else if (flow->slot_count < flow->plan->connections) {
		slot = &flow->slots[flow->slot_count++];
	} else {
		flow_wait(flow, due_us);
		return;
	}
	slot->step = flow->sequence % flow->plan->step_count;
	slot_begin(slot, due_us, flow->sequence++);
}

/* --- people ------------------------------------------------------------------------------------
 */

static void
user_due(void *arg, uint64_t due_us)
{
	OBJ_CAST(struct slot, slot, arg, SLOT_MAGIC);

	if (slot->flow->run->over)
		return;
	if (slot->flow->plan->step_count > 0)
		slot_begin(slot, due_us, slot->number);
	else
		client_connect(&slot->client);
}

static void
user_done(void *arg, int status)
{
	OBJ_CAST(struct slot, slot, arg, SLOT_MAGIC);
	const struct flow_plan *plan = slot->flow->plan;
	uint64_t pause = flow_random_us(slot->flow, plan->think_least_us, plan->think_most_us);

	if (plan->step_count > 0) {
		slot_record(slot, status);
		slot->step = (slot->step + 1) % plan->step_count;
	}
	if ((status < 200 || status >= 300) && pause < PAUSE_US)
		pause = PAUSE_US;
	agenda_add(&slot->flow->run->agenda, clock_us() + pause, user_due, slot);
}

/* --- a flow ------------------------------------------------------------------------------------
 */

static void
flow_begin(struct flow *flow)
{
	const struct flow_plan *plan = flow->plan;
	uint64_t begin = flow->run->begin_us;

	if (plan->rate > 0) {
		agenda_add(&flow->run->agenda, begin, arrival_due, flow);
		return;
	}
	flow->slot_count = plan->users;
	for (size_t i = 0; i < plan->users; i++)
		agenda_add(&flow->run->agenda, begin + plan->ramp_us * i / plan->users, user_due,
		           &flow->slots[i]);
}

struct flow *
flow_new(struct run *run, const struct flow_plan *plan)
{
	struct flow *flow = calloc(1, sizeof *flow);
	size_t most = plan->rate > 0 ? plan->connections : plan->users;

	if (flow == NULL)
		return NULL;
	flow->run = run;
	flow->plan = plan;
	flow->tallies = calloc(plan->step_count + 1, sizeof flow->tallies[0]);
	flow->slots = calloc(most + 1, sizeof flow->slots[0]);
	if (flow->tallies == NULL || flow->slots == NULL) {
		free(flow->tallies);
		free(flow->slots);
		free(flow);
		return NULL;
	}
	for (size_t i = 0; i < most; i++) {
		struct slot *slot = &flow->slots[i];

		OBJ_INIT(slot, SLOT_MAGIC);
		slot->flow = flow;
		slot->number = i;
		client_init(&slot->client, run->loop, run->port,
		            plan->rate > 0 ? arrival_done : user_done, slot_event, slot);
	}
	flow_begin(flow);
	return flow;
}

size_t
flow_open(const struct flow *flow)
{
	size_t open = flow->waiting_counted;

	for (size_t i = 0; i < flow->plan->step_count; i++)
		open += flow->tallies[i].open;
	return open;
}

json_t *
flow_report(const struct flow *flow)
{
	json_t *steps = json_object();
	size_t connected = 0;

	for (size_t i = 0; i < flow->plan->step_count; i++)
		json_object_set_new(steps, flow->plan->steps[i].name,
		                    tally_report(&flow->tallies[i]));
	for (size_t i = 0; i < flow->slot_count; i++)
		connected += flow->slots[i].client.state == CLIENT_READY;
	return json_pack("{s:o,s:I,s:I}", "steps", steps, "connected", (json_int_t)connected,
	                 "never_sent", (json_int_t)flow->waiting_counted);
}
