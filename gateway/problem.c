/* SPDX-License-Identifier: MIT
 * Problem documents from the table of outcomes. */
#include "gateway/problem.h"

#include "common/base/buf.h"
#include "common/base/rules.h"
#include "gateway/gateway.h"

#include <inttypes.h>
#include <string.h>

#define PROBLEM_LIMIT ((size_t)64 << 10)

static const char *const problem_explanations[STATUS_COUNT] = {
    [STATUS_INVALID_JSON] = "The body could not be read as JSON in UTF-8. The detail says where. "
                            "Duplicate members and nesting deeper than 64 levels count as invalid.",
    [STATUS_BAD_REQUEST] = "The request breaks a rule of HTTP or a header field is malformed. "
                           "Sending it again unchanged will not help.",
    [STATUS_UNAUTHENTICATED] = "The call needs a session: send Authorization: Bearer with a token "
                               "from POST /v1/sessions, or the session cookie. The token may have "
                               "expired or been signed out; or email and password do not match.",
    [STATUS_FORBIDDEN_ORIGIN] = "A request that changes something was sent with the session cookie "
                                "from another site, or without Origin and Sec-Fetch-Site. Send it "
                                "from the site itself, or use a bearer token.",
    [STATUS_NOT_FOUND] = "There is nothing at this address, or it belongs to somebody else.",
    [STATUS_METHOD_NOT_ALLOWED] = "The address exists, but not for this method. The Allow field "
                                  "lists those it takes.",
    [STATUS_NOT_ACCEPTABLE] = "None of the media types in the Accept field can be produced here.",
    [STATUS_REQUEST_TIMEOUT] = "The request did not arrive within the time the server waits. Send "
                               "it again.",
    [STATUS_EMAIL_TAKEN] = "Somebody has signed up with this email address. Sign in instead, or "
                           "use another one.",
    [STATUS_CONFLICT] = "The object is in a state that does not allow this. Fetch it and decide "
                        "again.",
    [STATUS_PRECONDITION_FAILED] = "If-Match names another version: the object has changed since "
                                   "it was fetched. Fetch it again and repeat the change.",
    [STATUS_TOO_LARGE] = "The body is larger than this call takes.",
    [STATUS_UNSUPPORTED_MEDIA] = "The body's Content-Type (or Content-Encoding) is not taken here. "
                                 "The Accept-Post field lists what is.",
    [STATUS_VALIDATION] = "Fields or parameters are not valid. Each entry of errors names one, by "
                          "JSON pointer into the body or as a query parameter, and says why.",
    [STATUS_IDEMPOTENCY_KEY_REUSED] = "The Idempotency-Key was sent before with another body. Use "
                                      "a new key for a new request.",
    [STATUS_HEADERS_TOO_LARGE] = "The header fields are larger than the server reads.",
    [STATUS_THROTTLED] = "You asked too often. Wait as long as Retry-After says.",
    [STATUS_QUOTA_EXCEEDED] = "What you may use in a day is spent. Retry-After says when it is "
                              "renewed; GET /v1/users/me/quota shows it.",
    [STATUS_INTERNAL] = "A fault on our side. The trace_id finds it in the logs; nothing that was "
                        "answered before is lost.",
    [STATUS_PROVIDERS_FAILED] = "Every configured AI provider failed, and the built-in planner was "
                                "not allowed to stand in.",
    [STATUS_OVERLOADED] = "The system has more to do than it can right now. Nothing was done; try "
                          "again after Retry-After.",
    [STATUS_DEPENDENCY_DOWN] = "A service or database is not available. Try again after "
                               "Retry-After; for a request that changes something, look first "
                               "whether it was done, or send it with an Idempotency-Key.",
    [STATUS_DEADLINE] = "The answer was not ready in the time this call may take. The work may "
                        "have been done.",
};

enum status
problem_find(const char *slug)
{
	for (int i = 0; i < STATUS_COUNT; i++)
		if (problem_explanations[i] != NULL &&
		    strcmp(status_slug((enum status)i), slug) == 0)
			return (enum status)i;
	return STATUS_OK;
}

const char *
problem_explain(enum status status)
{
	return (unsigned)status < STATUS_COUNT ? problem_explanations[status] : NULL;
}

static void
problem_put(struct buf *out, const char *key, const char *text)
{
	buf_puts(out, key);
	buf_put_json_string(out, text, strlen(text));
}

/* What is wrong, for a person who reads no list: "/goal is required". */
static void
problem_put_detail(struct buf *out, const struct problem *problem)
{
	const struct violation *first = problem->violations;
	if (problem->detail != NULL || problem->status != STATUS_VALIDATION || first == NULL) {
		problem_put(out, ",\"detail\":",
		            problem->detail != NULL ? problem->detail
		                                    : status_title(problem->status));
		return;
	}
	struct buf text;
	buf_init(&text, PROBLEM_LIMIT);
	buf_printf(&text, "%s%s%s%s", first->pointer, first->pointer[0] == '\0' ? "" : " ",
	           first->detail, first->next == NULL ? "" : "; and more, see errors");
	problem_put(out, ",\"detail\":", buf_failed(&text) ? first->detail : text.bytes);
	buf_fini(&text);
}

void
problem_write(struct buf *out, const struct problem *problem, const char *trace)
{
	buf_printf(out, "{\"type\":\"/problems/%s\"", status_slug(problem->status));
	problem_put(out, ",\"title\":", status_title(problem->status));
	buf_printf(out, ",\"status\":%d", status_http(problem->status));
	problem_put_detail(out, problem);
	problem_put(out, ",\"trace_id\":", trace);
	if (problem->retry_after_s != 0)
		buf_printf(out, ",\"retry_after\":%" PRIu32, problem->retry_after_s);
	if (problem->status == STATUS_VALIDATION) {
		buf_puts(out, ",\"errors\":[");
		for (const struct violation *v = problem->violations; v != NULL; v = v->next) {
			bool is_pointer = v->pointer[0] == '/' || v->pointer[0] == '\0';
			problem_put(out,
			            is_pointer ? "{\"pointer\":" : "{\"parameter\":", v->pointer);
			problem_put(out, ",\"detail\":", v->detail);
			buf_puts(out, v->next == NULL ? "}" : "},");
		}
		buf_putc(out, ']');
	}
	buf_putc(out, '}');
}

static bool
problem_has_header(const struct answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->count; i++)
		if (strcmp(answer->headers[i].name, name) == 0)
			return true;
	return false;
}

void
problem_send(struct answer *answer, const struct problem *problem)
{
	/* Nobody reads the answer to a caller who went away, but a proxy may. */
	struct problem said = *problem;
	if (said.status == STATUS_OK || said.status == STATUS_CANCELLED)
		said.status = STATUS_DEPENDENCY_DOWN;
	int status = status_http(said.status);
	answer_header(answer, "Content-Type", "application/problem+json");
	if (!problem_has_header(answer, "Cache-Control"))
		answer_header(answer, "Cache-Control", "no-store");
	if (status == 401)
		answer_header(answer, "WWW-Authenticate", "Bearer");
	if (status == 429 || status == 503)
		answer_headerf(answer, "Retry-After", "%" PRIu32,
		               said.retry_after_s == 0 ? 1 : said.retry_after_s);
	struct buf body;
	buf_init(&body, PROBLEM_LIMIT);
	problem_write(&body, &said, answer->trace);
	buf_putc(&body, '\n');
	(void)answer_send(answer, status, body.bytes, buf_failed(&body) ? 0 : body.length);
	buf_fini(&body);
}
