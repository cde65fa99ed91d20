/* SPDX-License-Identifier: MIT
 * fault: what providers' error documents mean, whatever their shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/ai/fault.h"
#include "common/base/json.h"
#include "common/base/text.h"

#include <stdio.h>
#include <string.h>

static struct ai_error
read_error(int status, const char *retry_after, const char *body)
{
	struct ai_error error;

	ai_error_read(status, retry_after, body, strlen(body), 784111777, &error);
	return error;
}

#define EXPECT(error, fault_, code_)                                                               \
	do {                                                                                       \
		assert_string_equal(ai_fault_label((error).fault), ai_fault_label(fault_));        \
		assert_string_equal((error).code, code_);                                          \
	} while (0)

static void
test_google(void **state)
{
	struct ai_error error;

	(void)state;
	error = read_error(
	    429, NULL,
	    "{\"error\":{\"code\":429,\"message\":\"Quota exceeded.\\nRetry\",\"status\":"
	    "\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"google.rpc.Help\",\"links\":[]},"
	    "{\"@type\":\"google.rpc.RetryInfo\",\"retryDelay\":\"37s\"}]}}");
	EXPECT(error, AI_FAULT_THROTTLED, "RESOURCE_EXHAUSTED");
	assert_true(error.has_wait);
	assert_int_equal(error.wait_ms, 37000);
	assert_string_equal(error.message, "Quota exceeded. Retry");
	/* The header comes before the details. */
	error = read_error(429, "2", "{\"error\":{\"details\":[{\"retryDelay\":\"37s\"}]}}");
	assert_int_equal(error.wait_ms, 2000);
	error = read_error(400, NULL,
	                   "{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass "
	                   "a valid API key.\",\"status\":\"INVALID_ARGUMENT\",\"details\":[{"
	                   "\"@type\":\"google.rpc.ErrorInfo\",\"reason\":\"API_KEY_INVALID\"}]}}");
	EXPECT(error, AI_FAULT_KEY_REFUSED, "INVALID_ARGUMENT");
	error =
	    read_error(400, NULL, "{\"error\":{\"code\":400,\"message\":\"API key expired.\"}}");
	EXPECT(error, AI_FAULT_KEY_REFUSED, "");
	error = read_error(400, NULL,
	                   "{\"error\":{\"code\":400,\"message\":\"Invalid value at "
	                   "'contents'\",\"status\":\"INVALID_ARGUMENT\"}}");
	EXPECT(error, AI_FAULT_REFUSED, "INVALID_ARGUMENT");
	error = read_error(503, "5",
	                   "[{\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":"
	                   "\"UNAVAILABLE\"}}]");
	EXPECT(error, AI_FAULT_SERVER, "UNAVAILABLE");
	assert_int_equal(error.wait_ms, 5000);
}

static void
test_openai(void **state)
{
	struct ai_error error;

	(void)state;
	error = read_error(429, "Sun, 06 Nov 1994 08:49:47 GMT",
	                   "{\"error\":{\"message\":\"Rate limit reached\",\"type\":\"requests\","
	                   "\"param\":null,\"code\":\"rate_limit_exceeded\"}}");
	EXPECT(error, AI_FAULT_THROTTLED, "rate_limit_exceeded");
	assert_int_equal(error.wait_ms, 10000);
	error = read_error(429, "1",
	                   "{\"error\":{\"message\":\"You exceeded your quota\",\"type\":"
	                   "\"insufficient_quota\",\"param\":null,\"code\":"
	                   "\"project_spend_limit_exceeded\"}}");
	EXPECT(error, AI_FAULT_KEY_REFUSED, "project_spend_limit_exceeded");
	error = read_error(401, NULL,
	                   "{\"error\":{\"message\":\"Incorrect API key provided\",\"type\":"
	                   "\"invalid_request_error\",\"code\":\"invalid_api_key\"}}");
	EXPECT(error, AI_FAULT_KEY_REFUSED, "invalid_api_key");
	error =
	    read_error(404, NULL,
	               "{\"error\":{\"message\":\"no such model\",\"type\":"
	               "\"invalid_request_error\",\"param\":null,\"code\":\"model_not_found\"}}");
	EXPECT(error, AI_FAULT_REFUSED, "model_not_found");
	error = read_error(
	    500, NULL, "{\"error\":{\"message\":\"\",\"type\":\"server_error\",\"code\":null}}");
	EXPECT(error, AI_FAULT_SERVER, "server_error");
}

static void
test_others(void **state)
{
	struct ai_error error;
	char long_message[800], body[1000];

	(void)state;
	/* vLLM's, llama.cpp's, Ollama's; a proxy's page; nothing. */
	error = read_error(400, NULL,
	                   "{\"object\":\"error\",\"message\":\"too long\",\"type\":"
	                   "\"BadRequestError\",\"code\":400}");
	EXPECT(error, AI_FAULT_REFUSED, "BadRequestError");
	error = read_error(503, NULL, "{\"error\":\"loading model\"}");
	EXPECT(error, AI_FAULT_SERVER, "");
	assert_string_equal(error.message, "loading model");
	error = read_error(502, NULL, "<html>Bad Gateway</html>");
	EXPECT(error, AI_FAULT_SERVER, "");
	error = read_error(429, "soon", "");
	EXPECT(error, AI_FAULT_THROTTLED, "");
	assert_false(error.has_wait);
	error = read_error(302, NULL, "");
	EXPECT(error, AI_FAULT_REFUSED, "");
	error = read_error(529, NULL, "null");
	EXPECT(error, AI_FAULT_SERVER, "");
	error = read_error(500, NULL, "[]");
	EXPECT(error, AI_FAULT_SERVER, "");
	error = read_error(500, NULL, "{\"error\":[{\"code\":\"x y\"}]}");
	EXPECT(error, AI_FAULT_SERVER, "");
	/* Words that are no words are left out, long texts cut between characters. */
	error = read_error(500, NULL, "{\"error\":{\"code\":\"a\\nb\",\"status\":\"<b>\"}}");
	EXPECT(error, AI_FAULT_SERVER, "");
	memset(long_message, 0, sizeof long_message);
	for (size_t i = 0; i + 3 < sizeof long_message - 1; i += 3)
		memcpy(long_message + i, "\xea\xb3\xb5", 3);
	snprintf(body, sizeof body, "{\"error\":{\"message\":\"%s\"}}", long_message);
	error = read_error(500, NULL, body);
	assert_in_range(strlen(error.message), AI_ERROR_MESSAGE - 3, AI_ERROR_MESSAGE - 1);
	assert_true(text_valid(error.message, strlen(error.message)));
}

static bool
inside(const char *text, struct ai_error *error)
{
	char why[64];
	json_t *json = json_parse(text, strlen(text), why, sizeof why);
	bool found;

	assert_non_null(json);
	found = ai_error_inside(json, error);
	json_decref(json);
	return found;
}

static void
test_inside(void **state)
{
	struct ai_error error;

	(void)state;
	assert_false(inside("{\"candidates\":[]}", &error));
	assert_false(inside("{\"error\":null,\"choices\":[]}", &error));
	assert_true(inside("{\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}", &error));
	EXPECT(error, AI_FAULT_SERVER, "UNAVAILABLE");
	assert_true(inside("{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}", &error));
	EXPECT(error, AI_FAULT_THROTTLED, "RESOURCE_EXHAUSTED");
	assert_true(inside(
	    "{\"error\":{\"message\":\"x\",\"type\":\"server_error\",\"code\":null}}", &error));
	EXPECT(error, AI_FAULT_SERVER, "server_error");
	assert_true(inside("{\"error\":{\"code\":\"rate_limit_exceeded\"}}", &error));
	EXPECT(error, AI_FAULT_THROTTLED, "rate_limit_exceeded");
	assert_true(inside("{\"error\":{\"type\":\"insufficient_quota\"}}", &error));
	EXPECT(error, AI_FAULT_KEY_REFUSED, "insufficient_quota");
	assert_true(inside("{\"error\":\"no\"}", &error));
	EXPECT(error, AI_FAULT_SERVER, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_google),
	    cmocka_unit_test(test_openai),
	    cmocka_unit_test(test_others),
	    cmocka_unit_test(test_inside),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
