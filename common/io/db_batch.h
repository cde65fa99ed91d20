/* SPDX-License-Identifier: MIT
 *
 * Group commit: what many tasks, of all workers, want to write at the same time goes into one
 * transaction of a few statements with many rows, instead of as many transactions of their own.
 *
 * There is no timer. A task that finds nobody at work writes its unit at once, as a batch of one;
 * what comes meanwhile gathers, and is written together as soon as that is done. So an idle
 * database adds no wait, and a busy one gets larger and larger batches, up to DB_BATCH_MOST.
 *
 * A batch is all or nothing, and only for what is expected: `many` gives up (any status but OK) as
 * soon as one of its units is out of the ordinary. Then its halves are tried, down to single units,
 * which are each written by `one`, in the task that they came from. So the finer rules need to be
 * in `one` alone, and `many` may be quick.
 */
#ifndef STUDYHALL_IO_DB_BATCH_H
#define STUDYHALL_IO_DB_BATCH_H

#include "common/io/db.h"

struct db_batch;

#define DB_BATCH_MOST 32

/* Writes `count` units (a power of two), like a db_transact_fn: repeatable, does not end tx. It
 * runs in a task of its own, on any worker, while the units' tasks wait: it may write into units,
 * but what it allocates in its task's arena is gone when they go on. A single one: in its own task.
 */
typedef enum status db_batch_fn(struct db *tx, void *const *units, size_t count);

/* `name` stays valid; it is the batches' tasks'. NULL without memory. */
struct db_batch *db_batch_new(struct db *db, const char *name, db_batch_fn *many,
                              db_transact_fn *one);
/* When no task uses it any more. */
void db_batch_free(struct db_batch **batch);

/* From a task: as db_transact(db, one, unit), alone or together with others'. A unit that is being
 * written together with others is awaited, also by a task that is cancelled or late. */
enum status db_batch_transact(struct db_batch *batch, void *unit);

#endif
