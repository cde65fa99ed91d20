/* SPDX-License-Identifier: MIT
 *
 * A job that this process runs, in memory, and who follows it. Private to jobs/.
 *
 * A job belongs to one worker, whose tasks run it: first the course, in which a provider may be
 * asked and which can be cancelled or late, then the finish, which writes how it ended. What is
 * marked "lock" is guarded by jobs->lock, for followers on other workers look at it.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_H
#define STUDYHALL_PLANNER_JOBS_JOB_H

#include "common/base/ids.h"
#include "common/task/task.h"
#include "common/task/worker.h"
#include "services/planner/builtin/schedule.h"
#include "services/planner/jobs/job_store.h"

#include "planner_job.pb-c.h"

struct job_calls;
struct job_learner;
struct jobs;

#define JOB_DETAIL_SIZE 200

/* Why the course of a job is to end early. A later one counts more. */
enum job_stop {
	JOB_GO_ON,
	JOB_STOP_HAND_OVER, /* the process ends: others shall go on */
	JOB_STOP_CANCELLED,
	JOB_STOP_LOST /* it is not ours any more: nothing may be written */
};

enum job_phase {
	JOB_ACTIVE,
	JOB_OVER, /* its end is in the database; `result` is set and stays as it is */
	JOB_LEFT  /* this process has nothing more to do with it; the database knows */
};

struct job_result {
	enum job_status status;
	enum status failure; /* of a failed one */
	char detail[JOB_DETAIL_SIZE];
	uint32_t retry_after_s;
	void *answer; /* a packed planner.PlanAnswer, malloc'ed; NULL unless it succeeded */
	size_t length;
	int32_t days_left; /* as the answer says */
	uint32_t ai_ms;
};

/* A packed planner.PlanDay, malloc'ed. */
struct job_day {
	void *bytes;
	size_t length;
};

struct job {
	unsigned magic;
	_Atomic unsigned references;
	struct jobs *jobs;
	struct job *next; /* in its bucket */
	struct job_learner *learner;
	struct worker *worker;

	/* Constant once it runs. */
	char *user, *key; /* key: or NULL */
	char id[ID_SIZE];
	struct job_fence fence;
	enum job_priority priority;
	int64_t created_ms, started_ms;
	uint64_t started_us; /* clock_us() of this attempt */
	void *request;       /* a packed planner.JobRequest, malloc'ed */
	size_t request_length;
	char traceparent[TASK_TRACEPARENT_LENGTH + 1];
	bool helped_out; /* the built-in planner may take the place of the AI */
	struct post start_post, stop_post;

	/* The worker's. */
	struct task *course;
	enum status outcome; /* of the course */
	uint32_t days_total;
	const char *provider, *model; /* of the days; NULL: none was there to be asked */
	uint32_t prompt_tokens, completion_tokens;
	uint64_t ai_us;
	struct job_calls *calls;

	/* lock: */
	enum job_stop stop;
	bool stop_posted;
	enum job_phase phase;
	uint32_t epoch, kept;
	struct job_day *days; /* of the epoch */
	size_t day_count, day_room;
	size_t written;   /* of them are in the database: followers may see them */
	bool days_listed; /* among those with days to be written */
	struct job *days_next;
	uint64_t days_due_ms; /* when they are to be */
	struct job_result result;
};

/* What a job is made from. All is copied. */
struct job *job_new(struct jobs *jobs, const struct job_row *row);
struct job *job_hold(struct job *job);
/* Any thread. NULL inside is fine. */
void job_release(struct job **job);

/* Asks the job to end early. Any thread; at once. */
void job_stop(struct job *job, enum job_stop why);
enum job_stop job_stopped(struct job *job);
/* With the lock held. */
void job_stop_locked(struct job *job, enum job_stop why);
/* The last phase, OVER or LEFT: wakes who watches and takes the job from the table. */
void job_over(struct job *job, enum job_phase phase);

/* Starts the job, which is in the table of jobs, on a worker. Takes over the caller's reference. */
void job_begin(struct job *job, struct worker *worker);

/* The course: asks the providers. In the job's task; OK with the days in job->days, or why there
 * are none. job_ai.c */
enum status job_course(struct job *job, const Planner__JobRequest *request,
                       const struct schedule_request *schedule);
/* Writes the end of a job whose course is over, as often as that takes. In a task that has no
 * deadline. job_finish.c */
void job_finish(struct job *job);

/* The unpacked request and what it asks for, in the task's arena. INTERNAL: it cannot be read. */
enum status job_request(const void *bytes, size_t length, Planner__JobRequest **request,
                        struct schedule_request *schedule);

#endif
