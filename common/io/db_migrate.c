/* SPDX-License-Identifier: MIT
 * Applies numbered migrations statement by statement, writing down each before and after, because
 * DDL cannot be rolled back. */
#include "common/io/db_migrate.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/db_conn.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DB_MIGRATE_IO_S     3600 /* an ALTER of a big table */
#define DB_MIGRATE_LOCK_S   60
#define DB_MIGRATE_RETRY_MS 250

struct db_migrate {
	struct db_conn *conn;
	struct db_result result; /* of the last query */
	struct db_failure failure;
	char *error;
	size_t error_size;
};

static int
db_migrate_fail(struct db_migrate *run, const char *what)
{
	snprintf(run->error, run->error_size, "%s: %s", what, run->failure.message);
	return -1;
}

static int
db_migrate_run(struct db_migrate *run, const char *sql, const struct db_value *args, size_t nargs)
{
	db_result_fini(&run->result);
	db_result_init(&run->result);
	run->failure = (struct db_failure){0};
	return db_conn_run(run->conn, sql, args, nargs, &run->result, &run->failure) == STATUS_OK
	           ? 0
	           : -1;
}

static int64_t
db_migrate_cell(const struct db_migrate *run, size_t column)
{
	return run->result.rows > 0 ? run->result.cells[column].number : 0;
}

static void
db_migrate_pause(void)
{
	struct timespec pause = {.tv_nsec = DB_MIGRATE_RETRY_MS * 1000000L};

	nanosleep(&pause, NULL);
}

static int
db_migrate_connect(struct db_migrate *run, const struct db_target *target, unsigned wait_s)
{
	uint64_t until = clock_ms() + (uint64_t)wait_s * 1000;

	while ((run->conn = db_conn_open(target, &run->failure)) == NULL) {
		if (clock_ms() >= until)
			return db_migrate_fail(run, "cannot connect to the database");
		db_migrate_pause();
	}
	return 0;
}

/* Locks have names of the whole server; one a database. */
static int
db_migrate_lock(struct db_migrate *run)
{
	uint64_t until = clock_ms() + (uint64_t)DB_MIGRATE_LOCK_S * 1000;

	for (;;) {
		if (db_migrate_run(run, "SELECT GET_LOCK(LEFT(CONCAT('mig:', DATABASE()), 64), 1)",
		                   NULL, 0) != 0)
			return db_migrate_fail(run, "cannot lock");
		if (db_migrate_cell(run, 0) == 1)
			return 0;
		if (clock_ms() >= until) {
			snprintf(run->error, run->error_size, "another migration is running");
			return -1;
		}
	}
}

/* Tables take their character set from the database, where a server's default may be latin1. */
static int
db_migrate_set_charset(struct db_migrate *run)
{
	if (db_migrate_run(run, "SELECT @@character_set_database = 'utf8mb4'", NULL, 0) == 0 &&
	    (db_migrate_cell(run, 0) == 1 ||
	     db_conn_text(run->conn, "ALTER DATABASE CHARACTER SET utf8mb4", &run->failure) ==
	         STATUS_OK))
		return 0;
	return db_migrate_fail(run, "cannot make utf8mb4 the database's character set");
}

static int
db_migrate_make_table(struct db_migrate *run)
{
	if (db_conn_text(run->conn,
	                 "CREATE TABLE IF NOT EXISTS schema_migration ("
	                 " number INT NOT NULL PRIMARY KEY,"
	                 " name VARCHAR(100) NOT NULL,"
	                 " begun INT NOT NULL,"    /* statements begun */
	                 " done INT NOT NULL,"     /* statements done */
	                 " complete INT NOT NULL," /* 1: all */
	                 " at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3))",
	                 &run->failure) == STATUS_OK)
		return 0;
	return db_migrate_fail(run, "cannot create schema_migration");
}

/* The statement that begins at *sql, without its ';'; NULL at the end. *sql moves behind it. A
 * statement ends with a line whose last character is ';'; lines of comments before it are skipped.
 */
static char *
db_migrate_next(const char **sql)
{
	const char *at = *sql, *begin;

	for (;;) {
		while (isspace((unsigned char)*at))
			at++;
		if (strncmp(at, "--", 2) != 0)
			break;
		at += strcspn(at, "\n");
	}
	if (*at == '\0')
		return NULL;
	begin = at;
	for (;;) {
		const char *line_end = at + strcspn(at, "\n"), *last = line_end;

		while (last > at && isspace((unsigned char)last[-1]))
			last--;
		*sql = *line_end == '\n' ? line_end + 1 : line_end;
		if (last > at && last[-1] == ';')
			return strndup(begin, (size_t)(last - 1 - begin));
		if (*line_end == '\0')
			return strndup(begin, (size_t)(last - begin));
		at = line_end + 1;
	}
}

/* Done already, by a run that died before it could write that down? */
static bool
db_migrate_was_done(const struct db_migrate *run)
{
	static const unsigned codes[] = {
	    1050, /* table exists */
	    1060, /* column exists */
	    1061, /* key exists */
	    1062, /* row exists */
	    1091, /* nothing to drop */
	    1051, /* no such table to drop */
	};

	for (size_t i = 0; i < COUNT_OF(codes); i++)
		if (run->failure.code == codes[i])
			return true;
	return false;
}

static int
db_migrate_note(struct db_migrate *run, const char *sql, unsigned number, int64_t count)
{
	const struct db_value args[] = {DB_INT(count), DB_INT(number)};

	if (db_migrate_run(run, sql, args, 2) == 0)
		return 0;
	return db_migrate_fail(run, "cannot write schema_migration");
}

static int
db_migrate_statement(struct db_migrate *run, const struct db_migration *migration, const char *sql,
                     int64_t index, bool begun_before)
{
	char what[160];

	if (db_migrate_note(run, "UPDATE schema_migration SET begun = ? WHERE number = ?",
	                    migration->number, index + 1) != 0)
		return -1;
	run->failure = (struct db_failure){0};
	if (db_conn_text(run->conn, sql, &run->failure) != STATUS_OK &&
	    !(begun_before && db_migrate_was_done(run))) {
		snprintf(what, sizeof what, "migration %03u_%s, statement %lld", migration->number,
		         migration->name, (long long)index + 1);
		return db_migrate_fail(run, what);
	}
	return db_migrate_note(run, "UPDATE schema_migration SET done = ? WHERE number = ?",
	                       migration->number, index + 1);
}

static int
db_migrate_apply(struct db_migrate *run, const struct db_migration *migration)
{
	const struct db_value number = DB_INT(migration->number);
	const struct db_value row[] = {number, DB_TEXT(migration->name)};
	const char *at = migration->sql;
	int64_t begun, done;
	char *sql;

	if (db_migrate_run(
	        run,
	        "INSERT IGNORE INTO schema_migration (number, name, begun, done, complete) "
	        "VALUES (?, ?, 0, 0, 0)",
	        row, 2) != 0 ||
	    db_migrate_run(run,
	                   "SELECT begun, done, complete FROM schema_migration WHERE number = ?",
	                   &number, 1) != 0)
		return db_migrate_fail(run, "cannot use schema_migration");
	if (db_migrate_cell(run, 2) != 0)
		return 0;
	begun = db_migrate_cell(run, 0);
	done = db_migrate_cell(run, 1);
	for (int64_t i = 0; (sql = db_migrate_next(&at)) != NULL; i++) {
		int failed = i < done ? 0 : db_migrate_statement(run, migration, sql, i, i < begun);

		free(sql);
		if (failed != 0)
			return -1;
	}
	LOG_INFO("migration applied", LOG_INT("number", migration->number),
	         LOG_TEXT("name", migration->name));
	return db_migrate_note(run, "UPDATE schema_migration SET complete = ? WHERE number = ?",
	                       migration->number, 1);
}

int
db_migrate(const char *url, const struct db_migration *migrations, size_t count, unsigned wait_s,
           char *error, size_t error_size)
{
	struct db_migrate run = {.error = error, .error_size = error_size};
	struct db_target target;
	int outcome = -1;

	if (db_target_parse(&target, url, error, error_size) != 0)
		return -1;
	target.connect_timeout_s = 5;
	target.io_timeout_s = DB_MIGRATE_IO_S;
	db_result_init(&run.result);
	if (db_conn_thread_begin() != 0) {
		snprintf(error, error_size, "no memory");
		goto out;
	}
	if (db_migrate_connect(&run, &target, wait_s) != 0 || db_migrate_lock(&run) != 0 ||
	    db_migrate_set_charset(&run) != 0 || db_migrate_make_table(&run) != 0)
		goto close;
	for (size_t i = 0; i < count; i++) {
		assert(i == 0 || migrations[i].number > migrations[i - 1].number);
		if (db_migrate_apply(&run, &migrations[i]) != 0)
			goto close;
	}
	outcome = 0;
close:
	db_conn_close(&run.conn); /* its lock goes with it */
	db_conn_thread_end();
out:
	db_result_fini(&run.result);
	db_target_fini(&target);
	return outcome;
}
