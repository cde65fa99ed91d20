/* SPDX-License-Identifier: MIT
 * Reads error documents: Google's ({"error": {code, message, status, details}}, in a list when it
 * was to be streamed), OpenAI's ({"error": {message, type, code}}) and what other servers make of
 * it. */
#include "common/ai/fault.h"

#include "common/ai/retry.h"
#include "common/base/json.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *label;
	bool unhealthy, again;
} ai_fault_table[AI_FAULTS] = {
#define X(id, label, unhealthy, again) [AI_FAULT_##id] = {label, unhealthy, again},
    AI_FAULT_TABLE(X)
#undef X
};

const char *
ai_fault_label(enum ai_fault fault)
{
	return ai_fault_table[fault].label;
}

bool
ai_fault_unhealthy(enum ai_fault fault)
{
	return ai_fault_table[fault].unhealthy;
}

bool
ai_fault_again(enum ai_fault fault)
{
	return ai_fault_table[fault].again;
}

/* --- the document -------------------------------------------------------------------------- */

static const char *
ai_error_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static void
ai_error_set_code(struct ai_error *error, const char *code)
{
	size_t length = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                             "0123456789_.-");

	if (length > 0 && code[length] == '\0' && length < sizeof error->code)
		memcpy(error->code, code, length + 1);
}

/* One line of printable text, cut between code points. */
static void
ai_error_set_message(struct ai_error *error, const char *message)
{
	size_t length = strlen(message);

	if (length >= sizeof error->message) {
		length = sizeof error->message - 1;
		while (length > 0 && (message[length] & 0xc0) == 0x80)
			length--;
	}
	for (size_t i = 0; i < length; i++)
		error->message[i] = (unsigned char)message[i] < 0x20 ? ' ' : message[i];
	error->message[length] = '\0';
}

static bool
ai_error_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* What only a person can mend: the key is wrong, or nothing is left on its account. */
static bool
ai_error_of_key(const struct ai_error *error, const char *type, const char *reason)
{
	static const char *const words[] = {"insufficient_quota",
	                                    "credit_balance_exhausted",
	                                    "organization_spend_limit_exceeded",
	                                    "project_spend_limit_exceeded",
	                                    "organization_usage_limit_exceeded",
	                                    "billing_hard_limit_reached",
	                                    "invalid_api_key",
	                                    "account_deactivated",
	                                    "API_KEY_INVALID",
	                                    "API_KEY_EXPIRED",
	                                    "API_KEY_SERVICE_BLOCKED",
	                                    "UNAUTHENTICATED",
	                                    NULL};

	return ai_error_one_of(error->code, words) || ai_error_one_of(type, words) ||
	       ai_error_one_of(reason, words);
}

/* google.rpc.QuotaFailure: is it the allowance of a day that is spent? */
static bool
ai_error_of_day(const json_t *violations)
{
	for (size_t i = 0; i < json_array_size(violations); i++)
		if (strstr(ai_error_text(json_array_get(violations, i), "quotaId"), "PerDay") !=
		    NULL)
			return true;
	return false;
}

/* google.rpc.ErrorInfo's reason and RetryInfo's delay. */
static const char *
ai_error_details(const json_t *details, int64_t now_s, struct ai_error *error)
{
	const char *reason = "";

	for (size_t i = 0; i < json_array_size(details); i++) {
		const json_t *detail = json_array_get(details, i);
		const char *delay = json_string_value(json_object_get(detail, "retryDelay"));

		if (*reason == '\0')
			reason = ai_error_text(detail, "reason");
		if (!error->has_wait && delay != NULL)
			error->has_wait = retry_after_parse(delay, now_s, &error->wait_ms);
		if (ai_error_of_day(json_object_get(detail, "violations")))
			error->fault = AI_FAULT_KEY_REFUSED;
	}
	return reason;
}

static enum ai_fault
ai_error_of_status(int status)
{
	switch (status) {
	case 401:
	case 402:
	case 403: return AI_FAULT_KEY_REFUSED;
	case 429: return AI_FAULT_THROTTLED;
	case 408:
	case 409:
	case 425: return AI_FAULT_SERVER;
	default: return status >= 500 ? AI_FAULT_SERVER : AI_FAULT_REFUSED;
	}
}

/* `document` may be NULL: not JSON, or of no known shape. */
static void
ai_error_fill(const json_t *document, int status, int64_t now_s, struct ai_error *error)
{
	const json_t *body = json_is_array(document) ? json_array_get(document, 0) : document;
	const json_t *inner = json_object_get(body, "error");
	const char *type, *reason, *code;

	error->fault = ai_error_of_status(status);
	if (json_is_string(inner))
		ai_error_set_message(error, json_string_value(inner));
	if (inner == NULL || !json_is_object(inner))
		inner = body;
	if (!json_is_object(inner))
		return;
	type = ai_error_text(inner, "type");
	code = ai_error_text(inner, "code");
	ai_error_set_code(error, type);
	ai_error_set_code(error, ai_error_text(inner, "status"));
	ai_error_set_code(error, code);
	if (error->message[0] == '\0')
		ai_error_set_message(error, ai_error_text(inner, "message"));
	reason = ai_error_details(json_object_get(inner, "details"), now_s, error);
	if (ai_error_of_key(error, type, reason) ||
	    (status == 400 && strstr(error->message, "API key") != NULL))
		error->fault = AI_FAULT_KEY_REFUSED;
}

void
ai_error_read(int http_status, const char *retry_after, const char *body, size_t length,
              int64_t now_s, struct ai_error *error)
{
	char why[64];
	json_t *document;

	*error = (struct ai_error){0};
	error->has_wait = retry_after_parse(retry_after, now_s, &error->wait_ms);
	document = json_parse(body, length, why, sizeof why);
	ai_error_fill(document, http_status, now_s, error);
	json_decref(document);
}

bool
ai_error_inside(const json_t *document, struct ai_error *error)
{
	static const char *const throttling[] = {"RESOURCE_EXHAUSTED", "rate_limit_exceeded",
	                                         "rate_limit_error", "slow_down", NULL};
	const json_t *inner = json_object_get(document, "error");
	const json_t *code = json_object_get(inner, "code");
	int status = json_is_integer(code) ? (int)json_integer_value(code) : 500;

	*error = (struct ai_error){0};
	if (inner == NULL || json_is_null(inner))
		return false;
	ai_error_fill(document, status >= 400 && status < 600 ? status : 500, 0, error);
	if (error->fault == AI_FAULT_SERVER && ai_error_one_of(error->code, throttling))
		error->fault = AI_FAULT_THROTTLED;
	return true;
}
