/* SPDX-License-Identifier: MIT
 * A stream of messages as server-sent events, for as long as both sides want it.
 *
 * The task has no deadline. What bounds it: a service that dies is noticed by its link, a client
 * that hangs up cancels the task, one that takes nothing is dropped by the server's write timeout,
 * and a session that has ended is noticed with one of the next keep-alives. However it ends, the
 * response ends properly: a client that has seen no last event connects again. */
#include "gateway/forward.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/delimited.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/service/subtask.h"
#include "common/task/task.h"
#include "gateway/event.h"
#include "gateway/gateway.h"
#include "gateway/routes.h"
#include "gateway/sse.h"

#include <stdatomic.h>
#include <string.h>

#define EVENTS_QUIET_MS                                                                            \
	15000                 /* a comment after this much silence; how often a session is asked   \
	                       */
#define EVENTS_VERIFY_MS 5000 /* for asking */
#define EVENTS_RETRY_MS  2000
#define EVENTS_LIMIT     ((size_t)64 << 20) /* of what one piece becomes */

/* Streams of one learner, who may hold a share of this process's connections. Two learners in one
 * place share that share. */
#define EVENTS_LEARNERS 4096
#define EVENTS_SHARE    4
static _Atomic unsigned events_held[EVENTS_LEARNERS];

static struct metric *events_open;

struct events {
	struct forward *f;
	struct task *task;
	struct events *next, *previous;
	struct rpc_stream *stream;
	struct delimited messages;
	struct buf out;
	uint64_t comment_ms, verify_ms; /* when the next one is due */
};

/* Streams that a drain ends, for the client goes on with them elsewhere. */
static _Thread_local struct {
	struct events *first;
	bool ending;
} events_of_thread;

struct events_question {
	struct forward *f;
	enum status status;
};

static void
events_verify_task(void *arg)
{
	struct events_question *question = arg;
	question->status = session_verify(question->f->gateway, &question->f->session);
}

/* In a task of its own, which has a deadline, and an arena that does not grow. */
enum status
forward_verify_events(struct forward *f)
{
	struct events_question question = {f, STATUS_DEADLINE};
	enum status status = subtask_run("verify", EVENTS_VERIFY_MS, events_verify_task, &question);
	return status == STATUS_OK ? question.status : status;
}

static enum status
events_take(struct events *events, const void *bytes, size_t length)
{
	const void *message;
	if (!delimited_feed(&events->messages, bytes, length))
		return STATUS_OVERLOADED;
	for (;;) {
		int next = delimited_next(&events->messages, &message, &length);
		if (next == 0)
			return STATUS_OK;
		enum status status = next < 0 ? STATUS_INTERNAL
		                              : event_put(&events->out, events->f->route->events,
		                                          message, length, events->f->answer.trace);
		if (status != STATUS_OK)
			return status;
	}
}

/* What time asks for. A service that cannot be asked about the session is no reason to end. */
static enum status
events_tick(struct events *events, uint64_t now_ms)
{
	if (now_ms >= events->verify_ms) {
		events->verify_ms = now_ms + events->f->gateway->quiet_ms;
		enum status status = forward_verify_events(events->f);
		if (status == STATUS_UNAUTHENTICATED || status == STATUS_CANCELLED)
			return status;
	}
	if (now_ms >= events->comment_ms)
		sse_put_comment(&events->out);
	return STATUS_OK;
}

static enum status
events_write(struct events *events)
{
	struct buf *out = &events->out;
	if (out->length == 0)
		return STATUS_OK;
	enum status status = http_reply_write(events->f->request, out->bytes, out->length);
	events->comment_ms = clock_ms() + events->f->gateway->quiet_ms;
	buf_fini(out); /* the next event may take long, and many wait */
	return status;
}

/* Until the stream ends. Not OK: why it ended early. */
static enum status
events_pass(struct events *events)
{
	for (;;) {
		const void *bytes;
		size_t length;
		uint64_t due =
		    events->comment_ms < events->verify_ms ? events->comment_ms : events->verify_ms;
		enum status status = rpc_stream_read(events->stream, due, &bytes, &length);
		if (status == STATUS_OK && length == 0)
			return STATUS_OK;
		if (status == STATUS_OK)
			status = events_take(events, bytes, length);
		else if (status == STATUS_DEADLINE)
			status = STATUS_OK;
		if (status == STATUS_OK && clock_ms() >= due)
			status = events_tick(events, clock_ms());
		if (status == STATUS_OK)
			status = events_write(events);
		if (status != STATUS_OK)
			return status;
	}
}

/* Cutting off the stream of a POST would cancel what it asked for. */
static bool
events_resumable(const struct forward *f)
{
	return f->route->answer == ROUTE_ANSWER_EVENTS;
}

static void
events_link(struct events *events)
{
	events->task = task_self();
	events->next = events_of_thread.first;
	if (events->next != NULL)
		events->next->previous = events;
	events_of_thread.first = events;
}

static void
events_unlink(struct events *events)
{
	if (events->previous != NULL)
		events->previous->next = events->next;
	else
		events_of_thread.first = events->next;
	if (events->next != NULL)
		events->next->previous = events->previous;
}

void
forward_events_end(void)
{
	events_of_thread.ending = true;
	for (struct events *events = events_of_thread.first; events != NULL; events = events->next)
		task_cancel(events->task);
}

static void
events_send(struct events *events)
{
	struct forward *f = events->f;
	forward_put_headers(f);
	answer_header(&f->answer, "Content-Type", "text/event-stream");
	answer_header(&f->answer, "X-Accel-Buffering", "no");
	answer_timing(&f->answer);
	enum status status = http_reply_begin(f->request, 200, f->answer.headers, f->answer.count);
	if (status == STATUS_OK && strcmp(http_request_method(f->request), "HEAD") != 0 &&
	    !(events_of_thread.ending && events_resumable(f))) {
		events->comment_ms = events->verify_ms = clock_ms() + events->f->gateway->quiet_ms;
		sse_put_retry(&events->out, EVENTS_RETRY_MS);
		status = events_write(events);
		if (status == STATUS_OK)
			status = events_pass(events);
	}
	if (http_request_replied(f->request) == 200)
		(void)http_reply_end(f->request);
	if (status != STATUS_OK && status != STATUS_CANCELLED)
		LOG_INFO("an event stream ended early", LOG_TEXT("method", f->route->rpc_name),
		         LOG_TEXT("status", status_slug(status)));
}

static void
events_run(struct events *events)
{
	bool is_resumable = events_resumable(events->f);
	metric_add(events_open, 1);
	delimited_init(&events->messages, MESSAGE_MAX_BODY);
	buf_init(&events->out, EVENTS_LIMIT);
	if (is_resumable)
		events_link(events);
	events_send(events);
	if (is_resumable)
		events_unlink(events);
	delimited_fini(&events->messages);
	buf_fini(&events->out);
	metric_add(events_open, -1);
}

/* Opens the stream and passes it on; false when the service answered plainly. */
static bool
events_forward(struct forward *f, struct rpc_request *request)
{
	struct events events = {.f = f};
	request->answer_by_ms = clock_ms() + f->route->deadline_ms;
	http_request_cancel_on_hangup(f->request, true);
	f->reply.status = rpc_stream_open(f->gateway->rpcs[f->route->actor_index], request,
	                                  &f->reply, &events.stream);
	if (events.stream != NULL) {
		f->is_stream = true;
		events_run(&events);
		rpc_stream_close(&events.stream);
	}
	http_request_cancel_on_hangup(f->request, false);
	return f->is_stream;
}

static _Atomic unsigned *
events_held_by(const char *user)
{
	uint32_t hash = 2166136261u; /* FNV-1a; ids are random */
	for (; *user != '\0'; user++)
		hash = (hash ^ (uint8_t)*user) * 16777619u;
	return &events_held[hash % EVENTS_LEARNERS];
}

void
forward_events(struct forward *f, struct rpc_request *request)
{
	_Atomic unsigned *held = events_held_by(f->session.identity.user);
	unsigned share = (unsigned)f->gateway->max_connections / EVENTS_SHARE;
	bool is_plain = false;
	if (atomic_fetch_add(held, 1) >= (share > 0 ? share : 1))
		forward_refuse(f, STATUS_THROTTLED, "too many streams of events at once");
	else
		is_plain = !events_forward(f, request);
	atomic_fetch_sub(held, 1);
	if (is_plain && f->reply.status == STATUS_OK && f->reply.outcome != OUTCOME_NO_CONTENT &&
	    f->route->answer == ROUTE_ANSWER_EVENTS)
		forward_refuse(f, STATUS_INTERNAL, NULL);
	else if (is_plain)
		forward_answer(f);
}

int
forward_events_init(void)
{
	events_open = metric_new(METRIC_GAUGE, "studyhall_gateway_event_streams",
	                         "Streams of server-sent events that are open", NULL);
	return events_open == NULL ? -1 : 0;
}
