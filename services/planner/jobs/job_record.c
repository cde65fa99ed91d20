/* SPDX-License-Identifier: MIT
 * The calls and days of a running job. */
#include "services/planner/jobs/job_record.h"

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/task/task.h"
#include "services/planner/jobs/jobs_private.h"
#include "services/planner/quota.h"

enum status
job_record_items(struct job *job, struct planner_item **items, size_t *count)
{
	struct arena *arena = task_arena();
	size_t room = 0;

	*count = 0;
	for (int round = 0; round < 2; round++) {
		*items = arena_calloc(arena, room + 1, sizeof **items);
		if (*items == NULL)
			return STATUS_OVERLOADED;
		for (size_t i = 0; i < job->day_count; i++) {
			const struct job_day *packed = &job->days[i];
			Planner__PlanDay *day = planner__plan_day__unpack(
			    arena_allocator(arena), packed->length, packed->bytes);

			if (day == NULL)
				return STATUS_OVERLOADED;
			if (round == 0)
				room += day->n_items;
			for (size_t j = 0; round == 1 && j < day->n_items; j++) {
				struct planner_item *item = &(*items)[(*count)++];

				item->id = day->items[j]->id;
				item->title = day->items[j]->title;
				item->minutes = day->items[j]->minutes;
				item->kind = (int)day->items[j]->kind;
				if (!date_parse(day->date, &item->day))
					return STATUS_INTERNAL;
			}
		}
	}
	return STATUS_OK;
}

enum status
job_record_end_calls(struct db *tx, struct job *job)
{
	(void)tx;
	(void)job;
	return STATUS_OK;
}

enum status
job_record_return_plan(struct db *tx, struct job *job)
{
	Planner__JobRequest *request = planner__job_request__unpack(
	    arena_allocator(task_arena()), job->request_length, job->request);

	return request != NULL ? quota_return_plan(tx, job->user, request->today)
	                       : STATUS_OVERLOADED;
}
