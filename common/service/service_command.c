/* SPDX-License-Identifier: MIT
 * Sub-commands: a service's own, which run in a task with the stores open, and the check of its
 * settings, which runs in the same way. */
#include "common/service/service_private.h"

#include "common/actor/socket.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command_run {
	struct post post;
	struct service *service;
	const struct service_command *command;
	int argc;
	char **argv;
	int result;
};

static void
command_task(void *arg)
{
	struct command_run *run = arg;

	service_attach_cache(run->service);
	run->result = 1;
	if (service_open_rpcs(run->service) == STATUS_OK)
		run->result = run->command->run(run->service, run->argc, run->argv);
	service_close_rpcs(run->service);
	service_detach_cache(run->service);
	(void)task_yield();
	worker_stop(worker_current());
}

static void
command_post_fn(struct post *post)
{
	struct command_run *run = OBJ_CONTAINER(post, struct command_run, post);
	struct task_options options = {.name = run->command->words};

	if (task_spawn(&options, command_task, run) != STATUS_OK)
		abort();
}

static int
command_run(struct service *service, const struct service_command *command, int argc, char **argv)
{
	struct command_run run = {.post.fn = command_post_fn,
	                          .service = service,
	                          .command = command,
	                          .argc = argc,
	                          .argv = argv,
	                          .result = 1};
	struct worker *worker = NULL;

	process_quiet(service->spec->name);
	signal(SIGPIPE, SIG_IGN);
	if (service_open_stores(service) == 0 && (worker = worker_new("command")) != NULL) {
		worker_post(worker, &run.post);
		worker_run(worker);
		worker_free(&worker);
	}
	service_close_stores(service);
	return run.result;
}

/* How many of argv's words are those of the command; 0: another command. */
static int
command_matches(const char *words, int argc, char **argv)
{
	int count = 0;

	while (*words != '\0') {
		size_t length = strcspn(words, " ");

		if (count >= argc || strlen(argv[count]) != length ||
		    strncmp(words, argv[count], length) != 0)
			return 0;
		count++;
		words += length;
		words += *words == ' ';
	}
	return count;
}

const struct service_command *
service_command_find(const struct service_spec *spec, int argc, char **argv)
{
	for (size_t i = 0; i < spec->command_count; i++)
		if (command_matches(spec->commands[i].words, argc, argv) > 0)
			return &spec->commands[i];
	return NULL;
}

/* Length of the first part of a usage: what is typed, before two blanks and what it does. */
static int
command_typed(const struct service_command *command)
{
	const char *end = strstr(command->usage, "  ");

	return end != NULL ? (int)(end - command->usage) : (int)strlen(command->usage);
}

bool
service_command_fits(const struct service_spec *spec, const struct service_command *command,
                     int argc)
{
	int length = command_typed(command), most = 1, least;

	for (int i = 0; i < length; i++)
		most += command->usage[i] == ' ';
	least = most;
	for (int i = 0; i < length; i++)
		least -= command->usage[i] == '[';
	if (argc >= least && argc <= most)
		return true;
	fprintf(stderr, "usage: %s %.*s\n", spec->name, length, command->usage);
	return false;
}

int
service_command_run(struct service *service, const struct service_command *command, int argc,
                    char **argv)
{
	int words = command_matches(command->words, argc, argv);

	return command_run(service, command, argc - words, argv + words);
}

static int
command_check(struct service *service, int argc, char **argv)
{
	char error[512];

	(void)argc;
	(void)argv;
	if (listen_check(service->settings.listen, error, sizeof error) != 0) {
		service_bad_setting(service->spec->name, "LISTEN", error);
		return 1;
	}
	return service->spec->check == NULL || service->spec->check(service) == STATUS_OK ? 0 : 1;
}

int
service_check(struct service *service)
{
	static const struct service_command check = {"check", "check", command_check};

	return command_run(service, &check, 0, NULL);
}
