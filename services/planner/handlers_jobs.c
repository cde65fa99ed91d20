/* SPDX-License-Identifier: MIT
 * Jobs: listed, read, followed, cancelled. */
#include "services/planner/planner.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/service/cursor.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_cancel.h"
#include "services/planner/jobs/job_follow.h"
#include "services/planner/jobs/job_message.h"
#include "services/planner/jobs/job_wait.h"

#include <string.h>

#define JOBS_DEFAULT_LIMIT 20
#define JOBS_LIST          "planner.ListJobs"
#define JOBS_CANCEL_MS     1000 /* how long the answer waits for the end */

enum status
planner_list_jobs(struct call *call, const void *message, void *out)
{
	const Planner__ListJobsRequest *request = message;
	struct planner *planner = planner_of(call);
	struct arena *arena = task_arena();
	size_t limit = request->has_limit ? request->limit : JOBS_DEFAULT_LIMIT, count;
	Planner__JobPage *reply = out;
	Planner__Job *messages;
	struct job_row *rows;
	struct cursor cursor;
	int filter = request->has_status ? (int)request->status : -1;
	const char *list = arena_printf(arena, JOBS_LIST "?status=%d", filter);
	enum status status;

	if (list == NULL)
		return STATUS_OVERLOADED;
	if (request->cursor != NULL &&
	    !cursor_parse(request->cursor, list, call_user(call), &cursor))
		return call_invalid(call, "/cursor",
		                    "is not a cursor of this list with these filters");
	status = job_store_list(planner->db, call_user(call), filter,
	                        request->cursor != NULL ? &cursor : NULL, limit + 1, &rows, &count);
	if (status != STATUS_OK)
		return status;
	messages = arena_calloc(arena, limit + 1, sizeof *messages);
	reply->items = arena_calloc(arena, limit + 1, sizeof *reply->items);
	if (messages == NULL || reply->items == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count && i < limit && status == STATUS_OK; i++) {
		status = job_message(planner->jobs, &rows[i], &messages[i]);
		reply->items[reply->n_items++] = &messages[i];
	}
	if (status == STATUS_OK && count > limit) {
		struct cursor last = {.key = rows[limit - 1].created_ms};

		strncpy(last.id, rows[limit - 1].id, sizeof last.id - 1);
		reply->next_cursor = arena_alloc(arena, CURSOR_TEXT_SIZE);
		if (reply->next_cursor == NULL)
			return STATUS_OVERLOADED;
		cursor_format(&last, list, call_user(call), reply->next_cursor);
	}
	return status;
}

enum status
planner_get_job(struct call *call, const void *message, void *reply)
{
	const Planner__GetJobRequest *request = message;
	struct planner *planner = planner_of(call);
	struct job_row row;
	enum status status = job_store_get(planner->db, call_user(call), request->id, false, &row);

	return status == STATUS_OK ? job_message(planner->jobs, &row, reply) : status;
}

enum status
planner_cancel_job(struct call *call, const void *message, void *reply)
{
	const Planner__GetJobRequest *request = message;
	struct planner *planner = planner_of(call);
	struct job_end end;
	enum status status = job_cancel(planner->jobs, call_user(call), request->id);

	if (status == STATUS_CONFLICT)
		return call_fail(call, status, "the job has finished already");
	if (status == STATUS_OK)
		status = job_wait(planner->jobs, call_user(call), request->id,
		                  clock_ms() + JOBS_CANCEL_MS, &end);
	if (status != STATUS_OK)
		return status;
	call_set_outcome(call, OUTCOME_ACCEPTED);
	return planner_get_job(call, message, reply);
}

enum status
planner_follow_job(struct call *call, const void *message, void *reply)
{
	const Planner__FollowJobRequest *request = message;
	const struct job_follow_options options = {.user = call_user(call),
	                                           .id = request->id,
	                                           .last_event_id = request->last_event_id,
	                                           .relayed = request->relayed,
	                                           .only_end = request->only_end};
	bool nothing;
	enum status status = job_follow(call, planner_of(call)->jobs, &options, &nothing);

	(void)reply;
	if (status == STATUS_OK && nothing)
		call_set_outcome(call, OUTCOME_NO_CONTENT);
	return status;
}
