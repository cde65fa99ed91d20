/* SPDX-License-Identifier: MIT
 * Routes: every row binds, and paths find the row they should. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/arena.h"
#include "common/base/obj.h"
#include "gateway/routes.h"
#include "gateway/transcode.h"
#include "planner.pb-c.h"

static alignas(struct http_param) char scratch[512];
static struct http_target target;

static const struct route *
find(const char *method, const char *path, const struct route **known)
{
	assert_true(http_target_room(path, strlen(path)) <= sizeof scratch);
	assert_true(http_target_parse(&target, method, path, strlen(path), scratch));
	return routes_find(method, &target, known);
}

static void
paths_find_their_rows(void **state)
{
	(void)state;
	static const struct {
		const char *method, *path, *rpc;
	} cases[] = {
	    {"POST", "/v1/users", "auth.Auth/SignUp"},
	    {"GET", "/v1/users/me", "auth.Auth/GetMe"},
	    {"HEAD", "/v1/users/me", "auth.Auth/GetMe"},
	    {"GET", "/v1/sessions/current", "auth.Auth/GetCurrentSession"},
	    {"DELETE", "/v1/sessions/current", "auth.Auth/SignOut"},
	    {"DELETE", "/v1/sessions/abc", "auth.Auth/DeleteSession"},
	    {"GET", "/v1/plans/abc", "planner.Planner/GetPlan"},
	    {"GET", "/v1/plans/abc.ics", "planner.Planner/GetCalendar"},
	    {"GET", "/v1/plans/.ics", "planner.Planner/GetPlan"}, /* an id that is none */
	    {"GET", "/v1/plans/abc/items/def", "planner.Planner/GetItem"},
	    {"PATCH", "/v1/plans/abc/items/def", "planner.Planner/UpdateItem"},
	    {"POST", "/v1/plans/abc/replan", "planner.Planner/Replan"},
	    {"GET", "/v1/history/summary?from=2026-01-01", "history.History/Summarize"},
	    {"DELETE", "/v1/history/abc", "history.History/Delete"},
	    {"GET", "/v1/jobs?status=queued", "planner.Planner/ListJobs"},
	    {"GET", "/v1/jobs/abc", "planner.Planner/GetJob"},
	    {"DELETE", "/v1/jobs/abc", "planner.Planner/CancelJob"},
	    {"GET", "/v1/jobs/abc/events", "planner.Planner/FollowJob"},
	    {"GET", "/v1/users/me/quota", "planner.Planner/GetQuota"},
	    {"POST", "/v1/voice/turns", "voice.Voice/CreateTurn"},
	    {"GET", "/v1/pl%61ns", "planner.Planner/ListPlans"},
	    {"GET", "http://host/v1/plans", "planner.Planner/ListPlans"},
	};
	const struct route *known;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct route *route = find(cases[i].method, cases[i].path, &known);
		assert_non_null(route);
		assert_string_equal(route->rpc_name, cases[i].rpc);
	}
}

static void
other_paths_find_nothing(void **state)
{
	(void)state;
	static const char *const paths[] = {"/",
	                                    "/v1",
	                                    "/v1/",
	                                    "/v1/plan",
	                                    "/v1/plans/",
	                                    "/v1/plans/a/items/",
	                                    "/v1//plans",
	                                    "/v2/plans",
	                                    "/v1/plans/a/b",
	                                    "/v1/Plans",
	                                    "/v1/plans%2Fa",
	                                    "/v1/users/you",
	                                    "/v1/history/a/b"};
	const struct route *known;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		assert_null(find("GET", paths[i], &known));
		assert_null(known);
	}
}

static void
another_method_knows_the_path(void **state)
{
	(void)state;
	const struct route *known;
	char allow[64];
	assert_null(find("PUT", "/v1/plans", &known));
	assert_non_null(known);
	routes_allow(known, allow, sizeof allow);
	assert_string_equal(allow, "GET, HEAD, POST, OPTIONS");
	assert_null(find("POST", "/v1/plans/abc", &known));
	routes_allow(known, allow, sizeof allow);
	assert_string_equal(allow, "GET, HEAD, PATCH, DELETE, OPTIONS");
	/* "summary" and "current" are no ids */
	assert_null(find("DELETE", "/v1/history/summary", &known));
	routes_allow(known, allow, sizeof allow);
	assert_string_equal(allow, "GET, HEAD, OPTIONS");
	assert_null(find("HEAD", "/v1/users", &known));
	routes_allow(known, allow, sizeof allow);
	assert_string_equal(allow, "POST, OPTIONS");
}

static void
variables_fill_the_message(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	struct transcode in;
	const struct route *known, *route;
	route = find("PATCH", "/v1/plans/p%2D1/items/i_2", &known);
	assert_int_equal(transcode_init(&in, route->input, route->elsewhere, arena), 0);
	assert_int_equal(routes_set_variables(route, &target, &in), 0);
	Planner__UpdateItemRequest *request = (Planner__UpdateItemRequest *)in.message;
	assert_string_equal(request->id, "p-1");
	assert_string_equal(request->item_id, "i_2");
	route = find("GET", "/v1/plans/p1.ics", &known);
	assert_int_equal(transcode_init(&in, route->input, route->elsewhere, arena), 0);
	assert_int_equal(routes_set_variables(route, &target, &in), 0);
	assert_string_equal(((Planner__GetPlanRequest *)in.message)->id, "p1");
	arena_free(&arena);
}

/* A name that is no field would never be filled. */
static void
variables_and_parameters_are_fields(void **state)
{
	(void)state;
	for (unsigned i = 0; i < route_count; i++) {
		char names[256];
		snprintf(names, sizeof names, "%s", routes[i].elsewhere);
		for (char *rest = names, *name; (name = strsep(&rest, " ")) != NULL;)
			if (name[0] != '\0')
				assert_non_null(protobuf_c_message_descriptor_get_field_by_name(
				    routes[i].input, name));
	}
}

/* The first row that matches counts, so no pattern may hide a later one. */
static void
no_row_hides_another(void **state)
{
	(void)state;
	for (unsigned i = 0; i < route_count; i++) {
		char path[128];
		size_t length = 0;
		const struct route *known;
		for (const char *c = routes[i].pattern; *c != '\0'; c++) {
			if (*c == '{') {
				path[length++] = 'x';
				c = strchr(c, '}');
			} else {
				path[length++] = *c;
			}
		}
		path[length] = '\0';
		assert_ptr_equal(find(routes[i].method, path, &known), &routes[i]);
	}
}

static int
routes_group_setup(void **state)
{
	(void)state;
	routes_bind();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(paths_find_their_rows),
	    cmocka_unit_test(other_paths_find_nothing),
	    cmocka_unit_test(another_method_knows_the_path),
	    cmocka_unit_test(variables_fill_the_message),
	    cmocka_unit_test(variables_and_parameters_are_fields),
	    cmocka_unit_test(no_row_hides_another),
	};
	return cmocka_run_group_tests(tests, routes_group_setup, NULL);
}
