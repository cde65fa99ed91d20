/* SPDX-License-Identifier: MIT
 * Conditional updates of counters: the quota of a learner, the budgets of all. */
#include "services/planner/quota.h"

#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/io/db.h"
#include "services/planner/planner.h"

#include <string.h>

#define QUOTA_ALL ""

static const struct zone *
quota_zone(const char *name)
{
	const struct zone *zone = name != NULL ? zone_find(name) : NULL;

	return zone != NULL ? zone : zone_find("UTC");
}

void
quota_today(const char *zone, struct quota_hold *hold)
{
	hold->day = zone_day(quota_zone(zone), clock_wall_us());
	hold->budget_day = zone_day(zone_find("UTC"), clock_wall_us());
}

uint32_t
quota_seconds_left(const char *name)
{
	const struct zone *zone = quota_zone(name);
	int64_t now = clock_wall_us(), end = zone_day_start(zone, zone_day(zone, now) + 1);

	return (uint32_t)((end - now) / 1000000 + 1);
}

static uint64_t
quota_limit(int64_t setting)
{
	return setting > 0 ? (uint64_t)setting : UINT32_MAX;
}

static int64_t
quota_provider_setting(const char *provider)
{
	if (strcmp(provider, "gemini") == 0)
		return planner_settings.gemini_daily_tokens;
	if (strcmp(provider, "openai") == 0)
		return planner_settings.openai_daily_tokens;
	return 0;
}

/* --- the learner --------------------------------------------------------------------------------
 */

static enum status
quota_take_user(struct db *tx, const struct quota_hold *hold, uint64_t *changed)
{
	return DB_EXEC(tx, changed,
	               "UPDATE quota SET tokens = tokens + ?"
	               " WHERE user_id = ? AND day = ? AND tokens + ? <= ?",
	               DB_UINT(hold->tokens), DB_TEXT(hold->user), DB_INT(hold->day),
	               DB_UINT(hold->tokens),
	               DB_UINT(quota_limit(planner_settings.user_daily_tokens)));
}

static enum status
quota_reserve_user(struct db *tx, const struct quota_hold *hold)
{
	struct db_rows *rows;
	uint64_t changed = 0;
	enum status status = quota_take_user(tx, hold, &changed);

	if (status != STATUS_OK || changed == 1)
		return status;
	status = DB_QUERY(tx, &rows, "SELECT 1 FROM quota WHERE user_id = ? AND day = ?",
	                  DB_TEXT(hold->user), DB_INT(hold->day));
	if (status == STATUS_OK && db_count(rows) > 0)
		return STATUS_QUOTA_EXCEEDED;
	if (status == STATUS_OK)
		status = DB_EXEC(tx, NULL,
		                 "INSERT IGNORE INTO quota (user_id, day, plans, tokens)"
		                 " VALUES (?, ?, 0, 0)",
		                 DB_TEXT(hold->user), DB_INT(hold->day));
	if (status == STATUS_OK)
		status = quota_take_user(tx, hold, &changed);
	return status == STATUS_OK && changed == 0 ? STATUS_QUOTA_EXCEEDED : status;
}

enum status
quota_return_plan(struct db *tx, const char *user, int32_t day)
{
	return DB_EXEC(tx, NULL,
	               "UPDATE quota SET plans = plans - 1"
	               " WHERE user_id = ? AND day = ? AND plans > 0",
	               DB_TEXT(user), DB_INT(day));
}

/* --- budgets of many -----------------------------------------------------------------------------
 */

static enum status
quota_take_budget(struct db *tx, const char *scope, const struct quota_hold *hold, uint64_t limit,
                  uint64_t *changed)
{
	return DB_EXEC(tx, changed,
	               "UPDATE budget SET tokens = tokens + ?"
	               " WHERE scope = ? AND day = ? AND tokens + ? <= ?",
	               DB_UINT(hold->tokens), DB_TEXT(scope), DB_INT(hold->budget_day),
	               DB_UINT(hold->tokens), DB_UINT(limit));
}

static enum status
quota_reserve_budget(struct db *tx, const char *scope, const struct quota_hold *hold,
                     int64_t setting)
{
	struct db_rows *rows;
	uint64_t changed = 0;
	enum status status;

	/* Without a limit nothing is counted: the row that all share would only be in the way. */
	if (setting <= 0)
		return STATUS_OK;
	status = quota_take_budget(tx, scope, hold, (uint64_t)setting, &changed);
	if (status != STATUS_OK || changed == 1)
		return status;
	status = DB_QUERY(tx, &rows, "SELECT 1 FROM budget WHERE scope = ? AND day = ?",
	                  DB_TEXT(scope), DB_INT(hold->budget_day));
	if (status == STATUS_OK && db_count(rows) > 0)
		return STATUS_QUOTA_EXCEEDED;
	if (status == STATUS_OK)
		status = DB_EXEC(tx, NULL,
		                 "INSERT IGNORE INTO budget (scope, day, tokens) VALUES (?, ?, 0)",
		                 DB_TEXT(scope), DB_INT(hold->budget_day));
	if (status == STATUS_OK)
		status = quota_take_budget(tx, scope, hold, (uint64_t)setting, &changed);
	return status == STATUS_OK && changed == 0 ? STATUS_QUOTA_EXCEEDED : status;
}

static enum status
quota_settle_budget(struct db *tx, const char *scope, const struct quota_hold *hold, uint32_t used,
                    int64_t setting)
{
	/* A limit that was set only after the reservation: nothing was counted. */
	if (setting <= 0)
		return STATUS_OK;
	return DB_EXEC(tx, NULL,
	               "UPDATE budget SET tokens = GREATEST(tokens + ?, ?) - ?"
	               " WHERE scope = ? AND day = ?",
	               DB_UINT(used), DB_UINT(hold->tokens), DB_UINT(hold->tokens), DB_TEXT(scope),
	               DB_INT(hold->budget_day));
}

enum status
quota_reserve(struct db *tx, const struct quota_hold *hold)
{
	enum status status = quota_reserve_user(tx, hold);

	if (status == STATUS_OK)
		status = quota_reserve_budget(tx, hold->provider, hold,
		                              quota_provider_setting(hold->provider));
	if (status == STATUS_OK)
		status =
		    quota_reserve_budget(tx, QUOTA_ALL, hold, planner_settings.ai_daily_tokens);
	return status;
}

enum status
quota_settle(struct db *tx, const struct quota_hold *hold, uint32_t used)
{
	enum status status;

	if (used == hold->tokens)
		return STATUS_OK;
	status = DB_EXEC(tx, NULL,
	                 "UPDATE quota SET tokens = GREATEST(tokens + ?, ?) - ?"
	                 " WHERE user_id = ? AND day = ?",
	                 DB_UINT(used), DB_UINT(hold->tokens), DB_UINT(hold->tokens),
	                 DB_TEXT(hold->user), DB_INT(hold->day));
	if (status == STATUS_OK)
		status = quota_settle_budget(tx, hold->provider, hold, used,
		                             quota_provider_setting(hold->provider));
	if (status == STATUS_OK)
		status = quota_settle_budget(tx, QUOTA_ALL, hold, used,
		                             planner_settings.ai_daily_tokens);
	return status;
}
