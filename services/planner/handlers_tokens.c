/* SPDX-License-Identifier: MIT
 * Other services' calls of providers are paid from the same budgets: reserved, then settled;
 * what comes at the same time, together. */
#include "services/planner/planner.h"

#include "common/base/arena.h"
#include "common/base/log.h"
#include "common/io/db_batch.h"
#include "common/task/task.h"
#include "services/planner/quota.h"
#include "services/planner/store.h"
#include "services/planner/store_holds.h"

#include "planner.pb-c.h"

#define TOKENS_USES_MOST 16 /* of one request; the rules say so, too */
#define TOKENS_DAY_MS    ((int64_t)24 * 3600 * 1000)
#define TOKENS_PAUSE_MS  (15 * 60 * 1000)

/* --- reserving ----------------------------------------------------------------------------------
 */

struct tokens_reservation {
	const char *mark;
	struct quota_hold hold;
};

/* The shared counters last: others wait for them. */
static enum status
tokens_reserve_tx(struct db *tx, void *arg)
{
	const struct tokens_reservation *reservation = arg;
	const struct quota_hold *hold = &reservation->hold;
	bool added = false, erased = false;
	enum status status = hold_store_add(tx, reservation->mark, hold, planner_now_ms(), &added);

	if (status != STATUS_OK || !added)
		return status; /* asked twice, reserved once */
	status = planner_store_is_erased(tx, hold->user, &erased);
	if (status == STATUS_OK && erased)
		return STATUS_UNAUTHENTICATED;
	return status == STATUS_OK ? quota_reserve(tx, hold) : status;
}

static enum status
tokens_reserve_many(struct db *tx, void *const *units, size_t count)
{
	struct arena *arena = task_arena();
	const char **marks = arena_calloc(arena, count, sizeof *marks);
	struct quota_hold *holds = arena_calloc(arena, count, sizeof *holds);
	enum status status;

	if (marks == NULL || holds == NULL)
		return STATUS_OVERLOADED;
	for (size_t i = 0; i < count; i++) {
		const struct tokens_reservation *reservation = units[i];

		marks[i] = reservation->mark;
		holds[i] = reservation->hold;
	}
	status = hold_store_add_many(tx, marks, holds, count, planner_now_ms());
	return status == STATUS_OK ? quota_reserve_many(tx, holds, count, true) : status;
}

struct db_batch *
planner_reserve_batch(struct db *db)
{
	return db_batch_new(db, "reserve", tokens_reserve_many, tokens_reserve_tx);
}

enum status
planner_reserve_tokens(struct call *call, const void *message, void *reply)
{
	const Planner__ReserveTokensRequest *request = message;
	struct tokens_reservation reservation = {
	    request->mark,
	    {.user = call_user(call), .provider = request->provider, .tokens = request->tokens}};

	(void)reply;
	quota_today(call_time_zone(call), &reservation.hold);
	return db_batch_transact(planner_of(call)->reserves, &reservation);
}

/* --- settling -----------------------------------------------------------------------------------
 */

static enum status
tokens_settle_tx(struct db *tx, void *arg)
{
	const Planner__SettleTokensRequest *request = arg;
	struct quota_hold holds[TOKENS_USES_MOST];
	uint32_t used[TOKENS_USES_MOST];
	size_t count = 0;
	enum status status = STATUS_OK;

	for (size_t i = 0; i < request->n_uses && status == STATUS_OK; i++) {
		const Planner__TokenUse *use = request->uses[i];
		bool settled = false;

		used[count] = use->prompt_tokens + use->completion_tokens;
		status = hold_store_settle(tx, request->user_id, use->mark, use->prompt_tokens,
		                           use->completion_tokens, &holds[count], &settled);
		count += settled;
	}
	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = quota_settle(tx, &holds[i], used[i]);
	return status;
}

static enum status
tokens_settle_many(struct db *tx, void *const *units, size_t count)
{
	struct hold_use uses[HOLD_USES_MOST];
	struct quota_hold holds[HOLD_USES_MOST];
	uint32_t used[HOLD_USES_MOST];
	size_t total = 0;
	enum status status;

	for (size_t i = 0; i < count; i++) {
		const Planner__SettleTokensRequest *request = units[i];

		for (size_t j = 0; j < request->n_uses; j++) {
			const Planner__TokenUse *use = request->uses[j];

			if (total == HOLD_USES_MOST)
				return STATUS_CONFLICT;
			uses[total++] =
			    (struct hold_use){request->user_id, use->mark, use->prompt_tokens,
			                      use->completion_tokens};
		}
	}
	if (total == 0)
		return STATUS_OK;
	status = hold_store_settle_many(tx, uses, total, holds, used);
	return status == STATUS_OK ? quota_settle_many(tx, holds, used, total) : status;
}

struct db_batch *
planner_settle_batch(struct db *db)
{
	return db_batch_new(db, "settle", tokens_settle_many, tokens_settle_tx);
}

enum status
planner_settle_tokens(struct call *call, const void *message, void *reply)
{
	const Planner__SettleTokensRequest *request = message;

	(void)reply;
	if (request->n_uses > TOKENS_USES_MOST)
		return STATUS_VALIDATION;
	return db_batch_transact(planner_of(call)->settles, (void *)(uintptr_t)request);
}

/* --- forgetting ---------------------------------------------------------------------------------
 */

uint32_t
planner_purge_holds(void *arg)
{
	struct planner *planner = arg;
	int64_t before = planner_now_ms() - planner_settings.job_keep_days * TOKENS_DAY_MS;
	bool more = false;
	enum status status = hold_store_purge(planner->db, before, &more);

	if (status != STATUS_OK)
		LOG_WARN("old holds of tokens stay for now",
		         LOG_TEXT("status", status_slug(status)));
	return more && status == STATUS_OK ? 0 : TOKENS_PAUSE_MS;
}
