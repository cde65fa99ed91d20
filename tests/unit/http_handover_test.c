/* SPDX-License-Identifier: MIT
 * A listening socket goes from one owner to the next, with whoever already waits in its queue. */
#include "common/io/http_handover.h"

#include "common/io/http_listen.h"
#include "common/task/worker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define ADDRESS "127.0.0.1:0"

static char directory[] = "/tmp/handover-test-XXXXXX";
static char path[200];

struct owner {
	struct worker *worker;
	struct http_handover *handover;
	int fd;
};

static void
owner_offer(struct owner *owner)
{
	char error[200] = "";

	owner->worker = worker_new("owner");
	assert_non_null(owner->worker);
	owner->handover =
	    http_handover_offer(owner->worker, path, ADDRESS, owner->fd, error, sizeof error);
	assert_string_equal(error, "");
	assert_non_null(owner->handover);
}

static void
owner_end(struct owner *owner)
{
	http_handover_close(&owner->handover);
	close(owner->fd);
	worker_stop(owner->worker);
	worker_run(owner->worker);
	worker_free(&owner->worker);
}

struct taking {
	const char *address;
	int fd;
};

static void *
take_thread(void *arg)
{
	struct taking *taking = arg;

	taking->fd = http_handover_take(path, taking->address);
	return NULL;
}

/* Takes from another thread while the owner's loop turns. */
static int
take_from(struct owner *owner, const char *address)
{
	struct taking taking = {address, -1};
	pthread_t thread;

	pthread_create(&thread, NULL, take_thread, &taking);
	uv_run(worker_loop(owner->worker), UV_RUN_ONCE);
	pthread_join(thread, NULL);
	return taking.fd;
}

static int
connect_to(int fd)
{
	struct sockaddr_in in;
	socklen_t length = sizeof in;
	int client = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &length), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&in, length), 0);
	return client;
}

static void
test_who_waits_in_the_queue_is_accepted_by_the_successor(void **state)
{
	struct owner old = {.fd = -1}, new = {.fd = -1};
	char error[200], byte = 'x';
	int client, accepted;

	(void)state;
	assert_int_equal(http_listen(ADDRESS, 1, &old.fd, error, sizeof error), 0);
	owner_offer(&old);
	client = connect_to(old.fd);
	assert_false(http_handover_taken(old.handover));
	new.fd = take_from(&old, ADDRESS);
	assert_true(new.fd >= 0);
	assert_true(http_handover_taken(old.handover));
	owner_offer(&new);
	owner_end(&old);
	close(connect_to(new.fd));
	accepted = accept(new.fd, NULL, NULL);
	assert_true(accepted >= 0);
	assert_int_equal(write(client, &byte, 1), 1);
	byte = 0;
	assert_int_equal(read(accepted, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(accepted);
	close(client);
	/* The old one's end took nothing from the new one's offer. */
	accepted = take_from(&new, ADDRESS);
	assert_true(accepted >= 0);
	close(accepted);
	owner_end(&new);
}

static void
test_another_address_is_not_taken_over(void **state)
{
	struct owner old = {.fd = -1};
	char error[200];

	(void)state;
	assert_int_equal(http_listen(ADDRESS, 1, &old.fd, error, sizeof error), 0);
	owner_offer(&old);
	assert_int_equal(take_from(&old, "127.0.0.1:80"), -1);
	owner_end(&old);
}

static void
test_nobody_there_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(http_handover_take("/nowhere/at/all", ADDRESS), -1);
	assert_int_equal(http_handover_take(path, ADDRESS), -1); /* left by the dead */
}

static void
test_the_offer_is_for_its_user_alone_and_says_why_it_cannot_be_made(void **state)
{
	struct owner owner = {.fd = -1};
	char error[200] = "";
	struct stat file;

	(void)state;
	assert_int_equal(http_listen(ADDRESS, 1, &owner.fd, error, sizeof error), 0);
	owner_offer(&owner);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	assert_null(http_handover_offer(owner.worker, "/nowhere/at/all", ADDRESS, owner.fd, error,
	                                sizeof error));
	assert_non_null(strstr(error, "/nowhere/at/all: No such file"));
	owner_end(&owner);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who_waits_in_the_queue_is_accepted_by_the_successor),
	    cmocka_unit_test(test_another_address_is_not_taken_over),
	    cmocka_unit_test(test_nobody_there_is_no_error),
	    cmocka_unit_test(test_the_offer_is_for_its_user_alone_and_says_why_it_cannot_be_made),
	};
	int result;

	if (mkdtemp(directory) == NULL)
		return 1;
	snprintf(path, sizeof path, "%s/offer", directory);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(directory);
	return result;
}
