/* SPDX-License-Identifier: MIT
 * Runs a job: a task for its course, which can be late or cancelled, and then another for its end,
 * which can not. A job never runs in the task of the request that made it. */
#include "services/planner/jobs/jobs_private.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "services/planner/builtin/study_days.h"
#include "services/planner/draft.h"
#include "services/planner/planner.h"

#define SOFT_PERCENT 90 /* of TIMEOUT: then the AI is given up, if another planner may help out */

enum status
job_request(const void *bytes, size_t length, Planner__JobRequest **request,
            struct schedule_request *schedule)
{
	struct draft_flaw flaw;

	*request = planner__job_request__unpack(arena_allocator(task_arena()), length, bytes);
	if (*request == NULL || (*request)->plan == NULL)
		return STATUS_INTERNAL;
	if (draft_read((*request)->plan, (*request)->today, (*request)->locale, schedule, &flaw) !=
	    STATUS_OK)
		return STATUS_INTERNAL;
	return STATUS_OK;
}

struct worker *
jobs_worker(struct jobs *jobs)
{
	return jobs->workers[atomic_fetch_add(&jobs->next_worker, 1) % jobs->worker_count];
}

static void
job_finish_task(void *arg)
{
	struct job *job = arg;

	job_finish(job);
	job_release(&job);
}

/* Not part of job_run(), whose frame is on the stack for as long as the AI takes. */
static __attribute__((noinline)) uint32_t
job_run_days(const struct schedule_request *schedule)
{
	const struct study_span span = {schedule->start_day, schedule->end_day, schedule->has_exam,
	                                schedule->exam_day, schedule->rest_days};
	struct study_days days;

	study_days_of(&span, &days);
	return (uint32_t)days.count;
}

static void
job_run(struct job *job)
{
	struct schedule_request schedule;
	Planner__JobRequest *request;

	job->outcome = job_request(job->request, job->request_length, &request, &schedule);
	if (job->outcome != STATUS_OK)
		return;
	job->days_total = job_run_days(&schedule);
	job->outcome = job_course(job, request, &schedule);
}

static void
job_course_task(void *arg)
{
	struct job *job = arg;
	struct task_options options = {.name = "job-end", .traceparent = task_traceparent()};

	job->course = task_self();
	if (job_stopped(job) == JOB_GO_ON)
		job_run(job);
	job->course = NULL;
	if (task_spawn(&options, job_finish_task, job) != STATUS_OK)
		job_finish_task(job);
}

/* clock_ms() at which the course ends. TIMEOUT counts from the job's first start. */
static uint64_t
job_deadline(const struct job *job)
{
	int64_t limit_ms = planner_settings.timeout_s * 1000;
	int64_t used_ms = planner_now_ms() - job->started_ms;

	if (job->helped_out)
		limit_ms = limit_ms * SOFT_PERCENT / 100;
	return used_ms < limit_ms ? clock_ms() + (uint64_t)(limit_ms - used_ms) : clock_ms();
}

static void
job_start_fn(struct post *post)
{
	struct job *job = OBJ_CONTAINER(post, struct job, start_post);
	struct task_options options = {
	    .name = "job", .deadline_ms = job_deadline(job), .traceparent = job->traceparent};

	if (task_spawn(&options, job_course_task, job) == STATUS_OK)
		return;
	LOG_WARN("no memory for a job: it goes back", LOG_TEXT("job", job->id));
	jobs_suspect(job->jobs);
	job_over(job, JOB_LEFT);
	job_release(&job);
}

void
job_begin(struct job *job, struct worker *worker)
{
	pthread_mutex_lock(&job->jobs->lock);
	job->worker = worker;
	pthread_mutex_unlock(&job->jobs->lock);
	job->start_post.fn = job_start_fn;
	if (worker == worker_current())
		job_start_fn(&job->start_post);
	else
		worker_post(worker, &job->start_post);
}
