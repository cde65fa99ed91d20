/* SPDX-License-Identifier: MIT
 * Who gets a connection: a bounded queue of calls, a stack of idle connections, and an immediate no
 * when the server is known to be down. */
#include "common/io/db_pool.h"

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DB_CONNECTIONS     4
#define DB_CONNECTIONS_MAX 64
#define DB_QUEUE_LIMIT     1000
#define DB_CONNECT_S       2
#define DB_IO_S            5
#define DB_IDLE_TX_MS      5000

struct metric db_metric_statements = {.name = "studyhall_db_statements_total",
                                      .help = "Statements and commits that ended",
                                      .type = METRIC_COUNTER};
struct metric db_metric_seconds = {.name = "studyhall_db_statement_seconds",
                                   .help = "Time of a statement, waiting for a connection included",
                                   .type = METRIC_HISTOGRAM};
struct metric db_metric_errors = {.name = "studyhall_db_errors_total",
                                  .help = "Statements that failed, constraint violations excepted",
                                  .type = METRIC_COUNTER};
struct metric db_metric_deadlocks = {.name = "studyhall_db_deadlocks_total",
                                     .help = "Deadlocks and lock waits that ran out",
                                     .type = METRIC_COUNTER};
struct metric db_metric_queue = {.name = "studyhall_db_queue",
                                 .help = "Statements that wait for a connection",
                                 .type = METRIC_GAUGE};
struct metric db_metric_connections = {.name = "studyhall_db_connections",
                                       .help = "Connections to the database",
                                       .type = METRIC_GAUGE};

static pthread_once_t db_metrics_once = PTHREAD_ONCE_INIT;

static void
db_metrics_register(void)
{
	metric_register(&db_metric_statements);
	metric_register(&db_metric_seconds);
	metric_register(&db_metric_errors);
	metric_register(&db_metric_deadlocks);
	metric_register(&db_metric_queue);
	metric_register(&db_metric_connections);
}

/* --- calls ---------------------------------------------------------------------------------- */

void
db_calls_free(struct db_call **calls)
{
	while (*calls != NULL) {
		struct db_call *gone = *calls;

		*calls = gone->next;
		db_result_fini(&gone->result);
		free(gone);
	}
}

static int64_t
db_calls_count(const struct db_call *calls)
{
	int64_t count = 0;

	for (; calls != NULL; calls = calls->next)
		count++;
	return count;
}

void
db_call_release(struct db_call *call)
{
	if (atomic_fetch_sub_explicit(&call->references, 1, memory_order_acq_rel) != 1)
		return;
	db_calls_free(&call->before);
	db_result_fini(&call->result);
	free(call);
}

static void
db_call_arrived(struct post *post)
{
	struct db_call *call = OBJ_CONTAINER(post, struct db_call, post);

	if (!call->left) {
		call->left = true;
		call->delivered = true;
		wait_done(&call->wait);
	}
	db_call_release(call);
}

void
db_call_finish(struct db_call *call)
{
	enum status status = call->failure.status;

	assert(call->stage != DB_CALL_DONE);
	call->stage = DB_CALL_DONE;
	if (call->tx != NULL)
		db_tx_release(call->tx);
	metric_add(&db_metric_statements, 1 + db_calls_count(call->before));
	metric_observe_us(&db_metric_seconds, clock_us() - call->started_us);
	if (call->failure.retry)
		metric_add(&db_metric_deadlocks, 1);
	else if (status != STATUS_OK && status != STATUS_CONFLICT)
		metric_add(&db_metric_errors, 1);
	if (call->worker == NULL) {
		db_call_release(call);
		return;
	}
	/* Under the lock: afterwards the task may leave, and its worker end. */
	call->post.fn = db_call_arrived;
	worker_post(call->worker, &call->post);
}

void
db_pool_enqueue(struct db_pool *pool, struct db_call *call, bool first)
{
	call->stage = DB_CALL_QUEUED;
	call->next = first ? pool->head : NULL;
	call->prev = first ? NULL : pool->tail;
	if (call->prev != NULL)
		call->prev->next = call;
	else
		pool->head = call;
	if (call->next != NULL)
		call->next->prev = call;
	else
		pool->tail = call;
	pool->queued++;
	metric_add(&db_metric_queue, 1);
}

void
db_pool_unlink(struct db_pool *pool, struct db_call *call)
{
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		pool->head = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
	else
		pool->tail = call->prev;
	pool->queued--;
	metric_add(&db_metric_queue, -1);
}

/* The one that was used last, of those that need not be told of autocommit first. */
static struct db_slot *
db_pool_choose(const struct db_pool *pool, const struct db_call *call)
{
	struct db_slot *slot = pool->idle;

	while (slot != NULL && slot->manual != (call->tx != NULL))
		slot = slot->next_idle;
	return slot != NULL ? slot : pool->idle;
}

void
db_pool_leave_idle(struct db_slot *slot)
{
	struct db_slot **at = &slot->pool->idle;

	while (*at != slot)
		at = &(*at)->next_idle;
	*at = slot->next_idle;
	slot->idle = false;
}

void
db_pool_dispatch(struct db_pool *pool)
{
	while (pool->head != NULL && pool->idle != NULL) {
		struct db_call *call = pool->head;
		struct db_slot *slot = db_pool_choose(pool, call);

		db_pool_unlink(pool, call);
		call->stage = DB_CALL_GIVEN;
		db_pool_leave_idle(slot);
		slot->call = call;
		pthread_cond_signal(&slot->wakeup);
	}
}

/* To the transaction's own connection, past the queue. */
static void
db_pool_give_tx(struct db_call *call)
{
	struct db_tx *tx = call->tx;

	assert(tx->call == NULL); /* one task, one statement at a time */
	call->stage = DB_CALL_GIVEN;
	tx->call = call;
	pthread_cond_signal(&tx->slot->wakeup);
}

/* The pool's share in the call, and the call's in its transaction. */
static void
db_call_hold(struct db_call *call)
{
	atomic_fetch_add_explicit(&call->references, 1, memory_order_relaxed);
	if (call->tx != NULL)
		call->tx->references++;
}

enum status
db_pool_submit(struct db_pool *pool, struct db_call *call)
{
	enum status status = STATUS_OK;

	pthread_mutex_lock(&pool->lock);
	call->started_us = clock_us();
	if (call->tx != NULL && call->tx->doomed != STATUS_OK) {
		status = call->tx->doomed;
	} else if (pool->stopping || pool->down) {
		status = STATUS_DEPENDENCY_DOWN;
	} else if (call->tx != NULL && call->tx->slot != NULL) {
		db_call_hold(call);
		db_pool_give_tx(call);
	} else if (pool->queued >= pool->queue_limit) {
		status = STATUS_OVERLOADED;
	} else {
		db_call_hold(call);
		db_pool_enqueue(pool, call, false);
		db_pool_dispatch(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	if (status != STATUS_OK)
		metric_add(&db_metric_errors, 1);
	return status;
}

void
db_pool_leave(struct db_pool *pool, struct db_call *call)
{
	bool taken_back = false;

	call->left = true;
	pthread_mutex_lock(&pool->lock);
	if (call->tx != NULL && call->tx->doomed == STATUS_OK)
		call->tx->doomed = STATUS_CANCELLED;
	if (call->stage == DB_CALL_QUEUED) {
		db_pool_unlink(pool, call);
		if (call->tx != NULL)
			db_tx_release(call->tx);
		taken_back = true;
	} else if (call->stage == DB_CALL_GIVEN) {
		call->worker = NULL;
	} /* else it is on its way to the worker, and will find nobody */
	pthread_mutex_unlock(&pool->lock);
	if (taken_back)
		db_call_release(call);
}

/* --- transactions --------------------------------------------------------------------------- */

void
db_tx_release(struct db_tx *tx)
{
	if (--tx->references == 0)
		free(tx);
}

void
db_tx_end(struct db_pool *pool, struct db_tx *tx)
{
	pthread_mutex_lock(&pool->lock);
	tx->over = true;
	if (tx->slot != NULL)
		pthread_cond_signal(&tx->slot->wakeup);
	db_tx_release(tx);
	pthread_mutex_unlock(&pool->lock);
}

/* --- the pool ------------------------------------------------------------------------------- */

static void
db_pool_stop(struct db_pool *pool, unsigned started)
{
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	while (pool->head != NULL) {
		struct db_call *call = pool->head;

		db_pool_unlink(pool, call);
		call->failure.status = STATUS_DEPENDENCY_DOWN;
		db_call_finish(call);
	}
	for (unsigned i = 0; i < started; i++)
		pthread_cond_signal(&pool->slots[i].wakeup);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < started; i++)
		pthread_join(pool->slots[i].thread, NULL);
}

static int
db_pool_start(struct db_pool *pool)
{
	sigset_t all, before;
	unsigned started;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (started = 0; started < pool->slot_count; started++) {
		struct db_slot *slot = &pool->slots[started];
		char name[16];

		if (pthread_create(&slot->thread, NULL, db_slot_main, slot) != 0)
			break;
		snprintf(name, sizeof name, "db-%u", started);
		pthread_setname_np(slot->thread, name);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started == pool->slot_count)
		return 0;
	db_pool_stop(pool, started);
	return -1;
}

static void
db_pool_init_slots(struct db_pool *pool)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	for (unsigned i = 0; i < pool->slot_count; i++) {
		pool->slots[i].pool = pool;
		pthread_cond_init(&pool->slots[i].wakeup, &monotonic);
	}
	pthread_condattr_destroy(&monotonic);
}

static void
db_pool_destroy(struct db_pool *pool)
{
	for (unsigned i = 0; pool->slots != NULL && i < pool->slot_count; i++)
		pthread_cond_destroy(&pool->slots[i].wakeup);
	pthread_mutex_destroy(&pool->lock);
	db_target_fini(&pool->target);
	free(pool->slots);
	free(pool);
}

struct db_pool *
db_pool_new(const struct db_options *options, char *error, size_t error_size)
{
	struct db_pool *pool = calloc(1, sizeof *pool);
	unsigned count = options->connections != 0 ? options->connections : DB_CONNECTIONS;

	if (pool == NULL) {
		snprintf(error, error_size, "no memory");
		return NULL;
	}
	pthread_once(&db_metrics_once, db_metrics_register);
	pthread_mutex_init(&pool->lock, NULL);
	pool->queue_limit = options->queue_limit != 0 ? options->queue_limit : DB_QUEUE_LIMIT;
	pool->idle_tx_timeout_ms =
	    options->idle_tx_timeout_ms != 0 ? options->idle_tx_timeout_ms : DB_IDLE_TX_MS;
	if (db_target_parse(&pool->target, options->url, error, error_size) != 0)
		goto fail;
	pool->target.connect_timeout_s =
	    options->connect_timeout_s != 0 ? options->connect_timeout_s : DB_CONNECT_S;
	pool->target.io_timeout_s = options->io_timeout_s != 0 ? options->io_timeout_s : DB_IO_S;
	pool->slot_count = count < DB_CONNECTIONS_MAX ? count : DB_CONNECTIONS_MAX;
	pool->slots = calloc(pool->slot_count, sizeof *pool->slots);
	if (pool->slots == NULL) {
		snprintf(error, error_size, "no memory");
		goto fail;
	}
	db_pool_init_slots(pool);
	if (db_pool_start(pool) == 0)
		return pool;
	snprintf(error, error_size, "cannot start threads for database connections");
fail:
	db_pool_destroy(pool);
	return NULL;
}

void
db_pool_free(struct db_pool **pool)
{
	struct db_pool *gone = *pool;

	*pool = NULL;
	if (gone == NULL)
		return;
	db_pool_stop(gone, gone->slot_count);
	db_pool_destroy(gone);
}
