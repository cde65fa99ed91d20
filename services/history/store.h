/* SPDX-License-Identifier: MIT
 *
 * The history service's only SQL. From tasks; `db` is the pool or a transaction; the statuses are
 * db.h's. Texts in results are in the task's arena. Times are milliseconds since 1970, UTC.
 */
#ifndef STUDYHALL_HISTORY_STORE_H
#define STUDYHALL_HISTORY_STORE_H

#include "common/base/status.h"
#include "common/service/cursor.h"

#include "history.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;

#define HISTORY_SUBJECT_LIMIT 200  /* code points that are kept */
#define HISTORY_NOTE_LIMIT    1000 /* code points that are kept */

struct history_event {
	const char *id;
	uint32_t version;
	int type;      /* Common__Event__Type */
	int64_t at_ms; /* 0: the event was undone */
	const char *subject;
	bool has_minutes;
	uint32_t minutes;
	const char *note;
	const char *ref;
};

struct history_filter {
	int type;            /* -1: any */
	const char *subject; /* NULL: any */
	int64_t from_ms;     /* inclusive, at least 1 */
	int64_t end_ms;      /* exclusive */
};

/* Up to `limit` events, newest first, beyond `after` (NULL: from the newest on). */
enum status history_store_page(struct db *db, const char *user, const struct history_filter *filter,
                               const struct cursor *after, size_t limit,
                               struct history_event **events, size_t *count);
/* Up to `limit` events, oldest first, beyond `after` (zeroed: from the oldest on). */
enum status history_store_export(struct db *db, const char *user, const struct cursor *after,
                                 size_t limit, struct history_event **events, size_t *count);
/* One event that is shown; locked until the transaction's end. NOT_FOUND. */
enum status history_store_lock(struct db *tx, const char *user, const char *id,
                               struct history_event *event);
/* Adds each event, or replaces what is known of it if its version is greater; in a transaction with
 * what follows (db_later()). */
enum status history_store_put(struct db *tx, const char *const *users,
                              const struct history_event *events, size_t count);
/* Replaces an event, whatever its version. */
enum status history_store_change(struct db *tx, const char *user,
                                 const struct history_event *event);
enum status history_store_remove(struct db *tx, const char *user, const char *id);

/* Erasure: first the tombstone is committed, then the events are removed. Who adds events looks for
 * the tombstone after having added them: then whichever comes first, nothing stays. */
enum status history_store_mark_erased(struct db *tx, const char *user, int64_t now_ms);
enum status history_store_is_erased(struct db *tx, const char *user, bool *erased);
/* Those of the users (a count from 1 on) who are; `erased` has room for all. */
enum status history_store_erased_of(struct db *tx, const char *const *users, size_t count,
                                    const char **erased, size_t *erased_count);
/* Removes up to `limit` events (0: all); *removed tells how many. */
enum status history_store_remove_all(struct db *db, const char *user, uint64_t limit,
                                     uint64_t *removed);

/* Summaries (store_summary.c). A day is its number since 1970 in a zone `offset_ms` east of UTC. */
struct history_day {
	int32_t day;
	uint32_t minutes;
	uint32_t events;
	bool active; /* any event but signing up or in */
};
struct history_subject {
	const char *subject; /* NULL: none */
	uint32_t minutes;
};
#define HISTORY_SUBJECTS_LIMIT 1000
#define HISTORY_STREAK_CHUNK   16

/* Days with events between from_ms and end_ms, ascending. */
enum status history_store_days(struct db *db, const char *user, int64_t from_ms, int64_t end_ms,
                               int64_t offset_ms, struct history_day **days, size_t *count);
/* Minutes by subject, most first; the rest beyond HISTORY_SUBJECTS_LIMIT is left out. */
enum status history_store_subjects(struct db *db, const char *user, int64_t from_ms, int64_t end_ms,
                                   struct history_subject **subjects, size_t *count);
/* Was there activity, as above, between starts[i] (inclusive) and ends[i]? */
enum status history_store_active(struct db *db, const char *user,
                                 const int64_t starts[HISTORY_STREAK_CHUNK],
                                 const int64_t ends[HISTORY_STREAK_CHUNK],
                                 bool active[HISTORY_STREAK_CHUNK]);

#endif
