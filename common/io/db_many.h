/* SPDX-License-Identifier: MIT
 *
 * Statements for many rows at once. A prepared statement has a fixed number of parameters, and each
 * connection keeps a limited number of statements, so rows come in powers of two: six texts serve
 * any number.
 *
 * A pattern is the statement with each part that is repeated in braces, its separator behind a bar:
 *	"INSERT INTO t (a, b) VALUES {(?, ?)|, }"
 *	"UPDATE t SET b = CASE a {WHEN ? THEN ?| } END WHERE a IN ({?|, })"
 */
#ifndef STUDYHALL_IO_DB_MANY_H
#define STUDYHALL_IO_DB_MANY_H

#include "common/io/db.h"

#define DB_MANY_MOST 32 /* rows in one statement */

/* The smallest power of two that is at least `count`: how many rows a statement that is padded by
 * repeating its last one has. */
size_t db_many_padded(size_t count);

/* One statement with each repeated part `repeats` times; args in the order of the text. */
enum status db_many_exec(struct db *db, uint64_t *affected, const char *pattern, size_t repeats,
                         const struct db_value *args, size_t nargs);
enum status db_many_query(struct db *db, struct db_rows **rows, const char *pattern, size_t repeats,
                          const struct db_value *args, size_t nargs);

/* As db_exec() and db_query(), but as db_later(): together with what follows. */
enum status db_many_later(struct db *tx, uint64_t rows, enum status otherwise, const char *pattern,
                          size_t repeats, const struct db_value *args, size_t nargs);

/* A pattern with one repeated part and nothing else to fill in: `fields` arguments a row, any
 * number of rows, in as few statements as that takes. `affected` may be NULL. */
enum status db_many_rows(struct db *db, uint64_t *affected, const char *pattern,
                         const struct db_value *args, size_t fields, size_t rows);
/* The same as db_later(), of which no count is expected. */
enum status db_many_rows_later(struct db *tx, const char *pattern, const struct db_value *args,
                               size_t fields, size_t rows);

#endif
