/* SPDX-License-Identifier: MIT
 * What the other services ask of history: events in, exports out, erasure. */
#include "services/history/history.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/io/cache_aside.h"
#include "common/io/db.h"
#include "common/service/idempotency.h"
#include "common/service/subtask.h"
#include "common/task/task.h"
#include "services/history/page.h"
#include "services/history/store.h"

#include <stdlib.h>
#include <string.h>

#define INGEST_CHUNK  64 /* events of one transaction; as many cache keys at most */
#define EXPORT_EVENTS 500
#define ERASE_EVENTS  2000

/* --- events from outboxes -------------------------------------------------------------------- */

struct history_ingest_chunk {
	Common__Event *const *events;
	size_t count;
	char keys[INGEST_CHUNK][HISTORY_CACHE_KEY_SIZE];
	const char *users[INGEST_CHUNK]; /* different ones */
	const char *key_list[INGEST_CHUNK];
	size_t user_count;
	struct history_event rows[INGEST_CHUNK]; /* and whose they are */
	const char *owners[INGEST_CHUNK];
};

/* The first `limit` code points. */
static const char *
history_shorten(const char *text, size_t limit)
{
	const char *at = text;

	if (text == NULL || strlen(text) <= limit || text_length(text) <= limit)
		return text;
	for (size_t seen = 0; *at != '\0'; at++) {
		if ((*at & 0xc0) != 0x80 && seen++ == limit)
			break;
	}
	return arena_strndup(task_arena(), text, (size_t)(at - text));
}

/* False: the event can never be shown, whoever sends it again. */
static bool
history_ingest_event(const Common__Event *event, struct history_event *out)
{
	int64_t at_us;

	if (event->id == NULL || event->user_id == NULL || event->at == NULL || !event->has_type ||
	    !ids_valid(event->id) || !ids_valid(event->user_id) ||
	    !instant_parse(event->at, &at_us))
		return false;
	*out = (struct history_event){
	    .id = event->id,
	    .version = event->has_version ? event->version : 1,
	    .type = (int)event->type,
	    .at_ms = at_us / 1000 > 0 ? at_us / 1000 : 1,
	    .subject = history_shorten(event->subject, HISTORY_SUBJECT_LIMIT),
	    .has_minutes = event->has_minutes,
	    .minutes = event->minutes,
	    .note = history_shorten(event->note, HISTORY_NOTE_LIMIT),
	    .ref = event->ref != NULL && ids_valid(event->ref) ? event->ref : NULL};
	if (event->has_gone && event->gone) {
		/* Only its version is kept. */
		out->at_ms = 0;
		out->subject = out->note = out->ref = NULL;
		out->has_minutes = false;
	}
	return true;
}

static enum status
history_ingest_tx(struct db *tx, void *arg)
{
	struct history_ingest_chunk *chunk = arg;
	const char *erased[INGEST_CHUNK];
	size_t count = 0, erased_count = 0;
	enum status status;
	uint64_t removed;

	for (size_t i = 0; i < chunk->count; i++) {
		if (!history_ingest_event(chunk->events[i], &chunk->rows[count])) {
			LOG_ERROR("event dropped: it is malformed",
			          LOG_TEXT("id", chunk->events[i]->id));
			continue;
		}
		chunk->owners[count++] = chunk->events[i]->user_id;
	}
	status = history_store_put(tx, chunk->owners, chunk->rows, count);
	/* Behind the events, and no db_later(): it tells whether the database took them. */
	if (status == STATUS_OK)
		status = history_store_erased_of(tx, chunk->users, chunk->user_count, erased,
		                                 &erased_count);
	for (size_t i = 0; i < erased_count && status == STATUS_OK; i++)
		status = history_store_remove_all(tx, erased[i], 0, &removed);
	return status;
}

static void
history_ingest_add_user(struct history_ingest_chunk *chunk, const char *user)
{
	for (size_t i = 0; i < chunk->user_count; i++) {
		if (strcmp(chunk->users[i], user) == 0)
			return;
	}
	history_cache_key(user, chunk->keys[chunk->user_count]);
	chunk->key_list[chunk->user_count] = chunk->keys[chunk->user_count];
	chunk->users[chunk->user_count++] = user;
}

enum status
history_ingest(struct call *call, const void *message, void *reply)
{
	const Common__Events *request = message;
	struct history *history = history_of(call);
	struct history_ingest_chunk *chunk = arena_alloc(task_arena(), sizeof *chunk);
	enum status status = STATUS_OK;

	(void)reply;
	if (chunk == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < request->n_events && status == STATUS_OK; i += chunk->count) {
		chunk->events = request->events + i;
		chunk->count =
		    request->n_events - i < INGEST_CHUNK ? request->n_events - i : INGEST_CHUNK;
		chunk->user_count = 0;
		for (size_t j = 0; j < chunk->count; j++) {
			const char *user = chunk->events[j]->user_id;

			if (user != NULL && ids_valid(user))
				history_ingest_add_user(chunk, user);
		}
		if (chunk->user_count > 0)
			status = cache_transact(history->cache, history->db, chunk->key_list,
			                        chunk->user_count, history_ingest_tx, chunk);
	}
	return status;
}

/* --- export ---------------------------------------------------------------------------------- */

/* One part, made in a task of its own: its rows are freed with it. */
struct history_part {
	struct db *db;
	const char *user;
	struct cursor after;
	uint8_t *bytes; /* malloc'ed */
	size_t length;
	bool last;
	enum status status;
};

static enum status
history_part_read(struct history_part *part)
{
	struct arena *arena = task_arena();
	History__ExportPart message = HISTORY__EXPORT_PART__INIT;
	History__Event *items;
	struct history_event *events;
	size_t count;
	enum status status = history_store_export(part->db, part->user, &part->after, EXPORT_EVENTS,
	                                          &events, &count);

	if (status != STATUS_OK)
		return status;
	part->last = count < EXPORT_EVENTS;
	items = arena_calloc(arena, count + 1, sizeof *items);
	message.history = arena_calloc(arena, count + 1, sizeof *message.history);
	if (items == NULL || message.history == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		if (!page_event(arena, &events[i], &items[i]))
			return STATUS_OVERLOADED;
		message.history[message.n_history++] = &items[i];
	}
	if (count > 0) {
		part->after.key = events[count - 1].at_ms;
		strncpy(part->after.id, events[count - 1].id, sizeof part->after.id - 1);
	}
	part->length = history__export_part__get_packed_size(&message);
	part->bytes = malloc(part->length + 1);
	if (part->bytes == NULL)
		return STATUS_OVERLOADED;
	history__export_part__pack(&message, part->bytes);
	return STATUS_OK;
}

static void
history_part_run(void *arg)
{
	struct history_part *part = arg;

	part->status = history_part_read(part);
}

enum status
history_export(struct call *call, const void *message, void *reply)
{
	struct history_part part = {.db = history_of(call)->db, .user = call_user(call)};
	enum status status = call_stream_begin(call);

	(void)message;
	(void)reply;
	while (status == STATUS_OK && !part.last) {
		part.bytes = NULL;
		part.status = STATUS_OK;
		status = subtask_run("export", 0, history_part_run, &part);
		if (status == STATUS_OK)
			status = part.status;
		if (status == STATUS_OK && part.length > 0)
			status = call_stream_write(call, part.bytes, part.length);
		free(part.bytes);
	}
	return status;
}

/* --- erasure --------------------------------------------------------------------------------- */

static enum status
history_erase_begin_tx(struct db *tx, void *arg)
{
	return history_store_mark_erased(tx, arg, clock_wall_us() / 1000);
}

static enum status
history_erase_end_tx(struct db *tx, void *arg)
{
	uint64_t removed;
	enum status status = history_store_remove_all(tx, arg, 0, &removed);

	return status != STATUS_OK ? status : idempotency_erase(tx, arg);
}

enum status
history_erase(struct call *call, const void *message, void *reply)
{
	const Common__EraseRequest *request = message;
	struct history *history = history_of(call);
	char key[HISTORY_CACHE_KEY_SIZE];
	const char *const keys[] = {key};
	uint64_t removed;
	enum status status;

	(void)reply;
	history_cache_key(request->user_id, key);
	status = db_transact(history->db, history_erase_begin_tx, request->user_id);
	do {
		removed = 0;
		if (status == STATUS_OK)
			status = history_store_remove_all(history->db, request->user_id,
			                                  ERASE_EVENTS, &removed);
	} while (status == STATUS_OK && removed == ERASE_EVENTS);
	if (status == STATUS_OK)
		status = cache_transact(history->cache, history->db, keys, 1, history_erase_end_tx,
		                        request->user_id);
	if (status == STATUS_OK)
		LOG_INFO("audit", LOG_TEXT("event", "history-erased"),
		         LOG_TEXT("user", request->user_id));
	return status;
}
