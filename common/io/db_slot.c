/* SPDX-License-Identifier: MIT
 * The thread of one connection: connects and connects again, serves calls, stays with a transaction
 * until it ends, and looks after the connection while nobody wants it.
 *
 * Every function here runs with the pool's lock held and drops it around what talks to the server.
 */
#include "common/io/db_pool.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"

#include <string.h>
#include <time.h>

#define DB_RETRY_MIN_MS 50
#define DB_RETRY_MAX_MS 400
#define DB_WATCH_MS     1000 /* between looks at an idle connection */
#define DB_PING_LOOKS   3    /* looks between two round trips */

/* Waits to be woken, or for so long. False when the time has passed. */
static bool
db_slot_sleep(struct db_slot *slot, uint64_t milliseconds)
{
	uint64_t until = clock_ms() + milliseconds;
	struct timespec at = {.tv_sec = (time_t)(until / 1000),
	                      .tv_nsec = (long)(until % 1000) * 1000000};

	return pthread_cond_timedwait(&slot->wakeup, &slot->pool->lock, &at) == 0;
}

/* --- the connection ------------------------------------------------------------------------- */

/* Nothing to wait for: whoever is queued is told so. */
static void
db_slot_went_down(struct db_pool *pool, const struct db_failure *failure)
{
	if (pool->connected > 0)
		return;
	if (!pool->down)
		LOG_ERROR("database is not available", LOG_TEXT("error", failure->message),
		          LOG_INT("code", failure->code));
	pool->down = true;
	atomic_store_explicit(&pool->healthy, false, memory_order_relaxed);
	while (pool->head != NULL) {
		struct db_call *call = pool->head;

		db_pool_unlink(pool, call);
		call->failure = *failure;
		call->failure.status = STATUS_DEPENDENCY_DOWN;
		db_call_finish(call);
	}
}

static void
db_slot_connect(struct db_slot *slot)
{
	struct db_pool *pool = slot->pool;
	uint64_t pause_ms = DB_RETRY_MIN_MS;

	while (!pool->stopping) {
		struct db_failure failure = {0};

		pthread_mutex_unlock(&pool->lock);
		slot->conn = db_conn_open(&pool->target, &failure);
		pthread_mutex_lock(&pool->lock);
		if (slot->conn != NULL) {
			slot->manual = false;
			if (pool->down)
				LOG_INFO("database is available again");
			pool->down = false;
			pool->connected++;
			metric_add(&db_metric_connections, 1);
			atomic_store_explicit(&pool->healthy, true, memory_order_relaxed);
			return;
		}
		db_slot_went_down(pool, &failure);
		if (!pool->stopping)
			(void)db_slot_sleep(slot, pause_ms);
		pause_ms = pause_ms * 2 < DB_RETRY_MAX_MS ? pause_ms * 2 : DB_RETRY_MAX_MS;
	}
}

static void
db_slot_disconnect(struct db_slot *slot)
{
	struct db_pool *pool = slot->pool;

	if (slot->conn == NULL)
		return;
	pool->connected--;
	metric_add(&db_metric_connections, -1);
	if (pool->connected == 0)
		atomic_store_explicit(&pool->healthy, false, memory_order_relaxed);
	pthread_mutex_unlock(&pool->lock);
	db_conn_close(&slot->conn);
	pthread_mutex_lock(&pool->lock);
}

/* A server that went away, or came back, is noticed without anybody asking. */
static void
db_slot_watch(struct db_slot *slot, unsigned *looks)
{
	struct db_pool *pool = slot->pool;
	bool well;

	db_pool_leave_idle(slot);
	pthread_mutex_unlock(&pool->lock);
	well = !db_conn_stale(slot->conn);
	if (well && ++*looks % DB_PING_LOOKS == 0)
		well = db_conn_ping(slot->conn);
	pthread_mutex_lock(&pool->lock);
	if (!well)
		db_slot_disconnect(slot);
}

/* --- calls ---------------------------------------------------------------------------------- */

static void
db_slot_log(const struct db_failure *failure, const char *sql)
{
	if (failure->status == STATUS_INTERNAL)
		LOG_ERROR("statement refused", LOG_TEXT("error", failure->message),
		          LOG_INT("code", failure->code), LOG_TEXT("sql", sql));
	else if (failure->status == STATUS_DEPENDENCY_DOWN)
		LOG_WARN("database connection failed", LOG_TEXT("error", failure->message),
		         LOG_INT("code", failure->code));
}

/* Without autocommit the first statement begins a transaction: no START TRANSACTION each time. */
static enum status
db_slot_set_manual(struct db_slot *slot, bool manual, struct db_failure *failure)
{
	const char *sql = manual ? "SET autocommit = 0" : "SET autocommit = 1";
	enum status status;

	if (slot->manual == manual)
		return STATUS_OK;
	status = db_conn_text(slot->conn, sql, failure);
	if (status != STATUS_OK)
		db_slot_log(failure, sql);
	else
		slot->manual = manual;
	return status;
}

/* What was put off until now, in its order. */
static enum status
db_slot_run_before(struct db_slot *slot, struct db_call *call)
{
	struct db_failure *failure = &call->failure;
	enum status status = STATUS_OK;

	for (struct db_call *one = call->before; one != NULL && status == STATUS_OK;
	     one = one->next) {
		const struct db_result *result = &one->result;

		status =
		    db_conn_run(slot->conn, one->sql, one->args, one->nargs, &one->result, failure);
		if (status != STATUS_OK)
			db_slot_log(failure, one->sql);
		else if (one->expected_rows != DB_ANY &&
		         (result->columns > 0 ? result->rows : result->affected) !=
		             one->expected_rows)
			status = failure->status = one->unexpected;
	}
	if (status != STATUS_OK)
		failure->doomed = true;
	return status;
}

/* Runs the call on the connection. */
static void
db_slot_run(struct db_slot *slot, struct db_call *call)
{
	struct db_pool *pool = slot->pool;
	struct db_failure *failure = &call->failure;
	enum status status;

	pthread_mutex_unlock(&pool->lock);
	status = db_slot_set_manual(slot, call->tx != NULL, failure);
	if (status == STATUS_OK)
		status = db_slot_run_before(slot, call);
	if (status == STATUS_OK) {
		if (call->kind == DB_CALL_COMMIT)
			status = db_conn_text(slot->conn, "COMMIT", failure);
		else
			status = db_conn_run(slot->conn, call->sql, call->args, call->nargs,
			                     &call->result, failure);
		if (status != STATUS_OK)
			db_slot_log(failure, call->sql);
	}
	pthread_mutex_lock(&pool->lock);
	assert(status == failure->status);
}

/* Ends the connection's part in the transaction. */
static void
db_slot_end_tx(struct db_slot *slot, struct db_tx *tx, bool committed, bool lost)
{
	struct db_pool *pool = slot->pool;
	struct db_failure failure = {0};

	tx->slot = NULL;
	if (tx->doomed == STATUS_OK)
		tx->doomed = committed ? STATUS_INTERNAL : STATUS_DEPENDENCY_DOWN;
	db_tx_release(tx);
	if (!committed && !lost) {
		pthread_mutex_unlock(&pool->lock);
		lost = db_conn_text(slot->conn, "ROLLBACK", &failure) != STATUS_OK;
		pthread_mutex_lock(&pool->lock);
	}
	if (lost)
		db_slot_disconnect(slot);
}

/* The transaction's next call; NULL when it is over, or was idle for too long. */
static struct db_call *
db_slot_next_of_tx(struct db_slot *slot, struct db_tx *tx)
{
	uint64_t until = clock_ms() + slot->pool->idle_tx_timeout_ms;
	struct db_call *call;

	while (tx->call == NULL && !tx->over && !slot->pool->stopping) {
		uint64_t now = clock_ms();

		if (now >= until) {
			LOG_WARN("transaction was idle for too long: rolled back");
			return NULL;
		}
		(void)db_slot_sleep(slot, until - now);
	}
	call = tx->call;
	tx->call = NULL;
	return call;
}

static void
db_slot_serve_tx(struct db_slot *slot, struct db_call *call)
{
	struct db_tx *tx = call->tx;
	bool begin = true, committed = false, lost = false;

	tx->slot = slot;
	tx->references++;
	while (call != NULL && !committed && !lost) {
		bool commit = call->kind == DB_CALL_COMMIT;

		if (call->worker == NULL) { /* left before it was begun */
			db_call_finish(call);
			break;
		}
		db_slot_run(slot, call);
		begin = false;
		lost = call->failure.lost;
		committed = commit && call->failure.status == STATUS_OK;
		if ((call->failure.doomed || (commit && !committed)) && tx->doomed == STATUS_OK) {
			tx->doomed = call->failure.status;
			tx->retry = call->failure.retry;
		}
		/* Past this point the task may end the transaction. */
		db_call_finish(call);
		call = committed || lost ? NULL : db_slot_next_of_tx(slot, tx);
	}
	db_slot_end_tx(slot, tx, committed || begin, lost);
}

/* Nothing was sent, so it may go to another connection. */
static void
db_slot_give_back(struct db_slot *slot, struct db_call *call)
{
	struct db_pool *pool = slot->pool;

	if (pool->stopping) {
		call->failure.status = STATUS_DEPENDENCY_DOWN;
		db_call_finish(call);
	} else {
		db_pool_enqueue(pool, call, true);
		db_pool_dispatch(pool);
	}
}

static void
db_slot_serve(struct db_slot *slot, struct db_call *call)
{
	bool lost;

	if (db_conn_stale(slot->conn)) {
		db_slot_give_back(slot, call);
		db_slot_disconnect(slot);
		return;
	}
	if (call->tx != NULL) {
		db_slot_serve_tx(slot, call);
		return;
	}
	if (call->worker != NULL)
		db_slot_run(slot, call);
	lost = call->failure.lost;
	db_call_finish(call);
	if (lost)
		db_slot_disconnect(slot);
}

/* Waits idle for a call; NULL when the connection was looked after, or the pool stops. */
static struct db_call *
db_slot_next(struct db_slot *slot, unsigned *looks)
{
	struct db_pool *pool = slot->pool;
	struct db_call *call;

	slot->idle = true;
	slot->next_idle = pool->idle;
	pool->idle = slot;
	db_pool_dispatch(pool);
	while (slot->call == NULL && !pool->stopping) {
		if (!db_slot_sleep(slot, DB_WATCH_MS) && slot->call == NULL) {
			db_slot_watch(slot, looks);
			return NULL;
		}
	}
	call = slot->call;
	slot->call = NULL;
	if (call == NULL)
		db_pool_leave_idle(slot);
	return call;
}

void *
db_slot_main(void *arg)
{
	struct db_slot *slot = arg;
	struct db_pool *pool = slot->pool;
	unsigned looks = 0;

	if (db_conn_thread_begin() != 0)
		return NULL;
	pthread_mutex_lock(&pool->lock);
	while (!pool->stopping) {
		struct db_call *call;

		if (slot->conn == NULL)
			db_slot_connect(slot);
		if (slot->conn == NULL)
			break;
		call = db_slot_next(slot, &looks);
		if (call != NULL)
			db_slot_serve(slot, call);
	}
	db_slot_disconnect(slot);
	pthread_mutex_unlock(&pool->lock);
	db_conn_thread_end();
	return NULL;
}
