/* SPDX-License-Identifier: MIT
 * openload: requests that come when they are due, whatever became of those before, and a JSON
 * document of what came of them. See scenario.h for what it is told.
 *
 * usage: openload SCENARIO.json      prints the report when all is answered, or on SIGTERM */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common/base/clock.h"
#include "tests/bench/openload/flow.h"

#define LOOK_US 20000u

struct openload {
	struct run run;
	struct scenario *scenario;
	struct flow **flows;
	uv_signal_t terminate;
	uint64_t give_up_us;
};

static void
openload_print(const struct openload *load)
{
	json_t *flows = json_object(), *report;
	double seconds = (double)(load->run.end_us - load->run.warm_us) / 1e6;

	for (size_t i = 0; i < load->scenario->flow_count; i++)
		json_object_set_new(flows, load->scenario->flows[i].name,
		                    flow_report(load->flows[i]));
	report = json_pack("{s:f,s:f,s:o}", "seconds", seconds, "late_s",
	                   (double)load->run.agenda.late_us / 1e6, "flows", flows);
	json_dumpf(report, stdout, JSON_INDENT(1));
	printf("\n");
	json_decref(report);
}

/* What still runs on the loop is left as it is: the process ends. */
static void
openload_end(struct openload *load)
{
	load->run.over = true;
	openload_print(load);
	fflush(stdout);
	exit(0);
}

static void
openload_look(void *arg, uint64_t due_us)
{
	struct openload *load = arg;
	size_t open = 0;

	load->run.over = clock_us() >= load->run.end_us;
	for (size_t i = 0; i < load->scenario->flow_count; i++)
		open += flow_open(load->flows[i]);
	if (load->run.over && (open == 0 || clock_us() > load->give_up_us))
		openload_end(load);
	agenda_add(&load->run.agenda, due_us + LOOK_US, openload_look, load);
}

static void
openload_signal_cb(uv_signal_t *handle, int number)
{
	struct openload *load = handle->data;

	(void)number;
	if (load->run.end_us > clock_us())
		load->run.end_us = clock_us();
	openload_end(load);
}

static void
openload_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int
openload_start(struct openload *load, uv_loop_t *loop)
{
	struct run *run = &load->run;

	if (agenda_open(&run->agenda, loop) != 0)
		return -1;
	run->loop = loop;
	run->port = load->scenario->port;
	random_init(&run->random, load->scenario->seed, 1);
	run->begin_us = clock_us();
	run->warm_us = run->begin_us + load->scenario->warm_us;
	run->end_us = run->warm_us + load->scenario->run_us;
	load->give_up_us = run->end_us + load->scenario->grace_us;
	load->flows = calloc(load->scenario->flow_count + 1, sizeof load->flows[0]);
	for (size_t i = 0; load->flows != NULL && i < load->scenario->flow_count; i++)
		if ((load->flows[i] = flow_new(run, &load->scenario->flows[i])) == NULL)
			return -1;
	uv_signal_init(loop, &load->terminate);
	load->terminate.data = load;
	uv_signal_start(&load->terminate, openload_signal_cb, SIGTERM);
	agenda_add(&run->agenda, run->begin_us, openload_look, load);
	return load->flows != NULL ? 0 : -1;
}

int
main(int argc, char **argv)
{
	static struct openload load;
	char error[256] = "no memory";

	if (argc != 2) {
		fprintf(stderr, "usage: %s SCENARIO.json\n", argv[0]);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	openload_raise_files();
	load.scenario = scenario_read(argv[1], error, sizeof error);
	if (load.scenario == NULL || openload_start(&load, uv_default_loop()) != 0) {
		fprintf(stderr, "openload: %s\n", error);
		return 1;
	}
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	return 0;
}
