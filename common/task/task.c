/* SPDX-License-Identifier: MIT
 * Green tasks on ucontext: a task switches to its worker's loop when it waits and is switched back
 * to, from scheduler_run(), once what it waited for has happened.
 *
 * Nothing ever switches into a task from the middle of a callback: wait_done() only puts it on the
 * ready list, and the loop runs that list before it polls. So a callback may complete a wait while
 * its library (curl, hiredis) is still busy further up the stack. */
#include "common/task/task_private.h"

#include "common/base/clock.h"
#include "common/base/obj.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define TASK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TASK_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define TASK_TSAN 1
#endif
#endif
#ifdef TASK_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef TASK_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#define TASK_KEEP_WARM  32   /* pooled tasks that keep their touched stack pages */
#define TASK_KEEP       256  /* pooled tasks altogether */
#define TASK_LEAVING    128  /* bytes that the switch itself needs of the stack it leaves */
#define TASK_TRIMS      1024 /* parked tasks trimmed at a time: about a millisecond */
#define TASK_TRIMS_IDLE 4    /* the idle ones are looked at every so many times */

/* --- switching ---------------------------------------------------------------------------- */

/* `fake` is where AddressSanitizer keeps what it must restore when we come back to the stack we
 * leave; NULL when we never will. */
static void
task_switch(ucontext_t *from, ucontext_t *to, struct stack *to_stack, void **fake)
{
#ifdef TASK_ASAN
	__sanitizer_start_switch_fiber(fake, to_stack->base, to_stack->size);
#endif
#ifdef TASK_TSAN
	__tsan_switch_to_fiber(to_stack->tsan_fiber, 0);
#endif
	(void)to_stack;
	(void)fake;
	if (swapcontext(from, to) != 0)
		abort();
}

/* The first thing after arriving on a stack. Tells whose stack we came from, when asked. */
static void
task_arrived(void *fake, struct stack *came_from)
{
#ifdef TASK_ASAN
	const void *base = NULL;
	size_t size = 0;

	__sanitizer_finish_switch_fiber(fake, &base, &size);
	if (came_from != NULL) {
		came_from->base = (void *)(uintptr_t)base;
		came_from->size = size;
	}
#else
	(void)fake;
	(void)came_from;
#endif
}

static void task_main(void);

/* Not inlined: getcontext() returns twice as far as the compiler knows. */
static __attribute__((noinline)) ucontext_t *
task_begin(struct scheduler *scheduler, struct task *task)
{
	ucontext_t *context = &scheduler->first_context;

	if (getcontext(context) != 0)
		abort();
	context->uc_stack.ss_sp = task->stack.base;
	context->uc_stack.ss_size = task->stack.size;
	context->uc_link = NULL;
	makecontext(context, task_main, 0);
	return context;
}

static void
task_enter(struct worker *worker, struct task *task)
{
	struct scheduler *scheduler = &worker->scheduler;
	ucontext_t *context = task->context;

	if (context == NULL)
		context = task_begin(scheduler, task);
	task->state = TASK_RUNNING;
	task->seen_parked = task->trimmed = false;
	scheduler->running = task;
#ifdef TASK_TSAN
	scheduler->loop_stack.tsan_fiber = __tsan_get_current_fiber();
#endif
	task_switch(&scheduler->loop_context, context, &task->stack,
	            &scheduler->loop_stack.asan_fake_stack);
	task_arrived(scheduler->loop_stack.asan_fake_stack, NULL);
	scheduler->running = NULL;
}

/* The registers stay on the stack, whose last page has room for them as a rule; in the task they
 * would be a kilobyte of their own. */
static __attribute__((noinline)) void
task_leave(struct task *task)
{
	struct scheduler *scheduler = &task->worker->scheduler;
	ucontext_t here;

	task->parked_at = (char *)__builtin_alloca(1) - TASK_LEAVING; /* below all of the frame */
	/* AddressSanitizer forgets what it knew of this stack whenever the loop is back, by these.
	 */
	here.uc_stack = (stack_t){.ss_sp = task->stack.base, .ss_size = task->stack.size};
	task->context = &here;
	task_switch(&here, &scheduler->loop_context, &scheduler->loop_stack,
	            task->state == TASK_IDLE ? NULL : &task->stack.asan_fake_stack);
	task->context = NULL;
	task_arrived(task->stack.asan_fake_stack, NULL);
}

static void
task_main(void)
{
	struct worker *worker = worker_current();
	struct task *task = worker->scheduler.running;

	task_arrived(NULL, &worker->scheduler.loop_stack);
	task->fn(task->arg);
	arena_reset(task->arena);
	task->state = TASK_IDLE;
	task_leave(task);
	abort(); /* an ended task is never entered again */
}

/* --- the ready list and the pool ------------------------------------------------------------ */

static void
task_ready(struct task *task)
{
	struct scheduler *scheduler = &task->worker->scheduler;

	assert(task->state == TASK_PARKED || task->state == TASK_IDLE);
	task->state = TASK_READY;
	task->next = NULL;
	if (scheduler->ready_tail != NULL)
		scheduler->ready_tail->next = task;
	else
		scheduler->ready_head = task;
	scheduler->ready_tail = task;
}

static void
task_closed_cb(uv_handle_t *handle)
{
	OBJ_CAST(struct task, task, handle->data, TASK_MAGIC);
	OBJ_FINI(task);
	arena_free(&task->arena);
	stack_fini(&task->stack);
	free(task);
}

static void
task_destroy(struct task *task)
{
	struct scheduler *scheduler = &task->worker->scheduler;

	if (task->all_prev != NULL)
		task->all_prev->all_next = task->all_next;
	else
		scheduler->all = task->all_next;
	if (task->all_next != NULL)
		task->all_next->all_prev = task->all_prev;
	uv_close((uv_handle_t *)&task->timer, task_closed_cb);
}

static void
task_put_back(struct task *task)
{
	struct scheduler *scheduler = &task->worker->scheduler;

	task->next = scheduler->idle;
	scheduler->idle = task;
	scheduler->idle_count++;
}

static void
task_recycle(struct task *task)
{
	struct scheduler *scheduler = &task->worker->scheduler;

	uv_timer_stop(&task->timer);
	atomic_fetch_sub_explicit(&task->worker->tasks, 1, memory_order_relaxed);
	if (scheduler->idle_count >= TASK_KEEP) {
		task_destroy(task);
		return;
	}
	task_put_back(task);
}

/* A task that waits for long, for a job or the next event, keeps what its frames need and not what
 * it once touched. */
static void
scheduler_trim_parked(struct scheduler *scheduler)
{
	unsigned trims = 0;

	for (struct task *task = scheduler->all; task != NULL; task = task->all_next) {
		if (task->state != TASK_PARKED || task->trimmed)
			continue;
		if (task->seen_parked && trims++ < TASK_TRIMS) {
			stack_release_below(&task->stack, task->parked_at);
			task->trimmed = true;
		}
		task->seen_parked = true;
	}
}

/* The idle list is a stack, so what lay below its lowest level since the last call was not needed
 * in all that time. Releasing at the end of each task would fault the pages in again for the next:
 * a tenth of a busy service's time. */
static void
scheduler_trim_idle(struct scheduler *scheduler)
{
	unsigned keep = scheduler->idle_count - scheduler->idle_low, above = 0;

	if (keep < TASK_KEEP_WARM)
		keep = TASK_KEEP_WARM;
	for (struct task *task = scheduler->idle; task != NULL; task = task->next)
		if (above++ >= keep && !task->cold) {
			stack_release_pages(&task->stack);
			task->cold = true;
		}
	scheduler->idle_low = scheduler->idle_count;
}

void
scheduler_trim(struct worker *worker)
{
	struct scheduler *scheduler = &worker->scheduler;

	if (++scheduler->trims % TASK_TRIMS_IDLE == 0)
		scheduler_trim_idle(scheduler);
	scheduler_trim_parked(scheduler);
}

bool
scheduler_has_ready(const struct worker *worker)
{
	return worker->scheduler.ready_head != NULL;
}

void
scheduler_run(struct worker *worker)
{
	struct scheduler *scheduler = &worker->scheduler;
	struct task *task = scheduler->ready_head;

	scheduler->ready_head = scheduler->ready_tail = NULL;
	while (task != NULL) {
		struct task *next = task->next;

		task_enter(worker, task);
		if (task->state == TASK_IDLE)
			task_recycle(task);
		task = next;
	}
}

void
scheduler_fini(struct worker *worker)
{
	while (worker->scheduler.all != NULL)
		task_destroy(worker->scheduler.all);
	worker->scheduler.idle = NULL;
}

/* --- spawning ------------------------------------------------------------------------------- */

static struct task *
task_new(struct worker *worker)
{
	struct scheduler *scheduler = &worker->scheduler;
	struct task *task = calloc(1, sizeof *task);

	if (task == NULL)
		return NULL;
	if (stack_init(&task->stack) != 0)
		goto fail;
	if (uv_timer_init(&worker->loop, &task->timer) != 0)
		goto fail;
	OBJ_INIT(task, TASK_MAGIC);
	task->timer.data = task;
	task->worker = worker;
	task->all_next = scheduler->all;
	if (scheduler->all != NULL)
		scheduler->all->all_prev = task;
	scheduler->all = task;
	return task;
fail:
	stack_fini(&task->stack);
	free(task);
	return NULL;
}

static struct task *
task_take(struct worker *worker)
{
	struct scheduler *scheduler = &worker->scheduler;
	struct task *task = scheduler->idle;

	if (task == NULL)
		return task_new(worker);
	scheduler->idle = task->next;
	if (--scheduler->idle_count < scheduler->idle_low)
		scheduler->idle_low = scheduler->idle_count;
	task->cold = false;
	return task;
}

/* A pooled task keeps its arena, unless the next one wants another budget. 0, or -1 without memory.
 */
static int
task_give_arena(struct task *task, size_t budget)
{
	if (budget == 0)
		budget = TASK_ARENA_BUDGET;
	if (task->arena != NULL && task->arena_budget == budget)
		return 0;
	arena_free(&task->arena);
	task->arena = arena_new(budget);
	task->arena_budget = budget;
	return task->arena != NULL ? 0 : -1;
}

/* "00-" 32 hex "-" 16 hex "-" 2 hex, as the gateway or rpc made sure; else a trace of our own. */
static void
task_set_trace(struct task *task, const char *traceparent)
{
	char span[SPAN_SIZE];

	if (traceparent != NULL && strlen(traceparent) == TASK_TRACEPARENT_LENGTH) {
		memcpy(task->trace, traceparent + 3, TRACE_SIZE - 1);
		task->trace[TRACE_SIZE - 1] = '\0';
	} else {
		ids_trace(task->trace);
	}
	ids_span(span);
	snprintf(task->traceparent, sizeof task->traceparent, "00-%s-%s-01", task->trace, span);
}

enum status
task_spawn(const struct task_options *options, task_fn *fn, void *arg)
{
	struct worker *worker = worker_current();
	struct task *task;

	assert(worker != NULL);
	task = task_take(worker);
	if (task == NULL)
		return STATUS_OVERLOADED;
	if (task_give_arena(task, options->arena_budget) != 0) {
		task_put_back(task);
		return STATUS_OVERLOADED;
	}
	snprintf(task->name, sizeof task->name, "%s", options->name);
	task_set_trace(task, options->traceparent);
	task->fn = fn;
	task->arg = arg;
	task->cancelled = false;
	task->waiting = NULL;
	task->deadline_ms = options->deadline_ms != 0 ? options->deadline_ms : UINT64_MAX;
	task->timer_ms = UINT64_MAX;
	atomic_fetch_add_explicit(&worker->tasks, 1, memory_order_relaxed);
	task->context = NULL;
	stack_renew(&task->stack);
	task_ready(task);
	return STATUS_OK;
}

/* --- waiting -------------------------------------------------------------------------------- */

static enum status
task_interrupted(const struct task *task)
{
	if (task->cancelled)
		return STATUS_CANCELLED;
	if (task->deadline_ms != UINT64_MAX && clock_ms() >= task->deadline_ms)
		return STATUS_DEADLINE;
	return STATUS_OK;
}

/* Ends the wait in progress before its thing has happened. */
static void
task_interrupt(struct task *task)
{
	if (task->state != TASK_PARKED || !task->interruptible)
		return;
	task->waiting->task = NULL;
	task->waiting = NULL;
	task_ready(task);
}

static void task_timer_cb(uv_timer_t *timer);

/* The timer is left running between waits with the same limit, which is nearly all of them. */
static void
task_arm(struct task *task, uint64_t limit_ms)
{
	uint64_t now = clock_ms();

	task->limit_ms = limit_ms;
	if (limit_ms == UINT64_MAX || limit_ms == task->timer_ms)
		return;
	uv_update_time(&task->worker->loop);
	uv_timer_start(&task->timer, task_timer_cb, limit_ms > now ? limit_ms - now : 0, 0);
	task->timer_ms = limit_ms;
}

/* The loop counts whole milliseconds of its own, so its timer may be one early by our clock. */
static void
task_timer_cb(uv_timer_t *timer)
{
	OBJ_CAST(struct task, task, timer->data, TASK_MAGIC);

	task->timer_ms = UINT64_MAX;
	if (task->state != TASK_PARKED || !task->interruptible)
		return;
	if (clock_ms() >= task->limit_ms)
		task_interrupt(task);
	else
		task_arm(task, task->limit_ms);
}

static enum status
task_park(struct wait *wait, uint64_t limit_ms, bool interruptible)
{
	struct task *task = task_self();
	enum status status;

	assert(task != NULL);
	if (wait->done)
		return STATUS_OK;
	if (interruptible) {
		status = task_interrupted(task);
		if (status != STATUS_OK)
			return status;
		if (limit_ms > task->deadline_ms)
			limit_ms = task->deadline_ms;
		task_arm(task, limit_ms);
	}
	task->interruptible = interruptible;
	task->waiting = wait;
	task->state = TASK_PARKED;
	wait->task = task;
	task_leave(task);
	if (wait->done)
		return STATUS_OK;
	return task->cancelled ? STATUS_CANCELLED : STATUS_DEADLINE;
}

void
wait_init(struct wait *wait)
{
	*wait = (struct wait){0};
}

void
wait_done(struct wait *wait)
{
	struct task *task = wait->task;

	assert(!wait->done);
	wait->done = true;
	if (task == NULL)
		return;
	OBJ_CHECK(task, TASK_MAGIC);
	assert(worker_current() == task->worker && task->waiting == wait);
	wait->task = NULL;
	task->waiting = NULL;
	task_ready(task);
}

enum status
wait_for(struct wait *wait)
{
	return task_park(wait, UINT64_MAX, true);
}

enum status
wait_until(struct wait *wait, uint64_t deadline_ms)
{
	return task_park(wait, deadline_ms, true);
}

void
wait_uninterrupted(struct wait *wait)
{
	(void)task_park(wait, UINT64_MAX, false);
}

enum status
task_sleep(uint32_t milliseconds)
{
	struct wait never;
	uint64_t until = clock_ms() + milliseconds;
	enum status status;

	wait_init(&never);
	status = wait_until(&never, until);
	if (status == STATUS_DEADLINE && task_interrupted(task_self()) == STATUS_OK)
		return STATUS_OK;
	return status;
}

enum status
task_yield(void)
{
	struct task *task = task_self();

	assert(task != NULL);
	task->state = TASK_PARKED;
	task_ready(task);
	task_leave(task);
	return task_interrupted(task);
}

/* --- the running task ----------------------------------------------------------------------- */

struct task *
task_self(void)
{
	struct worker *worker = worker_current();

	return worker != NULL ? worker->scheduler.running : NULL;
}

void
task_cancel(struct task *task)
{
	OBJ_CHECK(task, TASK_MAGIC);
	assert(worker_current() == task->worker);
	task->cancelled = true;
	task_interrupt(task);
}

bool
task_cancelled(void)
{
	return task_self()->cancelled;
}

uint64_t
task_deadline(void)
{
	return task_self()->deadline_ms;
}

uint32_t
task_time_left(void)
{
	uint64_t deadline = task_self()->deadline_ms;
	uint64_t now = clock_ms();

	if (deadline == UINT64_MAX)
		return UINT32_MAX;
	if (deadline <= now)
		return 0;
	return deadline - now < UINT32_MAX ? (uint32_t)(deadline - now) : UINT32_MAX - 1;
}

void
task_limit(uint64_t deadline_ms)
{
	struct task *task = task_self();

	if (deadline_ms < task->deadline_ms)
		task->deadline_ms = deadline_ms;
}

void
task_describe(const char *name, const char *traceparent)
{
	struct task *task = task_self();

	snprintf(task->name, sizeof task->name, "%s", name);
	if (traceparent != NULL)
		task_set_trace(task, traceparent);
}

struct arena *
task_arena(void)
{
	return task_self()->arena;
}

struct arena *
task_swap_arena(struct arena *arena)
{
	struct task *task = task_self();
	struct arena *before = task->arena;

	assert(arena != NULL);
	task->arena = arena;
	return before;
}

const char *
task_traceparent(void)
{
	struct task *task = task_self();

	return task != NULL ? task->traceparent : "";
}

const char *
task_trace(void)
{
	struct task *task = task_self();

	return task != NULL ? task->trace : "";
}
