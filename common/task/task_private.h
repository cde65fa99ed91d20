/* SPDX-License-Identifier: MIT
 * What task.c, stack.c and worker.c share; included by them and by the debugger script's eyes only.
 */
#ifndef STUDYHALL_TASK_TASK_PRIVATE_H
#define STUDYHALL_TASK_TASK_PRIVATE_H

#include "common/base/ids.h"
#include "common/task/task.h"
#include "common/task/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <ucontext.h>

#define WORKER_MAGIC 0x3097c1e5u
#define TASK_MAGIC   0x7a5c0001u

/* A task's stack, with what the sanitizers and valgrind want to know of it. */
struct stack {
	void *mapping; /* the guard page and the stack */
	void *base;    /* lowest usable address */
	size_t size;
	unsigned valgrind_id;
	void *tsan_fiber;
	void *asan_fake_stack;
};

int stack_init(struct stack *stack);
/* Before another task runs on it from the top: what was left there is forgotten. */
void stack_renew(struct stack *stack);
/* Gives touched pages back to the system; the stack stays usable. */
void stack_release_pages(struct stack *stack);
/* Only those that lie below an address of the stack. */
void stack_release_below(struct stack *stack, const void *address);
void stack_fini(struct stack *stack);

enum task_state {
	TASK_IDLE,
	TASK_READY,
	TASK_RUNNING,
	TASK_PARKED
};

struct task {
	unsigned magic;
	enum task_state state;
	char name[TASK_NAME_SIZE];
	struct worker *worker;
	task_fn *fn;
	void *arg;
	struct wait *waiting; /* while parked */
	bool interruptible;   /* may deadline and cancellation end the wait? */
	bool cancelled;
	bool cold;             /* pooled, and its stack's pages are released */
	bool seen_parked;      /* at the last trim, and not run since */
	bool trimmed;          /* parked, and the pages below its frames are released */
	const void *parked_at; /* its frames are above this */
	uint64_t deadline_ms;  /* UINT64_MAX: none */
	uint64_t limit_ms;     /* of the wait in progress */
	uint64_t timer_ms;     /* what the timer is set to; UINT64_MAX: not running */
	uv_timer_t timer;
	struct arena *arena;
	size_t arena_budget;
	char trace[TRACE_SIZE];
	char traceparent[TRACE_SIZE + SPAN_SIZE + 6];
	struct task *next; /* in the ready or the idle list */
	struct task *all_next, *all_prev;
	struct stack stack;
	ucontext_t *context; /* parked: its registers, on its stack; NULL: it has not begun yet */
};

/* The tasks of one worker; only its thread touches this. */
struct scheduler {
	struct task *running;
	struct task *ready_head, *ready_tail;
	struct task *idle; /* pooled, most recently used first */
	unsigned idle_count;
	unsigned idle_low; /* the least since the list was last trimmed */
	unsigned trims;    /* calls of scheduler_trim() */
	struct task *all;  /* every task, the pooled ones too: what the debugger walks */
	ucontext_t loop_context;
	ucontext_t first_context; /* of a task that begins */
	struct stack loop_stack;  /* where the sanitizers think the loop runs */
};

struct worker {
	unsigned magic;
	const char *name;
	uv_loop_t loop;
	int wakeup_fd; /* an eventfd: see worker_post() */
	uv_poll_t wakeup;
	uv_prepare_t before_poll;
	uv_idle_t no_block; /* active while there is ready work: the poll must not block */
	uv_timer_t tick;
	pthread_t thread;
	bool has_thread;
	bool stopping;
	struct post *_Atomic inbox;           /* from other threads, last first */
	atomic_bool asleep;                   /* it polls, and nobody has woken it yet */
	struct post *local_head, *local_tail; /* from this thread */
	_Atomic uint64_t turned_ms;
	_Atomic unsigned tasks;
	struct scheduler scheduler;
	struct worker *next; /* in the list of all workers */
};

/* Runs what is ready now; what becomes ready meanwhile stays for the next turn. */
void scheduler_run(struct worker *worker);
bool scheduler_has_ready(const struct worker *worker);
/* Four times a second: releases the pages below the frames of tasks that have been parked for that
 * long, and once a second the stacks of pooled tasks that nobody has needed in it. */
void scheduler_trim(struct worker *worker);
/* Frees the pooled tasks; their timers close on the loop. */
void scheduler_fini(struct worker *worker);

#endif
