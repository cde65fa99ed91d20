/* SPDX-License-Identifier: MIT
 * Writes a pattern out for a number of rows. */
#include "common/io/db_many.h"

#include "common/base/buf.h"
#include "common/base/obj.h"

#include <string.h>

size_t
db_many_padded(size_t count)
{
	size_t padded = 1;

	while (padded < count)
		padded *= 2;
	return padded;
}

static void
db_many_repeat(struct buf *sql, const char *part, const char *end, size_t repeats)
{
	const char *bar = memchr(part, '|', (size_t)(end - part));

	assert(bar != NULL);
	for (size_t i = 0; i < repeats; i++) {
		if (i > 0)
			buf_append(sql, bar + 1, (size_t)(end - bar - 1));
		buf_append(sql, part, (size_t)(bar - part));
	}
}

static bool
db_many_write(struct buf *sql, const char *pattern, size_t repeats)
{
	const char *at = pattern, *open;

	buf_init(sql, 0);
	while ((open = strchr(at, '{')) != NULL) {
		const char *end = strchr(open, '}');

		assert(end != NULL);
		buf_append(sql, at, (size_t)(open - at));
		db_many_repeat(sql, open + 1, end, repeats);
		at = end + 1;
	}
	buf_puts(sql, at);
	return !buf_failed(sql);
}

enum status
db_many_exec(struct db *db, uint64_t *affected, const char *pattern, size_t repeats,
             const struct db_value *args, size_t nargs)
{
	struct buf sql;
	enum status status = STATUS_OVERLOADED;

	if (db_many_write(&sql, pattern, repeats))
		status = db_exec(db, affected, sql.bytes, args, nargs);
	buf_fini(&sql);
	return status;
}

enum status
db_many_query(struct db *db, struct db_rows **rows, const char *pattern, size_t repeats,
              const struct db_value *args, size_t nargs)
{
	struct buf sql;
	enum status status = STATUS_OVERLOADED;

	*rows = NULL;
	if (db_many_write(&sql, pattern, repeats))
		status = db_query(db, rows, sql.bytes, args, nargs);
	buf_fini(&sql);
	return status;
}

enum status
db_many_later(struct db *tx, uint64_t rows, enum status otherwise, const char *pattern,
              size_t repeats, const struct db_value *args, size_t nargs)
{
	struct buf sql;
	enum status status = STATUS_OVERLOADED;

	if (db_many_write(&sql, pattern, repeats))
		status = db_later(tx, rows, otherwise, sql.bytes, args, nargs);
	buf_fini(&sql);
	return status;
}

enum status
db_many_rows(struct db *db, uint64_t *affected, const char *pattern, const struct db_value *args,
             size_t fields, size_t rows)
{
	enum status status = STATUS_OK;
	size_t some = DB_MANY_MOST;

	if (affected != NULL)
		*affected = 0;
	for (size_t done = 0; done < rows && status == STATUS_OK; done += some) {
		uint64_t changed = 0;

		while (some > rows - done)
			some /= 2;
		status =
		    db_many_exec(db, &changed, pattern, some, args + done * fields, some * fields);
		if (affected != NULL)
			*affected += changed;
	}
	return status;
}

enum status
db_many_rows_later(struct db *tx, const char *pattern, const struct db_value *args, size_t fields,
                   size_t rows)
{
	enum status status = STATUS_OK;
	size_t some = DB_MANY_MOST;

	for (size_t done = 0; done < rows && status == STATUS_OK; done += some) {
		while (some > rows - done)
			some /= 2;
		status = db_many_later(tx, DB_ANY, STATUS_OK, pattern, some, args + done * fields,
		                       some * fields);
	}
	return status;
}
