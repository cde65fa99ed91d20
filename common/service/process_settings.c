/* SPDX-License-Identifier: MIT
 * The settings that every process has, and the question whether one is healthy. */
#include "common/service/process.h"

#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"

#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define HEALTHCHECK_TIMEOUT_S 3

char *
process_prefix(const char *name)
{
	char *prefix = strdup(name);

	if (prefix == NULL)
		abort(); /* nothing has begun yet */
	for (char *at = prefix; *at != '\0'; at++)
		*at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
	return prefix;
}

#define COMMON_SETTINGS 7

static void
process_common_table(struct process_settings *common, const char *default_admin,
                     struct config_setting table[COMMON_SETTINGS])
{
	const struct config_setting settings[COMMON_SETTINGS] = {
	    {.name = "LOG_LEVEL",
	     .type = CONFIG_CHOICE,
	     .target = &common->log_level,
	     .fallback = "info",
	     .choices = "debug,info,warn,error",
	     .help = "Least level that is logged"},
	    {.name = "ADMIN",
	     .type = CONFIG_TEXT,
	     .target = &common->admin,
	     .fallback = default_admin,
	     .help = "Address of the admin port (/healthz, /readyz, /metrics), or off"},
	    {.name = "DRAIN_DELAY",
	     .type = CONFIG_INT,
	     .target = &common->drain_delay_s,
	     .fallback = "5",
	     .min = 0,
	     .max = 300,
	     .help = "Seconds to go on serving after SIGTERM, while load balancers notice"},
	    {.name = "DRAIN_GRACE",
	     .type = CONFIG_INT,
	     .target = &common->drain_grace_s,
	     .fallback = "30",
	     .min = 0,
	     .max = 3600,
	     .help = "Seconds that requests in progress may then take"},
	    {.name = "ACTOR_TLS_CA",
	     .type = CONFIG_TEXT,
	     .target = &common->tls.ca,
	     .global = true,
	     .help = "TLS between actors: file of the CA that both sides must be signed by"},
	    {.name = "ACTOR_TLS_CERT",
	     .type = CONFIG_TEXT,
	     .target = &common->tls.cert,
	     .global = true,
	     .help = "TLS between actors: file of this process's certificate"},
	    {.name = "ACTOR_TLS_KEY",
	     .type = CONFIG_TEXT,
	     .target = &common->tls.key,
	     .global = true,
	     .help = "TLS between actors: file of its key"},
	};

	memcpy(table, settings, sizeof settings);
}

int
process_load(const char *name, struct process_settings *common, const char *default_admin,
             const struct config_setting *own, size_t own_count)
{
	char *prefix = process_prefix(name);
	struct config_setting table[COMMON_SETTINGS];
	enum log_level level = LOG_LEVEL_INFO;
	char error[512];

	process_common_table(common, default_admin, table);
	if (config_load(prefix, table, COMMON_SETTINGS, error, sizeof error) != 0 ||
	    config_load(prefix, own, own_count, error, sizeof error) != 0)
		goto fail;
	if ((common->tls.ca == NULL) != (common->tls.cert == NULL) ||
	    (common->tls.ca == NULL) != (common->tls.key == NULL)) {
		snprintf(error, sizeof error,
		         "ACTOR_TLS_CA, ACTOR_TLS_CERT and ACTOR_TLS_KEY go together");
		goto fail;
	}
	(void)log_level_parse(common->log_level, &level);
	log_init(name, level);
	if (ids_init() != 0) {
		snprintf(error, sizeof error, "no source of random numbers");
		goto fail;
	}
	free(prefix);
	return 0;
fail:
	free(prefix);
	fprintf(stderr, "%s: %s\n", name, error);
	return -1;
}

void
process_quiet(const char *name)
{
	char *prefix = process_prefix(name), *own;

	if (asprintf(&own, "%s_LOG_LEVEL", prefix) < 0)
		abort(); /* nothing has begun yet */
	if (config_get(own) == NULL && config_get("LOG_LEVEL") == NULL)
		log_init(name, LOG_LEVEL_WARN);
	free(own);
	free(prefix);
}

void
process_print_settings(const char *name, const char *default_admin,
                       const struct config_setting *own, size_t own_count)
{
	char *prefix = process_prefix(name);
	struct process_settings common;
	struct config_setting table[COMMON_SETTINGS];

	process_common_table(&common, default_admin, table);
	config_print(prefix, table, COMMON_SETTINGS);
	config_print(prefix, own, own_count);
	free(prefix);
}

/* What lives as long as the process; the list is for the leak checker. */
struct kept_urls {
	struct kept_urls *next;
	char text[];
};
static struct kept_urls *kept_urls;

const char *
process_actor_urls(const struct process_settings *common, const char *urls)
{
	size_t commas = 1;
	struct kept_urls *kept;
	char *at;

	if (common->tls.ca == NULL)
		return urls;
	for (const char *c = urls; *c != '\0'; c++)
		commas += *c == ',';
	kept = malloc(sizeof *kept + strlen(urls) + commas * strlen("tls+") + 1);
	if (kept == NULL)
		return NULL;
	kept->next = kept_urls;
	kept_urls = kept;
	at = kept->text;
	for (const char *from = urls; *from != '\0';) {
		size_t length = strcspn(from, ",");

		if (strncmp(from, "tcp://", 6) == 0)
			at = stpcpy(at, "tls+");
		memcpy(at, from, length);
		at += length;
		from += length;
		if (*from == ',')
			*at++ = *from++;
	}
	*at = '\0';
	return kept->text;
}

/* --- healthcheck -------------------------------------------------------------------------------
 */

static int
healthcheck_connect_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof address.sun_path)
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int
healthcheck_connect(const char *admin)
{
	char host[256];
	const char *colon = strrchr(admin, ':');
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	int fd = -1;

	if (strncmp(admin, "unix:", 5) == 0)
		return healthcheck_connect_unix(admin + 5);
	if (colon == NULL || (size_t)(colon - admin) >= sizeof host)
		return -1;
	snprintf(host, sizeof host, "%.*s", (int)(colon - admin), admin);
	if (strcmp(host, "0.0.0.0") == 0)
		snprintf(host, sizeof host, "127.0.0.1");
	if (getaddrinfo(host[0] == '[' ? "::1" : host, colon + 1, &hints, &list) != 0)
		return -1;
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) != 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

int
process_healthcheck(const char *admin)
{
	static const char request[] =
	    "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	struct timeval limit = {.tv_sec = HEALTHCHECK_TIMEOUT_S};
	char answer[64] = "";
	int fd = healthcheck_connect(admin);
	int result = 1;

	if (fd < 0) {
		fprintf(stderr, "%s: not reachable\n", admin);
		return 1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1 &&
	    recv(fd, answer, sizeof answer - 1, MSG_WAITALL) > 12 &&
	    strncmp(answer + 8, " 200", 4) == 0)
		result = 0;
	else
		fprintf(stderr, "%s: not ready\n", admin);
	close(fd);
	return result;
}
