/* SPDX-License-Identifier: MIT
 * Liveness, readiness and metrics over HTTP. */
#include "common/service/admin.h"

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/obj.h"
#include "common/io/http_server.h"
#include "common/service/process.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ADMIN_MAX_CONNECTIONS 64
#define ADMIN_BODY_LIMIT      1024
#define ADMIN_METRICS_LIMIT   ((size_t)8 << 20)

struct admin {
	struct process *process;
	struct http_limits *limits;
	struct http_server *server;
	struct wait drained;
};

/* Memory as the kernel counts it: proportional share, and what is private to the process. */
static void
admin_write_memory(struct buf *out)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	long pss = 0, rss = 0;

	if (file == NULL)
		return;
	while (fgets(line, sizeof line, file) != NULL) {
		(void)sscanf(line, "Pss: %ld kB", &pss);
		(void)sscanf(line, "Rss: %ld kB", &rss);
	}
	fclose(file);
	buf_printf(out,
	           "# HELP process_resident_memory_bytes Resident memory\n"
	           "# TYPE process_resident_memory_bytes gauge\n"
	           "process_resident_memory_bytes %ld\n"
	           "# HELP studyhall_memory_pss_bytes Proportional share of resident memory\n"
	           "# TYPE studyhall_memory_pss_bytes gauge\n"
	           "studyhall_memory_pss_bytes %ld\n",
	           rss * 1024, pss * 1024);
}

static void
admin_reply(struct http_request *request, int status, const char *type, struct buf *body)
{
	struct http_header headers[] = {{"Content-Type", type}, {"Cache-Control", "no-store"}};

	if (buf_failed(body))
		http_reply_error(request, STATUS_OVERLOADED, "out of memory");
	else
		(void)http_reply(request, status, headers, COUNT_OF(headers), body->bytes,
		                 body->length);
}

static void
admin_handle(struct http_request *request, void *arg)
{
	struct admin *admin = arg;
	const char *method = http_request_method(request);
	const char *path = http_request_segment(request, 0);
	struct buf body;

	if (path == NULL || http_request_segment(request, 1) != NULL) {
		http_reply_error(request, STATUS_NOT_FOUND,
		                 "There are /healthz, /readyz, /metrics.");
		return;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		http_reply_error(request, STATUS_METHOD_NOT_ALLOWED, "Only GET and HEAD.");
		return;
	}
	buf_init(&body, ADMIN_METRICS_LIMIT);
	if (strcmp(path, "healthz") == 0 || strcmp(path, "health") == 0) {
		buf_puts(&body, "{\"status\":\"ok\"}\n");
		admin_reply(request, 200, "application/json", &body);
	} else if (strcmp(path, "readyz") == 0) {
		int status = process_readiness(admin->process, true, &body);

		admin_reply(request, status, "application/json", &body);
	} else if (strcmp(path, "metrics") == 0) {
		metrics_write(&body);
		admin_write_memory(&body);
		admin_reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
	} else {
		http_reply_error(request, STATUS_NOT_FOUND,
		                 "There are /healthz, /readyz, /metrics.");
	}
	buf_fini(&body);
}

struct admin *
admin_open(struct process *process, const char *address, char *error, size_t error_size)
{
	struct admin *admin = calloc(1, sizeof *admin);
	struct http_limits_options limits = {.name = "admin",
	                                     .max_connections = ADMIN_MAX_CONNECTIONS};
	struct http_server_options options = {.handler_fn = admin_handle,
	                                      .arg = admin,
	                                      .body_limit = ADMIN_BODY_LIMIT,
	                                      .max_requests = ADMIN_MAX_CONNECTIONS};

	if (admin == NULL || (admin->limits = http_limits_new(&limits)) == NULL) {
		snprintf(error, error_size, "out of memory");
		free(admin);
		return NULL;
	}
	admin->process = process;
	options.limits = admin->limits;
	if (http_listen(address, 1, &options.fd, error, error_size) != 0)
		goto fail;
	admin->server = http_server_new(worker_current(), &options);
	if (admin->server == NULL) {
		snprintf(error, error_size, "out of memory");
		goto fail;
	}
	return admin;
fail:
	http_limits_free(&admin->limits);
	free(admin);
	return NULL;
}

static void
admin_drained_cb(void *arg)
{
	wait_done(arg);
}

void
admin_close(struct admin **adminp)
{
	struct admin *admin = *adminp;

	if (admin == NULL)
		return;
	*adminp = NULL;
	wait_init(&admin->drained);
	http_server_drain(admin->server, admin_drained_cb, &admin->drained);
	http_server_abort(admin->server);
	wait_uninterrupted(&admin->drained);
	http_server_free(&admin->server);
	http_limits_free(&admin->limits);
	free(admin);
}
