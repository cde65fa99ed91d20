/* SPDX-License-Identifier: MIT
 * Limits and counters that the servers of one address share across their threads. */
#include "common/io/http_private.h"

#include "common/base/log.h"
#include "common/base/obj.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define LIMITS_CONNECTIONS 10000
#define LIMITS_BODY_BYTES  ((size_t)64 << 20)
/* Files that a process needs besides these connections: databases, links, logs, refusals. */
#define LIMITS_SPARE_FILES 512
#define LIMITS_BUCKETS     4096

/* Connections of one address. */
struct http_peer {
	struct http_peer *next;
	unsigned char key[16];
	unsigned connections;
};

struct http_limits {
	struct http_limits_options options;
	unsigned max_connections;
	_Atomic unsigned connections;
	_Atomic size_t body_bytes;
	struct metric *metrics[HTTP_METRIC_COUNT];
	pthread_mutex_t lock; /* of peers */
	struct http_peer **peers;
};

/* --- files --------------------------------------------------------------------------------- */

static unsigned
http_limits_files(const char *name, unsigned wanted)
{
	struct rlimit files;
	rlim_t most;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return wanted;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0 && getrlimit(RLIMIT_NOFILE, &files) != 0)
		return wanted;
	most = files.rlim_cur > 2 * LIMITS_SPARE_FILES ? files.rlim_cur - LIMITS_SPARE_FILES
	                                               : files.rlim_cur / 2;
	if (most >= wanted)
		return wanted;
	LOG_WARN("fewer connections than configured: the limit of open files is too low",
	         LOG_TEXT("listener", name), LOG_INT("configured", wanted),
	         LOG_INT("connections", most), LOG_INT("open_files", files.rlim_cur));
	return (unsigned)most;
}

struct http_limits *
http_limits_new(const struct http_limits_options *options)
{
	static const struct {
		enum metric_type type;
		const char *name, *help;
	} metrics[HTTP_METRIC_COUNT] = {
#define X(id, type, name, help) {METRIC_##type, "studyhall_http_" name, help},
	    HTTP_METRICS(X)
#undef X
	};
	struct http_limits *limits = calloc(1, sizeof *limits);

	if (limits == NULL)
		return NULL;
	limits->options = *options;
	if (limits->options.body_bytes == 0)
		limits->options.body_bytes = LIMITS_BODY_BYTES;
	if (options->address_connections > 0) {
		limits->peers = calloc(LIMITS_BUCKETS, sizeof *limits->peers);
		if (limits->peers == NULL)
			goto fail;
	}
	for (size_t i = 0; i < HTTP_METRIC_COUNT; i++) {
		limits->metrics[i] = metric_new(metrics[i].type, metrics[i].name, metrics[i].help,
		                                "listener=\"%s\"", options->name);
		if (limits->metrics[i] == NULL)
			goto fail;
	}
	limits->max_connections = http_limits_files(options->name, options->max_connections != 0
	                                                               ? options->max_connections
	                                                               : LIMITS_CONNECTIONS);
	pthread_mutex_init(&limits->lock, NULL);
	return limits;
fail:
	free(limits->peers);
	free(limits);
	return NULL;
}

void
http_limits_free(struct http_limits **limitsp)
{
	struct http_limits *limits = *limitsp;

	if (limits == NULL)
		return;
	*limitsp = NULL;
	assert(limits->connections == 0 && limits->body_bytes == 0);
	pthread_mutex_destroy(&limits->lock);
	free(limits->peers);
	free(limits);
}

unsigned
http_limits_connections(const struct http_limits *limits)
{
	return limits->max_connections;
}

/* --- connections --------------------------------------------------------------------------- */

/* An IPv4 address as IPv6, or the first half of an IPv6 address: who has one has 2^64. */
static bool
http_peer_key(const struct sockaddr *address, unsigned char key[16])
{
	memset(key, 0, 16);
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

		key[10] = key[11] = 0xff;
		memcpy(key + 12, &in->sin_addr, 4);
		return true;
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

		memcpy(key, &in6->sin6_addr, IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ? 16 : 8);
		return true;
	}
	return false; /* a Unix socket */
}

static struct http_peer **
http_peer_find(struct http_limits *limits, const unsigned char key[16])
{
	uint32_t hash = 2166136261u;
	struct http_peer **at;

	for (size_t i = 0; i < 16; i++)
		hash = (hash ^ key[i]) * 16777619u;
	at = &limits->peers[(hash ^ hash >> 16) % LIMITS_BUCKETS];
	while (*at != NULL && memcmp((*at)->key, key, 16) != 0)
		at = &(*at)->next;
	return at;
}

static bool
http_peer_admit(struct http_limits *limits, const unsigned char key[16])
{
	struct http_peer **at, *peer;
	bool admitted = false;

	pthread_mutex_lock(&limits->lock);
	at = http_peer_find(limits, key);
	peer = *at;
	if (peer == NULL) {
		peer = calloc(1, sizeof *peer);
		if (peer == NULL)
			goto out;
		memcpy(peer->key, key, 16);
		*at = peer;
	}
	admitted = peer->connections < limits->options.address_connections;
	if (admitted)
		peer->connections++;
out:
	pthread_mutex_unlock(&limits->lock);
	return admitted;
}

static bool
http_limits_counts_peer(struct http_limits *limits, const struct sockaddr *address,
                        unsigned char key[16])
{
	return limits->peers != NULL && http_peer_key(address, key) &&
	       (limits->options.exempt == NULL ||
	        !limits->options.exempt(address, limits->options.arg));
}

enum status
http_limits_admit(struct http_limits *limits, const struct sockaddr *address, bool *counted)
{
	unsigned char key[16];

	*counted = false;
	if (atomic_fetch_add(&limits->connections, 1) >= limits->max_connections) {
		atomic_fetch_sub(&limits->connections, 1);
		return STATUS_OVERLOADED;
	}
	*counted = http_limits_counts_peer(limits, address, key);
	if (*counted && !http_peer_admit(limits, key)) {
		atomic_fetch_sub(&limits->connections, 1);
		return STATUS_THROTTLED;
	}
	return STATUS_OK;
}

void
http_limits_leave(struct http_limits *limits, const struct sockaddr *address, bool counted)
{
	unsigned char key[16];
	struct http_peer **at, *peer;

	atomic_fetch_sub(&limits->connections, 1);
	if (!counted)
		return;
	http_peer_key(address, key);
	pthread_mutex_lock(&limits->lock);
	at = http_peer_find(limits, key);
	peer = *at;
	assert(peer != NULL && peer->connections > 0);
	if (--peer->connections == 0) {
		*at = peer->next;
		free(peer);
	}
	pthread_mutex_unlock(&limits->lock);
}

/* --- bodies and counters ------------------------------------------------------------------- */

bool
http_limits_reserve(struct http_limits *limits, size_t bytes)
{
	size_t held = atomic_fetch_add(&limits->body_bytes, bytes);

	if (bytes <= limits->options.body_bytes && held <= limits->options.body_bytes - bytes)
		return true;
	atomic_fetch_sub(&limits->body_bytes, bytes);
	return false;
}

void
http_limits_release(struct http_limits *limits, size_t bytes)
{
	if (bytes > 0)
		atomic_fetch_sub(&limits->body_bytes, bytes);
}

void
http_limits_count(struct http_limits *limits, enum http_metric metric, int64_t delta)
{
	metric_add(limits->metrics[metric], delta);
}
