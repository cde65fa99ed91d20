/* SPDX-License-Identifier: MIT
 * Latency distributions, drawn by inverting them (Box-Muller for the normal one). */
#include "tests/upstream/latency.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const struct {
	const char *name, *a, *b;
} latency_kinds[] = {
    [LATENCY_FIXED] = {"fixed", "ms", NULL},
    [LATENCY_UNIFORM] = {"uniform", "min", "max"},
    [LATENCY_LOGNORMAL] = {"lognormal", "median", "sigma"},
    [LATENCY_PARETO] = {"pareto", "min", "alpha"},
};
#define LATENCY_KINDS (sizeof latency_kinds / sizeof latency_kinds[0])

uint32_t
latency_draw(const struct latency *latency, struct random *random)
{
	double u = random_unit(random), v = random_unit(random), ms = latency->a;

	switch (latency->kind) {
	case LATENCY_FIXED: break;
	case LATENCY_UNIFORM: ms += u * (latency->b - latency->a); break;
	case LATENCY_LOGNORMAL:
		ms *= exp(latency->b * sqrt(-2 * log(1 - u)) * cos(2 * M_PI * v));
		break;
	case LATENCY_PARETO: ms *= pow(1 - u, -1 / latency->b); break;
	}
	return (uint32_t)lround(fmin(ms, latency->cap));
}

/* A member that must be a number of 0 or more. */
static bool
latency_number(const json_t *json, const char *name, double *value)
{
	const json_t *member = json_object_get(json, name);

	*value = json_number_value(member);
	return json_is_number(member) && *value >= 0;
}

const char *
latency_parse(const json_t *json, struct latency *latency)
{
	const char *name = json_string_value(json_object_get(json, "distribution"));
	size_t kind, members = 1;

	*latency = (struct latency){.cap = LATENCY_CAP};
	if (json_is_number(json)) {
		latency->a = json_number_value(json);
		return latency->a >= 0 && latency->a <= LATENCY_CAP ? NULL
		                                                    : "a latency out of range";
	}
	for (kind = 0; kind < LATENCY_KINDS; kind++) {
		if (name != NULL && strcmp(name, latency_kinds[kind].name) == 0)
			break;
	}
	if (kind == LATENCY_KINDS)
		return "a latency is a number or has a distribution: fixed, uniform, lognormal, "
		       "pareto";
	latency->kind = (enum latency_kind)kind;
	members++;
	if (!latency_number(json, latency_kinds[kind].a, &latency->a))
		return "a latency lacks its first parameter";
	if (latency_kinds[kind].b != NULL) {
		members++;
		if (!latency_number(json, latency_kinds[kind].b, &latency->b))
			return "a latency lacks its second parameter";
	}
	if (kind == LATENCY_UNIFORM && latency->b < latency->a)
		return "max is below min";
	if (kind == LATENCY_PARETO && latency->b <= 0)
		return "alpha must be above 0";
	if (json_object_get(json, "cap") != NULL) {
		members++;
		if (!latency_number(json, "cap", &latency->cap) || latency->cap > LATENCY_CAP)
			return "cap is out of range";
	}
	return json_object_size(json) == members ? NULL : "a latency has an unknown member";
}

json_t *
latency_json(const struct latency *latency)
{
	json_t *json =
	    json_pack("{s:s, s:f, s:f}", "distribution", latency_kinds[latency->kind].name,
	              latency_kinds[latency->kind].a, latency->a, "cap", latency->cap);

	if (latency_kinds[latency->kind].b != NULL)
		json_object_set_new(json, latency_kinds[latency->kind].b, json_real(latency->b));
	return json;
}
