/* SPDX-License-Identifier: MIT
 * Export: everything of a learner's, part by part. */
#include "services/planner/planner.h"

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "common/service/subtask.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_message.h"
#include "services/planner/jobs/job_store_parts.h"
#include "services/planner/plan.h"
#include "services/planner/store.h"
#include "services/planner/store_holds.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT_JOBS 20 /* in one part */

/* One plan, read in a task of its own: its rows are freed with it. */
struct planner_part {
	struct db *db;
	struct jobs *jobs;
	const char *user;
	int32_t today;
	struct cursor after;
	bool last;
	uint8_t *bytes; /* malloc'ed */
	size_t length;
	enum status status;
};

static enum status
planner_part_pack(struct planner_part *part, const Planner__ExportPart *message)
{
	part->length = planner__export_part__get_packed_size(message);
	part->bytes = malloc(part->length + 1);
	if (part->bytes == NULL)
		return STATUS_OVERLOADED;
	planner__export_part__pack(message, part->bytes);
	return STATUS_OK;
}

static enum status
planner_part_read(struct planner_part *part)
{
	Planner__ExportPart message = PLANNER__EXPORT_PART__INIT;
	Planner__Plan plan_message_of, *list = &plan_message_of;
	struct planner_plan *plans;
	struct planner_item *items;
	size_t count, item_count;
	enum status status =
	    planner_store_list(part->db, part->user,
	                       part->after.id[0] != '\0' ? &part->after : NULL, 1, &plans, &count);

	part->last = status == STATUS_OK && count == 0;
	if (status != STATUS_OK || part->last)
		return status;
	status = planner_store_items(part->db, plans[0].id, &items, &item_count);
	if (status != STATUS_OK)
		return status;
	if (!plan_message(&plans[0], items, item_count, part->today, &plan_message_of))
		return STATUS_OVERLOADED;
	part->after = (struct cursor){.key = plans[0].created_ms};
	strncpy(part->after.id, plans[0].id, sizeof part->after.id - 1);
	message.n_plans = 1;
	message.plans = &list;
	return planner_part_pack(part, &message);
}

static void
planner_part_run(void *arg)
{
	struct planner_part *part = arg;

	part->status = planner_part_read(part);
}

/* The next page of jobs. */
static enum status
planner_part_read_jobs(struct planner_part *part)
{
	Planner__ExportPart message = PLANNER__EXPORT_PART__INIT;
	Planner__Job jobs[EXPORT_JOBS], *list[EXPORT_JOBS];
	struct job_row *rows;
	size_t count;
	enum status status = job_store_list(part->db, part->user, -1,
	                                    part->after.id[0] != '\0' ? &part->after : NULL,
	                                    EXPORT_JOBS, &rows, &count);

	part->last = status == STATUS_OK && count < EXPORT_JOBS;
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		status = job_message(part->jobs, &rows[i], &jobs[i]);
		list[i] = &jobs[i];
	}
	if (status != STATUS_OK || count == 0)
		return status;
	part->after = (struct cursor){.key = rows[count - 1].created_ms};
	strncpy(part->after.id, rows[count - 1].id, sizeof part->after.id - 1);
	message.jobs = list;
	message.n_jobs = count;
	return planner_part_pack(part, &message);
}

static void
planner_part_run_jobs(void *arg)
{
	struct planner_part *part = arg;

	part->status = planner_part_read_jobs(part);
}

static enum status
planner_export_usage(struct call *call)
{
	Planner__ExportPart message = PLANNER__EXPORT_PART__INIT;
	Planner__Usage usage = PLANNER__USAGE__INIT;
	uint64_t prompt = 0, completion = 0, held_prompt = 0, held_completion = 0;
	uint8_t bytes[32];
	enum status status =
	    job_store_usage(planner_of(call)->db, call_user(call), &prompt, &completion);

	if (status == STATUS_OK)
		status = hold_store_usage(planner_of(call)->db, call_user(call), &held_prompt,
		                          &held_completion);
	if (status != STATUS_OK)
		return status;
	prompt += held_prompt;
	completion += held_completion;
	usage.has_prompt_tokens = usage.has_completion_tokens = true;
	usage.prompt_tokens = prompt < UINT32_MAX ? (uint32_t)prompt : UINT32_MAX;
	usage.completion_tokens = completion < UINT32_MAX ? (uint32_t)completion : UINT32_MAX;
	message.usage = &usage;
	assert(planner__export_part__get_packed_size(&message) <= sizeof bytes);
	return call_stream_write(call, bytes, planner__export_part__pack(&message, bytes));
}

/* Part after part, as long as there are any. */
static enum status
planner_export_parts(struct call *call, struct planner_part *part, task_fn *read)
{
	enum status status = STATUS_OK;

	part->last = false;
	part->after = (struct cursor){0};
	while (status == STATUS_OK && !part->last) {
		part->bytes = NULL;
		part->length = 0;
		status = subtask_run("export", 0, read, part);
		if (status == STATUS_OK)
			status = part->status;
		if (status == STATUS_OK && part->length > 0)
			status = call_stream_write(call, part->bytes, part->length);
		free(part->bytes);
	}
	return status;
}

enum status
planner_export(struct call *call, const void *message, void *reply)
{
	struct planner *planner = planner_of(call);
	struct planner_part part = {.db = planner->db,
	                            .jobs = planner->jobs,
	                            .user = call_user(call),
	                            .today = planner_today(call)};
	enum status status = call_stream_begin(call);

	(void)message;
	(void)reply;
	if (status == STATUS_OK)
		status = planner_export_parts(call, &part, planner_part_run);
	if (status == STATUS_OK)
		status = planner_export_parts(call, &part, planner_part_run_jobs);
	return status == STATUS_OK ? planner_export_usage(call) : status;
}
