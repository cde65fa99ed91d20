/* SPDX-License-Identifier: MIT
 *
 * The skeleton of a service: it owns the work of main(). A service declares its methods, rules,
 * settings and migrations in one `struct service_spec` and returns service_main().
 *
 *	SERVICE serve                run (the default)
 *	SERVICE migrate              bring the database to this binary's schema
 *	SERVICE healthcheck          0 if the running process answers /readyz
 *	SERVICE settings             print every setting with its default
 *	SERVICE WORDS...             a command of the service's own
 */
#ifndef STUDYHALL_SERVICE_SERVICE_H
#define STUDYHALL_SERVICE_SERVICE_H

#include "common/base/config.h"
#include "common/base/rules.h"
#include "common/service/call.h"

#include <protobuf-c/protobuf-c.h>

struct cache;
struct db;
struct db_migration;
struct pool;
struct rpc;
struct service;
struct worker;

/* Fills `reply` (initialized, of the method's output type, strings from the task's arena or static)
 * and returns STATUS_OK; or returns what call_fail() returned. Runs as a task. */
typedef enum status call_fn(struct call *call, const void *request, void *reply);

struct method {
	const char *name; /* as in the .proto */
	call_fn *fn;
};

struct service_command {
	const char *words; /* "users list" */
	/* "users disable EMAIL   sign a user out and keep them out": up to the two blanks it says
	 * which arguments there are, each a word; one in brackets may be left out. */
	const char *usage;
	/* In a task, with database and cache ready; writes to stdout; returns the exit status. */
	int (*run)(struct service *service, int argc, char **argv);
};

struct service_spec {
	const char *name; /* "planner": folder, prefix of settings (upper case), certificate name */
	const ProtobufCServiceDescriptor *descriptor;
	const struct method *methods;
	size_t method_count;
	/* Methods that take an Idempotency-Key (idempotency.h, with their names as routes): what
	 * the rules refuse is kept with the key. NULL-terminated; or NULL. */
	const char *const *keyed;
	struct rule_table rules;
	const struct config_setting *settings; /* its own, beside the common ones */
	size_t setting_count;
	const struct db_migration *migrations; /* NULL: no database */
	size_t migration_count;
	bool uses_cache;
	bool uses_fetch;        /* its tasks may make HTTP requests to the outside */
	size_t cpu_queue_limit; /* of the offload pool; 0: it has none */
	/* Its answers are slow by nature: where processes share a machine's cores, those that
	 * answer at once go first (nice 5). */
	bool background;
	const char *const *calls; /* actors it calls, NULL-terminated; or NULL */
	const struct service_command *commands;
	size_t command_count;
	/* Optional. Can the service's own settings be used? Logs which cannot. In a task of the
	 * command `check`, with neither calls nor a process, and at the will of start(). */
	enum status (*check)(struct service *service);
	/* Optional. In a task once database and cache are open, before the first call; anything but
	 * STATUS_OK ends the process. Spawns the service's background tasks. */
	enum status (*start)(struct service *service);
	/* Optional. In a task at the end, when no call and no background task is left; not called
	 * when start() set no state. */
	void (*stop)(struct service *service);
	uint16_t default_port; /* of SERVICE_LISTEN on 127.0.0.1; the admin port is 100 above */
};

int service_main(int argc, char **argv, const struct service_spec *spec);

/* Of a running service. NULL where the spec does not ask for it. */
struct db *service_db(struct service *service);
struct cache *service_cache(struct service *service);
struct pool *service_pool(struct service *service);
struct rpc *service_rpc(struct service *service, const char *actor);
/* Names this run of this process: what callers see of it, for rpc_request.boot_id. Any thread. 0
 * while a command runs: that is no replica. */
uint64_t service_boot_id(const struct service *service);
/* Its workers, and how many requests each may work on at a time (a measure of what else may). */
struct worker *const *service_workers(struct service *service, unsigned *count);
unsigned service_connections(const struct service *service);
/* Becomes true when the drain begins; background tasks end soon after (they are cancelled when no
 * call is left). */
bool service_draining(const struct service *service);
/* Milliseconds that are left of DRAIN_GRACE. In stop(). */
uint64_t service_grace_left(const struct service *service);
/* A place for the service's own state, set in start(). */
void service_set_state(struct service *service, void *state);
void *service_state(struct service *service);
/* Starts a background task: restarted by nobody, cancelled at the drain. */
enum status service_spawn(struct service *service, const char *name, void (*fn)(void *), void *arg);

#endif
