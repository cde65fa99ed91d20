/* SPDX-License-Identifier: MIT
 * Stacks for tasks: mapped with a guard page below, so that an overflow is a clean SIGSEGV. */
#include "common/task/task_private.h"

#include <sys/mman.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id)       (void)(id)
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define STACK_TSAN 1
#endif
#endif

#define STACK_SIZE ((size_t)256 << 10)

int
stack_init(struct stack *stack)
{
	size_t guard = (size_t)sysconf(_SC_PAGESIZE);
	char *mapping = mmap(NULL, STACK_SIZE + guard, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (mapping == MAP_FAILED)
		return -1;
	if (mprotect(mapping, guard, PROT_NONE) != 0) {
		munmap(mapping, STACK_SIZE + guard);
		return -1;
	}
	*stack = (struct stack){.mapping = mapping, .base = mapping + guard, .size = STACK_SIZE};
	stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->base, mapping + guard + STACK_SIZE);
#ifdef STACK_TSAN
	stack->tsan_fiber = __tsan_create_fiber(0);
#endif
	return 0;
}

/* A task ends without returning from its first function: to the thread sanitizer its fiber's calls
 * go ever deeper, until the shadow stack is full. */
void
stack_renew(struct stack *stack)
{
#ifdef STACK_TSAN
	__tsan_destroy_fiber(stack->tsan_fiber);
	stack->tsan_fiber = __tsan_create_fiber(0);
#endif
	(void)stack;
}

void
stack_release_pages(struct stack *stack)
{
	(void)madvise(stack->base, stack->size, MADV_DONTNEED);
}

void
stack_release_below(struct stack *stack, const void *address)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t length = (size_t)((const char *)address - (char *)stack->base) / page * page;

	if (length > 0)
		(void)madvise(stack->base, length, MADV_DONTNEED);
}

void
stack_fini(struct stack *stack)
{
	if (stack->mapping == NULL)
		return;
#ifdef STACK_TSAN
	__tsan_destroy_fiber(stack->tsan_fiber);
#endif
	VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
	munmap(stack->mapping, stack->size + (size_t)sysconf(_SC_PAGESIZE));
	*stack = (struct stack){0};
}
