/* SPDX-License-Identifier: MIT
 * What strangers and broken peers may do to a service: it goes on serving, and its memory stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/actor/socket.h"
#include "common/base/buf.h"
#include "tests/unit/actor_fixture.h"

#include <pthread.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>

static struct test_service service;
static struct test_caller caller;
static char url[64];

static int
setup(void **state)
{
	(void)state;
	service_start(&service, free_url(url));
	if (!service_listen(&service))
		return -1;
	caller = (struct test_caller){0};
	caller_start(&caller, url);
	return caller_wait_up(&caller, 1, 5000) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	caller_end(&caller);
	service_end(&service);
	return 0;
}

static void
echo_once(void *arg)
{
	struct reply reply;

	*(enum status *)arg = call_method(caller.rpc, "Echo", "x", 1, &reply);
}

static void
assert_serving(void)
{
	enum status status = STATUS_INTERNAL;

	run_task_until(caller.worker, clock_ms() + 5000, echo_once, &status);
	assert_int_equal(status, STATUS_OK);
	assert_int_equal(rpc_replicas_up(caller.rpc), 1);
}

/* --- a peer that speaks nng, with as many contexts as it likes ---------------------------------
 */

struct raw_peer {
	nng_socket socket;
	nng_ctx ctx[3];
	nng_aio *aio[3];
};

static void
raw_open(struct raw_peer *peer)
{
	assert_int_equal(nng_req0_open(&peer->socket), 0);
	nng_socket_set_ms(peer->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	assert_int_equal(nng_dial(peer->socket, url, NULL, 0), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(nng_ctx_open(&peer->ctx[i], peer->socket), 0);
		assert_int_equal(nng_aio_alloc(&peer->aio[i], NULL, NULL), 0);
		nng_aio_set_timeout(peer->aio[i], 3000);
	}
}

static void
raw_close(struct raw_peer *peer)
{
	nng_close(peer->socket);
	for (int i = 0; i < 3; i++)
		nng_aio_free(peer->aio[i]);
}

static void
raw_send(struct raw_peer *peer, int i, const void *bytes, size_t length)
{
	nng_msg *msg;

	assert_int_equal(nng_msg_alloc(&msg, 0), 0);
	assert_int_equal(nng_msg_append(msg, bytes, length), 0);
	nng_aio_set_msg(peer->aio[i], msg);
	nng_ctx_send(peer->ctx[i], peer->aio[i]);
	nng_aio_wait(peer->aio[i]);
	assert_int_equal(nng_aio_result(peer->aio[i]), 0);
	nng_ctx_recv(peer->ctx[i], peer->aio[i]);
}

/* The answer, or NULL when the connection was closed. */
static nng_msg *
raw_answer(struct raw_peer *peer, int i)
{
	nng_aio_wait(peer->aio[i]);
	return nng_aio_result(peer->aio[i]) == 0 ? nng_aio_get_msg(peer->aio[i]) : NULL;
}

/* A batch with one Note for call `call`. */
static void
make_batch(struct buf *batch, enum wire_role role, uint64_t boot, uint64_t call, uint32_t number)
{
	Wire__Request request = WIRE__REQUEST__INIT;
	struct wire_item *item;

	request.method = (char *)(uintptr_t) "Note";
	request.has_body = true;
	request.body = (ProtobufCBinaryData){sizeof number, (uint8_t *)&number};
	item = wire_item_new(call, WIRE_REQUEST, &request.base);
	assert_non_null(item);
	buf_init(batch, 0);
	wire_batch_begin(batch, role, boot);
	if (role == WIRE_POST)
		wire_batch_add(batch, item);
	free(item);
}

static void
raw_batch(struct raw_peer *peer, int i, enum wire_role role, uint64_t boot, uint64_t call)
{
	struct buf batch;

	make_batch(&batch, role, boot, call, 4711);
	raw_send(peer, i, batch.bytes, batch.length);
	buf_fini(&batch);
}

/* Sends what must cost the connection. */
static void
raw_must_close(const void *bytes, size_t length)
{
	struct raw_peer peer;

	raw_open(&peer);
	raw_send(&peer, 0, bytes, length);
	assert_null(raw_answer(&peer, 0));
	assert_int_equal(nng_aio_result(peer.aio[0]), NNG_ECONNRESET);
	raw_close(&peer);
	assert_serving();
}

static void
test_a_post_for_a_dead_process_is_refused_unexecuted(void **state)
{
	uint64_t boot = link_server_boot(service.server);
	struct raw_peer peer;
	struct wire_reader reader;
	struct wire_envelope envelope;
	Wire__Hello *hello;
	nng_msg *answer;

	(void)state;
	raw_open(&peer);
	for (int role = WIRE_POST; role <= WIRE_POLL; role++) {
		raw_batch(&peer, 0, (enum wire_role)role, boot + 1, 5);
		answer = raw_answer(&peer, 0);
		assert_non_null(answer);
		assert_true(wire_read(&reader, nng_msg_body(answer), nng_msg_len(answer)));
		assert_int_equal(wire_next(&reader, &envelope), 1);
		assert_int_equal(envelope.kind, WIRE_HELLO);
		hello = wire__hello__unpack(NULL, envelope.length, envelope.payload);
		assert_true(hello->boot == boot && hello->version == WIRE_VERSION);
		assert_int_equal(hello->max_calls, 20000);
		wire__hello__free_unpacked(hello, NULL);
		nng_msg_free(answer);
	}
	assert_int_equal(service.requests, 0);
	raw_batch(&peer, 0, WIRE_POST, boot, 5);
	answer = raw_answer(&peer, 0);
	assert_non_null(answer);
	nng_msg_free(answer);
	assert_serving();
	assert_int_equal(service.noted, 1);
	raw_close(&peer);
}

static void
test_a_second_poll_closes_the_pipe(void **state)
{
	uint64_t boot = link_server_boot(service.server);
	struct raw_peer peer;
	nng_msg *answer;

	(void)state;
	raw_open(&peer);
	raw_batch(&peer, 0, WIRE_POLL, boot, 0);
	raw_batch(&peer, 1, WIRE_POST, boot, 1);
	answer = raw_answer(&peer, 1);
	assert_non_null(answer);
	nng_msg_free(answer);
	answer = raw_answer(&peer, 0); /* the reply to the Note */
	assert_non_null(answer);
	nng_msg_free(answer);
	raw_batch(&peer, 0, WIRE_POLL, boot, 0);
	raw_batch(&peer, 2, WIRE_POLL, boot, 0);
	assert_null(raw_answer(&peer, 2));
	assert_null(raw_answer(&peer, 0));
	raw_close(&peer);
	assert_serving();
}

static void
test_a_parked_poll_is_answered_within_a_second(void **state)
{
	struct raw_peer peer;
	uint64_t began;
	nng_msg *answer;

	(void)state;
	raw_open(&peer);
	began = clock_ms();
	raw_batch(&peer, 0, WIRE_POLL, link_server_boot(service.server), 0);
	answer = raw_answer(&peer, 0);
	assert_non_null(answer);
	assert_in_range(clock_ms() - began, 700, 2000);
	nng_msg_free(answer);
	raw_close(&peer);
}

static void
test_malformed_batches_cost_the_connection(void **state)
{
	uint64_t boot = link_server_boot(service.server);
	struct buf batch;

	(void)state;
	raw_must_close("", 0);
	raw_must_close("hello, is this thing on?", 24);
	make_batch(&batch, WIRE_POST, boot, 7, 1);
	raw_must_close(batch.bytes, batch.length - 1);
	buf_fini(&batch);
	make_batch(&batch, WIRE_POST, boot, 0, 1); /* a request with no call id */
	raw_must_close(batch.bytes, batch.length);
	buf_fini(&batch);
	make_batch(&batch, WIRE_POST, boot, 7, 1);
	buf_append(&batch, "\x1a\x04\x08\x07\x22\x00", 6); /* a reply, from a caller */
	raw_must_close(batch.bytes, batch.length);
	buf_fini(&batch);
	make_batch(&batch, WIRE_POST, boot, 7, 1);
	buf_append(&batch, "\x1a\x08\x08\x08\x3a\x04\x08\xff\xff\xff\xff\x01", 12); /* cut within */
	raw_must_close(batch.bytes, batch.length);
	buf_fini(&batch);
}

static void
test_a_call_id_used_twice_costs_the_connection(void **state)
{
	struct buf batch, again;

	(void)state;
	service.hold = true;
	make_batch(&batch, WIRE_POST, link_server_boot(service.server), 7, 1);
	make_batch(&again, WIRE_POST, link_server_boot(service.server), 7, 1);
	buf_append(&batch, again.bytes + 11, again.length - 11);
	buf_fini(&again);
	service.hold = false;
	raw_must_close(batch.bytes, batch.length);
	buf_fini(&batch);
}

/* --- strangers on the port -------------------------------------------------------------------- */

static int
stranger_connect(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                              .sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void
stranger_write(int fd, const void *bytes, size_t length)
{
	/* The other side may have closed already. */
	if (send(fd, bytes, length, MSG_NOSIGNAL) < 0)
		return;
}

/* nng's handshake for a REQ, and the length of a message. */
static void
stranger_greet(int fd, uint64_t claim)
{
	uint8_t bytes[16] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
	uint8_t theirs[8];

	for (int i = 0; i < 8; i++)
		bytes[8 + i] = (uint8_t)(claim >> (56 - 8 * i));
	stranger_write(fd, bytes, sizeof bytes);
	(void)!recv(fd, theirs, sizeof theirs, MSG_WAITALL);
}

static void
stranger_message(int fd, const void *bytes, size_t length)
{
	static const uint8_t id[4] = {0x80, 0, 0, 1};

	stranger_greet(fd, length + sizeof id);
	stranger_write(fd, id, sizeof id);
	stranger_write(fd, bytes, length);
}

static size_t
resident_kib(void)
{
	unsigned long total = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	assert_true(file != NULL && fscanf(file, "%lu %lu", &total, &resident) == 2);
	fclose(file);
	return resident * 4;
}

static char *nasty;
static size_t nasty_length;

static void
come_and_go(int fd)
{
	(void)fd;
}

static void
speak_http(int fd)
{
	stranger_write(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
}

static void
claim_4_gib(int fd)
{
	stranger_greet(fd, UINT64_C(4) << 30);
	stranger_write(fd, "xxxx", 4);
}

static void
send_nasty(int fd)
{
	char byte;

	stranger_message(fd, nasty, nasty_length);
	(void)!recv(fd, &byte, 1, 0); /* until it has been read */
}

static void
visit_often(const char *what, void (*visit)(int fd), unsigned most)
{
	unsigned count;
	size_t before, after;

	for (unsigned round = 0; round < 2; round++) {
		/* The first round fills pools; the second must add nothing. */
		count = (round == 0 ? most / 10 : most) / (FIXTURE_SLOW ? 5 : 1);
		before = resident_kib();
		for (unsigned i = 0; i < count; i++) {
			int fd = stranger_connect();

			visit(fd);
			close(fd);
		}
		assert_serving();
		for (int i = 0; i < 400 && link_server_peers(service.server) > 1; i++)
			pause_ms(5);
		after = resident_kib();
		for (int i = 0; i < 50 && after > before + 2048; i++) {
			pause_ms(100); /* it is given back every two seconds */
			after = resident_kib();
		}
		print_message("%u strangers who %s: resident %zu KiB before, %zu after\n", count,
		              what, before, after);
	}
	assert_int_equal(link_server_peers(service.server), 1);
	assert_int_equal(service.budget.used, 0);
	if (!FIXTURE_SLOW)
		assert_in_range(after, 0, before + 2048);
}

static void
test_strangers_come_and_go(void **state)
{
	(void)state;
	visit_often("connect and close", come_and_go, 1000);
	visit_often("speak HTTP", speak_http, 1000);
	visit_often("claim 4 GiB", claim_4_gib, 1000);
}

/* A batch of this service's boot with `fill` as the payload of one request of a kind. */
static void
make_nasty(const char *fill, size_t fill_length, unsigned kind)
{
	struct buf batch;
	size_t payload = WIRE_BATCH_LIMIT / fill_length * fill_length;
	uint8_t head[32];
	size_t at = 0;

	buf_init(&batch, 0);
	wire_batch_begin(&batch, WIRE_POST, link_server_boot(service.server));
	head[at++] = 0x1a;
	for (size_t rest = payload + 2 + 1 + 3; at < 3; rest >>= 7)
		head[at++] = (uint8_t)(rest | 0x80);
	head[at++] = (uint8_t)((payload + 6) >> 14);
	head[at++] = 0x08;
	head[at++] = 0x09;
	head[at++] = (uint8_t)(kind << 3 | 2);
	head[at++] = (uint8_t)(payload | 0x80);
	head[at++] = (uint8_t)(payload >> 7 | 0x80);
	head[at++] = (uint8_t)(payload >> 14);
	buf_append(&batch, head, at);
	for (size_t i = 0; i < payload; i += fill_length)
		buf_append(&batch, fill, fill_length);
	nasty = buf_take(&batch, &nasty_length);
	assert_non_null(nasty);
}

static void
visit_nasty(const char *what, const char *fill, size_t fill_length, unsigned kind, bool delivered)
{
	unsigned requests = service.requests;

	make_nasty(fill, fill_length, kind);
	visit_often(what, send_nasty, 300);
	if (delivered)
		assert_true(service.requests > requests + 50); /* they did arrive */
	free(nasty);
	nasty = NULL;
}

static void
test_strangers_send_nasty_protobuf(void **state)
{
	(void)state;
	visit_nasty("send 131,072 empty headers", "\x4a\x00", 2, WIRE_REQUEST, true);
	visit_nasty("send 131,072 unknown fields", "\x7a\x00", 2, WIRE_REQUEST, true);
	visit_nasty("nest groups", "\x7b", 1, WIRE_REQUEST, false);
	visit_nasty("send pieces of unknown fields", "\x7a\x00", 2, WIRE_PIECE_OF, false);
	visit_nasty("say hello with unknown fields", "\x7a\x00", 2, WIRE_HELLO, false);
}

/* --- one that sends and never reads ----------------------------------------------------------- */

struct flood {
	int fd, receive_buffer;
};

static void *
flood_main(void *arg)
{
	struct flood *flood = arg;
	static uint8_t chunk[64 * 1024];
	uint8_t one[23] = {0, 0, 0, 0, 0, 0, 0, 15, 0x80, 0, 0, 1, 0x08, 0, 0x11};
	uint64_t boot = link_server_boot(service.server);
	size_t length = 0;

	if (flood->receive_buffer > 0)
		setsockopt(flood->fd, SOL_SOCKET, SO_RCVBUF, &flood->receive_buffer, sizeof(int));
	memcpy(one + 15, &boot, 8);
	while (length + sizeof one <= sizeof chunk) {
		memcpy(chunk + length, one, sizeof one);
		length += sizeof one;
	}
	stranger_write(flood->fd, "\0SP\0\0\x30\0\0", 8);
	while (send(flood->fd, chunk, length, MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

/* Waits until only the caller is left; or until nng is known to hang, which a connection that
 * breaks while both directions are busy may do to it (common/actor/socket_pipes.c): a service then
 * ends. */
static bool
flood_is_over(void)
{
	for (int i = 0; i < 1000; i++) {
		if (link_server_peers(service.server) == 1)
			return true;
		if (i % 50 == 49 && socket_hangs()) {
			print_message("nng hangs, a service would end itself\n");
			return true;
		}
		pause_ms(20);
	}
	return false;
}

/* It fills what the kernel holds of our answers; then those who wait to be sent hold our contexts.
 * It is closed, or stalls on its own window; others are served all the time. */
static void
flood_without_reading(int receive_buffer)
{
	struct flood flood = {.fd = stranger_connect(), .receive_buffer = receive_buffer};
	uint64_t began = clock_ms(), worst = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, flood_main, &flood), 0);
	while (clock_ms() < began + 5000) {
		uint64_t asked = clock_ms();

		assert_serving();
		worst = clock_ms() - asked > worst ? clock_ms() - asked : worst;
		pause_ms(20);
	}
	shutdown(flood.fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(flood.fd);
	print_message("others waited at most %lu ms\n", (unsigned long)worst);
	assert_true(flood_is_over());
	assert_serving();
}

static void
test_one_that_never_reads_harms_nobody(void **state)
{
	(void)state;
	flood_without_reading(0);
	flood_without_reading(4096);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_a_post_for_a_dead_process_is_refused_unexecuted),
	    TEST(test_a_second_poll_closes_the_pipe),
	    TEST(test_a_parked_poll_is_answered_within_a_second),
	    TEST(test_malformed_batches_cost_the_connection),
	    TEST(test_a_call_id_used_twice_costs_the_connection),
	    TEST(test_strangers_come_and_go),
	    TEST(test_strangers_send_nasty_protobuf),
	    TEST(test_one_that_never_reads_harms_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
