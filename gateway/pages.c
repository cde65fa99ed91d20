/* SPDX-License-Identifier: MIT
 * Health, the API's description, and files. */
#include "gateway/pages.h"

#include "common/base/buf.h"
#include "common/base/obj.h"
#include "common/service/process.h"
#include "gateway/gateway.h"
#include "gateway/openapi.h"
#include "gateway/problem.h"
#include "gateway/static.h"

#include <string.h>

typedef void page_fn(const struct gateway *gateway, struct answer *answer);

static void
page_send_json(struct answer *answer, int status, const struct buf *body)
{
	answer_header(answer, "Content-Type", "application/json");
	answer_header(answer, "Cache-Control", "no-store");
	(void)answer_send(answer, status, body->bytes, buf_failed(body) ? 0 : body->length);
}

static void
page_health(const struct gateway *gateway, struct answer *answer)
{
	static const char body[] = "{\"status\":\"ok\"}\n";
	(void)gateway;
	answer_header(answer, "Content-Type", "application/json");
	answer_header(answer, "Cache-Control", "no-store");
	(void)answer_send(answer, 200, body, sizeof body - 1);
}

static void
page_readiness(const struct gateway *gateway, struct answer *answer)
{
	struct buf body;
	buf_init(&body, 4096);
	int status = process_readiness(gateway->process, false, &body);
	if (status != 200)
		answer_header(answer, "Retry-After", "1");
	page_send_json(answer, status, &body);
	buf_fini(&body);
}

static void
page_openapi(const struct gateway *gateway, struct answer *answer)
{
	const struct openapi *openapi = gateway->openapi;
	char line[1024];
	const char *tags = answer_field(answer->request, "if-none-match", line, sizeof line);
	answer_header(answer, "ETag", openapi->etag);
	answer_header(answer, "Cache-Control", "no-cache");
	if (http_etag_match_weak(tags, openapi->etag)) {
		(void)answer_send(answer, 304, NULL, 0);
		return;
	}
	answer_header(answer, "Content-Type", "application/json");
	(void)answer_send(answer, 200, openapi->json, openapi->length);
}

/* To the web app if there is one. */
static void
page_root(const struct gateway *gateway, struct answer *answer)
{
	const struct static_file *file =
	    static_find(gateway->files, http_request_target(answer->request));
	if (file != NULL) {
		static_send(answer, file);
		return;
	}
	answer_header(answer, "Location", "/docs");
	answer_header(answer, "Cache-Control", "no-store");
	(void)answer_send(answer, 302, NULL, 0);
}

/* The texts are ours: there is nothing to escape but for JSON. */
static void
page_problem(const struct gateway *gateway, struct answer *answer)
{
	static const char *const offers[] = {"text/html", "application/json"};
	enum status status = problem_find(http_request_segment(answer->request, 1));
	const char *slug = status_slug(status), *title = status_title(status);
	const char *text = problem_explain(status);
	char line[1024];
	const char *accept = answer_field(answer->request, "accept", line, sizeof line);
	bool is_json = http_accept_best(accept, offers, COUNT_OF(offers)) == 1;
	struct buf body;
	buf_init(&body, 16384);
	if (is_json) {
		buf_printf(&body, "{\"type\":\"/problems/%s\",\"status\":%d,\"title\":", slug,
		           status_http(status));
		buf_put_json_string(&body, title, strlen(title));
		buf_puts(&body, ",\"description\":");
		buf_put_json_string(&body, text, strlen(text));
		buf_puts(&body, "}\n");
	} else {
		const char *sheet = static_asset(gateway->files, "docs.css");
		buf_printf(&body,
		           "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
		           "<meta name=\"viewport\" content=\"width=device-width\">\n"
		           "<title>%s</title>\n<link rel=\"stylesheet\" href=\"%s\">\n"
		           "<main>\n<h1>%s</h1>\n<p><code>%s</code>, HTTP status %d</p>\n"
		           "<p>%s</p>\n<p><a href=\"/docs\">The API</a></p>\n</main>\n</html>\n",
		           title, sheet == NULL ? "/docs.css" : sheet, title, slug,
		           status_http(status), text);
	}
	answer_header(answer, "Content-Type",
	              is_json ? "application/json" : "text/html; charset=utf-8");
	answer_header(answer, "Cache-Control", "no-cache");
	answer_header(answer, "Vary", "Accept");
	if (!is_json)
		answer_header(answer, "Content-Security-Policy", STATIC_CSP);
	(void)answer_send(answer, 200, body.bytes, buf_failed(&body) ? 0 : body.length);
	buf_fini(&body);
}

static const struct {
	const char *path;
	page_fn *fn;
} page_table[] = {
    {"healthz", page_health},
    {"health", page_health},
    {"readyz", page_readiness},
    {"openapi.json", page_openapi},
};

/* NULL: a file, or nothing. */
static page_fn *
page_find(const struct http_target *target)
{
	if (target->segment_count == 0)
		return page_root;
	if (target->segment_count == 2 && strcmp(target->segments[0], "problems") == 0 &&
	    problem_find(target->segments[1]) != STATUS_OK)
		return page_problem;
	for (size_t i = 0; i < COUNT_OF(page_table) && target->segment_count == 1; i++)
		if (strcmp(target->segments[0], page_table[i].path) == 0)
			return page_table[i].fn;
	return NULL;
}

bool
page_exists(const struct gateway *gateway, const struct http_target *target)
{
	return page_find(target) != NULL || static_find(gateway->files, target) != NULL;
}

void
page_send(const struct gateway *gateway, struct answer *answer)
{
	const struct http_target *target = http_request_target(answer->request);
	page_fn *fn = page_find(target);
	if (fn != NULL)
		fn(gateway, answer);
	else
		static_send(answer, static_find(gateway->files, target));
}
