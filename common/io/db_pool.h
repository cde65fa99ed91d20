/* SPDX-License-Identifier: MIT
 *
 * The threads that hold the connections, and the queue of statements before them. Private to
 * db_*.c.
 *
 * A call belongs to two: the task that made it and the pool. Whoever is last frees it, so a task
 * may walk away from a statement that runs. All of the pool's state, the calls' `stage` and the
 * transactions are guarded by the pool's one lock; a call's `wait` and `left` belong to its worker.
 */
#ifndef STUDYHALL_IO_DB_POOL_H
#define STUDYHALL_IO_DB_POOL_H

#include "common/io/db_conn.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <pthread.h>
#include <stdatomic.h>

struct db_slot;
struct db_pool;

enum db_call_kind {
	DB_CALL_STATEMENT,
	DB_CALL_COMMIT
};
enum db_call_stage {
	DB_CALL_NEW,
	DB_CALL_QUEUED,
	DB_CALL_GIVEN,
	DB_CALL_DONE
};

struct db_call {
	struct post post;
	_Atomic unsigned references;
	struct db_pool *pool;
	struct worker *worker; /* NULL: the task has walked away */
	struct db_tx *tx;      /* or NULL */
	struct db_call *next, *prev;
	enum db_call_kind kind;
	enum db_call_stage stage;
	uint64_t started_us;
	struct wait wait;
	bool left;      /* nobody waits any more */
	bool delivered; /* the result has arrived on the worker */
	struct db_result result;
	struct db_failure failure;
	struct db_call *before; /* db_later()'s, run first; linked by `next`, the call's own */
	uint64_t expected_rows; /* of one of those */
	enum status unexpected; /* ... and what it means if there are others */
	size_t nargs;
	struct db_value *args;
	char *sql;
	char storage[]; /* args, the bytes they point to, sql */
};

/* A transaction is held by its handle, its calls, and the slot that serves it. */
struct db_tx {
	unsigned references;
	struct db_slot *slot; /* NULL: before its first statement, and after its end */
	struct db_call *call; /* given to the slot, not yet taken up */
	bool over;            /* committed, or to be rolled back */
	enum status doomed;   /* what every later statement answers; OK while it is well */
	bool retry;
};

struct db_slot {
	struct db_pool *pool;
	pthread_t thread;
	pthread_cond_t wakeup;
	struct db_conn *conn;
	struct db_call *call; /* given, not yet taken up */
	struct db_slot *next_idle;
	bool idle;
	bool manual; /* autocommit is off: a transaction begins with its first statement */
};

struct db_pool {
	pthread_mutex_t lock;
	struct db_target target;
	size_t queue_limit;
	unsigned idle_tx_timeout_ms;
	unsigned slot_count;
	struct db_slot *slots;
	struct db_slot *idle; /* connected, nothing to do; the last used first */
	struct db_call *head, *tail;
	size_t queued;
	unsigned connected;
	bool down; /* no connection, and the last try failed */
	bool stopping;
	_Atomic bool healthy;
};

struct db_pool *db_pool_new(const struct db_options *options, char *error, size_t error_size);
void db_pool_free(struct db_pool **pool);

/* Hands the call over; the pool takes a reference of its own. Not OK: it was not taken. */
enum status db_pool_submit(struct db_pool *pool, struct db_call *call);
/* The task walks away: takes the call back from the queue, or leaves the one that runs to itself;
 * its transaction is doomed. */
void db_pool_leave(struct db_pool *pool, struct db_call *call);
void db_call_release(struct db_call *call);
/* Those of db_later(), which belong to a transaction's handle or to the call behind them. */
void db_calls_free(struct db_call **calls);
/* The handle's end of a transaction: whatever has not been committed is rolled back. */
void db_tx_end(struct db_pool *pool, struct db_tx *tx);

/* db_slot.c: the thread of a connection. */
void *db_slot_main(void *slot);
/* The following with the lock held. Puts a call into the queue, takes it out, gives waiting calls
 * to idle slots. */
void db_pool_enqueue(struct db_pool *pool, struct db_call *call, bool first);
void db_pool_unlink(struct db_pool *pool, struct db_call *call);
void db_pool_dispatch(struct db_pool *pool);
void db_pool_leave_idle(struct db_slot *slot);
/* The call has `failure` or its result; tells its task, gives up the pool's
 * reference. */
void db_call_finish(struct db_call *call);
void db_tx_release(struct db_tx *tx);

/* Counters, registered with the first pool. */
extern struct metric db_metric_statements, db_metric_seconds, db_metric_errors, db_metric_queue,
    db_metric_connections, db_metric_deadlocks;

#endif
