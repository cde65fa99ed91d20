/* SPDX-License-Identifier: MIT
 * Reading a result by row and column. */
#include "common/io/db_rows.h"

#include "common/base/obj.h"

#include <inttypes.h>
#include <stdlib.h>

struct db_rows {
	struct arena *arena;
	size_t count, columns;
	const struct db_cell *cells;
	const char *bytes;
};

struct db_rows *
db_rows_copy(struct arena *arena, const struct db_result *result)
{
	struct db_rows *rows = arena_alloc(arena, sizeof *rows);
	size_t cells = result->rows * result->columns;

	if (rows == NULL)
		return NULL;
	rows->arena = arena;
	rows->count = result->rows;
	rows->columns = result->columns;
	if (cells == 0)
		return rows;
	rows->cells = arena_memdup(arena, result->cells, cells * sizeof *rows->cells);
	rows->bytes = "";
	if (result->bytes.length > 0)
		rows->bytes = arena_memdup(arena, result->bytes.bytes, result->bytes.length);
	return rows->cells != NULL && rows->bytes != NULL ? rows : NULL;
}

size_t
db_count(const struct db_rows *rows)
{
	return rows->count;
}

static const struct db_cell *
db_cell_at(const struct db_rows *rows, size_t row, size_t column)
{
	assert(rows != NULL && row < rows->count && column < rows->columns);
	return &rows->cells[row * rows->columns + column];
}

bool
db_is_null(const struct db_rows *rows, size_t row, size_t column)
{
	return db_cell_at(rows, row, column)->kind == DB_CELL_NULL;
}

const char *
db_text(const struct db_rows *rows, size_t row, size_t column)
{
	const struct db_cell *cell = db_cell_at(rows, row, column);
	const char *text = NULL;

	switch ((enum db_cell_kind)cell->kind) {
	case DB_CELL_NULL: return NULL;
	case DB_CELL_BYTES: return rows->bytes + cell->number;
	case DB_CELL_INT: text = arena_printf(rows->arena, "%" PRId64, cell->number); break;
	case DB_CELL_UINT:
		text = arena_printf(rows->arena, "%" PRIu64, (uint64_t)cell->number);
		break;
	}
	return text != NULL ? text : "";
}

const void *
db_blob(const struct db_rows *rows, size_t row, size_t column, size_t *length)
{
	const struct db_cell *cell = db_cell_at(rows, row, column);

	assert(cell->kind == DB_CELL_NULL || cell->kind == DB_CELL_BYTES);
	*length = cell->length;
	return cell->kind == DB_CELL_NULL ? NULL : rows->bytes + cell->number;
}

int64_t
db_int(const struct db_rows *rows, size_t row, size_t column)
{
	const struct db_cell *cell = db_cell_at(rows, row, column);

	if (cell->kind == DB_CELL_NULL)
		return 0;
	if (cell->kind == DB_CELL_BYTES)
		return strtoll(rows->bytes + cell->number, NULL, 10);
	return cell->number;
}

uint64_t
db_uint(const struct db_rows *rows, size_t row, size_t column)
{
	const struct db_cell *cell = db_cell_at(rows, row, column);

	if (cell->kind == DB_CELL_BYTES)
		return strtoull(rows->bytes + cell->number, NULL, 10);
	return cell->kind == DB_CELL_NULL ? 0 : (uint64_t)cell->number;
}
