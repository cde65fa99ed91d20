/* SPDX-License-Identifier: MIT
 * chat and provider against the stand-in: every fault of a single call, in both dialects, with what
 * comes of it: retries, keys, the circuit, the record of calls. */
#include "tests/unit/upstream_fixture.h"

#include "common/ai/chat_private.h"
#include "common/ai/provider_private.h"

#include <time.h>

static const char plan_request[] =
    "{\"dates\":[\"2026-05-04\",\"2026-05-05\",\"2026-05-06\",\"2026-05-07\",\"2026-05-08\","
    "\"2026-05-11\"],\"topics\":[\"Cells\",\"Genes\",\"Evolution\"],\"minutes_per_day\":60}";

/* --- the record ------------------------------------------------------------------------------ */

struct record {
	unsigned started, ended, answered, cancelled;
	uint32_t prompt, completion;
	char why[200];
	enum status refuse; /* what starts() says */
};

static enum status
record_starts(void *arg, const char *provider, const char *model, uint32_t tokens_at_most,
              unsigned *number)
{
	struct record *record = arg;

	CHECK(strncmp(model, provider, strlen(provider)) == 0);
	CHECK(tokens_at_most > 1000);
	if (record->refuse != STATUS_OK)
		return record->refuse;
	*number = ++record->started;
	return STATUS_OK;
}

static void
record_ended(void *arg, unsigned number, enum ai_outcome outcome, uint32_t prompt_tokens,
             uint32_t completion_tokens, const char *why)
{
	struct record *record = arg;

	CHECK(number == record->started);
	record->ended++;
	record->answered += outcome == AI_ANSWERED;
	record->cancelled += outcome == AI_CANCELLED;
	record->prompt += prompt_tokens;
	record->completion += completion_tokens;
	CHECK((outcome == AI_ANSWERED) == (*why == '\0'));
	CHECK(strstr(why, "-key-") == NULL);
	snprintf(record->why, sizeof record->why, "%s", why);
}

/* --- one question ---------------------------------------------------------------------------- */

struct question {
	const char *faults; /* of the stand-in's configuration, single quotes */
	unsigned dialect;   /* 0: gemini, 1: openai */
	bool whole;
	bool last;
	uint32_t give_up_ms; /* from now */
	struct record record;
	struct chat_answer answer;
	enum status status;
	_Atomic size_t text_length;
	char text[8192];
	size_t calls;          /* by the stand-in's ledger */
	const char *keys;      /* NULL: one */
	char last_outcome[16]; /* of the last call */
	uint32_t elapsed_ms;
};

static enum status
question_text(void *arg, const char *text, size_t length)
{
	struct question *question = arg;

	CHECK(length > 0);
	CHECK(question->text_length + length < sizeof question->text);
	memcpy(question->text + question->text_length, text, length);
	question->text_length += length;
	question->text[question->text_length] = '\0';
	return STATUS_OK;
}

static void
question_note_calls(struct question *question)
{
	json_t *calls = upstream_calls();

	question->calls = json_array_size(calls);
	if (question->calls > 0)
		snprintf(question->last_outcome, sizeof question->last_outcome, "%s",
		         upstream_field(calls, question->calls - 1, "outcome"));
	for (size_t i = 0; i < question->calls; i++) {
		char mark[40];

		snprintf(mark, sizeof mark, "job:1:%zu", i + 1);
		CHECK(strcmp(upstream_field(calls, i, "mark"), mark) == 0);
	}
	json_decref(calls);
}

static void
question_ask(struct question *question, struct chat *chat)
{
	struct chat_message message = {CHAT_USER, plan_request};
	struct provider_watch watch = {&question->record, record_starts, record_ended};
	struct chat_request request = {.system = "Plan.",
	                               .messages = &message,
	                               .message_count = 1,
	                               .max_tokens = 2000,
	                               .mark = "job:1",
	                               .last = question->last,
	                               .watch = &watch,
	                               .text = question->whole ? NULL : question_text,
	                               .arg = question};
	uint64_t begun = clock_ms();

	if (question->give_up_ms != 0)
		request.give_up_ms = begun + question->give_up_ms;
	question->status = chat_ask(chat, &request, &question->answer);
	question->elapsed_ms = (uint32_t)(clock_ms() - begun);
	if (question->answer.text != NULL)
		snprintf(question->text, sizeof question->text, "%s", question->answer.text);
	question->answer.text = NULL;
	CHECK(question->record.started == question->record.ended);
}

static void
question_task(void *arg)
{
	struct question *question = arg;
	struct ai_settings settings = upstream_settings();
	struct chat_list list;
	char error[200];

	if (question->keys != NULL)
		settings.gemini_keys = settings.openai_keys = question->keys;
	CHECK(chat_list_open(&settings, &list, error, sizeof error));
	for (size_t i = 0; i < list.count; i++)
		list.chats[i]->provider->options.backoff_ms = 20;
	upstream_reset(question->faults != NULL ? question->faults : "{}");
	question_ask(question, list.chats[question->dialect]);
	if (!task_cancelled() && task_time_left() > 0)
		question_note_calls(question);
	chat_list_close(&list);
}

static void
ask(struct question *question)
{
	test_run(question_task, question, 0);
}

static void
expect(const struct question *question, enum status status, enum ai_fault fault, size_t calls)
{
	if (question->status != status || question->answer.fault != fault ||
	    question->calls != calls)
		fail_msg("%s %u %s: %s, %s (%s), %zu calls", question->faults, question->dialect,
		         question->whole ? "whole" : "stream", status_slug(question->status),
		         ai_fault_label(question->answer.fault), question->answer.why,
		         question->calls);
	assert_int_equal(question->record.started, calls);
	assert_int_equal(question->record.answered, status == STATUS_OK);
}

static void
expect_plan(const struct question *question)
{
	assert_non_null(strstr(question->text, "{\"days\":["));
	assert_non_null(strstr(question->text, "2026-05-11"));
	assert_non_null(strstr(question->text, "Evolution"));
	assert_in_range(question->record.prompt, 30, 200);
	assert_in_range(question->record.completion, 50, 400);
}

/* In both dialects, streamed and whole; `step` 3: only Gemini's stream and OpenAI's whole. */
static void
each(const char *faults, unsigned step, enum status status, enum ai_fault fault, size_t calls)
{
	for (unsigned i = 0; i < 4; i += step) {
		struct question question = {
		    .faults = faults, .dialect = i / 2, .whole = i % 2 == 1};

		ask(&question);
		expect(&question, status, fault, calls);
		if (status == STATUS_OK)
			expect_plan(&question);
		else
			assert_true(question.answer.why[0] != '\0');
	}
}

/* --- tests ----------------------------------------------------------------------------------- */

static void
test_good(void **state)
{
	(void)state;
	each("{}", 1, STATUS_OK, AI_FAULT_NONE, 1);
	each("{'latency':{'first_byte':20,'streaming':100,'chunks':50}}", 1, STATUS_OK,
	     AI_FAULT_NONE, 1);
}

static void
test_once(void **state)
{
	static const char *const quick[] = {
	    "{'faults':[{'fault':'500','next':1}]}",   "{'faults':[{'fault':'502','next':1}]}",
	    "{'faults':[{'fault':'503','next':1}]}",   "{'faults':[{'fault':'reset','next':1}]}",
	    "{'faults':[{'fault':'close','next':1}]}", "{'faults':[{'fault':'html','next':1}]}",
	    "{'faults':[{'fault':'empty','next':1}]}",
	};
	static const char *const slow[] = {
	    "{'faults':[{'fault':'503','next':1,'retry_after':1}]}",
	    "{'faults':[{'fault':'429','next':1,'retry_after':1,'form':'seconds'}]}",
	    "{'faults':[{'fault':'429','next':1,'retry_after':1,'form':'date'}]}",
	    "{'faults':[{'fault':'429','next':1,'form':'none'}]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(quick); i++)
		each(quick[i], 1, STATUS_OK, AI_FAULT_NONE, 2);
	for (size_t i = 0; i < COUNT_OF(slow); i++)
		each(slow[i], 3, STATUS_OK, AI_FAULT_NONE, 2);
	/* Within the four attempts. */
	each("{'faults':[{'fault':'500','next':3}]}", 3, STATUS_OK, AI_FAULT_NONE, 4);
}

/* What is not worth another call, or fails every time: streamed, and whole. */
static void
test_always(void **state)
{
	static const struct {
		const char *faults;
		enum ai_fault fault;
		size_t calls_streamed, calls_whole; /* 0: not tried */
	} cases[] = {
	    {"{'faults':[{'fault':'500'}]}", AI_FAULT_SERVER, 4, 4},
	    {"{'faults':[{'fault':'reset'}]}", AI_FAULT_UNREACHABLE, 4, 4},
	    {"{'faults':[{'fault':'400'}]}", AI_FAULT_REFUSED, 1, 1},
	    {"{'faults':[{'fault':'404'}]}", AI_FAULT_REFUSED, 1, 1},
	    {"{'faults':[{'fault':'invalid_key'}]}", AI_FAULT_KEY_REFUSED, 1, 1},
	    {"{'faults':[{'fault':'quota'}]}", AI_FAULT_KEY_REFUSED, 1, 1},
	    {"{'faults':[{'fault':'503','retry_after':60}]}", AI_FAULT_SERVER, 1, 1},
	    {"{'faults':[{'fault':'stall'}]}", AI_FAULT_TIMED_OUT, 1, 0},
	    {"{'faults':[{'fault':'safety'}]}", AI_FAULT_BLOCKED, 1, 1},
	    {"{'faults':[{'fault':'blocked'}]}", AI_FAULT_BLOCKED, 1, 1},
	    {"{'faults':[{'fault':'empty'}]}", AI_FAULT_MALFORMED, 4, 4},
	    {"{'faults':[{'fault':'html'}]}", AI_FAULT_MALFORMED, 4, 4},
	    /* What has been handed on is not asked for again here. A reset takes along what has not
	       been read. */
	    {"{'latency':{'streaming':2000},'faults':[{'fault':'reset_middle'}]}", AI_FAULT_BROKEN,
	     1, 0},
	    {"{'latency':{'streaming':200},'faults':[{'fault':'cut'}]}", AI_FAULT_BROKEN, 1, 4},
	    {"{'faults':[{'fault':'stall_middle'}]}", AI_FAULT_TIMED_OUT, 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		for (unsigned j = 0; j < 4; j++) {
			struct question question = {
			    .faults = cases[i].faults, .dialect = j / 2, .whole = j % 2 == 1};

			size_t calls =
			    question.whole ? cases[i].calls_whole : cases[i].calls_streamed;

			if (calls == 0)
				continue;
			ask(&question);
			expect(&question, STATUS_DEPENDENCY_DOWN, cases[i].fault, calls);
			assert_true(question.answer.why[0] != '\0');
		}
	}
}

static void
test_ends_of_streams(void **state)
{
	(void)state;
	for (unsigned dialect = 0; dialect < 2; dialect++) {
		struct question question = {.faults = "{'faults':[{'fault':'unfinished'}]}",
		                            .dialect = dialect};

		/* The text is there, but who knows that it is all? It is paid for. */
		ask(&question);
		expect(&question, STATUS_DEPENDENCY_DOWN, AI_FAULT_BROKEN, 1);
		assert_non_null(strstr(question.text, "2026-05-11"));
		assert_in_range(question.record.prompt, 20, 400);
		assert_in_range(question.record.completion, 50, 400);
		question = (struct question){.faults = "{'faults':[{'fault':'stream_error'}]}",
		                             .dialect = dialect};
		ask(&question);
		expect(&question, STATUS_DEPENDENCY_DOWN, AI_FAULT_SERVER, 1);
		assert_true(question.text_length > 0);
		question = (struct question){.faults = "{'faults':[{'fault':'huge'}]}",
		                             .dialect = dialect};
		ask(&question);
		assert_int_equal(question.answer.fault, AI_FAULT_TOO_LARGE);
		question = (struct question){.faults = "{'faults':[{'fault':'length'}]}",
		                             .dialect = dialect};
		ask(&question);
		expect(&question, STATUS_OK, AI_FAULT_NONE, 1);
		assert_int_equal(question.answer.finish, CHAT_LENGTH);
		assert_null(strstr(question.text, "2026-05-11"));
		/* Byte by byte is still an answer. */
		question = (struct question){
		    .faults = "{'faults':[{'fault':'drip','bytes':40,'every_ms':1}]}",
		    .dialect = dialect};
		ask(&question);
		expect(&question, STATUS_OK, AI_FAULT_NONE, 1);
		expect_plan(&question);
	}
}

static void
test_keys(void **state)
{
	static const char *const faults[] = {
	    "{'faults':[{'fault':'invalid_key','key':'one-key-1'}]}",
	    "{'faults':[{'fault':'quota','key':'one-key-1'}]}",
	    "{'faults':[{'fault':'429','key':'one-key-1','retry_after':60}]}",
	    "{'faults':[{'fault':'429','key':'one-key-1','retry_after':60,'form':'retry_info'}]}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		for (unsigned dialect = 0; dialect < 2; dialect++) {
			struct question question = {
			    .faults = faults[i], .dialect = dialect, .keys = "one-key-1,two-key-2"};

			if (dialect == 1 && strstr(faults[i], "retry_info") != NULL)
				continue; /* is Google's own */
			ask(&question);
			expect(&question, STATUS_OK, AI_FAULT_NONE, 2);
		}
	}
	for (unsigned dialect = 0; dialect < 2; dialect++) {
		struct question question = {.faults =
		                                "{'faults':[{'fault':'429','retry_after':60}]}",
		                            .dialect = dialect,
		                            .keys = "one-key-1,two-key-2"};

		/* Both rest for longer than is waited for. */
		ask(&question);
		expect(&question, STATUS_OVERLOADED, AI_FAULT_NONE, 2);
		assert_string_equal(question.answer.why, "all keys are resting");
	}
}

static void
test_limits(void **state)
{
	struct question late = {.faults = "{'latency':{'first_byte':20000}}", .give_up_ms = 500},
	                slow = {.faults = "{'faults':[{'fault':'stall','next':1}]}", .last = true},
	                refused = {.record.refuse = STATUS_QUOTA_EXCEEDED};

	(void)state;
	ask(&late);
	expect(&late, STATUS_DEADLINE, AI_FAULT_CANCELLED, 1);
	assert_int_equal(late.record.cancelled, 1);
	assert_int_equal(late.record.prompt + late.record.completion, 0);
	assert_true(late.elapsed_ms >= 500);
	/* Nobody else to ask: even a time limit is worth another call. */
	ask(&slow);
	expect(&slow, STATUS_OK, AI_FAULT_NONE, 2);
	/* Refused before it starts: nothing goes out. */
	ask(&refused);
	assert_int_equal(refused.status, STATUS_QUOTA_EXCEEDED);
	assert_int_equal(refused.calls, 0);
	assert_int_equal(refused.record.ended, 0);
}

/* --- cancelling ------------------------------------------------------------------------------ */

static int64_t
wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t seen_ended_us;

static void
aborted_task(void *arg)
{
	json_t *calls = NULL, *call = NULL;

	(void)arg;
	do {
		json_decref(calls);
		calls = upstream_calls();
		call = json_array_get(calls, 0);
	} while (json_is_null(json_object_get(call, "ended")) && task_sleep(5) == STATUS_OK);
	CHECK(json_array_size(calls) == 1);
	CHECK(strcmp(upstream_field(calls, 0, "outcome"), "aborted") == 0);
	seen_ended_us = json_integer_value(json_object_get(call, "ended"));
	json_decref(calls);
}

static void
open_task(void *arg)
{
	size_t *count = arg;

	*count = upstream_count();
}

static void
cancel_when(struct question *question, bool speaking)
{
	struct test_task test;
	size_t count = 0;
	int64_t cancelled_us;

	test_start(&test, 0, question_task, question, 0);
	while (count == 0 || (speaking && question->text_length == 0)) {
		struct test_task other;

		test_start(&other, 1, open_task, &count, 0);
		test_await(&other);
		usleep(5000);
	}
	usleep(50000);
	cancelled_us = wall_us();
	test_cancel(&test, 0);
	test_await(&test);
	test_run(aborted_task, NULL, 0);
	printf("aborted %.1f ms after the cancellation\n",
	       (double)(seen_ended_us - cancelled_us) / 1000);
	assert_true(seen_ended_us >= cancelled_us);
	assert_true(seen_ended_us - cancelled_us < 5000000); /* and not after 20 s */
	assert_int_equal(question->status, STATUS_CANCELLED);
	assert_int_equal(question->record.cancelled, 1);
	assert_int_equal(question->record.ended, 1);
}

static void
test_cancelling(void **state)
{
	(void)state;
	for (unsigned dialect = 0; dialect < 2; dialect++) {
		struct question waiting = {.faults = "{'latency':{'first_byte':20000}}",
		                           .dialect = dialect},
		                hearing = {.faults = "{'latency':{'streaming':20000,'chunks':50}}",
		                           .dialect = dialect};

		cancel_when(&waiting, false);
		assert_int_equal(waiting.record.prompt + waiting.record.completion, 0);
		cancel_when(&hearing, true);
		assert_in_range(hearing.record.prompt, 20, 400);
		assert_in_range(hearing.record.completion, 1, 100);
	}
}

/* --- many questions at one provider ---------------------------------------------------------- */

static struct chat_list shared;
static struct question crowd[40];

static void
share_task(void *arg)
{
	struct ai_settings settings = upstream_settings();
	char error[200];

	settings.gemini_concurrency = 3;
	settings.wait_s = 60;
	CHECK(chat_list_open(&settings, &shared, error, sizeof error));
	upstream_reset(arg);
}

static void
crowd_task(void *arg)
{
	question_ask(arg, shared.chats[0]);
}

static void
stats_task(void *arg)
{
	const char *text = upstream_control("GET", "stats", NULL);
	char error[100];
	json_t *stats = json_parse(text, strlen(text), error, sizeof error);

	*(json_int_t *)arg = json_integer_value(json_object_get(stats, "highest_open"));
	json_decref(stats);
}

static void
test_concurrency(void **state)
{
	struct test_task tasks[COUNT_OF(crowd)];
	json_int_t highest = 0;

	(void)state;
	test_run(share_task, (void *)(uintptr_t) "{'latency':{'first_byte':30}}", 0);
	for (unsigned i = 0; i < COUNT_OF(crowd); i++) {
		crowd[i] = (struct question){.dialect = 0};
		test_start(&tasks[i], i, crowd_task, &crowd[i], 0);
	}
	for (unsigned i = 0; i < COUNT_OF(crowd); i++)
		test_await(&tasks[i]);
	for (unsigned i = 0; i < COUNT_OF(crowd); i++)
		assert_int_equal(crowd[i].status, STATUS_OK);
	test_run(stats_task, &highest, 0);
	assert_in_range(highest, 2, 3);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
	chat_list_close(&shared);
}

/* Asks once; how many calls that were. */
static unsigned
asked(enum status status)
{
	struct question question = {.dialect = 0};

	test_run(crowd_task, &question, 0);
	assert_int_equal(question.status, status);
	return question.record.started;
}

static void
heal_task(void *arg)
{
	(void)arg;
	upstream_reset("{}");
}

/* Lets the open circuit's time pass. */
static void
pass(struct provider *provider, uint64_t milliseconds)
{
	provider->breaker.until_ms -= milliseconds;
}

static void
test_circuit(void **state)
{
	struct provider *provider;

	(void)state;
	test_run(share_task, (void *)(uintptr_t) "{'faults':[{'fault':'500'}]}", 0);
	provider = shared.chats[0]->provider;
	for (int i = 0; i < 3; i++)
		assert_int_equal(asked(STATUS_DEPENDENCY_DOWN), 4);
	/* Twelve in a row. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(asked(STATUS_OVERLOADED), 0);
	/* Later one call probes; it fails, and the next time is later still. */
	pass(provider, 5000);
	assert_int_equal(asked(STATUS_OVERLOADED), 1);
	test_run(heal_task, NULL, 0);
	pass(provider, 9000);
	assert_int_equal(asked(STATUS_OVERLOADED), 0);
	pass(provider, 1000);
	assert_int_equal(asked(STATUS_OK), 1);
	assert_int_equal(asked(STATUS_OK), 1);
	chat_list_close(&shared);
}

/* A provider that only fails gets no more than its budget of repeated calls. */
static void
test_retry_budget(void **state)
{
	unsigned calls = 0;

	(void)state;
	test_run(share_task,
	         (void *)(uintptr_t) "{'faults':[{'fault':'503','probability':0.9999}]}", 0);
	for (int i = 0; i < 12; i++) {
		struct question question = {.dialect = 0};

		/* The circuit would open first. */
		shared.chats[0]->provider->breaker.options.in_a_row = 1000;
		shared.chats[0]->provider->breaker.options.least = 1000;
		test_run(crowd_task, &question, 0);
		calls += question.record.started;
	}
	assert_in_range(calls, 12 + 20, 12 + 20 + 6);
	chat_list_close(&shared);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),       cmocka_unit_test(test_once),
	    cmocka_unit_test(test_always),     cmocka_unit_test(test_ends_of_streams),
	    cmocka_unit_test(test_keys),       cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_cancelling), cmocka_unit_test(test_concurrency),
	    cmocka_unit_test(test_circuit),    cmocka_unit_test(test_retry_budget),
	};

	return cmocka_run_group_tests_name("chat_call", tests, upstream_setup, upstream_teardown);
}
