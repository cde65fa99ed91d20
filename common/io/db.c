/* SPDX-License-Identifier: MIT
 * What tasks call: packs a statement up so that it outlives the task, waits for it, and copies its
 * rows into the task's arena. */
#include "common/io/db.h"

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/db_pool.h"
#include "common/io/db_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DB_MAGIC           0x64623031u
#define DB_COMMIT_GRACE_MS 1000
#define DB_ATTEMPTS        4
#define DB_RETRY_MS        5

struct db {
	unsigned magic;
	struct db_pool *pool;
	struct db_tx *tx;                    /* NULL: the pool's handle */
	struct db_call *later, **later_tail; /* db_later()'s, of a transaction */
};

/* Of the thread's last failed statement; `task` tells whose. Between a statement's end and the
 * task's next wait no other task of the thread runs. */
static _Thread_local struct {
	const struct task *task;
	char key[DB_KEY_NAME_SIZE];
} db_last_failure;

struct db *
db_open(const struct db_options *options, char *error, size_t error_size)
{
	struct db *db = calloc(1, sizeof *db);

	if (db == NULL) {
		snprintf(error, error_size, "no memory");
		return NULL;
	}
	OBJ_INIT(db, DB_MAGIC);
	db->pool = db_pool_new(options, error, error_size);
	if (db->pool == NULL) {
		free(db);
		return NULL;
	}
	return db;
}

void
db_close(struct db **db)
{
	struct db *gone = *db;

	*db = NULL;
	if (gone == NULL)
		return;
	OBJ_CHECK(gone, DB_MAGIC);
	assert(gone->tx == NULL && task_self() == NULL);
	db_pool_free(&gone->pool);
	OBJ_FINI(gone);
	free(gone);
}

bool
db_healthy(const struct db *db)
{
	return atomic_load_explicit(&db->pool->healthy, memory_order_relaxed);
}

struct db_value
db_value_text(const char *text)
{
	return (struct db_value){
	    .type = DB_TYPE_TEXT, .bytes = text, .length = text != NULL ? strlen(text) : 0};
}

/* --- one call ------------------------------------------------------------------------------- */

static struct db_call *
db_call_new(struct db *db, enum db_call_kind kind, const char *sql, const struct db_value *args,
            size_t nargs)
{
	size_t sql_size = strlen(sql) + 1;
	size_t size = nargs * sizeof *args + sql_size;
	struct db_call *call;
	char *at;

	for (size_t i = 0; i < nargs; i++)
		size += args[i].bytes != NULL ? args[i].length : 0;
	call = calloc(1, sizeof *call + size);
	if (call == NULL)
		return NULL;
	call->references = 1;
	call->pool = db->pool;
	call->tx = db->tx;
	call->worker = worker_current();
	call->kind = kind;
	call->nargs = nargs;
	call->args = (struct db_value *)(void *)call->storage;
	at = call->storage + nargs * sizeof *args;
	for (size_t i = 0; i < nargs; i++) {
		call->args[i] = args[i];
		if (args[i].bytes == NULL)
			continue;
		call->args[i].bytes = at;
		memcpy(at, args[i].bytes, args[i].length);
		at += args[i].length;
	}
	call->sql = memcpy(at, sql, sql_size);
	wait_init(&call->wait);
	db_result_init(&call->result);
	return call;
}

/* Hands the call over and waits for it. OK: it was carried out. */
static enum status
db_call_await(struct db_call *call)
{
	enum status status;

	db_last_failure.task = NULL;
	status = db_pool_submit(call->pool, call);
	if (status != STATUS_OK)
		return status;
	status = wait_for(&call->wait);
	if (status != STATUS_OK) {
		db_pool_leave(call->pool, call);
		return status;
	}
	status = call->failure.status;
	if (status != STATUS_OK) {
		db_last_failure.task = task_self();
		memcpy(db_last_failure.key, call->failure.key, DB_KEY_NAME_SIZE);
	}
	return status;
}

/* What was put off goes with the call; nothing is in a pool's handle, which many threads share. */
static void
db_call_take_later(struct db_call *call, struct db *db)
{
	if (db->tx == NULL)
		return;
	call->before = db->later;
	db->later = NULL;
	db->later_tail = &db->later;
}

/* The task's own state comes first: what is cancelled sends nothing any more. */
static enum status
db_task_status(void)
{
	if (task_cancelled())
		return STATUS_CANCELLED;
	return task_time_left() == 0 ? STATUS_DEADLINE : STATUS_OK;
}

static enum status
db_run(struct db *db, struct db_rows **rows, uint64_t *affected, const char *sql,
       const struct db_value *args, size_t nargs)
{
	struct db_call *call;
	enum status status = db_task_status();

	OBJ_CHECK(db, DB_MAGIC);
	if (status != STATUS_OK)
		return status;
	call = db_call_new(db, DB_CALL_STATEMENT, sql, args, nargs);
	if (call == NULL)
		return STATUS_OVERLOADED;
	db_call_take_later(call, db);
	status = db_call_await(call);
	if (status == STATUS_OK && affected != NULL)
		*affected = call->result.affected;
	if (status == STATUS_OK && rows != NULL) {
		*rows = db_rows_copy(task_arena(), &call->result);
		if (*rows == NULL)
			status = STATUS_OVERLOADED;
	}
	db_call_release(call);
	return status;
}

enum status
db_query(struct db *db, struct db_rows **rows, const char *sql, const struct db_value *args,
         size_t nargs)
{
	*rows = NULL;
	return db_run(db, rows, NULL, sql, args, nargs);
}

enum status
db_exec(struct db *db, uint64_t *affected, const char *sql, const struct db_value *args,
        size_t nargs)
{
	if (affected != NULL)
		*affected = 0;
	return db_run(db, NULL, affected, sql, args, nargs);
}

enum status
db_later(struct db *tx, uint64_t rows, enum status otherwise, const char *sql,
         const struct db_value *args, size_t nargs)
{
	struct db_call *call;

	OBJ_CHECK(tx, DB_MAGIC);
	assert(rows == DB_ANY || (otherwise != STATUS_OK && tx->tx != NULL));
	if (tx->tx == NULL)
		return db_exec(tx, NULL, sql, args, nargs);
	call = db_call_new(tx, DB_CALL_STATEMENT, sql, args, nargs);
	if (call == NULL)
		return STATUS_OVERLOADED;
	call->expected_rows = rows;
	call->unexpected = otherwise;
	*tx->later_tail = call;
	tx->later_tail = &call->next;
	return STATUS_OK;
}

bool
db_duplicate_key(const char *key)
{
	return db_last_failure.task != NULL && db_last_failure.task == task_self() &&
	       strcmp(db_last_failure.key, key) == 0;
}

/* --- transactions --------------------------------------------------------------------------- */

enum status
db_begin(struct db *db, struct db **tx)
{
	struct db *begun = calloc(1, sizeof *begun);
	struct db_tx *state = calloc(1, sizeof *state);

	OBJ_CHECK(db, DB_MAGIC);
	assert(db->tx == NULL);
	*tx = NULL;
	if (begun == NULL || state == NULL) {
		free(begun);
		free(state);
		return STATUS_OVERLOADED;
	}
	OBJ_INIT(begun, DB_MAGIC);
	begun->pool = db->pool;
	begun->tx = state;
	begun->later_tail = &begun->later;
	state->references = 1;
	*tx = begun;
	return STATUS_OK;
}

void
db_rollback(struct db **tx)
{
	struct db *gone = *tx;

	*tx = NULL;
	if (gone == NULL)
		return;
	OBJ_CHECK(gone, DB_MAGIC);
	assert(gone->tx != NULL);
	db_calls_free(&gone->later);
	db_tx_end(gone->pool, gone->tx);
	OBJ_FINI(gone);
	free(gone);
}

struct db_grace {
	uv_timer_t timer;
	struct db_call *call;
};

static void
db_grace_closed_cb(uv_handle_t *handle)
{
	struct db_grace *grace = handle->data;

	db_call_release(grace->call);
	free(grace);
}

static void
db_grace_cb(uv_timer_t *timer)
{
	struct db_grace *grace = timer->data;

	if (!grace->call->left) {
		grace->call->left = true;
		wait_done(&grace->call->wait);
	}
}

/* A COMMIT is under way and the task has been told to end: it is worth a little while to know. */
static bool
db_commit_linger(struct db_call *call)
{
	struct db_grace *grace = malloc(sizeof *grace);

	if (grace == NULL)
		return false;
	if (uv_timer_init(worker_loop(worker_current()), &grace->timer) != 0) {
		free(grace);
		return false;
	}
	grace->timer.data = grace;
	grace->call = call;
	atomic_fetch_add_explicit(&call->references, 1, memory_order_relaxed);
	uv_timer_start(&grace->timer, db_grace_cb, DB_COMMIT_GRACE_MS, 0);
	wait_uninterrupted(&call->wait);
	uv_close((uv_handle_t *)&grace->timer, db_grace_closed_cb);
	return call->delivered;
}

/* With *retry: a deadlock, nothing was committed. */
static enum status
db_commit_call(struct db *tx, bool *retry)
{
	struct db_call *call = db_call_new(tx, DB_CALL_COMMIT, "", NULL, 0);
	enum status status;

	if (call == NULL)
		return STATUS_OVERLOADED;
	db_call_take_later(call, tx);
	status = db_pool_submit(call->pool, call);
	if (status != STATUS_OK)
		goto out;
	if (wait_for(&call->wait) != STATUS_OK && !db_commit_linger(call)) {
		db_pool_leave(call->pool, call);
		LOG_WARN("commit without an answer: outcome unknown");
		status = STATUS_DEPENDENCY_DOWN;
		goto out;
	}
	status = call->failure.status;
	*retry = call->failure.retry;
out:
	db_call_release(call);
	return status;
}

static bool
db_tx_may_retry(struct db *tx)
{
	bool retry;

	pthread_mutex_lock(&tx->pool->lock);
	retry = tx->tx->retry;
	pthread_mutex_unlock(&tx->pool->lock);
	return retry;
}

static enum status
db_commit_or_retry(struct db **tx, bool *retry)
{
	enum status status = db_task_status();
	bool used;

	OBJ_CHECK(*tx, DB_MAGIC);
	db_last_failure.task = NULL;
	pthread_mutex_lock(&(*tx)->pool->lock);
	used = (*tx)->tx->slot != NULL || (*tx)->tx->doomed != STATUS_OK || (*tx)->later != NULL;
	pthread_mutex_unlock(&(*tx)->pool->lock);
	if (status == STATUS_OK && used)
		status = db_commit_call(*tx, retry);
	if (status != STATUS_OK)
		*retry |= db_tx_may_retry(*tx);
	db_rollback(tx);
	return status;
}

enum status
db_commit(struct db **tx)
{
	bool retry = false;

	return db_commit_or_retry(tx, &retry);
}

enum status
db_transact(struct db *db, db_transact_fn *fn, void *arg)
{
	enum status status;

	for (unsigned attempt = 1;; attempt++) {
		struct db *tx;
		bool retry = false;

		status = db_begin(db, &tx);
		if (status != STATUS_OK)
			return status;
		status = fn(tx, arg);
		if (status == STATUS_OK) {
			status = db_commit_or_retry(&tx, &retry);
		} else {
			retry = db_tx_may_retry(tx);
			db_rollback(&tx);
		}
		if (!retry || attempt == DB_ATTEMPTS)
			return status;
		if (task_sleep((DB_RETRY_MS << attempt) + ids_below(DB_RETRY_MS << attempt)) !=
		    STATUS_OK)
			return status;
	}
}
