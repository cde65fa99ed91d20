/* SPDX-License-Identifier: MIT
 *
 * The stand-in for AI providers (tests/upstream/) for unit tests: started beside the test, told
 * what to do, asked what it saw. Its program is found beside the test's own.
 */
#ifndef STUDYHALL_TESTS_UPSTREAM_FIXTURE_H
#define STUDYHALL_TESTS_UPSTREAM_FIXTURE_H

#include "tests/unit/io_servers.h"

#include "common/ai/settings.h"
#include "common/base/json.h"
#include "common/io/fetch.h"

static pid_t upstream_pid;
static char upstream_url[64];

static inline void
upstream_program(char *out, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", out, size - 16);

	if (length < 0)
		abort();
	out[length] = '\0';
	*strrchr(out, '/') = '\0';
	snprintf(strrchr(out, '/'), 16, "/bin/upstream");
}

/* The port, once it has been written down; 0: not yet. */
static inline int
upstream_port(void)
{
	char path[96], text[256] = "";
	const char *line;
	FILE *log;

	snprintf(path, sizeof path, "%s/upstream.log", server_dir);
	log = fopen(path, "r");
	if (log == NULL)
		return 0;
	if (fread(text, 1, sizeof text - 1, log) == 0)
		text[0] = '\0';
	fclose(log);
	line = strstr(text, "listening on 127.0.0.1:");
	return line != NULL && strchr(line, '\n') != NULL ? atoi(line + 23) : 0;
}

static inline void
upstream_start(void)
{
	char program[4096];
	char *run[] = {"setpriv", "--pdeathsig", "KILL", program, NULL};
	int port = 0;

	upstream_program(program, sizeof program);
	upstream_pid = server_spawn(run, "upstream.log");
	for (int i = 0; i < 3000 && port == 0; i++) {
		usleep(10000);
		port = upstream_port();
	}
	if (port == 0) {
		fprintf(stderr, "the stand-in did not start: %s\n", program);
		abort();
	}
	snprintf(upstream_url, sizeof upstream_url, "http://127.0.0.1:%d", port);
}

static inline void
upstream_stop(void)
{
	kill(upstream_pid, SIGKILL);
	waitpid(upstream_pid, NULL, 0);
}

/* --- its control API, from a task ---------------------------------------------------------- */

static inline const char *
upstream_control(const char *method, const char *what, const char *body)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	struct fetch_response response = {0};
	struct fetch_request request = {.method = method,
	                                .allow_http = true,
	                                .headers = headers,
	                                .body = body,
	                                .body_length = body != NULL ? strlen(body) : 0,
	                                .body_limit = (size_t)64 << 20};

	request.url = arena_printf(task_arena(), "%s/_upstream/%s", upstream_url, what);
	if (http_fetch(&request, &response) != STATUS_OK ||
	    (response.status != 200 && response.status != 204)) {
		fprintf(stderr, "%s %s: %d %s\n", method, what, response.status,
		        response.body != NULL ? response.body : fetch_error());
		abort();
	}
	return response.body;
}

/* Everything as at the start but for the members of `json`, "{\"faults\": ...}"; single quotes
 * stand for double ones. The ledger is emptied. */
static inline void
upstream_reset(const char *json)
{
	char *text = arena_strdup(task_arena(), json);

	for (char *at = text; *at != '\0'; at++)
		if (*at == '\'')
			*at = '"';
	(void)upstream_control("PUT", "config", text);
	(void)upstream_control("DELETE", "ledger", NULL);
}

/* The calls so far; to be released. */
static inline json_t *
upstream_calls(void)
{
	const char *text = upstream_control("GET", "ledger", NULL);
	char error[100];
	json_t *ledger = json_parse(text, strlen(text), error, sizeof error), *calls;

	if (ledger == NULL)
		abort();
	calls = json_incref(json_object_get(ledger, "calls"));
	json_decref(ledger);
	return calls;
}

static inline size_t
upstream_count(void)
{
	json_t *calls = upstream_calls();
	size_t count = json_array_size(calls);

	json_decref(calls);
	return count;
}

/* Of the i-th call. */
static inline const char *
upstream_field(const json_t *calls, size_t i, const char *name)
{
	const char *text = json_string_value(json_object_get(json_array_get(calls, i), name));

	return text != NULL ? text : "";
}

/* Settings whose providers are all the stand-in, with limits that a test can wait for. */
static inline struct ai_settings
upstream_settings(void)
{
	return (struct ai_settings){.providers = "gemini,openai,builtin",
	                            .gemini_keys = "gemini-key-0001",
	                            .gemini_url = upstream_url,
	                            .gemini_model = "gemini-test",
	                            .openai_keys = "openai-key-0001",
	                            .openai_url = upstream_url,
	                            .openai_model = "openai-test",
	                            .openai_format = "json_schema",
	                            .gemini_concurrency = 1000,
	                            .openai_concurrency = 1000,
	                            .attempts = 4,
	                            .wait_s = 5,
	                            .retry_after_s = 2,
	                            .connect_s = 5,
	                            .first_byte_s = 2,
	                            .silence_s = 2};
}

/* --- set-up -------------------------------------------------------------------------------- */

static inline void
upstream_attach_task(void *arg)
{
	(void)arg;
	CHECK(fetch_attach() == STATUS_OK);
}

static inline void
upstream_detach_task(void *arg)
{
	(void)arg;
	fetch_detach();
}

static inline void
upstream_on_both(task_fn *fn)
{
	for (unsigned i = 0; i < 2; i++) {
		struct test_task test;

		test_start(&test, i, fn, NULL, 0);
		test_await(&test);
	}
}

static inline int
upstream_setup(void **state)
{
	(void)state;
	test_workers_start();
	server_make_dir();
	upstream_start();
	upstream_on_both(upstream_attach_task);
	return 0;
}

static inline int
upstream_teardown(void **state)
{
	(void)state;
	upstream_on_both(upstream_detach_task);
	test_workers_stop();
	upstream_stop();
	server_remove_dir();
	return 0;
}

#endif
