/* SPDX-License-Identifier: MIT
 * Re-resolves names in a task, with getaddrinfo on a thread that nobody waits for once the task is
 * cancelled: DNS may take its time, but never that of a process which wants to end. */
#include "common/actor/discovery.h"

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISCOVERY_MAGIC 0xd15c0001u
#define URL_SIZE        320
#define LOOKUP_STACK    (256 << 10)

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

/* One name being looked up: the task's, the thread's and the post's; who lets go last frees it. */
struct lookup {
	_Atomic int references;
	pthread_mutex_t lock;
	struct worker *worker; /* to be told; NULL: nobody waits any more */
	struct post post;
	struct wait done;
	bool waiting; /* the task's worker's */
	struct target target;
	struct addrinfo *found;
	int error;
};

static void
lookup_release(struct lookup *lookup)
{
	if (atomic_fetch_sub(&lookup->references, 1) != 1)
		return;
	if (lookup->found != NULL)
		freeaddrinfo(lookup->found);
	pthread_mutex_destroy(&lookup->lock);
	free(lookup);
}

static void
lookup_done_fn(struct post *post)
{
	struct lookup *lookup = OBJ_CONTAINER(post, struct lookup, post);

	if (lookup->waiting)
		wait_done(&lookup->done);
	lookup_release(lookup);
}

static void *
lookup_main(void *arg)
{
	struct lookup *lookup = arg;
	/* ADDRCONFIG: no IPv6 addresses on a machine without IPv6. */
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};

	lookup->error = getaddrinfo(lookup->target.host, NULL, &hints, &lookup->found);
	pthread_mutex_lock(&lookup->lock);
	if (lookup->worker != NULL) {
		atomic_fetch_add(&lookup->references, 1);
		worker_post(lookup->worker, &lookup->post);
	}
	pthread_mutex_unlock(&lookup->lock);
	lookup_release(lookup);
	return NULL;
}

static bool
lookup_start(struct lookup *lookup)
{
	pthread_attr_t attributes;
	pthread_t thread;
	bool started;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, LOOKUP_STACK);
	started = pthread_create(&thread, &attributes, lookup_main, lookup) == 0;
	pthread_attr_destroy(&attributes);
	return started;
}

/* Looks the name up, and yields for it. NULL when the task is cancelled, or without memory. */
static struct lookup *
lookup_run(const struct target *target)
{
	struct lookup *lookup = calloc(1, sizeof *lookup);
	enum status status = STATUS_OVERLOADED;

	if (lookup == NULL)
		return NULL;
	lookup->references = 2;
	pthread_mutex_init(&lookup->lock, NULL);
	lookup->worker = worker_current();
	lookup->post.fn = lookup_done_fn;
	lookup->target = *target;
	lookup->waiting = true;
	wait_init(&lookup->done);
	if (lookup_start(lookup))
		status = wait_for(&lookup->done);
	else
		lookup_release(lookup);
	if (status == STATUS_OK)
		return lookup;
	lookup->waiting = false;
	pthread_mutex_lock(&lookup->lock);
	lookup->worker = NULL;
	pthread_mutex_unlock(&lookup->lock);
	lookup_release(lookup);
	return NULL;
}

static void
lookup_collect(const struct lookup *lookup, struct url_set *set)
{
	for (struct addrinfo *at = lookup->found; at != NULL; at = at->ai_next) {
		char host[INET6_ADDRSTRLEN];

		if (getnameinfo(at->ai_addr, at->ai_addrlen, host, sizeof host, NULL, 0,
		                NI_NUMERICHOST) == 0)
			url_set_add(set, &lookup->target, host);
	}
}

/* True when every name could be resolved; else the set is not complete and not to be believed. */
static bool
discovery_resolve(struct discovery *discovery, struct url_set *set)
{
	bool complete = true;

	*set = (struct url_set){0};
	for (size_t i = 0; i < discovery->target_count; i++) {
		const struct target *target = &discovery->targets[i];
		struct lookup *lookup;

		if (target->fixed) {
			url_set_add(set, target, target->host);
			continue;
		}
		lookup = lookup_run(target);
		if (lookup == NULL)
			return false;
		if (lookup->error != 0) {
			LOG_WARN("name not resolved", LOG_TEXT("host", target->host),
			         LOG_TEXT("error", gai_strerror(lookup->error)));
			complete = false;
		}
		lookup_collect(lookup, set);
		lookup_release(lookup);
	}
	return complete && set->count > 0;
}

static void
discovery_task(void *arg)
{
	OBJ_CAST(struct discovery, discovery, arg, DISCOVERY_MAGIC);
	struct url_set *set = malloc(sizeof *set);
	unsigned eager = DISCOVERY_EAGER; /* lookups that may yet follow soon */

	discovery->task = task_self();
	do {
		if (set != NULL && discovery_resolve(discovery, set) && !discovery->closed) {
			discovery_report(discovery, set);
			eager = 0;
		} else if (eager > 0) {
			eager--;
		}
	} while (!discovery->closed &&
	         task_sleep(eager > 0 ? DISCOVERY_EAGER_MS : DISCOVERY_PERIOD_MS) == STATUS_OK);
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

	if (discovery == NULL) {
		snprintf(error, error_size, "out of memory");
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
