/* SPDX-License-Identifier: MIT
 * The course of a job: asks the AI planner, and records what it reports. */
#include "services/planner/jobs/job_record.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/task/task.h"
#include "services/planner/builtin/goal.h"
#include "services/planner/jobs/jobs_private.h"

#include <stdio.h>
#include <string.h>

#define UNKNOWN_MOST 1 /* calls with an unknown outcome after which one more is bought */
#define MARK_SIZE    (ID_SIZE + 12)

struct course {
	struct job *job;
	const Planner__JobRequest *request;
};

/* --- what the AI planner reports -----------------------------------------------------------------
 */

static enum status
job_course_call_starts(void *arg, const char *provider, const char *model, uint32_t tokens_at_most,
                       unsigned *number)
{
	struct course *course = arg;

	return job_record_call(course->job, course->request->time_zone, provider, model,
	                       tokens_at_most, number);
}

static void
job_course_call_ended(void *arg, unsigned number, enum ai_outcome outcome, uint32_t prompt_tokens,
                      uint32_t completion_tokens, const char *why)
{
	struct course *course = arg;

	job_record_call_ended(course->job, number, outcome, prompt_tokens, completion_tokens, why);
}

static enum status
job_course_day(void *arg, const struct plan_day *day)
{
	struct course *course = arg;

	return job_record_day(course->job, day);
}

static enum status
job_course_reset(void *arg, const char *reason)
{
	struct course *course = arg;

	LOG_INFO("the days so far are void", LOG_TEXT("job", course->job->id),
	         LOG_TEXT("why", reason));
	return job_record_reset(course->job);
}

/* --- the course ----------------------------------------------------------------------------------
 */

static enum status
job_course_ask(struct course *course, const struct schedule_request *schedule,
               struct plan_ai_result *result)
{
	struct job *job = course->job;
	const struct job_planner *planner = job->jobs->planner;
	const struct plan_ai_sink sink = {course, job_course_call_starts, job_course_call_ended,
	                                  job_course_day, job_course_reset};
	struct goal_topics topics = {schedule->topics, schedule->topic_count};
	struct plan_ask ask = {.request = schedule, .subject = course->request->plan->subject};
	struct plan_day *had;
	char mark[MARK_SIZE];
	enum status status = STATUS_OK;

	if (topics.count == 0)
		status = goal_topics(task_arena(), schedule->goal, schedule->locale, &topics);
	if (status == STATUS_OK)
		status = job_record_had(job, &had, &ask.had_count);
	if (status != STATUS_OK)
		return status;
	snprintf(mark, sizeof mark, "%s:%u", job->id, job->fence.attempt);
	ask.mark = mark;
	ask.had = had;
	if (job_record_last_provider(job) != NULL)
		ask.had_provider = arena_strdup(task_arena(), job_record_last_provider(job));
	ask.topics = topics.topic;
	ask.topic_count = topics.count;
	ask.give_up_ms = task_deadline();
	return planner->make(planner->arg, &ask, &sink, result);
}

enum status
job_course(struct job *job, const Planner__JobRequest *request,
           const struct schedule_request *schedule)
{
	struct course course = {job, request};
	struct plan_ai_result *result = arena_alloc(task_arena(), sizeof *result);
	uint64_t began_us = clock_us();
	unsigned unknown;
	enum status status;

	if (result == NULL)
		return STATUS_OVERLOADED;
	/* Without any provider the built-in planner is no substitute for one. */
	if (job->jobs->planner == NULL)
		return job->helped_out ? STATUS_OK : STATUS_PROVIDERS_FAILED;
	status = job_record_load(job, &unknown);
	if (status != STATUS_OK)
		return status;
	if (unknown > UNKNOWN_MOST) {
		snprintf(job->result.detail, sizeof job->result.detail,
		         "%u calls were lost, no more are made", unknown);
		return STATUS_PROVIDERS_FAILED;
	}
	status = job_course_ask(&course, schedule, result);
	job->ai_us += clock_us() - began_us;
	if (status != STATUS_OK) {
		strncpy(job->result.detail, result->why, sizeof job->result.detail - 1);
		return status;
	}
	job_record_usage(job, &job->prompt_tokens, &job->completion_tokens, &job->provider,
	                 &job->model);
	if (result->provider != NULL) {
		job->provider = result->provider;
		job->model = result->model;
	}
	return job->provider != NULL ? STATUS_OK : STATUS_INTERNAL;
}
