/* SPDX-License-Identifier: MIT
 *
 * One blocking connection to MariaDB with its prepared statements. Private to db_*.c; used by the
 * thread that opened it. After a failure with `lost` it only can be closed.
 */
#ifndef STUDYHALL_IO_DB_CONN_H
#define STUDYHALL_IO_DB_CONN_H

#include "common/base/buf.h"
#include "common/io/db.h"
#include "common/io/url.h"

#define DB_KEY_NAME_SIZE 68 /* identifiers have at most 64 characters */

struct db_conn;

struct db_target {
	struct url url; /* checked by db_target_parse */
	unsigned connect_timeout_s;
	unsigned io_timeout_s;
};

enum db_cell_kind {
	DB_CELL_NULL,
	DB_CELL_INT,
	DB_CELL_UINT,
	DB_CELL_BYTES
};

struct db_cell {
	int64_t number; /* or where the bytes begin */
	uint32_t length;
	uint32_t kind;
};

/* What a statement gave; all zero before the first. */
struct db_result {
	struct db_cell *cells; /* rows * columns */
	size_t rows, columns, space;
	struct buf bytes; /* each value followed by a NUL */
	uint64_t affected;
};

struct db_failure {
	enum status status;
	unsigned code; /* the server's or client library's */
	bool lost;     /* the connection is gone */
	bool doomed;   /* the transaction cannot go on */
	bool retry;    /* ... but may be run again */
	char key[DB_KEY_NAME_SIZE];
	char message[256];
};

/* mysql:// or mariadb://. Returns 0, or -1 with a line in `error`. */
int db_target_parse(struct db_target *target, const char *url, char *error, size_t error_size);
void db_target_fini(struct db_target *target);

/* Each thread that uses connections calls these at its start and end. */
int db_conn_thread_begin(void);
void db_conn_thread_end(void);

/* NULL with `failure` set. */
struct db_conn *db_conn_open(const struct db_target *target, struct db_failure *failure);
void db_conn_close(struct db_conn **conn);
/* Has the server closed it, or is it out of step? Costs no round trip. */
bool db_conn_stale(const struct db_conn *conn);
/* A round trip. */
bool db_conn_ping(struct db_conn *conn);

/* A prepared statement. */
enum status db_conn_run(struct db_conn *conn, const char *sql, const struct db_value *args,
                        size_t nargs, struct db_result *result, struct db_failure *failure);
/* A statement without parameters or result, not prepared: BEGIN, COMMIT, DDL. */
enum status db_conn_text(struct db_conn *conn, const char *sql, struct db_failure *failure);

struct st_mysql_stmt;
void db_result_init(struct db_result *result);
void db_result_fini(struct db_result *result);
/* Takes in what an executed statement gives: rows, or the count of those affected. TOO_LARGE,
 * OVERLOADED (no memory), INTERNAL (a value was cut, or libmariadb's own error is set). */
enum status db_result_read(struct db_result *result, struct st_mysql_stmt *stmt);

#endif
