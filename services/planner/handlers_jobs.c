/* SPDX-License-Identifier: MIT
 * Jobs. A plan is made while its request waits, so there is never one to show. */
#include "services/planner/planner.h"

enum status
planner_list_jobs(struct call *call, const void *request, void *reply)
{
	(void)call;
	(void)request;
	(void)reply; /* an empty page */
	return STATUS_OK;
}

enum status
planner_get_job(struct call *call, const void *request, void *reply)
{
	(void)request;
	(void)reply;
	return call_fail(call, STATUS_NOT_FOUND, NULL);
}

enum status
planner_cancel_job(struct call *call, const void *request, void *reply)
{
	return planner_get_job(call, request, reply);
}

enum status
planner_follow_job(struct call *call, const void *request, void *reply)
{
	return planner_get_job(call, request, reply);
}
