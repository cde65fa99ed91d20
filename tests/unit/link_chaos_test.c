/* SPDX-License-Identifier: MIT
 * A link under load while its service is killed, stopped, continued and replaced at random. Each
 * process of the service writes down what it executes: the numbers come in order, none twice, none
 * that was meant for another process; what was answered was executed, what is said not to have
 * started was not.
 *
 * CHAOS_SECONDS: how long (12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "common/actor/link_client.h"
#include "tests/unit/actor_fixture.h"

#define CALLS     (1u << 21)
#define IN_FLIGHT 200

/* What became of a number, as far as its sender knows; and who executed it. */
enum fate {
	NEVER_SENT,
	IN_FLIGHT_STILL,
	ANSWERED,
	REFUSED, /* certainly not executed */
	UNKNOWN
};
static uint8_t fates[CALLS];
static uint8_t executed[CALLS];

struct chaos_call {
	struct link_call link;
	uint32_t number;
};

static struct {
	struct worker *io;
	struct link_client *link;
	bool up;
	_Atomic bool ending;
	uint32_t next;
	unsigned in_flight, connections;
	struct chaos_call calls[IN_FLIGHT];
	struct chaos_call *spare[IN_FLIGHT];
	unsigned spares;
} sender;

/* --- the sender, all on its io worker ----------------------------------------------------------
 */

static void
chaos_end(struct chaos_call *call, enum fate fate)
{
	fates[call->number] = (uint8_t)fate;
	sender.in_flight--;
	sender.spare[sender.spares++] = call;
}

static void
chaos_event(struct link_call *link, enum wire_kind kind, const uint8_t *payload, size_t length)
{
	struct chaos_call *call = OBJ_CONTAINER(link, struct chaos_call, link);

	(void)payload;
	(void)length;
	assert(kind == WIRE_REPLY);
	link_client_finish(sender.link, link, true);
	chaos_end(call, ANSWERED);
}

static void
chaos_failed(struct link_call *link, bool started)
{
	chaos_end(OBJ_CONTAINER(link, struct chaos_call, link), started ? UNKNOWN : REFUSED);
}

static void
chaos_up(void *arg)
{
	(void)arg;
	sender.up = true;
	sender.connections++;
}

static void
chaos_down(void *arg)
{
	(void)arg;
	sender.up = false;
}

static void
chaos_send(void)
{
	struct chaos_call *call = sender.spare[--sender.spares];
	Wire__Request request = WIRE__REQUEST__INIT;
	struct note note = {.number = sender.next, .meant_for = link_client_boot(sender.link)};

	call->number = sender.next++;
	call->link = (struct link_call){.event = chaos_event, .failed = chaos_failed};
	request.method = (char *)(uintptr_t) "Note";
	request.has_body = true;
	request.body = (ProtobufCBinaryData){sizeof note, (uint8_t *)&note};
	fates[call->number] = IN_FLIGHT_STILL;
	sender.in_flight++;
	link_client_start(sender.link, &call->link,
	                  wire_item_new(WIRE_NO_CALL, WIRE_REQUEST, &request.base));
}

static void
chaos_sender(void *arg)
{
	struct link_client_options options = {.io = sender.io,
	                                      .url = arg,
	                                      .actor = "test",
	                                      .max_calls = IN_FLIGHT,
	                                      .up = chaos_up,
	                                      .down = chaos_down};
	char error[200];

	sender.link = link_client_open(&options, error, sizeof error);
	assert(sender.link != NULL);
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		sender.spare[sender.spares++] = &sender.calls[i];
	while (!sender.ending && sender.next < CALLS) {
		unsigned burst = 1 + ids_below(40);

		while (burst-- > 0 && sender.up && sender.spares > 0 && sender.next < CALLS)
			chaos_send();
		assert((ids_below(4) == 0 ? task_sleep(1) : task_yield()) == STATUS_OK);
	}
	for (int i = 0; i < 1000 && sender.in_flight > 0; i++)
		assert(task_sleep(10) == STATUS_OK);
	assert(sender.in_flight == 0);
	link_client_close(&sender.link);
	assert(task_sleep(100) == STATUS_OK);
}

/* --- what was executed -------------------------------------------------------------------------
 */

static struct {
	int fd;
	uint64_t boot; /* of the last note */
	uint32_t last, processes;
	unsigned total, out_of_order, twice, misdirected;
} book;

static void
book_enter(const struct note *note)
{
	book.total++;
	book.twice += executed[note->number]++ != 0;
	book.misdirected += note->meant_for != note->executed_by;
	if (note->executed_by != book.boot)
		book.processes++;
	else if (note->number <= book.last)
		book.out_of_order++;
	book.boot = note->executed_by;
	book.last = note->number;
}

/* Notes are written whole, so they are read whole; it ends when nobody can write any more. */
static void *
book_main(void *arg)
{
	struct note notes[128];
	ssize_t length;

	(void)arg;
	while ((length = read(book.fd, notes, sizeof notes)) > 0) {
		assert(length % (ssize_t)sizeof notes[0] == 0);
		for (size_t i = 0; i < (size_t)length / sizeof notes[0]; i++)
			book_enter(&notes[i]);
	}
	return NULL;
}

/* --- the chaos ---------------------------------------------------------------------------------
 */

static struct {
	unsigned kills, stops, long_stops;
} done;

static void
wreak(struct test_process *process, const char *url, int notes)
{
	switch (ids_below(8)) {
	case 0: /* longer than the heartbeat bears */
		if (done.long_stops > 1 + done.kills / 10)
			break;
		kill(process->pid, SIGSTOP);
		pause_ms(3200 + ids_below(800));
		kill(process->pid, SIGCONT);
		done.long_stops++;
		break;
	case 1:
	case 2:
	case 3:
		kill(process->pid, SIGSTOP);
		pause_ms(ids_below(300));
		if (ids_below(2) == 0)
			kill(process->pid, SIGCONT);
		else {
			process_kill(process, SIGKILL); /* while it is stopped */
			process_spawn(process, url, notes);
			done.kills++;
		}
		done.stops++;
		break;
	default:
		process_kill(process, SIGKILL);
		pause_ms(ids_below(60));
		process_spawn(process, url, notes);
		done.kills++;
	}
}

static void *
sender_main(void *arg)
{
	run_task(sender.io, chaos_sender, arg);
	return NULL;
}

static unsigned
count_fates(enum fate fate)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < sender.next; i++)
		count += fates[i] == fate;
	return count;
}

static void
check_fates(void)
{
	unsigned answered_not_executed = 0, refused_but_executed = 0, unknown_executed = 0;

	for (uint32_t i = 0; i < sender.next; i++) {
		answered_not_executed += fates[i] == ANSWERED && !executed[i];
		refused_but_executed += fates[i] == REFUSED && executed[i];
		unknown_executed += fates[i] == UNKNOWN && executed[i];
	}
	print_message(
	    "%u sent over %u connections: %u answered, %u refused, %u unknown (of these %u "
	    "executed)\n",
	    sender.next, sender.connections, count_fates(ANSWERED), count_fates(REFUSED),
	    count_fates(UNKNOWN), unknown_executed);
	print_message("%u executed by %u processes: %u out of order, %u twice, %u for another\n",
	              book.total, book.processes, book.out_of_order, book.twice, book.misdirected);
	print_message("%u kills, %u stops, %u stops of more than 3 s\n", done.kills, done.stops,
	              done.long_stops);
	assert_int_equal(book.out_of_order + book.twice + book.misdirected, 0);
	assert_int_equal(answered_not_executed, 0);
	assert_int_equal(refused_but_executed, 0);
	assert_int_equal(count_fates(IN_FLIGHT_STILL), 0);
}

static void
test_order_and_identity_under_chaos(void **state)
{
	const char *seconds = getenv("CHAOS_SECONDS");
	uint64_t until = clock_ms() + (seconds != NULL ? strtoul(seconds, NULL, 10) : 12) * 1000;
	struct test_process process;
	pthread_t reader, thread;
	char url[64];
	int notes[2];

	(void)state;
	assert_int_equal(pipe2(notes, O_CLOEXEC), 0);
	book.fd = notes[0];
	assert_int_equal(pthread_create(&reader, NULL, book_main, NULL), 0);
	process_spawn(&process, free_url(url), notes[1]);
	sender.io = fixture_worker("sender");
	assert_int_equal(pthread_create(&thread, NULL, sender_main, url), 0);
	while (clock_ms() < until) {
		pause_ms(100 + ids_below(400));
		wreak(&process, url, notes[1]);
	}
	pause_ms(3000); /* calm: what is under way ends */
	sender.ending = true;
	pthread_join(thread, NULL);
	process_kill(&process, SIGTERM);
	close(notes[1]);
	pthread_join(reader, NULL);
	close(notes[0]);
	fixture_end(sender.io);
	check_fates();
	assert_true(count_fates(ANSWERED) > 1000 && done.kills > 3);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order_and_identity_under_chaos),
	};

	if (service_main(argc, argv) == 0)
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
