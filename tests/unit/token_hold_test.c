/* SPDX-License-Identifier: MIT
 * Tokens of other services' calls: reserved once, settled once, within the budgets, and forgotten.
 */
#include "tests/unit/jobs_fixture.h"

#include "common/io/db_batch.h"
#include "common/service/subtask.h"
#include "services/planner/store_holds.h"

static struct planner planner;

/* One order to the planner. */
struct order {
	const char *user, *mark;
	uint32_t tokens; /* to reserve; 0: to settle */
	uint32_t prompt, completion;
	enum status status;
};

static void
order_task(void *arg)
{
	struct order *order = arg;
	struct service service = {.state = &planner};
	struct call call = {.magic = CALL_MAGIC, .service = &service};
	Planner__ReserveTokensRequest reserve = PLANNER__RESERVE_TOKENS_REQUEST__INIT;
	Planner__SettleTokensRequest settle = PLANNER__SETTLE_TOKENS_REQUEST__INIT;
	Planner__TokenUse use = PLANNER__TOKEN_USE__INIT, *uses = &use;

	call.identity = (struct identity){.user = order->user, .time_zone = "UTC"};
	if (order->tokens > 0) {
		reserve.mark = (char *)(uintptr_t)order->mark;
		reserve.provider = (char *)"gemini";
		reserve.tokens = order->tokens;
		order->status = planner_reserve_tokens(&call, &reserve, NULL);
		return;
	}
	settle.user_id = (char *)(uintptr_t)order->user;
	settle.n_uses = 1;
	settle.uses = &uses;
	use.mark = (char *)(uintptr_t)order->mark;
	use.prompt_tokens = order->prompt;
	use.completion_tokens = order->completion;
	order->status = planner_settle_tokens(&call, &settle, NULL);
}

static enum status
reserve(const char *user, const char *mark, uint32_t tokens)
{
	struct order order = {.user = user, .mark = mark, .tokens = tokens};

	test_run(order_task, &order, 0);
	return order.status;
}

static void
settle(const char *user, const char *mark, uint32_t prompt, uint32_t completion)
{
	struct order order = {
	    .user = user, .mark = mark, .prompt = prompt, .completion = completion};

	test_run(order_task, &order, 0);
	assert_int_equal(order.status, STATUS_OK);
}

static void
expect(int64_t user, int64_t provider, int64_t all)
{
	assert_int_equal(look("SELECT SUM(tokens) FROM quota WHERE user_id = 'one'"), user);
	assert_int_equal(look("SELECT SUM(tokens) FROM budget WHERE scope = 'gemini'"), provider);
	assert_int_equal(look("SELECT SUM(tokens) FROM budget WHERE scope = ''"), all);
}

static void
test_once(void **state)
{
	(void)state;
	planner_settings.user_daily_tokens = 1000;
	planner_settings.gemini_daily_tokens = 5000;
	planner_settings.ai_daily_tokens = 10000;
	assert_int_equal(reserve("one", "turn:1", 600), STATUS_OK);
	expect(600, 600, 600);
	/* Asked twice, because an answer was lost. */
	assert_int_equal(reserve("one", "turn:1", 600), STATUS_OK);
	expect(600, 600, 600);
	settle("one", "turn:1", 100, 50);
	expect(150, 150, 150);
	/* The outbox delivers at least once. */
	settle("one", "turn:1", 100, 50);
	settle("one", "turn:1", 0, 0);
	expect(150, 150, 150);
	settle("one", "never reserved", 100, 50);
	settle("two", "turn:1", 100, 50);
	expect(150, 150, 150);
	/* More than was reserved counts, too. */
	assert_int_equal(reserve("one", "turn:2", 10), STATUS_OK);
	settle("one", "turn:2", 20, 10);
	expect(180, 180, 180);
}

static void
test_budgets(void **state)
{
	(void)state;
	assert_int_equal(reserve("one", "turn:3", 821), STATUS_QUOTA_EXCEEDED);
	expect(180, 180, 180);
	assert_int_equal(look("SELECT COUNT(*) FROM token_hold WHERE mark = 'turn:3'"), 0);
	planner_settings.ai_daily_tokens = 190;
	assert_int_equal(reserve("one", "turn:3", 11), STATUS_QUOTA_EXCEEDED);
	expect(180, 180, 180);
	assert_int_equal(reserve("one", "turn:3", 10), STATUS_OK);
	expect(190, 190, 190);
	settle("one", "turn:3", 0, 0);
	expect(180, 180, 180);
}

#define CROWD 40

static void
crowd_task(void *arg)
{
	assert(subtask_each("order", order_task, arg, sizeof(struct order), CROWD) == STATUS_OK);
}

/* What comes at the same time is written together, whatever else is among it. */
static void
test_crowd(void **state)
{
	static char names[CROWD][16];
	struct order orders[CROWD];

	(void)state;
	planner_settings.ai_daily_tokens = planner_settings.gemini_daily_tokens = 1000000;
	for (int i = 0; i < CROWD; i++) {
		snprintf(names[i], sizeof names[i], "crowd%d", i % (CROWD - 2));
		orders[i] = (struct order){.user = names[i], .mark = "turn:1", .tokens = 100};
	}
	orders[CROWD / 2].user = "erased";
	change("INSERT INTO erased_user (user_id, erased_at) VALUES ('erased', 1)");
	test_run(crowd_task, orders, 0);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(orders[i].status,
		                 i == CROWD / 2 ? STATUS_UNAUTHENTICATED : STATUS_OK);
	assert_int_equal(look("SELECT SUM(tokens) FROM quota WHERE user_id LIKE 'crowd%'"),
	                 (CROWD - 3) * 100);
	expect(180, 180 + (CROWD - 3) * 100, 180 + (CROWD - 3) * 100);
	for (int i = 0; i < CROWD; i++)
		orders[i] = (struct order){
		    .user = names[i], .mark = "turn:1", .prompt = 1 + (uint32_t)i, .completion = 9};
	test_run(crowd_task, orders, 0);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(orders[i].status, STATUS_OK);
	/* The two marks that come twice have either figure, and the erased one was never there. */
	assert_in_range(look("SELECT SUM(tokens) FROM quota WHERE user_id LIKE 'crowd%'"),
	                37 * 38 / 2 + 38 - 21 + 9 * 37, 37 * 38 / 2 + 38 - 21 + 9 * 37 + 2 * 38);
	assert_int_equal(look("SELECT COUNT(*) FROM token_hold h JOIN quota q"
	                      " ON q.user_id = h.user_id WHERE h.user_id LIKE 'crowd%'"
	                      " AND q.tokens <> h.prompt_tokens + h.completion_tokens"),
	                 0);
	assert_int_equal(look("SELECT SUM(tokens) FROM quota"),
	                 look("SELECT SUM(tokens) FROM budget WHERE scope = ''"));
}

static void
purge_task(void *arg)
{
	(void)arg;
	(void)planner_purge_holds(&planner);
}

static void
test_forgotten(void **state)
{
	(void)state;
	planner_settings.job_keep_days = 30;
	test_run(purge_task, NULL, 0);
	assert_int_equal(look("SELECT COUNT(*) FROM token_hold WHERE user_id = 'one'"), 3);
	change("UPDATE token_hold SET created_at = 1 WHERE mark <> 'turn:3'");
	test_run(purge_task, NULL, 0);
	assert_int_equal(look("SELECT COUNT(*) FROM token_hold WHERE user_id = 'one'"), 1);
	/* Who was erased leaves nothing behind, and nothing new comes. */
	change("INSERT INTO erased_user (user_id, erased_at) VALUES ('gone', 1)");
	assert_int_equal(reserve("gone", "turn:1", 1), STATUS_UNAUTHENTICATED);
	assert_int_equal(look("SELECT COUNT(*) FROM token_hold WHERE user_id = 'gone'"), 0);
}

static int
set_up(void **state)
{
	int failed = jobs_fixture_set_up(state);

	planner.db = db;
	planner.reserves = planner_reserve_batch(db);
	planner.settles = planner_settle_batch(db);
	return failed || planner.reserves == NULL || planner.settles == NULL;
}

static int
tear_down(void **state)
{
	db_batch_free(&planner.reserves);
	db_batch_free(&planner.settles);
	return jobs_fixture_tear_down(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_once),
	    cmocka_unit_test(test_budgets),
	    cmocka_unit_test(test_forgotten),
	    cmocka_unit_test(test_crowd),
	};

	return cmocka_run_group_tests_name("token_hold", tests, set_up, tear_down);
}
