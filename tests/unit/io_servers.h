/* SPDX-License-Identifier: MIT
 *
 * For tests of common/io: servers of their own in a private directory, and tasks on two workers
 * whose failed checks count instead of jumping off a task's stack.
 */
#ifndef STUDYHALL_TESTS_IO_SERVERS_H
#define STUDYHALL_TESTS_IO_SERVERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/base/obj.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static _Atomic int check_failures;
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			atomic_fetch_add(&check_failures, 1);                                      \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
		}                                                                                  \
	} while (0)

/* --- servers -------------------------------------------------------------------------------- */

static char server_dir[64];

struct server {
	pid_t pid; /* 0: not running */
	char socket[96];
};

static inline void
server_make_dir(void)
{
	snprintf(server_dir, sizeof server_dir, "/tmp/io-test-XXXXXX");
	if (mkdtemp(server_dir) == NULL)
		abort();
}

static inline pid_t
server_spawn(char *const argv[], const char *log)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none;
	char path[96];
	pid_t pid = 0;

	snprintf(path, sizeof path, "%s/%s", server_dir, log);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	posix_spawn_file_actions_adddup2(&files, 1, 2);
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	if (posix_spawnp(&pid, argv[0], &files, &attributes, argv, environ) != 0) {
		fprintf(stderr, "cannot run %s\n", argv[0]);
		abort();
	}
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return pid;
}

static inline bool
server_accepts(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int outcome;

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	outcome = connect(fd, (struct sockaddr *)&address, sizeof address);
	close(fd);
	return outcome == 0;
}

static inline void
server_await(const struct server *server)
{
	for (int i = 0; i < 3000; i++) {
		if (server_accepts(server->socket))
			return;
		if (waitpid(server->pid, NULL, WNOHANG) != 0)
			break;
		usleep(10000);
	}
	fprintf(stderr, "a server did not start, see %s\n", server_dir);
	abort();
}

static inline void
server_signal(const struct server *server, int number)
{
	if (server->pid == 0 || kill(server->pid, number) != 0)
		abort();
	/* A busy machine takes its time to stop all threads. */
	if (number == SIGSTOP && waitpid(server->pid, NULL, WUNTRACED) != server->pid)
		abort();
}

/* By SIGKILL: nothing of it is wanted any more, or that is the test. */
static inline void
server_kill(struct server *server)
{
	if (server->pid == 0)
		return;
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

static inline void
mariadb_start(struct server *server)
{
	char data[96], tmp[96], socket[128];
	/* TMPDIR: a starting server removes all temporary tables from there, its neighbours' too.
	 */
	char *install[] = {"env",
	                   tmp,
	                   "mariadb-install-db",
	                   "--no-defaults",
	                   data,
	                   "--user=root",
	                   "--auth-root-authentication-method=normal",
	                   "--skip-test-db",
	                   "--skip-name-resolve", /* not even localhost has a name everywhere */
	                   "--cross-bootstrap",
	                   "--innodb-log-file-size=4M",
	                   "--innodb-buffer-pool-size=16M",
	                   NULL};
	char *run[] = {"env",
	               tmp,
	               "setpriv",
	               "--pdeathsig",
	               "KILL", /* also when the test crashes */
	               "mariadbd",
	               "--no-defaults",
	               data,
	               socket,
	               "--user=root",
	               "--skip-networking",
	               "--innodb-log-file-size=4M",
	               "--innodb-buffer-pool-size=16M",
	               "--innodb-flush-log-at-trx-commit=1",
	               NULL};
	bool fresh;
	int outcome;

	snprintf(server->socket, sizeof server->socket, "%s/mariadb.sock", server_dir);
	snprintf(data, sizeof data, "--datadir=%s/mariadb", server_dir);
	snprintf(tmp, sizeof tmp, "TMPDIR=%s/tmp", server_dir);
	(void)mkdir(strchr(tmp, '/'), 0700);
	snprintf(socket, sizeof socket, "--socket=%s", server->socket);
	fresh = access(strchr(data, '/'), F_OK) != 0;
	if (fresh) {
		pid_t pid = server_spawn(install, "install.log");

		if (waitpid(pid, &outcome, 0) != pid || outcome != 0)
			abort();
	}
	unlink(server->socket);
	server->pid = server_spawn(run, "mariadb.log");
	server_await(server);
}

static inline void
redis_start(struct server *server)
{
	char *run[] = {
	    "setpriv",      "--pdeathsig", "KILL", /* also when the test crashes */
	    "redis-server", "--port",      "0",     "--unixsocket", server->socket, "--save", "",
	    "--appendonly", "no",          "--dir", server_dir,     "--databases",  "1",      NULL};

	snprintf(server->socket, sizeof server->socket, "%s/redis.sock", server_dir);
	unlink(server->socket);
	server->pid = server_spawn(run, "redis.log");
	server_await(server);
}

static inline void
server_remove_dir(void)
{
	char *remove[] = {"rm", "-rf", server_dir, NULL};
	pid_t pid;

	if (posix_spawnp(&pid, remove[0], NULL, NULL, remove, environ) == 0)
		waitpid(pid, NULL, 0);
}

/* --- tasks ---------------------------------------------------------------------------------- */

static struct worker *test_workers[2];

struct test_task {
	struct post post;
	task_fn *fn;
	void *arg;
	uint64_t deadline_ms;
	struct task *task;
	sem_t ended;
};

static inline void
test_task_main(void *arg)
{
	struct test_task *test = arg;

	test->task = task_self();
	test->fn(test->arg);
	test->task = NULL;
	sem_post(&test->ended);
}

static inline void
test_task_spawn(struct post *post)
{
	struct test_task *test = OBJ_CONTAINER(post, struct test_task, post);
	struct task_options options = {.name = "test", .deadline_ms = test->deadline_ms};

	if (task_spawn(&options, test_task_main, test) != STATUS_OK)
		abort();
}

/* From a test's own thread. deadline_ms from now on; 0: none. */
static inline void
test_start(struct test_task *test, unsigned worker, task_fn *fn, void *arg, uint64_t deadline_ms)
{
	*test = (struct test_task){.post.fn = test_task_spawn, .fn = fn, .arg = arg};
	test->deadline_ms = deadline_ms != 0 ? clock_ms() + deadline_ms : 0;
	sem_init(&test->ended, 0, 0);
	worker_post(test_workers[worker % 2], &test->post);
}

static inline void
test_await(struct test_task *test)
{
	while (sem_wait(&test->ended) != 0 && errno == EINTR)
		;
	sem_destroy(&test->ended);
}

struct test_canceller {
	struct post post;
	struct test_task *test;
	sem_t done;
};

static inline void
test_cancel_fn(struct post *post)
{
	struct test_canceller *canceller = OBJ_CONTAINER(post, struct test_canceller, post);

	if (canceller->test->task != NULL)
		task_cancel(canceller->test->task);
	sem_post(&canceller->done);
}

static inline void
test_cancel(struct test_task *test, unsigned worker)
{
	struct test_canceller canceller = {.post.fn = test_cancel_fn, .test = test};

	sem_init(&canceller.done, 0, 0);
	worker_post(test_workers[worker % 2], &canceller.post);
	while (sem_wait(&canceller.done) != 0 && errno == EINTR)
		;
	sem_destroy(&canceller.done);
}

/* Runs fn(arg) as a task and waits for it; fails the test when a check in it failed. */
static inline void
test_run(task_fn *fn, void *arg, uint64_t deadline_ms)
{
	struct test_task test;

	test_start(&test, 0, fn, arg, deadline_ms);
	test_await(&test);
	assert_int_equal(atomic_exchange(&check_failures, 0), 0);
}

static inline void
test_workers_start(void)
{
	if (ids_init() != 0)
		abort();
	log_init("test", getenv("IO_TEST_LOG") != NULL ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR + 1);
	test_workers[0] = worker_start("worker-0");
	test_workers[1] = worker_start("worker-1");
}

static inline void
test_workers_stop(void)
{
	for (int i = 0; i < 2; i++) {
		worker_stop(test_workers[i]);
		worker_free(&test_workers[i]);
	}
}

#endif
