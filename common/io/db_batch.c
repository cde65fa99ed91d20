/* SPDX-License-Identifier: MIT
 * Units that wait, and the turn: whoever has it writes, and passes it on to what has gathered. */
#include "common/io/db_batch.h"

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <pthread.h>
#include <stdlib.h>

#define DB_BATCH_MAGIC 0xdbba7c01u

enum db_unit_outcome {
	DB_UNIT_WRITTEN, /* `status` is its outcome */
	DB_UNIT_ALONE,   /* its task shall write it */
	DB_UNIT_TURN     /* the same, and then pass on the turn */
};

/* On the stack of the task that waits for it. */
struct db_unit {
	struct db_unit *next;
	void *unit;
	struct worker *worker;
	struct post post;
	struct wait wait;
	bool taken; /* being written, or given the turn; guarded by the batch's lock */
	enum db_unit_outcome outcome;
	enum status status;
};

struct db_batch {
	unsigned magic;
	struct db *db;
	const char *name;
	db_batch_fn *many;
	db_transact_fn *one;
	pthread_mutex_t lock;
	bool busy; /* somebody has the turn */
	struct db_unit *head, **tail;
	size_t queued;
};

struct db_batch *
db_batch_new(struct db *db, const char *name, db_batch_fn *many, db_transact_fn *one)
{
	struct db_batch *batch = calloc(1, sizeof *batch);

	if (batch == NULL)
		return NULL;
	OBJ_INIT(batch, DB_BATCH_MAGIC);
	batch->db = db;
	batch->name = name;
	batch->many = many;
	batch->one = one;
	batch->tail = &batch->head;
	pthread_mutex_init(&batch->lock, NULL);
	return batch;
}

void
db_batch_free(struct db_batch **batch)
{
	struct db_batch *gone = *batch;

	*batch = NULL;
	if (gone == NULL)
		return;
	OBJ_CHECK(gone, DB_BATCH_MAGIC);
	assert(!gone->busy && gone->queued == 0);
	pthread_mutex_destroy(&gone->lock);
	OBJ_FINI(gone);
	free(gone);
}

/* --- telling units ------------------------------------------------------------------------------
 */

static void
db_unit_told(struct post *post)
{
	struct db_unit *unit = OBJ_CONTAINER(post, struct db_unit, post);

	wait_done(&unit->wait);
}

/* The last time that the unit is touched here. */
static void
db_unit_tell(struct db_unit *unit, enum db_unit_outcome outcome, enum status status)
{
	unit->outcome = outcome;
	unit->status = status;
	if (unit->worker == worker_current()) {
		wait_done(&unit->wait);
		return;
	}
	unit->post.fn = db_unit_told;
	worker_post(unit->worker, &unit->post);
}

/* --- the turn -----------------------------------------------------------------------------------
 */

/* With the lock held: the first `count` units. */
static void
db_batch_take(struct db_batch *batch, struct db_unit **units, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		units[i] = batch->head;
		units[i]->taken = true;
		batch->head = units[i]->next;
	}
	if (batch->head == NULL)
		batch->tail = &batch->head;
	batch->queued -= count;
}

struct db_batch_round {
	struct db_batch *batch;
	void *const *units;
	size_t count;
};

static enum status
db_batch_tx(struct db *tx, void *arg)
{
	struct db_batch_round *round = arg;

	return round->batch->many(tx, round->units, round->count);
}

/* What nobody knows the outcome of is not tried again. */
static void
db_batch_write(struct db_batch *batch, struct db_unit **units, size_t count)
{
	void *args[DB_BATCH_MOST];
	struct db_batch_round round = {batch, args, count};
	enum status status;

	if (count == 1) {
		db_unit_tell(units[0], DB_UNIT_ALONE, STATUS_OK);
		return;
	}
	for (size_t i = 0; i < count; i++)
		args[i] = units[i]->unit;
	status = db_transact(batch->db, db_batch_tx, &round);
	if (status != STATUS_OK && status != STATUS_DEPENDENCY_DOWN) {
		db_batch_write(batch, units, count / 2);
		db_batch_write(batch, units + count / 2, count / 2);
		return;
	}
	for (size_t i = 0; i < count; i++)
		db_unit_tell(units[i], DB_UNIT_WRITTEN, status);
}

static void db_batch_pass_on(struct db_batch *batch);

static void
db_batch_run(void *arg)
{
	OBJ_CAST(struct db_batch, batch, arg, DB_BATCH_MAGIC);
	struct db_unit *units[DB_BATCH_MOST];
	size_t count = DB_BATCH_MOST;

	pthread_mutex_lock(&batch->lock);
	while (count > batch->queued)
		count /= 2;
	db_batch_take(batch, units, count);
	pthread_mutex_unlock(&batch->lock);
	if (count > 0)
		db_batch_write(batch, units, count);
	db_batch_pass_on(batch);
}

/* To a task that writes what has gathered; to the unit that waits when it is a single one, or when
 * there is no memory for that task. */
static void
db_batch_pass_on(struct db_batch *batch)
{
	const struct task_options options = {.name = batch->name};
	struct db_unit *unit = NULL;
	size_t queued;

	pthread_mutex_lock(&batch->lock);
	queued = batch->queued;
	pthread_mutex_unlock(&batch->lock);
	if (queued > 1 && task_spawn(&options, db_batch_run, batch) == STATUS_OK)
		return;
	pthread_mutex_lock(&batch->lock);
	if (batch->queued > 0)
		db_batch_take(batch, &unit, 1);
	else
		batch->busy = false;
	pthread_mutex_unlock(&batch->lock);
	if (unit != NULL)
		db_unit_tell(unit, DB_UNIT_TURN, STATUS_OK);
}

/* --- from outside ------------------------------------------------------------------------------
 */

/* What the statements are made of goes with them, for the unit's task may wait long afterwards. */
static enum status
db_batch_usual(struct db_batch *batch, void *unit)
{
	struct db_batch_round round = {batch, &unit, 1};
	struct arena *scratch = arena_new(TASK_ARENA_BUDGET), *own;
	enum status status;

	if (scratch == NULL)
		return STATUS_OVERLOADED;
	own = task_swap_arena(scratch);
	status = db_transact(batch->db, db_batch_tx, &round);
	(void)task_swap_arena(own);
	arena_free(&scratch);
	return status;
}

/* The unit's own task writes it: as is usual, or else by all the rules. What was part of a batch
 * already is tried as such once more. */
static enum status
db_batch_alone(struct db_batch *batch, void *unit, bool has_turn)
{
	enum status status = db_batch_usual(batch, unit);

	if (status != STATUS_OK && status != STATUS_DEPENDENCY_DOWN)
		status = db_transact(batch->db, batch->one, unit);
	if (has_turn)
		db_batch_pass_on(batch);
	return status;
}

/* False: it has been taken. */
static bool
db_batch_withdraw(struct db_batch *batch, struct db_unit *unit)
{
	struct db_unit **at;
	bool queued;

	pthread_mutex_lock(&batch->lock);
	queued = !unit->taken;
	if (queued) {
		for (at = &batch->head; *at != unit; at = &(*at)->next)
			;
		*at = unit->next;
		if (unit->next == NULL)
			batch->tail = at;
		batch->queued--;
	}
	pthread_mutex_unlock(&batch->lock);
	return queued;
}

enum status
db_batch_transact(struct db_batch *batch, void *arg)
{
	struct db_unit unit = {.unit = arg, .worker = worker_current()};
	enum status status;
	bool turn;

	OBJ_CHECK(batch, DB_BATCH_MAGIC);
	wait_init(&unit.wait);
	pthread_mutex_lock(&batch->lock);
	turn = !batch->busy;
	batch->busy = true;
	if (!turn) {
		*batch->tail = &unit;     /* cppcheck-suppress autoVariables */
		batch->tail = &unit.next; /* cppcheck-suppress autoVariables */
		batch->queued++;
	}
	pthread_mutex_unlock(&batch->lock);
	if (turn)
		return db_batch_alone(batch, arg, true);
	status = wait_for(&unit.wait);
	if (status != STATUS_OK) {
		if (db_batch_withdraw(batch, &unit))
			return status;
		wait_uninterrupted(&unit.wait);
	}
	if (unit.outcome == DB_UNIT_WRITTEN)
		return unit.status;
	return db_batch_alone(batch, arg, unit.outcome == DB_UNIT_TURN);
}
