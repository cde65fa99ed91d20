/* SPDX-License-Identifier: MIT
 * Re-resolves names in a task, with getaddrinfo on one thread of its own. */
#include "common/actor/discovery.h"

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/task/offload.h"
#include "common/task/task.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISCOVERY_MAGIC 0xd15c0001u
#define URL_SIZE        320
#define RESOLVE_QUEUE   64

/* Of names and addresses, IPv6 with a zone included. */
#define TARGET_HOST_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%"

/* One of the configured URLs, taken apart. */
struct target {
	char scheme[16]; /* with "://" */
	char host[256];
	char port[8];
	bool fixed; /* nothing to resolve */
};

struct discovery {
	unsigned magic;
	struct target targets[DISCOVERY_MAX];
	size_t target_count;
	char known[DISCOVERY_MAX][URL_SIZE]; /* sorted */
	size_t known_count;
	discovery_fn *changed;
	void *arg;
	struct task *task; /* while it runs */
	bool closed;
};

/* Names of all actors of the process are looked up on one thread: DNS may be slow, but never in
 * the way of anything but DNS. */
static struct pool *discovery_pool;
static pthread_once_t discovery_pool_once = PTHREAD_ONCE_INIT;

static void
discovery_make_pool(void)
{
	discovery_pool = pool_new("resolver", 1, RESOLVE_QUEUE);
}

/* --- the configured URLs -----------------------------------------------------------------------
 */

static bool
target_is_numeric(const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static bool
target_port_ok(const char *port)
{
	size_t length = strlen(port);

	return length >= 1 && length <= 5 && strspn(port, "0123456789") == length &&
	       atoi(port) >= 1 && atoi(port) <= 65535;
}

static bool
target_parse(struct target *target, const char *url, size_t length)
{
	char text[URL_SIZE], *host, *port;
	char *rest;

	if (length == 0 || length >= sizeof text)
		return false;
	memcpy(text, url, length);
	text[length] = '\0';
	*target = (struct target){0};
	rest = strstr(text, "://");
	if (rest == NULL || (size_t)(rest - text) + 4 > sizeof target->scheme)
		return false;
	memcpy(target->scheme, text, (size_t)(rest - text) + 3);
	host = rest + 3;
	if (strcmp(target->scheme, "inproc://") == 0) {
		target->fixed = true;
		snprintf(target->host, sizeof target->host, "%s", host);
		return *host != '\0';
	}
	if (strcmp(target->scheme, "tcp://") != 0 && strcmp(target->scheme, "tls+tcp://") != 0)
		return false;
	port = strrchr(host, ':');
	if (port == NULL || !target_port_ok(port + 1))
		return false;
	snprintf(target->port, sizeof target->port, "%s", port + 1);
	*port = '\0';
	if (*host == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		host++;
	}
	if (*host == '\0' || strlen(host) >= sizeof target->host ||
	    strspn(host, TARGET_HOST_CHARS) != strlen(host))
		return false;
	snprintf(target->host, sizeof target->host, "%s", host);
	target->fixed = target_is_numeric(host);
	return true;
}

static bool
discovery_parse(struct discovery *discovery, const char *urls)
{
	while (*urls != '\0') {
		size_t length = strcspn(urls, ",");
		size_t end = length;

		while (length > 0 && *urls == ' ') {
			urls++;
			length--;
			end--;
		}
		while (end > 0 && urls[end - 1] == ' ')
			end--;
		if (discovery->target_count == DISCOVERY_MAX ||
		    !target_parse(&discovery->targets[discovery->target_count], urls, end))
			return false;
		discovery->target_count++;
		urls += length;
		if (*urls == ',')
			urls++;
	}
	return discovery->target_count > 0;
}

/* --- the set of addresses ------------------------------------------------------------------------
 */

struct url_set {
	char urls[DISCOVERY_MAX][URL_SIZE];
	size_t count;
};

static int
url_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
url_set_add(struct url_set *set, const struct target *target, const char *host)
{
	bool v6 = strchr(host, ':') != NULL;
	char url[URL_SIZE];

	if (set->count == DISCOVERY_MAX)
		return;
	if (target->port[0] == '\0')
		snprintf(url, sizeof url, "%s%s", target->scheme, host);
	else
		snprintf(url, sizeof url, "%s%s%s%s:%s", target->scheme, v6 ? "[" : "", host,
		         v6 ? "]" : "", target->port);
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->urls[i], url) == 0)
			return;
	memcpy(set->urls[set->count++], url, sizeof url);
}

static void
discovery_report(struct discovery *discovery, struct url_set *set)
{
	const char *urls[DISCOVERY_MAX];
	size_t same = 0;

	qsort(set->urls, set->count, sizeof set->urls[0], url_compare);
	while (same < set->count && same < discovery->known_count &&
	       strcmp(set->urls[same], discovery->known[same]) == 0)
		same++;
	if (same == set->count && same == discovery->known_count)
		return;
	for (size_t i = 0; i < set->count; i++) {
		snprintf(discovery->known[i], URL_SIZE, "%s", set->urls[i]);
		urls[i] = discovery->known[i];
	}
	discovery->known_count = set->count;
	discovery->changed(discovery->arg, urls, set->count);
}

/* --- resolving
 * ------------------------------------------------------------------------------------ */

struct resolve_call {
	const struct target *target;
	struct url_set *set;
	int error;
};

static void
discovery_resolve_fn(void *arg, const _Atomic bool *stop)
{
	struct resolve_call *call = arg;
	/* ADDRCONFIG: no IPv6 addresses on a machine without IPv6. */
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *list = NULL;

	(void)stop;
	call->error = getaddrinfo(call->target->host, NULL, &hints, &list);
	if (call->error != 0)
		return;
	for (struct addrinfo *at = list; at != NULL; at = at->ai_next) {
		char host[INET6_ADDRSTRLEN];

		if (getnameinfo(at->ai_addr, at->ai_addrlen, host, sizeof host, NULL, 0,
		                NI_NUMERICHOST) == 0)
			url_set_add(call->set, call->target, host);
	}
	freeaddrinfo(list);
}

/* True when every name could be resolved; else the set is not complete and not to be believed. */
static bool
discovery_resolve(struct discovery *discovery, struct url_set *set)
{
	bool complete = true;

	*set = (struct url_set){0};
	for (size_t i = 0; i < discovery->target_count; i++) {
		const struct target *target = &discovery->targets[i];
		struct resolve_call call = {.target = target, .set = set};

		if (target->fixed) {
			url_set_add(set, target, target->host);
			continue;
		}
		if (offload(discovery_pool, discovery_resolve_fn, &call) != STATUS_OK)
			return false;
		if (call.error != 0) {
			LOG_WARN("name not resolved", LOG_TEXT("host", target->host),
			         LOG_TEXT("error", gai_strerror(call.error)));
			complete = false;
		}
	}
	return complete && set->count > 0;
}

static void
discovery_task(void *arg)
{
	OBJ_CAST(struct discovery, discovery, arg, DISCOVERY_MAGIC);
	struct url_set *set = malloc(sizeof *set);

	discovery->task = task_self();
	do {
		if (set != NULL && discovery_resolve(discovery, set) && !discovery->closed)
			discovery_report(discovery, set);
	} while (!discovery->closed && task_sleep(DISCOVERY_PERIOD_MS) == STATUS_OK);
	discovery->task = NULL;
	free(set);
	OBJ_FINI(discovery);
	free(discovery);
}

struct discovery *
discovery_open(const char *urls, discovery_fn *changed, void *arg, char *error, size_t error_size)
{
	struct discovery *discovery = calloc(1, sizeof *discovery);
	struct task_options options = {.name = "discovery"};

	pthread_once(&discovery_pool_once, discovery_make_pool);
	if (discovery == NULL || discovery_pool == NULL) {
		snprintf(error, error_size, "out of memory");
		free(discovery);
		return NULL;
	}
	OBJ_INIT(discovery, DISCOVERY_MAGIC);
	discovery->changed = changed;
	discovery->arg = arg;
	if (!discovery_parse(discovery, urls)) {
		snprintf(error, error_size,
		         "'%s' is not a list of tcp://HOST:PORT or tls+tcp://HOST:PORT", urls);
		free(discovery);
		return NULL;
	}
	if (task_spawn(&options, discovery_task, discovery) != STATUS_OK) {
		snprintf(error, error_size, "out of memory");
		free(discovery);
		return NULL;
	}
	return discovery;
}

void
discovery_close(struct discovery **discoveryp)
{
	struct discovery *discovery = *discoveryp;

	if (discovery == NULL)
		return;
	OBJ_CHECK(discovery, DISCOVERY_MAGIC);
	*discoveryp = NULL;
	discovery->closed = true;
	if (discovery->task != NULL)
		task_cancel(discovery->task);
}
