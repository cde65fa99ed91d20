/* SPDX-License-Identifier: MIT
 *
 * A result as tasks read it. Private to db_*.c.
 */
#ifndef STUDYHALL_IO_DB_ROWS_H
#define STUDYHALL_IO_DB_ROWS_H

#include "common/base/arena.h"
#include "common/io/db_conn.h"

/* A copy in the arena; NULL when it has no room. */
struct db_rows *db_rows_copy(struct arena *arena, const struct db_result *result);

#endif
