/* SPDX-License-Identifier: MIT
 * Rows of the outbox table, and one relay (a lane) per destination that sends and deletes them.
 *
 * Events of one batch are sent in one call by joining their packed bodies: each body is a
 * common.Events, and protobuf messages joined end to end are one message. Orders are calls of their
 * own, many at the same time: who takes them may write them together. */
#include "common/service/outbox.h"

#include "common/actor/rpc.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/service/periodic.h"
#include "common/service/service.h"
#include "common/service/subtask.h"
#include "common/task/task.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define OUTBOX_MAGIC         0x0b0c5e4du
#define OUTBOX_LANE_MAGIC    0x0b0c1a4eu
#define OUTBOX_LANES         8
#define OUTBOX_FIELDS        4 /* of a new row */
#define OUTBOX_BATCH         64
#define OUTBOX_EVENTS_ACTOR  "history"
#define OUTBOX_EVENTS_METHOD "history.History/Ingest"
#define OUTBOX_DEADLINE_MS   30000
#define OUTBOX_POLL_MS       1000
/* What is younger is left to the nudge of the replica that wrote it. */
#define OUTBOX_FOREIGN_AGE_MS 1000
#define OUTBOX_BACKOFF_MIN_MS 100
#define OUTBOX_BACKOFF_MAX_MS 5000
#define OUTBOX_POSTPONE_MAX_S 3600

struct outbox_lane {
	unsigned magic;
	struct db *db;
	struct rpc *rpc;
	const char *actor;
	struct periodic *periodic;
	struct metric *sent, *failed;
	atomic_bool nudged;
	/* The lane's rounds only: */
	uint64_t resume_ms; /* clock_ms(): nothing is sent before, because the actor is away */
	unsigned failures;  /* in a row */
};

struct outbox {
	unsigned magic;
	size_t lane_count;
	struct outbox_lane lanes[OUTBOX_LANES];
};

struct outbox_row {
	uint64_t id;
	const char *method;
	const void *body;
	size_t length;
	uint64_t attempts;
	struct outbox_lane *lane;
	enum status status; /* of sending it alone */
};

static int64_t
outbox_now_ms(void)
{
	return clock_wall_us() / 1000;
}

/* --- writing -------------------------------------------------------------------------------- */

enum status
outbox_put_order(struct db *tx, const char *actor, const char *method,
                 const ProtobufCMessage *message)
{
	size_t length = protobuf_c_message_get_packed_size(message);
	void *body = arena_alloc(task_arena(), length + 1);

	if (body == NULL)
		return STATUS_OVERLOADED;
	protobuf_c_message_pack(message, body);
	return DB_LATER(tx, DB_ANY, STATUS_OK,
	                "INSERT INTO outbox (actor, method, body, not_before) VALUES (?, ?, ?, ?)",
	                DB_TEXT(actor), DB_TEXT(method), DB_BLOB(body, length),
	                DB_INT(outbox_now_ms()));
}

enum status
outbox_put_orders(struct db *tx, const char *actor, const char *method,
                  const ProtobufCMessage *const *messages, size_t count)
{
	struct db_value *args = arena_calloc(task_arena(), count * OUTBOX_FIELDS + 1, sizeof *args);

	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		struct db_value *row = args + i * OUTBOX_FIELDS;
		size_t length = protobuf_c_message_get_packed_size(messages[i]);
		void *body = arena_alloc(task_arena(), length + 1);

		if (body == NULL)
			return STATUS_OVERLOADED;
		protobuf_c_message_pack(messages[i], body);
		row[0] = DB_TEXT(actor);
		row[1] = DB_TEXT(method);
		row[2] = DB_BLOB(body, length);
		row[3] = DB_INT(outbox_now_ms());
	}
	return db_many_rows_later(tx,
	                          "INSERT INTO outbox (actor, method, body, not_before)"
	                          " VALUES {(?, ?, ?, ?)|, }",
	                          args, OUTBOX_FIELDS, count);
}

enum status
outbox_put_events(struct db *tx, Common__Event *const *events, size_t count)
{
	Common__Events message = COMMON__EVENTS__INIT;

	for (size_t i = 0; i < count; i++) {
		assert(events[i]->id != NULL && events[i]->user_id != NULL &&
		       events[i]->at != NULL);
		assert(events[i]->has_version && events[i]->has_type);
	}
	message.n_events = count;
	message.events = (Common__Event **)(uintptr_t)events;
	return outbox_put_order(tx, OUTBOX_EVENTS_ACTOR, OUTBOX_EVENTS_METHOD, &message.base);
}

enum status
outbox_put_event(struct db *tx, const Common__Event *event)
{
	Common__Event *one = (Common__Event *)(uintptr_t)event;

	return outbox_put_events(tx, &one, 1);
}

/* --- relaying ------------------------------------------------------------------------------- */

static enum status
outbox_read(struct outbox_lane *lane, struct outbox_row rows[OUTBOX_BATCH], size_t *count)
{
	struct db_rows *found;
	bool nudged = atomic_exchange(&lane->nudged, false);
	int64_t due = outbox_now_ms() - (nudged ? 0 : OUTBOX_FOREIGN_AGE_MS);
	enum status status;

	*count = 0;
	status = DB_QUERY(lane->db, &found,
	                  "SELECT id, method, body, attempts FROM outbox"
	                  " WHERE actor = ? AND not_before <= ? ORDER BY not_before, id LIMIT ?",
	                  DB_TEXT(lane->actor), DB_INT(due), DB_INT(OUTBOX_BATCH));
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < db_count(found) && i < OUTBOX_BATCH; i++) {
		rows[i].id = db_uint(found, i, 0);
		rows[i].method = db_text(found, i, 1);
		rows[i].body = db_blob(found, i, 2, &rows[i].length);
		rows[i].attempts = db_uint(found, i, 3);
		rows[i].lane = lane;
		++*count;
	}
	return STATUS_OK;
}

/* Deletes 1, or up to OUTBOX_BATCH rows: two statements to prepare. */
static enum status
outbox_delete(struct outbox_lane *lane, const struct outbox_row *rows, size_t count)
{
	static const char many[] =
	    "DELETE FROM outbox WHERE id IN"
	    " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
	    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
	    " ?, ?, ?, ?, ?, ?, ?, ?)";
	struct db_value ids[OUTBOX_BATCH];

	if (count == 1)
		return DB_EXEC(lane->db, NULL, "DELETE FROM outbox WHERE id = ?",
		               DB_UINT(rows[0].id));
	for (size_t i = 0; i < OUTBOX_BATCH; i++)
		ids[i] = DB_UINT(rows[i < count ? i : count - 1].id);
	return db_exec(lane->db, NULL, many, ids, OUTBOX_BATCH);
}

static enum status
outbox_send(struct outbox_lane *lane, const struct outbox_row *rows, size_t count)
{
	struct rpc_request request = {.method = rows[0].method, .idempotent = true};
	struct reply reply = {0};
	size_t length = 0;
	char *body;

	for (size_t i = 0; i < count; i++)
		length += rows[i].length;
	body = arena_alloc(task_arena(), length + 1);
	if (body == NULL)
		return STATUS_OVERLOADED;
	request.body = body;
	request.body_length = length;
	for (size_t i = 0; i < count; body += rows[i].length, i++)
		memcpy(body, rows[i].body, rows[i].length);
	return rpc_call(lane->rpc, &request, &reply);
}

/* Is it the actor that is away, rather than the row that it does not want? */
static bool
outbox_actor_away(enum status status)
{
	return status_retryable(status) || status == STATUS_DEADLINE || status == STATUS_CANCELLED;
}

static enum status
outbox_postpone(struct outbox_lane *lane, const struct outbox_row *row, enum status why)
{
	int64_t pause_s = row->attempts < 12 ? (int64_t)1 << row->attempts : OUTBOX_POSTPONE_MAX_S;

	if (pause_s > OUTBOX_POSTPONE_MAX_S)
		pause_s = OUTBOX_POSTPONE_MAX_S;
	LOG_ERROR("outbox row refused", LOG_TEXT("destination", lane->actor),
	          LOG_TEXT("method", row->method), LOG_INT("row", row->id),
	          LOG_TEXT("status", status_slug(why)), LOG_INT("again_in_s", pause_s));
	return DB_EXEC(lane->db, NULL,
	               "UPDATE outbox SET attempts = attempts + 1, not_before = ? WHERE id = ?",
	               DB_INT(outbox_now_ms() + pause_s * 1000), DB_UINT(row->id));
}

static void
outbox_send_alone(void *arg)
{
	struct outbox_row *row = arg;

	row->status = outbox_send(row->lane, row, 1);
}

/* Each for itself, all at the same time. OK: all are settled. */
static enum status
outbox_settle_each(struct outbox_lane *lane, struct outbox_row *rows, size_t count)
{
	struct outbox_row sent[OUTBOX_BATCH];
	size_t sent_count = 0;
	enum status worst, status;

	for (size_t i = 0; i < count; i++)
		rows[i].status = STATUS_CANCELLED;
	worst = subtask_each("outbox", outbox_send_alone, rows, sizeof *rows, count);
	for (size_t i = 0; i < count; i++) {
		status = rows[i].status;
		if (status == STATUS_OK)
			sent[sent_count++] = rows[i];
		else
			metric_add(lane->failed, 1);
		if (status != STATUS_OK && !outbox_actor_away(status))
			status = outbox_postpone(lane, &rows[i], status);
		if (status != STATUS_OK)
			worst = status;
	}
	metric_add(lane->sent, (int64_t)sent_count);
	status = sent_count > 0 ? outbox_delete(lane, sent, sent_count) : STATUS_OK;
	return worst != STATUS_OK ? worst : status;
}

/* Events go together; if the destination refuses them, and orders always, each alone. OK: all are
 * settled. */
static enum status
outbox_settle(struct outbox_lane *lane, struct outbox_row *rows, size_t count)
{
	enum status status;

	if (strcmp(rows[0].method, OUTBOX_EVENTS_METHOD) != 0)
		return outbox_settle_each(lane, rows, count);
	status = outbox_send(lane, rows, count);
	if (status == STATUS_OK) {
		metric_add(lane->sent, (int64_t)count);
		return outbox_delete(lane, rows, count);
	}
	metric_add(lane->failed, 1);
	if (outbox_actor_away(status))
		return status;
	if (count == 1)
		return outbox_postpone(lane, &rows[0], status);
	return outbox_settle_each(lane, rows, count);
}

/* Rows of the first one's kind. */
static size_t
outbox_group(const struct outbox_row *rows, size_t count)
{
	size_t together = 1;

	while (together < count && strcmp(rows[together].method, rows[0].method) == 0)
		together++;
	return together;
}

static uint32_t
outbox_back_off(struct outbox_lane *lane, enum status why)
{
	uint32_t pause = OUTBOX_BACKOFF_MIN_MS << (lane->failures < 6 ? lane->failures : 6);

	if (pause > OUTBOX_BACKOFF_MAX_MS)
		pause = OUTBOX_BACKOFF_MAX_MS;
	pause = pause / 2 + ids_below(pause);
	if (lane->failures++ == 0)
		LOG_WARN("outbox waits for its destination", LOG_TEXT("destination", lane->actor),
		         LOG_TEXT("status", status_slug(why)));
	lane->resume_ms = clock_ms() + pause;
	atomic_store(&lane->nudged, true);
	return pause;
}

static uint32_t
outbox_round(void *arg)
{
	OBJ_CAST(struct outbox_lane, lane, arg, OUTBOX_LANE_MAGIC);
	struct outbox_row rows[OUTBOX_BATCH];
	uint64_t now = clock_ms();
	enum status status;
	size_t count, group;

	if (now < lane->resume_ms)
		return (uint32_t)(lane->resume_ms - now);
	if (outbox_read(lane, rows, &count) != STATUS_OK)
		return OUTBOX_POLL_MS;
	for (size_t i = 0; i < count; i += group) {
		group = outbox_group(rows + i, count - i);
		status = outbox_settle(lane, rows + i, group);
		if (status != STATUS_OK)
			return outbox_back_off(lane, status);
		lane->failures = 0;
	}
	if (count < OUTBOX_BATCH)
		return OUTBOX_POLL_MS;
	atomic_store(&lane->nudged, true);
	return 0;
}

/* --- life ----------------------------------------------------------------------------------- */

static struct metric *
outbox_metric(const char *name, const char *help, const char *actor)
{
	return metric_new(METRIC_COUNTER, name, help, "destination=\"%s\"", actor);
}

static enum status
outbox_lane_start(struct outbox_lane *lane, struct service *service, const char *actor)
{
	struct periodic_options options = {
	    .name = "outbox", .fn = outbox_round, .arg = lane, .deadline_ms = OUTBOX_DEADLINE_MS};

	OBJ_INIT(lane, OUTBOX_LANE_MAGIC);
	lane->db = service_db(service);
	lane->rpc = service_rpc(service, actor);
	lane->actor = actor;
	atomic_store(&lane->nudged, true);
	assert(lane->db != NULL && lane->rpc != NULL);
	lane->sent = outbox_metric("studyhall_outbox_sent_total",
	                           "Outbox rows acknowledged by their destination", actor);
	lane->failed = outbox_metric("studyhall_outbox_failures_total",
	                             "Outbox calls that were not acknowledged", actor);
	if (lane->sent == NULL || lane->failed == NULL)
		return STATUS_OVERLOADED;
	lane->periodic = periodic_start(service, &options);
	return lane->periodic != NULL ? STATUS_OK : STATUS_OVERLOADED;
}

struct outbox *
outbox_start(struct service *service, const char *const *actors)
{
	struct outbox *outbox = calloc(1, sizeof *outbox);

	if (outbox == NULL)
		return NULL;
	OBJ_INIT(outbox, OUTBOX_MAGIC);
	for (; *actors != NULL; actors++) {
		assert(outbox->lane_count < OUTBOX_LANES);
		/* A lane that runs already refers to the outbox: failing here ends the process. */
		if (outbox_lane_start(&outbox->lanes[outbox->lane_count], service, *actors) !=
		    STATUS_OK)
			return NULL;
		outbox->lane_count++;
	}
	return outbox;
}

void
outbox_nudge(struct outbox *outbox, const char *actor)
{
	OBJ_CHECK(outbox, OUTBOX_MAGIC);
	for (size_t i = 0; i < outbox->lane_count; i++) {
		if (actor != NULL && strcmp(outbox->lanes[i].actor, actor) != 0)
			continue;
		atomic_store(&outbox->lanes[i].nudged, true);
		periodic_nudge(outbox->lanes[i].periodic);
	}
}
