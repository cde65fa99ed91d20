/* SPDX-License-Identifier: MIT
 * {"error": {"message", "type", "param", "code"}}. */
#include "tests/upstream/openai_error.h"

#include "common/task/task.h"

#include <string.h>
#include <strings.h>

static const struct {
	int status;
	const char *type, *code, *message; /* code NULL: null; message NULL: the detail */
} openai_refusals[REFUSALS] = {
    [REFUSAL_NO_KEY] = {401, "invalid_request_error", NULL,
                        "You didn't provide an API key. You need to provide your API key in an "
                        "Authorization header using Bearer auth (i.e. Authorization: Bearer "
                        "YOUR_KEY)."},
    [REFUSAL_INVALID_KEY] = {401, "invalid_request_error", "invalid_api_key",
                             "Incorrect API key provided: ********. You can find your API key at "
                             "https://platform.openai.com/account/api-keys."},
    [REFUSAL_RATE_LIMIT] = {429, "requests", "rate_limit_exceeded",
                            "Rate limit reached for requests. Please try again later."},
    [REFUSAL_QUOTA] = {429, "insufficient_quota", "insufficient_quota",
                       "You exceeded your current quota, please check your plan and billing "
                       "details. For more information on this error, read the docs: "
                       "https://platform.openai.com/docs/guides/error-codes/api-errors."},
    [REFUSAL_BAD_REQUEST] = {400, "invalid_request_error", NULL, NULL},
    [REFUSAL_NO_MODEL] = {404, "invalid_request_error", "model_not_found",
                          "The model `unknown` does not exist or you do not have access to it."},
    [REFUSAL_BROKEN] = {500, "server_error", NULL,
                        "The server had an error while processing your request. Sorry about "
                        "that!"},
    [REFUSAL_UNAVAILABLE] = {503, "server_error", NULL,
                             "The engine is currently overloaded, please try again later."},
};

const char *
openai_key(const struct http_request *request)
{
	const char *value = http_request_header(request, "Authorization");

	if (value == NULL || strncasecmp(value, "Bearer ", 7) != 0)
		return NULL;
	value += 7;
	return value[0] != '\0' ? value : NULL;
}

void
openai_headers(struct call *call)
{
	const char *id;

	for (size_t i = 0; i < call->header_count; i++) {
		if (strcmp(call->headers[i].name, "x-request-id") == 0)
			return;
	}
	id = arena_printf(task_arena(), "req_%016llx", (unsigned long long)call->number);

	if (id != NULL)
		call_put_header(call, "x-request-id", id);
	call_put_header(call, "x-ratelimit-limit-requests", "10000");
}

int
openai_refuse(struct call *call, enum refusal why, const char *detail, struct buf *body)
{
	const char *message = openai_refusals[why].message;
	const char *code = openai_refusals[why].code;

	if (message == NULL)
		message = detail;
	buf_puts(body, "{\n    \"error\": {\n        \"message\": ");
	buf_put_json_string(body, message, strlen(message));
	buf_printf(body,
	           ",\n        \"type\": \"%s\",\n        \"param\": null,\n        \"code\": ",
	           openai_refusals[why].type);
	if (code != NULL)
		buf_printf(body, "\"%s\"", code);
	else
		buf_puts(body, "null");
	buf_puts(body, "\n    }\n}\n");
	call_put_header(call, "Content-Type", "application/json; charset=utf-8");
	openai_headers(call);
	return openai_refusals[why].status;
}
