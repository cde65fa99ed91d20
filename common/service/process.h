/* SPDX-License-Identifier: MIT
 *
 * The life of a process: settings, logs, workers, signals, the admin port, readiness, drain and the
 * watchdog. Gateway and services stand on it; they add what they do in start, drain and stop.
 *
 *	SIGTERM or SIGINT: readiness off; DRAIN_DELAY later (endpoints are removed meanwhile)
 *drain(); when it returns, or DRAIN_GRACE is over, stop() and exit. A second signal exits at once.
 *
 * The watchdog ends the process (abort, so that a core shows the stacks) when a worker's loop has
 * not turned in ten of its own seconds, or nng hangs (socket.h); the supervisor starts it again.
 */
#ifndef STUDYHALL_SERVICE_PROCESS_H
#define STUDYHALL_SERVICE_PROCESS_H

#include "common/actor/socket.h"
#include "common/base/config.h"
#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process;
struct worker;

struct process_spec {
	const char *name; /* "auth" */
	void *arg;
	/* All five in a task on worker 0. A start() that fails ends the process; it logs why. */
	enum status (*start)(struct process *process, void *arg);
	/* Optional. The end has been asked for, DRAIN_DELAY begins: who can should go elsewhere. */
	void (*leave)(struct process *process, void *arg);
	/* Stops taking work and waits for what is in progress; cancelled when the grace is over. */
	void (*drain)(struct process *process, void *arg);
	/* Closes everything that lives on loops. */
	void (*stop)(struct process *process, void *arg);
	/* Readiness: calls add(name, up) for each dependency. False while still starting. Any of
	 * them may be NULL. Must not wait. */
	bool (*ready)(struct process *process, void *arg,
	              void (*add)(void *list, const char *name, bool up), void *list);
};

/* The settings every process has, filled by process_load(). */
struct process_settings {
	const char *log_level;
	const char *admin;     /* address of the admin port; "off": none */
	int64_t drain_delay_s; /* default 5 */
	int64_t drain_grace_s; /* default 30 */
	struct tls_options tls;
};

/* Loads the process's own settings and the common ones with prefix NAME (upper case), starts the
 * log. 0; or -1, after one line on stderr that names what is wrong. */
int process_load(const char *name, struct process_settings *common, const char *default_admin,
                 const struct config_setting *own, size_t own_count);
/* After it, in a command: log only warnings and worse, unless LOG_LEVEL is set. */
void process_quiet(const char *name);
/* Prints all of them as .env.example shows them. */
void process_print_settings(const char *name, const char *default_admin,
                            const struct config_setting *own, size_t own_count);
/* "AUTH" of "auth", "STUDY_GROUP" of "study-group"; to be freed. */
char *process_prefix(const char *name);

/* Runs it with `workers` workers, the first on the calling thread, until the drain is over. Returns
 * the exit status. */
int process_run(const struct process_spec *spec, const struct process_settings *common,
                unsigned workers);
/* Asks the running process's /readyz; 0 if it answers 200. Blocking. */
int process_healthcheck(const char *admin);

unsigned process_worker_count(const struct process *process);
struct worker *process_worker(struct process *process, unsigned index);
struct worker *const *process_workers(struct process *process);
/* Calls fn(arg) on every worker's loop and waits for all of them. From a task. */
void process_on_workers(struct process *process, void (*fn)(void *arg), void *arg);
bool process_draining(const struct process *process);
/* Milliseconds that are left of DRAIN_GRACE; 0 before the drain. From worker 0. */
uint64_t process_grace_left(const struct process *process);
/* {"status":"ready"} and the HTTP status to go with it; `detailed` lists the dependencies. From a
 * worker's thread. */
struct buf;
int process_readiness(struct process *process, bool detailed, struct buf *json);
/* Starts the drain, as SIGTERM does; from worker 0. */
void process_shut_down(struct process *process);

/* Rewrites tcp:// to tls+tcp:// when TLS between actors is configured, so that nothing speaks
 * plainly by mistake. The result lives as long as the process; NULL without memory. */
const char *process_actor_urls(const struct process_settings *common, const char *urls);

#endif
