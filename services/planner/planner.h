/* SPDX-License-Identifier: MIT
 *
 * What the parts of the planner service share: its state, settings and handlers.
 */
#ifndef STUDYHALL_PLANNER_PLANNER_H
#define STUDYHALL_PLANNER_PLANNER_H

#include "common/service/call.h"
#include "services/planner/jobs/jobs.h"

#include <stdint.h>

struct db;
struct db_batch;
struct outbox;
struct plan_ai;
struct service;

/* Filled from the configuration before the process starts. */
struct planner_settings {
	int64_t user_daily_plans;  /* 0: no limit */
	int64_t user_daily_tokens; /* 0: no limit */
	int64_t ai_daily_tokens;   /* of the whole installation, and through each provider; alike */
	int64_t gemini_daily_tokens, openai_daily_tokens;
	const char *prompts_dir; /* NULL: those beside the program */
	int64_t timeout_s;       /* of a job */
	int64_t job_keep_days;   /* finished jobs */
};
extern struct planner_settings planner_settings;

/* Made by planner_start(), lives as long as the process. */
struct planner {
	struct db *db;
	struct db_batch *reserves, *settles; /* of tokens, written together */
	struct outbox *outbox;
	struct jobs *jobs;
	struct plan_ai *ai;
	struct job_planner by_ai;
};

/* The route of idempotency keys. */
#define PLANNER_CREATE_PLAN "CreatePlan"

enum status planner_check(struct service *service);
enum status planner_start(struct service *service);
void planner_stop(struct service *service);
struct planner *planner_of(struct call *call);

/* Today for whoever calls, in their time zone, as days since 1970; and milliseconds since 1970. */
int32_t planner_today(const struct call *call);
int64_t planner_now_ms(void);
/* Plans that a learner may ask for in a day. */
uint32_t planner_daily_plans(void);

/* handlers_create.c */
enum status planner_create_plan(struct call *call, const void *request, void *reply);
/* handlers_plans.c */
enum status planner_list_plans(struct call *call, const void *request, void *reply);
enum status planner_get_plan(struct call *call, const void *request, void *reply);
enum status planner_update_plan(struct call *call, const void *request, void *reply);
enum status planner_delete_plan(struct call *call, const void *request, void *reply);
/* handlers_items.c */
enum status planner_list_items(struct call *call, const void *request, void *reply);
enum status planner_add_item(struct call *call, const void *request, void *reply);
enum status planner_get_item(struct call *call, const void *request, void *reply);
enum status planner_update_item(struct call *call, const void *request, void *reply);
enum status planner_delete_item(struct call *call, const void *request, void *reply);
/* handlers_replan.c */
enum status planner_replan(struct call *call, const void *request, void *reply);
enum status planner_get_calendar(struct call *call, const void *request, void *reply);
/* handlers_jobs.c */
enum status planner_list_jobs(struct call *call, const void *request, void *reply);
enum status planner_get_job(struct call *call, const void *request, void *reply);
enum status planner_cancel_job(struct call *call, const void *request, void *reply);
enum status planner_follow_job(struct call *call, const void *request, void *reply);
/* handlers_internal.c: quota, and what other services ask */
enum status planner_get_quota(struct call *call, const void *request, void *reply);
enum status planner_get_tutor_context(struct call *call, const void *request, void *reply);
/* handlers_tokens.c: what other services' calls of providers cost */
enum status planner_reserve_tokens(struct call *call, const void *request, void *reply);
enum status planner_settle_tokens(struct call *call, const void *request, void *reply);
struct db_batch *planner_reserve_batch(struct db *db);
struct db_batch *planner_settle_batch(struct db *db);
/* A round of a periodic: forgets what was settled long ago. */
uint32_t planner_purge_holds(void *planner);
/* handlers_export.c */
enum status planner_export(struct call *call, const void *request, void *reply);
enum status planner_erase(struct call *call, const void *request, void *reply);

#endif
