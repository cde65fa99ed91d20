/* SPDX-License-Identifier: MIT
 * The API's description: complete, consistent, and of OpenAPI 3.1's structure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/ids.h"
#include "common/base/json.h"
#include "common/base/obj.h"
#include "gateway/openapi.h"
#include "gateway/routes.h"

static struct openapi *openapi;
static json_t *document;

static json_t *
at(json_t *value, ...)
{
	va_list keys;
	va_start(keys, value);
	for (const char *key; (key = va_arg(keys, const char *)) != NULL;) {
		json_t *next = json_object_get(value, key);
		if (next == NULL)
			fail_msg("there is no %s", key);
		value = next;
	}
	va_end(keys);
	return value;
}
#define AT(value, ...) at((value), __VA_ARGS__, NULL)

static const char *
text_at(json_t *value, const char *key)
{
	const char *text = json_string_value(json_object_get(value, key));
	return text == NULL ? "" : text;
}

/* The operation of a row. */
static json_t *
operation(const struct route *route)
{
	char method[16] = "";
	for (size_t i = 0; route->method[i] != '\0'; i++)
		method[i] = (char)(route->method[i] | 0x20);
	return AT(document, "paths", route->pattern, method);
}

static void
check_refs(json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;
	json_object_foreach(value, key, member)
	{
		if (strcmp(key, "$ref") == 0) {
			char path[256];
			json_t *found = document;
			snprintf(path, sizeof path, "%s", json_string_value(member));
			assert_memory_equal(path, "#/", 2);
			for (char *rest = path + 2, *part; (part = strsep(&rest, "/")) != NULL;)
				found = json_object_get(found, part);
			if (found == NULL)
				fail_msg("%s leads nowhere", json_string_value(member));
		} else {
			check_refs(member);
		}
	}
	if (json_is_array(value))
		json_array_foreach(value, i, member) check_refs(member);
}

static void
the_head_is_openapi_3_1(void **state)
{
	(void)state;
	assert_string_equal(text_at(document, "openapi"), "3.1.0");
	assert_true(strlen(text_at(AT(document, "info"), "title")) > 0);
	assert_true(strlen(text_at(AT(document, "info"), "version")) > 0);
	assert_non_null(AT(document, "components", "securitySchemes", "bearer"));
	assert_string_equal(text_at(json_array_get(AT(document, "servers"), 0), "url"),
	                    "https://study.example");
}

static void
every_reference_leads_somewhere(void **state)
{
	(void)state;
	check_refs(document);
}

static void
every_row_is_an_operation(void **state)
{
	(void)state;
	char seen[64][64];
	size_t count = 0;
	for (unsigned i = 0; i < route_count; i++) {
		json_t *call = operation(&routes[i]);
		const char *id = text_at(call, "operationId");
		for (size_t j = 0; j < count; j++)
			assert_string_not_equal(seen[j], id);
		assert_true(count < COUNT_OF(seen));
		snprintf(seen[count++], sizeof seen[0], "%s", id);
		assert_true(strlen(text_at(call, "summary")) > 0);
		char status[8];
		snprintf(status, sizeof status, "%d", routes[i].success);
		assert_true(strlen(text_at(AT(call, "responses", status), "description")) > 0);
		assert_non_null(AT(call, "responses", "default"));
		bool is_public = (routes[i].flags & ROUTE_PUBLIC) != 0;
		assert_int_equal(json_object_get(call, "security") != NULL, is_public);
		assert_int_equal(json_object_get(call, "requestBody") != NULL,
		                 routes[i].body != ROUTE_BODY_NONE);
	}
}

static void
every_variable_of_a_path_is_a_required_parameter(void **state)
{
	(void)state;
	for (unsigned i = 0; i < route_count; i++) {
		json_t *list = AT(operation(&routes[i]), "parameters"), *parameter;
		size_t n, found = 0, variables = 0;
		json_array_foreach(list, n, parameter)
		{
			if (strcmp(text_at(parameter, "in"), "path") != 0)
				continue;
			char part[64];
			snprintf(part, sizeof part, "{%s}", text_at(parameter, "name"));
			assert_non_null(strstr(routes[i].pattern, part));
			assert_true(json_is_true(json_object_get(parameter, "required")));
			assert_non_null(json_object_get(parameter, "schema"));
			found++;
		}
		for (const char *c = routes[i].pattern; *c != '\0'; c++)
			variables += *c == '{';
		assert_int_equal(found, variables);
	}
}

static json_t *
body_schema(const char *path, const char *method)
{
	return AT(document, "paths", path, method, "requestBody", "content", "application/json",
	          "schema");
}

static void
rules_become_constraints(void **state)
{
	(void)state;
	json_t *schema = body_schema("/v1/plans", "post");
	assert_true(json_is_false(AT(schema, "additionalProperties")));
	assert_int_equal(json_array_size(AT(schema, "required")), 1);
	assert_string_equal(json_string_value(json_array_get(AT(schema, "required"), 0)), "goal");
	json_t *goal = AT(schema, "properties", "goal");
	assert_int_equal(json_integer_value(AT(goal, "minLength")), 1);
	assert_int_equal(json_integer_value(AT(goal, "maxLength")), 500);
	assert_string_equal(text_at(goal, "type"), "string");
	json_t *minutes = AT(schema, "properties", "minutes_per_day");
	assert_int_equal(json_integer_value(AT(minutes, "minimum")), 5);
	assert_int_equal(json_integer_value(AT(minutes, "maximum")), 960);
	assert_int_equal(json_integer_value(AT(schema, "properties", "topics", "maxItems")), 200);
	assert_int_equal(
	    json_integer_value(AT(schema, "properties", "topics", "items", "maxLength")), 200);
	assert_int_equal(json_array_size(AT(schema, "properties", "rest_days", "items", "enum")),
	                 7);
	assert_string_equal(text_at(AT(schema, "properties", "exam_date"), "format"), "date");
	/* In a POST null is absent. */
	assert_int_equal(json_array_size(AT(schema, "properties", "subject", "type")), 2);
}

static void
a_patch_says_what_may_be_null(void **state)
{
	(void)state;
	json_t *patch = AT(document, "paths", "/v1/plans/{id}", "patch", "requestBody", "content");
	json_t *schema = AT(body_schema("/v1/plans/{id}", "patch"), "properties");
	assert_true(
	    json_equal(AT(patch, "application/json"), AT(patch, "application/merge-patch+json")));
	assert_string_equal(text_at(AT(schema, "goal"), "type"), "string");
	assert_int_equal(json_array_size(AT(schema, "subject", "type")), 2);
	assert_null(json_object_get(schema, "id"));
	assert_null(json_object_get(schema, "cleared"));
}

static void
audio_is_not_in_the_json_body(void **state)
{
	(void)state;
	json_t *schema = AT(body_schema("/v1/voice/turns", "post"), "properties");
	assert_int_equal(json_object_size(schema), 1);
	assert_non_null(json_object_get(schema, "text"));
	assert_non_null(
	    AT(document, "paths", "/v1/voice/turns", "post", "requestBody", "content", "audio/*"));
}

static void
answers_describe_every_field(void **state)
{
	(void)state;
	json_t *plan = AT(document, "components", "schemas", "planner.Plan");
	assert_int_equal(json_array_size(AT(plan, "required")),
	                 json_object_size(AT(plan, "properties")));
	assert_string_equal(text_at(AT(plan, "properties", "items", "items"), "$ref"),
	                    "#/components/schemas/planner.Item");
	assert_string_equal(text_at(AT(document, "paths", "/v1/plans/{id}", "get", "responses",
	                               "200", "content", "application/json", "schema"),
	                            "$ref"),
	                    "#/components/schemas/planner.Plan");
	assert_non_null(AT(document, "paths", "/v1/plans/{id}.ics", "get", "responses", "200",
	                   "content", "text/calendar"));
}

static const char *
answer_schema(const char *path, const char *method, const char *status)
{
	return text_at(AT(document, "paths", path, method, "responses", status, "content",
	                  "application/json", "schema"),
	               "$ref");
}

static void
an_answer_in_parts_has_a_schema_for_each_status(void **state)
{
	(void)state;
	assert_string_equal(answer_schema("/v1/plans", "post", "201"),
	                    "#/components/schemas/planner.Plan");
	assert_string_equal(answer_schema("/v1/plans", "post", "202"),
	                    "#/components/schemas/planner.Job");
	AT(document, "paths", "/v1/plans", "post", "responses", "202", "headers", "Location");
	/* What holds the parts is never seen. */
	assert_null(json_object_get(AT(document, "components", "schemas"), "planner.PlanAnswer"));
	assert_string_equal(answer_schema("/v1/jobs/{id}", "delete", "202"),
	                    "#/components/schemas/planner.Job");
	AT(document, "paths", "/v1/jobs/{id}", "delete", "responses", "409");
}

static void
events_are_described(void **state)
{
	(void)state;
	json_t *responses = AT(document, "paths", "/v1/jobs/{id}/events", "get", "responses");
	json_t *events = AT(responses, "200", "content", "text/event-stream", "x-events");
	assert_string_equal(text_at(AT(events, "day"), "$ref"),
	                    "#/components/schemas/planner.PlanDay");
	assert_string_equal(text_at(AT(events, "problem"), "$ref"), "#/components/schemas/Problem");
	assert_int_equal(json_object_size(events), 5);
	AT(responses, "204");
	json_t *made = AT(document, "paths", "/v1/plans", "post", "responses", "200");
	AT(made, "content", "text/event-stream", "x-events", "plan");
	AT(made, "headers", "Location");
	assert_null(json_object_get(AT(document, "components", "schemas"), "planner.JobEvent"));
}

static int
openapi_setup(void **state)
{
	char error[200];
	(void)state;
	if (ids_init() != 0)
		return -1;
	routes_bind();
	openapi = openapi_new("https://study.example");
	document = openapi == NULL
	               ? NULL
	               : json_parse(openapi->json, openapi->length, error, sizeof error);
	if (document == NULL)
		fprintf(stderr, "%s\n", error);
	return document == NULL ? -1 : 0;
}

static int
openapi_teardown(void **state)
{
	(void)state;
	json_decref(document);
	openapi_free(&openapi);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_head_is_openapi_3_1),
	    cmocka_unit_test(every_reference_leads_somewhere),
	    cmocka_unit_test(every_row_is_an_operation),
	    cmocka_unit_test(every_variable_of_a_path_is_a_required_parameter),
	    cmocka_unit_test(rules_become_constraints),
	    cmocka_unit_test(a_patch_says_what_may_be_null),
	    cmocka_unit_test(audio_is_not_in_the_json_body),
	    cmocka_unit_test(answers_describe_every_field),
	    cmocka_unit_test(an_answer_in_parts_has_a_schema_for_each_status),
	    cmocka_unit_test(events_are_described),
	};
	return cmocka_run_group_tests(tests, openapi_setup, openapi_teardown);
}
