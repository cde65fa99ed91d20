/* SPDX-License-Identifier: MIT
 * The table of faults, and the list of rules that chooses among them. */
#include "tests/upstream/fault.h"

#include <stdlib.h>
#include <string.h>

#define FAULT_RULES 1000

static const struct {
	const char *name;
	enum fault_place place;
} fault_table[FAULT_KINDS] = {
#define X(id, name, place, help) [FAULT_##id] = {name, FAULT_##place},
    FAULT_TABLE(X)
#undef X
};

static const char *const fault_forms[] = {"seconds", "date", "retry_info", "none", NULL};
static const char *const fault_criteria[] = {"provider", "path", "key", "mark", "prompt", NULL};

enum fault_place
fault_place(enum fault_kind kind)
{
	return fault_table[kind].place;
}

const char *
fault_name(enum fault_kind kind)
{
	return fault_table[kind].name;
}

static int
fault_index(const char *const *names, const char *name)
{
	for (int i = 0; names[i] != NULL; i++) {
		if (name != NULL && strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

/* --- reading rules ------------------------------------------------------------------------- */

static const char *
fault_parse_name(const json_t *value, struct fault_rule *rule)
{
	const char *name = json_string_value(value);

	for (int kind = 0; name != NULL && kind < FAULT_KINDS; kind++) {
		if (strcmp(fault_table[kind].name, name) == 0) {
			rule->fault.kind = (enum fault_kind)kind;
			return NULL;
		}
	}
	return "there is no fault of that name";
}

static const char *
fault_parse_number(const char *name, double value, struct fault_rule *rule)
{
	struct fault *fault = &rule->fault;

	if (value < 0)
		return "a rule has a negative number";
	if (strcmp(name, "probability") == 0)
		rule->probability = value;
	else if (strcmp(name, "skip") == 0)
		rule->skip = (uint64_t)value;
	else if (strcmp(name, "next") == 0)
		rule->next = (uint64_t)value;
	else if (strcmp(name, "delay_ms") == 0)
		fault->delay_ms = (uint32_t)value;
	else if (strcmp(name, "retry_after") == 0)
		fault->retry_after = value;
	else if (strcmp(name, "at") == 0 && value <= 1)
		fault->at = value;
	else if (strcmp(name, "bytes") == 0 && value >= 1)
		fault->bytes = (size_t)value;
	else if (strcmp(name, "every_ms") == 0)
		fault->every_ms = (uint32_t)value;
	else
		return "a rule has an unknown member or a value out of range";
	return NULL;
}

static const char *
fault_parse_member(const char *name, json_t *value, struct fault_rule *rule)
{
	int form;

	if (strcmp(name, "fault") == 0)
		return fault_parse_name(value, rule);
	if (strcmp(name, "seen") == 0 || strcmp(name, "struck") == 0)
		return NULL; /* as a GET has shown them */
	if (strcmp(name, "form") == 0) {
		form = fault_index(fault_forms, json_string_value(value));
		rule->fault.form = (enum fault_form)form;
		return form >= 0 ? NULL : "form is seconds, date, retry_info or none";
	}
	if (json_is_number(value))
		return fault_parse_number(name, json_number_value(value), rule);
	if (!json_is_string(value) || fault_index(fault_criteria, name) < 0)
		return "a rule has an unknown member";
	json_object_set(rule->match, name, value);
	return NULL;
}

static const char *
fault_parse_rule(json_t *json, struct fault_rule *rule)
{
	const char *name, *wrong = NULL;
	json_t *value;

	*rule = (struct fault_rule){.fault = {.kind = FAULT_KINDS,
	                                      .retry_after = -1,
	                                      .at = 0.5,
	                                      .bytes = 1,
	                                      .every_ms = 20},
	                            .match = json_object(),
	                            .probability = 1};
	if (!json_is_object(json))
		return "a rule is an object";
	json_object_foreach(json, name, value)
	{
		wrong = fault_parse_member(name, value, rule);
		if (wrong != NULL)
			return wrong;
	}
	return rule->fault.kind != FAULT_KINDS ? NULL : "a rule names no fault";
}

const char *
fault_rules_parse(const json_t *json, struct fault_rules *rules)
{
	struct fault_rules parsed = {.count = json_array_size(json)};
	const char *wrong = NULL;

	if (!json_is_array(json) || parsed.count > FAULT_RULES)
		return "faults is an array of at most 1000 rules";
	parsed.rules = calloc(parsed.count + 1, sizeof *parsed.rules);
	if (parsed.rules == NULL)
		return "out of memory";
	for (size_t i = 0; i < parsed.count && wrong == NULL; i++)
		wrong = fault_parse_rule(json_array_get(json, i), &parsed.rules[i]);
	if (wrong != NULL) {
		fault_rules_fini(&parsed);
		return wrong;
	}
	*rules = parsed;
	return NULL;
}

json_t *
fault_rules_json(const struct fault_rules *rules)
{
	json_t *json = json_array();

	for (size_t i = 0; i < rules->count; i++) {
		const struct fault_rule *rule = &rules->rules[i];
		const struct fault *fault = &rule->fault;
		json_t *one = json_pack(
		    "{s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:s}", "fault",
		    fault_name(fault->kind), "probability", rule->probability, "skip",
		    (json_int_t)rule->skip, "next", (json_int_t)rule->next, "seen",
		    (json_int_t)rule->seen, "struck", (json_int_t)rule->struck, "delay_ms",
		    (json_int_t)fault->delay_ms, "at", fault->at, "bytes", (json_int_t)fault->bytes,
		    "every_ms", (json_int_t)fault->every_ms, "form", fault_forms[fault->form]);

		if (fault->retry_after >= 0)
			json_object_set_new(one, "retry_after", json_real(fault->retry_after));
		json_object_update(one, rule->match);
		json_array_append_new(json, one);
	}
	return json;
}

void
fault_rules_fini(struct fault_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		json_decref(rules->rules[i].match);
	free(rules->rules);
	*rules = (struct fault_rules){0};
}

/* --- choosing ------------------------------------------------------------------------------ */

static bool
fault_rule_matches(const struct fault_rule *rule, const struct fault_subject *subject)
{
	const char *provider = json_string_value(json_object_get(rule->match, "provider"));
	const char *path = json_string_value(json_object_get(rule->match, "path"));
	const char *key = json_string_value(json_object_get(rule->match, "key"));
	const char *mark = json_string_value(json_object_get(rule->match, "mark"));
	const char *prompt = json_string_value(json_object_get(rule->match, "prompt"));

	if (provider != NULL && strcmp(provider, subject->provider) != 0)
		return false;
	if (path != NULL && strstr(subject->path, path) == NULL)
		return false;
	if (key != NULL && (subject->key == NULL || strcmp(key, subject->key) != 0))
		return false;
	if (mark != NULL &&
	    (subject->mark == NULL || strncmp(mark, subject->mark, strlen(mark)) != 0))
		return false;
	return prompt == NULL || strstr(subject->body, prompt) != NULL;
}

struct fault
fault_pick(struct fault_rules *rules, const struct fault_subject *subject, struct random *random)
{
	for (size_t i = 0; i < rules->count; i++) {
		struct fault_rule *rule = &rules->rules[i];

		if (!fault_rule_matches(rule, subject))
			continue;
		if (rule->seen++ < rule->skip || (rule->next > 0 && rule->struck >= rule->next))
			continue;
		if (rule->probability < 1 && random_unit(random) >= rule->probability)
			continue;
		rule->struck++;
		return rule->fault;
	}
	return (struct fault){.kind = FAULT_NONE};
}
