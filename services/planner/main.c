/* SPDX-License-Identifier: MIT
 * The planner service: plans, their items, and quotas. */
#include "common/ai/settings.h"
#include "common/base/obj.h"
#include "common/io/db_migrate.h"
#include "common/service/service.h"
#include "proto/planner_rules.h"
#include "services/planner/jobs/job_commands.h"
#include "services/planner/planner.h"

#include "planner.pb-c.h"

static const struct method planner_methods[] = {
    {"CreatePlan", planner_create_plan},
    {"ListPlans", planner_list_plans},
    {"GetPlan", planner_get_plan},
    {"UpdatePlan", planner_update_plan},
    {"DeletePlan", planner_delete_plan},
    {"ListItems", planner_list_items},
    {"AddItem", planner_add_item},
    {"GetItem", planner_get_item},
    {"UpdateItem", planner_update_item},
    {"DeleteItem", planner_delete_item},
    {"Replan", planner_replan},
    {"GetCalendar", planner_get_calendar},
    {"GetQuota", planner_get_quota},
    {"ListJobs", planner_list_jobs},
    {"GetJob", planner_get_job},
    {"CancelJob", planner_cancel_job},
    {"FollowJob", planner_follow_job},
    {"GetTutorContext", planner_get_tutor_context},
    {"ReserveTokens", planner_reserve_tokens},
    {"SettleTokens", planner_settle_tokens},
    {"Export", planner_export},
    {"Erase", planner_erase},
};

static const struct config_setting planner_config[] = {
    AI_SETTINGS,
    {.name = "PROMPTS_DIR",
     .type = CONFIG_TEXT,
     .target = &planner_settings.prompts_dir,
     .global = true,
     .help = "Folder of the texts that tell the AI what to do; empty: those beside the program"},
    {.name = "USER_DAILY_PLANS",
     .type = CONFIG_INT,
     .target = &planner_settings.user_daily_plans,
     .fallback = "100",
     .min = 0,
     .max = 1000000,
     .global = true,
     .help = "Plans that a learner may ask for in a day; 0: no limit"},
    {.name = "USER_DAILY_TOKENS",
     .type = CONFIG_INT,
     .target = &planner_settings.user_daily_tokens,
     .fallback = "200000",
     .min = 0,
     .max = 2000000000,
     .global = true,
     .help = "Tokens of AI providers that a learner may use in a day; 0: no limit"},
    {.name = "AI_DAILY_TOKENS",
     .type = CONFIG_INT,
     .target = &planner_settings.ai_daily_tokens,
     .fallback = "20000000",
     .min = 0,
     .max = 1000000000000,
     .global = true,
     .help = "Tokens that all learners together may use in a day (UTC); 0: no limit"},
    {.name = "GEMINI_DAILY_TOKENS",
     .type = CONFIG_INT,
     .target = &planner_settings.gemini_daily_tokens,
     .fallback = "0",
     .min = 0,
     .max = 1000000000000,
     .global = true,
     .help = "Those of them that may be Gemini's; 0: no limit"},
    {.name = "OPENAI_DAILY_TOKENS",
     .type = CONFIG_INT,
     .target = &planner_settings.openai_daily_tokens,
     .fallback = "0",
     .min = 0,
     .max = 1000000000000,
     .global = true,
     .help = "Those of them that may be OpenAI's; 0: no limit"},
    {.name = "TIMEOUT",
     .type = CONFIG_INT,
     .target = &planner_settings.timeout_s,
     .fallback = "120",
     .min = 1,
     .max = 3600,
     .global = true,
     .help = "Seconds that the making of a plan may take"},
    {.name = "JOB_RETENTION",
     .type = CONFIG_INT,
     .target = &planner_settings.job_keep_days,
     .fallback = "30",
     .min = 1,
     .max = 3650,
     .global = true,
     .help = "Days that finished jobs are kept"},
};

static const char *const planner_calls[] = {"history", "planner", NULL};

extern const struct db_migration planner_migrations[];
extern const size_t planner_migration_count;

static const char *const planner_keyed[] = {"CreatePlan", NULL};

int
main(int argc, char **argv)
{
	const struct service_spec spec = {
	    .name = "planner",
	    .descriptor = &planner__planner__descriptor,
	    .methods = planner_methods,
	    .method_count = COUNT_OF(planner_methods),
	    .keyed = planner_keyed,
	    .rules = {planner_rules, PLANNER_RULE_COUNT},
	    .settings = planner_config,
	    .setting_count = COUNT_OF(planner_config),
	    .migrations = planner_migrations,
	    .migration_count = planner_migration_count,
	    .calls = planner_calls,
	    .commands = job_commands,
	    .command_count = job_command_count,
	    .uses_fetch = true,
	    .background = true,
	    .check = planner_check,
	    .start = planner_start,
	    .stop = planner_stop,
	    .default_port = 7002,
	};

	return service_main(argc, argv, &spec);
}
