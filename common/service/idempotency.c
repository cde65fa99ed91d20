/* SPDX-License-Identifier: MIT
 * The table of idempotency keys, and the leases on those whose request is still running. */
#include "common/service/idempotency.h"

#include "common/actor/failure.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/service/call.h"
#include "common/service/periodic.h"
#include "common/service/service.h"
#include "common/task/task.h"

#include <pthread.h>
#include <string.h>

#define IDEMPOTENCY_KEEP_MS    ((int64_t)24 * 3600 * 1000)
#define IDEMPOTENCY_LEASE_MS   6000
#define IDEMPOTENCY_RENEW_MS   1500
#define IDEMPOTENCY_PURGE_MS   (15 * 60 * 1000)
#define IDEMPOTENCY_WAIT_MIN   20
#define IDEMPOTENCY_WAIT_MAX   250
#define IDEMPOTENCY_RENEWALS   16 /* leases in one statement */
#define IDEMPOTENCY_PURGE_ROWS 500

/* Keys on which this process has a lease. */
static struct {
	pthread_mutex_t lock;
	struct idempotency *first;
} idempotency_leases = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A row as an earlier request left it. */
struct idempotency_row {
	const char *fingerprint;
	int64_t created_at;
	uint64_t owner; /* 0: finished */
	int64_t alive_until;
	const void *failure, *answer;
	size_t failure_length, answer_length;
};

static int64_t
idempotency_now_ms(void)
{
	return clock_wall_us() / 1000;
}

static enum status
idempotency_insert(struct call *call, struct db *db, const char *route, uint64_t owner)
{
	int64_t now = idempotency_now_ms();

	return DB_EXEC(db, NULL,
	               "INSERT INTO idempotency (user_id, route, idempotency_key, fingerprint,"
	               " created_at, owner, alive_until) VALUES (?, ?, ?, ?, ?, ?, ?)",
	               DB_TEXT(call_user(call)), DB_TEXT(route),
	               DB_TEXT(call_idempotency_key(call)), DB_TEXT(call_fingerprint(call)),
	               DB_INT(now), DB_UINT(owner), DB_INT(now + IDEMPOTENCY_LEASE_MS));
}

/* NOT_FOUND: the row has gone meanwhile. */
static enum status
idempotency_read(struct call *call, struct db *db, const char *route, struct idempotency_row *row)
{
	struct db_rows *rows;
	enum status status =
	    DB_QUERY(db, &rows,
	             "SELECT fingerprint, created_at, owner, alive_until, failure, answer"
	             " FROM idempotency WHERE user_id = ? AND route = ? AND idempotency_key = ?",
	             DB_TEXT(call_user(call)), DB_TEXT(route), DB_TEXT(call_idempotency_key(call)));

	if (status != STATUS_OK)
		return status;
	if (db_count(rows) == 0)
		return STATUS_NOT_FOUND;
	row->fingerprint = db_text(rows, 0, 0);
	row->created_at = db_int(rows, 0, 1);
	row->owner = db_uint(rows, 0, 2);
	row->alive_until = db_int(rows, 0, 3);
	row->failure = db_blob(rows, 0, 4, &row->failure_length);
	row->answer = db_blob(rows, 0, 5, &row->answer_length);
	return STATUS_OK;
}

static bool
idempotency_abandoned(const struct idempotency_row *row)
{
	int64_t now = idempotency_now_ms();

	if (row->owner != 0)
		return row->alive_until < now;
	return row->created_at < now - IDEMPOTENCY_KEEP_MS;
}

/* Makes an abandoned row this request's. CONFLICT: another was faster. */
static enum status
idempotency_take_over(struct call *call, struct db *db, const char *route,
                      const struct idempotency_row *row, uint64_t owner)
{
	uint64_t affected = 0;
	int64_t now = idempotency_now_ms();
	enum status status = DB_EXEC(
	    db, &affected,
	    "UPDATE idempotency SET fingerprint = ?, created_at = ?, owner = ?, alive_until = ?,"
	    " failure = NULL, answer = NULL WHERE user_id = ? AND route = ? AND idempotency_key = ?"
	    " AND owner = ? AND alive_until = ?",
	    DB_TEXT(call_fingerprint(call)), DB_INT(now), DB_UINT(owner),
	    DB_INT(now + IDEMPOTENCY_LEASE_MS), DB_TEXT(call_user(call)), DB_TEXT(route),
	    DB_TEXT(call_idempotency_key(call)), DB_UINT(row->owner), DB_INT(row->alive_until));

	if (status == STATUS_OK && affected == 0)
		return STATUS_CONFLICT;
	return status;
}

/* Answers the call from a finished row. */
static enum status
idempotency_replay(struct call *call, const struct idempotency_row *row, struct idempotency *key)
{
	struct reply failure;
	enum status status;

	key->found = true;
	key->answer = row->answer;
	key->length = row->answer_length;
	call_set_header(call, "idempotency-replayed", "true");
	if (row->failure == NULL)
		return STATUS_OK;
	status = failure_unpack(row->failure, row->failure_length, task_arena(), &failure);
	return status == STATUS_OK ? call_fail_as(call, &failure) : status;
}

static enum status
idempotency_reused(struct call *call)
{
	return call_fail(call, STATUS_IDEMPOTENCY_KEY_REUSED,
	                 "an earlier request with this Idempotency-Key had another body");
}

/* --- within one transaction ------------------------------------------------------------------ */

enum status
idempotency_claim(struct call *call, struct db *tx, const char *route, struct idempotency *key)
{
	struct idempotency_row row;
	enum status status;

	*key = (struct idempotency){0};
	if (call_idempotency_key(call) == NULL)
		return STATUS_OK;
	status = idempotency_insert(call, tx, route, 0);
	if (status != STATUS_CONFLICT)
		return status;
	status = idempotency_read(call, tx, route, &row);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OVERLOADED : status;
	if (idempotency_abandoned(&row)) {
		status = idempotency_take_over(call, tx, route, &row, 0);
		return status == STATUS_CONFLICT ? STATUS_OVERLOADED : status;
	}
	if (strcmp(row.fingerprint, call_fingerprint(call)) != 0)
		return idempotency_reused(call);
	return idempotency_replay(call, &row, key);
}

enum status
idempotency_store(struct call *call, struct db *tx, const char *route, const void *answer,
                  size_t length)
{
	if (call_idempotency_key(call) == NULL)
		return STATUS_OK;
	return DB_EXEC(tx, NULL,
	               "UPDATE idempotency SET answer = ?"
	               " WHERE user_id = ? AND route = ? AND idempotency_key = ?",
	               DB_BLOB(answer, length), DB_TEXT(call_user(call)), DB_TEXT(route),
	               DB_TEXT(call_idempotency_key(call)));
}

enum status
idempotency_store_many(struct db *tx, const char *route, const struct idempotency_first *firsts,
                       size_t count)
{
	struct db_value *args = arena_calloc(task_arena(), count * 6, sizeof *args), *at = args;
	int64_t now = idempotency_now_ms();

	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		const struct call *call = firsts[i].call;

		if (call_idempotency_key(call) == NULL)
			continue;
		*at++ = DB_TEXT(call_user(call));
		*at++ = DB_TEXT(route);
		*at++ = DB_TEXT(call_idempotency_key(call));
		*at++ = DB_TEXT(call_fingerprint(call));
		*at++ = DB_INT(now);
		*at++ = DB_BLOB(firsts[i].answer, firsts[i].length);
	}
	return db_many_rows_later(
	    tx,
	    "INSERT INTO idempotency (user_id, route, idempotency_key, fingerprint,"
	    " created_at, owner, alive_until, answer)"
	    " VALUES {(?, ?, ?, ?, ?, 0, 0, ?)|, }",
	    args, 6, (size_t)(at - args) / 6);
}

enum status
idempotency_settle(struct db *tx, const char *user, const char *route, const char *key,
                   const void *answer, size_t length)
{
	if (answer == NULL)
		return DB_EXEC(tx, NULL,
		               "DELETE FROM idempotency"
		               " WHERE user_id = ? AND route = ? AND idempotency_key = ?",
		               DB_TEXT(user), DB_TEXT(route), DB_TEXT(key));
	return DB_EXEC(tx, NULL,
	               "UPDATE idempotency SET answer = ?"
	               " WHERE user_id = ? AND route = ? AND idempotency_key = ?",
	               DB_BLOB(answer, length), DB_TEXT(user), DB_TEXT(route), DB_TEXT(key));
}

enum status
idempotency_settle_many(struct db *tx, const char *route, const struct idempotency_last *lasts,
                        size_t count)
{
	size_t repeats = db_many_padded(count);
	struct db_value *args = arena_calloc(task_arena(), repeats * 5 + 1, sizeof *args),
	                *at = args;

	if (args == NULL)
		return STATUS_OVERLOADED;
	if (count == 0)
		return STATUS_OK;
	for (size_t i = 0; i < repeats; i++) {
		const struct idempotency_last *last = &lasts[i < count ? i : count - 1];

		*at++ = DB_TEXT(last->user);
		*at++ = DB_TEXT(last->key);
		/* One that is repeated is never looked at. */
		*at++ = i < count ? DB_BLOB(last->answer, last->length) : DB_NULL;
	}
	*at++ = DB_TEXT(route);
	for (size_t i = 0; i < repeats; i++) {
		*at++ = DB_TEXT(lasts[i < count ? i : count - 1].user);
		*at++ = DB_TEXT(lasts[i < count ? i : count - 1].key);
	}
	return db_many_later(tx, DB_ANY, STATUS_OK,
	                     "UPDATE idempotency FORCE INDEX (PRIMARY) SET answer ="
	                     " CASE {WHEN user_id = ? AND idempotency_key = ? THEN ?| } END"
	                     " WHERE route = ? AND ({(user_id = ? AND idempotency_key = ?)| OR })",
	                     repeats, args, (size_t)(at - args));
}

/* --- with a lease --------------------------------------------------------------------------- */

static void
idempotency_hold(struct idempotency *key)
{
	key->held = true;
	pthread_mutex_lock(&idempotency_leases.lock);
	key->previous = NULL;
	key->next = idempotency_leases.first;
	if (key->next != NULL)
		key->next->previous = key;
	idempotency_leases.first = key;
	pthread_mutex_unlock(&idempotency_leases.lock);
}

static void
idempotency_release(struct idempotency *key)
{
	if (!key->held)
		return;
	key->held = false;
	pthread_mutex_lock(&idempotency_leases.lock);
	if (key->next != NULL)
		key->next->previous = key->previous;
	if (key->previous != NULL)
		key->previous->next = key->next;
	else
		idempotency_leases.first = key->next;
	pthread_mutex_unlock(&idempotency_leases.lock);
}

/* One look at the key. OK: it is ours (`owner` is set), or `found`. *again: neither, look later. */
static enum status
idempotency_try(struct call *call, struct db *db, const char *route, struct idempotency *key,
                bool *again)
{
	struct idempotency_row row;
	uint64_t owner = ids_boot();
	enum status status = idempotency_insert(call, db, route, owner);

	*again = false;
	if (status == STATUS_CONFLICT) {
		status = idempotency_read(call, db, route, &row);
		*again = status == STATUS_NOT_FOUND;
		if (status != STATUS_OK)
			return status;
		if (!idempotency_abandoned(&row)) {
			if (strcmp(row.fingerprint, call_fingerprint(call)) != 0)
				return idempotency_reused(call);
			*again = row.owner != 0;
			return *again ? STATUS_CONFLICT : idempotency_replay(call, &row, key);
		}
		status = idempotency_take_over(call, db, route, &row, owner);
		*again = status == STATUS_CONFLICT;
	}
	if (status == STATUS_OK)
		key->owner = owner;
	return status;
}

enum status
idempotency_begin(struct call *call, struct db *db, const char *route, struct idempotency *key)
{
	uint32_t pause = IDEMPOTENCY_WAIT_MIN;
	enum status status;
	bool again;

	*key = (struct idempotency){0};
	if (call_idempotency_key(call) == NULL)
		return STATUS_OK;
	for (;;) {
		status = idempotency_try(call, db, route, key, &again);
		if (!again)
			break;
		status = task_sleep(pause);
		if (status != STATUS_OK)
			return status;
		pause = pause * 2 < IDEMPOTENCY_WAIT_MAX ? pause * 2 : IDEMPOTENCY_WAIT_MAX;
	}
	if (status == STATUS_OK && !key->found)
		idempotency_hold(key);
	return status;
}

static bool
idempotency_keeps(enum status outcome)
{
	int http = status_http(outcome);

	return http >= 400 && http < 500 && http != 408 && http != 429 && http != 499;
}

enum status
idempotency_end(struct call *call, struct db *db, const char *route, struct idempotency *key,
                enum status outcome, const void *answer, size_t length)
{
	const void *failure = NULL;
	size_t failure_length = 0;
	struct reply reply;
	enum status status;

	if (call_idempotency_key(call) == NULL)
		return outcome;
	assert(key->owner != 0);
	/* From here on the lease ends by itself, should the database not hear of it. */
	idempotency_release(key);
	if (outcome != STATUS_OK) {
		answer = NULL;
		length = 0;
		if (idempotency_keeps(outcome)) {
			call_peek(call, &reply);
			reply.status = outcome;
			failure = failure_pack(&reply, task_arena(), &failure_length);
		}
		if (failure == NULL) {
			(void)DB_EXEC(db, NULL,
			              "DELETE FROM idempotency WHERE user_id = ? AND route = ?"
			              " AND idempotency_key = ? AND owner = ?",
			              DB_TEXT(call_user(call)), DB_TEXT(route),
			              DB_TEXT(call_idempotency_key(call)), DB_UINT(key->owner));
			return outcome;
		}
	}
	status = DB_EXEC(db, NULL,
	                 "UPDATE idempotency SET owner = 0, failure = ?, answer = ?"
	                 " WHERE user_id = ? AND route = ? AND idempotency_key = ? AND owner = ?",
	                 DB_BLOB(failure, failure_length), DB_BLOB(answer, length),
	                 DB_TEXT(call_user(call)), DB_TEXT(route),
	                 DB_TEXT(call_idempotency_key(call)), DB_UINT(key->owner));
	return outcome != STATUS_OK ? outcome : status;
}

enum status
idempotency_refuse(struct call *call, struct db *db, const char *route, enum status refusal)
{
	struct idempotency key;
	enum status status;

	if (!idempotency_keeps(refusal))
		return refusal;
	status = idempotency_begin(call, db, route, &key);
	if (status != STATUS_OK)
		return status;
	/* An answer that was kept when this body was still good says nothing now. */
	return key.found ? refusal : idempotency_end(call, db, route, &key, refusal, NULL, 0);
}

/* --- in the background ----------------------------------------------------------------------- */

/* Copies up to `limit` owners, from the `skip`th lease on. */
static size_t
idempotency_owners(struct db_value *owners, size_t skip, size_t limit)
{
	const struct idempotency *key;
	size_t count = 0;

	pthread_mutex_lock(&idempotency_leases.lock);
	for (key = idempotency_leases.first; key != NULL && count < limit; key = key->next) {
		if (skip > 0)
			skip--;
		else
			owners[count++] = DB_UINT(key->owner);
	}
	pthread_mutex_unlock(&idempotency_leases.lock);
	return count;
}

static uint32_t
idempotency_renew(void *arg)
{
	struct db *db = arg;
	struct db_value args[1 + IDEMPOTENCY_RENEWALS];
	size_t count, done = 0;

	do {
		count = idempotency_owners(args + 1, done, IDEMPOTENCY_RENEWALS);
		if (count == 0)
			break;
		done += count;
		args[0] = DB_INT(idempotency_now_ms() + IDEMPOTENCY_LEASE_MS);
		for (size_t i = count; i < IDEMPOTENCY_RENEWALS; i++)
			args[1 + i] = args[count];
		if (db_exec(db, NULL,
		            "UPDATE idempotency SET alive_until = ? WHERE owner IN"
		            " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		            args, COUNT_OF(args)) != STATUS_OK)
			break;
	} while (count == IDEMPOTENCY_RENEWALS);
	return IDEMPOTENCY_RENEW_MS;
}

static uint32_t
idempotency_purge(void *arg)
{
	struct db *db = arg;
	uint64_t affected;

	do {
		if (DB_EXEC(db, &affected, "DELETE FROM idempotency WHERE created_at < ? LIMIT ?",
		            DB_INT(idempotency_now_ms() - IDEMPOTENCY_KEEP_MS),
		            DB_INT(IDEMPOTENCY_PURGE_ROWS)) != STATUS_OK)
			break;
	} while (affected == IDEMPOTENCY_PURGE_ROWS);
	return IDEMPOTENCY_PURGE_MS;
}

enum status
idempotency_start(struct service *service)
{
	struct db *db = service_db(service);
	struct periodic_options renew = {.name = "idempotency-renew",
	                                 .fn = idempotency_renew,
	                                 .arg = db,
	                                 .first_ms = IDEMPOTENCY_RENEW_MS,
	                                 .deadline_ms = IDEMPOTENCY_LEASE_MS};
	struct periodic_options purge = {.name = "idempotency-purge",
	                                 .fn = idempotency_purge,
	                                 .arg = db,
	                                 .first_ms = 30000 + ids_below(30000)};

	if (periodic_start(service, &renew) == NULL || periodic_start(service, &purge) == NULL)
		return STATUS_OVERLOADED;
	return STATUS_OK;
}

enum status
idempotency_erase(struct db *tx, const char *user)
{
	return DB_EXEC(tx, NULL, "DELETE FROM idempotency WHERE user_id = ?", DB_TEXT(user));
}
