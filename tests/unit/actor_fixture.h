/* SPDX-License-Identifier: MIT
 * A small service for tests of the links: each request is a task on the io worker. Methods:
 *   Echo    the body back, after `delay_ms`        Stream  as many bytes as the body says, in
 * pieces Missing NOT_FOUND with a detail                Note    appends the number in the body to
 * `notes`
 */
#ifndef STUDYHALL_TESTS_ACTOR_FIXTURE_H
#define STUDYHALL_TESTS_ACTOR_FIXTURE_H

#include "common/actor/link_server.h"
#include "common/actor/message.h"
#include "common/actor/rpc.h"
#include "envelope.pb-c.h"
#include "tests/unit/task_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOTES 200000

struct test_service {
	struct worker *io;
	struct link_server *server;
	struct budget budget;
	const char *url;
	const struct tls_options *tls;
	unsigned max_calls;
	uint64_t boot_id; /* for service_listen(); 0: a new one */
	_Atomic unsigned delay_ms;
	_Atomic bool hold; /* answer nothing until false */
	_Atomic unsigned requests, cancels, running, most;
	_Atomic unsigned long sent; /* bytes of streams */
	_Atomic unsigned noted;
	uint32_t *notes;
	int note_fd;
	char error[200];
};

/* What common/service/call.h has in full. */
struct call {
	struct test_service *service;
	struct incoming *incoming;
	struct task *task;
	struct wait *waiter;
	size_t credit;
	bool cancelled;
};

static inline struct wire_item *
reply_item(struct call *call, enum status status, const void *body, size_t length, size_t size,
           bool stream)
{
	Wire__Reply reply = WIRE__REPLY__INIT;

	if (status != STATUS_OK) {
		reply.has_status = true;
		reply.status = status_grpc(status);
		reply.problem = (char *)(uintptr_t)status_slug(status);
		reply.detail = (char *)(uintptr_t) "there is none";
	}
	reply.has_body = body != NULL;
	reply.body = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)body};
	reply.has_size = size > 0;
	reply.size = (uint32_t)size;
	reply.has_stream = reply.stream = stream;
	return wire_item_new(call->incoming->call, WIRE_REPLY, &reply.base);
}

/* Sends one piece when there is room in the window; false when cancelled. */
static inline bool
send_piece(struct call *call, const void *bytes, size_t length, bool last)
{
	Wire__Piece piece = WIRE__PIECE__INIT;
	struct wire_item *item;

	while (call->credit < length && !call->cancelled) {
		struct wait wait;

		wait_init(&wait);
		call->waiter = &wait;
		(void)wait_for(&wait);
		call->waiter = NULL;
	}
	if (call->cancelled)
		return false;
	call->credit -= length;
	piece.has_bytes = true;
	piece.bytes = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)bytes};
	piece.has_end = piece.end = last;
	item = wire_item_new(call->incoming->call, WIRE_PIECE_OF, &piece.base);
	if (last)
		incoming_finish(call->incoming, item);
	else
		assert(incoming_send(call->incoming, item) == 0);
	call->service->sent += length;
	return true;
}

/* `bytes` NULL: a stream of the letters of the alphabet. */
static inline void
send_pieces(struct call *call, const uint8_t *bytes, size_t length)
{
	uint8_t letters[WIRE_PIECE];
	size_t sent = 0;

	assert(incoming_send(call->incoming, reply_item(call, STATUS_OK, NULL, 0,
	                                                bytes ? length : 0, bytes == NULL)) == 0);
	do {
		size_t part = length - sent < WIRE_PIECE ? length - sent : WIRE_PIECE;

		for (size_t i = 0; bytes == NULL && i < part; i++)
			letters[i] = (uint8_t)('a' + (sent + i) % 26);
		if (!send_piece(call, bytes != NULL ? bytes + sent : letters, part,
		                sent + part == length)) {
			incoming_finish(call->incoming, NULL);
			return;
		}
		sent += part;
	} while (sent < length);
}

static inline void
answer_call(struct call *call, const Wire__Request *request)
{
	const uint8_t *body = request->body.data;
	size_t length = request->body.len;
	char text[32];

	if (call->incoming->body != NULL) {
		body = call->incoming->body;
		length = call->incoming->body_length;
	}
	snprintf(text, sizeof text, "%.*s", length < 20 ? (int)length : 20,
	         body != NULL ? (const char *)body : "");
	if (strcmp(request->method, "Stream") == 0)
		send_pieces(call, NULL, strtoul(text, NULL, 10));
	else if (strcmp(request->method, "Missing") == 0)
		incoming_finish(call->incoming,
		                reply_item(call, STATUS_NOT_FOUND, NULL, 0, 0, false));
	else if (length > WIRE_PIECE)
		send_pieces(call, body, length);
	else
		incoming_finish(call->incoming,
		                reply_item(call, STATUS_OK, body, length, 0, false));
}

/* What a Note may say beside its number; and what a service of its own process writes down. */
struct note {
	uint32_t number, pid;
	uint64_t meant_for, executed_by; /* boot ids */
};

static inline void
take_note(struct test_service *service, const ProtobufCBinaryData *body)
{
	struct note note = {0};

	assert(body->len <= sizeof note);
	memcpy(&note, body->data, body->len);
	if (service->noted < NOTES)
		service->notes[service->noted++] = note.number;
	if (service->note_fd < 0)
		return;
	note.pid = (uint32_t)getpid();
	note.executed_by = link_server_boot(service->server);
	assert(write(service->note_fd, &note, sizeof note) == sizeof note);
}

static inline void
call_task(void *arg)
{
	struct call call = {.incoming = arg, .task = task_self(), .credit = WIRE_WINDOW};
	struct incoming *incoming = arg;
	struct test_service *service = call.service = (void *)incoming->mailbox;
	Wire__Request *request = wire__request__unpack(arena_allocator(task_arena()),
	                                               incoming->request_length, incoming->request);
	unsigned running = ++service->running;

	if (running > service->most)
		service->most = running;
	incoming->task_call = &call;
	call.cancelled = incoming->cancelled;
	if (request == NULL || request->method == NULL) {
		incoming->task_call = NULL;
		service->running--;
		incoming_finish(incoming, reply_item(&call, STATUS_BAD_REQUEST, NULL, 0, 0, false));
		return;
	}
	if (strcmp(request->method, "Note") == 0)
		take_note(service, &request->body);
	if (service->delay_ms > 0 && task_sleep(service->delay_ms) != STATUS_OK)
		call.cancelled = true;
	while (service->hold && !call.cancelled)
		if (task_sleep(2) != STATUS_OK)
			call.cancelled = true;
	incoming->task_call = NULL;
	if (call.cancelled) {
		incoming_finish(incoming, NULL);
	} else {
		incoming->task_call = &call;
		answer_call(&call, request);
		incoming->task_call = NULL; /* the receiver's reference is still on its way */
	}
	service->running--;
}

static inline void
service_request(void *arg, struct incoming *incoming)
{
	struct test_service *service = arg;

	service->requests++;
	incoming->mailbox = arg; /* borrowed: there is no mailbox here */
	spawn("call", call_task, incoming);
}

static inline void
service_cancel(void *arg, struct incoming *incoming)
{
	struct test_service *service = arg;

	service->cancels++;
	incoming->cancelled = true;
	if (incoming->task_call != NULL) {
		incoming->task_call->cancelled = true;
		task_cancel(incoming->task_call->task);
	}
}

static inline void
service_window(void *arg, struct incoming *incoming, uint32_t bytes)
{
	struct call *call = incoming->task_call;

	(void)arg;
	if (call == NULL)
		return;
	call->credit += bytes;
	if (call->waiter != NULL)
		wait_done(call->waiter);
	call->waiter = NULL;
}

static inline void
service_open_task(void *arg)
{
	struct test_service *service = arg;
	struct link_server_options options = {.io = service->io,
	                                      .url = service->url,
	                                      .tls = service->tls,
	                                      .actor = "test",
	                                      .max_calls = service->max_calls,
	                                      .boot_id = service->boot_id,
	                                      .budget = &service->budget,
	                                      .on_request = service_request,
	                                      .on_cancel = service_cancel,
	                                      .on_window = service_window,
	                                      .arg = service};

	service->server = link_server_open(&options, service->error, sizeof service->error);
}

static inline void
service_close_task(void *arg)
{
	struct test_service *service = arg;

	link_server_close(&service->server);
	while (service->running > 0)
		assert(task_sleep(1) == STATUS_OK);
}

/* Stops and starts listening; the worker stays. */
static inline bool
service_listen(struct test_service *service)
{
	run_task(service->io, service_open_task, service);
	return service->server != NULL;
}

static inline void
service_hush(struct test_service *service)
{
	run_task(service->io, service_close_task, service);
}

static inline void
service_start(struct test_service *service, const char *url)
{
	*service = (struct test_service){.url = url,
	                                 .tls = service->tls,
	                                 .max_calls = service->max_calls,
	                                 .note_fd = -1,
	                                 .budget = {.limit = (size_t)64 << 20}};
	if (service->max_calls == 0)
		service->max_calls = 20000;
	service->notes = calloc(NOTES, sizeof service->notes[0]);
	service->io = fixture_worker("service");
	assert(service->notes != NULL);
}

static inline void
service_end(struct test_service *service)
{
	if (service->server != NULL)
		service_hush(service);
	assert(service->budget.used == 0);
	fixture_end(service->io);
	free(service->notes);
}

/* --- in a process of its own ------------------------------------------------------------------ */

struct test_process {
	pid_t pid;
	int lifeline; /* its standard input: it ends when this is closed */
};

/* For main(): `program serve URL` is a service until its standard input ends. */
static inline int
service_main(int argc, char **argv)
{
	static struct test_service own;
	char byte;

	if (argc != 3 || strcmp(argv[1], "serve") != 0)
		return -1;
	service_start(&own, argv[2]);
	own.note_fd = STDOUT_FILENO;
	if (!service_listen(&own)) {
		fprintf(stderr, "%s\n", own.error);
		_exit(1);
	}
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	_exit(0);
}

/* Never fork(): nng's threads would not survive it. `notes` -1: thrown away. */
static inline void
process_spawn_as(struct test_process *process, const char *role, const char *url, int notes)
{
	char *argv[] = {(char *)(uintptr_t) "/proc/self/exe", (char *)(uintptr_t)role,
	                (char *)(uintptr_t)url, NULL};
	posix_spawn_file_actions_t actions;
	int in[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert(null >= 0 && pipe2(in, O_CLOEXEC) == 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, notes >= 0 ? notes : null, STDOUT_FILENO);
	assert(posix_spawn(&process->pid, argv[0], &actions, NULL, argv, environ) == 0);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(null);
	process->lifeline = in[1];
}

static inline void
process_spawn(struct test_process *process, const char *url, int notes)
{
	process_spawn_as(process, "serve", url, notes);
}

static inline void
process_kill(struct test_process *process, int signal)
{
	assert(kill(process->pid, signal) == 0);
	assert(waitpid(process->pid, NULL, 0) == process->pid);
	close(process->lifeline);
}

/* --- the calling side ------------------------------------------------------------------------ */

struct test_caller {
	struct worker *io, *worker;
	struct rpc *rpc;
	struct rpc_options options;
	char error[200];
};

static inline void
caller_open_task(void *arg)
{
	struct test_caller *caller = arg;

	caller->options.io = caller->io;
	if (caller->options.actor == NULL)
		caller->options.actor = "test";
	caller->rpc = rpc_open(&caller->options, caller->error, sizeof caller->error);
}

static inline void
caller_close_task(void *arg)
{
	struct test_caller *caller = arg;

	rpc_close(&caller->rpc);
}

static inline bool
caller_wait_up(struct test_caller *caller, unsigned replicas, unsigned limit_ms)
{
	for (unsigned i = 0; i < limit_ms / 5; i++) {
		if (rpc_replicas_up(caller->rpc) == replicas)
			return true;
		pause_ms(5);
	}
	return false;
}

static inline void
caller_start(struct test_caller *caller, const char *urls)
{
	caller->options.urls = urls;
	caller->io = fixture_worker("links");
	caller->worker = fixture_worker("caller");
	run_task(caller->io, caller_open_task, caller);
	assert(caller->rpc != NULL);
}

static inline void
caller_end(struct test_caller *caller)
{
	run_task(caller->io, caller_close_task, caller);
	fixture_end(caller->worker);
	fixture_end(caller->io);
}

static inline enum status
call_method(struct rpc *rpc, const char *method, const void *body, size_t length,
            struct reply *reply)
{
	struct rpc_request request = {.method = method, .body = body, .body_length = length};

	return rpc_call(rpc, &request, reply);
}

/* "tcp://127.0.0.1:PORT" with a port that was free a moment ago. */
static inline const char *
free_url(char url[64])
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0);
	assert(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	close(fd);
	snprintf(url, 64, "tcp://127.0.0.1:%u", ntohs(address.sin_port));
	return url;
}

#endif
