/* SPDX-License-Identifier: MIT
 * The state machine of a link's calling end: down, greeting, up.
 *
 * Who may have executed a call that failed? Nobody, if its request was still queued here, or if the
 * batch that carried it was refused because it named a dead process's boot id, or came after one
 * that was. Else we don't know.
 *
 * A service of the release before knows no numbered batches: it hears POSTs on the first lane and a
 * POLL on the second, one at a time of each.
 */
#include "common/actor/link_client.h"
#include "common/actor/link_order.h"

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
#define LINK_DEAD_MS     3000 /* an answer comes within one second; silence this long is death */
#define LINK_WATCH_MS    500
#define LINK_SLOT_BITS   16
#define LINK_FIRST_SLOTS 64
#define LINK_NO_BATCH    UINT64_MAX
#define LINK_POST        0 /* lanes, also those of numbered batches: the greeting is a POST */
#define LINK_POLL        1

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
	uint64_t heard_ms;   /* when it last answered; later by what we could not hear */
	uint64_t watched_ms; /* when that was last looked at */
	uint64_t connection; /* number of the connection or greeting, and on which each lane last */
	uint64_t spoke_on[DIAL_LANES]; /* spoke, with which batch (0: the greeting) */
	uint64_t spoke[DIAL_LANES];
	bool numbered;           /* the replica knows numbered batches */
	struct link_order order; /* of the replica's */
	uint64_t batches;        /* sent that say something, or are numbered */
	uint64_t sequence;       /* of call ids */
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

/* Fails every call. Those whose request went out in batch `refused` or later were not executed. */
static void
link_fail_calls(struct link_client *link, uint64_t refused)
{
	for (uint32_t i = 0; i < link->slot_count; i++) {
		struct link_call *call = link->slots[i];
		bool started;

		if (call == NULL)
			continue;
		started = call->queued == NULL && call->batch < refused;
		link_remove(link, call);
		call->failed(call, started);
	}
	wire_queue_clear(&link->urgent);
	wire_queue_clear(&link->ordinary);
}

/* --- speaking -------------------------------------------------------------------------------- */

static void
link_exchange(struct link_client *link, unsigned lane, uint64_t number)
{
	if (buf_failed(&link->batch) ||
	    dial_exchange(link->dial, lane, link->batch.bytes, link->batch.length) != 0) {
		LOG_ERROR("out of memory for a batch", LOG_TEXT("to", link->options.actor));
		dial_drop(link->dial);
	}
	link->spoke_on[lane] = link->connection;
	link->spoke[lane] = number;
}

/* An answer that came early occupies its lane until its turn. Else the replica, spoken to again on
 * that lane, would number answers further and further ahead of the one that is late. */
static bool
link_free_lane(const struct link_client *link, unsigned *lane)
{
	unsigned free_lanes = 0;

	*lane = 0;
	for (unsigned i = DIAL_LANES; i-- > 0;) {
		if (!dial_busy(link->dial, i)) {
			*lane = i;
			free_lanes++;
		}
	}
	return free_lanes > link->order.early_count;
}

static void
link_greet(struct link_client *link)
{
	Wire__Hello hello = WIRE__HELLO__INIT;
	struct wire_item *item;

	link->state = LINK_GREETING;
	if (dial_busy(link->dial, LINK_POST))
		return; /* the old exchange's answer comes first */
	hello.has_version = hello.has_first = true;
	hello.version = WIRE_VERSION;
	hello.first = link->batches + 1;
	item = wire_item_new(WIRE_NO_CALL, WIRE_HELLO, &hello.base);
	buf_clear(&link->batch);
	wire_batch_begin(&link->batch, WIRE_POST, 0);
	if (item != NULL)
		wire_batch_add(&link->batch, item);
	free(item);
	link_exchange(link, LINK_POST, 0);
}

static void
link_poll(struct link_client *link)
{
	if (dial_busy(link->dial, LINK_POLL))
		return;
	buf_clear(&link->batch);
	wire_batch_begin(&link->batch, WIRE_POLL, link->boot);
	link_exchange(link, LINK_POLL, LINK_NO_BATCH);
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

static bool
link_has_words(const struct link_client *link)
{
	return link->urgent.head != NULL || link->ordinary.head != NULL;
}

/* Says what there is to say, on one lane. */
static void
link_say(struct link_client *link, unsigned lane)
{
	link->batches++;
	buf_clear(&link->batch);
	if (link->numbered)
		wire_batch_begin_numbered(&link->batch, link->boot, link->batches);
	else
		wire_batch_begin(&link->batch, WIRE_POST, link->boot);
	link_batch_queue(link, &link->urgent);
	link_batch_queue(link, &link->ordinary);
	link_exchange(link, lane, link->batches);
}

static bool
link_may_say(const struct link_client *link, unsigned *lane)
{
	if (link->state != LINK_UP)
		return false;
	if (link->numbered)
		return link_free_lane(link, lane);
	*lane = LINK_POST;
	return !dial_busy(link->dial, LINK_POST);
}

/* On as many lanes as are free: what stayed queued beside a free lane would wait for the answer on
 * another, which a replica that has nothing to say holds back for a second. */
static void
link_flush(struct link_client *link)
{
	unsigned lane;

	while (link_has_words(link) && link_may_say(link, &lane))
		link_say(link, lane);
}

/* The replica may always speak: on one lane at least. */
static void
link_listen(struct link_client *link)
{
	unsigned lane;

	if (!link->numbered) {
		link_poll(link);
		return;
	}
	for (unsigned i = 0; i < DIAL_LANES; i++)
		if (dial_busy(link->dial, i) && link->spoke_on[i] == link->connection)
			return;
	if (link_may_say(link, &lane))
		link_say(link, lane);
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
	unsigned lane;

	if (link->flush_posted || !link_may_say(link, &lane))
		return;
	link->flush_posted = true;
	worker_post(link->options.io, &link->flush);
}

/* --- hearing --------------------------------------------------------------------------------- */

/* The other end is another process than we thought: it refused the batch we sent, as it does with
 * all that are under way. */
static void
link_refused(struct link_client *link, unsigned lane)
{
	link->state = LINK_DOWN;
	link->connection++;
	link_fail_calls(link, link->spoke[lane]);
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
	link->numbered = hello->has_first;
	link_order_begin(&link->order, hello->first);
	link->state = LINK_UP;
	link->options.up(link->options.arg);
	link_listen(link);
done:
	if (hello != NULL)
		wire__hello__free_unpacked(hello, NULL);
}

static void
link_hear_batch(struct link_client *link, unsigned lane, struct wire_reader *reader)
{
	struct wire_envelope envelope;
	int more;

	while ((more = wire_next(reader, &envelope)) == 1) {
		struct link_call *call;

		if (envelope.kind == WIRE_HELLO) {
			if (link->state == LINK_GREETING && link->spoke[lane] == 0)
				link_greeted(link, &envelope);
			else if (link->state == LINK_UP)
				link_refused(link, lane);
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

/* Those that came early and whose turn it is now. */
static void
link_hear_early(struct link_client *link, unsigned lane)
{
	struct link_early early;
	struct wire_reader reader;

	while (!link->closed && link_order_next(&link->order, &early)) {
		if (wire_read(&reader, early.bytes, early.length))
			link_hear_batch(link, lane, &reader);
		free(early.bytes);
	}
}

static void
link_hear(struct link_client *link, unsigned lane, const void *bytes, size_t length)
{
	struct wire_reader reader;

	if (!wire_read(&reader, bytes, length)) {
		dial_drop(link->dial);
		return;
	}
	if (reader.role != WIRE_NUMBERED) {
		link_hear_batch(link, lane, &reader);
		return;
	}
	if (!link->numbered || link->state != LINK_UP)
		return;
	switch (link_order_take(&link->order, reader.number, bytes, length, NULL)) {
	case LINK_TURN_NOW:
		link_hear_batch(link, lane, &reader);
		link_hear_early(link, lane);
		break;
	case LINK_TURN_EARLY:
	case LINK_TURN_STALE: break;
	case LINK_TURN_BROKEN: dial_drop(link->dial); break;
	}
}

/* What is said when a lane is free. */
static void
link_speak(struct link_client *link, unsigned lane)
{
	if (link->state == LINK_GREETING && lane == LINK_POST)
		link_greet(link);
	if (link->state != LINK_UP)
		return;
	link_flush(link);
	link_listen(link);
}

static void
link_answer(void *arg, unsigned lane, const void *bytes, size_t length)
{
	OBJ_CAST(struct link_client, link, arg, LINK_MAGIC);
	bool stale = link->spoke_on[lane] != link->connection;

	if (bytes == NULL && !stale)
		dial_drop(link->dial); /* if it is not gone already; down() follows */
	if (bytes != NULL && !stale) {
		link->heard_ms = clock_ms();
		link_hear(link, lane, bytes, length);
		if (link->closed)
			return;
	}
	if (bytes != NULL || stale)
		link_speak(link, lane);
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
	link_fail_calls(link, LINK_NO_BATCH);
	if (was_up)
		link->options.down(link->options.arg);
}

/* Silence is counted in time in which we listened: when this process, or the whole machine, stood
 * still, it says nothing of the other end. */
static void
link_watch_cb(uv_timer_t *timer)
{
	OBJ_CAST(struct link_client, link, timer->data, LINK_MAGIC);
	uint64_t now = clock_ms(), passed = now - link->watched_ms;

	link->watched_ms = now;
	if (passed > LINK_WATCH_MS)
		link->heard_ms += passed - LINK_WATCH_MS;
	if (link->heard_ms > now)
		link->heard_ms = now;
	if (link->state == LINK_DOWN || now - link->heard_ms < LINK_DEAD_MS)
		return;
	LOG_WARN("peer is silent, connection dropped", LOG_TEXT("to", link->options.actor),
	         LOG_TEXT("url", link->options.url));
	link->heard_ms = now;
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
	link->watched_ms = clock_ms();
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
	link_order_begin(&link->order, 0);
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
	link_fail_calls(link, LINK_NO_BATCH);
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
