/* SPDX-License-Identifier: MIT
 * google.rpc.Status documents, with the details that Google's servers send along. */
#include "tests/upstream/google_error.h"

#include <string.h>

#define TYPE "\"@type\": \"type.googleapis.com/google.rpc."

static const struct {
	int status;
	const char *code, *message;
} google_refusals[REFUSALS] = {
    [REFUSAL_NO_KEY] = {403, "PERMISSION_DENIED",
                        "Method doesn't allow unregistered callers (callers without established "
                        "identity). Please use API Key or other form of API consumer identity to "
                        "call this API."},
    [REFUSAL_INVALID_KEY] = {400, "INVALID_ARGUMENT",
                             "API key not valid. Please pass a valid API key."},
    [REFUSAL_RATE_LIMIT] = {429, "RESOURCE_EXHAUSTED",
                            "Resource has been exhausted (e.g. check quota)."},
    [REFUSAL_QUOTA] = {429, "RESOURCE_EXHAUSTED",
                       "You exceeded your current quota, please check your plan and billing "
                       "details. For more information on this error, head to: "
                       "https://ai.google.dev/gemini-api/docs/rate-limits."},
    [REFUSAL_BAD_REQUEST] = {400, "INVALID_ARGUMENT", NULL},
    [REFUSAL_NO_MODEL] = {404, "NOT_FOUND",
                          "models/unknown is not found for API version v1beta, or is not "
                          "supported for generateContent."},
    [REFUSAL_BROKEN] = {500, "INTERNAL", "An internal error has occurred. Please retry."},
    [REFUSAL_UNAVAILABLE] = {503, "UNAVAILABLE",
                             "The model is overloaded. Please try again later."},
};

const char *
google_key(const struct http_request *request)
{
	const char *key = http_request_header(request, "x-goog-api-key");

	if (key == NULL)
		key = http_request_param(request, "key");
	return key != NULL && key[0] != '\0' ? key : NULL;
}

static void
google_key_details(struct buf *body)
{
	buf_puts(body, ",\n    \"details\": [\n      {\n        " TYPE "ErrorInfo\",\n"
	               "        \"reason\": \"API_KEY_INVALID\",\n"
	               "        \"domain\": \"googleapis.com\",\n        \"metadata\": {\n"
	               "          \"service\": \"generativelanguage.googleapis.com\"\n        }\n"
	               "      },\n      {\n        " TYPE "LocalizedMessage\",\n"
	               "        \"locale\": \"en-US\",\n        \"message\": \"API key not valid. "
	               "Please pass a valid API key.\"\n      }\n    ]");
}

/* What a 429 says of the quota and, in the fault's form, of the time to wait. */
static void
google_quota_details(const struct fault *fault, enum refusal why, struct buf *body)
{
	bool day = why == REFUSAL_QUOTA;

	buf_printf(body,
	           ",\n    \"details\": [\n      {\n        " TYPE "QuotaFailure\",\n"
	           "        \"violations\": [\n          {\n            \"quotaMetric\": "
	           "\"generativelanguage.googleapis.com/generate_content_requests\",\n"
	           "            \"quotaId\": \"GenerateRequestsPer%sPerProjectPerModel\",\n"
	           "            \"quotaDimensions\": {\n              \"location\": \"global\"\n"
	           "            },\n            \"quotaValue\": \"%d\"\n          }\n"
	           "        ]\n      },\n      {\n        " TYPE "Help\",\n        \"links\": [\n"
	           "          {\n            \"description\": \"Learn more about Gemini API "
	           "quotas\",\n            \"url\": "
	           "\"https://ai.google.dev/gemini-api/docs/rate-limits\"\n          }\n"
	           "        ]\n      }",
	           day ? "Day" : "Minute", day ? 250 : 15);
	if (fault->form == FORM_RETRY_INFO && fault->retry_after >= 0)
		buf_printf(body,
		           ",\n      {\n        " TYPE "RetryInfo\",\n"
		           "        \"retryDelay\": \"%.9gs\"\n      }",
		           fault->retry_after);
	buf_puts(body, "\n    ]");
}

int
google_refuse(struct call *call, enum refusal why, const char *detail, struct buf *body)
{
	const char *message = google_refusals[why].message;
	int status = google_refusals[why].status;

	if (message == NULL)
		message = detail;
	buf_printf(body, "{\n  \"error\": {\n    \"code\": %d,\n    \"message\": ", status);
	buf_put_json_string(body, message, strlen(message));
	buf_printf(body, ",\n    \"status\": \"%s\"", google_refusals[why].code);
	if (why == REFUSAL_INVALID_KEY)
		google_key_details(body);
	else if (status == 429)
		google_quota_details(&call->fault, why, body);
	buf_puts(body, "\n  }\n}\n");
	call_put_header(call, "Content-Type", "application/json; charset=UTF-8");
	return status;
}
