/* SPDX-License-Identifier: MIT
 *
 * Inside the HTTP server: http_server.c accepts and drains, http_connection.c keeps the states,
 * http_receive.c reads, http_reply.c writes, http_request.c answers questions. Not for others.
 */
#ifndef STUDYHALL_IO_HTTP_PRIVATE_H
#define STUDYHALL_IO_HTTP_PRIVATE_H

#include "common/base/buf.h"
#include "common/base/metrics.h"
#include "common/io/http_message.h"
#include "common/io/http_server.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <netinet/in.h>
#include <uv.h>

#define HTTP_SERVER_MAGIC     0x48535256u
#define HTTP_CONNECTION_MAGIC 0x48434f4eu
#define HTTP_REQUEST_MAGIC    0x48524551u

#define HTTP_READ_SIZE     65536
#define HTTP_PENDING_LIMIT 16384 /* of what comes early; one read may go beyond */
#define HTTP_REFUSALS      64    /* connections beyond the limit that are told so at one time */
#define HTTP_KEPT_REQUESTS 128
#define HTTP_LANES         32

/* --- http_limits.c ------------------------------------------------------------------------- */
/* clang-format off */
#define HTTP_METRICS(X)                                                                            \
	X(CONNECTIONS, GAUGE, "connections", "Open connections")                                   \
	X(ACCEPTED, COUNTER, "accepted_total", "Connections accepted")                             \
	X(REFUSED, COUNTER, "refused_total", "Connections refused: too many, or too many of one address") \
	X(REQUESTS, COUNTER, "requests_total", "Requests with a complete and correct head")        \
	X(BAD, COUNTER, "bad_requests_total", "Requests refused as malformed or too large")        \
	X(TIMEOUTS, COUNTER, "timeouts_total", "Connections ended because the client was too slow") \
	X(RECEIVED, COUNTER, "received_bytes_total", "Bytes received")                             \
	X(SENT, COUNTER, "sent_bytes_total", "Bytes sent")
/* clang-format on */
enum http_metric {
#define X(id, type, name, help) HTTP_METRIC_##id,
	HTTP_METRICS(X)
#undef X
	HTTP_METRIC_COUNT
};
void http_limits_count(struct http_limits *limits, enum http_metric metric, int64_t delta);
/* OK; OVERLOADED: too many connections; THROTTLED: too many of this address. */
enum status http_limits_admit(struct http_limits *limits, const struct sockaddr *address,
                              bool *counted);
void http_limits_leave(struct http_limits *limits, const struct sockaddr *address, bool counted);
bool http_limits_reserve(struct http_limits *limits, size_t bytes);
void http_limits_release(struct http_limits *limits, size_t bytes);

/* --- connections --------------------------------------------------------------------------- */
enum http_state {
	CONNECTION_IDLE,     /* waits for a request's first byte */
	CONNECTION_HEAD,     /* reads a head */
	CONNECTION_BODY,     /* reads a body */
	CONNECTION_TURN,     /* the request is here, and waits for a place of its lane */
	CONNECTION_HANDLING, /* a task has the request */
	CONNECTION_WRITING,  /* the client is slow to take the answer */
	CONNECTION_QUEUED,   /* the next request is here already and awaits its turn */
	CONNECTION_LINGER,   /* answered and shut; reads away what still comes, lest a RST eats the
	                      * answer
	                      */
	CONNECTION_CLOSING,
	CONNECTION_STATES,
};

union http_stream {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_tcp_t tcp;
	uv_pipe_t pipe;
};

union http_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct http_connection {
	unsigned magic;
	enum http_state state;
	bool reading; /* asked libuv for data */
	bool eof;     /* the client has closed its side */
	bool cancel_on_hangup;
	bool admitted; /* counted in the limits */
	bool counted;  /* and in its address's */
	bool closed;   /* the stream is; the task may still run */
	struct http_server *server;
	struct http_connection *prev, *next; /* in the list of its state, oldest first */
	uint64_t since_ms;                   /* in this state, or since the last progress */
	size_t progress;                     /* what there was then: body bytes, bytes to write */
	struct http_request *request;
	char *pending; /* came while a request was being answered */
	size_t pending_length;
	union http_address address;
	union http_stream uv;
};

struct http_request {
	unsigned magic;
	struct http_connection *connection;
	struct http_request *next; /* in the pool, or in its lane */
	struct http_request *prev; /* in its lane */
	unsigned lane;             /* 0: none */
	bool waiting;              /* in its lane */
	uint64_t complete_us;      /* when it began to wait */
	struct http_message message;
	bool spawned;      /* a task has it or will */
	bool held;         /* the loop is using it: http_connection_close() leaves it alone */
	struct task *task; /* running the handler */
	uint64_t started_us;
	char address[INET6_ADDRSTRLEN];
	/* head_fn's decisions */
	const char *name;
	uint32_t deadline_ms;
	size_t arena_budget;
	size_t body_limit;
	void *context;
	/* the answer */
	int status;     /* 0: none yet */
	bool failing;   /* error_fn is at work */
	bool refused;   /* the connection is beyond use: close it behind the answer */
	bool close;     /* with Connection: close */
	bool streaming; /* begun and not ended */
	bool chunked;
	bool bodiless; /* HEAD, 204, 304 */
	bool writing;  /* a uv_write is under way */
	int write_error;
	uv_write_t write;
	struct wait written;
	struct buf head;
	char *tail; /* what a reply from the loop could not send at once */
};

/* Requests that may only be worked on so many at a time; the others wait, the oldest first. */
struct http_lane {
	unsigned running;
	struct http_request *first, *last;
};

struct http_list {
	struct http_connection *first, *last;
};

struct http_server {
	unsigned magic;
	struct worker *worker;
	struct http_server_options options;
	union http_stream listener;
	uv_timer_t tick;
	struct post resume;
	bool resuming;
	bool accept_stuck; /* no memory for a connection: tried again at the next tick */
	bool draining, leaving;
	bool listening;
	unsigned handles;                       /* listener and tick, until they are closed */
	_Atomic unsigned connections, requests; /* read by any thread */
	unsigned refusals;
	void (*drained)(void *arg);
	void *drained_arg;
	struct http_list lists[CONNECTION_STATES];
	struct http_request *pool;
	unsigned pool_count;
	struct http_lane lanes[HTTP_LANES];
	char scratch[HTTP_READ_SIZE]; /* reads land here; nothing stays over a callback */
};

/* http_server.c */
void http_server_connection_gone(struct http_server *server);
void http_server_resume(struct http_server *server);

/* http_connection.c: the only writer of `state`; states, ends, time. */
void http_connection_enter(struct http_connection *connection, enum http_state state);
void http_connection_start(struct http_connection *connection, enum status admitted);
void http_connection_close(struct http_connection *connection);
/* Something has waited too long in its state. */
void http_connection_expire(struct http_connection *connection);
/* The client's side has ended, or the connection is broken. */
void http_connection_ended(struct http_connection *connection, bool broken);
/* Answers what cannot be served on this connection, from the loop, and then ends it. */
void http_connection_refuse(struct http_connection *connection, enum status status,
                            const char *detail);
/* Answers from the loop, unless that is done already; the connection may go on. */
void http_connection_answer(struct http_connection *connection, enum status status,
                            const char *detail);
/* A reply from the loop is out; the request is done with. */
void http_connection_replied(struct http_connection *connection);
void http_connection_finish(struct http_connection *connection);

/* http_receive.c: what arrives. */
void http_connection_read(struct http_connection *connection);
/* Looks at what came early. */
void http_connection_continue(struct http_connection *connection);

/* Spawns the task of a request that is complete, or refuses it because too much is going on. */
void http_connection_begin(struct http_connection *connection, bool welcome);

/* http_lane.c */
/* Takes a place; false: there is none. */
bool http_lane_enter(struct http_request *request);
/* Gives it back, if the request has one. */
void http_lane_leave(struct http_request *request);
/* Waits for one; false: that would take too long. */
bool http_lane_wait(struct http_request *request);
void http_lane_withdraw(struct http_request *request);
/* On the loop: whose turn is it? */
void http_lanes_run(struct http_server *server);

/* http_request.c */
struct http_request *http_request_take(struct http_connection *connection);
void http_request_release(struct http_request *request);
void http_request_pool_free(struct http_server *server);
void http_request_run(void *request);
bool http_request_drainable(const struct http_request *request);

/* http_reply.c */
void http_default_error(struct http_request *request, enum status status, const char *detail,
                        void *arg);
bool http_send_continue(struct http_request *request);

#endif
