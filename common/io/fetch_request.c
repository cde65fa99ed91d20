/* SPDX-License-Identifier: MIT
 * What curl is told about a request, and what it tells us while the response comes in. Its
 * callbacks only note and wake; no task runs within them. */
#include "common/base/clock.h"
#include "common/base/obj.h"
#include "common/io/fetch_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FETCH_CONNECT_MS  3000
#define FETCH_BODY_LIMIT  ((size_t)4 << 20)
#define FETCH_HEAD_LIMIT  ((size_t)64 << 10)
#define FETCH_WAITING_MAX ((size_t)64 << 10) /* bytes that nobody has read yet */
/* Thousands of transfers wait at a time, each with its own. 16 KB is the least for sending; it is
 * only made for a body that does not go out in one with the head: over TLS, or a large one, which
 * then goes out in few pieces. */
#define FETCH_BUFFER_SIZE 1024
#define FETCH_UPLOAD_SIZE ((size_t)16 << 10)
#define FETCH_UPLOAD_MOST ((size_t)128 << 10)

/* --- curl's callbacks ------------------------------------------------------------------------ */

static void
fetch_news(struct fetch *fetch)
{
	struct wait *wait = fetch->wait;

	fetch->wait = NULL;
	if (wait != NULL)
		wait_done(wait);
}

void
fetch_ended(void *arg, CURLcode result)
{
	OBJ_CAST(struct fetch, fetch, arg, FETCH_MAGIC);

	fetch->added = false;
	fetch->ended = true;
	fetch->result = result;
	fetch_news(fetch);
}

/* A body that has gone out as a whole and never goes out again is not needed while the answer is
 * waited for. */
static void
fetch_drop_body(struct fetch *fetch)
{
	curl_off_t sent = 0;

	curl_easy_getinfo(fetch->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	if (fetch->resendable || fetch->own_body == NULL || (size_t)sent != fetch->body_length)
		return;
	free(fetch->own_body);
	fetch->own_body = NULL;
}

/* Called whenever curl has done something, until the body is out: an answer may take a minute to
 * begin. */
static int
fetch_progress_cb(void *arg, curl_off_t total, curl_off_t received, curl_off_t to_send,
                  curl_off_t sent)
{
	OBJ_CAST(struct fetch, fetch, arg, FETCH_MAGIC);

	(void)total;
	(void)received;
	(void)to_send;
	(void)sent;
	fetch_drop_body(fetch);
	if (fetch->own_body == NULL)
		curl_easy_setopt(fetch->easy, CURLOPT_NOPROGRESS, 1L);
	return 0;
}

static size_t
fetch_header_cb(char *line, size_t size, size_t count, void *arg)
{
	OBJ_CAST(struct fetch, fetch, arg, FETCH_MAGIC);
	size_t length = size * count;
	long status = 0;

	fetch->heard_ms = clock_ms();
	if (fetch->head_done)
		return length; /* trailers */
	if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
		buf_clear(&fetch->head);
	buf_append(&fetch->head, line, length);
	if (buf_failed(&fetch->head)) {
		fetch->too_large = true;
		return 0;
	}
	if (length > 2 || line[0] == ' ')
		return length;
	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200) {
		fetch->head_done = true;
		fetch_news(fetch);
	}
	return length;
}

static size_t
fetch_write_cb(char *bytes, size_t size, size_t count, void *arg)
{
	OBJ_CAST(struct fetch, fetch, arg, FETCH_MAGIC);
	size_t length = size * count;

	fetch->heard_ms = clock_ms();
	if (length > fetch->body_limit - fetch->received) {
		fetch->too_large = true;
		return 0;
	}
	if (!fetch->collecting && fetch->waiting.length > 0 &&
	    fetch->waiting.length + length > FETCH_WAITING_MAX) {
		fetch->paused = true;
		return CURL_WRITEFUNC_PAUSE; /* the same bytes come again */
	}
	buf_append(&fetch->waiting, bytes, length);
	if (buf_failed(&fetch->waiting))
		return 0;
	fetch->received += length;
	if (!fetch->collecting)
		fetch_news(fetch);
	return length;
}

/* Before each sending of the request. curl sends it again by itself when a reused connection ended
 * without a reply. That may be a second paid call: only what is harmless to repeat goes out twice.
 */
static int
fetch_prereq_cb(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	OBJ_CAST(struct fetch, fetch, arg, FETCH_MAGIC);

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	if (fetch->sent && !fetch->resendable)
		return CURL_PREREQFUNC_ABORT;
	fetch->sent = true;
	return CURL_PREREQFUNC_OK;
}

/* --- setting up ------------------------------------------------------------------------------ */

static bool
fetch_add_header(struct fetch *fetch, const char *line)
{
	struct curl_slist *list = curl_slist_append(fetch->headers, line);

	if (list == NULL)
		return false;
	fetch->headers = list;
	return true;
}

static enum status
fetch_set_headers(struct fetch *fetch, const struct fetch_request *request)
{
	bool typed = false;

	/* Without these curl would wait for "100 Continue", and call every body a form. */
	if (!fetch_add_header(fetch, "Expect:"))
		return STATUS_OVERLOADED;
	for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
		const char *line = request->headers[i];

		if (strpbrk(line, "\r\n") != NULL)
			return fetch_fail(STATUS_BAD_REQUEST, "a header holds a line end");
		typed |= strncasecmp(line, "Content-Type:", 13) == 0;
		if (!fetch_add_header(fetch, line))
			return STATUS_OVERLOADED;
	}
	if (!typed && !fetch_add_header(fetch, "Content-Type:"))
		return STATUS_OVERLOADED;
	curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers);
	return STATUS_OK;
}

static void
fetch_set_body(struct fetch *fetch, const struct fetch_request *request)
{
	const char *method = request->method;

	if (method == NULL)
		method = request->body != NULL ? "POST" : "GET";
	fetch->resendable = strcmp(method, "POST") != 0 && strcmp(method, "PATCH") != 0;
	if (request->body != NULL || !fetch->resendable) {
		fetch->body_length = request->body != NULL ? request->body_length : 0;
		/* A body that is read through a callback would have a buffer of 16 KB beside it
		 * for as long as the transfer takes. */
		curl_easy_setopt(fetch->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(fetch->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		                 (curl_off_t)fetch->body_length);
		curl_easy_setopt(fetch->easy, CURLOPT_POSTFIELDS,
		                 request->body != NULL ? request->body : "");
		curl_easy_setopt(fetch->easy, CURLOPT_PREREQFUNCTION, fetch_prereq_cb);
		curl_easy_setopt(fetch->easy, CURLOPT_PREREQDATA, fetch);
	}
	if (fetch->own_body != NULL && !fetch->resendable) {
		curl_easy_setopt(fetch->easy, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(fetch->easy, CURLOPT_XFERINFOFUNCTION, fetch_progress_cb);
		curl_easy_setopt(fetch->easy, CURLOPT_XFERINFODATA, fetch);
	}
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(fetch->easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(fetch->easy, CURLOPT_CUSTOMREQUEST, method);
	/* What cannot be sent again would fail on a connection that has just died: one of its own
	 * costs little where there is not even a body. */
	if (!fetch->resendable && (request->body == NULL || request->body_length == 0))
		curl_easy_setopt(fetch->easy, CURLOPT_FRESH_CONNECT, 1L);
}

static void
fetch_set_limits(struct fetch *fetch, const struct fetch_request *request)
{
	CURL *easy = fetch->easy;
	size_t upload = request->body_length;

	if (upload < FETCH_UPLOAD_SIZE)
		upload = FETCH_UPLOAD_SIZE;
	if (upload > FETCH_UPLOAD_MOST)
		upload = FETCH_UPLOAD_MOST;
	fetch->begun_us = clock_us();
	fetch->heard_ms = clock_ms();
	fetch->silence_ms = request->silence_ms;
	fetch->first_byte_at_ms =
	    request->first_byte_ms != 0 ? fetch->heard_ms + request->first_byte_ms : UINT64_MAX;
	fetch->body_limit = request->body_limit != 0 ? request->body_limit : FETCH_BODY_LIMIT;
	buf_init(&fetch->head, FETCH_HEAD_LIMIT);
	buf_init(&fetch->waiting, 0); /* bounded by the callback */
	buf_init(&fetch->given, 0);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	                 (long)(request->connect_ms != 0 ? request->connect_ms : FETCH_CONNECT_MS));
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->total_ms);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetch->body_limit);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE,
	                 (long)(request->read_size != 0 ? request->read_size : FETCH_BUFFER_SIZE));
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)upload);
}

static void
fetch_set_transport(struct fetch *fetch, const struct fetch_request *request)
{
	CURL *easy = fetch->easy;

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, request->allow_http ? "http,https" : "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (request->ca_file != NULL)
		curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/* Without TLS it is only the first response that says there is no multiplexing: all would
	 * wait for that one. */
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT,
	                 (long)(strncasecmp(request->url, "https:", 6) == 0));
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT,
	                 1L); /* an abort does not wait for the resolver */
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, fetch_header_cb);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, fetch_write_cb);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
}

enum status
fetch_set_up(struct fetch *fetch, const struct fetch_request *request)
{
	fetch_set_limits(fetch, request);
	fetch_set_transport(fetch, request);
	fetch_set_body(fetch, request);
	return fetch_set_headers(fetch, request);
}
