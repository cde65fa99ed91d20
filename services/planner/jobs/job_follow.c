/* SPDX-License-Identifier: MIT
 * Follows a job wherever it is: here in memory, at another replica through its stream, in the queue
 * by looking, and when it has ended in what it left. */
#include "services/planner/jobs/job_follow.h"

#include "common/actor/rpc.h"
#include "common/base/clock.h"
#include "common/base/delimited.h"
#include "common/base/ids.h"
#include "common/service/call.h"
#include "common/service/subtask.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_events.h"
#include "services/planner/jobs/job_remote.h"
#include "services/planner/jobs/job_store_parts.h"
#include "services/planner/jobs/jobs_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLLOW_LOOK_MS 1000               /* between looks at a job that nobody runs */
#define FOLLOW_MESSAGE ((size_t)16 << 20) /* greatest event of another planner */

/* --- a job that runs here ------------------------------------------------------------------------
 */

struct follow_here {
	enum job_phase phase;
	uint32_t epoch, kept;
	bool has_day;
	void *day; /* malloc'ed, for a stream outlives many of them */
	size_t day_length;
};

/* What there is for somebody who has seen that much. */
static enum status
job_follow_look(struct job *job, const struct job_position *seen, struct follow_here *here)
{
	enum status status = STATUS_OK;

	*here = (struct follow_here){0};
	pthread_mutex_lock(&job->jobs->lock);
	here->phase = job->phase;
	here->epoch = job->epoch;
	here->kept = job->kept;
	if (seen->epoch == job->epoch && seen->days < job->written) {
		const struct job_day *day = &job->days[seen->days];

		here->has_day = true;
		here->day_length = day->length;
		here->day = malloc(day->length + 1);
		if (here->day != NULL)
			memcpy(here->day, day->bytes, day->length);
		else
			status = STATUS_OVERLOADED;
	}
	pthread_mutex_unlock(&job->jobs->lock);
	return status;
}

/* What is to be told now; or waits for more. */
static enum status
job_follow_tell(struct job_events *events, struct job_watch *watch, const struct follow_here *here)
{
	if (events->only_end)
		return job_watch_wait(watch, UINT64_MAX);
	if (events->seen.epoch != here->epoch) /* its days are there at the next look */
		return job_events_epoch(events, here->epoch, here->kept);
	if (here->has_day)
		return job_events_day(events, here->day, here->day_length);
	return job_watch_wait(watch, UINT64_MAX);
}

/* OVER: the end is to be told; LEFT: look elsewhere. */
static enum status
job_follow_here(struct job_events *events, struct job_watch *watch, struct job *job,
                enum job_phase *phase)
{
	struct follow_here here;
	enum status status = STATUS_OK;

	jobs_days_hurry(job);
	while (status == STATUS_OK) {
		status = job_follow_look(job, &events->seen, &here);
		*phase = here.phase;
		if (status == STATUS_OK && here.phase == JOB_ACTIVE)
			status = job_follow_tell(events, watch, &here);
		free(here.day);
		if (here.phase != JOB_ACTIVE)
			break;
	}
	return status;
}

/* --- a job that another replica runs -------------------------------------------------------------
 */

/* Passes on what comes. OK: the stream has ended, for whatever reason. */
static enum status
job_follow_pass(struct job_events *events, struct rpc_stream *stream)
{
	struct delimited messages;
	enum status status = STATUS_OK;
	const void *bytes;
	size_t length;

	delimited_init(&messages, FOLLOW_MESSAGE);
	while (status == STATUS_OK) {
		if (rpc_stream_read(stream, 0, &bytes, &length) != STATUS_OK || length == 0 ||
		    !delimited_feed(&messages, bytes, length))
			break;
		while (status == STATUS_OK && delimited_next(&messages, &bytes, &length) == 1)
			status = job_events_pass(events, bytes, length);
	}
	delimited_fini(&messages);
	return status == STATUS_OK && task_cancelled() ? STATUS_CANCELLED : status;
}

static enum status
job_follow_there(struct job_events *events, struct jobs *jobs, const struct job_row *row,
                 bool *followed)
{
	struct rpc_stream *stream = NULL;
	char last[JOB_POSITION_SIZE];
	enum status status;

	job_position_format(&events->seen, last);
	status = job_remote_follow(jobs, row, events->begun ? last : NULL, false, &stream);
	*followed = status == STATUS_OK;
	if (*followed)
		status = job_follow_pass(events, stream);
	else
		status = task_cancelled() ? STATUS_CANCELLED : STATUS_OK;
	rpc_stream_close(&stream);
	return status;
}

/* --- wherever it is ------------------------------------------------------------------------------
 */

struct follow_row {
	struct job_events *events;
	const char *id, *user;
	bool queued;
	enum status status;
};

static void
job_follow_look_task(void *arg)
{
	struct follow_row *look = arg;
	struct job_row row;

	look->status = job_store_get(look->events->jobs->db, look->user, look->id, false, &row);
	if (look->status != STATUS_OK)
		return;
	look->queued = row.finished_ms == 0 && row.status != JOB_RUNNING;
	look->status = job_events_begin(look->events, &row);
}

/* Tells the first event. In a task of its own: a job may be looked at for long, and what each look
 * read goes with that. */
static enum status
job_follow_look_row(struct job_events *events, const char *id, const char *user, bool *queued)
{
	struct follow_row look = {events, id, user, false, STATUS_OK};
	enum status status = subtask_run("follow", 0, job_follow_look_task, &look);

	*queued = look.queued;
	return status == STATUS_OK ? look.status : status;
}

/* OK, and neither ended nor followed: look again later. */
static enum status
job_follow_elsewhere(struct job_events *events, struct job_watch *watch, const char *user,
                     bool *ended, bool *followed)
{
	struct jobs *jobs = watch->jobs;
	struct job_row row;
	enum status status = job_store_get(jobs->db, user, watch->id, false, &row);

	if (status != STATUS_OK)
		return status;
	if (row.finished_ms != 0) {
		*ended = true;
		return job_events_end(events, &row, NULL);
	}
	status = call_stream_begin(events->call); /* it may be long until a day comes */
	if (status == STATUS_OK && row.status == JOB_RUNNING)
		status = job_follow_there(events, jobs, &row, followed);
	return status;
}

static enum status
job_follow_row(struct job_events *events, struct job_watch *watch, const char *user, bool *ended)
{
	uint64_t look_ms = clock_ms() + FOLLOW_LOOK_MS / 2 + ids_below(FOLLOW_LOOK_MS);
	bool queued, followed = false;
	enum status status = job_follow_look_row(events, watch->id, user, &queued);

	if (status == STATUS_OK && queued)
		status = call_stream_begin(events->call);
	else if (status == STATUS_OK)
		status = job_follow_elsewhere(events, watch, user, ended, &followed);
	*ended = *ended || events->seen.ended;
	if (status != STATUS_OK || *ended || followed)
		return status;
	status = job_watch_wait(watch, look_ms);
	return status == STATUS_DEADLINE && task_time_left() > 0 ? STATUS_OK : status;
}

/* The end as the job in memory has it. */
static enum status
job_follow_over(struct job_events *events, struct job *job)
{
	struct job_row row;
	enum status status = job_store_get(job->jobs->db, job->user, job->id, false, &row);

	return status == STATUS_OK ? job_events_end(events, &row, &job->result) : status;
}

static enum status
job_follow_begin(struct job_events *events, const char *id, const char *user)
{
	bool queued;

	if (events->begun || events->only_end)
		return STATUS_OK;
	return job_follow_look_row(events, id, user, &queued);
}

static enum status
job_follow_watched(struct job_events *events, struct job_watch *watch,
                   const struct job_follow_options *options)
{
	enum status status = STATUS_OK;
	bool ended = false;

	while (status == STATUS_OK && !ended) {
		struct job *job = jobs_find(watch->jobs, watch->id);
		enum job_phase phase = JOB_LEFT;

		if (job != NULL && strcmp(job->user, options->user) != 0) {
			status = STATUS_NOT_FOUND;
		} else if (job != NULL) {
			status = job_follow_begin(events, watch->id, options->user);
			if (status == STATUS_OK)
				status = call_stream_begin(events->call);
			if (status == STATUS_OK)
				status = job_follow_here(events, watch, job, &phase);
			ended = phase == JOB_OVER;
			if (status == STATUS_OK && ended && !options->only_end)
				status = job_follow_over(events, job);
		} else if (options->relayed) {
			ended = true;
		} else {
			status = job_follow_row(events, watch, options->user, &ended);
		}
		job_release(&job);
	}
	return status;
}

enum status
job_follow(struct call *call, struct jobs *jobs, const struct job_follow_options *options,
           bool *nothing)
{
	struct job_events events = {.call = call, .jobs = jobs, .only_end = options->only_end};
	struct job_watch watch;
	enum status status;

	*nothing = false;
	if (job_position_parse(options->last_event_id, &events.seen)) {
		events.begun = true;
		if (events.seen.ended) {
			struct job_row row;

			status = job_store_get(jobs->db, options->user, options->id, false, &row);
			*nothing = status == STATUS_OK && row.finished_ms != 0;
			if (status != STATUS_OK || *nothing)
				return status;
		}
	}
	call_park(call);
	job_watch_begin(&watch, jobs, options->id, !options->only_end);
	status = job_follow_watched(&events, &watch, options);
	job_watch_end(&watch);
	job_events_fini(&events);
	return status;
}
