/* SPDX-License-Identifier: MIT
 * Other services' calls of providers are paid from the same budgets: reserved, then settled. */
#include "services/planner/planner.h"

#include "common/base/log.h"
#include "common/io/db.h"
#include "services/planner/quota.h"
#include "services/planner/store.h"
#include "services/planner/store_holds.h"
#include "services/planner/store_many.h"

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

/* The same as nearly always: asked once, and the day's counter is there and has room. CONFLICT:
 * something is not so. */
static enum status
tokens_reserve_usual_tx(struct db *tx, void *arg)
{
	const struct tokens_reservation *reservation = arg;
	const struct quota_hold *hold = &reservation->hold;
	enum status status = hold_store_add_new(tx, reservation->mark, hold, planner_now_ms());

	if (status == STATUS_OK)
		status = planner_store_none_erased(tx, &hold->user, 1);
	return status == STATUS_OK ? quota_reserve_many(tx, hold, 1) : status;
}

enum status
planner_reserve_tokens(struct call *call, const void *message, void *reply)
{
	const Planner__ReserveTokensRequest *request = message;
	struct db *db = planner_of(call)->db;
	enum status status;
	struct tokens_reservation reservation = {
	    request->mark,
	    {.user = call_user(call), .provider = request->provider, .tokens = request->tokens}};

	(void)reply;
	quota_today(call_time_zone(call), &reservation.hold);
	status = db_transact(db, tokens_reserve_usual_tx, &reservation);
	if (status == STATUS_CONFLICT)
		status = db_transact(db, tokens_reserve_tx, &reservation);
	return status;
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

enum status
planner_settle_tokens(struct call *call, const void *message, void *reply)
{
	const Planner__SettleTokensRequest *request = message;

	(void)reply;
	if (request->n_uses > TOKENS_USES_MOST)
		return STATUS_VALIDATION;
	return db_transact(planner_of(call)->db, tokens_settle_tx, (void *)(uintptr_t)request);
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
