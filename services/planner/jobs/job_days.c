/* SPDX-License-Identifier: MIT
 * The days of running jobs: in memory at once, and then in the database, those of many jobs in one
 * commit; followers see a day when it is there. */
#include "services/planner/jobs/job_record.h"

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/delimited.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/io/db.h"
#include "common/service/periodic.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_store_parts.h"
#include "services/planner/jobs/jobs_private.h"

#include <stdlib.h>
#include <string.h>

#define DAYS_GATHER_MS 2000 /* how long days are gathered that nobody watches: many plans are */
#define DAYS_ROUND_MS  500  /* complete by then, and what is written then is the plan */
#define DAYS_BATCH     64   /* jobs in one transaction, */
#define DAYS_MOST      512  /* days of them, */
#define DAYS_ROW       64   /* and those of a job that one row holds */

/* --- in memory ----------------------------------------------------------------------------------
 */

static struct job_list *
job_days_list_of(const struct job *job)
{
	return job->days_due_ms == 0 ? &job->jobs->hurried : &job->jobs->gathering;
}

/* With the lock held: at the end of its list, which keeps hold of it. */
static void
job_days_append(struct job *job)
{
	struct job_list *list = job_days_list_of(job);

	job->days_listed = true;
	job->days_next = NULL;
	*list->tail = job;
	list->tail = &job->days_next;
}

/* With the lock held: from its place, at which `at` points. The hold is the caller's. */
static void
job_days_unlist(struct job **at)
{
	struct job *job = *at;
	struct job_list *list = job_days_list_of(job);

	*at = job->days_next;
	if (*at == NULL)
		list->tail = at;
	job->days_listed = false;
}

/* With the lock held: among those with days to be written. True: at once, for somebody watches. */
static bool
job_days_list(struct job *job)
{
	if (job->days_listed)
		return false;
	job->days_due_ms = jobs_days_watched(job->jobs, job->id) ? 0 : clock_ms() + DAYS_GATHER_MS;
	job_days_append(job_hold(job));
	return job->days_due_ms == 0;
}

enum status
job_days_add(struct job *job, const void *bytes, size_t length, bool written)
{
	struct jobs *jobs = job->jobs;
	struct job_day day = {malloc(length + 1), length};
	bool hurried = false;

	if (day.bytes == NULL)
		return STATUS_OVERLOADED;
	memcpy(day.bytes, bytes, length);
	pthread_mutex_lock(&jobs->lock);
	if (job->day_count == job->day_room) {
		size_t room = job->day_room * 2 + 8;
		struct job_day *days = realloc(job->days, room * sizeof *days);

		if (days == NULL) {
			pthread_mutex_unlock(&jobs->lock);
			free(day.bytes);
			return STATUS_OVERLOADED;
		}
		job->days = days;
		job->day_room = room;
	}
	job->days[job->day_count++] = day;
	if (written)
		job->written = job->day_count;
	else
		hurried = job_days_list(job);
	pthread_mutex_unlock(&jobs->lock);
	if (hurried)
		periodic_nudge(jobs->day_writer);
	return STATUS_OK;
}

static char *
job_days_text(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* Packs the day, with ids that the plan's items will bear. */
static enum status
job_days_pack(const struct job *job, const struct plan_day *day, struct arena *arena, void **bytes,
              size_t *length)
{
	Planner__PlanDay message = PLANNER__PLAN_DAY__INIT;
	Planner__Item *items = arena_calloc(arena, day->count + 1, sizeof *items);
	char date[DATE_TEXT_SIZE];

	message.items = arena_calloc(arena, day->count + 1, sizeof *message.items);
	if (items == NULL || message.items == NULL)
		return STATUS_OVERLOADED;
	date_format(day->day, date);
	message.date = date;
	for (size_t i = 0; i < day->count; i++) {
		Planner__Item *item = &items[i];

		planner__item__init(item);
		item->id = arena_alloc(arena, ID_SIZE);
		if (item->id == NULL)
			return STATUS_OVERLOADED;
		ids_new(item->id);
		item->plan_id = job_days_text(job->id);
		item->date = date;
		item->title = job_days_text(day->items[i].title);
		item->has_minutes = item->has_kind = item->has_done = true;
		item->minutes = (uint32_t)day->items[i].minutes;
		item->kind = (Planner__Item__Kind)day->items[i].kind;
		message.items[message.n_items++] = item;
	}
	*length = planner__plan_day__get_packed_size(&message);
	*bytes = arena_alloc(arena, *length + 1);
	if (*bytes == NULL)
		return STATUS_OVERLOADED;
	planner__plan_day__pack(&message, *bytes);
	return STATUS_OK;
}

enum status
job_record_day(struct job *job, const struct plan_day *day)
{
	/* Not the task's: all days together would make it grow while it waits for the next. */
	struct arena *arena = arena_new(0);
	void *bytes;
	size_t length;
	enum status status = STATUS_OVERLOADED;

	if (arena != NULL)
		status = job_days_pack(job, day, arena, &bytes, &length);
	if (status == STATUS_OK)
		status = job_days_add(job, bytes, length, false);
	arena_free(&arena);
	return status;
}

enum status
job_record_reset(struct job *job)
{
	struct jobs *jobs = job->jobs;
	enum status status = job_store_set_epoch(jobs->db, &job->fence, job->epoch + 1, 0);

	if (status == STATUS_CONFLICT) {
		job_stop(job, JOB_STOP_LOST);
		return STATUS_CANCELLED;
	}
	if (status != STATUS_OK)
		return status;
	pthread_mutex_lock(&jobs->lock);
	for (size_t i = 0; i < job->day_count; i++)
		free(job->days[i].bytes);
	job->day_count = job->written = 0;
	job->kept = 0;
	job->epoch++;
	jobs_wake_days(jobs, job->id);
	pthread_mutex_unlock(&jobs->lock);
	return STATUS_OK;
}

/* --- read again ---------------------------------------------------------------------------------
 */

static Planner__PlanDay *
job_days_unpack(const struct job_day *day)
{
	return planner__plan_day__unpack(arena_allocator(task_arena()), day->length, day->bytes);
}

enum status
job_record_had(struct job *job, struct plan_day **out, size_t *count)
{
	struct arena *arena = task_arena();
	struct plan_day *days = arena_calloc(arena, job->day_count + 1, sizeof *days);

	*out = days;
	*count = job->day_count;
	if (days == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < job->day_count; i++) {
		Planner__PlanDay *message = job_days_unpack(&job->days[i]);
		struct plan_day_item *items;

		if (message == NULL || message->date == NULL ||
		    !date_parse(message->date, &days[i].day))
			return STATUS_INTERNAL;
		items = arena_calloc(arena, message->n_items + 1, sizeof *items);
		if (items == NULL)
			return STATUS_OVERLOADED;
		for (size_t j = 0; j < message->n_items; j++)
			items[j] =
			    (struct plan_day_item){.title = message->items[j]->title,
			                           .minutes = (int)message->items[j]->minutes,
			                           .kind = (enum plan_kind)message->items[j]->kind};
		days[i].items = items;
		days[i].count = message->n_items;
	}
	return STATUS_OK;
}

enum status
job_record_items(struct job *job, struct planner_item **items, size_t *count)
{
	struct arena *arena = task_arena();
	Planner__PlanDay **days = arena_calloc(arena, job->day_count + 1, sizeof *days);
	size_t room = 0;

	*count = 0;
	for (size_t i = 0; days != NULL && i < job->day_count; i++) {
		days[i] = job_days_unpack(&job->days[i]);
		if (days[i] == NULL)
			return STATUS_OVERLOADED;
		room += days[i]->n_items;
	}
	*items = arena_calloc(arena, room + 1, sizeof **items);
	if (days == NULL || *items == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < job->day_count; i++) {
		int32_t day;

		if (!date_parse(days[i]->date, &day))
			return STATUS_INTERNAL;
		for (size_t j = 0; j < days[i]->n_items; j++) {
			const Planner__Item *from = days[i]->items[j];

			(*items)[(*count)++] = (struct planner_item){.id = from->id,
			                                             .day = day,
			                                             .title = from->title,
			                                             .minutes = from->minutes,
			                                             .kind = (int)from->kind};
		}
	}
	return STATUS_OK;
}

/* --- in the database ---------------------------------------------------------------------------
 */

/* With the lock held: a job's days from index `from` on, `room` at most, as one row in the arena.
 * Returns how many they are: 0 also without memory. */
static size_t
job_days_row(struct job *job, size_t from, size_t room, struct job_days_row *row)
{
	size_t end = from;
	struct buf bytes;

	buf_init(&bytes, 0);
	for (; end < job->day_count && end - from < room; end++)
		delimited_put_packed(&bytes, job->days[end].bytes, job->days[end].length);
	*row = (struct job_days_row){job->id, job->epoch, (uint32_t)end, NULL, bytes.length};
	if (!buf_failed(&bytes) && bytes.length > 0)
		row->bytes = arena_memdup(task_arena(), bytes.bytes, bytes.length);
	buf_fini(&bytes);
	return row->bytes != NULL ? end - from : 0;
}

enum status
job_record_put_days(struct db *tx, struct job *job)
{
	enum status status = STATUS_OK;

	for (size_t from = job->written; status == STATUS_OK && from < job->day_count;) {
		struct job_days_row row;
		size_t count;

		pthread_mutex_lock(&job->jobs->lock);
		count = job_days_row(job, from, DAYS_ROW, &row);
		pthread_mutex_unlock(&job->jobs->lock);
		from += count;
		status = count > 0 ? job_store_add_days(tx, &row, 1) : STATUS_OVERLOADED;
	}
	return status;
}

struct days_batch {
	struct jobs *jobs;
	struct job_days_row rows[DAYS_BATCH];
	struct job *owners[DAYS_BATCH]; /* of the rows, held */
	size_t count, days;
};

void
jobs_days_hurry(struct job *job)
{
	struct jobs *jobs = job->jobs;
	struct job **at = &jobs->gathering.head;

	pthread_mutex_lock(&jobs->lock);
	if (job->days_listed && job->days_due_ms > 0) {
		while (*at != job)
			at = &(*at)->days_next;
		job_days_unlist(at);
		job->days_due_ms = 0;
		job_days_append(job);
	}
	pthread_mutex_unlock(&jobs->lock);
	periodic_nudge(jobs->day_writer);
}

/* The next to be written: who is watched in the order of their days, then who has gathered for long
 * enough. */
static struct job **
job_days_next(struct jobs *jobs, uint64_t now)
{
	struct job **next = &jobs->gathering.head;

	if (jobs->hurried.head != NULL)
		return &jobs->hurried.head;
	return *next != NULL && ((*next)->phase != JOB_ACTIVE || (*next)->days_due_ms <= now)
	           ? next
	           : NULL;
}

/* Takes jobs that are due until the batch is full; one with more days comes again at once. */
static void
job_days_take(struct days_batch *batch)
{
	struct jobs *jobs = batch->jobs;
	uint64_t now = clock_ms();
	struct job **next;

	pthread_mutex_lock(&jobs->lock);
	while (batch->count < DAYS_BATCH && batch->days < DAYS_MOST &&
	       (next = job_days_next(jobs, now)) != NULL) {
		struct job *job = *next;
		size_t count = 0;

		if (job->phase == JOB_ACTIVE)
			count =
			    job_days_row(job, job->written, DAYS_ROW, &batch->rows[batch->count]);
		if (count > 0)
			batch->owners[batch->count++] = job_hold(job);
		batch->days += count;
		if (job->phase == JOB_ACTIVE && job->written + count < job->day_count) {
			batch->days = DAYS_MOST; /* the rest is next */
			break;
		}
		job_days_unlist(next);
		job_release(&job);
	}
	pthread_mutex_unlock(&jobs->lock);
}

/* What has been written may be seen, unless its epoch is over. What has not is tried again. */
static void
job_days_settle(struct days_batch *batch, bool written)
{
	struct jobs *jobs = batch->jobs;

	pthread_mutex_lock(&jobs->lock);
	for (size_t i = 0; i < batch->count; i++) {
		struct job *job = batch->owners[i];

		if (job->phase != JOB_ACTIVE || job->epoch != batch->rows[i].epoch)
			continue;
		if (!written)
			(void)job_days_list(job);
		else if (job->written < batch->rows[i].last)
			job->written = batch->rows[i].last;
		jobs_wake_days(jobs, job->id);
	}
	pthread_mutex_unlock(&jobs->lock);
	for (size_t i = 0; i < batch->count; i++)
		job_release(&batch->owners[i]);
}

static enum status
job_days_tx(struct db *tx, void *arg)
{
	struct days_batch *batch = arg;

	return job_store_add_days(tx, batch->rows, batch->count);
}

uint32_t
jobs_days_round(void *arg)
{
	struct jobs *jobs = arg;
	struct days_batch batch = {.jobs = jobs};
	enum status status;

	job_days_take(&batch);
	if (batch.count == 0)
		return DAYS_ROUND_MS;
	status = db_transact(jobs->db, job_days_tx, &batch);
	job_days_settle(&batch, status == STATUS_OK);
	if (status != STATUS_OK) {
		LOG_WARN("days cannot be written yet", LOG_TEXT("status", status_slug(status)));
		return DAYS_ROUND_MS;
	}
	return batch.count == DAYS_BATCH || batch.days >= DAYS_MOST ? 0 : DAYS_ROUND_MS;
}
