/* SPDX-License-Identifier: MIT
 * One HTTP request as a task sees it: opened, read piece by piece, closed; or all at once. */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "common/io/fetch_private.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static _Thread_local char fetch_last_error[CURL_ERROR_SIZE + 64];

static struct metric fetch_metric_requests = {.name = "studyhall_fetch_requests_total",
                                              .help = "HTTP requests sent to the outside",
                                              .type = METRIC_COUNTER};
static struct metric fetch_metric_failures = {.name = "studyhall_fetch_failures_total",
                                              .help = "HTTP requests that got no whole response",
                                              .type = METRIC_COUNTER};
static struct metric fetch_metric_seconds = {.name = "studyhall_fetch_seconds",
                                             .help = "Time from a request to its close",
                                             .type = METRIC_HISTOGRAM};
static pthread_once_t fetch_metrics_once = PTHREAD_ONCE_INIT;

static void
fetch_metrics_register(void)
{
	metric_register(&fetch_metric_requests);
	metric_register(&fetch_metric_failures);
	metric_register(&fetch_metric_seconds);
}

const char *
fetch_error(void)
{
	return fetch_last_error;
}

enum status
fetch_fail(enum status status, const char *why)
{
	snprintf(fetch_last_error, sizeof fetch_last_error, "%s", why);
	metric_add(&fetch_metric_failures, 1);
	return status;
}

/* --- life ------------------------------------------------------------------------------------ */

static enum status
fetch_start(const struct fetch_request *request, bool collecting, struct fetch **out)
{
	struct fetch *fetch = calloc(1, sizeof *fetch);
	enum status status;

	pthread_once(&fetch_metrics_once, fetch_metrics_register);
	assert(fetch_multi_here() != NULL && task_self() != NULL);
	*out = fetch;
	if (fetch == NULL) {
		if (request->gives_body)
			free((void *)(uintptr_t)request->body);
		return fetch_fail(STATUS_OVERLOADED, "no memory");
	}
	if (request->gives_body)
		fetch->own_body = (char *)(uintptr_t)request->body;
	OBJ_INIT(fetch, FETCH_MAGIC);
	fetch->multi = fetch_multi_here();
	fetch->collecting = collecting;
	fetch->easy = curl_easy_init();
	if (fetch->easy == NULL)
		return fetch_fail(STATUS_OVERLOADED, "no memory");
	status = fetch_set_up(fetch, request);
	if (status != STATUS_OK)
		return status;
	if (!fetch_multi_add(fetch->multi, fetch->easy))
		return fetch_fail(STATUS_OVERLOADED, "the request cannot be started");
	fetch->added = true;
	metric_add(&fetch_metric_requests, 1);
	return STATUS_OK;
}

void
http_fetch_close(struct fetch **fetch)
{
	struct fetch *gone = *fetch;

	*fetch = NULL;
	if (gone == NULL)
		return;
	OBJ_CHECK(gone, FETCH_MAGIC);
	if (gone->added)
		fetch_multi_remove(gone->multi, gone->easy);
	if (gone->easy != NULL)
		curl_easy_cleanup(gone->easy);
	curl_slist_free_all(gone->headers);
	free(gone->own_body);
	buf_fini(&gone->head);
	buf_fini(&gone->waiting);
	buf_fini(&gone->given);
	if (gone->begun_us != 0)
		metric_observe_us(&fetch_metric_seconds, clock_us() - gone->begun_us);
	OBJ_FINI(gone);
	free(gone);
}

/* --- waiting --------------------------------------------------------------------------------- */

static enum status
fetch_ended_status(const struct fetch *fetch)
{
	const char *why =
	    fetch->error[0] != '\0' ? fetch->error : curl_easy_strerror(fetch->result);

	if (fetch->too_large || fetch->result == CURLE_FILESIZE_EXCEEDED)
		return fetch_fail(STATUS_TOO_LARGE, "the response is too large");
	switch (fetch->result) {
	case CURLE_OK: return STATUS_OK;
	case CURLE_OUT_OF_MEMORY: return fetch_fail(STATUS_OVERLOADED, why);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT: return fetch_fail(STATUS_BAD_REQUEST, why);
	default: return fetch_fail(STATUS_DEPENDENCY_DOWN, why);
	}
}

/* Until there is news, but not beyond the request's own limits. */
static enum status
fetch_await(struct fetch *fetch)
{
	uint64_t since = clock_ms(), limit_ms = UINT64_MAX;
	struct wait wait;
	enum status status;

	for (;;) {
		if (fetch->head.length == 0)
			limit_ms = fetch->first_byte_at_ms;
		else if (fetch->silence_ms != 0)
			limit_ms =
			    (fetch->heard_ms > since ? fetch->heard_ms : since) + fetch->silence_ms;
		wait_init(&wait);
		fetch->wait = &wait;
		status = wait_until(&wait, limit_ms);
		fetch->wait = NULL;
		if (status != STATUS_DEADLINE || task_time_left() == 0)
			break;
		/* Ours; but bytes may have come that are no news to the task. */
		if (fetch->head.length == 0 && clock_ms() >= limit_ms)
			return fetch_fail(STATUS_DEPENDENCY_DOWN, "no response in time");
		if (fetch->silence_ms != 0 && fetch->head.length > 0 && clock_ms() >= limit_ms &&
		    fetch->heard_ms + fetch->silence_ms <= clock_ms())
			return fetch_fail(STATUS_DEPENDENCY_DOWN, "the response stopped");
	}
	return status == STATUS_OK ? STATUS_OK : fetch_fail(status, "given up");
}

/* Waits for the head; gives it to the task. */
static enum status
fetch_take_head(struct fetch *fetch, struct fetch_response *response)
{
	enum status status = STATUS_OK;
	long code = 0;

	while (!fetch->head_done && !fetch->ended && status == STATUS_OK)
		status = fetch_await(fetch);
	/* A response that has ended badly since is told to whoever reads on. */
	if (status == STATUS_OK && !fetch->head_done)
		status = fetch_ended_status(fetch);
	if (status != STATUS_OK)
		return status;
	if (!fetch->head_done)
		return fetch_fail(STATUS_DEPENDENCY_DOWN, "no response");
	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &code);
	response->status = (int)code;
	response->head = arena_strndup(task_arena(), fetch->head.bytes, fetch->head.length);
	return response->head != NULL ? STATUS_OK : fetch_fail(STATUS_OVERLOADED, "no memory");
}

/* --- what tasks call ------------------------------------------------------------------------- */

enum status
http_fetch(const struct fetch_request *request, struct fetch_response *response)
{
	struct fetch *fetch;
	enum status status = fetch_start(request, true, &fetch);

	*response = (struct fetch_response){0};
	if (status == STATUS_OK)
		status = fetch_take_head(fetch, response);
	while (status == STATUS_OK && !fetch->ended)
		status = fetch_await(fetch);
	if (status == STATUS_OK)
		status = fetch_ended_status(fetch);
	if (status == STATUS_OK) {
		response->body_length = fetch->waiting.length;
		response->body = arena_strndup(
		    task_arena(), fetch->waiting.length > 0 ? fetch->waiting.bytes : "",
		    fetch->waiting.length);
		if (response->body == NULL)
			status = fetch_fail(STATUS_OVERLOADED, "no memory");
	}
	http_fetch_close(&fetch);
	return status;
}

enum status
http_fetch_open(const struct fetch_request *request, struct fetch_response *response,
                struct fetch **fetch)
{
	enum status status = fetch_start(request, false, fetch);

	*response = (struct fetch_response){0};
	if (status == STATUS_OK)
		status = fetch_take_head(*fetch, response);
	if (status != STATUS_OK)
		http_fetch_close(fetch);
	return status;
}

enum status
http_fetch_read(struct fetch *fetch, const char **bytes, size_t *length)
{
	enum status status = STATUS_OK;
	struct buf swap;

	OBJ_CHECK(fetch, FETCH_MAGIC);
	*bytes = "";
	*length = 0;
	/* The next piece may take long, and many wait: without memory for the last one. */
	if (fetch->waiting.length == 0) {
		buf_fini(&fetch->given);
		buf_fini(&fetch->waiting);
	}
	while (fetch->waiting.length == 0 && !fetch->ended && status == STATUS_OK)
		status = fetch_await(fetch);
	if (status != STATUS_OK)
		return status;
	if (fetch->waiting.length == 0)
		return fetch_ended_status(fetch);
	swap = fetch->given;
	fetch->given = fetch->waiting;
	fetch->waiting = swap;
	buf_clear(&fetch->waiting);
	*bytes = fetch->given.bytes;
	*length = fetch->given.length;
	if (fetch->paused && !fetch->ended) {
		fetch->paused = false;
		fetch->heard_ms = clock_ms();
		curl_easy_pause(fetch->easy, CURLPAUSE_CONT); /* may call fetch_write_cb */
	}
	return STATUS_OK;
}

void
http_fetch_set_silence(struct fetch *fetch, uint32_t silence_ms)
{
	OBJ_CHECK(fetch, FETCH_MAGIC);
	fetch->silence_ms = silence_ms;
}

const char *
fetch_header(const struct fetch_response *response, const char *name)
{
	size_t name_length = strlen(name);

	for (const char *line = response->head; line != NULL && *line != '\0';) {
		const char *end = strstr(line, "\r\n"), *value = line + name_length + 1;

		if (end == NULL)
			end = line + strlen(line);
		if ((size_t)(end - line) > name_length && line[name_length] == ':' &&
		    strncasecmp(line, name, name_length) == 0) {
			while (value < end && (*value == ' ' || *value == '\t'))
				value++;
			while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
				end--;
			return arena_strndup(task_arena(), value, (size_t)(end - value));
		}
		line = *end != '\0' ? end + 2 : end;
	}
	return NULL;
}
