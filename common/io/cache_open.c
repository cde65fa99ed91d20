/* SPDX-License-Identifier: MIT
 * Opening a cache, attaching workers to it, and whether what it holds is to be believed. */
#include "common/base/obj.h"
#include "common/io/cache_private.h"
#include "common/task/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_TIMEOUT_MS 100

/* The connections of the running thread. */
struct cache_attachment {
	const struct cache *cache;
	struct cache_conn *conn;
	struct cache_attachment *next;
};
static _Thread_local struct cache_attachment *cache_attachments;

struct metric cache_metric_hits = {.name = "studyhall_cache_gets_total",
                                   .labels = "result=\"hit\"",
                                   .help = "Look-ups in the cache",
                                   .type = METRIC_COUNTER};
struct metric cache_metric_misses = {.name = "studyhall_cache_gets_total",
                                     .labels = "result=\"miss\"",
                                     .help = "Look-ups in the cache",
                                     .type = METRIC_COUNTER};
struct metric cache_metric_blind = {.name = "studyhall_cache_gets_total",
                                    .labels = "result=\"untrusted\"",
                                    .help = "Look-ups in the cache",
                                    .type = METRIC_COUNTER};
struct metric cache_metric_refused = {.name = "studyhall_cache_refused_fills_total",
                                      .help = "Fills that came after an invalidation",
                                      .type = METRIC_COUNTER};
struct metric cache_metric_unconfirmed = {.name = "studyhall_cache_unconfirmed_total",
                                          .help =
                                              "Locks and invalidations that Redis did not confirm",
                                          .type = METRIC_COUNTER};

static pthread_once_t cache_once = PTHREAD_ONCE_INIT;

/* hiredis writes to sockets that the other side has closed. */
static void
cache_init_once(void)
{
	struct sigaction action;

	metric_register(&cache_metric_hits);
	metric_register(&cache_metric_misses);
	metric_register(&cache_metric_blind);
	metric_register(&cache_metric_refused);
	metric_register(&cache_metric_unconfirmed);
	if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

/* --- opening -------------------------------------------------------------------------------- */

static int
cache_parse_database(const char *text, unsigned *database)
{
	char *end;
	unsigned long number;

	*database = 0;
	if (text == NULL || *text == '\0')
		return 0;
	number = strtoul(text, &end, 10);
	*database = (unsigned)number;
	return *end == '\0' && *text >= '0' && *text <= '9' && number < 1000 ? 0 : -1;
}

static int
cache_parse_url(struct cache_shared *shared, const char *text, char *error, size_t error_size)
{
	struct url *url = &shared->url;
	const char *database;

	if (url_parse(url, text, error, error_size) != 0)
		return -1;
	database = url->path;
	if (strcmp(url->scheme, "unix") == 0) {
		if (asprintf(&shared->unix_path, "/%s", url->path) < 0)
			shared->unix_path = NULL;
		if (shared->unix_path == NULL || url->path[0] == '\0' || url->host != NULL) {
			snprintf(error, error_size, "a socket's URL is unix:///PATH");
			return -1;
		}
		if (url->password == NULL)
			url->password = url_param(url, "password");
		database = url_param(url, "db");
	} else if (strcmp(url->scheme, "redis") != 0) {
		snprintf(error, error_size, "the scheme of a cache URL is redis:// or unix://");
		return -1;
	}
	if (cache_parse_database(database, &shared->database) != 0) {
		snprintf(error, error_size, "a cache URL's database is a number");
		return -1;
	}
	if (url->host == NULL)
		url->host = "localhost";
	if (url->port == 0)
		url->port = 6379;
	return 0;
}

struct cache *
cache_open(const struct cache_options *options, char *error, size_t error_size)
{
	struct cache *cache = calloc(1, sizeof *cache);

	if (cache == NULL) {
		snprintf(error, error_size, "no memory");
		return NULL;
	}
	pthread_once(&cache_once, cache_init_once);
	OBJ_INIT(cache, CACHE_MAGIC);
	pthread_mutex_init(&cache->shared.lock, NULL);
	assert(strlen(options->prefix) < CACHE_PREFIX_SIZE - 1);
	snprintf(cache->prefix, sizeof cache->prefix, "%s:", options->prefix);
	cache->no_epoch = options->no_epoch;
	cache->off = options->url == NULL || options->url[0] == '\0';
	cache->shared.timeout_ms =
	    options->timeout_ms != 0 ? options->timeout_ms : CACHE_TIMEOUT_MS;
	cache->shared.generation = 1;
	if (!cache->off && cache_parse_url(&cache->shared, options->url, error, error_size) != 0)
		cache_close(&cache);
	return cache;
}

void
cache_close(struct cache **cache)
{
	struct cache *gone = *cache;

	*cache = NULL;
	if (gone == NULL)
		return;
	OBJ_CHECK(gone, CACHE_MAGIC);
	assert(gone->shared.attached == 0);
	url_fini(&gone->shared.url);
	free(gone->shared.unix_path);
	pthread_mutex_destroy(&gone->shared.lock);
	OBJ_FINI(gone);
	free(gone);
}

enum status
cache_attach(struct cache *cache)
{
	struct cache_attachment *attachment;

	OBJ_CHECK(cache, CACHE_MAGIC);
	if (cache->off)
		return STATUS_OK;
	attachment = calloc(1, sizeof *attachment);
	if (attachment == NULL)
		return STATUS_OVERLOADED;
	attachment->cache = cache;
	attachment->conn = cache_conn_new(&cache->shared, worker_loop(worker_current()));
	if (attachment->conn == NULL) {
		free(attachment);
		return STATUS_OVERLOADED;
	}
	attachment->next = cache_attachments;
	cache_attachments = attachment;
	return STATUS_OK;
}

void
cache_detach(struct cache *cache)
{
	struct cache_attachment **at = &cache_attachments, *gone;

	while (*at != NULL && (*at)->cache != cache)
		at = &(*at)->next;
	gone = *at;
	if (gone == NULL)
		return;
	*at = gone->next;
	cache_conn_close(&gone->conn);
	free(gone);
}

struct cache_conn *
cache_here(const struct cache *cache)
{
	OBJ_CHECK(cache, CACHE_MAGIC);
	for (struct cache_attachment *at = cache_attachments; at != NULL; at = at->next)
		if (at->cache == cache)
			return cache_conn_up(at->conn) ? at->conn : NULL;
	return NULL;
}

bool
cache_healthy(const struct cache *cache)
{
	return cache->off ||
	       (cache->shared.connected > 0 && cache->shared.connected == cache->shared.attached);
}

/* --- trust ---------------------------------------------------------------------------------- */

uint64_t
cache_generation(const struct cache *cache)
{
	return cache->shared.generation;
}

void
cache_distrust(struct cache *cache)
{
	atomic_fetch_add(&cache->shared.generation, 1);
}

void
cache_set_epoch(struct cache *cache, uint64_t epoch, uint64_t generation)
{
	cache->epoch = epoch;
	cache->trusted = generation;
}

bool
cache_trusted(const struct cache *cache)
{
	return cache->no_epoch || cache->trusted == cache->shared.generation;
}

const char *
cache_run_id(struct cache *cache, char out[CACHE_RUN_ID_SIZE])
{
	pthread_mutex_lock(&cache->shared.lock);
	memcpy(out, cache->shared.run_id, CACHE_RUN_ID_SIZE);
	pthread_mutex_unlock(&cache->shared.lock);
	return out;
}
