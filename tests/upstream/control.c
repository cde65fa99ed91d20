/* SPDX-License-Identifier: MIT
 * Tells the stand-in what to do, and asks it what it has seen. */
#include "tests/upstream/control.h"

#include "common/base/json.h"
#include "common/base/obj.h"
#include "tests/upstream/counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTROL_BLOCK 65536

static const struct http_header control_headers[] = {{"Content-Type", "application/json"},
                                                     {"Cache-Control", "no-store"}};

bool
control_match(const struct http_request *request)
{
	const char *first = http_request_segment(request, 0);

	return first != NULL && strcmp(first, "_upstream") == 0;
}

long
control_rss_kb(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long pages = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%*d %ld", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void
control_reply(struct http_request *request, int status, json_t *json)
{
	char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;

	if (text != NULL)
		(void)http_reply(request, status, control_headers, COUNT_OF(control_headers), text,
		                 strlen(text));
	else
		http_reply_error(request, STATUS_OVERLOADED, "out of memory");
	free(text);
	json_decref(json);
}

/* --- config -------------------------------------------------------------------------------- */

static void
control_config(struct upstream *upstream, struct http_request *request, const char *method)
{
	size_t length;
	const char *bytes = http_request_body(request, &length), *wrong;
	char error[256];
	json_t *json;

	if (strcmp(method, "GET") == 0) {
		control_reply(request, 200, config_json(&upstream->config));
		return;
	}
	if (strcmp(method, "PUT") != 0 && strcmp(method, "PATCH") != 0) {
		http_reply_error(request, STATUS_METHOD_NOT_ALLOWED, "GET, PUT, PATCH");
		return;
	}
	json = json_parse(bytes, length, error, sizeof error);
	wrong = json == NULL ? error
	                     : config_apply(&upstream->config, json, strcmp(method, "PUT") == 0);
	if (wrong == NULL && (json_object_get(json, "seed") != NULL || method[1] == 'U'))
		upstream->drawn = 0;
	json_decref(json);
	if (wrong != NULL)
		http_reply_error(request, STATUS_BAD_REQUEST, wrong);
	else
		control_reply(request, 200, config_json(&upstream->config));
}

/* --- ledger -------------------------------------------------------------------------------- */

/* Does the entry have the value that the parameter `name` asks for, if it is there? */
static bool
control_param_is(const struct http_request *request, const char *name, const char *value)
{
	const char *wanted = http_request_param(request, name);

	return wanted == NULL || strcmp(wanted, value != NULL ? value : "") == 0;
}

static bool
control_wanted(const struct http_request *request, const struct ledger_entry *entry)
{
	const char *job = http_request_param(request, "job");
	size_t length = job != NULL ? strlen(job) : 0;

	return control_param_is(request, "mark", entry->mark) &&
	       control_param_is(request, "provider", entry->provider) &&
	       control_param_is(request, "path", entry->path) &&
	       control_param_is(request, "fault", entry->fault) &&
	       control_param_is(request, "outcome", ledger_outcome_name(entry->outcome)) &&
	       (job == NULL || (strncmp(entry->mark, job, length) == 0 &&
	                        (entry->mark[length] == ':' || entry->mark[length] == '\0')));
}

static uint64_t
control_number(const struct http_request *request, const char *name, uint64_t fallback)
{
	const char *text = http_request_param(request, name);

	return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

static void
control_put_entry(struct buf *out, const struct ledger_entry *entry, bool first)
{
	json_t *json = ledger_entry_json(entry);
	char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;

	if (text != NULL) {
		buf_puts(out, first ? "" : ",\n");
		buf_puts(out, text);
	}
	free(text);
	json_decref(json);
}

static void
control_show_ledger(struct upstream *upstream, struct http_request *request)
{
	struct ledger *ledger = upstream->ledger;
	uint64_t limit = control_number(request, "limit", UINT64_MAX), shown = 0;
	struct buf out;

	buf_init(&out, 0);
	buf_printf(&out, "{\"total\":%llu,\"recorded\":%llu,\"cap\":%d,\"complete\":%s,\"calls\":[",
	           (unsigned long long)ledger_calls(ledger),
	           (unsigned long long)ledger_recorded(ledger), LEDGER_CAP,
	           ledger_calls(ledger) == ledger_recorded(ledger) ? "true" : "false");
	if (http_reply_begin(request, 200, control_headers, COUNT_OF(control_headers)) != STATUS_OK)
		goto done;
	for (uint64_t i = control_number(request, "from", 1) - 1;
	     i < ledger_recorded(ledger) && shown < limit; i++) {
		const struct ledger_entry *entry = ledger_at(ledger, i);

		if (!control_wanted(request, entry))
			continue;
		control_put_entry(&out, entry, shown++ == 0);
		if (out.length < CONTROL_BLOCK)
			continue;
		if (http_reply_write(request, out.bytes, out.length) != STATUS_OK)
			goto done;
		buf_clear(&out);
	}
	buf_puts(&out, "]}\n");
	if (!buf_failed(&out) && http_reply_write(request, out.bytes, out.length) == STATUS_OK)
		(void)http_reply_end(request);
done:
	buf_fini(&out);
}

static void
control_ledger(struct upstream *upstream, struct http_request *request, const char *method)
{
	if (strcmp(method, "GET") == 0) {
		control_show_ledger(upstream, request);
	} else if (strcmp(method, "DELETE") == 0) {
		ledger_clear(upstream->ledger);
		upstream->highest_open = upstream->open;
		(void)http_reply(request, 204, NULL, 0, NULL, 0);
	} else {
		http_reply_error(request, STATUS_METHOD_NOT_ALLOWED, "GET, DELETE");
	}
}

/* --- the rest ------------------------------------------------------------------------------ */

static void
control_counts(struct upstream *upstream, struct http_request *request)
{
	const char *by = http_request_param(request, "by");
	struct counts_filter filter = {.jobs = by != NULL && strcmp(by, "job") == 0,
	                               .min_calls = control_number(request, "min_calls", 0),
	                               .min_delivered =
	                                   control_number(request, "min_delivered", 0)};
	struct buf out;

	buf_init(&out, 0);
	if (counts_write(upstream->ledger, &filter, &out))
		(void)http_reply(request, 200, control_headers, COUNT_OF(control_headers),
		                 out.bytes, out.length);
	else
		http_reply_error(request, STATUS_OVERLOADED, "out of memory");
	buf_fini(&out);
}

static void
control_release(struct upstream *upstream, struct http_request *request, const char *method)
{
	size_t most = control_number(request, "next", SIZE_MAX), released;

	if (strcmp(method, "POST") != 0) {
		http_reply_error(request, STATUS_METHOD_NOT_ALLOWED, "POST");
		return;
	}
	released = hold_release(&upstream->holds, http_request_param(request, "mark"), most);
	control_reply(request, 200, json_pack("{s:I}", "released", (json_int_t)released));
}

static void
control_stats(struct upstream *upstream, struct http_request *request)
{
	json_t *json = counts_stats(upstream->ledger);
	long rss = control_rss_kb();

	if (json != NULL) {
		json_object_set_new(json, "open", json_integer(upstream->open));
		json_object_set_new(json, "highest_open", json_integer(upstream->highest_open));
		json_object_set_new(json, "held", json_integer((json_int_t)upstream->holds.count));
		json_object_set_new(json, "rss_kb", json_integer(rss));
		json_object_set_new(json, "rss_start_kb", json_integer(upstream->rss_start_kb));
	}
	control_reply(request, 200, json);
}

void
control_run(struct upstream *upstream, struct http_request *request)
{
	const char *what = http_request_segment(request, 1);
	const char *method = http_request_method(request);

	if (what == NULL || http_request_segment(request, 2) != NULL)
		what = "";
	if (strcmp(what, "config") == 0)
		control_config(upstream, request, method);
	else if (strcmp(what, "ledger") == 0)
		control_ledger(upstream, request, method);
	else if (strcmp(what, "counts") == 0)
		control_counts(upstream, request);
	else if (strcmp(what, "stats") == 0)
		control_stats(upstream, request);
	else if (strcmp(what, "release") == 0)
		control_release(upstream, request, method);
	else
		http_reply_error(request, STATUS_NOT_FOUND,
		                 "config, ledger, counts, stats, release");
}
