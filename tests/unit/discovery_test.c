/* SPDX-License-Identifier: MIT
 * From URLs to addresses: lists, names, what is malformed; and what rpc makes of a set that
 * changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/actor/discovery.h"
#include "common/actor/rpc_private.h"
#include "tests/unit/actor_fixture.h"
#include "tests/unit/worker_fixture.h"

static struct {
	struct discovery *discovery;
	const char *urls;
	char error[300];
	unsigned reports;
	char set[4096];
} found;

static void
changed(void *arg, const char *const *urls, size_t count)
{
	assert(arg == &found);
	found.reports++;
	found.set[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		strcat(found.set, urls[i]);
		strcat(found.set, " ");
	}
}

static void
open_task(void *arg)
{
	memset(&found, 0, sizeof found);
	found.urls = arg;
	found.discovery =
	    discovery_open(found.urls, changed, &found, found.error, sizeof found.error);
	for (int i = 0; found.discovery != NULL && i < 400 && found.reports == 0; i++)
		assert(task_sleep(5) == STATUS_OK);
	if (found.discovery != NULL)
		discovery_close(&found.discovery);
	assert(task_sleep(5) == STATUS_OK);
}

static const char *
resolve(const char *urls)
{
	run_task(worker, open_task, (void *)(uintptr_t)urls);
	return found.set;
}

static void
test_lists_of_addresses(void **state)
{
	(void)state;
	assert_string_equal(resolve("tcp://127.0.0.1:7001"), "tcp://127.0.0.1:7001 ");
	assert_string_equal(
	    resolve("tcp://127.0.0.3:7001, tcp://127.0.0.2:7001,tcp://127.0.0.3:7001"),
	    "tcp://127.0.0.2:7001 tcp://127.0.0.3:7001 "); /* distinct, sorted */
	assert_string_equal(resolve("tls+tcp://[::1]:65535"), "tls+tcp://[::1]:65535 ");
	assert_string_equal(resolve("inproc://somewhere:else"), "inproc://somewhere:else ");
	assert_int_equal(found.reports, 1);
}

/* The short form is a name to us and an address to every resolver; "localhost" needs a hosts file,
 * which not every machine has. */
#define NAME "127.1"

static void
test_a_name_is_resolved(void **state)
{
	(void)state;
	assert_string_equal(resolve("tcp://" NAME ":7001"), "tcp://127.0.0.1:7001 ");
	/* One name that cannot be resolved: the set is incomplete, and not believed. */
	assert_string_equal(resolve("tcp://127.0.0.1:7001,tcp://no-such-host.invalid:7001"), "");
	assert_int_equal(found.reports, 0);
}

static void
test_malformed_urls_are_refused(void **state)
{
	static const char *const malformed[] = {
	    "",
	    ",",
	    " ",
	    "127.0.0.1:7001",
	    "tcp://127.0.0.1",
	    "tcp://:7001",
	    "tcp://[]:7001",
	    "tcp://[::1:7001",
	    "tcp://host:",
	    "tcp://host:0",
	    "tcp://host:65536",
	    "tcp://host:123456",
	    "tcp://host:70a1",
	    "tcp://host:7001/path",
	    "tcp://user@host:7001",
	    "tcp://ho st:7001",
	    "http://host:7001",
	    "ipc:///tmp/socket",
	    "inproc://",
	    "tcp://a:1,,tcp://b:1",
	    "averylongschemeindeed://host:1",
	};
	char longer[400];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(malformed); i++) {
		resolve(malformed[i]);
		if (found.error[0] == '\0')
			fail_msg("'%s' was accepted", malformed[i]);
	}
	memset(longer, 'a', sizeof longer);
	memcpy(longer, "tcp://", 6);
	strcpy(longer + 380, ":7001");
	resolve(longer);
	assert_true(found.error[0] != '\0');
}

static void
close_at_once(void *arg)
{
	(void)arg;
	memset(&found, 0, sizeof found);
	found.discovery =
	    discovery_open("tcp://" NAME ":7001", changed, &found, found.error, sizeof found.error);
	assert(found.discovery != NULL);
	discovery_close(&found.discovery); /* before its task has begun */
	assert(task_sleep(50) == STATUS_OK);
	assert(found.reports == 0);
	found.discovery =
	    discovery_open("tcp://" NAME ":7001", changed, &found, found.error, sizeof found.error);
	assert(task_yield() == STATUS_OK && task_yield() == STATUS_OK);
	discovery_close(&found.discovery); /* while it resolves */
	assert(task_sleep(50) == STATUS_OK);
}

static void
test_closing_at_any_time(void **state)
{
	(void)state;
	run_task(worker, close_at_once, NULL);
}

static void
stay_open(void *arg)
{
	(void)arg;
	memset(&found, 0, sizeof found);
	found.discovery =
	    discovery_open("tcp://" NAME ":7001", changed, &found, found.error, sizeof found.error);
	assert(task_sleep(DISCOVERY_PERIOD_MS + 500) == STATUS_OK);
	discovery_close(&found.discovery);
	assert(task_sleep(20) == STATUS_OK);
}

static void
test_the_same_set_is_reported_once(void **state)
{
	(void)state;
	run_task(worker, stay_open, NULL);
	assert_int_equal(found.reports, 1);
}

/* --- the set changes under rpc -----------------------------------------------------------------
 */

static struct test_service a, b;
static struct test_caller caller;
static char url_a[64], url_b[64];

static void
only_b(void *arg)
{
	const char *urls[] = {url_b};

	(void)arg;
	rpc_discovered(caller.rpc, urls, 1); /* what discovery would say */
}

static enum status held_status;
static _Atomic bool held_ended;

static void
held_call(void *arg)
{
	struct reply reply;

	(void)arg;
	held_status = call_method(caller.rpc, "Echo", "x", 1, &reply);
	held_ended = true;
}

static void
start_held(void *arg)
{
	(void)arg;
	spawn("held", held_call, NULL);
	while (a.running == 0)
		assert(task_sleep(1) == STATUS_OK);
}

static void
call_ten(void *arg)
{
	struct reply reply;

	(void)arg;
	for (int i = 0; i < 10; i++)
		assert(call_method(caller.rpc, "Echo", "x", 1, &reply) == STATUS_OK);
}

static void
test_an_address_that_is_gone_is_drained(void **state)
{
	char both[160];

	(void)state;
	a = b = (struct test_service){0};
	service_start(&a, free_url(url_a));
	assert_true(service_listen(&a));
	caller = (struct test_caller){0};
	snprintf(both, sizeof both, "%s", url_a);
	caller_start(&caller, both);
	assert_true(caller_wait_up(&caller, 1, 5000));
	a.hold = true;
	run_task(caller.worker, start_held, NULL);
	service_start(&b, free_url(url_b));
	assert_true(service_listen(&b));
	run_task(caller.io, only_b, NULL);
	assert_true(caller_wait_up(&caller, 2, 5000)); /* a still answers its last call */
	run_task(caller.worker, call_ten, NULL);
	assert_int_equal(b.requests, 10);
	assert_int_equal(a.requests, 1);
	a.hold = false;
	assert_true(caller_wait_up(&caller, 1, 5000)); /* and is closed when that is done */
	while (!held_ended)
		pause_ms(1);
	assert_int_equal(held_status, STATUS_OK);
	for (int i = 0; i < 400 && link_server_peers(a.server) > 0; i++)
		pause_ms(5);
	assert_int_equal(link_server_peers(a.server), 0);
	caller_end(&caller);
	service_end(&a);
	service_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lists_of_addresses),
	    cmocka_unit_test(test_a_name_is_resolved),
	    cmocka_unit_test(test_malformed_urls_are_refused),
	    cmocka_unit_test(test_closing_at_any_time),
	    cmocka_unit_test(test_the_same_set_is_reported_once),
	    cmocka_unit_test(test_an_address_that_is_gone_is_drained),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
