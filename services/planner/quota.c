/* SPDX-License-Identifier: MIT
 * Conditional updates of counters: the quota of a learner, the budgets of all. */
#include "services/planner/quota.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/io/db.h"
#include "common/io/db_many.h"
#include "common/task/task.h"
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
	return DB_LATER(tx, DB_ANY, STATUS_OK,
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
	status = DB_LATER(tx, DB_ANY, STATUS_OK,
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

/* --- of many -------------------------------------------------------------------------------------
 */

/* What a batch takes from one counter. */
struct quota_sum {
	struct quota_hold hold;
	uint32_t used;
};

typedef bool quota_same_fn(const struct quota_hold *a, const struct quota_hold *b);

static bool
quota_same_user(const struct quota_hold *a, const struct quota_hold *b)
{
	return a->day == b->day && strcmp(a->user, b->user) == 0;
}

static bool
quota_same_provider(const struct quota_hold *a, const struct quota_hold *b)
{
	return a->budget_day == b->budget_day && strcmp(a->provider, b->provider) == 0;
}

static bool
quota_same_installation(const struct quota_hold *a, const struct quota_hold *b)
{
	return a->budget_day == b->budget_day;
}

/* `used` may be NULL. */
static size_t
quota_sum_up(struct quota_sum *sums, const struct quota_hold *holds, const uint32_t *used,
             size_t count, quota_same_fn *same)
{
	size_t distinct = 0, at;

	for (size_t i = 0; i < count; i++) {
		for (at = 0; at < distinct && !same(&sums[at].hold, &holds[i]); at++)
			;
		if (at == distinct) {
			sums[distinct++] = (struct quota_sum){.hold = holds[i]};
			sums[at].hold.tokens = 0;
		}
		sums[at].hold.tokens += holds[i].tokens;
		sums[at].used += used != NULL ? used[i] : 0;
	}
	return distinct;
}

/* One statement for many learners' days: `CASE WHEN user_id = ? AND day = ? THEN ?` once or twice,
 * around what says which rows. */
static struct db_value *
quota_put_cases(struct db_value *at, const struct quota_sum *sums, size_t count, size_t repeats)
{
	for (size_t i = 0; i < repeats; i++) {
		const struct quota_sum *sum = &sums[i < count ? i : count - 1];

		*at++ = DB_TEXT(sum->hold.user);
		*at++ = DB_INT(sum->hold.day);
		*at++ = DB_INT((int64_t)sum->hold.tokens - sum->used);
	}
	return at;
}

static struct db_value *
quota_put_keys(struct db_value *at, const struct quota_sum *sums, size_t count, size_t repeats)
{
	for (size_t i = 0; i < repeats; i++) {
		*at++ = DB_TEXT(sums[i < count ? i : count - 1].hold.user);
		*at++ = DB_INT(sums[i < count ? i : count - 1].hold.day);
	}
	return at;
}

#define QUOTA_CASES "CASE {WHEN user_id = ? AND day = ? THEN ?| } END"
#define QUOTA_KEYS  "({(user_id = ? AND day = ?)| OR })"
#define QUOTA_UNLESS_ERASED                                                                        \
	" AND NOT EXISTS"                                                                          \
	" (SELECT 1 FROM erased_user WHERE erased_user.user_id = quota.user_id)"

#define QUOTA_RESERVE                                                                              \
	"UPDATE quota FORCE INDEX (PRIMARY) SET tokens = tokens + " QUOTA_CASES                    \
	" WHERE " QUOTA_KEYS " AND tokens + " QUOTA_CASES " <= ?"

static enum status
quota_reserve_users(struct db *tx, const struct quota_sum *sums, size_t count, bool unless_erased)
{
	size_t repeats = db_many_padded(count);
	struct db_value *args = arena_calloc(task_arena(), repeats * 8 + 1, sizeof *args), *at;

	if (args == NULL)
		return STATUS_OVERLOADED;
	at = quota_put_cases(args, sums, count, repeats);
	at = quota_put_keys(at, sums, count, repeats);
	at = quota_put_cases(at, sums, count, repeats);
	*at++ = DB_UINT(quota_limit(planner_settings.user_daily_tokens));
	return db_many_later(tx, count, STATUS_CONFLICT,
	                     unless_erased ? QUOTA_RESERVE QUOTA_UNLESS_ERASED : QUOTA_RESERVE,
	                     repeats, args, (size_t)(at - args));
}

static enum status
quota_settle_users(struct db *tx, const struct quota_sum *sums, size_t count)
{
	size_t repeats = db_many_padded(count);
	struct db_value *args = arena_calloc(task_arena(), repeats * 5, sizeof *args), *at;

	if (args == NULL)
		return STATUS_OVERLOADED;
	at = quota_put_cases(args, sums, count, repeats);
	at = quota_put_keys(at, sums, count, repeats);
	return db_many_later(tx, count, STATUS_CONFLICT,
	                     "UPDATE quota FORCE INDEX (PRIMARY) SET tokens ="
	                     " GREATEST(CAST(tokens AS SIGNED) - " QUOTA_CASES ", 0)"
	                     " WHERE " QUOTA_KEYS QUOTA_UNLESS_ERASED,
	                     repeats, args, (size_t)(at - args));
}

enum status
quota_reserve_many(struct db *tx, const struct quota_hold *holds, size_t count, bool unless_erased)
{
	struct quota_sum *sums = arena_calloc(task_arena(), count, sizeof *sums);
	size_t distinct;
	enum status status;

	if (sums == NULL)
		return STATUS_OVERLOADED;
	distinct = quota_sum_up(sums, holds, NULL, count, quota_same_user);
	status = quota_reserve_users(tx, sums, distinct, unless_erased);
	distinct = quota_sum_up(sums, holds, NULL, count, quota_same_provider);
	for (size_t i = 0; i < distinct && status == STATUS_OK; i++)
		status = quota_reserve_budget(tx, sums[i].hold.provider, &sums[i].hold,
		                              quota_provider_setting(sums[i].hold.provider));
	distinct = quota_sum_up(sums, holds, NULL, count, quota_same_installation);
	for (size_t i = 0; i < distinct && status == STATUS_OK; i++)
		status = quota_reserve_budget(tx, QUOTA_ALL, &sums[i].hold,
		                              planner_settings.ai_daily_tokens);
	return status;
}

enum status
quota_settle_many(struct db *tx, const struct quota_hold *holds, const uint32_t *used, size_t count)
{
	struct quota_sum *sums = arena_calloc(task_arena(), count, sizeof *sums);
	size_t distinct;
	enum status status;

	if (sums == NULL)
		return STATUS_OVERLOADED;
	distinct = quota_sum_up(sums, holds, used, count, quota_same_user);
	status = quota_settle_users(tx, sums, distinct);
	distinct = quota_sum_up(sums, holds, used, count, quota_same_provider);
	for (size_t i = 0; i < distinct && status == STATUS_OK; i++)
		status = quota_settle_budget(tx, sums[i].hold.provider, &sums[i].hold, sums[i].used,
		                             quota_provider_setting(sums[i].hold.provider));
	distinct = quota_sum_up(sums, holds, used, count, quota_same_installation);
	for (size_t i = 0; i < distinct && status == STATUS_OK; i++)
		status = quota_settle_budget(tx, QUOTA_ALL, &sums[i].hold, sums[i].used,
		                             planner_settings.ai_daily_tokens);
	return status;
}
