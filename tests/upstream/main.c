/* SPDX-License-Identifier: MIT
 * The stand-in for all AI and speech providers: one worker, one HTTP server, for tests only.
 *
 * usage: upstream [ADDRESS]      (default 127.0.0.1:0, a free port; the first line on stdout says
 *                                 which: "listening on 127.0.0.1:34567")
 */
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/io/http_server.h"
#include "common/task/worker.h"
#include "tests/upstream/call.h"
#include "tests/upstream/control.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define UPSTREAM_MAGIC       0x55505354u
#define UPSTREAM_CONNECTIONS 65536
#define UPSTREAM_BODY_BYTES  ((size_t)4 << 30)
#define UPSTREAM_CONTROL     ((size_t)4 << 20) /* of a configuration */

static const struct provider *const upstream_providers[] = {
    &upstream_gemini,
    &upstream_openai,
    &upstream_google_speech,
    &upstream_openai_speech,
};

/* The provider whose path it is, and the path's name; NULL: nobody's. */
static const struct provider *
upstream_find(const struct http_request *request, const char **path)
{
	for (size_t i = 0; i < COUNT_OF(upstream_providers); i++) {
		*path = upstream_providers[i]->match(request);
		if (*path != NULL)
			return upstream_providers[i];
	}
	return NULL;
}

static enum status
upstream_head(struct http_request *request, void *arg)
{
	const char *path;
	const struct provider *provider = upstream_find(request, &path);

	(void)arg;
	http_request_set_task(request, "upstream", 0, 0);
	http_request_set_body_limit(request,
	                            provider != NULL ? provider->body_limit : UPSTREAM_CONTROL);
	return STATUS_OK;
}

static void
upstream_handle(struct http_request *request, void *arg)
{
	OBJ_CAST(struct upstream, upstream, arg, UPSTREAM_MAGIC);
	const char *path;
	const struct provider *provider = upstream_find(request, &path);

	if (control_match(request))
		control_run(upstream, request);
	else if (provider == NULL)
		http_reply_error(request, STATUS_NOT_FOUND, "No provider has such a path.");
	else if (http_request_method(request)[0] != 'P')
		http_reply_error(request, STATUS_METHOD_NOT_ALLOWED, "POST");
	else
		call_run(upstream, request, provider, path);
}

/* --- its end ------------------------------------------------------------------------------- */

struct upstream_process {
	struct worker *worker;
	struct http_limits *limits;
	struct http_server *server;
	uv_signal_t terminate;
};

static void
upstream_drained(void *arg)
{
	struct upstream_process *process = arg;

	http_server_free(&process->server);
	worker_stop(process->worker);
}

static void
upstream_signal_cb(uv_signal_t *handle, int number)
{
	struct upstream_process *process = handle->data;

	(void)number;
	uv_close((uv_handle_t *)handle, NULL);
	http_server_drain(process->server, upstream_drained, process);
	http_server_abort(process->server);
}

/* --- its start ----------------------------------------------------------------------------- */

static int
upstream_open(struct upstream_process *process, struct upstream *upstream, const char *address)
{
	struct http_limits_options limits = {.name = "upstream",
	                                     .max_connections = UPSTREAM_CONNECTIONS,
	                                     .body_bytes = UPSTREAM_BODY_BYTES};
	struct http_server_options options = {
	    .head_fn = upstream_head, .handler_fn = upstream_handle, .arg = upstream};
	char error[256], bound[HTTP_ADDRESS_SIZE];

	process->worker = worker_new("upstream");
	process->limits = http_limits_new(&limits);
	options.limits = process->limits;
	if (process->worker == NULL || process->limits == NULL ||
	    http_listen(address, 1, &options.fd, error, sizeof error) != 0) {
		fprintf(stderr, "upstream: %s\n", process->limits != NULL ? error : "no memory");
		return -1;
	}
	http_listen_address(options.fd, bound);
	process->server = http_server_new(process->worker, &options);
	if (process->server == NULL)
		return -1;
	uv_signal_init(worker_loop(process->worker), &process->terminate);
	process->terminate.data = process;
	uv_signal_start(&process->terminate, upstream_signal_cb, SIGTERM);
	printf("listening on %s\nconnections %u\n", bound,
	       http_limits_connections(process->limits));
	fflush(stdout);
	return 0;
}

int
main(int argc, char **argv)
{
	struct upstream upstream = {.ledger = ledger_new()};
	struct upstream_process process = {.worker = NULL};

	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: %s [ADDRESS]\n", argv[0]);
		return 2;
	}
	log_init("upstream", LOG_LEVEL_ERROR);
	if (upstream.ledger == NULL || ids_init() != 0)
		return 1;
	OBJ_INIT(&upstream, UPSTREAM_MAGIC);
	config_init(&upstream.config);
	if (upstream_open(&process, &upstream, argc == 2 ? argv[1] : "127.0.0.1:0") != 0)
		return 1;
	upstream.rss_start_kb = control_rss_kb();
	worker_run(process.worker);
	worker_free(&process.worker);
	http_limits_free(&process.limits);
	config_fini(&upstream.config);
	ledger_free(&upstream.ledger);
	return 0;
}
