/* SPDX-License-Identifier: MIT
 * Takes a statement's rows in, within bounds: integers as they are, all else as bytes of any
 * length, so that no buffer can cut a value short. */
#include "common/io/db_conn.h"

#include "common/base/obj.h"

#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct db_column {
	unsigned long length;
	int64_t integer;
	double real;
	my_bool is_null;
	my_bool cut;
};

struct db_reader {
	struct db_result *result;
	MYSQL_STMT *stmt;
	MYSQL_BIND *binds;
	struct db_column *columns;
	size_t count;
};

void
db_result_init(struct db_result *result)
{
	*result = (struct db_result){0};
	buf_init(&result->bytes, DB_BYTES_LIMIT);
}

void
db_result_fini(struct db_result *result)
{
	free(result->cells);
	buf_fini(&result->bytes);
	*result = (struct db_result){0};
}

static void
db_reader_bind(MYSQL_BIND *bind, struct db_column *column, const MYSQL_FIELD *field)
{
	*bind = (MYSQL_BIND){
	    .is_null = &column->is_null, .length = &column->length, .error = &column->cut};
	switch (field->type) {
	case MYSQL_TYPE_TINY:
	case MYSQL_TYPE_SHORT:
	case MYSQL_TYPE_INT24:
	case MYSQL_TYPE_LONG:
	case MYSQL_TYPE_LONGLONG:
	case MYSQL_TYPE_YEAR:
		bind->buffer_type = MYSQL_TYPE_LONGLONG;
		bind->buffer = &column->integer;
		bind->is_unsigned = (field->flags & UNSIGNED_FLAG) != 0;
		break;
	case MYSQL_TYPE_FLOAT:
	case MYSQL_TYPE_DOUBLE:
		bind->buffer_type = MYSQL_TYPE_DOUBLE;
		bind->buffer = &column->real;
		break;
	default: bind->buffer_type = MYSQL_TYPE_STRING; break;
	}
}

/* A value of any length: the fetch told how long it is. */
static enum status
db_reader_take_bytes(struct db_reader *reader, size_t index, struct db_cell *cell)
{
	struct buf *bytes = &reader->result->bytes;
	unsigned long length = reader->columns[index].length, again = 0;
	my_bool is_null = 0, cut = 0;
	MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_STRING,
	                   .buffer_length = length + 1,
	                   .length = &again,
	                   .is_null = &is_null,
	                   .error = &cut};

	if (length >= DB_BYTES_LIMIT)
		return STATUS_TOO_LARGE;
	bind.buffer = buf_reserve(bytes, length + 1);
	if (bind.buffer == NULL)
		return bytes->length + length + 1 > DB_BYTES_LIMIT ? STATUS_TOO_LARGE
		                                                   : STATUS_OVERLOADED;
	if (mysql_stmt_fetch_column(reader->stmt, &bind, (unsigned)index, 0) != 0 || cut ||
	    again != length)
		return STATUS_INTERNAL;
	((char *)bind.buffer)[length] = '\0';
	cell->kind = DB_CELL_BYTES;
	cell->length = (uint32_t)length;
	cell->number = (int64_t)bytes->length;
	buf_advance(bytes, length + 1);
	return STATUS_OK;
}

static enum status
db_reader_take_real(struct db_reader *reader, size_t index, struct db_cell *cell)
{
	struct buf *bytes = &reader->result->bytes;
	char text[40];
	int length = snprintf(text, sizeof text, "%.17g", reader->columns[index].real);

	cell->kind = DB_CELL_BYTES;
	cell->length = (uint32_t)length;
	cell->number = (int64_t)bytes->length;
	buf_append(bytes, text, (size_t)length + 1);
	return buf_failed(bytes) ? STATUS_TOO_LARGE : STATUS_OK;
}

static enum status
db_reader_take_row(struct db_reader *reader)
{
	struct db_result *result = reader->result;
	struct db_cell *cells = result->cells + result->rows * result->columns;
	enum status status = STATUS_OK;

	for (size_t i = 0; i < reader->count && status == STATUS_OK; i++) {
		const struct db_column *column = &reader->columns[i];
		const MYSQL_BIND *bind = &reader->binds[i];

		cells[i] = (struct db_cell){.kind = DB_CELL_NULL};
		if (column->is_null)
			continue;
		if (bind->buffer_type == MYSQL_TYPE_STRING) {
			status = db_reader_take_bytes(reader, i, &cells[i]);
		} else if (column->cut) {
			status = STATUS_INTERNAL;
		} else if (bind->buffer_type == MYSQL_TYPE_DOUBLE) {
			status = db_reader_take_real(reader, i, &cells[i]);
		} else {
			cells[i].kind = bind->is_unsigned ? DB_CELL_UINT : DB_CELL_INT;
			cells[i].number = column->integer;
		}
	}
	result->rows++;
	return status;
}

static enum status
db_result_grow(struct db_result *result)
{
	size_t space;
	struct db_cell *cells;

	if (result->rows >= DB_ROWS_LIMIT)
		return STATUS_TOO_LARGE;
	if (result->rows < result->space)
		return STATUS_OK;
	space = result->space == 0 ? 8 : result->space * 2;
	cells = reallocarray(result->cells, space * result->columns, sizeof *cells);
	if (cells == NULL)
		return STATUS_OVERLOADED;
	result->cells = cells;
	result->space = space;
	return STATUS_OK;
}

static enum status
db_reader_run(struct db_reader *reader)
{
	for (;;) {
		int outcome = mysql_stmt_fetch(reader->stmt);
		enum status status;

		if (outcome == MYSQL_NO_DATA)
			return STATUS_OK;
		if (outcome != 0 && outcome != MYSQL_DATA_TRUNCATED)
			return STATUS_INTERNAL;
		status = db_result_grow(reader->result);
		if (status == STATUS_OK)
			status = db_reader_take_row(reader);
		if (status != STATUS_OK)
			return status;
	}
}

enum status
db_result_read(struct db_result *result, struct st_mysql_stmt *stmt)
{
	MYSQL_RES *meta = mysql_stmt_result_metadata(stmt);
	struct db_reader reader = {.result = result, .stmt = stmt};
	enum status status = STATUS_OVERLOADED;

	if (meta == NULL) {
		result->affected = mysql_stmt_affected_rows(stmt);
		return mysql_stmt_errno(stmt) == 0 ? STATUS_OK : STATUS_INTERNAL;
	}
	result->columns = reader.count = mysql_num_fields(meta);
	reader.binds = calloc(reader.count, sizeof *reader.binds);
	reader.columns = calloc(reader.count, sizeof *reader.columns);
	if (reader.binds == NULL || reader.columns == NULL)
		goto out;
	for (size_t i = 0; i < reader.count; i++)
		db_reader_bind(&reader.binds[i], &reader.columns[i],
		               mysql_fetch_field_direct(meta, (unsigned)i));
	if (mysql_stmt_bind_result(stmt, reader.binds) != 0)
		status = STATUS_INTERNAL;
	else
		status = db_reader_run(&reader);
	if (status == STATUS_OK) /* else the caller looks at the error, then closes */
		mysql_stmt_free_result(stmt);
out:
	mysql_free_result(meta);
	free(reader.binds);
	free(reader.columns);
	return status;
}
