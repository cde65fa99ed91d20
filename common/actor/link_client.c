/* SPDX-License-Identifier: MIT
 * The state machine of a link's calling end: down, greeting, up.
 *
 * Who may have executed a call that failed? Nobody, if its request was still queued here, or if the
 * POST that carried it was refused because it named a dead process's boot id. Else we don't know.
 */
#include "common/actor/link_client.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/task/worker.h"
#include "envelope.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

#define LINK_MAGIC       0x117c0001u
#define LINK_DEAD_MS     3000 /* a poll is answered within one second; silence this long is death */
#define LINK_WATCH_MS    500
#define LINK_SLOT_BITS   16
#define LINK_FIRST_SLOTS 64

enum link_state {
	LINK_DOWN,
	LINK_GREETING,
	LINK_UP
};

struct link_client {
	unsigned magic;
	struct link_client_options options;
	struct dial *dial;
	enum link_state state;
	uint64_t boot;       /* the replica's */
	uint64_t heard_ms;   /* when it last answered */
	uint64_t connection; /* number of the connection, and on which one each role last spoke */
	uint64_t spoke_on[2];
	uint64_t batches;  /* POSTs sent */
	uint64_t sequence; /* of call ids */
	struct link_call **slots;
	uint32_t *free_slots; /* stack of free slot numbers */
	uint32_t slot_count, free_count;
	unsigned calls, max_calls;
	struct wire_queue urgent, ordinary;
	struct buf batch;
	struct post flush;
	bool flush_posted;
	bool closed, watch_closed;
	uv_timer_t watch;
};

/* --- the table of calls --------------------------------------------------------------------- */

static bool
link_grow(struct link_client *link)
{
	uint32_t count = link->slot_count != 0 ? link->slot_count * 2 : LINK_FIRST_SLOTS;
	struct link_call **slots;
	uint32_t *free_slots;

	if (count > 1u << LINK_SLOT_BITS)
		return false;
	slots = realloc(link->slots, count * sizeof *slots);
	if (slots == NULL)
		return false;
	link->slots = slots;
	free_slots = realloc(link->free_slots, count * sizeof *free_slots);
	if (free_slots == NULL)
		return false;
	link->free_slots = free_slots;
	for (uint32_t i = count; i-- > link->slot_count;) {
		slots[i] = NULL;
		free_slots[link->free_count++] = i;
	}
	link->slot_count = count;
	return true;
}

static struct link_call *
link_find(const struct link_client *link, uint64_t id)
{
	uint64_t slot = id & ((1u << LINK_SLOT_BITS) - 1);

	if (slot >= link->slot_count || link->slots[slot] == NULL || link->slots[slot]->id != id)
		return NULL;
	return link->slots[slot];
}

static void
link_remove(struct link_client *link, struct link_call *call)
{
	uint32_t slot = (uint32_t)(call->id & ((1u << LINK_SLOT_BITS) - 1));

	assert(link->slots[slot] == call);
	link->slots[slot] = NULL;
	link->free_slots[link->free_count++] = slot;
	link->calls--;
	if (call->queued != NULL)
		call->queued->dropped = true;
	call->queued = NULL;
	call->id = 0;
}

/* Fails every call. Those whose request went out in POST number `refused` were not executed. */
static void
link_fail_calls(struct link_client *link, uint64_t refused)
{
	for (uint32_t i = 0; i < link->slot_count; i++) {
		struct link_call *call = link->slots[i];
		bool started;

		if (call == NULL)
			continue;
		started = call->queued == NULL && call->batch != refused;
		link_remove(link, call);
		call->failed(call, started);
	}
	wire_queue_clear(&link->urgent);
	wire_queue_clear(&link->ordinary);
}

/* --- speaking -------------------------------------------------------------------------------- */

static void
link_exchange(struct link_client *link, enum wire_role role)
{
	if (buf_failed(&link->batch) ||
	    dial_exchange(link->dial, role, link->batch.bytes, link->batch.length) != 0) {
		LOG_ERROR("out of memory for a batch", LOG_TEXT("to", link->options.actor));
		dial_drop(link->dial);
	}
	link->spoke_on[role] = link->connection;
}

static void
link_greet(struct link_client *link)
{
	Wire__Hello hello = WIRE__HELLO__INIT;
	struct wire_item *item;

	link->state = LINK_GREETING;
	if (dial_busy(link->dial, WIRE_POST))
		return; /* the old exchange's answer comes first */
	hello.has_version = true;
	hello.version = WIRE_VERSION;
	item = wire_item_new(WIRE_NO_CALL, WIRE_HELLO, &hello.base);
	buf_clear(&link->batch);
	wire_batch_begin(&link->batch, WIRE_POST, 0);
	if (item != NULL)
		wire_batch_add(&link->batch, item);
	free(item);
	link_exchange(link, WIRE_POST);
}

static void
link_poll(struct link_client *link)
{
	if (dial_busy(link->dial, WIRE_POLL))
		return;
	buf_clear(&link->batch);
	wire_batch_begin(&link->batch, WIRE_POLL, link->boot);
	link_exchange(link, WIRE_POLL);
}

static void
link_batch_queue(struct link_client *link, struct wire_queue *queue)
{
	while (queue->head != NULL && link->batch.length < WIRE_BATCH_LIMIT) {
		struct wire_item *item = wire_queue_take(queue);
		struct link_call *call = item->dropped ? NULL : link_find(link, item->call);

		if (call != NULL && call->queued == item) {
			call->queued = NULL;
			call->batch = link->batches;
		}
		if (!item->dropped)
			wire_batch_add(&link->batch, item);
		free(item);
	}
}

static void
link_flush(struct link_client *link)
{
	if (link->state != LINK_UP || dial_busy(link->dial, WIRE_POST) ||
	    (link->urgent.head == NULL && link->ordinary.head == NULL))
		return;
	link->batches++;
	buf_clear(&link->batch);
	wire_batch_begin(&link->batch, WIRE_POST, link->boot);
	link_batch_queue(link, &link->urgent);
	link_batch_queue(link, &link->ordinary);
	link_exchange(link, WIRE_POST);
}

static void link_free(struct link_client *link);

static void
link_flush_fn(struct post *post)
{
	struct link_client *link = OBJ_CONTAINER(post, struct link_client, flush);

	link->flush_posted = false;
	if (!link->closed)
		link_flush(link);
	else if (link->watch_closed)
		link_free(link);
}

/* What this turn of the loop has to say goes out together. */
static void
link_flush_soon(struct link_client *link)
{
	if (link->flush_posted || link->state != LINK_UP || dial_busy(link->dial, WIRE_POST))
		return;
	link->flush_posted = true;
	worker_post(link->options.io, &link->flush);
}

/* --- hearing --------------------------------------------------------------------------------- */

/* The other end is another process than we thought: it refused the batch we sent. */
static void
link_refused(struct link_client *link, enum wire_role role)
{
	link->state = LINK_DOWN;
	link_fail_calls(link, role == WIRE_POST ? link->batches : 0);
	link->options.down(link->options.arg);
	link_greet(link);
}

static void
link_greeted(struct link_client *link, const struct wire_envelope *envelope)
{
	Wire__Hello *hello = wire__hello__unpack(NULL, envelope->length, envelope->payload);

	if (hello == NULL || !hello->has_boot || hello->boot == 0 ||
	    hello->version != WIRE_VERSION) {
		LOG_ERROR("peer speaks another protocol", LOG_TEXT("to", link->options.actor),
		          LOG_INT("version", hello != NULL ? hello->version : 0));
		dial_drop(link->dial);
		goto done;
	}
	link->boot = hello->boot;
	link->max_calls = link->options.max_calls;
	if (hello->has_max_calls && hello->max_calls < link->max_calls)
		link->max_calls = hello->max_calls;
	link->state = LINK_UP;
	link->options.up(link->options.arg);
	link_poll(link);
done:
	if (hello != NULL)
		wire__hello__free_unpacked(hello, NULL);
}

static void
link_hear(struct link_client *link, enum wire_role role, const void *bytes, size_t length)
{
	struct wire_reader reader;
	struct wire_envelope envelope;
	int more;

	if (!wire_read(&reader, bytes, length)) {
		dial_drop(link->dial);
		return;
	}
	while ((more = wire_next(&reader, &envelope)) == 1) {
		struct link_call *call;

		if (envelope.kind == WIRE_HELLO) {
			if (link->state == LINK_GREETING && role == WIRE_POST)
				link_greeted(link, &envelope);
			else if (link->state == LINK_UP)
				link_refused(link, role);
			return;
		}
		if (envelope.kind == WIRE_REPLY && envelope.call == WIRE_NO_CALL) {
			if (link->state == LINK_UP && link->options.leaving != NULL)
				link->options.leaving(link->options.arg);
			continue;
		}
		call = link->state == LINK_UP ? link_find(link, envelope.call) : NULL;
		if (call != NULL)
			call->event(call, envelope.kind, envelope.payload, envelope.length);
		if (link->closed)
			return;
	}
	if (more < 0)
		dial_drop(link->dial);
}

/* What a role does when it is free. */
static void
link_speak(struct link_client *link, enum wire_role role)
{
	if (link->state == LINK_GREETING && role == WIRE_POST)
		link_greet(link);
	else if (link->state == LINK_UP && role == WIRE_POLL)
		link_poll(link);
	else if (link->state == LINK_UP)
		link_flush(link);
}

static void
link_answer(void *arg, enum wire_role role, const void *bytes, size_t length)
{
	OBJ_CAST(struct link_client, link, arg, LINK_MAGIC);
	bool stale = link->spoke_on[role] != link->connection;

	if (bytes == NULL && !stale)
		dial_drop(link->dial); /* if it is not gone already; down() follows */
	if (bytes != NULL && !stale) {
		link->heard_ms = clock_ms();
		link_hear(link, role, bytes, length);
		if (link->closed)
			return;
	}
	if (bytes != NULL || stale)
		link_speak(link, role);
}

/* --- up, down, dead -------------------------------------------------------------------------- */

static void
link_dial_up(void *arg)
{
	OBJ_CAST(struct link_client, link, arg, LINK_MAGIC);

	link->heard_ms = clock_ms();
	link->connection++;
	link_greet(link);
}

static void
link_dial_down(void *arg)
{
	OBJ_CAST(struct link_client, link, arg, LINK_MAGIC);
	bool was_up = link->state == LINK_UP;

	link->state = LINK_DOWN;
	link_fail_calls(link, 0);
	if (was_up)
		link->options.down(link->options.arg);
}

static void
link_watch_cb(uv_timer_t *timer)
{
	OBJ_CAST(struct link_client, link, timer->data, LINK_MAGIC);

	if (link->state == LINK_DOWN || clock_ms() - link->heard_ms < LINK_DEAD_MS)
		return;
	LOG_WARN("peer is silent, connection dropped", LOG_TEXT("to", link->options.actor),
	         LOG_TEXT("url", link->options.url));
	link->heard_ms = clock_ms();
	dial_drop(link->dial);
}

static const struct dial_events link_dial_events = {
    .up = link_dial_up, .down = link_dial_down, .answer = link_answer};

struct link_client *
link_client_open(const struct link_client_options *options, char *error, size_t error_size)
{
	struct link_client *link = calloc(1, sizeof *link);

	if (link == NULL || !link_grow(link)) {
		snprintf(error, error_size, "%s: out of memory", options->url);
		goto fail;
	}
	OBJ_INIT(link, LINK_MAGIC);
	link->options = *options;
	link->flush.fn = link_flush_fn;
	buf_init(&link->batch, WIRE_MESSAGE_LIMIT);
	link->dial = dial_open(options->io, options->url, options->tls, options->actor,
	                       &link_dial_events, link, error, error_size);
	if (link->dial == NULL)
		goto fail;
	uv_timer_init(worker_loop(options->io), &link->watch);
	link->watch.data = link;
	uv_timer_start(&link->watch, link_watch_cb, LINK_WATCH_MS, LINK_WATCH_MS);
	return link;
fail:
	if (link != NULL) {
		free(link->slots);
		free(link->free_slots);
	}
	free(link);
	return NULL;
}

static void
link_free(struct link_client *link)
{
	buf_fini(&link->batch);
	free(link->slots);
	free(link->free_slots);
	OBJ_FINI(link);
	free(link);
}

static void
link_closed_cb(uv_handle_t *handle)
{
	OBJ_CAST(struct link_client, link, handle->data, LINK_MAGIC);

	link->watch_closed = true;
	if (!link->flush_posted)
		link_free(link);
}

void
link_client_close(struct link_client **linkp)
{
	struct link_client *link = *linkp;

	if (link == NULL)
		return;
	OBJ_CHECK(link, LINK_MAGIC);
	*linkp = NULL;
	link->closed = true;
	link->state = LINK_DOWN;
	link_fail_calls(link, 0);
	dial_close(&link->dial);
	uv_close((uv_handle_t *)&link->watch, link_closed_cb);
}

/* --- calls ----------------------------------------------------------------------------------- */

bool
link_client_up(const struct link_client *link)
{
	return link->state == LINK_UP;
}

uint64_t
link_client_boot(const struct link_client *link)
{
	return link->boot;
}

unsigned
link_client_calls(const struct link_client *link)
{
	return link->calls;
}

bool
link_client_has_room(const struct link_client *link)
{
	return link->calls < link->max_calls;
}

void
link_client_start(struct link_client *link, struct link_call *call, struct wire_item *request)
{
	uint32_t slot;

	assert(link->state == LINK_UP && call->id == 0);
	if (link->free_count == 0 && !link_grow(link)) {
		free(request);
		call->failed(call, false);
		return;
	}
	slot = link->free_slots[--link->free_count];
	call->id = (++link->sequence << LINK_SLOT_BITS) | slot;
	call->queued = request;
	link->slots[slot] = call;
	link->calls++;
	wire_item_number(request, call->id);
	wire_queue_put(&link->ordinary, request);
	link_flush_soon(link);
}

void
link_client_send(struct link_client *link, struct link_call *call, struct wire_item *item,
                 bool urgent)
{
	assert(call->id != 0);
	wire_item_number(item, call->id);
	wire_queue_put(urgent ? &link->urgent : &link->ordinary, item);
	link_flush_soon(link);
}

void
link_client_finish(struct link_client *link, struct link_call *call, bool ended)
{
	Wire__Cancel cancel = WIRE__CANCEL__INIT;
	bool told = call->queued == NULL;
	uint64_t id = call->id;
	struct wire_item *item;

	link_remove(link, call);
	if (ended || !told)
		return;
	item = wire_item_new(id, WIRE_CANCEL, &cancel.base);
	if (item == NULL)
		return; /* the deadline in the request will end it */
	wire_queue_put(&link->urgent, item);
	link_flush_soon(link);
}
