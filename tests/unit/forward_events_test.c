/* SPDX-License-Identifier: MIT
 * Streams of events through the gateway, from services that say what a test wants: their text,
 * their end, and who hears of it. */
#include "tests/unit/http_fixture.h"

#include "tests/unit/task_fixture.h"

#include "auth.pb-c.h"
#include "common/actor/rpc.h"
#include "common/base/buf.h"
#include "common/base/delimited.h"
#include "common/base/json.h"
#include "common/service/serve.h"
#include "common/task/flight.h"
#include "gateway/address.h"
#include "gateway/edge.h"
#include "gateway/forward.h"
#include "gateway/gateway.h"
#include "gateway/routes.h"
#include "gateway/session_cache.h"
#include "planner.pb-c.h"
#include "proto/auth_rules.h"
#include "proto/planner_rules.h"

#define AUTHORIZED " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer learner\r\n"
#define FOLLOW(id) "GET /v1/jobs/" id "/events" AUTHORIZED
static struct fixture *http;
static struct gateway gateway;
static struct server *servers[2];
static struct worker *workers[1];
static _Atomic int followed; /* how the handler that was told to hold ended; -1: it has not */
static _Atomic size_t written;
static _Atomic bool signed_out;

/* --- the services ------------------------------------------------------------------------------
 */

static enum status
auth_verify(struct call *call, const void *message, void *out)
{
	const Auth__VerifyRequest *request = message;
	Auth__Identity *reply = out;

	if (signed_out)
		return call_fail(call, STATUS_UNAUTHENTICATED, NULL);
	reply->user_id = request->token;
	return STATUS_OK;
}

static enum status
tell(struct call *call, Planner__JobEvent *event, const char *id)
{
	struct buf out;
	enum status status;

	event->id = (char *)(uintptr_t)id;
	buf_init(&out, 0);
	delimited_put(&out, &event->base);
	status = call_stream_write(call, out.bytes, out.length);
	written += out.length;
	buf_fini(&out);
	return status;
}

static enum status
tell_job(struct call *call, const char *id)
{
	Planner__Job job = PLANNER__JOB__INIT;
	Planner__JobEvent event = PLANNER__JOB_EVENT__INIT;

	job.id = (char *)(uintptr_t) "j1";
	job.has_status = true;
	job.status = PLANNER__JOB__STATUS__running;
	event.event_case = PLANNER__JOB_EVENT__EVENT_JOB;
	event.job = &job;
	return tell(call, &event, id);
}

static enum status
tell_day(struct call *call, const char *id, size_t title_length)
{
	Planner__Item item = PLANNER__ITEM__INIT, *items[] = {&item};
	Planner__PlanDay day = PLANNER__PLAN_DAY__INIT;
	Planner__JobEvent event = PLANNER__JOB_EVENT__INIT;

	item.title = arena_alloc(task_arena(), title_length + 1);
	assert(item.title != NULL);
	memset(item.title, '\n', title_length); /* in one line all the same */
	item.title[title_length] = '\0';
	day.date = (char *)(uintptr_t) "2026-03-02";
	day.n_items = 1;
	day.items = items;
	event.event_case = PLANNER__JOB_EVENT__EVENT_DAY;
	event.day = &day;
	return tell(call, &event, id);
}

static enum status
tell_problem(struct call *call)
{
	Planner__Problem problem = PLANNER__PROBLEM__INIT;
	Planner__JobEvent event = PLANNER__JOB_EVENT__INIT;

	problem.code = (char *)(uintptr_t) "quota-exceeded";
	problem.detail = (char *)(uintptr_t) "spent";
	problem.has_retry_after_s = true;
	problem.retry_after_s = 77;
	event.event_case = PLANNER__JOB_EVENT__EVENT_PROBLEM;
	event.problem = &problem;
	return tell(call, &event, "1-end");
}

static enum status
follow_hold(struct call *call)
{
	enum status status = tell_job(call, "1-0");

	while (status == STATUS_OK)
		status = task_sleep(60000);
	followed = (int)status;
	return status;
}

static enum status
planner_follow(struct call *call, const void *message, void *out)
{
	const Planner__FollowJobRequest *request = message;
	const char *id = request->id;
	enum status status = STATUS_OK;

	(void)out;
	if (strcmp(id, "missing") == 0)
		return call_fail(call, STATUS_NOT_FOUND, NULL);
	if (strcmp(id, "over") == 0)
		call_set_outcome(call, OUTCOME_NO_CONTENT);
	else if (strcmp(id, "hold") == 0)
		return follow_hold(call);
	else if (strcmp(id, "last") == 0)
		return tell_job(call,
		                request->last_event_id != NULL ? request->last_event_id : "none");
	else if (strcmp(id, "dies") == 0)
		return tell_job(call, "1-0") == STATUS_OK ? STATUS_DEPENDENCY_DOWN : STATUS_OK;
	else if (strcmp(id, "garbage") == 0)
		return call_stream_write(call, "\xff\xff\xff\xff\xff\xff", 6);
	else if (strcmp(id, "bad-id") == 0)
		return tell_job(call, "a\nb");
	else if (strcmp(id, "large") == 0)
		for (int i = 0; i < 100 && status == STATUS_OK; i++)
			status = tell_day(call, "1-1", 20000);
	else if (strcmp(id, "events") == 0) {
		(void)tell_job(call, "1-0");
		(void)tell_day(call, "1-1", 3);
		(void)tell_problem(call);
	}
	return status;
}

static enum status
planner_create(struct call *call, const void *message, void *out)
{
	const Planner__CreatePlanRequest *request = message;
	const char *accept = call_header(call, "accept"), *prefer = call_header(call, "prefer");
	Planner__PlanAnswer *reply = out;
	Planner__Job *job = arena_alloc(task_arena(), sizeof *job);

	if (strcmp(request->goal, "late") == 0)
		return call_fail(call, STATUS_DEADLINE, NULL);
	call_set_header(call, "location", "/v1/jobs/j1");
	if (accept != NULL && strcmp(accept, "text/event-stream") == 0)
		return strcmp(request->goal, "hold") == 0 ? follow_hold(call)
		                                          : tell_job(call, "1-0");
	call_set_outcome(call, OUTCOME_ACCEPTED);
	call_set_header(call, "preference-applied", "%s", prefer != NULL ? prefer : "none");
	planner__job__init(job);
	job->id = (char *)(uintptr_t) "j1";
	reply->job = job;
	return STATUS_OK;
}

static const struct method auth_methods[] = {{"Verify", auth_verify}};
static const struct method planner_methods[] = {{"FollowJob", planner_follow},
                                                {"CreatePlan", planner_create}};

static const struct service_spec specs[] = {
    {.name = "auth",
     .descriptor = &auth__auth__descriptor,
     .methods = auth_methods,
     .method_count = COUNT_OF(auth_methods),
     .rules = {auth_rules, AUTH_RULE_COUNT}},
    {.name = "planner",
     .descriptor = &planner__planner__descriptor,
     .methods = planner_methods,
     .method_count = COUNT_OF(planner_methods),
     .rules = {planner_rules, PLANNER_RULE_COUNT}},
};

/* --- the whole ---------------------------------------------------------------------------------
 */

static void
open_all(void *arg)
{
	static char urls[2][64];
	char error[200];

	(void)arg;
	workers[0] = worker_current();
	for (unsigned i = 0; i < COUNT_OF(specs); i++) {
		unsigned port = 20000 + ids_below(8000);
		struct server_options options = {.spec = &specs[i],
		                                 .workers = workers,
		                                 .worker_count = 1,
		                                 .connections = 100,
		                                 .queue_limit = 10,
		                                 .request_bytes = 1000000,
		                                 .url = urls[i]};
		struct rpc_options rpc = {
		    .actor = specs[i].name, .urls = urls[i], .io = worker_current()};
		do
			snprintf(urls[i], sizeof urls[i], "tcp://127.0.0.1:%u", port++);
		while ((servers[i] = server_open(&options, error, sizeof error)) == NULL);
		gateway.rpcs[i] = rpc_open(&rpc, error, sizeof error);
		assert(gateway.rpcs[i] != NULL);
		while (!rpc_ready(gateway.rpcs[i]))
			assert(task_sleep(5) == STATUS_OK);
	}
}

static void
close_all(void *arg)
{
	static struct server *kept[COUNT_OF(servers)]; /* they stay, for their metrics */

	(void)arg;
	for (unsigned i = 0; i < COUNT_OF(specs); i++) {
		kept[i] = servers[i];
		rpc_close(&gateway.rpcs[i]);
		server_close(&servers[i]);
	}
	assert(kept[1] != NULL && task_sleep(100) == STATUS_OK);
}

static void
set_limits_task(void *arg)
{
	const unsigned *limits = arg;

	gateway.quiet_ms = limits[0];
	gateway.max_connections = limits[1];
}

static void
set_limits(unsigned quiet_ms, unsigned connections)
{
	unsigned limits[] = {quiet_ms, connections};

	run_task(http->worker, set_limits_task, limits);
}

static int
setup(void **state)
{
	(void)state;
	followed = -1;
	written = 0;
	signed_out = false;
	set_limits(15000, 10000);
	return 0;
}

static int
group_setup(void **state)
{
	char error[200];

	(void)state;
	routes_bind();
	if (ids_init() != 0 || edge_init() != 0 || forward_events_init() != 0)
		return -1;
	gateway.cookie_name = "studyhall_session";
	gateway.proxies = address_list_parse(NULL, error, sizeof error);
	gateway.sessions = session_cache_new(64);
	gateway.verifications = flight_new();
	http = fixture_make();
	http->options.head_fn = edge_head;
	http->options.handler_fn = edge_handle;
	http->options.error_fn = edge_error;
	http->options.arg = &gateway;
	fixture_start(http);
	run_task(http->worker, open_all, NULL);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	run_task(http->worker, close_all, NULL);
	fixture_stop(http);
	session_cache_free(&gateway.sessions);
	flight_free(&gateway.verifications);
	address_list_free(&gateway.proxies);
	return 0;
}

static const char *
create(const char *goal, const char *fields)
{
	static char text[1000];
	char body[200];

	snprintf(body, sizeof body, "{\"goal\": \"%s\"}", goal);
	snprintf(text, sizeof text,
	         "POST /v1/plans" AUTHORIZED
	         "%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	         fields, strlen(body), body);
	return text;
}

static const char *
ask(const char *request, const char *until)
{
	int fd = client_connect(http);
	const char *text;

	client_send(fd, request);
	text = client_read(fd, until, until == NULL ? 300 : 5000);
	close(fd);
	return text;
}

static void
expect_status(const char *request, const char *status, const char *part)
{
	const char *text = ask(request, part);

	if (strncmp(text, status, strlen(status)) != 0 || strstr(text, part) == NULL)
		fail_msg("expected %s ... %s, got: %s", status, part, text);
}

/* --- what a stream looks like ------------------------------------------------------------------
 */

static void
a_stream_has_its_head_and_its_events(void **state)
{
	const char *text = ask(FOLLOW("events") "\r\n", "\r\n0\r\n\r\n");

	(void)state;
	assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(text, "\r\nContent-Type: text/event-stream\r\n"));
	assert_non_null(strstr(text, "\r\nCache-Control: no-store\r\n"));
	assert_non_null(strstr(text, "\r\nX-Accel-Buffering: no\r\n"));
	assert_non_null(strstr(text, "\r\nVary: Authorization, Cookie, Accept\r\n"));
	assert_non_null(strstr(text, "\r\n\r\nd\r\nretry: 2000\n\n\r\n"));
	assert_non_null(strstr(text, "id: 1-0\nevent: job\ndata: {\"id\":\"j1\",\"kind\":null,"
	                             "\"status\":\"running\""));
	assert_non_null(strstr(text,
	                       "id: 1-1\nevent: day\ndata: {\"date\":\"2026-03-02\",\"items\":"
	                       "[{\"id\":null"));
	assert_non_null(strstr(text, "\"title\":\"\\n\\n\\n\""));
	assert_non_null(strstr(text, "\r\n0\r\n\r\n"));
}

static void
a_problem_is_a_problem_document(void **state)
{
	char error[200], *at, *end;
	const char *text = ask(FOLLOW("events") "\r\n", "\r\n0\r\n\r\n");
	json_t *problem;

	(void)state;
	at = strstr(text, "id: 1-end\nevent: problem\ndata: ");
	assert_non_null(at);
	at = strstr(at, "{");
	end = strstr(at, "\n\n");
	assert_non_null(end);
	problem = json_parse(at, (size_t)(end - at), error, sizeof error);
	assert_non_null(problem);
	assert_string_equal(json_string_value(json_object_get(problem, "type")),
	                    "/problems/quota-exceeded");
	assert_int_equal(json_integer_value(json_object_get(problem, "status")), 429);
	assert_string_equal(json_string_value(json_object_get(problem, "detail")), "spent");
	assert_int_equal(strlen(json_string_value(json_object_get(problem, "trace_id"))), 32);
	assert_int_equal(json_integer_value(json_object_get(problem, "retry_after")), 77);
	assert_non_null(json_object_get(problem, "title"));
	json_decref(problem);
}

static void
the_last_event_id_reaches_the_service(void **state)
{
	(void)state;
	expect_status(FOLLOW("last") "Last-Event-ID: 3-12\r\n\r\n", "HTTP/1.1 200", "id: 3-12\n");
	expect_status(FOLLOW("last") "\r\n", "HTTP/1.1 200", "id: none\n");
	expect_status(FOLLOW("last") "Last-Event-ID: \r\n\r\n", "HTTP/1.1 200", "id: none\n");
	expect_status(FOLLOW("last") "Last-Event-ID: a b\r\n\r\n", "HTTP/1.1 200", "id: none\n");
}

static void
plain_answers_stay_plain(void **state)
{
	(void)state;
	expect_status(FOLLOW("missing") "\r\n", "HTTP/1.1 404", "application/problem+json");
	expect_status(FOLLOW("over") "\r\n", "HTTP/1.1 204", "\r\n\r\n");
	expect_status(FOLLOW("nothing") "\r\n", "HTTP/1.1 500", "\"status\":500");
	expect_status(FOLLOW("events") "Accept: application/json\r\n\r\n", "HTTP/1.1 406",
	              "text/event-stream");
	expect_status("GET /v1/jobs/events/events HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 401",
	              "}");
}

static void
head_and_old_clients_are_answered(void **state)
{
	int fd = client_connect(http);
	const char *text;

	(void)state;
	client_send(fd, "HEAD /v1/jobs/hold/events" AUTHORIZED "\r\n");
	for (int i = 0; i < 1000 && followed == -1; i++)
		usleep(5000);
	assert_int_equal(followed, STATUS_CANCELLED); /* it does not wait for events */
	client_send(fd, FOLLOW("missing") "\r\n");
	text = client_read(fd, "}", 5000);
	assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
	assert_memory_equal(strstr(text, "\r\n\r\n"), "\r\n\r\nHTTP/1.1 404", 16);
	close(fd);
	text = ask("GET /v1/jobs/events/events HTTP/1.0\r\nAuthorization: Bearer learner\r\n\r\n",
	           NULL);
	assert_null(strstr(text, "chunked"));
	assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
	assert_non_null(strstr(text, "\r\n\r\nretry: 2000\n\nid: 1-0\n"));
}

/* --- how it ends -------------------------------------------------------------------------------
 */

static void
a_stream_that_breaks_ends_the_response(void **state)
{
	(void)state;
	expect_status(FOLLOW("dies") "\r\n", "HTTP/1.1 200", "\n\n\r\n0\r\n\r\n");
	expect_status(FOLLOW("garbage") "\r\n", "HTTP/1.1 200", "\n\n\r\n0\r\n\r\n");
	expect_status(FOLLOW("bad-id") "\r\n", "HTTP/1.1 200", "\n\n\r\n0\r\n\r\n");
}

static void
hang_up(const char *request, int how)
{
	int fd = client_connect(http);

	client_send(fd, request);
	client_expect(fd, "HTTP/1.1 200", "event: job");
	assert_int_equal(followed, -1);
	if (how == SHUT_WR)
		shutdown(fd, how);
	else
		close(fd);
	for (int i = 0; i < 1000 && followed == -1; i++)
		usleep(5000);
	assert_int_equal(followed, STATUS_CANCELLED);
	followed = -1;
	if (how == SHUT_WR)
		close(fd);
}

static void
a_client_that_hangs_up_is_told_to_the_service(void **state)
{
	(void)state;
	hang_up(FOLLOW("hold") "\r\n", SHUT_RDWR);
	hang_up(FOLLOW("hold") "\r\n", SHUT_WR);
	hang_up(create("hold", "Accept: text/event-stream\r\n"), SHUT_RDWR);
}

static void
end_streams(void *arg)
{
	(void)arg;
	forward_events_end();
}

static void
a_drain_ends_what_can_be_resumed(void **state)
{
	int follower = client_connect(http), maker = client_connect(http);

	(void)state;
	client_send(follower, FOLLOW("hold") "\r\n");
	client_expect(follower, "HTTP/1.1 200", "event: job");
	client_send(maker, create("hold", "Accept: text/event-stream\r\n"));
	client_expect(maker, "HTTP/1.1 200", "event: job");
	run_task(http->worker, end_streams, NULL);
	assert_string_equal(client_read(follower, "0\r\n\r\n", 5000), "0\r\n\r\n");
	/* What comes now ends at once; what a POST asked for goes on. */
	expect_status(FOLLOW("hold") "\r\n", "HTTP/1.1 200", "\r\n\r\n0\r\n\r\n");
	assert_string_equal(client_read(maker, NULL, 200), "");
	close(follower);
	close(maker);
}

static void
a_quiet_stream_says_that_it_lives(void **state)
{
	int fd = client_connect(http);

	(void)state;
	set_limits(20, 10000);
	client_send(fd, FOLLOW("hold") "\r\n");
	client_expect(fd, "HTTP/1.1 200", "\r\n3\r\n:\n\n\r\n3\r\n:\n\n\r\n3\r\n:\n\n\r\n");
	assert_int_equal(followed, -1);
	close(fd);
}

static void
a_stream_does_not_outlive_its_session(void **state)
{
	int fd = client_connect(http);

	(void)state;
	set_limits(20, 10000);
	client_send(fd, FOLLOW("hold") "\r\n");
	client_expect(fd, "HTTP/1.1 200", "event: job");
	signed_out = true; /* noticed when the second has passed for which it is remembered */
	assert_non_null(strstr(client_read(fd, "\r\n0\r\n\r\n", 5000), "\r\n0\r\n\r\n"));
	close(fd);
}

static void
a_learner_has_a_share_of_the_streams(void **state)
{
	int held[2];

	(void)state;
	set_limits(15000, 8);
	for (size_t i = 0; i < COUNT_OF(held); i++) {
		held[i] = client_connect(http);
		client_send(held[i], FOLLOW("hold") "\r\n");
		client_expect(held[i], "HTTP/1.1 200", "event: job");
	}
	expect_status(FOLLOW("events") "\r\n", "HTTP/1.1 429", "\"type\":\"/problems/throttled\"");
	expect_status("GET /v1/jobs/events/events HTTP/1.1\r\nHost: a\r\n"
	              "Authorization: Bearer another\r\n\r\n",
	              "HTTP/1.1 200", "event: job");
	close(held[0]);
	for (int i = 0; i < 1000 && followed == -1; i++)
		usleep(5000);
	expect_status(FOLLOW("events") "\r\n", "HTTP/1.1 200", "event: job");
	close(held[1]);
}

/* --- slow readers ------------------------------------------------------------------------------
 */

static void
a_stream_of_any_length_arrives_whole(void **state)
{
	static char text[65536];
	int fd = client_connect(http), events = 0;
	char last[6] = "";
	ssize_t n;

	(void)state;
	client_send(fd, FOLLOW("large") "\r\n");
	while (strcmp(last, "0\r\n\r\n") != 0 && (n = recv(fd, text, sizeof text, 0)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			memmove(last, last + 1, 4);
			last[4] = text[i];
			events += memcmp(last, "data:", 5) == 0;
		}
	}
	assert_int_equal(events, 100);
	assert_string_equal(last, "0\r\n\r\n");
	close(fd);
}

static void
a_slow_reader_holds_back_only_itself(void **state)
{
	size_t limit = 2000000, before;
	int fd = client_connect_slow(http);

	(void)state;
	client_send(fd, FOLLOW("large") "\r\n");
	do {
		before = written;
		usleep(200000);
	} while (written != before || before == 0);
	assert_in_range(before, 20000, limit - 1); /* it stands still */
	expect_status(FOLLOW("events") "\r\n", "HTTP/1.1 200", "\r\n0\r\n\r\n");
	assert_int_equal(written > before, true);
	close(fd);
}

/* --- making a plan -----------------------------------------------------------------------------
 */

static void
a_post_streams_to_who_accepts_it(void **state)
{
	(void)state;
	expect_status(create("stream", "Accept: text/event-stream\r\n"), "HTTP/1.1 200",
	              "event: job");
	expect_status(create("stream", "Accept: text/event-stream\r\n"), "HTTP/1.1 200",
	              "\r\nLocation: /v1/jobs/j1\r\n");
	expect_status(create("stream", "Accept: application/json;q=0.5, text/event-stream\r\n"),
	              "HTTP/1.1 200", "event: job");
	expect_status(create("stream", "Accept: text/event-stream;q=0.5, */*\r\n"), "HTTP/1.1 202",
	              "\"id\":\"j1\"");
	expect_status(create("stream", ""), "HTTP/1.1 202", "\"id\":\"j1\"");
	expect_status(create("stream", "Accept: text/event-stream;q=0, application/*\r\n"),
	              "HTTP/1.1 202", "\"id\":\"j1\"");
	expect_status(create("stream", "Accept: text/html\r\n"), "HTTP/1.1 406",
	              "text/event-stream");
}

static void
a_post_waits_as_its_client_prefers(void **state)
{
	(void)state;
	expect_status(create("job", ""), "HTTP/1.1 202", "\r\nPreference-Applied: none\r\n");
	expect_status(create("job", ""), "HTTP/1.1 202", "\r\nLocation: /v1/jobs/j1\r\n");
	expect_status(create("job", "Prefer: x=\"wait=3\"\r\nPrefer: wait=\"7\";y, Wait=9\r\n"),
	              "HTTP/1.1 202", "\r\nPreference-Applied: wait=7\r\n");
	expect_status(create("job", "Prefer: wait=500\r\nPrefer: respond-async\r\n"),
	              "HTTP/1.1 202", "\r\nPreference-Applied: respond-async, wait=110\r\n");
	expect_status(create("job", "Prefer: wait=soon\r\n"), "HTTP/1.1 202",
	              "\r\nPreference-Applied: none\r\n");
}

static void
a_post_never_takes_too_long(void **state)
{
	(void)state;
	expect_status(create("late", ""), "HTTP/1.1 503", "\"type\":\"/problems/dependency-down\"");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, NULL)
	const struct CMUnitTest tests[] = {
	    TEST(a_stream_has_its_head_and_its_events),
	    TEST(a_problem_is_a_problem_document),
	    TEST(the_last_event_id_reaches_the_service),
	    TEST(plain_answers_stay_plain),
	    TEST(head_and_old_clients_are_answered),
	    TEST(a_stream_that_breaks_ends_the_response),
	    TEST(a_client_that_hangs_up_is_told_to_the_service),
	    TEST(a_quiet_stream_says_that_it_lives),
	    TEST(a_stream_does_not_outlive_its_session),
	    TEST(a_learner_has_a_share_of_the_streams),
	    TEST(a_stream_of_any_length_arrives_whole),
	    TEST(a_slow_reader_holds_back_only_itself),
	    TEST(a_post_streams_to_who_accepts_it),
	    TEST(a_post_waits_as_its_client_prefers),
	    TEST(a_post_never_takes_too_long),
	    TEST(a_drain_ends_what_can_be_resumed), /* and there is no way back */
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
