/* SPDX-License-Identifier: MIT
 * Mutual TLS between actors, with certificates made here by openssl: good, foreign CA, none, wrong
 * name, and settings that cannot work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/actor_fixture.h"

#include <stdlib.h>

static char directory[] = "/tmp/studyhall-tls-XXXXXX";
static char url[80];
static struct test_service service;
static struct test_caller caller;

static const char script[] =
    "set -eu; cd \"$0\"\n"
    "ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \\\n"
    "  -subj \"/CN=$1\" -keyout $1.key -out $1.crt; }\n"
    "cert() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj \"/CN=$2\" \\\n"
    "  -keyout $2.key -out $2.csr; echo \"subjectAltName=DNS:$2\" >$2.ext\n"
    "  openssl x509 -req -in $2.csr -CA $1.crt -CAkey $1.key -CAcreateserial -days 2 \\\n"
    "  -extfile $2.ext -out $2.crt; }\n"
    "ca ours; ca foreign; cert ours test; cert ours other; cert ours caller; cert foreign "
    "stranger\n";

static int
group_setup(void **state)
{
	char *argv[] = {(char *)(uintptr_t) "/bin/bash", (char *)(uintptr_t) "-c",
	                (char *)(uintptr_t)script, directory, NULL};
	posix_spawn_file_actions_t actions;
	int status = 1;
	pid_t pid;

	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawn(&pid, argv[0], &actions, NULL, argv, environ) != 0)
		return -1;
	posix_spawn_file_actions_destroy(&actions);
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static int
group_teardown(void **state)
{
	static const char *const names[] = {"ours",  "foreign", "test",
	                                    "other", "caller",  "stranger"};
	static const char *const ends[] = {"key", "crt", "csr", "ext", "srl"};
	char path[100];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		for (size_t k = 0; k < COUNT_OF(ends); k++) {
			snprintf(path, sizeof path, "%s/%s.%s", directory, names[i], ends[k]);
			unlink(path);
		}
	return rmdir(directory);
}

struct files {
	char ca[64], cert[64], key[64];
	struct tls_options options;
};

static const struct tls_options *
files(struct files *files, const char *ca, const char *own)
{
	snprintf(files->ca, sizeof files->ca, "%s/%s.crt", directory, ca);
	snprintf(files->cert, sizeof files->cert, "%s/%s.crt", directory, own);
	snprintf(files->key, sizeof files->key, "%s/%s.key", directory, own);
	files->options = (struct tls_options){files->ca, files->cert, files->key};
	return &files->options;
}

static void
echo_big(void *arg)
{
	size_t length = 3 << 20;
	char *body = calloc(1, length);
	struct reply reply;

	assert(body != NULL);
	memset(body, 'x', length);
	*(enum status *)arg = call_method(caller.rpc, "Echo", body, length, &reply);
	assert(*(enum status *)arg != STATUS_OK ||
	       (reply.body_length == length && memcmp(reply.body, body, length) == 0));
	free(body);
}

/* Does a caller with these files, which looks for a server of this name, get through to one with
 * those? */
static bool
gets_through(const struct tls_options *server, const struct tls_options *client, const char *name)
{
	enum status status = STATUS_INTERNAL;
	bool up;

	snprintf(url, sizeof url, "tls+");
	free_url(url + 4);
	service = (struct test_service){.tls = server};
	service_start(&service, url);
	if (!service_listen(&service))
		fail_msg("%s", service.error);
	caller = (struct test_caller){.options = {.tls = client, .actor = name}};
	caller_start(&caller, url);
	up = caller_wait_up(&caller, 1, 2000);
	run_task_until(caller.worker, clock_ms() + 20000, echo_big, &status);
	caller_end(&caller);
	assert_int_equal(service.requests, up ? 1 : 0);
	service_end(&service);
	assert_int_equal(status, up ? STATUS_OK : STATUS_DEPENDENCY_DOWN);
	return up;
}

static void
test_both_of_one_ca(void **state)
{
	struct files server, client;

	(void)state;
	assert_true(
	    gets_through(files(&server, "ours", "test"), files(&client, "ours", "caller"), "test"));
}

static void
test_a_caller_of_a_foreign_ca_is_refused(void **state)
{
	struct files server, client;

	(void)state;
	assert_false(gets_through(files(&server, "ours", "test"),
	                          files(&client, "ours", "stranger"), "test"));
}

static void
test_a_server_of_a_foreign_ca_is_refused(void **state)
{
	struct files server, client;

	(void)state;
	assert_false(gets_through(files(&server, "ours", "stranger"),
	                          files(&client, "ours", "caller"), "stranger"));
}

static void
test_a_server_of_another_name_is_refused(void **state)
{
	struct files server, client;

	(void)state;
	assert_false(gets_through(files(&server, "ours", "other"), files(&client, "ours", "caller"),
	                          "test"));
}

/* By hand, for our own callers cannot be without: nng's dialer with a CA, but no certificate. */
static void
test_a_caller_without_a_certificate_is_refused(void **state)
{
	static const char ask[] =
	    "exec timeout 5 openssl s_client -quiet -connect \"${0#tls+tcp://}\" -CAfile \"$1\"";
	char ca[64];
	char *argv[] = {(char *)(uintptr_t) "/bin/bash",
	                (char *)(uintptr_t) "-c",
	                (char *)(uintptr_t)ask,
	                url,
	                ca,
	                NULL};
	posix_spawn_file_actions_t actions;
	struct files server;
	int status = 0, in[2];
	pid_t pid;

	(void)state;
	snprintf(url, sizeof url, "tls+");
	free_url(url + 4);
	service = (struct test_service){.tls = files(&server, "ours", "test")};
	service_start(&service, url);
	assert_true(service_listen(&service));
	snprintf(ca, sizeof ca, "%s/ours.crt", directory);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawn(&pid, argv[0], &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	/* nng's greeting would be enough to become a peer. */
	assert_int_equal(write(in[1], "\0SP\0\0\x30\0\0", 8), 8);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 124);
	assert_int_equal(link_server_peers(service.server), 0);
	close(in[0]);
	close(in[1]);
	service_end(&service);
}

static void
test_a_plain_caller_is_refused(void **state)
{
	struct files server;

	(void)state;
	snprintf(url, sizeof url, "tls+");
	free_url(url + 4);
	service = (struct test_service){.tls = files(&server, "ours", "test")};
	service_start(&service, url);
	assert_true(service_listen(&service));
	caller = (struct test_caller){0};
	caller_start(&caller, url + 4);
	assert_false(caller_wait_up(&caller, 1, 1000));
	caller_end(&caller);
	service_end(&service);
}

static void
test_settings_that_cannot_work_say_so(void **state)
{
	struct files server;

	(void)state;
	snprintf(url, sizeof url, "tls+");
	free_url(url + 4);
	service = (struct test_service){.tls = NULL};
	service_start(&service, url);
	assert_false(service_listen(&service));
	assert_non_null(strstr(service.error, "ACTOR_TLS_CA"));
	service.tls = files(&server, "no-such-file", "test");
	assert_false(service_listen(&service));
	assert_non_null(strstr(service.error, "ACTOR_TLS_CA cannot be read"));
	service_end(&service);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_of_one_ca),
	    cmocka_unit_test(test_a_caller_of_a_foreign_ca_is_refused),
	    cmocka_unit_test(test_a_server_of_a_foreign_ca_is_refused),
	    cmocka_unit_test(test_a_server_of_another_name_is_refused),
	    cmocka_unit_test(test_a_caller_without_a_certificate_is_refused),
	    cmocka_unit_test(test_a_plain_caller_is_refused),
	    cmocka_unit_test(test_settings_that_cannot_work_say_so),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
