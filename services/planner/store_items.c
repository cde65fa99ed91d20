/* SPDX-License-Identifier: MIT
 * The item table. */
#include "services/planner/store.h"

#include "common/base/arena.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/task/task.h"
#include "services/planner/store_private.h"

#include <stdlib.h>
#include <string.h>

#define ITEM_COLUMNS                                                                               \
	"plan_id, id, version, day, title, minutes, kind, done_at, changed_at, first_topic,"       \
	" topic_count"

#define PUT_ITEMS                                                                                  \
	PLANNER_INSERT_ITEMS                                                                       \
	" ON DUPLICATE KEY UPDATE version = VALUES(version), day = VALUES(day),"                   \
	" title = VALUES(title), minutes = VALUES(minutes), kind = VALUES(kind),"                  \
	" done_at = VALUES(done_at), changed_at = VALUES(changed_at)"

void
planner_store_item_args(const char *user, const struct planner_item *item, struct db_value *args)
{
	const struct db_value values[PLANNER_ITEM_FIELDS] = {
	    DB_TEXT(item->plan_id),
	    DB_TEXT(item->id),
	    DB_TEXT(user),
	    DB_INT(item->version),
	    DB_INT(item->day),
	    DB_TEXT(item->title),
	    DB_INT(item->minutes),
	    DB_INT(item->kind),
	    item->done_ms != 0 ? DB_INT(item->done_ms) : DB_NULL,
	    DB_INT(item->changed_ms),
	    DB_INT(item->first_topic),
	    DB_INT(item->topic_count),
	};

	for (int i = 0; i < PLANNER_ITEM_FIELDS; i++)
		args[i] = values[i];
}

enum status
planner_store_put_items(struct db *tx, const char *user, const struct planner_item *items,
                        size_t count)
{
	struct db_value *args =
	    arena_calloc(task_arena(), count * PLANNER_ITEM_FIELDS + 1, sizeof *args);

	if (args == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++)
		planner_store_item_args(user, &items[i], args + i * PLANNER_ITEM_FIELDS);
	return db_many_rows(tx, NULL, PUT_ITEMS, args, PLANNER_ITEM_FIELDS, count);
}

static enum status
planner_store_read_items(const struct db_rows *rows, struct planner_item **items, size_t *count)
{
	*count = db_count(rows);
	*items = arena_calloc(task_arena(), *count + 1, sizeof **items);
	if (*items == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < *count; i++)
		(*items)[i] = (struct planner_item){
		    .plan_id = db_text(rows, i, 0),
		    .id = db_text(rows, i, 1),
		    .version = (uint32_t)db_uint(rows, i, 2),
		    .day = (int32_t)db_int(rows, i, 3),
		    .title = db_text(rows, i, 4),
		    .minutes = (uint32_t)db_uint(rows, i, 5),
		    .kind = (int)db_int(rows, i, 6),
		    .done_ms = db_int(rows, i, 7),
		    .changed_ms = db_int(rows, i, 8),
		    .first_topic = (int)db_int(rows, i, 9),
		    .topic_count = (int)db_int(rows, i, 10),
		};
	return STATUS_OK;
}

enum status
planner_store_items(struct db *db, const char *plan, struct planner_item **items, size_t *count)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(
	    db, &rows, "SELECT " ITEM_COLUMNS " FROM item WHERE plan_id = ? ORDER BY day, id",
	    DB_TEXT(plan));

	return status == STATUS_OK ? planner_store_read_items(rows, items, count) : status;
}

enum status
planner_store_item(struct db *db, const char *plan, const char *id, struct planner_item *item)
{
	struct db_rows *rows;
	struct planner_item *found;
	size_t count;
	enum status status =
	    DB_QUERY(db, &rows, "SELECT " ITEM_COLUMNS " FROM item WHERE plan_id = ? AND id = ?",
	             DB_TEXT(plan), DB_TEXT(id));

	if (status == STATUS_OK)
		status = planner_store_read_items(rows, &found, &count);
	if (status == STATUS_OK && count == 0)
		return STATUS_NOT_FOUND;
	if (status == STATUS_OK)
		*item = found[0];
	return status;
}

enum status
planner_store_delete_item(struct db *tx, const char *plan, const char *id)
{
	return DB_EXEC(tx, NULL, "DELETE FROM item WHERE plan_id = ? AND id = ?", DB_TEXT(plan),
	               DB_TEXT(id));
}

enum status
planner_store_count_day(struct db *db, const char *plan, int32_t day, const char *except,
                        size_t *count)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(
	    db, &rows, "SELECT COUNT(*) FROM item WHERE plan_id = ? AND day = ? AND id <> ?",
	    DB_TEXT(plan), DB_INT(day), DB_TEXT(except != NULL ? except : ""));

	*count = status == STATUS_OK ? (size_t)db_uint(rows, 0, 0) : 0;
	return status;
}

#define FIND_ITEMS(condition)                                                                      \
	"SELECT " ITEM_COLUMNS " FROM item FORCE INDEX (by_day)"                                   \
	" WHERE user_id = ? AND day >= ? AND day <= ? AND (day > ? OR id > ?)" condition           \
	" ORDER BY day, id LIMIT ?"

enum status
planner_store_find_items(struct db *db, const char *user, const struct planner_item_filter *filter,
                         const struct cursor *after, size_t limit, struct planner_item **items,
                         size_t *count)
{
	struct cursor position = {.key = filter->from_day}; /* every id is beyond the empty one */
	struct db_rows *rows;
	enum status status;

	if (after != NULL && after->key >= filter->from_day)
		position = *after;
	status = DB_QUERY(db, &rows,
	                  filter->done < 0    ? FIND_ITEMS("")
	                  : filter->done == 0 ? FIND_ITEMS(" AND done_at IS NULL")
	                                      : FIND_ITEMS(" AND done_at IS NOT NULL"),
	                  DB_TEXT(user), DB_INT(position.key), DB_INT(filter->to_day),
	                  DB_INT(position.key), DB_TEXT(position.id), DB_INT(limit));
	return status == STATUS_OK ? planner_store_read_items(rows, items, count) : status;
}

/* A union has no order of its own. */
static int
planner_item_compare(const void *a, const void *b)
{
	const struct planner_item *one = a, *other = b;

	return one->day != other->day ? (one->day > other->day) - (one->day < other->day)
	                              : strcmp(one->id, other->id);
}

#define SOME_ITEMS(condition, order)                                                               \
	"(SELECT " ITEM_COLUMNS " FROM item FORCE INDEX (by_day)"                                  \
	" WHERE user_id = ? AND " condition " ORDER BY " order " LIMIT ?)"
#define NEXT_DAY                                                                                   \
	"(SELECT day FROM item FORCE INDEX (by_day) WHERE user_id = ? AND day > ?"                 \
	" AND done_at IS NULL ORDER BY day LIMIT 1)"
#define ITEMS_AROUND                                                                               \
	SOME_ITEMS("day = ?", "id")                                                                \
	" UNION ALL " SOME_ITEMS(                                                                  \
	    "day < ? AND done_at IS NULL",                                                         \
	    "day, id") " UNION ALL " SOME_ITEMS("day = " NEXT_DAY " AND done_at IS NULL", "id")

enum status
planner_store_items_around(struct db *db, const char *user, int32_t today, size_t limit,
                           struct planner_item **items, size_t *count)
{
	struct db_rows *rows;
	enum status status = DB_QUERY(db, &rows, ITEMS_AROUND, DB_TEXT(user), DB_INT(today),
	                              DB_INT(limit), DB_TEXT(user), DB_INT(today), DB_INT(limit),
	                              DB_TEXT(user), DB_TEXT(user), DB_INT(today), DB_INT(limit));

	if (status == STATUS_OK)
		status = planner_store_read_items(rows, items, count);
	if (status == STATUS_OK)
		qsort(*items, *count, sizeof **items, planner_item_compare);
	return status;
}
