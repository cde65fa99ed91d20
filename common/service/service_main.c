/* SPDX-License-Identifier: MIT
 * A service's command line and settings. */
#include "common/service/service_private.h"

#include "common/base/obj.h"
#include "common/io/db_migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIGRATE_WAIT_S   60
#define SETTING_LIMIT    64
#define ADMIN_PORT_ABOVE 100

/* --- settings ------------------------------------------------------------------------------------
 */

static const char *
service_text(const char *before, unsigned number)
{
	char *text;

	return asprintf(&text, "%s%u", before, number) >= 0 ? text : "";
}

static void
settings_add(struct config_setting *table, size_t *count, struct config_setting setting)
{
	assert(*count < SETTING_LIMIT);
	table[(*count)++] = setting;
}

/* Default ports of the actors of the house; a fifth one is told where it is by its own _URL. */
static const char *
actor_default_url(const char *actor)
{
	static const struct {
		const char *actor, *url;
	} known[] = {
	    {"auth", "tcp://127.0.0.1:7001"},
	    {"planner", "tcp://127.0.0.1:7002"},
	    {"history", "tcp://127.0.0.1:7003"},
	    {"voice", "tcp://127.0.0.1:7004"},
	};

	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(known[i].actor, actor) == 0)
			return known[i].url;
	return "";
}

static void
settings_of_calls(struct service *service, struct config_setting *table, size_t *count)
{
	const char *const *calls = service->spec->calls;

	for (size_t i = 0; calls != NULL && calls[i] != NULL; i++) {
		char *prefix = process_prefix(calls[i]);
		char *name;

		assert(i < SERVICE_MAX_CALLS);
		if (asprintf(&name, "%s_URL", prefix) < 0)
			abort();
		free(prefix);
		settings_add(table, count,
		             (struct config_setting){.name = name,
		                                     .type = CONFIG_TEXT,
		                                     .target = &service->actor_urls[i],
		                                     .fallback = actor_default_url(calls[i]),
		                                     .global = true,
		                                     .help = "Where to call that actor; several, "
		                                             "comma-separated, are replicas"});
	}
}

static size_t
service_table(struct service *service, struct config_setting *table)
{
	const struct service_spec *spec = service->spec;
	struct service_settings *settings = &service->settings;
	size_t count = 0;

#define ADD(...) settings_add(table, &count, (struct config_setting){__VA_ARGS__})
	ADD(.name = "LISTEN", .type = CONFIG_TEXT, .target = &settings->listen,
	    .fallback = service_text("tcp://127.0.0.1:", spec->default_port),
	    .help = "Where this service listens for other actors");
	ADD(.name = "WORKERS", .type = CONFIG_INT, .target = &settings->workers, .fallback = "1",
	    .min = 1, .max = 64, .help = "Threads with an event loop each");
	ADD(.name = "WORKER_CONNECTIONS", .type = CONFIG_INT,
	    .target = &settings->worker_connections, .fallback = "1000", .min = 1, .max = 30000,
	    .help = "Requests that one worker works on at a time");
	ADD(.name = "QUEUE_LIMIT", .type = CONFIG_INT, .target = &settings->queue_limit,
	    .fallback = "1000", .min = 0, .max = 30000,
	    .help = "Requests that wait when all workers are busy; more are refused");
	if (spec->migrations != NULL) {
		ADD(.name = "DATABASE_URL", .type = CONFIG_SECRET,
		    .target = &settings->database_url,
		    .help = "mysql://user:password@host:port/database[?socket=/path]");
		ADD(.name = "DATABASE_CONNECTIONS", .type = CONFIG_INT,
		    .target = &settings->database_connections, .fallback = "4", .min = 1,
		    .max = 100, .help = "Connections of one replica");
	}
	if (spec->uses_cache)
		ADD(.name = "REDIS_URL", .type = CONFIG_SECRET, .target = &settings->redis_url,
		    .global = true,
		    .help = "redis://:password@host:port/0 or unix:///path; "
		            "not set: no cache");
	if (spec->cpu_queue_limit > 0)
		ADD(.name = "CPU_THREADS", .type = CONFIG_INT, .target = &settings->cpu_threads,
		    .fallback = "0", .min = 0, .max = 64,
		    .help = "Threads for work that needs the CPU (passwords, speech); "
		            "0: half as many as there are cores");
#undef ADD
	settings_of_calls(service, table, &count);
	for (size_t i = 0; i < spec->setting_count; i++)
		settings_add(table, &count, spec->settings[i]);
	return count;
}

/* --- commands
 * -------------------------------------------------------------------------------------- */

static int
service_migrate(struct service *service)
{
	char error[512];

	if (service->spec->migrations == NULL)
		return 0;
	if (db_migrate(service->settings.database_url, service->spec->migrations,
	               service->spec->migration_count, MIGRATE_WAIT_S, error, sizeof error) != 0) {
		fprintf(stderr, "%s: %s\n", service->spec->name, error);
		return 1;
	}
	return 0;
}

/* The setting is named as .env.example does. */
static bool
service_has_database(const struct service *service)
{
	char *prefix;

	if (service->spec->migrations == NULL || service->settings.database_url != NULL)
		return true;
	prefix = process_prefix(service->spec->name);
	fprintf(stderr, "%s: %s_DATABASE_URL is not set\n", service->spec->name, prefix);
	free(prefix);
	return false;
}

static int
service_usage(const struct service_spec *spec, FILE *out)
{
	fprintf(out,
	        "usage: %s [COMMAND]\n"
	        "  serve         run the service (the default)\n"
	        "  migrate       bring the database to this binary's schema\n"
	        "  check         say whether the settings can be used, and start nothing\n"
	        "  healthcheck   exit with 0 if the running service is ready\n"
	        "  settings      print every setting with its default\n",
	        spec->name);
	for (size_t i = 0; i < spec->command_count; i++)
		fprintf(out, "  %s\n", spec->commands[i].usage);
	return out == stdout ? 0 : 2;
}

int
service_main(int argc, char **argv, const struct service_spec *spec)
{
	static struct service service;
	static struct config_setting table[SETTING_LIMIT];
	const struct service_command *command;
	const char *word = argc > 1 ? argv[1] : "serve";
	static const char *admin;
	size_t count;

	admin = service_text("127.0.0.1:", spec->default_port + ADMIN_PORT_ABOVE);
	service.spec = spec;
	count = service_table(&service, table);
	if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0)
		return service_usage(spec, stdout);
	if (strcmp(word, "settings") == 0) {
		process_print_settings(spec->name, admin, table, count);
		return 0;
	}
	command = service_command_find(spec, argc - 1, argv + 1);
	if (command != NULL && !service_command_fits(spec, command, argc - 1))
		return 2;
	if (process_load(spec->name, &service.common, admin, table, count) != 0)
		return 1;
	if (strcmp(word, "healthcheck") == 0 && argc == 2)
		return process_healthcheck(service.common.admin);
	if (!service_has_database(&service))
		return 1;
	if (strcmp(word, "serve") == 0 && argc <= 2)
		return service_serve(&service);
	if (strcmp(word, "migrate") == 0 && argc == 2)
		return service_migrate(&service);
	if (strcmp(word, "check") == 0 && argc == 2)
		return service_check(&service);
	if (command != NULL)
		return service_command_run(&service, command, argc - 1, argv + 1);
	return service_usage(spec, stderr);
}
