/* SPDX-License-Identifier: MIT
 * What store*.c share. Patterns are db_many.h's. */
#ifndef STUDYHALL_PLANNER_STORE_PRIVATE_H
#define STUDYHALL_PLANNER_STORE_PRIVATE_H

#include "services/planner/store.h"

struct db_value;

#define PLANNER_PLAN_FIELDS 8
#define PLANNER_INSERT_PLANS                                                                       \
	"INSERT INTO plan (id, user_id, version, created_at, start_day, end_day, exam_day, head)"  \
	" VALUES {(?, ?, ?, ?, ?, ?, ?, ?)|, }"

#define PLANNER_ITEM_FIELDS 12
#define PLANNER_INSERT_ITEMS                                                                       \
	"INSERT INTO item (plan_id, id, user_id, version, day, title, minutes, kind, done_at,"     \
	" changed_at, first_topic, topic_count) VALUES {(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)|, }"

/* The arguments of one row. The plan's head is packed into the task's arena: OVERLOADED. */
enum status planner_store_plan_args(const char *user, const struct planner_plan *plan,
                                    struct db_value *args);
void planner_store_item_args(const char *user, const struct planner_item *item,
                             struct db_value *args);

#endif
