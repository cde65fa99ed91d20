/* SPDX-License-Identifier: MIT
 * Calls between planners, addressed by the boot id that stands in the owner's lease. */
#include "services/planner/jobs/job_remote.h"

#include "common/actor/rpc.h"
#include "common/service/subtask.h"
#include "services/planner/jobs/job_owner.h"
#include "services/planner/jobs/jobs_private.h"

#define REMOTE_CANCEL_MS 3000

static enum status
job_remote_boot(struct jobs *jobs, const struct job_row *row, uint64_t *boot_id)
{
	enum status status;

	if (jobs->peers == NULL || row->status != JOB_RUNNING)
		return STATUS_NOT_FOUND;
	status = job_owner_boot(jobs->db, row->owner, boot_id);
	/* Ours, and yet it does not run here: it is about to be found. */
	return status == STATUS_OK && *boot_id == jobs->boot_id ? STATUS_NOT_FOUND : status;
}

enum status
job_remote_follow(struct jobs *jobs, const struct job_row *row, const char *last_event_id,
                  bool only_end, struct rpc_stream **stream)
{
	Planner__FollowJobRequest message = PLANNER__FOLLOW_JOB_REQUEST__INIT;
	struct rpc_request request = {.method = "planner.Planner/FollowJob",
	                              .message = &message.base,
	                              .identity.user = row->user};
	struct reply reply;
	enum status status = job_remote_boot(jobs, row, &request.boot_id);

	if (status != STATUS_OK)
		return status;
	message.id = (char *)(uintptr_t)row->id;
	message.last_event_id = (char *)(uintptr_t)last_event_id;
	message.has_relayed = message.relayed = true;
	message.has_only_end = true;
	message.only_end = only_end;
	status = rpc_stream_open(jobs->peers, &request, &reply, stream);
	return status == STATUS_OK && *stream == NULL ? STATUS_NOT_FOUND : status;
}

struct remote_cancel {
	struct jobs *jobs;
	const struct job_row *row;
	enum status status;
};

static void
job_remote_cancel_task(void *arg)
{
	struct remote_cancel *cancel = arg;
	Planner__GetJobRequest message = PLANNER__GET_JOB_REQUEST__INIT;
	struct rpc_request request = {.method = "planner.Planner/CancelJob",
	                              .message = &message.base,
	                              .identity.user = cancel->row->user};
	struct reply reply;

	message.id = (char *)(uintptr_t)cancel->row->id;
	cancel->status = job_remote_boot(cancel->jobs, cancel->row, &request.boot_id);
	if (cancel->status == STATUS_OK)
		cancel->status = rpc_call(cancel->jobs->peers, &request, &reply);
}

enum status
job_remote_cancel(struct jobs *jobs, const struct job_row *row)
{
	struct remote_cancel cancel = {jobs, row, STATUS_DEADLINE};
	enum status status =
	    subtask_run("cancel", REMOTE_CANCEL_MS, job_remote_cancel_task, &cancel);

	return status == STATUS_OK ? cancel.status : status;
}
