/* SPDX-License-Identifier: MIT
 *
 * Writing the events of a job to one follower, in their right order. Private to job_follow.c.
 */
#ifndef STUDYHALL_PLANNER_JOBS_JOB_EVENTS_H
#define STUDYHALL_PLANNER_JOBS_JOB_EVENTS_H

#include "common/base/buf.h"
#include "services/planner/jobs/job.h"

struct call;

/* What a follower has seen: so many days of an epoch. */
struct job_position {
	uint32_t epoch; /* 0: nothing */
	uint32_t days;
	bool ended;
};
#define JOB_POSITION_SIZE 32
void job_position_format(const struct job_position *position, char out[JOB_POSITION_SIZE]);
/* False when it is no position (NULL too). */
bool job_position_parse(const char *text, struct job_position *position);

struct job_events {
	struct call *call;
	struct jobs *jobs;
	struct job_position seen;
	bool begun;    /* the first `job` is told, now or earlier */
	bool only_end; /* nothing is told */
	struct buf out;
};

void job_events_fini(struct job_events *events);
/* The first event, unless it is told. Here and below: OK, or why the stream breaks off. */
enum status job_events_begin(struct job_events *events, const struct job_row *row);
/* What follows belongs to this epoch, whose first `kept` days are the last one's. */
enum status job_events_epoch(struct job_events *events, uint32_t epoch, uint32_t kept);
/* The next day of the epoch, packed. */
enum status job_events_day(struct job_events *events, const void *day, size_t length);
/* The end: days not seen yet, the job, and its plan or what went wrong. `result` is what is in
 * memory of it, or NULL. */
enum status job_events_end(struct job_events *events, const struct job_row *row,
                           const struct job_result *result);
/* An event of another planner, packed. */
enum status job_events_pass(struct job_events *events, const void *event, size_t length);

#endif
