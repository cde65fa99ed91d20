/* SPDX-License-Identifier: MIT
 *
 * MariaDB for tasks: a few threads hold one blocking connection each; a task, of any worker, hands
 * a statement over and yields.
 *
 *	status = DB_QUERY(db, &rows, "SELECT name FROM user WHERE id = ?", DB_TEXT(id));
 *
 * Statuses of everything that talks to the server, besides the task's own:
 * - CONFLICT: a unique or foreign key refused it; db_duplicate_key() tells which.
 * - OVERLOADED: too much is waiting; or a deadlock (1213), a lock wait of 2 s (1205) or a time
 *limit undid it, and a transaction is doomed (db_transact() runs it again).
 * - DEPENDENCY_DOWN: no connection (at once while down), or lost: a write's outcome is unknown.
 * - TOO_LARGE: more rows or bytes than the limits. INTERNAL: refused by the server, logged.
 * - DEADLINE, CANCELLED: what waited was taken back; what ran is left to itself, outcome unknown.
 * Sessions: READ COMMITTED, strict, UTC, utf8mb4, prepared statements (each connection keeps the
 * last 192 texts). An UPDATE counts rows matched. Results fill the task's arena: a task that lives
 * long resets it.
 */
#ifndef STUDYHALL_IO_DB_H
#define STUDYHALL_IO_DB_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A pool, or a transaction: store functions take either. */
struct db;
/* A result in the arena of the task that asked. */
struct db_rows;

#define DB_ROWS_LIMIT  ((size_t)20000)
#define DB_BYTES_LIMIT ((size_t)16 << 20)

struct db_options {
	const char *url;             /* mysql://user:password@host[:port]/database[?socket=/path];
	                                percent-decoded; [::1] and an empty host (localhost) work */
	unsigned connections;        /* 0: 4 */
	size_t queue_limit;          /* statements waiting for a connection; 0: 1000 */
	unsigned connect_timeout_s;  /* 0: 2 */
	unsigned io_timeout_s;       /* greatest time of one statement; 0: 5 */
	unsigned idle_tx_timeout_ms; /* a transaction without a statement that long is rolled back;
	                                0: 5000 */
};

/* Starts the threads, which connect in the background: an absent server is no error. NULL with one
 * line in `error` (the URL cannot be parsed, no threads). Before there are tasks. */
struct db *db_open(const struct db_options *options, char *error, size_t error_size);
/* Ends the threads; what waits gets DEPENDENCY_DOWN. After the tasks have ended, off the loop. */
void db_close(struct db **db);
/* Did the last contact with the server succeed? Idle connections are tested. Any thread. */
bool db_healthy(const struct db *db);

enum db_type {
	DB_TYPE_NULL,
	DB_TYPE_INT,
	DB_TYPE_UINT,
	DB_TYPE_TEXT,
	DB_TYPE_BLOB
};
struct db_value {
	enum db_type type;
	int64_t number;
	const void *bytes; /* NULL: SQL NULL */
	size_t length;
};
#define DB_NULL         ((struct db_value){DB_TYPE_NULL, 0, NULL, 0})
#define DB_INT(n)       ((struct db_value){DB_TYPE_INT, (int64_t)(n), NULL, 0})
#define DB_UINT(n)      ((struct db_value){DB_TYPE_UINT, (int64_t)(uint64_t)(n), NULL, 0})
#define DB_TEXT(s)      db_value_text(s)
#define DB_BLOB(p, len) ((struct db_value){DB_TYPE_BLOB, 0, (p), (len)})
struct db_value db_value_text(const char *text); /* NULL becomes SQL NULL */

enum status db_query(struct db *db, struct db_rows **rows, const char *sql,
                     const struct db_value *args, size_t nargs);
/* `affected` may be NULL. */
enum status db_exec(struct db *db, uint64_t *affected, const char *sql, const struct db_value *args,
                    size_t nargs);
#define DB_ARGS_(...)                                                                              \
	((const struct db_value[]){{0}, ##__VA_ARGS__}) + 1,                                       \
	    sizeof((const struct db_value[]){{0}, ##__VA_ARGS__}) / sizeof(struct db_value) - 1
#define DB_QUERY(db, rows, sql, ...)    db_query((db), (rows), (sql), DB_ARGS_(__VA_ARGS__))
#define DB_EXEC(db, affected, sql, ...) db_exec((db), (affected), (sql), DB_ARGS_(__VA_ARGS__))

/* Rows and columns count from 0; beyond them is a bug and asserts. Pointers live as long as the
 * arena. */
size_t db_count(const struct db_rows *rows);
bool db_is_null(const struct db_rows *rows, size_t row, size_t column);
/* NUL-terminated; NULL for SQL NULL. Numbers as decimal text. */
const char *db_text(const struct db_rows *rows, size_t row, size_t column);
const void *db_blob(const struct db_rows *rows, size_t row, size_t column, size_t *length);
/* 0 for SQL NULL; decimal text is converted (SUM() is DECIMAL). */
int64_t db_int(const struct db_rows *rows, size_t row, size_t column);
uint64_t db_uint(const struct db_rows *rows, size_t row, size_t column);

/* Did the running task's last statement fail on the unique key of this name ("PRIMARY", the index's
 * name)? Ask before the task waits again (db_rollback does not wait). */
bool db_duplicate_key(const char *key);

/*
 * A transaction holds a connection from its first statement on: no other waiting inside, and no
 * other statement than through `tx`. End with db_commit or db_rollback; both null the pointer.
 */
enum status db_begin(struct db *db, struct db **tx); /* OVERLOADED without memory; does not wait */
/* OK: durable. DEPENDENCY_DOWN: unknown. Any other: rolled back. A task already cancelled or late
 * rolls back; once sent, the outcome is awaited for up to a second beyond the deadline. */
enum status db_commit(struct db **tx);
/* Never waits, never fails; NULL inside is fine. For every error path. */
void db_rollback(struct db **tx);

/* A statement of a transaction that nothing in between depends on. It waits here and goes to the
 * server with the transaction's next statement or its commit, all of them in one hand-over. What
 * fails among them shows there, as the status of that statement or commit: what came behind is not
 * run, and the transaction is doomed. `rows`: how many it must change or, of a query, give; else
 * `otherwise` is that status. DB_ANY: however many. Does not wait; OVERLOADED without memory.
 * With a pool and DB_ANY it is db_exec(). */
#define DB_ANY UINT64_MAX
enum status db_later(struct db *tx, uint64_t rows, enum status otherwise, const char *sql,
                     const struct db_value *args, size_t nargs);
#define DB_LATER(tx, rows, otherwise, sql, ...)                                                    \
	db_later((tx), (rows), (otherwise), (sql), DB_ARGS_(__VA_ARGS__))

/* Runs fn within a transaction and commits when it returns OK; after a deadlock or lock wait the
 * whole is run again, up to 4 times within the deadline. fn must be repeatable and must not end tx.
 */
typedef enum status db_transact_fn(struct db *tx, void *arg);
enum status db_transact(struct db *db, db_transact_fn *fn, void *arg);

#endif
