/* SPDX-License-Identifier: MIT
 *
 * Numbered migrations of one service's database, applied by its `migrate` sub-command: blocking, no
 * worker needed. The database becomes utf8mb4; tables say their collation themselves. The texts are
 * services/X/schema/NNN_name.sql, embedded by the build as X_migrations[] and X_migration_count (X
 * with _ for -). Statements end with ';' at a line's end.
 */
#ifndef STUDYHALL_IO_DB_MIGRATE_H
#define STUDYHALL_IO_DB_MIGRATE_H

#include <stddef.h>

struct db_migration {
	unsigned number; /* NNN; ascending */
	const char *name;
	const char *sql;
};

/* Applies what is missing, in order, under GET_LOCK (a second runner waits up to 60 s and then
 * finds nothing to do). MariaDB's DDL is not transactional: each statement is recorded in
 * schema_migration as it is done, so that a failed run goes on where it stopped. Returns 0, or -1
 * with one line in `error`; a server that is down is retried for `wait_s` seconds. */
int db_migrate(const char *url, const struct db_migration *migrations, size_t count,
               unsigned wait_s, char *error, size_t error_size);

#endif
