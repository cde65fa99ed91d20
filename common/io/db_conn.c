/* SPDX-License-Identifier: MIT
 * The one file that knows libmariadb: connects, keeps prepared statements, runs them and copies
 * what they give, and says what each error means for us. */
#include "common/io/db_conn.h"

#include "common/base/obj.h"

#include <errmsg.h>
#include <inttypes.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DB_STATEMENTS 192

/* Numbers of servers that our header (one of the two) may not name. */
#define DB_ER_STATEMENT_TIMEOUT       1969 /* MariaDB: max_statement_time */
#define DB_ER_QUERY_TIMEOUT           3024 /* MySQL: max_execution_time */
#define DB_ER_CONNECTION_KILLED       1927
#define DB_ER_CLIENT_INTERACTION_TIME 4031
#define DB_ER_NEED_REPREPARE          1615

struct db_statement {
	MYSQL_STMT *stmt;
	char *sql;
	uint64_t used; /* by the connection's count of runs */
};

struct db_conn {
	MYSQL *mysql;
	uint64_t runs;
	struct db_statement statements[DB_STATEMENTS];
};

/* --- what an error means -------------------------------------------------------------------- */

/* "Duplicate entry 'a@b' for key 'user.email'": MySQL puts the table's name in front. */
static void
db_conn_key_name(struct db_failure *failure)
{
	const char *at = failure->message, *key = NULL, *dot, *end;

	while ((at = strstr(at, "for key '")) != NULL)
		key = at += strlen("for key '");
	if (key == NULL)
		return;
	end = strchr(key, '\'');
	dot = strchr(key, '.');
	if (dot != NULL && (end == NULL || dot < end))
		key = dot + 1;
	snprintf(failure->key, sizeof failure->key, "%.*s",
	         end != NULL ? (int)(end - key) : (int)strlen(key), key);
}

static enum status
db_conn_server_status(struct db_failure *failure)
{
	switch (failure->code) {
	case ER_DUP_ENTRY:
	case ER_DUP_ENTRY_WITH_KEY_NAME: db_conn_key_name(failure); return STATUS_CONFLICT;
	case ER_ROW_IS_REFERENCED:
	case ER_ROW_IS_REFERENCED_2:
	case ER_NO_REFERENCED_ROW:
	case ER_NO_REFERENCED_ROW_2: return STATUS_CONFLICT;
	case ER_LOCK_DEADLOCK:
	case ER_LOCK_WAIT_TIMEOUT:
		failure->retry = true;
		failure->doomed = true;
		return STATUS_OVERLOADED;
	case DB_ER_STATEMENT_TIMEOUT:
	case DB_ER_QUERY_TIMEOUT: failure->doomed = true; return STATUS_OVERLOADED;
	case ER_SERVER_SHUTDOWN:
	case DB_ER_CONNECTION_KILLED:
	case DB_ER_CLIENT_INTERACTION_TIME: failure->lost = true; return STATUS_DEPENDENCY_DOWN;
	case ER_CON_COUNT_ERROR:
	case ER_TOO_MANY_USER_CONNECTIONS:
	case ER_USER_LIMIT_REACHED:
	case ER_QUERY_INTERRUPTED:
	case ER_OPTION_PREVENTS_STATEMENT: /* --read-only: a failover in progress */
	case ER_DISK_FULL:
	case ER_RECORD_FILE_FULL:
	case ER_OUT_OF_RESOURCES:
	case ER_OUTOFMEMORY:
	case ER_UNKNOWN_COM_ERROR: /* a Galera node that is not in its cluster */
	case ER_ACCESS_DENIED_ERROR:
	case ER_DBACCESS_DENIED_ERROR:
	case ER_BAD_DB_ERROR: return STATUS_DEPENDENCY_DOWN;
	default: return STATUS_INTERNAL;
	}
}

static enum status
db_conn_fail(struct db_failure *failure, unsigned code, const char *message)
{
	*failure = (struct db_failure){.code = code};
	snprintf(failure->message, sizeof failure->message, "%s", message);
	if (code == CR_OUT_OF_MEMORY) {
		failure->status = STATUS_OVERLOADED;
		failure->lost = true;
	} else if (code == CR_NEW_STMT_METADATA) {
		failure->status = STATUS_INTERNAL;
	} else if (code >= CR_MIN_ERROR && code < 3000) {
		failure->status = STATUS_DEPENDENCY_DOWN;
		failure->lost = true;
	} else {
		failure->status = db_conn_server_status(failure);
	}
	if (failure->lost)
		failure->doomed = true;
	return failure->status;
}

static enum status
db_conn_own_failure(struct db_failure *failure, enum status status, const char *message)
{
	*failure = (struct db_failure){.status = status};
	snprintf(failure->message, sizeof failure->message, "%s", message);
	return status;
}

/* --- connecting ----------------------------------------------------------------------------- */

int
db_target_parse(struct db_target *target, const char *url, char *error, size_t error_size)
{
	if (url_parse(&target->url, url, error, error_size) != 0)
		return -1;
	if (strcmp(target->url.scheme, "mysql") != 0 &&
	    strcmp(target->url.scheme, "mariadb") != 0) {
		snprintf(error, error_size, "the scheme of a database URL is mysql://");
	} else if (target->url.path[0] == '\0' || strchr(target->url.path, '/') != NULL) {
		snprintf(error, error_size, "a database URL ends with /DATABASE");
	} else {
		return 0;
	}
	url_fini(&target->url);
	return -1;
}

void
db_target_fini(struct db_target *target)
{
	url_fini(&target->url);
}

static pthread_once_t db_conn_library_once = PTHREAD_ONCE_INIT;

static void
db_conn_library_init(void)
{
	(void)mysql_library_init(0, NULL, NULL);
}

int
db_conn_thread_begin(void)
{
	pthread_once(&db_conn_library_once, db_conn_library_init);
	return mysql_thread_init() == 0 ? 0 : -1;
}

void
db_conn_thread_end(void)
{
	mysql_thread_end();
}

static void
db_conn_set_options(MYSQL *mysql, const struct db_target *target)
{
	const char *ca = url_param(&target->url, "ssl_ca");
	my_bool yes = 1, no = 0;

	mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &target->connect_timeout_s);
	mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &target->io_timeout_s);
	mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &target->io_timeout_s);
	mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(mysql, MYSQL_REPORT_DATA_TRUNCATION, &yes);
	mysql_options(mysql, MYSQL_OPT_RECONNECT, &no);
	mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &(unsigned){0});
	if (ca != NULL) {
		mysql_options(mysql, MYSQL_OPT_SSL_CA, ca);
		mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
	}
	mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, ca != NULL ? &yes : &no);
}

/* MariaDB ends a slow statement just before we would give the whole connection up; to MySQL that is
 * a comment. */
static enum status
db_conn_begin_session(struct db_conn *conn, const struct db_target *target,
                      struct db_failure *failure)
{
	char sql[512];
	enum status status;

	snprintf(sql, sizeof sql,
	         "SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = 2, sql_mode = "
	         "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
	         "NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY'"
	         " /*M!100101 , max_statement_time = %u.5 */",
	         target->io_timeout_s - 1);
	status = db_conn_text(conn, sql, failure);
	if (status == STATUS_OK)
		status = db_conn_text(
		    conn, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", failure);
	return status;
}

struct db_conn *
db_conn_open(const struct db_target *target, struct db_failure *failure)
{
	const struct url *url = &target->url;
	struct db_conn *conn = calloc(1, sizeof *conn);

	if (conn == NULL || (conn->mysql = mysql_init(NULL)) == NULL) {
		db_conn_fail(failure, CR_OUT_OF_MEMORY, "no memory for a connection");
		goto fail;
	}
	db_conn_set_options(conn->mysql, target);
	if (mysql_real_connect(conn->mysql, url->host, url->user, url->password, url->path,
	                       url->port, url_param(url, "socket"), CLIENT_FOUND_ROWS) == NULL) {
		db_conn_fail(failure, mysql_errno(conn->mysql), mysql_error(conn->mysql));
		goto fail;
	}
	if (db_conn_begin_session(conn, target, failure) != STATUS_OK)
		goto fail;
	return conn;
fail:
	db_conn_close(&conn);
	return NULL;
}

static void
db_statement_drop(struct db_statement *statement)
{
	if (statement->stmt != NULL)
		mysql_stmt_close(statement->stmt);
	free(statement->sql);
	*statement = (struct db_statement){0};
}

void
db_conn_close(struct db_conn **conn)
{
	struct db_conn *gone = *conn;

	*conn = NULL;
	if (gone == NULL)
		return;
	for (size_t i = 0; i < DB_STATEMENTS; i++)
		db_statement_drop(&gone->statements[i]);
	if (gone->mysql != NULL)
		mysql_close(gone->mysql);
	free(gone);
}

/* An idle server says nothing: what can be read is a farewell or an end. */
bool
db_conn_stale(const struct db_conn *conn)
{
	struct pollfd fd = {.fd = (int)mysql_get_socket(conn->mysql), .events = POLLIN};

	return poll(&fd, 1, 0) != 0;
}

bool
db_conn_ping(struct db_conn *conn)
{
	return mysql_ping(conn->mysql) == 0;
}

/* --- running -------------------------------------------------------------------------------- */

enum status
db_conn_text(struct db_conn *conn, const char *sql, struct db_failure *failure)
{
	MYSQL_RES *unwanted;

	if (mysql_real_query(conn->mysql, sql, strlen(sql)) != 0)
		return db_conn_fail(failure, mysql_errno(conn->mysql), mysql_error(conn->mysql));
	unwanted = mysql_store_result(conn->mysql);
	if (unwanted != NULL)
		mysql_free_result(unwanted);
	return STATUS_OK;
}

static enum status
db_statement_fail(struct db_failure *failure, MYSQL_STMT *stmt)
{
	return db_conn_fail(failure, mysql_stmt_errno(stmt), mysql_stmt_error(stmt));
}

/* The prepared statement of this text, in the place of the one that was not used for longest. */
static enum status
db_conn_prepare(struct db_conn *conn, const char *sql, struct db_statement **out,
                struct db_failure *failure)
{
	struct db_statement *oldest = &conn->statements[0];
	enum status status;

	for (size_t i = 0; i < DB_STATEMENTS; i++) {
		struct db_statement *statement = &conn->statements[i];

		if (statement->sql != NULL && strcmp(statement->sql, sql) == 0) {
			*out = statement;
			return STATUS_OK;
		}
		if (statement->used < oldest->used)
			oldest = statement;
	}
	db_statement_drop(oldest);
	oldest->sql = strdup(sql);
	oldest->stmt = mysql_stmt_init(conn->mysql);
	if (oldest->sql == NULL || oldest->stmt == NULL) {
		db_statement_drop(oldest);
		return db_conn_own_failure(failure, STATUS_OVERLOADED, "no memory for a statement");
	}
	if (mysql_stmt_prepare(oldest->stmt, sql, strlen(sql)) != 0) {
		status = db_statement_fail(failure, oldest->stmt);
		db_statement_drop(oldest);
		return status;
	}
	*out = oldest;
	return STATUS_OK;
}

static void
db_conn_bind(MYSQL_BIND *bind, const struct db_value *value)
{
	*bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_NULL};
	switch (value->type) {
	case DB_TYPE_INT:
	case DB_TYPE_UINT:
		bind->buffer_type = MYSQL_TYPE_LONGLONG;
		bind->buffer = (void *)(uintptr_t)&value->number;
		bind->is_unsigned = value->type == DB_TYPE_UINT;
		break;
	case DB_TYPE_TEXT:
	case DB_TYPE_BLOB:
		if (value->bytes == NULL)
			break;
		bind->buffer_type =
		    value->type == DB_TYPE_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB;
		bind->buffer = (void *)(uintptr_t)value->bytes;
		bind->buffer_length = value->length;
		break;
	case DB_TYPE_NULL: break;
	}
}

static enum status
db_conn_execute(MYSQL_STMT *stmt, const struct db_value *args, size_t nargs,
                struct db_failure *failure)
{
	MYSQL_BIND *binds;
	enum status status = STATUS_OK;

	assert(mysql_stmt_param_count(stmt) == nargs);
	binds = calloc(nargs + 1, sizeof *binds);
	if (binds == NULL)
		return db_conn_own_failure(failure, STATUS_OVERLOADED, "no memory for arguments");
	for (size_t i = 0; i < nargs; i++)
		db_conn_bind(&binds[i], &args[i]);
	if ((nargs > 0 && mysql_stmt_bind_param(stmt, binds) != 0) || mysql_stmt_execute(stmt) != 0)
		status = db_statement_fail(failure, stmt);
	free(binds);
	return status;
}

/* A statement that the server forgot, or whose rows have another shape since a DDL (only a SELECT
 * has any, so it may run again): it is prepared anew, once. */
static bool
db_conn_outdated(const struct db_failure *failure)
{
	return failure->code == DB_ER_NEED_REPREPARE || failure->code == ER_UNKNOWN_STMT_HANDLER ||
	       failure->code == CR_NEW_STMT_METADATA;
}

/* Fetching row by row leaves its errors with the connection, all else with the statement. */
static enum status
db_statement_read_failed(MYSQL *mysql, MYSQL_STMT *stmt, enum status status,
                         struct db_failure *failure)
{
	if (status == STATUS_INTERNAL && mysql_stmt_errno(stmt) != 0)
		return db_statement_fail(failure, stmt);
	if (status == STATUS_INTERNAL && mysql_errno(mysql) != 0)
		return db_conn_fail(failure, mysql_errno(mysql), mysql_error(mysql));
	return db_conn_own_failure(failure, status, "the result cannot be taken in");
}

static enum status
db_statement_run(MYSQL *mysql, struct db_statement *statement, const struct db_value *args,
                 size_t nargs, struct db_result *result, struct db_failure *failure)
{
	enum status status = db_conn_execute(statement->stmt, args, nargs, failure);

	if (status == STATUS_OK) {
		status = db_result_read(result, statement->stmt);
		if (status == STATUS_OK)
			return STATUS_OK;
		status = db_statement_read_failed(mysql, statement->stmt, status, failure);
	} else if (!db_conn_outdated(failure) && !failure->lost) {
		return status; /* it may well succeed another time */
	}
	db_statement_drop(statement);
	return status;
}

enum status
db_conn_run(struct db_conn *conn, const char *sql, const struct db_value *args, size_t nargs,
            struct db_result *result, struct db_failure *failure)
{
	for (int attempt = 0;; attempt++) {
		struct db_statement *statement;
		enum status status = db_conn_prepare(conn, sql, &statement, failure);

		if (status != STATUS_OK)
			return status;
		statement->used = ++conn->runs;
		status = db_statement_run(conn->mysql, statement, args, nargs, result, failure);
		if (status == STATUS_OK || attempt == 1 || !db_conn_outdated(failure))
			return status;
		*failure = (struct db_failure){0};
	}
}
