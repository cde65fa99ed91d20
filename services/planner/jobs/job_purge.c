/* SPDX-License-Identifier: MIT
 * Jobs are in the order of their ids, which is that of time: the oldest come first, and the walk
 * ends at the first that is too young. */
#include "services/planner/jobs/job_purge.h"

#include "common/base/log.h"
#include "common/io/db.h"
#include "common/service/subtask.h"
#include "services/planner/jobs/job_store_parts.h"
#include "services/planner/jobs/jobs_private.h"
#include "services/planner/planner.h"

#include <string.h>

#define PURGE_BATCH    100
#define PURGE_DAY_MS   ((int64_t)24 * 3600 * 1000)
#define PURGE_PAUSE_MS (15 * 60 * 1000)

struct purge {
	struct db *db;
	int64_t before_ms;
	char after[37];
	size_t count; /* removed */
	bool more;
	enum status status;
};

static enum status
job_purge_tx(struct db *tx, void *arg)
{
	return job_store_delete(tx, arg);
}

/* A batch in a task of its own, whose rows are freed with it. */
static void
job_purge_batch(void *arg)
{
	struct purge *purge = arg;
	struct job_row *rows;
	size_t count;

	purge->more = false;
	purge->status = job_store_walk(purge->db, purge->after, PURGE_BATCH, &rows, &count);
	for (size_t i = 0; i < count && purge->status == STATUS_OK; i++) {
		if (rows[i].created_ms >= purge->before_ms)
			return;
		strncpy(purge->after, rows[i].id, sizeof purge->after - 1);
		purge->more = i + 1 == PURGE_BATCH;
		if (rows[i].finished_ms == 0 || rows[i].finished_ms >= purge->before_ms)
			continue;
		purge->status = db_transact(purge->db, job_purge_tx, (void *)(uintptr_t)rows[i].id);
		purge->count++;
	}
}

static void
job_purge_days_batch(void *arg)
{
	struct purge *purge = arg;
	const char **ids;
	size_t count;

	purge->more = false;
	purge->status = job_store_with_days(purge->db, purge->after, PURGE_BATCH, &ids, &count);
	for (size_t i = 0; i < count && purge->status == STATUS_OK; i++) {
		struct job_row row;
		enum status status = job_store_get(purge->db, NULL, ids[i], false, &row);

		if (status == STATUS_OK && row.created_ms >= purge->before_ms)
			return;
		strncpy(purge->after, ids[i], sizeof purge->after - 1);
		purge->more = i + 1 == PURGE_BATCH;
		if (status == STATUS_OK &&
		    (row.finished_ms == 0 || row.finished_ms >= purge->before_ms))
			continue;
		/* A day that came after its job was removed has no job. */
		if (status == STATUS_OK || status == STATUS_NOT_FOUND)
			status = job_store_delete_days(purge->db, ids[i]);
		purge->status = status;
	}
}

static enum status
job_purge_all(struct purge *purge, task_fn *batch)
{
	enum status status;

	do {
		status = subtask_run("purge", 0, batch, purge);
		if (status == STATUS_OK)
			status = purge->status;
	} while (status == STATUS_OK && purge->more);
	return status;
}

enum status
job_purge(struct db *db, int64_t before_ms, size_t *count)
{
	struct purge purge = {.db = db, .before_ms = before_ms};
	enum status status = job_purge_all(&purge, job_purge_batch);

	*count = purge.count;
	return status;
}

enum status
job_purge_days(struct db *db, int64_t before_ms)
{
	struct purge purge = {.db = db, .before_ms = before_ms};

	return job_purge_all(&purge, job_purge_days_batch);
}

uint32_t
jobs_purge_round(void *arg)
{
	struct jobs *jobs = arg;
	int64_t now = planner_now_ms();
	size_t count = 0;
	enum status status = job_purge_days(jobs->db, now - PURGE_DAY_MS);

	if (status == STATUS_OK)
		status = job_purge(jobs->db, now - planner_settings.job_keep_days * PURGE_DAY_MS,
		                   &count);
	if (status != STATUS_OK)
		LOG_WARN("old jobs stay for now", LOG_TEXT("status", status_slug(status)));
	else if (count > 0)
		LOG_INFO("old jobs are removed", LOG_INT("jobs", count));
	return PURGE_PAUSE_MS;
}
