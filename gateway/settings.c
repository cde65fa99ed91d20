/* SPDX-License-Identifier: MIT
 * The gateway's settings and what follows from them. */
#include "gateway/settings.h"

#include "common/base/obj.h"
#include "common/io/http.h"
#include "common/service/process.h"
#include "gateway/address.h"
#include "gateway/gateway.h"
#include "gateway/routes.h"
#include "gateway/static.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SETTINGS_ADMIN "127.0.0.1:8180"

static const struct {
	struct config_setting setting;
	size_t target; /* offset in struct gateway */
} settings_table[] = {
    {{.name = "LISTEN",
      .type = CONFIG_TEXT,
      .fallback = "127.0.0.1:8080",
      .help = "Where the API and the web app are served: ADDRESS:PORT or unix:/path"},
     offsetof(struct gateway, listen)},
    {{.name = "HANDOVER",
      .type = CONFIG_TEXT,
      .help = "Socket file by which a gateway that starts takes GATEWAY_LISTEN over from the one "
              "that runs; not set: it must be free"},
     offsetof(struct gateway, handover)},
    {{.name = "THREADS",
      .type = CONFIG_INT,
      .fallback = "2",
      .min = 1,
      .max = 16,
      .help = "Loops that serve; each is one thread"},
     offsetof(struct gateway, threads)},
    {{.name = "MAX_CONNECTIONS",
      .type = CONFIG_INT,
      .fallback = "10000",
      .min = 1,
      .max = 1000000,
      .help = "Client connections at one time; a learner may hold a quarter of them as streams"},
     offsetof(struct gateway, max_connections)},
    {{.name = "KEEPALIVE",
      .type = CONFIG_INT,
      .fallback = "75",
      .min = 1,
      .max = 3600,
      .help = "Seconds until an idle connection is closed"},
     offsetof(struct gateway, keepalive_s)},
    {{.name = "PUBLIC_URL",
      .type = CONFIG_TEXT,
      .global = true,
      .help = "How browsers reach the service, as https://study.example"},
     offsetof(struct gateway, public_url)},
    {{.name = "TRUSTED_PROXIES",
      .type = CONFIG_TEXT,
      .global = true,
      .help = "Networks whose X-Forwarded-For is believed, separated by commas; unix for a "
              "socket file"},
     offsetof(struct gateway, trusted_proxies)},
    {{.name = "ADDRESS_CONNECTIONS",
      .type = CONFIG_INT,
      .fallback = "0",
      .min = 0,
      .max = 1000000,
      .global = true,
      .help = "Connections of one client address at one time; 0: no bound"},
     offsetof(struct gateway, address_connections)},
    {{.name = "CORS_ORIGINS",
      .type = CONFIG_TEXT,
      .global = true,
      .help = "Origins that may call the API with a bearer token, separated by commas"},
     offsetof(struct gateway, cors_origins)},
    {{.name = "WEB_ROOT",
      .type = CONFIG_TEXT,
      .global = true,
      .help = "Directory of the web app's files; found beside the program by default"},
     offsetof(struct gateway, web_root)},
    {{.name = "WEB_ROOT_PREVIOUS",
      .type = CONFIG_TEXT,
      .global = true,
      .help =
          "The same of the build before, of which assets/ is served too; found beside WEB_ROOT, "
          "with -previous at its end, by default"},
     offsetof(struct gateway, web_root_previous)},
};

#define SETTINGS_COUNT COUNT_OF(settings_table)

static void
settings_own(struct gateway *gateway, struct config_setting table[SETTINGS_COUNT])
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		table[i] = settings_table[i].setting;
		table[i].target = (char *)gateway + settings_table[i].target;
	}
}

void
settings_url_name(const char *actor, char out[SETTINGS_NAME])
{
	int length = snprintf(out, SETTINGS_NAME, "%s_URL", actor);
	assert(length > 0 && length < SETTINGS_NAME);
	for (char *c = out; *c != '\0'; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* AUTH_URL and its sisters, in the order of the actors. */
static size_t
settings_urls(struct gateway *gateway, struct config_setting table[GATEWAY_MAX_ACTORS])
{
	static char names[GATEWAY_MAX_ACTORS][SETTINGS_NAME];
	assert(route_actor_count <= GATEWAY_MAX_ACTORS);
	for (unsigned i = 0; i < route_actor_count; i++) {
		settings_url_name(route_actors[i].name, names[i]);
		table[i] = (struct config_setting){.name = names[i],
		                                   .type = CONFIG_TEXT,
		                                   .target = &gateway->actor_urls[i],
		                                   .fallback = route_actors[i].url,
		                                   .global = true,
		                                   .help = "Where the service is; several, "
		                                           "separated by commas, are replicas"};
	}
	return route_actor_count;
}

/* An origin: scheme and host, no path. Its length, 0 if it is none. */
static size_t
settings_origin(const char *text, size_t length)
{
	size_t scheme = strncasecmp(text, "https://", 8) == 0  ? 8
	                : strncasecmp(text, "http://", 7) == 0 ? 7
	                                                       : 0;
	if (scheme == 0 || length <= scheme)
		return 0;
	size_t host = strcspn(text + scheme, "/?#@, \t");
	if (host > length - scheme)
		host = length - scheme;
	return http_host_valid(text + scheme, host) ? scheme + host : 0;
}

static int
settings_check_public_url(struct gateway *gateway)
{
	const char *url = gateway->public_url;
	gateway->cookie_name = "studyhall_session";
	if (url == NULL)
		return 0;
	size_t length = settings_origin(url, strlen(url));
	if (length == 0 || length >= sizeof gateway->public_origin ||
	    (url[length] != '\0' && strcmp(url + length, "/") != 0)) {
		fprintf(stderr, "gateway: PUBLIC_URL: '%s' is not like https://study.example\n",
		        url);
		return -1;
	}
	for (size_t i = 0; i < length; i++)
		gateway->public_origin[i] = (char)tolower((unsigned char)url[i]);
	gateway->is_https = strncmp(gateway->public_origin, "https", 5) == 0;
	if (gateway->is_https)
		gateway->cookie_name = "__Host-studyhall_session";
	return 0;
}

static int
settings_check_cors(const struct gateway *gateway)
{
	for (const char *at = gateway->cors_origins; at != NULL;) {
		at += strspn(at, ", ");
		size_t length = strcspn(at, ", ");
		if (length == 0)
			return 0;
		if (settings_origin(at, length) != length) {
			fprintf(stderr,
			        "gateway: CORS_ORIGINS: '%.*s' is not like "
			        "https://study.example\n",
			        (int)length, at);
			return -1;
		}
		at += length;
	}
	return 0;
}

static int
settings_read_files(struct gateway *gateway)
{
	char root[PATH_MAX], beside[PATH_MAX];
	char error[PATH_MAX + 128] = "not found beside the program";
	const char *directory = gateway->web_root, *previous = gateway->web_root_previous;
	if (directory == NULL && static_default_root(root, sizeof root))
		directory = root;
	if (directory != NULL && previous == NULL &&
	    static_default_previous(directory, beside, sizeof beside))
		previous = beside;
	if (directory != NULL)
		gateway->files = static_load(directory, previous, error, sizeof error);
	if (gateway->files == NULL)
		fprintf(stderr, "gateway: WEB_ROOT: %s\n", error);
	return gateway->files == NULL ? -1 : 0;
}

int
settings_load(struct gateway *gateway, struct process_settings *common)
{
	struct config_setting table[SETTINGS_COUNT + GATEWAY_MAX_ACTORS];
	char error[256];
	settings_own(gateway, table);
	size_t count = SETTINGS_COUNT + settings_urls(gateway, table + SETTINGS_COUNT);
	if (process_load("gateway", common, SETTINGS_ADMIN, table, count) != 0)
		return -1;
	gateway->proxies = address_list_parse(gateway->trusted_proxies, error, sizeof error);
	if (gateway->proxies == NULL) {
		fprintf(stderr, "gateway: TRUSTED_PROXIES: %s\n", error);
		return -1;
	}
	if (settings_check_public_url(gateway) != 0 || settings_check_cors(gateway) != 0)
		return -1;
	return settings_read_files(gateway);
}

void
settings_print(void)
{
	static struct gateway gateway;
	struct config_setting table[SETTINGS_COUNT + GATEWAY_MAX_ACTORS];
	settings_own(&gateway, table);
	size_t count = SETTINGS_COUNT + settings_urls(&gateway, table + SETTINGS_COUNT);
	process_print_settings("gateway", SETTINGS_ADMIN, table, count);
}

void
settings_free(struct gateway *gateway)
{
	address_list_free(&gateway->proxies);
	static_free(&gateway->files);
}
