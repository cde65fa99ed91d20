/* SPDX-License-Identifier: MIT
 * Reading a scenario; what is missing has a default, what is wrong is named. */
#include "tests/bench/openload/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double
scenario_number(const json_t *object, const char *name, double otherwise)
{
	const json_t *member = json_object_get(object, name);

	return json_is_number(member) ? json_number_value(member) : otherwise;
}

static const char *
scenario_text(const json_t *object, const char *name, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : otherwise;
}

static uint64_t
scenario_us(double seconds)
{
	return seconds > 0 ? (uint64_t)(seconds * 1e6) : 0;
}

static const char *
scenario_read_file(const char *path, size_t *length)
{
	FILE *file = fopen(path, "rb");
	char *bytes = NULL;
	long size;

	if (file == NULL)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 &&
	    (bytes = malloc((size_t)size + 1)) != NULL) {
		rewind(file);
		*length = fread(bytes, 1, (size_t)size, file);
	}
	fclose(file);
	return bytes;
}

static int
scenario_step(const json_t *object, struct step *step, char *error, size_t error_size)
{
	const char *file = scenario_text(object, "body_file", NULL);

	step->name = scenario_text(object, "name", "step");
	step->method = scenario_text(object, "method", "GET");
	step->path = scenario_text(object, "path", "/");
	step->type = scenario_text(object, "type", NULL);
	step->headers = scenario_text(object, "headers", "");
	step->paths = json_object_get(object, "paths");
	step->bodies = json_object_get(object, "bodies");
	step->body = scenario_text(object, "body", NULL);
	if (step->body != NULL)
		step->body_length = strlen(step->body);
	if (file != NULL)
		step->body = scenario_read_file(file, &step->body_length);
	if (file == NULL || step->body != NULL)
		return 0;
	snprintf(error, error_size, "%s cannot be read", file);
	return -1;
}

static int
scenario_flow(const json_t *object, struct flow_plan *flow, char *error, size_t error_size)
{
	const json_t *steps = json_object_get(object, "steps"),
	             *think = json_object_get(object, "think_s");

	flow->name = scenario_text(object, "name", "flow");
	flow->rate = scenario_number(object, "rate", 0);
	flow->users = (size_t)scenario_number(object, "users", 0);
	flow->ramp_us = scenario_us(scenario_number(object, "ramp_s", 0));
	flow->connections = (size_t)scenario_number(object, "connections", 1000);
	flow->think_least_us = scenario_us(json_number_value(json_array_get(think, 0)));
	flow->think_most_us = scenario_us(json_number_value(json_array_get(think, 1)));
	flow->tokens = json_object_get(object, "tokens");
	flow->step_count = json_array_size(steps);
	flow->steps = calloc(flow->step_count + 1, sizeof flow->steps[0]);
	if (flow->steps == NULL || (flow->rate > 0) == (flow->users > 0) ||
	    (flow->rate > 0 && flow->step_count == 0)) {
		snprintf(error, error_size, "flow %s needs a rate and steps, or users", flow->name);
		return -1;
	}
	for (size_t i = 0; i < flow->step_count; i++)
		if (scenario_step(json_array_get(steps, i), &flow->steps[i], error, error_size))
			return -1;
	return 0;
}

struct scenario *
scenario_read(const char *path, char *error, size_t error_size)
{
	struct scenario *scenario = calloc(1, sizeof *scenario);
	json_error_t where;
	const json_t *flows;

	if (scenario == NULL)
		return NULL;
	scenario->document = json_load_file(path, 0, &where);
	if (scenario->document == NULL) {
		snprintf(error, error_size, "%s: %s", path, where.text);
		return NULL;
	}
	scenario->port = (int)scenario_number(scenario->document, "port", 0);
	scenario->warm_us = scenario_us(scenario_number(scenario->document, "warm_s", 0));
	scenario->run_us = scenario_us(scenario_number(scenario->document, "seconds", 10));
	scenario->grace_us = scenario_us(scenario_number(scenario->document, "grace_s", 30));
	scenario->seed = (uint64_t)scenario_number(scenario->document, "seed", 1);
	flows = json_object_get(scenario->document, "flows");
	scenario->flow_count = json_array_size(flows);
	scenario->flows = calloc(scenario->flow_count + 1, sizeof scenario->flows[0]);
	for (size_t i = 0; scenario->flows != NULL && i < scenario->flow_count; i++)
		if (scenario_flow(json_array_get(flows, i), &scenario->flows[i], error, error_size))
			return NULL;
	return scenario->flows != NULL ? scenario : NULL;
}

static const json_t *
scenario_in_turn(const json_t *list, size_t number)
{
	size_t count = json_array_size(list);

	return count > 0 ? json_array_get(list, number % count) : NULL;
}

const char *
scenario_path(const struct step *step, size_t number)
{
	const char *path = json_string_value(scenario_in_turn(step->paths, number));

	return path != NULL ? path : step->path;
}

const char *
scenario_body(const struct step *step, size_t number, size_t *length)
{
	const json_t *body = scenario_in_turn(step->bodies, number);

	*length = body != NULL ? json_string_length(body) : step->body_length;
	return body != NULL ? json_string_value(body) : step->body;
}

const char *
scenario_token(const struct flow_plan *flow, size_t number)
{
	return json_string_value(scenario_in_turn(flow->tokens, number));
}
