/* SPDX-License-Identifier: MIT
 * A learner's events: listed from the cache where possible, recorded, changed, removed. */
#include "services/history/history.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/ids.h"
#include "common/base/obj.h"
#include "common/io/cache_aside.h"
#include "common/io/db.h"
#include "common/service/idempotency.h"
#include "common/service/service.h"
#include "common/task/flight.h"
#include "common/task/task.h"
#include "services/history/page.h"
#include "services/history/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_CACHE_TTL_S 3600
#define HISTORY_DAY_MS      ((int64_t)86400000)
#define HISTORY_RECORD      "Record"

enum status
history_start(struct service *service)
{
	struct history *history = calloc(1, sizeof *history);

	if (history == NULL)
		return STATUS_OVERLOADED;
	history->db = service_db(service);
	history->cache = service_cache(service);
	history->flight = flight_new();
	if (history->flight == NULL) {
		free(history);
		return STATUS_OVERLOADED;
	}
	service_set_state(service, history);
	return idempotency_start(service);
}

struct history *
history_of(struct call *call)
{
	return service_state(call_service(call));
}

void
history_cache_key(const char *user, char out[HISTORY_CACHE_KEY_SIZE])
{
	snprintf(out, HISTORY_CACHE_KEY_SIZE, "page:%s", user);
}

static int64_t
history_now_ms(void)
{
	return clock_wall_us() / 1000;
}

/* --- listing -------------------------------------------------------------------------------- */

struct history_load {
	struct db *db;
	const char *user;
};

static enum status
history_load_first(void *arg, const void **bytes, size_t *length)
{
	const struct history_load *load = arg;
	struct history_filter all = {.type = -1, .from_ms = 1, .end_ms = INT64_MAX};
	struct history_event *events;
	size_t count;
	enum status status = history_store_page(load->db, load->user, &all, NULL,
	                                        PAGE_DEFAULT_LIMIT + 1, &events, &count);

	if (status != STATUS_OK)
		return status;
	*bytes = page_pack(task_arena(), PAGE_LIST, load->user, events, count, PAGE_DEFAULT_LIMIT,
	                   length);
	return *bytes != NULL ? STATUS_OK : STATUS_OVERLOADED;
}

static enum status
history_list_first(struct call *call, size_t limit)
{
	struct history *history = history_of(call);
	struct history_load load = {history->db, call_user(call)};
	char key[HISTORY_CACHE_KEY_SIZE];
	struct cache_read read = {.cache = history->cache,
	                          .flight = history->flight,
	                          .key = key,
	                          .ttl_s = HISTORY_CACHE_TTL_S,
	                          .load = history_load_first,
	                          .arg = &load};
	const void *page;
	size_t length;
	bool hit = false;
	enum status status;

	history_cache_key(load.user, key);
	status = cache_read(&read, &page, &length, &hit);
	if (status != STATUS_OK)
		return status;
	if (limit < PAGE_DEFAULT_LIMIT) {
		page = page_cut(task_arena(), load.user, page, length, limit, &length);
		if (page == NULL)
			return STATUS_OVERLOADED;
	}
	call_set_header(call, "cache-status", hit ? "history; hit" : "history; fwd=miss");
	call_reply_packed(call, page, length);
	return STATUS_OK;
}

/* The rules have seen to it that these are dates. */
static enum status
history_list_filter(struct call *call, const History__ListRequest *request,
                    struct history_filter *filter)
{
	const struct zone *zone = zone_find(call_time_zone(call));
	int32_t from = 0, to = 0;

	if (zone == NULL)
		zone = zone_find("Asia/Seoul");
	*filter = (struct history_filter){.type = request->has_type ? (int)request->type : -1,
	                                  .subject = request->subject,
	                                  .from_ms = 1,
	                                  .end_ms = INT64_MAX};
	if (request->from != NULL) {
		if (zone == NULL || !date_parse(request->from, &from))
			return call_invalid(call, "/from", "is not a date");
		filter->from_ms = zone_day_start(zone, from) / 1000;
	}
	if (request->to != NULL) {
		if (zone == NULL || !date_parse(request->to, &to))
			return call_invalid(call, "/to", "is not a date");
		filter->end_ms = zone_day_start(zone, to + 1) / 1000;
	}
	if (request->from != NULL && request->to != NULL && to < from)
		return call_invalid(call, "/to", "is before `from`");
	if (filter->from_ms < 1)
		filter->from_ms = 1;
	return STATUS_OK;
}

/* What a cursor belongs to: the list with the filters as they were asked for. NULL without memory.
 */
static const char *
history_list_name(const History__ListRequest *request)
{
	if (!request->has_type && request->from == NULL && request->to == NULL &&
	    request->subject == NULL)
		return PAGE_LIST;
	return arena_printf(task_arena(), PAGE_LIST "?type=%d&from=%s&to=%s&subject=%s",
	                    request->has_type ? (int)request->type : -1,
	                    request->from != NULL ? request->from : "",
	                    request->to != NULL ? request->to : "",
	                    request->subject != NULL ? request->subject : "");
}

enum status
history_list(struct call *call, const void *message, void *reply)
{
	const History__ListRequest *request = message;
	size_t limit = request->has_limit ? request->limit : PAGE_DEFAULT_LIMIT, length, count;
	const char *user = call_user(call), *list;
	struct history_filter filter;
	struct history_event *events;
	struct cursor cursor;
	const void *page;
	enum status status;

	(void)reply;
	if (!request->has_type && request->from == NULL && request->to == NULL &&
	    request->subject == NULL && request->cursor == NULL && limit <= PAGE_DEFAULT_LIMIT)
		return history_list_first(call, limit);
	status = history_list_filter(call, request, &filter);
	if (status != STATUS_OK)
		return status;
	list = history_list_name(request);
	if (list == NULL)
		return STATUS_OVERLOADED;
	if (request->cursor != NULL && !cursor_parse(request->cursor, list, user, &cursor))
		return call_invalid(call, "/cursor",
		                    "is not a cursor of this list with these filters");
	status = history_store_page(history_of(call)->db, user, &filter,
	                            request->cursor != NULL ? &cursor : NULL, limit + 1, &events,
	                            &count);
	if (status != STATUS_OK)
		return status;
	page = page_pack(task_arena(), list, user, events, count, limit, &length);
	if (page == NULL)
		return STATUS_OVERLOADED;
	call_set_header(call, "cache-status", "history; fwd=miss");
	call_reply_packed(call, page, length);
	return STATUS_OK;
}

/* --- writing -------------------------------------------------------------------------------- */

/* One change of a learner's events, within the transaction around which the cached page is
 * dropped. */
struct history_change {
	struct call *call;
	const void *request;
	struct history_event event;
	struct idempotency key;
	const void *answer; /* packed Event */
	size_t length;
};

static enum status
history_transact(struct history_change *change, db_transact_fn *fn)
{
	struct history *history = history_of(change->call);
	char key[HISTORY_CACHE_KEY_SIZE];

	history_cache_key(call_user(change->call), key);
	return cache_transact(history->cache, history->db, (const char *const[]){key}, 1, fn,
	                      change);
}

static enum status
history_pack_answer(struct history_change *change)
{
	struct arena *arena = task_arena();
	History__Event message;
	void *bytes;

	if (!page_event(arena, &change->event, &message))
		return STATUS_OVERLOADED;
	change->length = history__event__get_packed_size(&message);
	bytes = arena_alloc(arena, change->length + 1);
	if (bytes == NULL)
		return STATUS_OVERLOADED;
	history__event__pack(&message, bytes);
	change->answer = bytes;
	return STATUS_OK;
}

static enum status
history_parse_at(struct call *call, const char *text, int64_t *at_ms)
{
	int64_t at_us;

	if (text == NULL) {
		*at_ms = history_now_ms();
		return STATUS_OK;
	}
	if (!instant_parse(text, &at_us))
		return call_invalid(call, "/at", "is not an RFC 3339 time");
	*at_ms = at_us / 1000;
	if (*at_ms > history_now_ms() + HISTORY_DAY_MS)
		return call_invalid(call, "/at", "is in the future");
	return STATUS_OK;
}

static enum status
history_record_tx(struct db *tx, void *arg)
{
	struct history_change *change = arg;
	const char *user = call_user(change->call);
	bool erased = false;
	enum status status = idempotency_claim(change->call, tx, HISTORY_RECORD, &change->key);

	if (status != STATUS_OK || change->key.found)
		return status;
	status = history_store_put(tx, &user, &change->event, 1);
	if (status == STATUS_OK)
		status = history_store_is_erased(tx, user, &erased);
	if (status == STATUS_OK && erased)
		return STATUS_UNAUTHENTICATED;
	if (status == STATUS_OK)
		status = idempotency_store(change->call, tx, HISTORY_RECORD, change->answer,
		                           change->length);
	return status;
}

enum status
history_record(struct call *call, const void *message, void *reply)
{
	const History__RecordRequest *request = message;
	struct history_change change = {.call = call, .request = request};
	char *id = arena_alloc(task_arena(), ID_SIZE);
	enum status status;

	(void)reply;
	if (id == NULL)
		return STATUS_OVERLOADED;
	ids_new(id);
	change.event = (struct history_event){.id = id,
	                                      .version = 1,
	                                      .type = COMMON__EVENT__TYPE__study,
	                                      .subject = request->subject,
	                                      .has_minutes = true,
	                                      .minutes = request->minutes,
	                                      .note = request->note};
	status = history_parse_at(call, request->at, &change.event.at_ms);
	if (status != STATUS_OK)
		return idempotency_refuse(call, history_of(call)->db, HISTORY_RECORD, status);
	status = history_pack_answer(&change);
	if (status == STATUS_OK)
		status = history_transact(&change, history_record_tx);
	if (status != STATUS_OK)
		return status;
	if (change.key.found)
		call_reply_packed(call, change.key.answer, change.key.length);
	else
		call_reply_packed(call, change.answer, change.length);
	call_set_outcome(call, OUTCOME_CREATED);
	return STATUS_OK;
}

/* Finds the event, which must be the learner's own and of the type `study`. */
static enum status
history_lock_study(struct history_change *change, struct db *tx, const char *id)
{
	enum status status = history_store_lock(tx, call_user(change->call), id, &change->event);

	if (status == STATUS_OK && change->event.type != COMMON__EVENT__TYPE__study)
		return call_fail(change->call, STATUS_CONFLICT,
		                 "only study events can be changed or removed");
	return status;
}

static enum status
history_update_tx(struct db *tx, void *arg)
{
	struct history_change *change = arg;
	const History__UpdateRequest *request = change->request;
	struct history_event *event = &change->event;
	enum status status = history_lock_study(change, tx, request->id);

	if (status != STATUS_OK)
		return status;
	if (request->subject != NULL)
		event->subject = request->subject;
	if (request->has_minutes)
		event->minutes = request->minutes;
	if (request->note != NULL)
		event->note = request->note;
	for (size_t i = 0; i < request->n_cleared; i++) {
		if (strcmp(request->cleared[i], "note") == 0)
			event->note = NULL;
	}
	if (request->at != NULL)
		status = history_parse_at(change->call, request->at, &event->at_ms);
	if (status == STATUS_OK)
		status = history_store_change(tx, call_user(change->call), event);
	return status;
}

enum status
history_update(struct call *call, const void *message, void *reply)
{
	struct history_change change = {.call = call, .request = message};
	enum status status = history_transact(&change, history_update_tx);

	(void)reply;
	if (status == STATUS_OK)
		status = history_pack_answer(&change);
	if (status == STATUS_OK)
		call_reply_packed(call, change.answer, change.length);
	return status;
}

static enum status
history_delete_tx(struct db *tx, void *arg)
{
	struct history_change *change = arg;
	const History__DeleteRequest *request = change->request;
	enum status status = history_lock_study(change, tx, request->id);

	if (status == STATUS_OK)
		status = history_store_remove(tx, call_user(change->call), request->id);
	return status;
}

enum status
history_delete(struct call *call, const void *message, void *reply)
{
	struct history_change change = {.call = call, .request = message};
	enum status status = history_transact(&change, history_delete_tx);

	(void)reply;
	if (status == STATUS_OK)
		call_set_outcome(call, OUTCOME_NO_CONTENT);
	return status;
}
