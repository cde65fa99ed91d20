/* SPDX-License-Identifier: MIT
 * Jobs: bought once, paid for as used, ended once, whoever dies. */
#include "tests/unit/jobs_fixture.h"

/* --- one plan --------------------------------------------------------------------------------- */

static void
jobs_test_plan_of_the_ai(void **state)
{
	struct replica replica;
	struct asker asker = {.user = "one"};

	(void)state;
	fake = (typeof(fake)){0};
	replica_start(&replica, 10);
	asker.jobs = replica.jobs;
	test_run(asker_run, &asker, 0);
	assert_int_equal(asker.status, STATUS_OK);
	assert_true(asker.end.ended && asker.end.status == JOB_SUCCEEDED);
	assert_int_equal(look("SELECT COUNT(*) FROM plan WHERE user_id = 'one'"), 1);
	assert_int_equal(look("SELECT COUNT(*) FROM item WHERE user_id = 'one'"), 10);
	assert_int_equal(look("SELECT COUNT(*) FROM outbox"), 1);
	assert_int_equal(look("SELECT outcome FROM job_call LIMIT 1"), JOB_CALL_ANSWERED);
	/* What was reserved and not used is free again. */
	assert_int_equal(look("SELECT tokens FROM quota WHERE user_id = 'one'"),
	                 FAKE_PROMPT + FAKE_COMPLETION);
	replica_stop(&replica);
}

static void
jobs_test_plan_of_the_builtin_planner(void **state)
{
	struct replica replica;
	struct asker helped = {.user = "two"}, refused = {.user = "three", .no_fallback = true};

	(void)state;
	fake = (typeof(fake)){.fails = STATUS_PROVIDERS_FAILED};
	replica_start(&replica, 10);
	helped.jobs = refused.jobs = replica.jobs;
	test_run(asker_run, &helped, 0);
	test_run(asker_run, &refused, 0);
	assert_true(helped.end.status == JOB_SUCCEEDED);
	assert_true(refused.end.status == JOB_FAILED);
	assert_int_equal(refused.end.failure, STATUS_PROVIDERS_FAILED);
	assert_int_equal(look("SELECT COUNT(*) FROM plan WHERE user_id = 'three'"), 0);
	assert_int_equal(look("SELECT SUM(tokens) FROM quota WHERE user_id IN ('two', 'three')"),
	                 0);
	assert_int_equal(look("SELECT plans FROM quota WHERE user_id = 'three'"), 0);
	replica_stop(&replica);
}

/* --- budgets ------------------------------------------------------------------------------------
 */

#define BURST 60

static void
jobs_test_burst(struct replica *replica, struct asker *askers, char users[][32], bool one_user)
{
	static struct test_task tasks[BURST];

	fake = (typeof(fake)){.day_ms = 100};
	for (int i = 0; i < BURST; i++) {
		snprintf(users[i], 32, "burst-%d-%d", one_user, one_user ? 0 : i);
		askers[i] = (struct asker){
		    .jobs = replica->jobs, .user = users[i], .no_fallback = i % 2 == 1};
		test_start(&tasks[i], (unsigned)i, asker_run, &askers[i], 0);
	}
	for (int i = 0; i < BURST; i++)
		test_await(&tasks[i]);
}

static void
jobs_test_budget_is_never_overshot(void **state)
{
	static struct asker askers[BURST];
	static char users[BURST][32];
	struct replica replica;
	unsigned refused = 0;

	(void)state;
	replica_start(&replica, 1000);
	for (int one_user = 0; one_user < 2; one_user++) {
		planner_settings.user_daily_tokens = one_user ? 10 * FAKE_RESERVED : 0;
		planner_settings.ai_daily_tokens = one_user ? 0 : 10 * FAKE_RESERVED;
		jobs_test_burst(&replica, askers, users, one_user);
		assert_int_equal(fake.calls, 10);
		refused = 0;
		for (int i = 0; i < BURST; i++) {
			assert_true(askers[i].end.ended);
			if (askers[i].end.status == JOB_FAILED) {
				assert_int_equal(askers[i].end.failure, STATUS_QUOTA_EXCEEDED);
				assert_true(askers[i].no_fallback);
				refused++;
			}
		}
		assert_true(refused >= BURST / 2 - 10 && refused <= BURST / 2);
	}
	assert_int_equal(look("SELECT tokens FROM budget WHERE scope = ''"),
	                 10 * (FAKE_PROMPT + FAKE_COMPLETION));
	assert_int_equal(look("SELECT tokens FROM quota WHERE user_id = 'burst-1-0'"),
	                 10 * (FAKE_PROMPT + FAKE_COMPLETION));
	planner_settings.user_daily_tokens = planner_settings.ai_daily_tokens = 0;
	replica_stop(&replica);
}

/* --- cancelling ------------------------------------------------------------------------------- */

static void
jobs_test_cancel_task(void *arg)
{
	struct asker *asker = arg;

	CHECK(job_cancel(asker->jobs, asker->user, asker->admission.id) == STATUS_OK);
	CHECK(job_wait(asker->jobs, asker->user, asker->admission.id, clock_ms() + 60000,
	               &asker->end) == STATUS_OK);
	CHECK(job_cancel(asker->jobs, asker->user, asker->admission.id) == STATUS_CONFLICT);
}

static void
jobs_test_cancel_gives_back(void **state)
{
	struct replica replica;
	struct asker asker = {.user = "four", .leave = true};

	(void)state;
	fake = (typeof(fake)){.stop_after = 3};
	replica_start(&replica, 10);
	asker.jobs = replica.jobs;
	test_run(asker_run, &asker, 0);
	while (fake.calls == 0)
		usleep(1000);
	test_run(jobs_test_cancel_task, &asker, 0);
	assert_int_equal(fake.aborted, 1);
	assert_true(asker.end.status == JOB_CANCELLED);
	assert_int_equal(look("SELECT tokens FROM quota WHERE user_id = 'four'"), FAKE_PROMPT);
	assert_int_equal(look("SELECT plans FROM quota WHERE user_id = 'four'"), 0);
	assert_int_equal(look("SELECT COUNT(*) FROM plan WHERE user_id = 'four'"), 0);
	replica_stop(&replica);
}

#define DESERTED 300 /* more than one round takes */

static void
jobs_test_desert_task(void *arg)
{
	struct asker *askers = arg;

	for (int i = 0; i < DESERTED; i++)
		job_cancel_soon(askers[i].jobs, askers[i].user, askers[i].admission.id);
	/* One whose row is not there, and never will be. */
	job_cancel_soon(askers[0].jobs, askers[0].user, "00000000000000000000000000");
}

static void
jobs_test_deserted_jobs_are_cancelled(void **state)
{
	struct replica replica;
	struct asker runs = {.user = "here", .leave = true};
	struct asker *askers = calloc(DESERTED, sizeof *askers);

	(void)state;
	assert_non_null(askers);
	fake = (typeof(fake)){.stop_after = 3};
	replica_start(&replica, 1);
	runs.jobs = replica.jobs;
	test_run(asker_run, &runs, 0);
	while (fake.calls == 0)
		usleep(1000);
	for (int i = 0; i < DESERTED; i++) {
		askers[i] = (struct asker){.jobs = replica.jobs, .user = "here", .leave = true};
		test_run(asker_run, &askers[i], 0);
	}
	test_run(jobs_test_desert_task, askers, 0);
	while (look("SELECT COUNT(*) FROM job WHERE user_id = 'here' AND status = 4") < DESERTED)
		usleep(10000);
	assert_int_equal(look("SELECT plans FROM quota WHERE user_id = 'here'"), 1);
	assert_int_equal(fake.calls, 1);
	test_run(jobs_test_cancel_task, &runs, 0);
	/* What is left when the replica stops does not stay behind as a task. */
	test_run(jobs_test_desert_task, askers, 0);
	replica_stop(&replica);
	free(askers);
}

/* --- dying --------------------------------------------------------------------------------------
 */

static void
jobs_test_taken_over(void **state)
{
	struct replica first, second;
	struct asker asker = {.user = "five", .leave = true};

	(void)state;
	fake = (typeof(fake)){.stop_after = 4};
	replica_start(&first, 10);
	asker.jobs = first.jobs;
	test_run(asker_run, &asker, 0);
	/* Its first days are in the database; then it is taken for dead, though it still runs. */
	await_look("SELECT COALESCE(MAX(number), 0) FROM job_day JOIN job ON job.id = job_id"
	           " WHERE user_id = 'five'",
	           4);
	test_run(replica_end_rounds, &first, 0);
	change("UPDATE replica SET alive_until = 1");
	fake.stop_after = 0;
	replica_start(&second, 10);
	await_look("SELECT status FROM job WHERE user_id = 'five'", JOB_SUCCEEDED);
	assert_int_equal(fake.calls, 2);
	assert_int_equal(fake.had, 4); /* only the missing days were asked for */
	assert_int_equal(look("SELECT COUNT(*) FROM item WHERE user_id = 'five'"), 10);
	assert_int_equal(look("SELECT COUNT(*) FROM job_call JOIN job ON job.id = job_id WHERE"
	                      " user_id = 'five' AND outcome = 4 AND number = 1"),
	                 1);
	/* The unknown call keeps its tokens. */
	assert_int_equal(look("SELECT tokens FROM quota WHERE user_id = 'five'"),
	                 FAKE_RESERVED + FAKE_PROMPT + FAKE_COMPLETION);
	/* The first one wakes up, and finds that it may write nothing. */
	jobs_stop_all(first.jobs, JOB_STOP_CANCELLED);
	while (fake.aborted == 0)
		usleep(1000);
	replica_stop(&first);
	assert_int_equal(look("SELECT status FROM job WHERE user_id = 'five'"), JOB_SUCCEEDED);
	assert_int_equal(look("SELECT tokens FROM quota WHERE user_id = 'five'"),
	                 FAKE_RESERVED + FAKE_PROMPT + FAKE_COMPLETION);
	replica_stop(&second);
}

static void
jobs_test_two_unknown_calls_are_enough(void **state)
{
	static const char ended[] =
	    "SELECT COUNT(*) FROM job WHERE user_id = 'six' AND status >= 2";
	struct replica replica;
	struct asker asker = {.user = "six", .leave = true};
	char lose[256];

	(void)state;
	fake = (typeof(fake)){.stop_after = 2};
	replica_start(&replica, 10);
	asker.jobs = replica.jobs;
	test_run(asker_run, &asker, 0);
	/* Only the lease of the attempt that made the call, which a busy machine may have ended
	 * itself. */
	for (unsigned i = 1; i <= 2; i++) {
		while (fake.calls < i && look(ended) == 0)
			usleep(1000);
		snprintf(
		    lose, sizeof lose,
		    "UPDATE replica SET lost = 1 WHERE owner IN (SELECT job.owner FROM job JOIN"
		    " job_call ON job.id = job_id AND job_call.attempt = job.attempt WHERE"
		    " user_id = 'six' AND number = %u)",
		    i);
		change(lose);
	}
	await_look(ended, 1);
	assert_int_equal(look("SELECT status FROM job WHERE user_id = 'six'"), JOB_SUCCEEDED);
	assert_int_equal(fake.calls, 2);
	assert_int_equal(look("SELECT attempt FROM job WHERE user_id = 'six'"), 3);
	assert_int_equal(look("SELECT COUNT(*) FROM job_call JOIN job ON job.id = job_id WHERE"
	                      " user_id = 'six' AND outcome = 4"),
	                 2);
	replica_stop(&replica);
}

/* --- many ---------------------------------------------------------------------------------------
 */

static void
jobs_test_queue_is_fair(void **state)
{
	static struct asker crowd[40];
	struct asker other = {.user = "patient"};
	struct replica replica;

	(void)state;
	fake = (typeof(fake)){.day_ms = 5};
	replica_start(&replica, 2); /* four at a time, one of each learner */
	for (size_t i = 0; i < COUNT_OF(crowd); i++) {
		crowd[i] = (struct asker){.jobs = replica.jobs, .user = "greedy", .leave = true};
		test_run(asker_run, &crowd[i], 0);
	}
	other.jobs = replica.jobs;
	test_run(asker_run, &other, 0);
	assert_true(other.end.status == JOB_SUCCEEDED);
	assert_true(look("SELECT COUNT(*) FROM job WHERE user_id = 'greedy' AND status = 0") > 20);
	await_look("SELECT COUNT(*) FROM job WHERE user_id = 'greedy' AND status = 2",
	           COUNT_OF(crowd));
	assert_int_equal(fake.calls, COUNT_OF(crowd) + 1);
	replica_stop(&replica);
}

static void
jobs_test_two_replicas_share_a_queue(void **state)
{
	static struct asker askers[60];
	static char users[60][16];
	struct replica one, two;

	(void)state;
	fake = (typeof(fake)){.day_ms = 2};
	replica_start(&one, 2);
	for (size_t i = 0; i < COUNT_OF(askers); i++) {
		snprintf(users[i], sizeof users[i], "shared-%zu", i);
		askers[i] = (struct asker){.jobs = one.jobs, .user = users[i], .leave = true};
		test_run(asker_run, &askers[i], 0);
	}
	replica_start(&two, 2);
	await_look("SELECT COUNT(*) FROM job WHERE user_id LIKE 'shared-%' AND status = 2",
	           COUNT_OF(askers));
	assert_int_equal(fake.calls, COUNT_OF(askers));
	assert_int_equal(
	    look("SELECT COUNT(DISTINCT owner) FROM job WHERE user_id LIKE 'shared-%'"), 2);
	assert_int_equal(look("SELECT MAX(attempt) FROM job WHERE user_id LIKE 'shared-%'"), 1);
	replica_stop(&two);
	replica_stop(&one);
}

static void
jobs_test_end_hands_over(void **state)
{
	struct replica first, second;
	struct asker asker = {.user = "seven", .leave = true};

	(void)state;
	fake = (typeof(fake)){.stop_after = 4};
	replica_start(&first, 10);
	asker.jobs = first.jobs;
	test_run(asker_run, &asker, 0);
	while (fake.calls == 0)
		usleep(1000);
	replica_stop(&first); /* waits for it a while, in vain */
	assert_int_equal(fake.aborted, 1);
	fake.stop_after = 0;
	replica_start(&second, 10);
	await_look("SELECT status FROM job WHERE user_id = 'seven'", JOB_SUCCEEDED);
	assert_int_equal(fake.had, 4);
	assert_int_equal(look("SELECT attempt FROM job WHERE user_id = 'seven'"), 1);
	replica_stop(&second);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(jobs_test_plan_of_the_ai),
	    cmocka_unit_test(jobs_test_plan_of_the_builtin_planner),
	    cmocka_unit_test(jobs_test_budget_is_never_overshot),
	    cmocka_unit_test(jobs_test_cancel_gives_back),
	    cmocka_unit_test(jobs_test_deserted_jobs_are_cancelled),
	    cmocka_unit_test(jobs_test_taken_over),
	    cmocka_unit_test(jobs_test_two_unknown_calls_are_enough),
	    cmocka_unit_test(jobs_test_queue_is_fair),
	    cmocka_unit_test(jobs_test_two_replicas_share_a_queue),
	    cmocka_unit_test(jobs_test_end_hands_over),
	};

	return cmocka_run_group_tests_name("jobs", tests, jobs_fixture_set_up,
	                                   jobs_fixture_tear_down);
}
