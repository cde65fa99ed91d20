/* SPDX-License-Identifier: MIT
 * What the operator types: `planner jobs ...`. Failed jobs are the dead letters: they stay until
 * they are replayed or purged. */
#include "services/planner/jobs/job_commands.h"

#include "common/base/arena.h"
#include "common/base/date.h"
#include "common/base/obj.h"
#include "common/io/db.h"
#include "common/service/subtask.h"
#include "common/task/task.h"
#include "services/planner/jobs/job_purge.h"
#include "services/planner/jobs/job_store.h"
#include "services/planner/jobs/job_store_parts.h"
#include "services/planner/planner.h"
#include "services/planner/store.h"

#include "planner_job.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_PAGE   100
#define COMMAND_DAY_MS ((int64_t)24 * 3600 * 1000)
#define COMMAND_DAYS   36500 /* a hundred years */

static const char *const command_statuses[] = {"queued", "running", "succeeded", "failed",
                                               "cancelled"};

static int
command_failed(const char *command, const char *what)
{
	fprintf(stderr, "planner jobs %s: %s\n", command, what);
	return 1;
}

static const char *
command_instant(int64_t time_ms, char out[INSTANT_TEXT_SIZE])
{
	if (time_ms == 0)
		return "-";
	instant_format(time_ms * 1000, out);
	return out;
}

/* --- list ----------------------------------------------------------------------------------------
 */

struct command_list {
	struct db *db;
	int wanted; /* status; -1: any */
	char after[37];
	size_t count;
	enum status status;
};

static void
command_list_page(void *arg)
{
	struct command_list *list = arg;
	struct job_row *rows;
	char created[INSTANT_TEXT_SIZE];

	list->status = job_store_walk(list->db, list->after, COMMAND_PAGE, &rows, &list->count);
	for (size_t i = 0; list->status == STATUS_OK && i < list->count; i++) {
		strncpy(list->after, rows[i].id, sizeof list->after - 1);
		if (list->wanted >= 0 && (int)rows[i].status != list->wanted)
			continue;
		printf("%s\t%s\t%s\t%s\t%u\t%s\n", rows[i].id, command_statuses[rows[i].status],
		       command_instant(rows[i].created_ms, created), rows[i].user, rows[i].attempt,
		       rows[i].failure != NULL ? rows[i].failure : "");
	}
}

static int
command_list(struct service *service, int argc, char **argv)
{
	struct command_list list = {.db = service_db(service), .wanted = -1};

	for (size_t i = 0; argc == 1 && i < COUNT_OF(command_statuses); i++)
		if (strcmp(argv[0], command_statuses[i]) == 0)
			list.wanted = (int)i;
	if (argc == 1 && list.wanted < 0)
		return command_failed(
		    "list", "a status is queued, running, succeeded, failed or cancelled");
	do {
		if (subtask_run("list", 0, command_list_page, &list) != STATUS_OK ||
		    list.status != STATUS_OK)
			return command_failed("list", status_title(list.status));
	} while (list.count == COMMAND_PAGE);
	return 0;
}

/* --- show ----------------------------------------------------------------------------------------
 */

static void
command_show_row(const struct job_row *row)
{
	char text[INSTANT_TEXT_SIZE];

	printf("id\t%s\nuser\t%s\nstatus\t%s\nattempts\t%u\npriority\t%d\n", row->id, row->user,
	       command_statuses[row->status], row->attempt, (int)row->priority);
	printf("created\t%s\n", command_instant(row->created_ms, text));
	printf("run at\t%s\n", command_instant(row->run_ms, text));
	printf("started\t%s\n", command_instant(row->started_ms, text));
	printf("finished\t%s\n", command_instant(row->finished_ms, text));
	printf("cancelling\t%s\n", row->cancel_requested ? "yes" : "no");
	if (row->failure != NULL)
		printf("failure\t%s\t%s\n", row->failure, row->detail != NULL ? row->detail : "");
}

static int
command_show(struct service *service, int argc, char **argv)
{
	char started[INSTANT_TEXT_SIZE], ended[INSTANT_TEXT_SIZE];
	struct job_call_row *calls;
	struct job_row row;
	size_t count;
	enum status status;

	(void)argc;
	status = job_store_get(service_db(service), NULL, argv[0], false, &row);
	if (status == STATUS_OK)
		status = job_store_calls(service_db(service), argv[0], &calls, &count);
	if (status != STATUS_OK)
		return command_failed("show", status_title(status));
	command_show_row(&row);
	for (size_t i = 0; i < count; i++)
		printf("call %u\t%s\t%s\tattempt %u\t%s\t%s\t%s\t%u of %u tokens\t%s\n",
		       calls[i].number, calls[i].provider, calls[i].model, calls[i].attempt,
		       job_call_outcome_name(calls[i].outcome),
		       command_instant(calls[i].started_ms, started),
		       command_instant(calls[i].ended_ms, ended),
		       calls[i].prompt_tokens + calls[i].completion_tokens, calls[i].reserved,
		       calls[i].why != NULL ? calls[i].why : "");
	return 0;
}

/* --- replay, purge -------------------------------------------------------------------------------
 */

/* Its end gave the plan back to the learner's day. */
static enum status
command_replay_tx(struct db *tx, void *arg)
{
	Planner__JobRequest *request;
	struct job_row row;
	uint32_t used;
	bool granted;
	enum status status = job_store_get(tx, NULL, arg, true, &row);

	if (status == STATUS_OK)
		status = job_store_replay(tx, arg, planner_now_ms());
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_CONFLICT : status;
	request = planner__job_request__unpack(arena_allocator(task_arena()), row.request_length,
	                                       row.request);
	if (request == NULL)
		return STATUS_INTERNAL;
	return planner_store_take_plan(tx, row.user, request->today, UINT32_MAX, &granted, &used);
}

static int
command_replay(struct service *service, int argc, char **argv)
{
	enum status status;

	(void)argc;
	status = db_transact(service_db(service), command_replay_tx, argv[0]);
	if (status == STATUS_CONFLICT)
		return command_failed("replay", "there is no failed job of this id");
	if (status != STATUS_OK)
		return command_failed("replay", status_title(status));
	printf("%s will run again\n", argv[0]);
	return 0;
}

static int
command_purge(struct service *service, int argc, char **argv)
{
	char *end = NULL;
	long days = strtol(argv[0], &end, 10);
	size_t count;
	enum status status;

	(void)argc;
	if (days < 0 || days > COMMAND_DAYS || end == argv[0] || *end != '\0')
		return command_failed("purge", "how many days are to stay?");
	status = job_purge(service_db(service), planner_now_ms() - days * COMMAND_DAY_MS, &count);
	if (status != STATUS_OK)
		return command_failed("purge", status_title(status));
	printf("%zu\n", count);
	return 0;
}

const struct service_command job_commands[] = {
    {"jobs list", "jobs list [STATUS]  every job, or those of a status, oldest first",
     command_list},
    {"jobs show", "jobs show ID        a job and its calls of AI providers", command_show},
    {"jobs replay", "jobs replay ID      let a failed job run again", command_replay},
    {"jobs purge", "jobs purge DAYS     remove jobs that finished more than DAYS days ago",
     command_purge},
};
const size_t job_command_count = COUNT_OF(job_commands);
